//! From a visit and a webhook to a communication, as programs read it.

use crate::api::hub::TestHub;
use crate::api::samples::{VISIT, VISITOR, jivosite_chat, page_view};
use reqwest::Method;
use serde_json::{Value, json};

/// A hub with a campaign, a visit of it and a chat that came from that visit.
async fn hub_with_a_chat() -> (TestHub, Value) {
    let hub = TestHub::start().await;
    let conditions = json!({"groups": [{"conditions": [
        {"parameter": "utm_campaign", "operator": "=", "value": "spring"}]}]});
    let campaign = json!({"site_id": hub.made.site_id, "name": "Spring", "conditions": conditions});
    hub.post("campaigns", campaign).await;
    let employee = hub.post("employees", json!({"name": "Pavel"})).await["id"].clone();
    let tag = hub.post("tags", json!({"name": "chat"})).await["id"].clone();
    let settings = json!({"tag_ids": [tag],
        "operators": [{"operator": "204", "employee_id": employee}]});
    let integration = hub.integration("jivosite", settings).await;
    hub.hit(page_view()).await;
    let chat = jivosite_chat(518204, Some(VISIT), "89035550142");
    assert_eq!(
        hub.webhook(&integration["addresses"]["chats"], chat).await,
        200
    );
    hub.settle().await;
    (hub, integration)
}

#[tokio::test]
async fn a_chat_is_answered_with_its_visit_link_credit_and_receipt() {
    let (hub, integration) = hub_with_a_chat().await;
    let listed = hub.items("communications").await;
    assert_eq!(listed.len(), 1);
    let mut whole = hub
        .get(&format!("communications/{}", listed[0]["id"]))
        .await;
    let raw = hub.items("raw-events").await;
    assert_eq!(whole["raw_event_ids"], json!([raw[0]["id"]]));
    assert_eq!(raw[0]["communication_ids"], json!([whole["id"]]));
    whole
        .as_object_mut()
        .unwrap()
        .retain(|key, _| key != "raw_event_ids" && key != "history");
    assert_eq!(whole, listed[0], "the list tells as much");
    let facts = [
        ("/kind", json!("chat")),
        ("/provider", json!("jivosite")),
        ("/integration_id", integration["id"].clone()),
        ("/external_id", json!("518204")),
        ("/channel", json!("site")),
        ("/status", json!("succeed")),
        ("/started_at", json!("2026-08-06T08:45:00Z")),
        ("/received_at", json!("2026-08-06T09:00:00Z")),
        (
            "/contact",
            json!({"name": "Irina", "phones": ["+79035550142"], "emails": []}),
        ),
        ("/employee/name", json!("Pavel")),
        ("/tags/0/name", json!("chat")),
        ("/messages/0/at", json!("2026-08-06T08:45:00Z")),
        ("/messages/0/from", json!("visitor")),
        ("/messages/1/from", json!("operator")),
        ("/messages/1/text", json!("Two days")),
        ("/messages/1/attachments", json!([])),
        ("/visit/key", json!(VISIT)),
        ("/visit/visitor_key", json!(VISITOR)),
        ("/visit/started_at", json!("2026-08-06T08:40:00Z")),
        ("/visit/referrer", json!("https://yandex.ru/")),
        ("/visit/utm_campaign", json!("Spring")),
        ("/visit/click_ids/yclid", json!("9988776655")),
        ("/visit/channel_group", json!("paid_search")),
        ("/link/strength", json!("exact")),
        ("/credit/step", json!("visit")),
        ("/credit/campaign/name", json!("Spring")),
        ("/credit/site/id", json!(hub.made.site_id)),
        ("/credit/channel_group", json!("paid_search")),
        ("/credit/utm_source", json!("yandex")),
    ];
    for (pointer, value) in facts {
        assert_eq!(whole.pointer(pointer), Some(&value), "{pointer}");
    }
    for step in whole["receipt"].as_array().unwrap() {
        assert!(
            step["step"].is_string() && step["evidence"].is_object(),
            "{step}"
        );
        let outcome = step["outcome"].as_str().unwrap();
        assert!(
            ["matched", "no_match", "skipped", "rejected"].contains(&outcome),
            "{step}"
        );
    }
}

#[tokio::test]
async fn a_webhook_sent_twice_gives_one_communication() {
    let hub = TestHub::start().await;
    let integration = hub.integration("jivosite", json!({})).await;
    let chat = jivosite_chat(1, None, "89035550142");
    for _ in 0..2 {
        assert_eq!(
            hub.webhook(&integration["addresses"]["chats"], chat.clone())
                .await,
            200
        );
        // Of two that are worked on at the same moment either may be the one that counts.
        hub.settle().await;
    }
    assert_eq!(hub.items("communications").await.len(), 1);
    assert_eq!(hub.get("raw-events/counts").await["duplicate"], 1);
}

#[tokio::test]
async fn a_visit_that_comes_after_the_chat_links_it_all_the_same() {
    let hub = TestHub::start().await;
    let integration = hub.integration("jivosite", json!({})).await;
    let chat = jivosite_chat(1, Some(VISIT), "89035550142");
    hub.webhook(&integration["addresses"]["chats"], chat).await;
    hub.settle().await;
    let before = hub.items("communications").await.remove(0);
    assert_eq!(before["visit"], Value::Null);
    hub.hit(page_view()).await;
    let path = format!("communications/{}", before["id"]);
    hub.until("the chat has its visit", async || {
        hub.get(&path).await["visit"]["key"] == VISIT
    })
    .await;
    let after = hub.get(&path).await;
    assert_eq!(after["link"]["strength"], "exact");
    let history = after["history"].as_array().unwrap();
    assert!(
        history
            .iter()
            .any(|entry| entry["link"]["strength"] == before["link"]["strength"])
    );
}

#[tokio::test]
async fn each_filter_finds_the_chat_or_leaves_it_out() {
    let (hub, integration) = hub_with_a_chat().await;
    let campaign = hub.items("campaigns").await[0]["id"].clone();
    let source = hub.post("sources", json!({"name": "Unused"})).await["id"].clone();
    let id = &integration["id"];
    let found = [
        "from=2026-08-06T08:45:00Z".to_string(),
        "to=2026-08-06T08:45:01Z".into(),
        "kind=chat".into(),
        "provider=jivosite".into(),
        format!("integration_id={id}"),
        "channel=site".into(),
        "status=succeed".into(),
        "strength=exact".into(),
        format!("campaign_id={campaign}"),
        "text=delivery%20tver".into(),
        "text=%2B7%20903%20555-01-42".into(),
        "external_id=518204".into(),
        "kind=chat&status=succeed&sort=oldest".into(),
        "sort=changed".into(),
    ];
    for query in found {
        assert_eq!(
            hub.items(&format!("communications?{query}")).await.len(),
            1,
            "{query}"
        );
    }
    let left_out = [
        "from=2026-08-06T08:45:01Z".to_string(),
        "to=2026-08-06T08:45:00Z".into(),
        "kind=callback".into(),
        "provider=talkme".into(),
        "integration_id=99".into(),
        "channel=telegram".into(),
        "status=lost".into(),
        "strength=fallback".into(),
        "campaign_id=99".into(),
        format!("source_id={source}"),
        "text=delivery%20omsk".into(),
        "external_id=5182".into(),
        "kind=chat&status=lost".into(),
    ];
    for query in left_out {
        assert!(
            hub.items(&format!("communications?{query}"))
                .await
                .is_empty(),
            "{query}"
        );
    }
}

#[tokio::test]
async fn a_long_list_is_read_page_by_page_without_a_gap() {
    let hub = TestHub::start().await;
    let integration = hub.integration("jivosite", json!({})).await;
    for chat in 1..=5 {
        let body = jivosite_chat(chat, None, &format!("8903555014{chat}"));
        hub.webhook(&integration["addresses"]["chats"], body).await;
    }
    hub.settle().await;
    for sort in ["newest", "oldest", "changed"] {
        let mut ids = Vec::new();
        let mut path = format!("communications?limit=2&sort={sort}");
        loop {
            let page = hub.get(&path).await;
            ids.extend(
                page["items"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|one| one["id"].as_i64()),
            );
            let Some(cursor) = page["next_cursor"].as_str() else {
                break;
            };
            path = format!("communications?limit=2&sort={sort}&cursor={cursor}");
        }
        assert_eq!(ids.len(), 5, "{sort}");
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 5, "{sort}");
    }
}

#[tokio::test]
async fn a_visit_is_found_by_its_key_and_shows_its_pages() {
    let (hub, _) = hub_with_a_chat().await;
    let listed = hub.items(&format!("visits?key={VISIT}")).await;
    assert_eq!(listed.len(), 1);
    assert!(
        hub.items("visits?key=v00000000000000000000000000")
            .await
            .is_empty()
    );
    assert_eq!(
        hub.items(&format!("visits?visitor={VISITOR}")).await.len(),
        1
    );
    assert_eq!(hub.items("visits?channel_group=paid_search").await.len(), 1);
    assert!(
        hub.items("visits?from=2026-08-06T08:40:01Z")
            .await
            .is_empty()
    );
    let visit = hub.get(&format!("visits/{}", listed[0]["id"])).await;
    assert_eq!(visit["hits"][0]["title"], "Sofas");
    assert_eq!(visit["hits"][0]["at"], "2026-08-06T08:40:00Z");
    assert_eq!(visit["campaign"]["name"], "Spring");
    assert!(
        visit["keys"]
            .as_array()
            .unwrap()
            .contains(&json!({"kind": "visit", "value": VISIT}))
    );
}

#[tokio::test]
async fn a_communication_keeps_the_names_of_removed_things() {
    let (hub, _) = hub_with_a_chat().await;
    for noun in ["employees", "tags", "campaigns"] {
        let id = hub.items(noun).await[0]["id"].clone();
        hub.call(Method::DELETE, &format!("{noun}/{id}"), Value::Null)
            .await;
    }
    let chat = hub.items("communications").await.remove(0);
    assert_eq!(chat["employee"]["name"], "Pavel");
    assert_eq!(chat["tags"][0]["name"], "chat");
    assert_eq!(chat["credit"]["campaign"]["name"], "Spring");
}

#[tokio::test]
async fn a_default_set_later_counts_for_old_communications_when_they_are_reconsidered() {
    let hub = TestHub::start().await;
    let integration = hub.integration("jivosite", json!({})).await;
    hub.webhook(
        &integration["addresses"]["chats"],
        jivosite_chat(1, None, "89035550142"),
    )
    .await;
    hub.settle().await;
    let chat = hub.items("communications").await.remove(0);
    assert_eq!(chat["credit"]["step"], "no_campaign");
    let campaign = json!({"site_id": hub.made.site_id, "name": "Chats"});
    let campaign = hub.post("campaigns", campaign).await["id"].clone();
    let settings = json!({"settings": {"default_target": {"campaign_id": campaign}}});
    hub.patch(&format!("integrations/{}", integration["id"]), settings)
        .await;
    let reconsidered = hub.post("rules/reapply", Value::Null).await;
    assert_eq!(reconsidered["communications"], 1);
    let path = format!("communications/{}", chat["id"]);
    hub.until("the default got it", async || {
        hub.get(&path).await["credit"]["step"] == "default"
    })
    .await;
    let history = hub.get(&path).await["history"].clone();
    assert_eq!(history[0]["credit"]["step"], "no_campaign");
}
