//! The doors of webhooks: who is let in, what is kept, what is answered.

use crate::hub::{TestHub, at};
use crate::logs;
use crate::vendors::{dialogue, jivo, leadback, talkme};
use flate2::Compression;
use flate2::write::GzEncoder;
use http::StatusCode;
use jiff::SignedDuration;
use serde_json::json;
use skvoz::model::{RawState, SetAsideReason};
use skvoz::store::RawSelection;
use std::io::Write;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test]
async fn each_vendor_hears_what_it_wants_to_hear_and_nothing_of_the_visitor() {
    let hub = TestHub::start().await;
    for (provider, body, kind) in [
        ("jivosite", r#"{"result":"ok"}"#, "application/json"),
        ("talkme", r#"{"ok":true}"#, "application/json"),
        ("verbox", r#"{"ok":true}"#, "application/json"),
        ("carrotquest", r#"{"ok":true}"#, "application/json"),
        ("leadback", "ok", "text/plain"),
    ] {
        let integration = hub.integration(provider).await;
        let answer = integration
            .post(&json!({"phone": "+79035550142", "name": "Irina"}))
            .await;
        assert_eq!(answer.status, StatusCode::OK, "{provider}");
        assert_eq!(answer.body, body, "{provider}");
        assert_eq!(answer.headers["content-type"], kind, "{provider}");
    }
}

#[tokio::test]
async fn an_unknown_token_is_refused_before_the_body_is_read() {
    let hub = TestHub::start().await;
    let jivo = hub.integration("jivosite").await;
    let wrong_provider = format!("/in/talkme/{}", jivo.token);
    for path in [
        "/in/jivosite/no-such-token",
        &wrong_provider,
        "/in/nobody/x",
    ] {
        let address = hub.base().replace("http://", "");
        let mut stream = tokio::net::TcpStream::connect(&address).await.unwrap();
        let head =
            format!("POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Length: 1000000\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = [0; 12];
        let read = stream.read_exact(&mut answer);
        let in_time = tokio::time::timeout(Duration::from_secs(5), read).await;
        in_time.expect("no answer before the body").unwrap();
        assert_eq!(&answer, b"HTTP/1.1 404", "{path}");
    }
    assert!(hub.inbox().await.is_empty());
}

#[tokio::test]
async fn a_request_with_neither_body_nor_query_is_recorded_as_a_probe() {
    let hub = TestHub::start().await;
    let leadback = hub.integration("leadback").await;
    for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"] {
        leadback.send(method, "", &[], "").await.assert_ok();
    }
    hub.settle().await;
    let states = hub.states().await;
    assert_eq!(states, vec![(RawState::Probe, None); 6]);
    assert!(hub.communications().await.is_empty());
}

#[tokio::test]
async fn a_body_above_the_limit_is_refused_and_recorded() {
    let hub = TestHub::start_with(|config| config.intake.max_body_bytes = 1_000).await;
    let jivo = hub.integration("jivosite").await;
    let answer = jivo.send("POST", "", &[], "x".repeat(1_001)).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    jivo.send("POST", "", &[], "x".repeat(1_000))
        .await
        .assert_ok();
    hub.settle().await;
    let inbox = hub.inbox().await;
    assert_eq!(inbox[0].state, RawState::SetAside);
    assert_eq!(inbox[0].reason, Some(SetAsideReason::TooLarge));
    assert_eq!(inbox[0].size_bytes, 0);
    assert_eq!(inbox[1].reason, Some(SetAsideReason::Unparsable));
    assert_eq!(inbox[1].size_bytes, 1_000);
    hub.replay_all().await;
    assert_eq!(hub.states().await[0].1, Some(SetAsideReason::TooLarge));
}

#[tokio::test]
async fn packed_bodies_are_unpacked_and_bombs_refused() {
    let hub = TestHub::start_with(|config| config.intake.max_unpacked_bytes = 100_000).await;
    let jivo = hub.integration("jivosite").await;
    let gzip = [("content-encoding", "gzip")];
    let body = jivo::finished(7, 4410, &dialogue("10:00")).to_string();
    jivo.send_bytes("POST", "", &gzip, pack(body.as_bytes()))
        .await
        .assert_ok();
    let bomb = pack(&vec![b' '; 5_000_000]);
    let answer = jivo.send_bytes("POST", "", &gzip, bomb).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    hub.settle().await;
    assert_eq!(hub.only().await.external_id, "7");
    let inbox = hub.inbox().await;
    assert_eq!(hub.raw(inbox[0].event.id).await.event.body, body.as_bytes());
    assert_eq!(inbox[1].reason, Some(SetAsideReason::TooLarge));
}

fn pack(bytes: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::best());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

#[tokio::test]
async fn what_cannot_be_understood_is_kept_byte_for_byte_and_set_aside() {
    let hub = TestHub::start().await;
    let jivo = hub.integration("jivosite").await;
    let broken = b"\xff\xfe{\"event_name\": \0".to_vec();
    jivo.send_bytes("POST", "", &[], broken.clone())
        .await
        .assert_ok();
    jivo.post(&json!({"event_name": "moon_landed"}))
        .await
        .assert_ok();
    jivo.post(&json!({"event_name": "chat_finished"}))
        .await
        .assert_ok();
    hub.settle().await;
    let reasons: Vec<_> = hub.states().await.into_iter().map(|row| row.1).collect();
    assert_eq!(
        reasons,
        [
            Some(SetAsideReason::Unparsable),
            Some(SetAsideReason::UnknownEvent),
            Some(SetAsideReason::WrongShape),
        ]
    );
    let first = hub.inbox().await.remove(0);
    assert_eq!(hub.raw(first.event.id).await.event.body, broken);
    assert!(hub.communications().await.is_empty());
}

#[tokio::test]
async fn leadback_is_heard_by_any_method_in_any_encoding() {
    let hub = TestHub::start().await;
    let leadback = hub.integration("leadback").await;
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let get = "?id_call=1&phone=89035550101";
    leadback.send("GET", get, &[], "").await.assert_ok();
    let body = "id_call=2&phone=89035550102";
    leadback.send("PUT", "", &form, body).await.assert_ok();
    let body = leadback::callback(3, "89035550103", at("11:00"));
    leadback.post(&body).await.assert_ok();
    hub.settle().await;
    let mut numbers: Vec<String> = hub
        .communications()
        .await
        .into_iter()
        .map(|one| one.external_id)
        .collect();
    numbers.sort();
    assert_eq!(numbers, ["1", "2", "3"]);
}

#[tokio::test]
async fn a_token_is_found_neither_in_logs_nor_in_what_is_kept() {
    let hub = TestHub::start().await;
    let leadback = hub.integration("leadback").await;
    let get = "?id_call=1&phone=89035550142";
    leadback.send("GET", get, &[], "").await.assert_ok();
    let client = reqwest::Client::builder().build().unwrap();
    let address = format!(
        "{}/in/leadback?id_call=2&token={}&phone=89035550143",
        hub.base(),
        leadback.token
    );
    let answer = client.get(address).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    hub.settle().await;
    let inbox = hub.inbox().await;
    assert_eq!(inbox.len(), 2);
    assert_eq!(inbox[1].event.query, "id_call=2&phone=89035550143");
    for row in inbox {
        assert!(!format!("{row:?}").contains(&leadback.token));
    }
    let logged = logs::text();
    assert!(logged.contains("Serving"), "nothing was logged at all");
    assert!(!logged.contains(&leadback.token));
    assert!(!logged.contains("9035550142"));
}

#[tokio::test]
async fn an_offline_lead_waits_in_the_inbox_until_its_switch_is_on() {
    let hub = TestHub::start().await;
    let talkme = hub.integration("talkme").await;
    let question = talkme::question(20, "client-1", &dialogue("10:00")[0]);
    talkme.post_to("leads", &question).await.assert_ok();
    hub.settle().await;
    let switched_off = (RawState::SetAside, Some(SetAsideReason::SwitchedOff));
    assert_eq!(hub.states().await, [switched_off]);
    hub.replay_all().await;
    assert_eq!(hub.states().await, [switched_off]);
    assert!(hub.communications().await.is_empty());

    hub.change(&talkme, |row| row.settings.offline_leads = true)
        .await;
    hub.replay_all().await;
    assert_eq!(hub.only().await.kind.as_str(), "offline_lead");
}

#[tokio::test]
async fn a_switched_off_integration_keeps_what_comes_and_uses_it_later() {
    let hub = TestHub::start().await;
    let jivo = hub.integration("jivosite").await;
    hub.change(&jivo, |row| row.active = false).await;
    jivo.post(&jivo::finished(7, 4410, &dialogue("10:00")))
        .await
        .assert_ok();
    hub.settle().await;
    assert_eq!(
        hub.states().await,
        [(RawState::SetAside, Some(SetAsideReason::SwitchedOff))]
    );
    hub.change(&jivo, |row| row.active = true).await;
    hub.replay_all().await;
    assert_eq!(hub.only().await.external_id, "7");
}

#[tokio::test]
async fn the_address_of_a_channel_names_the_messenger() {
    let hub = TestHub::start().await;
    let jivo = hub.integration("jivosite").await;
    let body = jivo::finished(7, 4410, &dialogue("10:00"));
    jivo.post_to("telegram", &body).await.assert_ok();
    hub.settle().await;
    assert_eq!(hub.only().await.channel.as_str(), "telegram");
    let talkme = hub.integration("talkme").await;
    let refused = talkme.post_to("telegram", &json!({})).await;
    assert_eq!(refused.status, StatusCode::NOT_FOUND);
    let refused = jivo.post_to("telegram/more", &json!({})).await;
    assert_eq!(refused.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_slash_at_the_end_of_an_address_is_no_reason_to_redirect() {
    let hub = TestHub::start().await;
    let jivo = hub.integration("jivosite").await;
    let body = jivo::finished(7, 4410, &dialogue("10:00"));
    let answer = jivo.post_to("/", &body).await;
    assert_eq!(answer.status, StatusCode::OK);
    let answer = jivo.post_to("whatsapp/", &body).await;
    assert_eq!(answer.status, StatusCode::OK);
    hub.settle().await;
    assert_eq!(hub.only().await.external_id, "7");
}

#[tokio::test]
async fn after_a_rotation_both_tokens_work_until_the_old_one_ends() {
    let hub = TestHub::start().await;
    let old = hub.integration("jivosite").await;
    let end = hub.now() + SignedDuration::from_hours(24);
    let new = hub.rotate_token(&old, end).await;
    for integration in [&old, &new] {
        integration.post(&json!({})).await.assert_ok();
    }
    hub.set_clock(end);
    // As after the seconds for which an address is remembered.
    hub.hub.setups.changed(hub.workspace);
    assert_eq!(old.post(&json!({})).await.status, StatusCode::NOT_FOUND);
    new.post(&json!({})).await.assert_ok();
}

#[tokio::test]
async fn a_raw_event_that_was_answered_is_processed_after_a_restart() {
    let mut hub = TestHub::start().await;
    let jivo = hub.integration("jivosite").await;
    for number in 1..=20 {
        jivo.post(&jivo::finished(number, 4410, &dialogue("10:00")))
            .await
            .assert_ok();
    }
    hub.restart().await;
    // Work that the stopped hub had taken is free again after its lease.
    hub.set_clock(hub.now() + SignedDuration::from_mins(5));
    hub.settle().await;
    assert_eq!(hub.communications().await.len(), 20);
}

#[tokio::test]
async fn a_raw_event_may_be_replayed_by_its_number() {
    let hub = TestHub::start().await;
    let jivo = hub.integration("jivosite").await;
    for number in [1, 2] {
        jivo.post(&jivo::finished(number, 4410, &dialogue("10:00")))
            .await
            .assert_ok();
    }
    hub.settle().await;
    let inbox = hub.inbox().await;
    hub.set_clock(at("2026-08-06T13:00:00Z"));
    hub.replay(RawSelection::Ids(vec![inbox[1].event.id])).await;
    let processed: Vec<_> = hub
        .inbox()
        .await
        .into_iter()
        .map(|row| row.processed_at)
        .collect();
    assert_eq!(processed[0], inbox[0].processed_at);
    assert_eq!(processed[1], Some(at("13:00")));
    assert_eq!(hub.communications().await.len(), 2);
}
