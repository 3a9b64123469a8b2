//! JSON for programs: `/api/v1/<noun>`, a file for each noun.
//!
//! A key belongs to one workspace, and every answer is narrowed to it. The description at
//! `/api/v1/openapi.json` is made from the handlers themselves.

mod campaigns;
mod communications;
mod employees;
mod goals;
mod integrations;
mod key;
mod list;
mod preview;
mod raw_events;
mod rules;
mod shapes;
mod sites;
mod sources;
mod tags;
mod visits;

use crate::http_error::HttpError;
use crate::hub::Hub;
use axum::Router;
use axum::routing::{any, get};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use std::sync::Arc;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;

/// Where the description is served.
pub const DESCRIPTION: &str = "/api/v1/openapi.json";

/// The API and its description.
pub fn router() -> Router<Arc<Hub>> {
    let (routes, description) = described().split_for_parts();
    let description = serde_json::to_string(&description).expect("a description is plain JSON");
    let description: Arc<str> = description.into();
    let kind = [(CONTENT_TYPE, "application/json")];
    routes
        .method_not_allowed_fallback(wrong_method)
        .route(
            DESCRIPTION,
            get(move || async move { (kind, description.to_string()) }),
        )
        .route("/api/{*rest}", any(no_such_address))
}

/// The full list of nouns.
fn described() -> OpenApiRouter<Arc<Hub>> {
    let nouns = OpenApiRouter::new()
        .merge(sites::router())
        .merge(integrations::router())
        .merge(preview::router())
        .merge(campaigns::router())
        .merge(sources::router())
        .merge(employees::router())
        .merge(tags::router())
        .merge(communications::router())
        .merge(visits::router())
        .merge(goals::router())
        .merge(raw_events::router())
        .merge(rules::router());
    OpenApiRouter::with_openapi(Description::openapi()).nest("/api/v1", nouns)
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Skvoz",
        description = "Chats, offline leads, callbacks and goals with the visits they came from and the \
                       campaigns and sources that got them. Times are RFC 3339, UTC. Lists are read \
                       page by page with `limit` and `cursor`. Errors are problem details (RFC 9457)."
    ),
    modifiers(&BearerKey),
    security(("key" = []))
)]
struct Description;

struct BearerKey;

impl Modify for BearerKey {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        let components = openapi.components.get_or_insert_default();
        components.add_security_scheme("key", scheme);
    }
}

async fn no_such_address(uri: http::Uri) -> HttpError {
    HttpError::not_found(format!("the address {}", uri.path()))
}

async fn wrong_method(method: http::Method, uri: http::Uri) -> HttpError {
    HttpError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        format!(
            "{} does not take {method}; {DESCRIPTION} lists what it takes",
            uri.path()
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Routes as the sources name them: `path = "/…"` after the method.
    fn routes_in_sources() -> Vec<String> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/api");
        let files = std::fs::read_dir(folder).unwrap();
        let mut paths = Vec::new();
        for file in files {
            let Ok(text) = std::fs::read_to_string(file.unwrap().path()) else {
                continue; // A folder.
            };
            paths.extend(
                text.split("path = \"/")
                    .skip(1)
                    .map(|rest| format!("/api/v1/{}", rest.split('"').next().unwrap())),
            );
        }
        paths
    }

    #[test]
    fn every_route_is_in_the_description() {
        let description = described().split_for_parts().1;
        let paths = routes_in_sources();
        assert!(paths.len() >= 25, "{paths:?}");
        for path in paths {
            assert!(
                description.paths.paths.contains_key(&path),
                "{path} is not described"
            );
        }
    }

    #[test]
    fn every_operation_is_explained_and_says_how_it_fails() {
        let description = serde_json::to_value(described().split_for_parts().1).unwrap();
        for (path, item) in description["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let summary = operation["summary"].as_str().unwrap_or_default();
                assert!(!summary.is_empty(), "{method} {path} has no summary");
                let answers = operation["responses"].as_object().unwrap();
                assert!(
                    answers.contains_key("default"),
                    "{method} {path} names no error"
                );
                assert!(
                    answers.keys().any(|status| status.starts_with('2')),
                    "{method} {path}"
                );
            }
        }
    }
}
