//! The doors of webhooks: check the address, keep the bytes, answer (DESIGN.md 4.1).
//!
//! Nothing inside a body can make it fail, and nothing in it is looked at here. 2xx is said only
//! after the raw event is on disk.

mod body;

use crate::http_error::{HttpError, HttpResult};
use crate::hub::Hub;
use crate::model::{Address, Channel, Integration, RawState, SetAsideReason};
use crate::providers::{self, Provider};
use crate::store::{NewRawEvent, StoreError, StoreResult};
use axum::Router;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use body::Received;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use tracing::error;

/// Seconds after which a provider may try again when nothing can be kept.
const RETRY_AFTER_S: u32 = 5;
/// Headers kept of one request, and the longest value, bytes.
const MAX_HEADERS: usize = 24;
const MAX_HEADER_BYTES: usize = 1_024;
/// Headers worth keeping beside those that begin with `x-`.
const KEPT_HEADERS: [&str; 6] = [
    "content-type",
    "content-encoding",
    "user-agent",
    "referer",
    "origin",
    "date",
];

/// Keeps a raw event; the real one is the store's.
pub type Keep = Arc<dyn Fn(NewRawEvent) -> Kept + Send + Sync>;
type Kept = Pin<Box<dyn Future<Output = StoreResult<()>> + Send>>;

/// The doors, which keep what comes in the hub's store.
pub fn router(hub: Arc<Hub>) -> Router {
    let keeper = hub.clone();
    let keep: Keep = Arc::new(move |raw| {
        let hub = keeper.clone();
        Box::pin(async move {
            hub.store.keep_raw(raw).await?;
            hub.wake.pipeline.notify_one();
            Ok(())
        })
    });
    router_keeping(hub, keep)
}

/// The doors with another way to keep: benches compare the store with none.
pub fn router_keeping(hub: Arc<Hub>, keep: Keep) -> Router {
    Router::new()
        .route("/in/{provider}", any(token_in_query))
        .route("/in/{provider}/{token}", any(door))
        .route("/in/{provider}/{token}/", any(door))
        .route("/in/{provider}/{token}/{door}", any(side_door))
        .route("/in/{provider}/{token}/{door}/", any(side_door))
        .with_state(Doors { hub, keep })
}

#[derive(Clone)]
struct Doors {
    hub: Arc<Hub>,
    keep: Keep,
}

async fn door(
    State(doors): State<Doors>,
    Path((provider, token)): Path<(String, String)>,
    request: Request,
) -> HttpResult<Response> {
    doors.receive(&provider, &token, None, request).await
}

async fn side_door(
    State(doors): State<Doors>,
    Path((provider, token, door)): Path<(String, String, String)>,
    request: Request,
) -> HttpResult<Response> {
    doors.receive(&provider, &token, Some(&door), request).await
}

/// LeadBack's customers may put the secret into a parameter (leadback.md 4).
async fn token_in_query(
    State(doors): State<Doors>,
    Path(provider): Path<String>,
    request: Request,
) -> HttpResult<Response> {
    let query = request.uri().query().unwrap_or_default();
    let token = form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == "token")
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default();
    doors.receive(&provider, &token, None, request).await
}

fn no_such_address() -> HttpError {
    HttpError::not_found("this address")
}

impl Doors {
    async fn receive(
        &self,
        slug: &str,
        token: &str,
        door: Option<&str>,
        request: Request,
    ) -> HttpResult<Response> {
        let hub = &self.hub;
        let received_at = hub.now();
        let provider = providers::find(slug).ok_or_else(no_such_address)?;
        let (_, integration) = hub
            .setups
            .integration_by_token(token, received_at)
            .await
            .map_err(cannot_keep)?
            .filter(|(_, integration)| integration.provider == slug)
            .ok_or_else(no_such_address)?;
        let address = address(provider, door).ok_or_else(no_such_address)?;
        let (parts, body) = request.into_parts();
        let received = body::read(&hub.config.intake, &parts.headers, body).await;
        let mut raw = NewRawEvent {
            workspace: integration.workspace,
            integration: integration.id,
            provider: integration.provider.clone(),
            address,
            method: parts.method.as_str().to_owned(),
            query: query_without_token(parts.uri.query(), token),
            headers: kept_headers(&parts.headers),
            body: Vec::new(),
            received_at,
            state: RawState::Pending,
            reason: None,
            detail: None,
        };
        if matches!(received, Received::Unpacked(_)) {
            raw.headers.retain(|(name, _)| name != "content-encoding");
        }
        fill(&mut raw, provider, &integration, received);
        let (is_too_large, is_cut) = match raw.reason {
            Some(SetAsideReason::TooLarge) => (true, false),
            Some(SetAsideReason::Unparsable) => (false, true),
            _ => (false, false),
        };
        (self.keep)(raw).await.map_err(cannot_keep)?;
        if is_too_large {
            let limit = hub.config.intake.max_body_bytes;
            return Err(HttpError::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "too_large",
                format!("the body is larger than {limit} bytes; it was recorded and not kept"),
            ));
        }
        if is_cut {
            return Err(HttpError::bad_request(
                "the body ended before its length was reached; send the request again",
            ));
        }
        Ok(answer(provider))
    }
}

/// Which address of the integration a door is; `None`: the provider has no such one.
fn address(provider: &dyn Provider, door: Option<&str>) -> Option<Address> {
    match door {
        None => Some(Address::Chats),
        // Where a provider has no second address, its leads come to the first; what is sent here
        // all the same is not lost.
        Some("leads") if provider.has_leads_address() => Some(Address::Leads),
        Some("leads") => Some(Address::Chats),
        Some(channel) if provider.has_channel_addresses() => {
            Channel::new(channel).map(Address::Channel)
        }
        Some(_) => None,
    }
}

/// Puts what was read into the raw event, or why it is not looked at.
fn fill(
    raw: &mut NewRawEvent,
    provider: &dyn Provider,
    integration: &Integration,
    received: Received,
) {
    let mut set_aside = |reason, detail: &str| {
        raw.state = RawState::SetAside;
        raw.reason = Some(reason);
        raw.detail = Some(detail.to_owned());
    };
    match received {
        Received::Whole(body) | Received::Unpacked(body) => {
            let body = provider.redact(&body).unwrap_or(body);
            if raw.address == Address::Leads && !integration.settings.offline_leads {
                set_aside(
                    SetAsideReason::SwitchedOff,
                    "offline leads are switched off",
                );
            } else if body.is_empty() && raw.query.is_empty() {
                raw.state = RawState::Probe;
            }
            raw.body = body;
        }
        Received::TooLarge { read_bytes } => {
            let detail = format!("more than {read_bytes} bytes");
            set_aside(SetAsideReason::TooLarge, &detail);
        }
        Received::BrokenOff => {
            set_aside(
                SetAsideReason::Unparsable,
                "the sender broke off before the body's end",
            );
        }
    }
}

fn answer(provider: &dyn Provider) -> Response {
    let reply = provider.reply();
    let kind = HeaderValue::from_static(reply.content_type);
    ([(header::CONTENT_TYPE, kind)], reply.body).into_response()
}

fn cannot_keep(cause: StoreError) -> HttpError {
    let mut refusal = HttpError::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "cannot_keep",
        "nothing can be stored now; send it again later",
    );
    refusal.retry_after_s = Some(RETRY_AFTER_S);
    error!(%cause, "A webhook was refused because it cannot be stored");
    refusal
}

/// The query as it came, but for the parameter that holds our token.
fn query_without_token(query: Option<&str>, token: &str) -> String {
    let is_token = |pair: &&str| {
        form_urlencoded::parse(pair.as_bytes())
            .any(|(name, value)| name == "token" && value == token)
    };
    let kept: Vec<&str> = query
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !is_token(pair))
        .collect();
    kept.join("&")
}

fn kept_headers(headers: &HeaderMap) -> Vec<(String, String)> {
    headers
        .iter()
        .filter(|(name, _)| {
            KEPT_HEADERS.contains(&name.as_str()) || name.as_str().starts_with("x-")
        })
        .filter(|(_, value)| value.len() <= MAX_HEADER_BYTES)
        .take(MAX_HEADERS)
        .map(|(name, value)| {
            (
                name.as_str().to_owned(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_cut_out_of_the_query_and_nothing_else() {
        let cut = |query| query_without_token(Some(query), "abc");
        assert_eq!(cut("phone=1&token=abc&x=%20"), "phone=1&x=%20");
        assert_eq!(cut("token=abc"), "");
        assert_eq!(cut("token=other"), "token=other");
        assert_eq!(query_without_token(None, "abc"), "");
    }

    #[test]
    fn headers_with_secrets_are_not_kept() {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static("application/json"));
        headers.insert("cookie", HeaderValue::from_static("a=b"));
        headers.insert("authorization", HeaderValue::from_static("Bearer x"));
        headers.insert("x-attempt", HeaderValue::from_static("2"));
        let mut kept = kept_headers(&headers);
        kept.sort();
        let names: Vec<&str> = kept.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["content-type", "x-attempt"]);
    }
}
