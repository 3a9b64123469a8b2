//! The load and the account of it: what was sent, what was acknowledged, what the hub has of it.
//!
//! Conversations are numbered. Each has an e-mail of its own, by which its communication is found,
//! and each of its requests a mark, by which its raw event is found.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use regex::Regex;
use serde_json::{Value, json};

use crate::api::Api;

/// How long the second stage may take to catch up.
const SETTLE_LIMIT: Duration = Duration::from_secs(60);

/// A conversation and the place of a request in it.
pub type Mark = (u64, usize);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// 2xx was read.
    Acked,
    /// The hub answered that it did not take it.
    Refused,
    /// The connection broke: taken or not, nobody knows.
    InDoubt,
}

#[derive(Default)]
pub struct Ledger {
    next: AtomicU64,
    sent: Mutex<BTreeMap<Mark, Outcome>>,
}

/// One burst of load; ends at the count, at the stop, or when the hub is gone.
pub struct Burst {
    pub connections: usize,
    pub conversations: u64,
    stop: AtomicBool,
}

impl Burst {
    pub fn new(connections: usize, conversations: u64) -> Self {
        Self {
            connections,
            conversations,
            stop: AtomicBool::new(false),
        }
    }

    pub fn stop(&self) {
        self.stop.store(true, Ordering::SeqCst);
    }

    fn over(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }
}

impl Ledger {
    /// Sends new conversations over several connections. A refused request is tried again.
    pub async fn load(&self, api: &Api, address: &str, burst: &Burst) {
        let end = self.next.load(Ordering::SeqCst) + burst.conversations;
        let workers = (0..burst.connections).map(|_| async {
            while !burst.over() {
                let number = self.next.fetch_add(1, Ordering::SeqCst);
                if number >= end || !self.converse(api, address, burst, number).await {
                    return;
                }
            }
        });
        futures_util::future::join_all(workers).await;
    }

    /// False when the connection broke.
    async fn converse(&self, api: &Api, address: &str, burst: &Burst, number: u64) -> bool {
        for part in 0..parts(number) {
            while !self.post(api, address, (number, part)).await {
                if burst.over() {
                    return true;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            if self.outcome((number, part)) == Outcome::InDoubt {
                return false;
            }
        }
        true
    }

    /// Posts one request and notes the outcome; false when it was refused.
    async fn post(&self, api: &Api, address: &str, mark: Mark) -> bool {
        let outcome = match api.post(address, body(mark)).await {
            Ok(answer) if answer.status.is_success() => Outcome::Acked,
            Ok(answer) => {
                let text = String::from_utf8_lossy(&answer.body);
                assert_eq!(answer.status, 503, "a webhook was answered: {text}");
                assert!(answer.retry_after, "503 without Retry-After: {text}");
                Outcome::Refused
            }
            Err(_) => Outcome::InDoubt,
        };
        self.sent
            .lock()
            .expect("no panic inside")
            .insert(mark, outcome);
        outcome != Outcome::Refused
    }

    fn outcome(&self, mark: Mark) -> Outcome {
        self.sent.lock().expect("no panic inside")[&mark]
    }

    pub fn with(&self, outcome: Outcome) -> Vec<Mark> {
        let sent = self.sent.lock().expect("no panic inside");
        sent.iter()
            .filter(|(_, o)| **o == outcome)
            .map(|(mark, _)| *mark)
            .collect()
    }

    /// Does what a provider does after a broken connection or a refusal: sends again.
    pub async fn repeat_unacked(&self, api: &Api, address: &str) {
        for mark in [self.with(Outcome::InDoubt), self.with(Outcome::Refused)].concat() {
            self.post(api, address, mark).await;
            assert_eq!(self.outcome(mark), Outcome::Acked, "repeat of {mark:?}");
        }
    }

    /// Waits for the second stage and compares the communications with what was acknowledged.
    pub async fn account(&self, api: &Api) -> Account {
        let pending = api.settle(SETTLE_LIMIT, |_| true).await;
        let seen = seen(api).await;
        let acked = self.acked();
        Account {
            acked: acked.len(),
            lost: acked
                .into_iter()
                .filter(|number| !seen.contains_key(number))
                .collect(),
            doubled: seen
                .into_iter()
                .filter(|(_, times)| *times > 1)
                .map(|(number, _)| number)
                .collect(),
            pending,
        }
    }

    /// Acknowledged conversations without a communication.
    pub async fn missing(&self, api: &Api) -> Vec<u64> {
        let seen = seen(api).await;
        self.acked()
            .into_iter()
            .filter(|number| !seen.contains_key(number))
            .collect()
    }

    fn acked(&self) -> BTreeSet<u64> {
        self.with(Outcome::Acked)
            .into_iter()
            .map(|(number, _)| number)
            .collect()
    }

    /// Acknowledged requests whose raw event is missing, or is not the bytes that were sent.
    pub async fn raw_lost(&self, api: &Api) -> Vec<Mark> {
        let events = api.list("/api/v1/raw-events").await;
        let kept: BTreeSet<Vec<u8>> = stream::iter(events)
            .map(|event| async move { api.raw_body(&event["id"]).await })
            .buffer_unordered(16)
            .collect()
            .await;
        let acked = self.with(Outcome::Acked);
        acked
            .into_iter()
            .filter(|mark| !kept.contains(body(*mark).as_bytes()))
            .collect()
    }
}

/// How many communications the hub has of each conversation.
async fn seen(api: &Api) -> BTreeMap<u64, usize> {
    let email = Regex::new(r"v(\d+)@faults\.example\.org").expect("a fixed pattern");
    let mut seen = BTreeMap::new();
    for communication in api.list("/api/v1/communications").await {
        let text = communication["contact"].to_string();
        let numbers: BTreeSet<u64> = email
            .captures_iter(&text)
            .map(|c| c[1].parse().expect("digits"))
            .collect();
        for number in numbers {
            *seen.entry(number).or_default() += 1;
        }
    }
    seen
}

#[derive(Debug)]
pub struct Account {
    /// Conversations with at least one acknowledged request.
    pub acked: usize,
    pub lost: Vec<u64>,
    pub doubled: Vec<u64>,
    /// Raw events that the second stage has not taken in time.
    pub pending: usize,
}

impl Account {
    pub fn assert_whole(&self, story: &str) {
        assert!(
            self.acked > 0,
            "{story}: nothing was acknowledged, so nothing is shown"
        );
        assert!(
            self.lost.is_empty(),
            "{story}: acknowledged and lost: {:?} of {}",
            self.lost,
            self.acked
        );
        assert!(
            self.doubled.is_empty(),
            "{story}: doubled: {:?}",
            self.doubled
        );
        assert_eq!(self.pending, 0, "{story}: raw events left pending");
    }
}

fn parts(number: u64) -> usize {
    if number.is_multiple_of(2) { 1 } else { 3 }
}

/// Even numbers are offline messages, odd ones chats of three events.
pub fn body((number, part): Mark) -> String {
    let visitor = json!({"number": number.to_string(), "name": format!("Visitor {number}"),
        "email": format!("v{number}@faults.example.org"), "phone": null,
        "description": format!("request {number}/{part}"), "chats_count": 1});
    let agent = json!({"id": "204", "name": "Pavel Orlov", "email": "p.orlov@example.org"});
    let mut event = json!({"widget_id": "73015", "visitor": visitor, "chat_id": 1_000_000 + number,
        "session": {"utm_json": {"source": "yandex", "medium": "cpc"}, "ip_addr": "203.0.113.24"},
        "page": {"url": "https://shop.example.org/sale?utm_source=yandex", "title": "Sale"}});
    let own = match (parts(number), part) {
        (1, _) => json!({"event_name": "offline_message", "message": format!("Question {number}"),
            "offline_message_id": 1_738_141_000_000 + number}),
        (_, 0) => json!({"event_name": "chat_accepted", "agent": agent}),
        (_, 1) => json!({"event_name": "chat_updated", "agent": agent}),
        _ => {
            json!({"event_name": "chat_finished", "agents": [agent], "plain_messages": "", "html_messages": "",
            "chat": {"rate": null, "blacklisted": false, "messages": [
                {"type": "visitor", "timestamp": 1_738_140_702, "message": format!("Question {number}")}]}})
        }
    };
    let (Value::Object(event), Value::Object(own)) = (&mut event, own) else {
        unreachable!("both are objects")
    };
    event.extend(own);
    serde_json::to_string(event).expect("plain JSON")
}
