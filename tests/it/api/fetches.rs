//! Chats that must be read over the provider's REST API.

use crate::api::hub::TestHub;
use crate::api::vendor::Vendor;
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

const WEBHOOK: &str = include_str!("../../../src/providers/carrotquest/fixtures/closed.http");
const RECORD: &str =
    include_str!("../../../src/providers/carrotquest/fixtures/fetched_closed.http");
const CHAT: &str = "1702555444333222111";
const USER: &str = "1702233445566778899";

fn body(fixture: &str) -> &str {
    fixture.split_once("\n\n").unwrap().1.trim()
}

/// A hub with an integration whose API is the vendor's, and a webhook that names a chat.
async fn hub_with_a_named_chat(vendor: &Vendor, api: String) -> TestHub {
    let record: Value = serde_json::from_str(body(RECORD)).unwrap();
    let envelope = |data: &Value| json!({"meta": {"status": 200}, "data": data});
    vendor.answers(
        &format!("/conversations/{CHAT}"),
        envelope(&record["conversation"]),
    );
    vendor.answers(
        &format!("/conversations/{CHAT}/parts"),
        envelope(&record["parts"]),
    );
    vendor.answers(&format!("/users/{USER}"), envelope(&record["user"]));
    let hub = TestHub::start().await;
    let settings = json!({"api_key": "app.41873.sample", "api_base": api});
    let integration = hub.integration("carrotquest", settings).await;
    let address = integration["addresses"]["chats"].as_str().unwrap();
    let request = hub.request(Method::POST, address).body(body(WEBHOOK));
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(request.send().await.unwrap().status(), 200);
    hub
}

async fn chat_arrives(hub: &TestHub) -> Value {
    hub.until("the chat is there", async || {
        // Time goes on, and a question that is due is asked without waiting for the next look.
        hub.clock.advance(Duration::from_secs(1));
        hub.running.hub.wake.fetch.notify_one();
        !hub.items("communications").await.is_empty()
    })
    .await;
    hub.items("communications").await.remove(0)
}

#[tokio::test]
async fn a_named_chat_is_read_with_its_text_and_the_key_of_the_integration() {
    let (vendor, address) = Vendor::start().await;
    let hub = hub_with_a_named_chat(&vendor, format!("http://{address}")).await;
    let chat = chat_arrives(&hub).await;
    assert_eq!(chat["external_id"], CHAT);
    assert_eq!(chat["contact"]["phones"], json!(["+74951234500"]));
    assert_eq!(chat["messages"][0]["text"], "Есть ли доставка?");
    let asked = vendor.asked();
    assert_eq!(asked.len(), 3, "{asked:?}");
    assert!(
        asked.iter().all(|(_, key)| key == "Token app.41873.sample"),
        "{asked:?}"
    );
    let fetched = hub.items("raw-events").await.remove(0);
    assert_eq!(
        (&fetched["address"], &fetched["state"]),
        (&json!("fetched"), &json!("done"))
    );
}

#[tokio::test]
async fn a_vendor_that_refuses_for_a_while_is_asked_again_later() {
    let (vendor, address) = Vendor::start().await;
    vendor.refuses_once(429);
    vendor.refuses_once(503);
    let hub = hub_with_a_named_chat(&vendor, format!("http://{address}")).await;
    let chat = chat_arrives(&hub).await;
    assert_eq!(chat["messages"].as_array().unwrap().len(), 2);
    assert_eq!(vendor.asked().len(), 5);
}

#[tokio::test]
async fn an_address_that_leads_inside_is_not_called() {
    let (vendor, _) = Vendor::start().await;
    let hub = hub_with_a_named_chat(&vendor, "http://10.0.0.7:8080".into()).await;
    hub.until("the question is given up", async || {
        hub.running.hub.wake.fetch.notify_one();
        !hub.items("raw-events?reason=fetch_failed").await.is_empty()
    })
    .await;
    let failed = hub.items("raw-events?reason=fetch_failed").await.remove(0);
    assert!(
        failed["detail"]
            .as_str()
            .unwrap()
            .contains("private or reserved"),
        "{failed}"
    );
    assert!(vendor.asked().is_empty() && hub.items("communications").await.is_empty());
}
