//! Sites, campaigns, sources, employees and tags over the API.

use crate::api::hub::TestHub;
use reqwest::Method;
use serde_json::{Value, json};

fn conditions(value: &str) -> Value {
    json!({"groups": [{"conditions": [{"parameter": "utm_source", "operator": "=", "value": value}]}]})
}

#[tokio::test]
async fn each_kind_of_thing_is_made_read_changed_listed_and_removed() {
    let hub = TestHub::start().await;
    let site = hub.made.site_id;
    let table = [
        (
            "sites",
            json!({"host": "https://WWW.Second.example.org/a"}),
            json!({"name": "Second"}),
        ),
        (
            "campaigns",
            json!({"site_id": site, "name": "A", "conditions": conditions("yandex")}),
            json!({"name": "B"}),
        ),
        (
            "sources",
            json!({"name": "A", "channel_group": "direct"}),
            json!({"channel_group": null}),
        ),
        (
            "employees",
            json!({"name": "Olga"}),
            json!({"name": "Olga P."}),
        ),
        ("tags", json!({"name": "vip"}), json!({"name": "VIP"})),
    ];
    for (noun, new, change) in table {
        let before = hub.items(noun).await.len();
        let made = hub.post(noun, new).await;
        let path = format!("{noun}/{}", made["id"]);
        assert_eq!(hub.get(&path).await, made);
        let changed = hub.patch(&path, change.clone()).await;
        assert_eq!(hub.get(&path).await, changed);
        for (field, value) in change.as_object().unwrap() {
            assert_eq!(&changed[field], value, "{noun}");
        }
        assert_eq!(hub.items(noun).await.len(), before + 1, "{noun}");
        let removed = hub.call(Method::DELETE, &path, Value::Null).await;
        assert_eq!(removed.status, 204, "{noun}");
        hub.call(Method::GET, &path, Value::Null)
            .await
            .assert_problem(404, "not_found");
        hub.call(Method::DELETE, &path, Value::Null)
            .await
            .assert_problem(404, "not_found");
        assert_eq!(hub.items(noun).await.len(), before, "{noun}");
    }
}

#[tokio::test]
async fn a_site_is_known_by_its_bare_host_and_takes_hits_at_its_address() {
    let hub = TestHub::start().await;
    let made = hub
        .post(
            "sites",
            json!({"host": "https://WWW.Second.example.org/a?b"}),
        )
        .await;
    assert_eq!(made["host"], "second.example.org");
    let address = made["hits_url"].as_str().unwrap();
    let message = crate::api::samples::page_view().to_string();
    let response = hub
        .request(Method::POST, address)
        .body(message)
        .send()
        .await
        .unwrap();
    assert!(response.status().is_success());
    assert_eq!(
        hub.items("visits").await[0]["site"]["name"],
        "second.example.org"
    );
}

#[tokio::test]
async fn campaigns_and_sources_that_cannot_work_are_refused() {
    let hub = TestHub::start().await;
    let site = hub.made.site_id;
    let broken = json!({"groups": [{"conditions": [{"parameter": "utm_source", "operator": "~", "value": "(("}]}]});
    let table = [
        ("campaigns", json!({"site_id": 99, "name": "A"}), "site_id"),
        ("campaigns", json!({"site_id": site, "name": ""}), "name"),
        (
            "campaigns",
            json!({"site_id": site, "name": "A", "conditions": broken}),
            "conditions",
        ),
        (
            "sources",
            json!({"name": "A", "conditions": broken}),
            "conditions",
        ),
        ("sites", json!({"host": "two words"}), "host"),
    ];
    for (noun, body, field) in table {
        let answer = hub.call(Method::POST, noun, body.clone()).await;
        answer.assert_problem(422, "invalid");
        assert_eq!(answer.wrong_fields(), [field], "{body}");
    }
    let unknown = json!({"site_id": site, "name": "A",
        "conditions": {"groups": [{"conditions": [{"parameter": "moon", "operator": "=", "value": "x"}]}]}});
    hub.call(Method::POST, "campaigns", unknown)
        .await
        .assert_problem(400, "bad_request");
}

#[tokio::test]
async fn a_source_made_later_outranks_the_earlier_ones() {
    let hub = TestHub::start().await;
    let first = hub.post("sources", json!({"name": "A"})).await;
    let second = hub.post("sources", json!({"name": "B"})).await;
    assert!(second["priority"].as_i64() > first["priority"].as_i64());
}

#[tokio::test]
async fn a_list_is_read_to_its_end_page_by_page() {
    let hub = TestHub::start().await;
    for number in 0..5 {
        hub.post("tags", json!({"name": format!("tag {number}")}))
            .await;
    }
    let mut names = Vec::new();
    let mut path = "tags?limit=2".to_string();
    loop {
        let page = hub.get(&path).await;
        names.extend(
            page["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|tag| tag["name"].clone()),
        );
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        path = format!("tags?limit=2&cursor={cursor}");
    }
    assert_eq!(names, ["tag 0", "tag 1", "tag 2", "tag 3", "tag 4"]);
}
