//! Replay: the same code and settings change nothing, newer ones update, and what a raw event no
//! longer tells is taken back.

use crate::hub::{TestHub, TestIntegration, at, visit, with};
use crate::vendors::{PHONE, carrot, dialogue, jivo, leadback, talkme};
use jiff::SignedDuration;
use serde_json::{Value, json};
use skvoz::model::{CommunicationKind, RawState, Strength};
use skvoz::pipeline;
use skvoz::store::{HistoryEntry, RawFilter, RawSelection};
use std::path::{Path, PathBuf};

/// Everything anybody can see of a communication, with its version and history.
async fn snapshot(hub: &TestHub) -> String {
    let mut seen = String::new();
    for communication in hub.communications().await {
        let history = hub.history(&communication).await;
        seen.push_str(&format!("{communication:#?}\n{history:#?}\n"));
    }
    seen
}

fn fixtures(provider: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("src/providers")
        .join(provider)
        .join("fixtures");
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "http"))
        .collect();
    found.sort();
    found
}

#[tokio::test]
async fn every_fixture_is_kept_and_its_replay_changes_nothing() {
    for provider in ["jivosite", "talkme", "verbox", "carrotquest", "leadback"] {
        let hub = TestHub::start().await;
        let mut sent = 0;
        for path in fixtures(provider) {
            let name = path.file_name().unwrap().to_string_lossy();
            // The answer to a question of ours comes by no door.
            if !name.starts_with("fetched_") {
                // Fixtures tell different things under one number, so each has its own account.
                let settings = json!({"offline_leads": true});
                let integration = hub.integration_with(provider, settings).await;
                let answer = integration.post_fixture(&path).await;
                assert!(answer.status.is_success(), "{provider} {name}: {answer:?}");
                sent += 1;
            }
        }
        hub.settle().await;
        assert_eq!(hub.inbox().await.len(), sent, "{provider}");
        let before = snapshot(&hub).await;
        assert!(before.len() > 1_000, "{provider} tells of nothing");
        for _ in 0..2 {
            hub.replay_all().await;
            let after = snapshot(&hub).await;
            assert!(
                before == after,
                "{provider}: {}",
                difference(&before, &after)
            );
        }
    }
}

fn difference(before: &str, after: &str) -> String {
    let lines = before.lines().zip(after.lines());
    let different = lines.filter(|(left, right)| left != right).take(10);
    different
        .map(|(left, right)| format!("\n- {left}\n+ {right}"))
        .collect()
}

#[tokio::test]
async fn a_webhook_sent_many_times_gives_one_communication_of_one_version() {
    let hub = TestHub::start().await;
    let jivo = hub.integration("jivosite").await;
    let body = jivo::finished(7, 4410, &dialogue("10:00"));
    for _ in 0..10 {
        jivo.post(&body).await.assert_ok();
    }
    hub.settle().await;
    jivo.post(&body).await.assert_ok();
    hub.settle().await;
    assert_eq!(hub.only().await.version, 1);
    let states = hub.states().await;
    let duplicates = states.iter().filter(|row| row.0 == RawState::Duplicate);
    assert_eq!(duplicates.count(), 10);
}

#[tokio::test]
async fn a_new_table_of_widgets_gives_an_old_chat_its_messenger() {
    let hub = TestHub::start().await;
    let jivo = hub.integration("jivosite").await;
    jivo.post(&jivo::finished(7, 4410, &dialogue("10:00")))
        .await
        .assert_ok();
    hub.settle().await;
    let before = hub.only().await;
    assert_eq!(before.channel.as_str(), "site");
    let widgets = json!([{"widget_id": "73015", "channel": "telegram"}]);
    set(&hub, &jivo, "widgets", widgets).await;
    hub.replay_all().await;
    let after = hub.only().await;
    assert_eq!(after.id, before.id);
    assert_eq!(after.channel.as_str(), "telegram");
    assert_eq!(after.version, before.version + 1);
}

async fn set(hub: &TestHub, integration: &TestIntegration, name: &str, value: Value) {
    let change = |row: &mut skvoz::store::IntegrationRow| {
        row.settings.own.insert(name.into(), value);
    };
    hub.change(integration, change).await;
}

#[tokio::test]
async fn a_corrected_field_map_moves_what_it_identifies_and_takes_the_old_back() {
    let hub = TestHub::start().await;
    let leadback = hub.integration("leadback").await;
    let body = json!({"id_call": 884, "order": "A-17", "callback_phone": PHONE,
        "second_phone": "89035550143", "date_create": "2026-08-06 13:00:00"});
    leadback.post(&body).await.assert_ok();
    hub.settle().await;
    let before = hub.only().await;
    assert_eq!(before.external_id, "884");
    let map = json!({"external_id": ["order"], "phone": ["second_phone"]});
    set(&hub, &leadback, "field_map", map).await;
    hub.replay_all().await;
    let after = hub.only().await;
    assert_eq!(after.external_id, "A-17");
    assert_eq!(after.contact.phones[0].as_str(), "+79035550143");
    let gone = hub.stored(before.id).await;
    assert!(gone.hidden.is_some());
    let again = snapshot(&hub).await;
    hub.replay_all().await;
    assert_eq!(again, snapshot(&hub).await);
}

#[tokio::test]
async fn a_corrected_kind_of_what_has_no_number_takes_the_old_back() {
    let hub = TestHub::start().await;
    let leadback = hub.integration("leadback").await;
    let body = json!({"tel": PHONE, "wish": "In the morning",
        "date_create": "2026-08-06 13:00:00"});
    leadback.post(&body).await.assert_ok();
    hub.settle().await;
    assert_eq!(hub.only().await.kind, CommunicationKind::Callback);
    set(&hub, &leadback, "field_map", json!({"message": ["wish"]})).await;
    hub.replay_all().await;
    assert_eq!(hub.only().await.kind, CommunicationKind::Chat);
    set(&hub, &leadback, "field_map", json!({})).await;
    hub.replay_all().await;
    assert_eq!(hub.only().await.kind, CommunicationKind::Callback);
}

#[tokio::test]
async fn a_corrected_time_zone_moves_a_chat_without_a_number_and_leaves_no_second_one() {
    let hub = TestHub::start().await;
    let talkme = hub.integration("talkme").await;
    let mut body = talkme::new_message(20, "client-1", 0, &dialogue("10:00")[0]);
    for name in ["dialogId", "dateTimeUTC"] {
        let message = body["data"]["message"].as_object_mut().unwrap();
        message.remove(name);
    }
    talkme.post(&body).await.assert_ok();
    hub.settle().await;
    let before = hub.only().await;
    assert_eq!(before.started_at, at("10:00"));
    set(&hub, &talkme, "timezone", json!("Asia/Yekaterinburg")).await;
    hub.replay_all().await;
    let after = hub.only().await;
    assert_eq!(after.id, before.id);
    assert_eq!(after.started_at, at("08:00"));
}

#[tokio::test]
async fn a_new_default_is_taken_by_a_replay_with_the_old_credit_in_the_history() {
    let hub = TestHub::start().await;
    let campaign = hub.campaign("spring").await;
    let jivo = hub.integration("jivosite").await;
    jivo.post(&jivo::finished(7, 4410, &dialogue("10:00")))
        .await
        .assert_ok();
    hub.settle().await;
    let before = hub.only().await;
    assert_eq!(before.credit.campaign, None);
    let target = skvoz::model::Target::Campaign {
        campaign_id: campaign,
    };
    hub.change(&jivo, |row| row.settings.default_target = Some(target))
        .await;
    hub.replay_all().await;
    let after = hub.only().await;
    assert_eq!(after.credit.campaign, Some(campaign));
    let former = HistoryEntry::Credit { was: before.credit };
    assert_eq!(hub.history(&after).await[0].entry, former);
}

#[tokio::test]
async fn a_replay_while_the_integration_is_off_takes_nothing_back() {
    let hub = TestHub::start().await;
    let jivo = hub.integration("jivosite").await;
    jivo.post(&jivo::finished(7, 4410, &dialogue("10:00")))
        .await
        .assert_ok();
    hub.settle().await;
    let before = hub.only().await;
    hub.change(&jivo, |row| row.active = false).await;
    hub.replay_all().await;
    assert_eq!(hub.only().await, before);
    hub.change(&jivo, |row| row.active = true).await;
    hub.replay_all().await;
    assert_eq!(hub.only().await, before);
}

#[tokio::test]
async fn a_contact_that_was_taken_back_leads_nobody_anywhere() {
    let hub = TestHub::start().await;
    hub.page("ira", "a", "10:00", "/").await;
    let ids = json!({"t": "ids", "c": crate::hub::visitor("ira"), "v": visit("a"),
        "at": at("10:01").as_millisecond(), "x": {"rs": 2048117}});
    hub.hit(ids).await;
    let leadback = hub.integration("leadback").await;
    let first = json!({"id_call": 1, "callback_phone": PHONE, "other": "89035550143",
        "roistat": "2048117", "date_create": "2026-08-06 13:05:00"});
    leadback.post(&first).await.assert_ok();
    let second = json!({"id_call": 2, "callback_phone": PHONE, "other": "89035550144",
        "date_create": "2026-08-06 13:30:00"});
    leadback.post(&second).await.assert_ok();
    hub.settle().await;
    let probable = hub.communication("2").await;
    assert_eq!(probable.link.strength, Strength::Probable);
    set(&hub, &leadback, "field_map", json!({"phone": ["other"]})).await;
    let first = hub.inbox().await[0].event.id;
    hub.replay(RawSelection::Ids(vec![first])).await;
    let alone = hub.communication("2").await;
    assert_eq!(alone.link.strength, Strength::Fallback);
}

#[tokio::test]
async fn a_chat_taken_back_gives_its_pop_up_lead_free() {
    let hub = TestHub::start().await;
    let carrot = hub.integration("carrotquest").await;
    let begun = carrot::event("$conversation_user_started", 1, "1702", "88", at("11:50"));
    carrot.post_form(&begun).await.assert_ok();
    let props = json!({"$phone": PHONE});
    let card = carrot::card("$phone_changed", 2, "88", props, at("11:55"));
    carrot.post_form(&card).await.assert_ok();
    hub.settle().await;
    let chat = hub.only().await;
    assert_eq!(chat.kind, CommunicationKind::Chat);
    // With a key the beginning of a chat is told otherwise, and a wrong name tells nothing.
    let row = hub.inbox().await.remove(0);
    let renamed = String::from_utf8(hub.raw(row.event.id).await.event.body)
        .unwrap()
        .replace("conversation_user_started", "session_start");
    overwrite(&hub, row.event.id.0, &renamed);
    hub.replay_all().await;
    let lead = hub.only().await;
    assert_eq!(lead.kind, CommunicationKind::OfflineLead);
}

/// Plays a newer reader that understands a raw event otherwise.
fn overwrite(hub: &TestHub, raw: i64, body: &str) {
    let store = rusqlite::Connection::open(hub.store_file()).unwrap();
    store
        .execute(
            "update raw_events set body = ?2 where id = ?1",
            rusqlite::params![raw, body.as_bytes()],
        )
        .unwrap();
}

#[tokio::test]
async fn the_earliest_arrival_of_a_repeated_event_is_kept_whatever_was_read_first() {
    let hub = TestHub::start().await;
    let jivo = hub.integration("jivosite").await;
    let body = with(jivo::offline_message(31, 4410), json!({}));
    hub.set_clock(at("11:00"));
    jivo.post(&body).await.assert_ok();
    hub.settle().await;
    // Another hub had taken it an hour before and comes to write it only now.
    hub.set_clock(at("10:00"));
    jivo.post(&body).await.assert_ok();
    hub.settle().await;
    let lead = hub.only().await;
    assert_eq!(lead.received_at, at("10:00"));
    assert_eq!(lead.started_at, at("10:00"));
    assert_eq!(lead.messages.len(), 1);
    assert_eq!(lead.messages[0].at, at("10:00"));
    let before = snapshot(&hub).await;
    hub.replay_all().await;
    assert_eq!(before, snapshot(&hub).await);
}

#[tokio::test]
async fn what_has_no_number_is_one_conversation_also_when_batches_are_under_way_together() {
    let hub = TestHub::start_with(|config| config.pipeline.claim = 1).await;
    let leadback = hub.integration("leadback").await;
    let verbox = hub.integration("verbox").await;
    for integration in [&leadback, &verbox] {
        hub.change(integration, |row| row.active = false).await;
    }
    for person in 0..10 {
        for copy in 0..4 {
            let phone = format!("890355501{person}0");
            let when = at("10:00") + SignedDuration::from_secs(copy);
            hub.set_clock(when);
            let order = leadback::unnumbered(&phone, when);
            leadback.post(&order).await.assert_ok();
            let words = talkme::flat(&format!("client-{person}"), &format!("Word {copy}"));
            verbox.post(&words).await.assert_ok();
        }
    }
    hub.settle().await;
    for integration in [&leadback, &verbox] {
        hub.change(integration, |row| row.active = true).await;
    }
    let all = RawSelection::Filter(RawFilter::default());
    let store = &hub.hub.store;
    let replayed = store.replay_raw(hub.workspace, &all).await;
    assert_eq!(replayed.unwrap(), 80);
    // As several hubs do, each with a batch of its own.
    let mut hubs = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let hub = hub.hub.clone();
        hubs.spawn(async move { while pipeline::process_pending(&hub).await.unwrap() {} });
    }
    hubs.join_all().await;
    hub.settle().await;
    let found = hub.communications().await;
    let chats = found.iter().filter(|one| one.provider == "verbox");
    let words: Vec<usize> = chats.map(|chat| chat.messages.len()).collect();
    assert_eq!(words, [4; 10]);
    assert_eq!(found.len(), 20);
}
