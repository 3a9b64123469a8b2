//! A small client of the JSON API and of the intake addresses.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

const PAGE: usize = 200;

#[derive(Clone)]
pub struct Api {
    /// `http://127.0.0.1:PORT`, new at each start of the hub.
    pub base: String,
    key: String,
    pub http: Client,
}

/// Named addresses of an integration as paths, since the port changes at each start.
pub type Addresses = BTreeMap<String, String>;

impl Api {
    pub fn new(base: String, key: &str) -> Self {
        let http = Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(30))
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .expect("a plain HTTP client");
        Self {
            base,
            key: key.to_owned(),
            http,
        }
    }

    /// One GET of the API: status and JSON (null when the body is not JSON).
    pub async fn try_get(&self, path: &str) -> reqwest::Result<(StatusCode, Value)> {
        let response = self
            .http
            .get(format!("{}{path}", self.base))
            .bearer_auth(&self.key)
            .send()
            .await?;
        let status = response.status();
        let body = response.bytes().await?;
        Ok((status, serde_json::from_slice(&body).unwrap_or_default()))
    }

    pub async fn get(&self, path: &str) -> Value {
        let (status, body) = self
            .try_get(path)
            .await
            .unwrap_or_else(|e| panic!("GET {path}: {e}"));
        assert_eq!(status, 200, "GET {path}: {body}");
        body
    }

    /// Creates an active integration and returns the paths of its addresses.
    pub async fn integration(
        &self,
        provider: &str,
        site_id: i64,
        settings: Value,
    ) -> (i64, Addresses) {
        let body = json!({"provider": provider, "site_id": site_id, "name": format!("Faults {provider}"),
            "active": true, "settings": settings});
        let request = self
            .http
            .post(format!("{}/api/v1/integrations", self.base))
            .bearer_auth(&self.key);
        let response = request
            .header("content-type", "application/json")
            .body(body.to_string())
            .send()
            .await
            .expect("the hub answers");
        let status = response.status();
        let text = response.text().await.expect("a whole answer");
        assert!(
            status.is_success(),
            "create {provider} integration: {status} {text}"
        );
        let created: Value = serde_json::from_str(&text).expect("JSON");
        let addresses = created["addresses"]
            .as_object()
            .unwrap_or_else(|| panic!("no addresses: {created}"));
        let addresses = addresses
            .iter()
            .filter_map(|(name, address)| Some((name.clone(), path_of(address.as_str()?))))
            .collect();
        (created["id"].as_i64().expect("integer id"), addresses)
    }

    /// Every item of a list, page by page.
    pub async fn list(&self, path: &str) -> Vec<Value> {
        let mut items = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let joint = if path.contains('?') { '&' } else { '?' };
            let mut page = format!("{path}{joint}limit={PAGE}");
            if let Some(cursor) = &cursor {
                page.push_str("&cursor=");
                page.extend(url::form_urlencoded::byte_serialize(cursor.as_bytes()));
            }
            let mut answer = self.get(&page).await;
            let Value::Array(new) = answer["items"].take() else {
                panic!("GET {page}: no items")
            };
            items.extend(new);
            match &answer["next_cursor"] {
                Value::Null => return items,
                Value::String(next) => cursor = Some(next.clone()),
                other => cursor = Some(other.to_string()),
            }
        }
    }

    /// The body of a raw event, byte for byte.
    pub async fn raw_body(&self, id: &Value) -> Vec<u8> {
        use base64::Engine;
        let id = id.as_str().map_or_else(|| id.to_string(), str::to_owned);
        let event = self.get(&format!("/api/v1/raw-events/{id}")).await;
        match (&event["body"], &event["body_base64"]) {
            (Value::String(text), _) => text.clone().into_bytes(),
            (_, Value::String(coded)) => base64::engine::general_purpose::STANDARD
                .decode(coded)
                .expect("body_base64 is base64"),
            (Value::Null, Value::Null) => Vec::new(),
            _ => panic!("raw event {id}: body is neither text nor base64: {event}"),
        }
    }

    /// Raw events not yet processed, once none of them is or the time is over.
    pub async fn settle(&self, limit: Duration, counts: impl Fn(&Value) -> bool) -> usize {
        let deadline = Instant::now() + limit;
        loop {
            let first = self.get("/api/v1/raw-events?state=pending&limit=1").await;
            let none = first["items"].as_array().is_some_and(Vec::is_empty);
            if none {
                return 0;
            }
            let pending = self
                .list("/api/v1/raw-events?state=pending")
                .await
                .iter()
                .filter(|e| counts(e))
                .count();
            if pending == 0 || Instant::now() > deadline {
                return pending;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Sends one request to an intake address.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(String, String)],
        body: impl Into<reqwest::Body>,
    ) -> reqwest::Result<Answer> {
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.base))
            .body(body);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let response = request.send().await?;
        let status = response.status();
        let retry_after = response.headers().contains_key("retry-after");
        Ok(Answer {
            status,
            retry_after,
            body: response.bytes().await?.to_vec(),
        })
    }

    /// Posts JSON to an intake address.
    pub async fn post(&self, path: &str, body: String) -> reqwest::Result<Answer> {
        let json = ("content-type".to_owned(), "application/json".to_owned());
        self.send(Method::POST, path, &[json], body).await
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Answer {
    pub status: StatusCode,
    pub retry_after: bool,
    pub body: Vec<u8>,
}

fn path_of(address: &str) -> String {
    let url = url::Url::parse(address)
        .unwrap_or_else(|e| panic!("address {address} is not absolute: {e}"));
    url.path().to_owned()
}
