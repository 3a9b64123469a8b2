//! What a request becomes, beyond the fixtures.

use super::*;
use crate::model::{Address, CallState, IntegrationId, RawEventId, Timestamp, WorkspaceId};

fn request(body: &str) -> RawEvent {
    RawEvent {
        id: RawEventId(1),
        workspace: WorkspaceId(1),
        integration: IntegrationId(1),
        provider: "leadback".into(),
        address: Address::Chats,
        method: "POST".into(),
        query: String::new(),
        headers: Vec::new(),
        body: body.as_bytes().to_vec(),
        received_at: Timestamp::from_second(1_741_080_667).unwrap(),
    }
}

fn one(body: &str) -> Event {
    let mut normalized = normalize(&request(body), &IntegrationSettings::default()).unwrap();
    assert_eq!(normalized.events.len(), 1);
    normalized.events.remove(0)
}

#[test]
fn a_number_identifies_and_a_string_is_the_same_number() {
    let numbered = Subject::Numbered {
        kind: CommunicationKind::Callback,
        external_id: "884213".into(),
    };
    assert_eq!(
        one(r#"{"id_call":884213,"callback_phone":"79035550142"}"#).subject,
        numbered
    );
    assert_eq!(
        one("id_call=884213&callback_phone=79035550142").subject,
        numbered
    );
}

#[test]
fn without_a_number_the_contact_and_the_body_identify() {
    let event = one("phone=8+903+555-01-42");
    let Subject::Near { kind, any_of } = &event.subject else {
        panic!("there is no number to identify by: {:?}", event.subject)
    };
    assert_eq!(*kind, CommunicationKind::Callback);
    assert_eq!(any_of[0], ("callback:+79035550142".into(), 600));
    assert!(any_of[1].0.starts_with("body:") && any_of[1].1 == 86_400);
    assert_eq!(event.dedup_key, one("phone=8+903+555-01-42").dedup_key);
    assert_ne!(
        event.dedup_key,
        one("phone=8+903+555-01-42&name=I").dedup_key
    );
}

#[test]
fn the_same_order_of_another_day_is_another_order() {
    let mut raw = request("phone=79035550142");
    let first = normalize(&raw, &IntegrationSettings::default()).unwrap();
    raw.received_at = Timestamp::from_second(1_741_080_667 + 3 * 86_400).unwrap();
    let second = normalize(&raw, &IntegrationSettings::default()).unwrap();
    assert_ne!(first.events[0].dedup_key, second.events[0].dedup_key);
}

#[test]
fn the_kind_is_told_by_the_type_the_number_the_phone_and_the_words() {
    use CommunicationKind::{Callback, Chat};
    for (body, expected) in [
        (r#"{"type":"chat","phone":"79035550142"}"#, Chat),
        (
            r#"{"event":"callback","phone":"79035550142","comment":"x"}"#,
            Callback,
        ),
        (r#"{"action":"Новый чат","name":"I"}"#, Chat),
        (r#"{"id_chat":1,"name":"I"}"#, Chat),
        (
            r#"{"id_call":1,"phone":"79035550142","comment":"x"}"#,
            Callback,
        ),
        (
            r#"{"callback_phone":"79035550142","comment":"x"}"#,
            Callback,
        ),
        (r#"{"phone":"79035550142","comment":"x"}"#, Chat),
        (r#"{"phone":"79035550142"}"#, Callback),
        (r#"{"type":"7","phone":"79035550142"}"#, Callback),
    ] {
        let subject = one(body).subject;
        let (Subject::Numbered { kind, .. } | Subject::Near { kind, .. }) = subject else {
            panic!("a lead is numbered or near")
        };
        assert_eq!(kind, expected, "{body}");
    }
}

#[test]
fn a_request_that_tells_of_nobody_is_a_probe() {
    for body in [
        "test=1",
        "{}",
        "[]",
        r#"{"id_call":1}"#,
        r#"{"phone":"","name":null}"#,
        "{\"data\":\"\"}",
    ] {
        let refused = normalize(&request(body), &IntegrationSettings::default()).unwrap_err();
        assert_eq!(
            refused,
            SetAside::new(SetAsideReason::NotALead, "probe"),
            "{body}"
        );
    }
}

#[test]
fn a_chat_ends_by_a_word_or_by_silence() {
    for (body, expected) in [
        (r#"{"type":"chat","text":"a"}"#, EventKind::Message),
        (r#"{"type":"chat","name":"I"}"#, EventKind::Updated),
        (r#"{"type":"chat_closed","text":"a"}"#, EventKind::Finished),
        (
            r#"{"type":"chat","status":"завершён","text":"a"}"#,
            EventKind::Finished,
        ),
        (
            r#"{"type":"chat","status":"pending","text":"a"}"#,
            EventKind::Message,
        ),
    ] {
        assert_eq!(one(body).kind, expected, "{body}");
    }
}

#[test]
fn an_unreadable_phone_is_a_warning_beside_the_lead() {
    let raw = request("phone=ask+later&name=I");
    let normalized = normalize(&raw, &IntegrationSettings::default()).unwrap();
    assert_eq!(normalized.warnings, ["the phone is not a phone number"]);
    assert_eq!(normalized.events[0].contact.name.as_deref(), Some("I"));
}

#[test]
fn several_records_are_several_leads() {
    let body = r#"{"data":[{"id_call":"1","callback_phone":"79035550142"},{"id_call":2,"callback_phone":"+7 916 555-01-17"},{"totals":1}]}"#;
    let normalized = normalize(&request(body), &IntegrationSettings::default()).unwrap();
    assert_eq!(normalized.events.len(), 2);
    assert_eq!(
        normalized.events[0].call.as_ref().unwrap().state,
        CallState::Ordered
    );
}

#[test]
fn the_preview_names_field_path_and_value() {
    let raw = request(r#"{"Lead":{"Tel":"79035550142"},"name":"Ирина"}"#);
    let mut settings = IntegrationSettings::default();
    assert_eq!(
        preview(&raw, &settings),
        [("name", "name".into(), "Ирина".into())]
    );
    settings
        .own
        .insert("field_map".into(), serde_json::json!({"phone": "lead.tel"}));
    assert_eq!(
        preview(&raw, &settings),
        [
            ("phone", "Lead.Tel".into(), "79035550142".into()),
            ("name", "name".into(), "Ирина".into())
        ]
    );
    assert!(preview(&request("hello"), &settings).is_empty());
}

#[test]
fn a_site_is_its_host() {
    for site in [
        "shop.example.org",
        "https://Shop.example.org/page?x=1",
        "shop.example.org/page",
    ] {
        assert_eq!(host(site).as_deref(), Some("shop.example.org"), "{site}");
    }
    assert_eq!(host("two words"), None);
}
