//! Many copies of a hundred events at once: one communication each, and one answer to all copies.

use std::collections::{BTreeSet, HashSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use reqwest::Method;
use serde_json::{Value, json};

use crate::api::{Addresses, Answer, Api};
use crate::hub::Install;
use crate::ledger::body;
use crate::settings;

const EVENTS: usize = 100;
const CONNECTIONS: usize = 64;

/// One event as a provider sends it.
struct Event {
    address: String,
    content_type: &'static str,
    body: String,
    email: String,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copies_of_a_hundred_events_give_a_hundred_communications() {
    let mut random = StdRng::seed_from_u64(settings::seed());
    let install = Install::init().await;
    let mut hub = install.serve(&[]).await;
    let site = install.printed.site_id;
    let (_, jivosite) = hub.api.integration("jivosite", site, json!({})).await;
    let (_, leadback) = hub.api.integration("leadback", site, json!({})).await;
    let events: Vec<Event> = (0..EVENTS)
        .map(|number| event(number, &jivosite, &leadback))
        .collect();
    let mut order: Vec<usize> = (0..settings::copies().max(EVENTS))
        .map(|copy| copy % EVENTS)
        .collect();
    order.shuffle(&mut random);

    let answers = send_all(&hub.api, &events, &order).await;
    for (event, answers) in events.iter().zip(&answers) {
        let all: Vec<_> = answers
            .iter()
            .map(|a| (a.status, String::from_utf8_lossy(&a.body)))
            .collect();
        assert_eq!(
            all.len(),
            1,
            "different answers to copies of {}: {all:?}",
            event.body
        );
        assert_eq!(all[0].0, 200, "{all:?}");
    }
    assert_eq!(
        hub.api.settle(Duration::from_secs(120), |_| true).await,
        0,
        "raw events left pending"
    );
    let communications = hub.api.list("/api/v1/communications").await;
    let emails: BTreeSet<String> = communications.iter().flat_map(emails_of).collect();
    let expected: BTreeSet<String> = events.into_iter().map(|event| event.email).collect();
    assert_eq!(emails, expected);
    assert_eq!(communications.len(), EVENTS, "{} copies", order.len());
    hub.assert_well();
}

/// Chats, offline messages and callbacks, in JSON and in forms.
fn event(number: usize, jivosite: &Addresses, leadback: &Addresses) -> Event {
    if number.is_multiple_of(3) {
        let email = format!("callback{number}@faults.example.org");
        let body = format!(
            "id_call={}&callback_phone=7903555{number:04}&email={email}&site=shop.example.org",
            884_000 + number
        );
        let content_type = "application/x-www-form-urlencoded";
        return Event {
            address: leadback["chats"].clone(),
            content_type,
            body,
            email,
        };
    }
    let email = format!("v{number}@faults.example.org");
    Event {
        address: jivosite["chats"].clone(),
        content_type: "application/json",
        body: body((number as u64, 0)),
        email,
    }
}

/// Sends in the given order over all connections; the different answers to each event.
async fn send_all(api: &Api, events: &[Event], order: &[usize]) -> Vec<HashSet<Answer>> {
    let next = AtomicUsize::new(0);
    let answers = Mutex::new(vec![HashSet::new(); events.len()]);
    let workers = (0..CONNECTIONS).map(|_| async {
        while let Some(&number) = order.get(next.fetch_add(1, Ordering::SeqCst)) {
            let event = &events[number];
            let headers = [("content-type".to_owned(), event.content_type.to_owned())];
            let answer = api
                .send(Method::POST, &event.address, &headers, event.body.clone())
                .await;
            let answer = answer.unwrap_or_else(|e| panic!("copy of {}: {e}", event.body));
            answers.lock().expect("no panic inside")[number].insert(answer);
        }
    });
    futures_util::future::join_all(workers).await;
    answers.into_inner().expect("no panic inside")
}

fn emails_of(communication: &Value) -> Vec<String> {
    let emails = communication["contact"]["emails"].as_array();
    emails
        .into_iter()
        .flatten()
        .filter_map(|email| Some(email.as_str()?.to_owned()))
        .collect()
}
