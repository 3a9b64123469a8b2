//! Readers of requests whose refusals are problem details with a message a person can act on.

use super::HttpError;
use axum::body::Bytes;
use axum::extract::path::ErrorKind;
use axum::extract::rejection::{JsonRejection, PathRejection};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::response::IntoResponse;
use http::StatusCode;
use http::request::Parts;
use serde::de::DeserializeOwned;

/// A JSON body, whatever its declared type.
#[derive(Debug)]
pub struct Json<T>(pub T);

/// The query; unknown parameters are refused where `T` denies unknown fields.
#[derive(Debug)]
pub struct Query<T>(pub T);

/// The variable parts of the path.
#[derive(Debug)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = HttpError;

    async fn from_request(request: Request, state: &S) -> Result<Self, HttpError> {
        let bytes =
            Bytes::from_request(request, state)
                .await
                .map_err(|rejection| match rejection.status() {
                    StatusCode::PAYLOAD_TOO_LARGE => HttpError::new(
                        StatusCode::PAYLOAD_TOO_LARGE,
                        "too_large",
                        "the body is too large",
                    ),
                    _ => HttpError::bad_request("the body ended before its time"),
                })?;
        match axum::Json::<T>::from_bytes(&bytes) {
            Ok(axum::Json(value)) => Ok(Json(value)),
            Err(JsonRejection::JsonDataError(error)) => {
                Err(HttpError::bad_request(last_part(&error.body_text())))
            }
            Err(error) => Err(HttpError::bad_request(format!(
                "the body is not JSON: {}",
                last_part(&error.body_text())
            ))),
        }
    }
}

impl<T: serde::Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> axum::response::Response {
        axum::Json(self.0).into_response()
    }
}

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Query<T> {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, HttpError> {
        axum::extract::Query::<T>::try_from_uri(&parts.uri)
            .map(|axum::extract::Query(value)| Query(value))
            .map_err(|error| {
                let text = error.body_text();
                let text =
                    last_part(&text).replace("invalid digit found in string", "give a number");
                HttpError::bad_request(format!("query: {text}"))
            })
    }
}

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, HttpError> {
        axum::extract::Path::<T>::from_request_parts(parts, state)
            .await
            .map(|axum::extract::Path(value)| Path(value))
            .map_err(|rejection| HttpError::bad_request(no_id(rejection)))
    }
}

/// The variable parts of our paths are ids.
fn no_id(rejection: PathRejection) -> String {
    if let PathRejection::FailedToDeserializePathParams(error) = &rejection
        && let ErrorKind::ParseError { value, .. } | ErrorKind::ParseErrorAtKey { value, .. } =
            error.kind()
    {
        return format!("address: `{value}` is no id; give a number");
    }
    format!("address: {}", last_part(&rejection.body_text()))
}

/// The library's messages begin with what it tried to do, which says nothing to the caller.
fn last_part(text: &str) -> &str {
    const BEGINNINGS: [&str; 4] = [
        "Failed to deserialize the JSON body into the target type: ",
        "Failed to parse the request body as JSON: ",
        "Failed to deserialize query string: ",
        "Invalid URL: ",
    ];
    BEGINNINGS
        .iter()
        .find_map(|beginning| text.strip_prefix(beginning))
        .unwrap_or(text)
}
