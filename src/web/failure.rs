//! The page of what could not be done: what happened, and a way out.

use super::{Guest, Page};
use askama::Template;
use axum::response::{Html, IntoResponse, Response};
use http::{StatusCode, header};

#[derive(Template)]
#[template(path = "failure.html")]
pub struct FailurePage {
    pub page: Page,
    pub status: u16,
    pub title: String,
    pub text: String,
}

impl FailurePage {
    pub fn new(page: Page, status: StatusCode) -> Self {
        let word = match status {
            StatusCode::NOT_FOUND => "not_found",
            StatusCode::FORBIDDEN => "forbidden",
            StatusCode::CONFLICT => "conflict",
            StatusCode::METHOD_NOT_ALLOWED => "not_found",
            StatusCode::SERVICE_UNAVAILABLE => "unavailable",
            status if status.is_client_error() => "bad_request",
            _ => "internal",
        };
        Self {
            status: status.as_u16(),
            title: page.text(&format!("failure.{word}")).to_owned(),
            text: page.text(&format!("failure.{word}_text")).to_owned(),
            page,
        }
    }
}

/// Tells of a failed answer; what went wrong inside is in the log.
pub fn page(guest: &Guest, failed: &Response) -> Response {
    let shown = FailurePage::new(guest.page(), failed.status());
    let body = shown.render().unwrap_or_else(|_| shown.title.clone());
    let mut response = (failed.status(), Html(body)).into_response();
    for name in [header::RETRY_AFTER, header::ALLOW] {
        if let Some(value) = failed.headers().get(&name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    response
}
