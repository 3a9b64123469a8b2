//! The one border between our errors and HTTP, and the extractors that make bad input look like
//! ours.
//!
//! Programs get problem details (RFC 9457). What went wrong inside is logged here, once, in the span
//! of its request, and is not shown.

mod body;
mod extract;

pub use body::{DRAINED, Unread, bounded};
pub use extract::{Json, Path, Query};

use crate::store::StoreError;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use tracing::error;

/// An answer that is not the asked-for one.
#[derive(Debug)]
pub struct HttpError {
    pub status: StatusCode,
    /// Stable name, for programs.
    pub id: &'static str,
    /// What happened, to which thing, and what to do.
    pub detail: String,
    /// Each wrong field of a refused body.
    pub problems: Vec<FieldProblem>,
    pub retry_after_s: Option<u32>,
    /// For the log alone.
    pub cause: Option<anyhow::Error>,
}

/// What is wrong with one field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct FieldProblem {
    /// Path of the field: `settings.messengers[0].channel`.
    pub field: String,
    pub detail: String,
}

impl FieldProblem {
    pub fn new(field: impl Into<String>, detail: impl Into<String>) -> Self {
        FieldProblem {
            field: field.into(),
            detail: detail.into(),
        }
    }
}

/// The body of an error, RFC 9457.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Problem {
    /// `urn:skvoz:problem:` and the `id`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The same for every problem of this `id`.
    pub title: String,
    pub status: u16,
    /// What happened here and what to do.
    pub detail: String,
    /// Stable name: `not_found`, `invalid`, `unauthorized`, …
    pub id: String,
    /// Each wrong field of a refused body.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldProblem>,
}

pub type HttpResult<T> = Result<T, HttpError>;

impl HttpError {
    pub fn new(status: StatusCode, id: &'static str, detail: impl Into<String>) -> Self {
        HttpError {
            status,
            id,
            detail: detail.into(),
            problems: Vec::new(),
            retry_after_s: None,
            cause: None,
        }
    }

    /// 400: the request cannot be read.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", detail)
    }

    /// 401: no key or login, or a wrong one.
    pub fn unauthorized(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
    }

    /// 403: known, and not allowed to.
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", detail)
    }

    /// 404: `what` is a noun, "communication 7".
    pub fn not_found(what: impl std::fmt::Display) -> Self {
        let detail = format!("{what} does not exist");
        Self::new(StatusCode::NOT_FOUND, "not_found", detail)
    }

    /// 409: it would contradict what is there.
    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", detail)
    }

    /// 422: readable, and its content is refused field by field.
    pub fn invalid(problems: Vec<FieldProblem>) -> Self {
        let lines: Vec<String> = problems
            .iter()
            .map(|problem| format!("`{}`: {}", problem.field, problem.detail))
            .collect();
        HttpError {
            problems,
            ..Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "invalid",
                lines.join("; "),
            )
        }
    }

    /// 500: our fault; the cause goes to the log.
    pub fn internal(cause: impl Into<anyhow::Error>) -> Self {
        HttpError {
            cause: Some(cause.into()),
            ..Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                "something went wrong inside the hub; its log says what, under this request's id",
            )
        }
    }

    /// 503: not now.
    pub fn unavailable(detail: impl Into<String>, retry_after_s: u32) -> Self {
        HttpError {
            retry_after_s: Some(retry_after_s),
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail)
        }
    }

    /// The body for programs.
    pub fn problem(&self) -> Problem {
        Problem {
            kind: format!("urn:skvoz:problem:{}", self.id),
            title: title(self.id, self.status).to_string(),
            status: self.status.as_u16(),
            detail: self.detail.clone(),
            id: self.id.to_string(),
            errors: self.problems.clone(),
        }
    }

    /// Writes the inner cause to the log, if there is one.
    pub fn log(&self) {
        if let Some(cause) = &self.cause {
            error!(problem.id = self.id, "Request failed: {cause:#}");
        }
    }
}

fn title(id: &str, status: StatusCode) -> &'static str {
    match id {
        "bad_request" => "The request cannot be read",
        "unauthorized" => "A valid API key is needed",
        "forbidden" => "This is not allowed",
        "not_found" => "There is no such thing",
        "conflict" => "It contradicts what is there",
        "invalid" => "Some fields are wrong",
        "unavailable" => "Not possible right now",
        _ => status.canonical_reason().unwrap_or("Error"),
    }
}

impl From<StoreError> for HttpError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound(what) => HttpError::not_found(what),
            StoreError::Conflict(detail) => HttpError::conflict(detail),
            StoreError::Unavailable(cause) => HttpError {
                cause: Some(anyhow::anyhow!(cause)),
                ..HttpError::unavailable("the store cannot write now; send it again later", 5)
            },
            StoreError::Other(cause) => HttpError::internal(cause),
        }
    }
}

impl IntoResponse for HttpError {
    fn into_response(self) -> Response {
        self.log();
        let body = serde_json::to_vec(&self.problem()).expect("a problem is plain JSON");
        let mut response = (self.status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}
