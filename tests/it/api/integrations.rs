//! Integrations over the API: settings, secrets, addresses.

use crate::api::hub::TestHub;
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

const SECRET: &str = "app.4711.very-secret-key";

#[tokio::test]
async fn an_integration_answers_with_its_settings_and_addresses() {
    let hub = TestHub::start().await;
    let employee = hub.post("employees", json!({"name": "Olga"})).await["id"].clone();
    let tag = hub.post("tags", json!({"name": "chat"})).await["id"].clone();
    let source = hub.post("sources", json!({"name": "Telegram"})).await["id"].clone();
    let site = hub.made.site_id;
    let target = json!({"source_id": source, "site_id": site});
    let settings = json!({
        "employee_id": employee, "default_target": target,
        "messengers": [{"channel": "telegram", "source_id": source, "site_id": site}],
        "ignore_visit": true, "tag_ids": [tag], "offline_leads": true, "silence_minutes": 20,
        "operators": [{"operator": "p.orlov@example.org", "employee_id": employee}],
        "secret_key": SECRET, "timezone": "Asia/Omsk", "rest_token": "r-1",
    });
    let new = json!({"provider": "talkme", "site_id": site, "name": "Main", "active": true, "settings": settings});
    let made = hub.post("integrations", new.clone()).await;
    let mut shown = settings;
    shown["secret_key"] = "***".into();
    shown["rest_token"] = "***".into();
    assert_eq!(made["settings"], shown);
    for field in ["provider", "site_id", "name", "active"] {
        assert_eq!(made[field], new[field]);
    }
    let base = format!("http://{}/in/talkme/", hub.running.address);
    let chats = made["addresses"]["chats"].as_str().unwrap();
    assert!(
        chats.starts_with(&base) && chats.len() >= base.len() + 26,
        "{chats}"
    );
    assert_eq!(made["addresses"]["leads"], format!("{chats}/leads"));
    assert_eq!(hub.get(&format!("integrations/{}", made["id"])).await, made);
    assert_eq!(hub.items("integrations").await, [made]);
}

#[tokio::test]
async fn the_address_for_leads_is_there_only_while_it_is_open() {
    let hub = TestHub::start().await;
    let made = hub.integration("talkme", json!({})).await;
    assert_eq!(made["addresses"]["leads"], Value::Null);
    let path = format!("integrations/{}", made["id"]);
    let changed = hub
        .patch(&path, json!({"settings": {"offline_leads": true}}))
        .await;
    assert!(changed["addresses"]["leads"].is_string());
    let jivosite = hub.integration("jivosite", json!({})).await;
    let chats = jivosite["addresses"]["chats"].as_str().unwrap();
    assert_eq!(
        jivosite["addresses"]["channels"]["telegram"],
        format!("{chats}/telegram")
    );
}

#[tokio::test]
async fn every_wrong_setting_is_named_and_nothing_is_stored() {
    let hub = TestHub::start().await;
    let settings = json!({"api_kay": "x", "tag_ids": [9], "default_target": {"campaign_id": 9},
        "api_base": "nowhere", "silence_minutes": -1});
    let new = json!({"provider": "carrotquest", "settings": settings});
    let answer = hub.call(Method::POST, "integrations", new).await;
    answer.assert_problem(422, "invalid");
    assert_eq!(
        answer.wrong_fields(),
        [
            "settings.api_kay",
            "settings.default_target.campaign_id",
            "settings.tag_ids[0]",
            "settings.silence_minutes",
            "settings.api_key",
            "settings.api_base"
        ]
    );
    let answer = hub
        .call(Method::POST, "integrations", json!({"provider": "unknown"}))
        .await;
    assert_eq!(answer.wrong_fields(), ["provider"]);
    assert!(hub.items("integrations").await.is_empty());
}

#[tokio::test]
async fn a_secret_is_sealed_on_disk_and_stays_when_its_mask_is_sent_back() {
    let hub = TestHub::start().await;
    let made = hub
        .integration("carrotquest", json!({"api_key": SECRET}))
        .await;
    let id = made["id"].as_i64().unwrap();
    let path = format!("integrations/{id}");
    let secret = async || {
        let setup = hub
            .running
            .hub
            .setups
            .of(hub.made.workspace_id)
            .await
            .unwrap();
        let integration = setup.integration(skvoz::model::IntegrationId(id)).unwrap();
        integration.settings.own_text("api_key").map(str::to_string)
    };
    assert_eq!(secret().await.as_deref(), Some(SECRET));
    for file in std::fs::read_dir(hub.data.path()).unwrap() {
        let path = file.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        let is_there = bytes
            .windows(SECRET.len())
            .any(|part| part == SECRET.as_bytes());
        assert!(!is_there, "the secret stands in {}", path.display());
    }
    // The whole answer goes back, as a form would send it.
    let put = hub.call(Method::PUT, &path, made.clone()).await;
    assert_eq!(put.body, made);
    assert_eq!(secret().await.as_deref(), Some(SECRET));
    hub.patch(&path, json!({"settings": {"api_key": "another"}}))
        .await;
    assert_eq!(secret().await.as_deref(), Some("another"));
    let emptied = json!({"settings": {"api_key": null}});
    hub.call(Method::PATCH, &path, emptied.clone())
        .await
        .assert_problem(422, "invalid");
    hub.patch(
        &path,
        json!({"active": false, "settings": {"api_key": null}}),
    )
    .await;
    assert_eq!(secret().await, None);
    let answer = hub
        .call(Method::PATCH, &path, json!({"active": true}))
        .await;
    assert_eq!(answer.wrong_fields(), ["settings.api_key"]);
}

#[tokio::test]
async fn a_patch_changes_the_given_settings_and_a_put_all_of_them() {
    let hub = TestHub::start().await;
    let made = hub
        .integration(
            "jivosite",
            json!({"ignore_visit": true, "token_mode": "share"}),
        )
        .await;
    let path = format!("integrations/{}", made["id"]);
    let patched = hub
        .patch(
            &path,
            json!({"settings": {"silence_minutes": 7}, "site_id": null}),
        )
        .await;
    assert_eq!(patched["settings"]["ignore_visit"], true);
    assert_eq!(patched["settings"]["token_mode"], "share");
    assert_eq!(patched["settings"]["silence_minutes"], 7);
    assert_eq!(patched["site_id"], Value::Null);
    let put = hub
        .call(
            Method::PUT,
            &path,
            json!({"settings": {"silence_minutes": 8}}),
        )
        .await;
    assert_eq!(put.body["settings"]["ignore_visit"], false);
    assert_eq!(put.body["settings"]["token_mode"], Value::Null);
    let answer = hub
        .call(Method::PATCH, &path, json!({"provider": "talkme"}))
        .await;
    assert_eq!(answer.wrong_fields(), ["provider"]);
}

#[tokio::test]
async fn old_and_new_addresses_work_until_the_overlap_ends() {
    let hub = TestHub::start().await;
    let made = hub.integration("jivosite", json!({})).await;
    let old = made["addresses"]["chats"].clone();
    let path = format!("integrations/{}/rotate-token", made["id"]);
    let rotated = hub.post(&path, Value::Null).await;
    let new = rotated["addresses"]["chats"].clone();
    assert_ne!(old, new);
    assert_eq!(rotated["old_addresses_until"], "2026-08-13T09:00:00Z");
    assert_eq!(hub.webhook(&old, "{}").await, 200);
    assert_eq!(hub.webhook(&new, "{}").await, 200);
    hub.clock.advance(Duration::from_secs(7 * 86_400 + 1));
    // Whose an address is, is remembered for two seconds.
    hub.until("the old address is gone", async || {
        hub.webhook(&old, "{}").await == 404
    })
    .await;
    assert_eq!(hub.webhook(&new, "{}").await, 200);
    let read = hub.get(&format!("integrations/{}", made["id"])).await;
    assert_eq!(read["old_addresses_until"], Value::Null);
}

#[tokio::test]
async fn addresses_of_a_removed_integration_are_gone_and_of_a_switched_off_one_keep() {
    let hub = TestHub::start().await;
    let made = hub.integration("jivosite", json!({})).await;
    let address = &made["addresses"]["chats"];
    let path = format!("integrations/{}", made["id"]);
    assert_eq!(hub.webhook(address, "{}").await, 200);
    hub.patch(&path, json!({"active": false})).await;
    assert_eq!(
        hub.webhook(
            address,
            crate::api::samples::jivosite_chat(1, None, "89035550142")
        )
        .await,
        200
    );
    hub.settle().await;
    let kept = hub.items("raw-events?reason=switched_off").await;
    assert_eq!(kept.len(), 1);
    assert!(hub.items("communications").await.is_empty());
    assert_eq!(
        hub.call(Method::DELETE, &path, Value::Null).await.status,
        204
    );
    assert_eq!(hub.webhook(address, "{}").await, 404);
}

#[tokio::test]
async fn a_mapping_is_tried_on_a_stored_raw_event_and_changes_nothing() {
    let hub = TestHub::start().await;
    let made = hub.integration("leadback", json!({})).await;
    let id = &made["id"];
    hub.webhook(
        &made["addresses"]["chats"],
        r#"{"telefon": "89035550142", "who": "Irina"}"#,
    )
    .await;
    hub.settle().await;
    let raw = hub.items("raw-events").await[0]["id"].clone();
    let path = format!("integrations/{id}/preview-mapping");
    let settings = json!({"field_map": {"phone": ["telefon"], "name": ["who"]}});
    let preview = hub
        .post(&path, json!({"raw_event_id": raw, "settings": settings}))
        .await;
    assert_eq!(preview["set_aside"], Value::Null, "{preview}");
    assert_eq!(
        preview["events"][0]["contact"]["phones"],
        json!(["+79035550142"])
    );
    assert_eq!(preview["events"][0]["contact"]["name"], "Irina");
    assert_eq!(
        hub.get(&format!("integrations/{id}")).await["settings"],
        made["settings"]
    );
}
