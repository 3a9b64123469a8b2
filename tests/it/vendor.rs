//! A stand-in for the REST API of a vendor: it tells what it was told, refuses when it was told to,
//! and remembers what it was asked.

use crate::hub::with;
use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde_json::{Value, json};
use skvoz::hub::Clock;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{Notify, watch};

/// The stand-in; gone with the test.
pub struct Vendor {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    records: Mutex<HashMap<String, Value>>,
    refusals: Mutex<HashMap<String, Refusal>>,
    asked: Mutex<Vec<Asked>>,
    new: Notify,
    /// Questions for addresses that end so are heard and not answered.
    silent: watch::Sender<Option<&'static str>>,
    clock: Clock,
}

/// How one question is refused.
struct Refusal {
    status: u16,
    retry_after_s: Option<u32>,
    error: String,
}

/// A question as it came.
#[derive(Clone, Debug)]
pub struct Asked {
    pub path: String,
    pub authorization: String,
}

impl Vendor {
    /// Every question takes two seconds of the clock, so that nobody need wait for his turn.
    pub async fn start(clock: &Clock) -> Vendor {
        let shared = Arc::new(Shared {
            records: Mutex::default(),
            refusals: Mutex::default(),
            asked: Mutex::default(),
            new: Notify::new(),
            silent: watch::Sender::new(None),
            clock: clock.clone(),
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().fallback(answer).with_state(shared.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Vendor { address, shared }
    }

    pub fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Tells this record from now on.
    pub fn set(&self, path: &str, record: Value) {
        self.shared
            .records
            .lock()
            .unwrap()
            .insert(path.into(), record);
    }

    /// Lays fields over a record.
    pub fn change(&self, path: &str, over: Value) {
        let mut records = self.shared.records.lock().unwrap();
        let record = records.remove(path).expect("the record is there");
        records.insert(path.into(), with(record, over));
    }

    /// Refuses the next question for this record.
    pub fn refuse(&self, path: &str, status: u16, retry_after_s: Option<u32>, error: &str) {
        let refusal = Refusal {
            status,
            retry_after_s,
            error: error.into(),
        };
        self.shared
            .refusals
            .lock()
            .unwrap()
            .insert(path.into(), refusal);
    }

    /// Hears questions for addresses that end so and answers, with what was true then, when it
    /// speaks again.
    pub fn be_silent(&self, about: &'static str) {
        self.shared.silent.send_replace(Some(about));
    }

    pub fn speak(&self) {
        self.shared.silent.send_replace(None);
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.shared.asked.lock().unwrap().clone()
    }

    /// Waits until so many questions have come.
    pub async fn until_asked(&self, count: usize) {
        let enough = async {
            while self.asked().len() < count {
                self.shared.new.notified().await;
            }
        };
        let in_time = tokio::time::timeout(Duration::from_secs(10), enough);
        in_time.await.expect("the hub never asked");
    }
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    shared.clock.advance(Duration::from_secs(2));
    let authorization = request.headers().get(header::AUTHORIZATION);
    shared.asked.lock().unwrap().push(Asked {
        path: request.uri().to_string(),
        authorization: authorization
            .map(|value| value.to_str().unwrap().to_owned())
            .unwrap_or_default(),
    });
    shared.new.notify_one();
    let record = shared.records.lock().unwrap().get(&path).cloned();
    let mut silent = shared.silent.subscribe();
    let may_answer = |about: &Option<&str>| about.is_none_or(|about| !path.ends_with(about));
    let _ = silent.wait_for(may_answer).await;
    let refusal = shared.refusals.lock().unwrap().remove(&path);
    if let Some(refusal) = refusal {
        return refuse(&refusal);
    }
    match record {
        Some(data) => axum::Json(json!({"meta": {"status": 200}, "data": data})).into_response(),
        None => refuse(&Refusal {
            status: 400,
            retry_after_s: None,
            error: "LookupError".into(),
        }),
    }
}

fn refuse(refusal: &Refusal) -> Response {
    let status = StatusCode::from_u16(refusal.status).unwrap();
    let meta = json!({"meta": {"status": refusal.status, "error": refusal.error}, "data": null});
    let mut response = (status, axum::Json(meta)).into_response();
    if let Some(seconds) = refusal.retry_after_s {
        let headers = response.headers_mut();
        headers.insert(header::RETRY_AFTER, seconds.into());
    }
    response
}
