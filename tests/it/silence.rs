//! A chat that nobody ends is ended by its provider's silence, with the clock in hand.

use crate::hub::{TestHub, at};
use crate::vendors::{Line, dialogue, jivo, talkme};
use jiff::SignedDuration;
use serde_json::json;
use skvoz::model::{FinishedBy, Status, Timestamp};

/// Lets time pass up to a moment, with all the work it brings.
async fn pass(hub: &TestHub, to: Timestamp) {
    hub.set_clock(to);
    hub.settle().await;
}

#[tokio::test]
async fn silence_ends_a_chat_after_the_minutes_of_its_provider() {
    let hub = TestHub::start().await;
    let second = SignedDuration::from_secs(1);
    for (provider, minutes, number) in [("talkme", 180, 20), ("verbox", 180, 21)] {
        let integration = hub.integration(provider).await;
        let line = dialogue("11:30")[0];
        let body = talkme::new_message(number, provider, 0, &line);
        hub.set_clock(at("11:31"));
        integration.post(&body).await.assert_ok();
        hub.settle().await;
        let external_id = number.to_string();
        let end = at("11:30") + SignedDuration::from_mins(minutes);
        pass(&hub, end - second).await;
        let open = hub.communication(&external_id).await;
        assert_eq!(open.status, Status::New, "{provider}");
        assert_eq!(open.silence_at, Some(end), "{provider}");
        pass(&hub, end).await;
        let over = hub.communication(&external_id).await;
        assert_eq!(over.status, Status::Lost, "{provider}");
        assert_eq!(over.finished_by, Some(FinishedBy::Silence), "{provider}");
        assert_eq!(over.finished_at, Some(at("11:30")), "{provider}");
        assert_eq!(over.silence_at, None, "{provider}");
    }
}

#[tokio::test]
async fn jivosite_waits_a_day_for_its_last_webhook() {
    let hub = TestHub::start().await;
    let jivo = hub.integration("jivosite").await;
    jivo.post(&jivo::chat("chat_accepted", 7, 4410))
        .await
        .assert_ok();
    hub.settle().await;
    pass(&hub, at("2026-08-07T11:59:59Z")).await;
    assert_eq!(hub.only().await.status, Status::Active);
    pass(&hub, at("2026-08-07T12:00:00Z")).await;
    assert_eq!(
        hub.only().await.finished_by,
        Some(FinishedBy::Silence),
        "a day after the last sign of life"
    );
}

#[tokio::test]
async fn the_integrations_own_minutes_are_believed_before_the_providers() {
    let hub = TestHub::start().await;
    let talkme = hub
        .integration_with("talkme", json!({"silence_minutes": 10}))
        .await;
    hub.set_clock(at("11:31"));
    talkme
        .post(&talkme::new_message(
            20,
            "client-1",
            0,
            &dialogue("11:30")[0],
        ))
        .await
        .assert_ok();
    hub.settle().await;
    pass(&hub, at("11:40")).await;
    assert_eq!(hub.only().await.status, Status::Lost);
}

#[tokio::test]
async fn a_message_after_the_silence_opens_the_chat_again() {
    let hub = TestHub::start().await;
    let talkme = hub.integration("talkme").await;
    hub.set_clock(at("10:01"));
    let first: Line<'_> = (at("10:00"), true, "Is it in stock?");
    talkme
        .post(&talkme::new_message(20, "client-1", 0, &first))
        .await
        .assert_ok();
    hub.settle().await;
    pass(&hub, at("13:00")).await;
    let over = hub.only().await;
    assert_eq!(over.status, Status::Lost);
    hub.set_clock(at("13:05"));
    let second: Line<'_> = (at("13:04"), false, "Yes, two of them.");
    talkme
        .post(&talkme::new_message(20, "client-1", 1, &second))
        .await
        .assert_ok();
    hub.settle().await;
    let open = hub.only().await;
    assert_eq!(open.id, over.id);
    assert_eq!(open.status, Status::Active);
    assert_eq!(open.finished_at, None);
    pass(&hub, at("16:04")).await;
    let over = hub.only().await;
    assert_eq!(over.status, Status::Succeed);
    assert_eq!(over.finished_at, Some(at("13:04")));
}

#[tokio::test]
async fn an_end_told_by_the_provider_needs_no_silence() {
    let hub = TestHub::start().await;
    let jivo = hub.integration("jivosite").await;
    jivo.post(&jivo::finished(7, 4410, &dialogue("10:00")))
        .await
        .assert_ok();
    hub.settle().await;
    let over = hub.only().await;
    assert_eq!(over.finished_by, Some(FinishedBy::Event));
    assert_eq!(over.silence_at, None);
    pass(&hub, at("2026-08-20T12:00:00Z")).await;
    assert_eq!(hub.only().await, over);
}

#[tokio::test]
async fn an_open_chat_of_a_removed_integration_keeps_nobody_busy() {
    let hub = TestHub::start().await;
    let removed = hub.integration("jivosite").await;
    removed
        .post(&jivo::chat("chat_accepted", 7, 4410))
        .await
        .assert_ok();
    let talkme = hub.integration("talkme").await;
    talkme
        .post(&talkme::new_message(
            20,
            "client-1",
            0,
            &dialogue("11:30")[0],
        ))
        .await
        .assert_ok();
    hub.settle().await;
    let store = &hub.hub.store;
    let gone = skvoz::store::Removable::Integration(removed.id);
    store.remove(hub.workspace, gone).await.unwrap();
    hub.hub.setups.changed(hub.workspace);
    pass(&hub, at("2026-08-09T12:00:00Z")).await;
    let silent = store.silent_chats(hub.now(), 10).await.unwrap();
    assert!(silent.is_empty(), "they would be looked at for ever");
    assert_eq!(hub.communication("20").await.status, Status::Lost);
}
