//! Doors for machines: is it alive, may it get requests, what do its counters say.

use crate::http_error::HttpError;
use crate::hub::{Hub, Stop};
use axum::Router;
use axum::extract::State;
use axum::routing::get;
use http::header;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// How often old samples of the counters are dropped.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

pub fn router() -> Router<Arc<Hub>> {
    counters();
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(figures))
}

/// The process may get requests: its store answers.
async fn ready(State(hub): State<Arc<Hub>>) -> Result<&'static str, HttpError> {
    hub.store.ping().await.map_err(|error| HttpError {
        cause: Some(error.into()),
        ..HttpError::unavailable("the store does not answer", 5)
    })?;
    Ok("ready\n")
}

async fn figures() -> impl axum::response::IntoResponse {
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], counters().render())
}

/// The one recorder of the process.
fn counters() -> &'static PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(|| {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        // Somebody who embeds the hub may have set a recorder of his own; ours then stays empty.
        let _ = metrics::set_global_recorder(recorder);
        handle
    })
}

/// Keeps the counters small.
pub async fn upkeep(stop: Stop) {
    while tokio::time::timeout(UPKEEP_EVERY, stop.asked())
        .await
        .is_err()
    {
        counters().run_upkeep();
    }
}
