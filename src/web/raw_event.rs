//! One raw event: the request as it came, what became of it, and its replay.

use super::form::html;
use super::inbox::{door, integration_name};
use super::parts::{Badge, Notice};
use super::{Menu, Page, Person};
use crate::http_error::HttpResult;
use crate::hub::Hub;
use crate::model::{RawEventId, RawState};
use crate::providers;
use crate::store::{RawRow, StoreError};
use askama::Template;
use axum::Router;
use axum::extract::{Path, Query};
use axum::response::Response;
use axum::routing::get;
use std::sync::Arc;

#[derive(Template)]
#[template(path = "raw_event.html")]
pub struct RawEventPage {
    pub page: Page,
    pub id: i64,
    pub at: String,
    pub provider: String,
    pub integration: String,
    /// Page of the integration.
    pub integration_id: i64,
    pub door: String,
    pub state: Badge,
    pub reason: String,
    pub detail: String,
    pub warnings: Vec<String>,
    pub method: String,
    pub query: String,
    pub headers: Vec<(String, String)>,
    pub size: String,
    pub body: Body,
    /// Communications it became a part of: number and title.
    pub communications: Vec<(i64, String)>,
    /// What the settings of now would make of it: title and value; empty when that is not offered.
    pub preview: Vec<(String, String)>,
    pub notice: Option<Notice>,
    /// It waits for the pipeline: the page looks again by itself.
    pub is_pending: bool,
    /// Viewers see what became of it and not what it holds.
    pub sees_contacts: bool,
}

pub fn router() -> Router<Arc<Hub>> {
    Router::new().route("/inbox/{id}", get(show))
}

#[derive(serde::Deserialize)]
struct Asked {
    #[serde(default)]
    done: String,
}

async fn show(
    person: Person,
    Path(id): Path<i64>,
    Query(asked): Query<Asked>,
) -> HttpResult<Response> {
    let page = person.page(Menu::Inbox);
    let store = &person.hub.store;
    let row = store.raw_event(person.workspace(), RawEventId(id)).await?;
    let event = &row.event;
    let reason = row
        .reason
        .map(|reason| page.word("reason", reason.as_str()));
    let sees_contacts = person.sees_contacts();
    let content_type = event.header("content-type").unwrap_or_default();
    html(&RawEventPage {
        id,
        at: page.date_time(event.received_at),
        provider: event.provider.clone(),
        integration: integration_name(&person, event.integration, &event.provider),
        integration_id: event.integration.0,
        door: door(&page, &event.address),
        state: page.raw_state(row.state),
        reason: reason.unwrap_or_default(),
        detail: row.detail.clone().unwrap_or_default(),
        warnings: row.warnings.clone(),
        method: event.method.clone(),
        query: match sees_contacts {
            true => event.query.clone(),
            false => String::new(),
        },
        headers: event.headers.clone(),
        size: page.fill("size.bytes", "n", page.number(row.size_bytes)),
        body: match sees_contacts {
            true => Body::new(content_type, &event.body),
            false => Body::Empty,
        },
        communications: communications(&person, &page, &row).await?,
        preview: match sees_contacts {
            true => preview(&person, &page, &row),
            false => Vec::new(),
        },
        notice: Notice::done(&page, "inbox", &asked.done),
        is_pending: row.state == RawState::Pending,
        sees_contacts,
        page,
    })
}

async fn communications(
    person: &Person,
    page: &Page,
    row: &RawRow,
) -> HttpResult<Vec<(i64, String)>> {
    let mut titles = Vec::new();
    for id in &row.communications {
        let store = &person.hub.store;
        match store.communication(person.workspace(), *id).await {
            Ok(of) => {
                let kind = page.kind(of.kind);
                let title = [("kind", &kind as &dyn std::fmt::Display), ("id", id)];
                titles.push((id.0, page.locale.fill("communication.title", &title)));
            }
            Err(StoreError::NotFound(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(titles)
}

/// What the integration's field map, as it is now, finds in the body.
fn preview(person: &Person, page: &Page, row: &RawRow) -> Vec<(String, String)> {
    let integration = person.setup.integration(row.event.integration);
    let provider = providers::find(&row.event.provider);
    let (Some(integration), Some(provider)) = (integration, provider) else {
        return Vec::new();
    };
    let found = provider.preview(&row.event, &integration.settings);
    found
        .into_iter()
        .map(|(field, _, value)| (page.word("mapped", field), value))
        .collect()
}

/// The body as far as it can be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    Empty,
    /// JSON, indented anew; the bytes kept are the original ones.
    Json(String),
    /// A form: names and values, decoded.
    Form(Vec<(String, String)>),
    Text(String),
    /// Not text: its first bytes in hexadecimal.
    Binary(String),
}

/// Bytes of a binary body that are shown.
const SHOWN_BINARY: usize = 512;

impl Body {
    pub fn new(content_type: &str, bytes: &[u8]) -> Self {
        if bytes.is_empty() {
            return Self::Empty;
        }
        let Ok(text) = std::str::from_utf8(bytes) else {
            return Self::Binary(hex::encode(&bytes[..bytes.len().min(SHOWN_BINARY)]));
        };
        if let Ok(value) = serde_json::from_str::<serde_json::Value>(text)
            && let Ok(pretty) = serde_json::to_string_pretty(&value)
            && (value.is_object() || value.is_array())
        {
            return Self::Json(pretty);
        }
        if content_type.starts_with("application/x-www-form-urlencoded") {
            return Self::Form(form_urlencoded::parse(bytes).into_owned().collect());
        }
        Self::Text(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_shown_by_what_it_is() {
        let form = "application/x-www-form-urlencoded; charset=utf-8";
        let table = [
            ("", &b""[..], Body::Empty),
            (
                "text/plain",
                b"{\"a\":1}",
                Body::Json("{\n  \"a\": 1\n}".into()),
            ),
            (
                form,
                b"phone=%2B7&x=",
                Body::Form(vec![
                    ("phone".into(), "+7".into()),
                    ("x".into(), String::new()),
                ]),
            ),
            ("application/json", b"{broken", Body::Text("{broken".into())),
            ("", b"\xff\x00", Body::Binary("ff00".into())),
        ];
        for (content_type, bytes, expected) in table {
            assert_eq!(Body::new(content_type, bytes), expected);
        }
    }

    #[test]
    fn a_deep_body_is_shown_as_text() {
        let deep = "[".repeat(10_000);
        assert_eq!(
            Body::new("application/json", deep.as_bytes()),
            Body::Text(deep)
        );
    }
}
