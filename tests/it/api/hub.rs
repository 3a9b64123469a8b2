//! A hub for a story, and what a client of it can do.

use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use skvoz::config::Config;
use skvoz::hub::{Clock, MadeWorkspace, NewWorkspace, make_workspace};
use skvoz::pipeline;
use skvoz::serve::{self, Running};
use std::future::Future;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// When stories happen.
pub const NOW: &str = "2026-08-06T09:00:00Z";

/// Longest that anything may take to come true.
const PATIENCE: Duration = Duration::from_secs(20);

/// A hub with a workspace, its owner, a site and a key with all rights.
pub struct TestHub {
    pub running: Running,
    pub clock: Clock,
    pub data: TempDir,
    pub made: MadeWorkspace,
    http: reqwest::Client,
}

/// An answer of the hub.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub content_type: String,
    pub body: Value,
}

impl TestHub {
    pub async fn start() -> TestHub {
        let data = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.server.listen = "127.0.0.1:0".parse().unwrap();
        config.outbound.allow = vec!["127.0.0.0/8".parse().unwrap()];
        let clock = Clock::by_hand(NOW.parse().unwrap());
        let running = serve::start(config, data.path(), clock.clone())
            .await
            .unwrap();
        let made = workspace(&running, "owner@example.com", "shop.example.org").await;
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        TestHub {
            running,
            clock,
            data,
            made,
            http,
        }
    }

    /// One more workspace on the same hub.
    pub async fn another_workspace(&self) -> MadeWorkspace {
        workspace(&self.running, "other@example.com", "other.example.org").await
    }

    pub fn request(&self, method: Method, address: &str) -> RequestBuilder {
        let address = match address.starts_with("http") {
            true => address.to_string(),
            false => format!("http://{}{address}", self.running.address),
        };
        self.http.request(method, address)
    }

    /// A call of the API with a key; `path` follows `/api/v1/`.
    pub async fn call_as(&self, key: &str, method: Method, path: &str, body: Value) -> Answer {
        let mut request = self
            .request(method, &format!("/api/v1/{path}"))
            .bearer_auth(key);
        if !body.is_null() {
            request = request.json(&body);
        }
        Answer::read(request).await
    }

    pub async fn call(&self, method: Method, path: &str, body: Value) -> Answer {
        self.call_as(&self.made.api_key, method, path, body).await
    }

    /// What a GET answers, which must succeed.
    pub async fn get(&self, path: &str) -> Value {
        let answer = self.call(Method::GET, path, Value::Null).await;
        assert_eq!(answer.status, 200, "GET {path}: {}", answer.body);
        answer.body
    }

    /// What a POST makes, which must succeed.
    pub async fn post(&self, path: &str, body: Value) -> Value {
        let answer = self.call(Method::POST, path, body).await;
        assert!(answer.status.is_success(), "POST {path}: {}", answer.body);
        answer.body
    }

    /// What a PATCH leaves, which must succeed.
    pub async fn patch(&self, path: &str, body: Value) -> Value {
        let answer = self.call(Method::PATCH, path, body).await;
        assert_eq!(answer.status, 200, "PATCH {path}: {}", answer.body);
        answer.body
    }

    /// The items of a list, which must fit one page.
    pub async fn items(&self, path: &str) -> Vec<Value> {
        let mut page = self.get(path).await;
        assert_eq!(page["next_cursor"], Value::Null, "{path}");
        serde_json::from_value(page["items"].take()).unwrap()
    }

    /// An active integration of the site.
    pub async fn integration(&self, provider: &str, settings: Value) -> Value {
        let site = self.made.site_id;
        self.post(
            "integrations",
            json!({"provider": provider, "site_id": site, "settings": settings}),
        )
        .await
    }

    /// Sends a webhook to an address; gives the status.
    pub async fn webhook(&self, address: &Value, body: impl Into<reqwest::Body>) -> StatusCode {
        let address = address.as_str().expect("an address");
        let request = self.request(Method::POST, address);
        let request = request
            .header("content-type", "application/json")
            .body(body);
        request.send().await.unwrap().status()
    }

    /// Sends a message of the tracker, which must be taken.
    pub async fn hit(&self, message: Value) {
        let path = format!("/t/{}", self.made.site_key);
        let request = self.request(Method::POST, &path).body(message.to_string());
        let response = request
            .header("content-type", "text/plain")
            .send()
            .await
            .unwrap();
        assert!(response.status().is_success(), "{}", response.status());
    }

    /// Waits until nothing is pending and nothing waits to be reconsidered.
    pub async fn settle(&self) {
        self.until("the hub is at rest", async || {
            let is_idle = self.get("raw-events/counts").await["pending"] == 0;
            is_idle
                && !pipeline::reconsider_touched(&self.running.hub)
                    .await
                    .unwrap()
        })
        .await;
    }

    /// Waits until something comes true.
    pub async fn until<F: Future<Output = bool>>(&self, what: &str, holds: impl Fn() -> F) {
        let began = Instant::now();
        while !holds().await {
            assert!(
                began.elapsed() < PATIENCE,
                "it did not come true that {what}"
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Answer {
    pub async fn read(request: RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        let content_type = response.headers().get("content-type");
        Answer {
            status: response.status(),
            content_type: content_type
                .map_or("", |kind| kind.to_str().unwrap())
                .to_string(),
            body: serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or_default(),
        }
    }

    /// It is problem details with this status and id.
    #[track_caller]
    pub fn assert_problem(&self, status: u16, id: &str) {
        assert_eq!(self.status, status, "{}", self.body);
        assert_eq!(self.content_type, "application/problem+json");
        assert_eq!(self.body["status"], status);
        assert_eq!(self.body["id"], id, "{}", self.body);
        for field in ["type", "title", "detail"] {
            assert!(
                self.body[field]
                    .as_str()
                    .is_some_and(|text| !text.is_empty()),
                "{field}"
            );
        }
    }

    /// The fields that a refusal names.
    pub fn wrong_fields(&self) -> Vec<&str> {
        let errors = self.body["errors"].as_array().into_iter().flatten();
        errors.filter_map(|error| error["field"].as_str()).collect()
    }
}

async fn workspace(running: &Running, email: &str, host: &str) -> MadeWorkspace {
    let new = NewWorkspace {
        name: "Sample",
        email,
        password: "a sample password".into(),
        host,
        timezone: "Europe/Moscow",
    };
    let hub = &running.hub;
    make_workspace(hub.store.as_ref(), &hub.vault, new, hub.now())
        .await
        .unwrap()
}
