//! Who may do what, and how the API answers what it does not take.

use crate::api::hub::{Answer, TestHub};
use reqwest::Method;
use serde_json::{Value, json};
use skvoz::hub::Vault;
use skvoz::store::NewApiKey;

#[tokio::test]
async fn nothing_is_told_without_a_valid_key() {
    let hub = TestHub::start().await;
    for path in [
        "sites",
        "communications",
        "raw-events/counts",
        "integrations/1",
    ] {
        let bare = hub.request(Method::GET, &format!("/api/v1/{path}"));
        Answer::read(bare).await.assert_problem(401, "unauthorized");
        let wrong = hub
            .call_as("skvoz_wrong", Method::GET, path, Value::Null)
            .await;
        wrong.assert_problem(401, "unauthorized");
    }
}

#[tokio::test]
async fn a_key_to_read_changes_nothing() {
    let hub = TestHub::start().await;
    let inner = &hub.running.hub;
    let key = Vault::api_key();
    let row = NewApiKey {
        workspace: hub.made.workspace_id,
        name: "reports".into(),
        hash: inner.vault.hash(&key),
        scopes: vec!["read".into()],
        created_at: inner.now(),
    };
    inner.store.add_api_key(row).await.unwrap();
    assert_eq!(
        hub.call_as(&key, Method::GET, "sites", Value::Null)
            .await
            .status,
        200
    );
    for (method, path) in [
        (Method::POST, "tags"),
        (Method::PATCH, "sites/1"),
        (Method::DELETE, "sites/1"),
        (Method::POST, "raw-events/replay"),
    ] {
        let answer = hub.call_as(&key, method, path, json!({"name": "x"})).await;
        answer.assert_problem(403, "forbidden");
    }
    assert!(hub.items("tags").await.is_empty());
}

#[tokio::test]
async fn a_key_sees_and_changes_its_own_workspace_alone() {
    let hub = TestHub::start().await;
    let other = hub.another_workspace().await;
    let integration = hub.integration("jivosite", json!({})).await;
    let tag = hub.post("tags", json!({"name": "ours"})).await;
    hub.webhook(&integration["addresses"]["chats"], "{}").await;
    hub.settle().await;
    let raw = hub.items("raw-events").await[0]["id"].clone();
    let paths = [
        format!("sites/{}", hub.made.site_id),
        format!("integrations/{}", integration["id"]),
        format!("tags/{}", tag["id"]),
        format!("raw-events/{raw}"),
    ];
    for path in paths {
        let read = hub
            .call_as(&other.api_key, Method::GET, &path, Value::Null)
            .await;
        read.assert_problem(404, "not_found");
        let removed = hub
            .call_as(&other.api_key, Method::DELETE, &path, Value::Null)
            .await;
        assert!(removed.status.is_client_error(), "{path}");
        assert_eq!(
            hub.call(Method::GET, &path, Value::Null).await.status,
            200,
            "{path}"
        );
    }
    for path in [
        "integrations",
        "tags",
        "raw-events",
        "communications",
        "visits",
    ] {
        let list = hub
            .call_as(&other.api_key, Method::GET, path, Value::Null)
            .await;
        assert_eq!(list.body["items"], json!([]), "{path}");
    }
    let foreign_site = json!({"provider": "jivosite", "site_id": hub.made.site_id});
    let answer = hub
        .call_as(&other.api_key, Method::POST, "integrations", foreign_site)
        .await;
    assert_eq!(answer.wrong_fields(), ["site_id"]);
    let foreign_tag = json!({"provider": "jivosite", "settings": {"tag_ids": [tag["id"]]}});
    let answer = hub
        .call_as(&other.api_key, Method::POST, "integrations", foreign_tag)
        .await;
    assert_eq!(answer.wrong_fields(), ["settings.tag_ids[0]"]);
    let replay = hub
        .call_as(&other.api_key, Method::POST, "raw-events/replay", json!({}))
        .await;
    assert_eq!(replay.body["replayed"], 0);
}

#[tokio::test]
async fn what_the_api_does_not_take_is_answered_in_its_own_words() {
    let hub = TestHub::start().await;
    let get = async |path: &str| hub.call(Method::GET, path, Value::Null).await;
    get("nothing").await.assert_problem(404, "not_found");
    get("sites/99").await.assert_problem(404, "not_found");
    get("sites/abc").await.assert_problem(400, "bad_request");
    get("sites?limit=0")
        .await
        .assert_problem(400, "bad_request");
    get("sites?limit=many")
        .await
        .assert_problem(400, "bad_request");
    get("sites?cursor=x")
        .await
        .assert_problem(400, "bad_request");
    get("communications?colour=red")
        .await
        .assert_problem(400, "bad_request");
    get("communications?from=yesterday")
        .await
        .assert_problem(400, "bad_request");
    get("communications?status=done")
        .await
        .assert_problem(400, "bad_request");
    get("communications?cursor=1")
        .await
        .assert_problem(404, "not_found");
    let delete = hub.call(Method::DELETE, "sites", Value::Null).await;
    delete.assert_problem(405, "method_not_allowed");
    let unknown = hub
        .call(Method::POST, "tags", json!({"name": "a", "color": "red"}))
        .await;
    unknown.assert_problem(400, "bad_request");
    assert!(
        unknown.body["detail"].as_str().unwrap().contains("`color`"),
        "{}",
        unknown.body
    );
    let key = &hub.made.api_key;
    for (body, status, id) in [
        ("{", 400, "bad_request"),
        ("", 400, "bad_request"),
        ("[]", 400, "bad_request"),
        (r#"{"name":" "}"#, 422, "invalid"),
    ] {
        let request = hub
            .request(Method::POST, "/api/v1/tags")
            .bearer_auth(key)
            .body(body);
        Answer::read(request).await.assert_problem(status, id);
    }
    let large = vec![b' '; 3 << 20];
    let request = hub
        .request(Method::POST, "/api/v1/tags")
        .bearer_auth(key)
        .body(large);
    Answer::read(request).await.assert_problem(413, "too_large");
}

#[tokio::test]
async fn the_description_is_open_and_every_answer_has_a_name() {
    let hub = TestHub::start().await;
    let request = hub.request(Method::GET, "/api/v1/openapi.json");
    let response = request.send().await.unwrap();
    assert_eq!(response.headers()["x-request-id"].len(), 32);
    let description: Value = response.json().await.unwrap();
    assert!(description["openapi"].as_str().unwrap().starts_with("3."));
    assert!(description["paths"]["/api/v1/communications/{id}"]["get"].is_object());
}

#[tokio::test]
async fn machines_are_told_that_the_hub_is_alive_and_ready() {
    let hub = TestHub::start().await;
    for path in ["/healthz", "/readyz", "/metrics"] {
        let response = hub.request(Method::GET, path).send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
    }
}
