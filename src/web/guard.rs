//! What surrounds every page: it may load nothing foreign, forms of other sites are refused, and a
//! failure is told as a page with a way out.

use super::Guest;
use super::failure;
use crate::http_error::HttpError;
use crate::hub::Hub;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use std::sync::Arc;
use url::Url;

const HEADERS: [(HeaderName, &str); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
         font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; \
         frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "same-origin"),
    (header::CACHE_CONTROL, "no-store"),
    (header::X_FRAME_OPTIONS, "DENY"),
];

pub async fn guard(State(hub): State<Arc<Hub>>, request: Request, next: Next) -> Response {
    let guest = Guest::of(&hub, request.headers(), request.uri());
    let is_page = request.extensions().get::<MatchedPath>().is_some();
    let for_people = is_page || wants_page(request.headers());
    let is_change = !matches!(*request.method(), Method::GET | Method::HEAD);
    let response = match is_page && is_change && !is_own(&hub, request.headers()) {
        true => HttpError::forbidden("the form was sent by another site").into_response(),
        false => next.run(request).await,
    };
    let mut response = match for_people && is_bare_failure(&response) {
        true => failure::page(&guest, &response),
        false => response,
    };
    for (name, value) in HEADERS {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

fn wants_page(headers: &HeaderMap) -> bool {
    let accept = headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/html"))
}

/// A failure that has no page yet.
fn is_bare_failure(response: &Response) -> bool {
    let kind = response
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let status = response.status();
    (status.is_client_error() || status.is_server_error())
        && !kind.is_some_and(|kind| kind.starts_with("text/html"))
}

/// The form was sent by a page of this hub: by the address in the browser or by the public one.
fn is_own(hub: &Hub, headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let sender = text(header::ORIGIN).or_else(|| text(header::REFERER));
    let Some(sender) = sender.and_then(|sender| Url::parse(sender).ok()) else {
        return false;
    };
    let here = text(header::HOST).map(|host| format!("{}://{host}", sender.scheme()));
    let own = [here.as_deref(), Some(hub.public_url.as_str())];
    own.into_iter()
        .flatten()
        .filter_map(|own| Url::parse(own).ok())
        .any(|own| {
            own.host() == sender.host()
                && own.port_or_known_default() == sender.port_or_known_default()
        })
}
