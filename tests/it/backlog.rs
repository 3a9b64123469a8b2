//! A backlog deeper than one claim, and conversations of which it is full.

use crate::hub::{TestHub, at};
use crate::vendors::talkme;
use jiff::SignedDuration;
use serde_json::{Value, json};
use skvoz::model::{Address, CommunicationKind, RawState, SetAsideReason};
use skvoz::pipeline;
use skvoz::store::NewRawEvent;

const CLIENTS: usize = 7;
const WORDS: usize = 20;

/// A hub that claims many raw events and writes two conversations at a time, with a backlog that came
/// while nobody was told: every client says something in turn, and something unknown comes between.
async fn hub_with_backlog() -> TestHub {
    let hub = TestHub::start_with(|config| {
        config.pipeline.claim = 60;
        config.pipeline.batch = 2;
        config.pipeline.tick_s = 3600;
    })
    .await;
    let verbox = hub.integration("verbox").await;
    for word in 0..WORDS {
        let when = at("10:00") + SignedDuration::from_secs(word as i64);
        let mut bodies: Vec<Value> = (0..CLIENTS)
            .map(|client| talkme::flat(&format!("client-{client}"), &format!("Word {word}")))
            .collect();
        bodies.push(json!({"moon": "landed"}));
        for body in bodies {
            let raw = NewRawEvent {
                workspace: verbox.workspace,
                integration: verbox.id,
                provider: verbox.provider.into(),
                address: Address::Chats,
                method: "POST".into(),
                query: String::new(),
                headers: vec![("content-type".into(), "application/json".into())],
                body: body.to_string().into_bytes(),
                received_at: when,
                state: RawState::Pending,
                reason: None,
                detail: None,
            };
            hub.hub.store.keep_raw(raw).await.unwrap();
        }
    }
    hub
}

async fn assert_worked_off(hub: &TestHub) {
    hub.settle().await;
    let chats = hub.communications().await;
    assert_eq!(chats.len(), CLIENTS);
    for chat in &chats {
        assert_eq!(chat.kind, CommunicationKind::Chat);
        let words: Vec<_> = chat.messages.iter().map(|line| line.text.clone()).collect();
        let said: Vec<_> = (0..WORDS).map(|word| format!("Word {word}")).collect();
        assert_eq!(words, said);
    }
    let states = hub.states().await;
    let done = states.iter().filter(|(state, _)| *state == RawState::Done);
    let aside = states
        .iter()
        .filter(|(_, reason)| *reason == Some(SetAsideReason::WrongShape));
    assert_eq!((done.count(), aside.count()), (CLIENTS * WORDS, WORDS));
}

#[tokio::test]
async fn a_deep_backlog_of_few_conversations_is_worked_off_whole() {
    let hub = hub_with_backlog().await;
    assert_worked_off(&hub).await;
    // Each claim writes a conversation once, however many of its events it holds.
    let claims = ((CLIENTS + 1) * WORDS).div_ceil(60) as i64;
    for chat in hub.communications().await {
        assert!(chat.version <= 2 * claims, "{} writes", chat.version);
    }
}

#[tokio::test]
async fn several_who_work_on_the_same_conversations_lose_nothing() {
    let hub = hub_with_backlog().await;
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let hub = hub.hub.clone();
        workers.spawn(async move { while pipeline::process_pending(&hub).await.unwrap() {} });
    }
    workers.join_all().await;
    assert_worked_off(&hub).await;
}
