//! What surrounds the doors for people and programs: a name for each request, a line in the log, an
//! answer after a panic, a limit of time and packed answers. The intake has none of it but its own.

use crate::http_error::HttpError;
use crate::hub::Hub;
use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode};
use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::timeout::TimeoutLayer;
use tracing::{Instrument, error, info, info_span};

/// Longest a page or an answer of the API may take.
const TIME_LIMIT: Duration = Duration::from_secs(60);

static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Puts the layers around a router.
pub fn careful(router: Router<Arc<Hub>>) -> Router<Arc<Hub>> {
    router
        .layer(CatchPanicLayer::custom(after_panic))
        .layer(TimeoutLayer::with_status_code(
            StatusCode::SERVICE_UNAVAILABLE,
            TIME_LIMIT,
        ))
        .layer(CompressionLayer::new())
        .layer(from_fn(told))
}

/// Names the request, tells the log how it ended and counts it.
async fn told(request: Request, next: Next) -> Response {
    let id = uuid::Uuid::now_v7().simple().to_string();
    let method = request.method().clone();
    // The route, not the address: that may hold what people searched for.
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("", MatchedPath::as_str)
        .to_string();
    let span = info_span!("request", request.id = %id, %method, route);
    let began = Instant::now();
    let mut response = next.run(request).instrument(span.clone()).await;
    let status = response.status().as_u16();
    let _in = span.enter();
    info!(
        status,
        elapsed_ms = began.elapsed().as_millis() as u64,
        "Answered {status}"
    );
    let labels = [("route", route), ("status", status.to_string())];
    metrics::counter!("skvoz_http_requests_total", &labels).increment(1);
    let id = HeaderValue::from_str(&id).expect("hexadecimal digits are a header value");
    response.headers_mut().insert(REQUEST_ID.clone(), id);
    response
}

fn after_panic(panic: Box<dyn Any + Send>) -> Response {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    error!("A handler panicked: {text}");
    HttpError::internal(anyhow::anyhow!("panic")).into_response()
}
