//! The hub as its clients see it: the JSON API with a key, and doors that take requests.

use std::time::Duration;

use anyhow::{Context, bail};
use reqwest::{Method, StatusCode, header};
use serde_json::Value;
use url::Url;

use super::wire::Request;

/// Attempts to hand over one request before it counts as refused.
const ATTEMPTS: u32 = 6;
const PAGE: usize = 200;

/// A hub at a base address.
#[derive(Debug, Clone)]
pub struct Hub {
    http: reqwest::Client,
    base: Url,
    key: String,
}

impl Hub {
    /// # Errors
    /// When the address is not an absolute one, or no HTTP client can be made.
    pub fn new(base: &str, key: &str) -> anyhow::Result<Self> {
        let base = Url::parse(base).with_context(|| {
            format!("`{base}` is no address of a hub; give one like http://127.0.0.1:8080")
        })?;
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(30))
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .context("no HTTP client")?;
        Ok(Self {
            http,
            base,
            key: key.to_owned(),
        })
    }

    /// The absolute address of a path of this hub.
    ///
    /// # Errors
    /// When the path cannot be joined to the base.
    pub fn address(&self, path: &str) -> anyhow::Result<Url> {
        self.base
            .join(path)
            .with_context(|| format!("`{path}` is no path"))
    }

    /// Reads `path` of the API, such as `sites?limit=5`.
    ///
    /// # Errors
    /// When the hub cannot be reached or refuses.
    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.call(Method::GET, path, None).await
    }

    /// Creates something at `path` of the API.
    ///
    /// # Errors
    /// When the hub cannot be reached or refuses.
    pub async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.call(Method::POST, path, Some(body)).await
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Value> {
        let address = self.address(&format!("/api/v1/{path}"))?;
        let mut call = self
            .http
            .request(method.clone(), address.clone())
            .bearer_auth(&self.key);
        if let Some(body) = body {
            call = call.json(body);
        }
        let answer = call
            .send()
            .await
            .with_context(|| format!("the hub does not answer at {address}"))?;
        let status = answer.status();
        let text = answer
            .text()
            .await
            .with_context(|| format!("the answer of {address} broke off"))?;
        if !status.is_success() {
            bail!("{method} {address} was refused with {status}: {text}");
        }
        serde_json::from_str(&text)
            .with_context(|| format!("{method} {address} did not answer JSON"))
    }

    /// All items of a list of the API, page by page.
    ///
    /// # Errors
    /// When a page cannot be read.
    pub async fn items(&self, path: &str) -> anyhow::Result<Vec<Value>> {
        let mut all = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let mut query = form_urlencoded::Serializer::new(String::new());
            query.append_pair("limit", &PAGE.to_string());
            if let Some(cursor) = &cursor {
                query.append_pair("cursor", cursor);
            }
            let mut page = self.get(&format!("{path}?{}", query.finish())).await?;
            if let Value::Array(items) = page["items"].take() {
                all.extend(items);
            }
            match &page["next_cursor"] {
                Value::String(next) => cursor = Some(next.clone()),
                _ => return Ok(all),
            }
        }
    }

    /// Hands a request to a door. A hub that cannot take it now is asked again, a few times.
    /// Gives whether it was taken.
    pub async fn hand(&self, address: &Url, request: &Request) -> bool {
        for attempt in 0..ATTEMPTS {
            match self.try_hand(address, request).await {
                Ok(answer) if answer.status().is_success() => return true,
                Ok(answer) if !may_pass(answer.status()) => {
                    tracing::warn!(status = %answer.status(), path = address.path(), "A door refused a request");
                    return false;
                }
                Ok(answer) => tokio::time::sleep(wait_told(&answer, attempt)).await,
                Err(error) => {
                    tracing::debug!(%error, "A request did not reach the hub");
                    tokio::time::sleep(wait(attempt)).await;
                }
            }
        }
        false
    }

    async fn try_hand(
        &self,
        address: &Url,
        request: &Request,
    ) -> reqwest::Result<reqwest::Response> {
        let mut address = address.clone();
        address.set_query(request.query.as_deref());
        let method = if request.method == "GET" {
            Method::GET
        } else {
            Method::POST
        };
        let mut call = self
            .http
            .request(method, address)
            .header(header::USER_AGENT, &request.user_agent)
            .body(request.body.clone());
        if let Some(content_type) = &request.content_type {
            call = call.header(header::CONTENT_TYPE, content_type);
        }
        if let Some(browser) = &request.forwarded_for {
            call = call.header("X-Forwarded-For", browser);
        }
        call.send().await
    }
}

/// Whether the same request may be taken later.
fn may_pass(status: StatusCode) -> bool {
    status == StatusCode::SERVICE_UNAVAILABLE || status == StatusCode::TOO_MANY_REQUESTS
}

fn wait(attempt: u32) -> Duration {
    Duration::from_millis(200) * 2_u32.pow(attempt)
}

fn wait_told(answer: &reqwest::Response, attempt: u32) -> Duration {
    let told = answer
        .headers()
        .get(header::RETRY_AFTER)
        .and_then(|value| value.to_str().ok());
    let seconds = told
        .and_then(|text| text.parse().ok())
        .map(Duration::from_secs);
    seconds
        .unwrap_or_else(|| wait(attempt))
        .min(Duration::from_secs(10))
}
