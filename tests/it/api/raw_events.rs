//! The inbox over the API.

use crate::api::hub::TestHub;
use crate::api::samples::jivosite_chat;
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn what_cannot_be_used_is_kept_with_its_reason_and_its_bytes() {
    let hub = TestHub::start().await;
    let integration = hub.integration("jivosite", json!({})).await;
    let address = &integration["addresses"]["chats"];
    assert_eq!(hub.webhook(address, "{ no json").await, 200);
    assert_eq!(hub.webhook(address, vec![0xff, 0xfe, 0x00]).await, 200);
    assert_eq!(
        hub.webhook(address, r#"{"event_name":"chat_danced","chat_id":1}"#)
            .await,
        200
    );
    assert_eq!(hub.webhook(address, "").await, 200);
    hub.settle().await;
    let counts = hub.get("raw-events/counts").await;
    assert_eq!(
        counts,
        json!({"pending": 0, "done": 0, "duplicate": 0, "set_aside": 3, "probe": 1})
    );
    let unparsable = hub
        .items("raw-events?state=set_aside&reason=unparsable")
        .await;
    assert_eq!(unparsable.len(), 2);
    let unknown = hub
        .items("raw-events?reason=unknown_event&provider=jivosite")
        .await;
    assert_eq!(unknown.len(), 1);
    let binary = hub
        .get(&format!("raw-events/{}", unparsable[0]["id"]))
        .await;
    assert_eq!(
        (&binary["body"], &binary["body_base64"]),
        (&Value::Null, &json!("//4A"))
    );
    let text = hub
        .get(&format!("raw-events/{}", unparsable[1]["id"]))
        .await;
    assert_eq!(
        (&text["body"], &text["body_base64"]),
        (&json!("{ no json"), &Value::Null)
    );
    assert_eq!(text["size_bytes"], 9);
    assert_eq!(text["address"], "chats");
    let headers = text["headers"].as_array().unwrap();
    assert!(headers.contains(&json!({"name": "content-type", "value": "application/json"})));
}

#[tokio::test]
async fn one_or_many_raw_events_are_replayed_and_nothing_is_doubled() {
    let hub = TestHub::start().await;
    let integration = hub.integration("jivosite", json!({})).await;
    let address = &integration["addresses"]["chats"];
    hub.webhook(address, jivosite_chat(1, None, "89035550142"))
        .await;
    hub.webhook(address, "{ no json").await;
    hub.settle().await;
    let before = hub.items("communications").await;
    let chat = hub.items("raw-events?state=done").await[0]["id"].clone();
    let one = hub
        .call(
            Method::POST,
            &format!("raw-events/{chat}/replay"),
            Value::Null,
        )
        .await;
    assert_eq!(
        (one.status.as_u16(), &one.body["replayed"]),
        (202, &json!(1))
    );
    let table = [
        (json!({"state": "set_aside"}), 1),
        (json!({"ids": [chat]}), 1),
        (json!({"ids": [99]}), 0),
        (json!({"integration_id": integration["id"]}), 2),
        (json!({"provider": "talkme"}), 0),
        (json!({}), 2),
    ];
    for (selection, count) in table {
        hub.settle().await;
        let answer = hub.post("raw-events/replay", selection.clone()).await;
        assert_eq!(answer["replayed"], count, "{selection}");
    }
    hub.settle().await;
    assert_eq!(hub.items("communications").await, before);
    let both = json!({"ids": [chat], "state": "done"});
    hub.call(Method::POST, "raw-events/replay", both)
        .await
        .assert_problem(400, "bad_request");
    let missing = hub
        .call(Method::POST, "raw-events/99/replay", Value::Null)
        .await;
    missing.assert_problem(404, "not_found");
}
