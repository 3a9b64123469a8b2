//! A provider's REST API for a story: answers addresses with what the story says and remembers what
//! was asked.

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::Value;
use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

#[derive(Clone, Default)]
pub struct Vendor {
    answers: Arc<Mutex<HashMap<String, Value>>>,
    refusals: Arc<Mutex<VecDeque<u16>>>,
    asked: Arc<Mutex<Vec<(String, String)>>>,
}

impl Vendor {
    /// Starts it on a free port.
    pub async fn start() -> (Vendor, SocketAddr) {
        let vendor = Vendor::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = Router::new().fallback(answer).with_state(vendor.clone());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        (vendor, address)
    }

    /// What a path is answered with.
    pub fn answers(&self, path: &str, data: Value) {
        self.answers.lock().unwrap().insert(path.into(), data);
    }

    /// The next request is refused with this status.
    pub fn refuses_once(&self, status: u16) {
        self.refusals.lock().unwrap().push_back(status);
    }

    /// Paths that were asked, with their `Authorization`.
    pub fn asked(&self) -> Vec<(String, String)> {
        self.asked.lock().unwrap().clone()
    }
}

async fn answer(State(vendor): State<Vendor>, request: Request) -> Response {
    let path = request.uri().path().to_string();
    let key = request.headers().get("authorization");
    let key = key.map_or("", |key| key.to_str().unwrap()).to_string();
    vendor.asked.lock().unwrap().push((path.clone(), key));
    if let Some(status) = vendor.refusals.lock().unwrap().pop_front() {
        let status = StatusCode::from_u16(status).unwrap();
        return (status, [("retry-after", "7")], "{}").into_response();
    }
    match vendor.answers.lock().unwrap().get(&path) {
        Some(data) => axum::Json(data.clone()).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
