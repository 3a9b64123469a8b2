//! The fetcher over canned answers.

use super::*;
use std::collections::BTreeMap;

const CONVERSATION: &str = r#"{"meta":{"status":200},"data":{"id":"1702555444333222111","user":{"id":"1702233445566778899","props":{"$name":"Ирина"}}}}"#;
const LAST_PAGE: &str =
    r#"{"meta":{"status":200,"next_before_position":null},"data":[{"id":"1"}]}"#;
const USER: &str =
    r#"{"meta":{"status":200},"data":{"id":"1702233445566778899","props_custom":{}}}"#;
const LOOKUP_ERROR: &str =
    r#"{"meta":{"status":400,"error":"LookupError","error_message":"+79035550142"},"data":{}}"#;

fn need() -> FetchNeed {
    super::super::webhook::need("1702555444333222111", Some("1702233445566778899"), "closed")
}

fn settings() -> IntegrationSettings {
    let mut settings = IntegrationSettings::default();
    settings
        .own
        .insert("api_key".into(), "app.41873.sample".into());
    settings
}

fn answer(status: u16, body: &str) -> OutboundResponse {
    OutboundResponse {
        status,
        retry_after_s: None,
        body: body.as_bytes().to_vec(),
    }
}

fn step(answers: &[OutboundResponse]) -> FetchStep {
    Conversations.step(&need(), &settings(), answers)
}

fn url(step: FetchStep) -> String {
    match step {
        FetchStep::Ask(request) => request.url,
        other => panic!("a question was expected, not {other:?}"),
    }
}

fn body(step: FetchStep) -> String {
    match step {
        FetchStep::Done { body } => String::from_utf8(body).unwrap(),
        other => panic!("the end was expected, not {other:?}"),
    }
}

#[test]
fn the_key_stands_in_a_header_and_never_in_the_address() {
    let FetchStep::Ask(request) = step(&[]) else {
        panic!("the first step is a question")
    };
    assert_eq!(
        request.url,
        "https://api.carrotquest.io/conversations/1702555444333222111?id_as_string=true"
    );
    let authorization = (
        "authorization".to_owned(),
        "Token app.41873.sample".to_owned(),
    );
    assert!(request.headers.contains(&authorization));
    assert_eq!(request.method, "GET");
}

#[test]
fn conversation_parts_and_user_are_asked_in_turn() {
    let ok = |text| answer(200, text);
    assert_eq!(
        url(step(&[ok(CONVERSATION)])),
        "https://api.carrotquest.io/conversations/1702555444333222111/parts?id_as_string=true&paginate_direction=before&paginate_count=50"
    );
    assert_eq!(
        url(step(&[ok(CONVERSATION), ok(LAST_PAGE)])),
        "https://api.carrotquest.io/users/1702233445566778899?id_as_string=true&props_custom=true"
    );
    let body = body(step(&[ok(CONVERSATION), ok(LAST_PAGE), ok(USER)]));
    let record: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        record.text("conversation.id").as_deref(),
        Some("1702555444333222111")
    );
    assert_eq!(record.text("parts.0.id").as_deref(), Some("1"));
    assert_eq!(
        record.text("user.id").as_deref(),
        Some("1702233445566778899")
    );
}

#[test]
fn a_cursor_goes_back_letter_by_letter() {
    let first = r#"{"meta":{"status":200,"next_before_position":[1786003201.1000000001, 1702555444333222120]},"data":[{"id":"2"}]}"#;
    let answers = [answer(200, CONVERSATION), answer(200, first)];
    let url = url(step(&answers));
    let parsed = url::Url::parse(&url).unwrap();
    let position = parsed
        .query_pairs()
        .find(|(name, _)| name == "paginate_position");
    assert_eq!(
        position.unwrap().1,
        "[1786003201.1000000001, 1702555444333222120]"
    );
    let answers = [
        answers[0].clone(),
        answers[1].clone(),
        answer(200, LAST_PAGE),
        answer(200, USER),
    ];
    let record: Value = serde_json::from_str(&body(step(&answers))).unwrap();
    assert_eq!(record.items("parts").len(), 2);
}

#[test]
fn a_cursor_that_stands_still_ends_the_paging() {
    let page = r#"{"meta":{"status":200,"next_before_position":[5]},"data":[{"id":"2"}]}"#;
    let answers = [CONVERSATION, page, page, USER].map(|text| answer(200, text));
    assert!(matches!(step(&answers), FetchStep::Done { .. }));
}

#[test]
fn numeric_ids_keep_every_digit() {
    let conversation = r#"{"meta":{"status":200},"data":{"id":1702555444333222111,"user":{"id":1702233445566778899}}}"#;
    let page = r#"{"meta":{"status":200},"data":[{"id":1702777000111222333,"created":1786003201.123456}]}"#;
    let mut need = need();
    need.about.remove("user");
    let answers = [answer(200, conversation), answer(200, page)];
    assert!(
        url(Conversations.step(&need, &settings(), &answers))
            .contains("/users/1702233445566778899?")
    );
    let answers = [conversation, page, USER].map(|text| answer(200, text));
    let body = body(Conversations.step(&need, &settings(), &answers));
    assert!(body.contains(r#"{"id":1702777000111222333,"created":1786003201.123456}"#));
}

#[test]
fn a_card_that_came_with_the_webhook_is_not_asked_for_again() {
    let mut need = need();
    need.about.insert(
        "props_custom".into(),
        r#"{"skvoz_visit":"v01km2v7q1e8s4zcb5p7jx9w3kf"}"#.into(),
    );
    let answers = [answer(200, CONVERSATION), answer(200, LAST_PAGE)];
    let record: Value =
        serde_json::from_str(&body(Conversations.step(&need, &settings(), &answers))).unwrap();
    assert_eq!(
        record.text("user.props_custom.skvoz_visit").as_deref(),
        Some("v01km2v7q1e8s4zcb5p7jx9w3kf")
    );
    let bare = r#"{"meta":{"status":200},"data":{"id":"1702555444333222111","user":null}}"#;
    let answers = [answer(200, bare), answer(200, LAST_PAGE)];
    assert!(url(Conversations.step(&need, &settings(), &answers)).contains("/users/"));
}

#[test]
fn a_conversation_without_a_visitor_needs_no_card() {
    let need = FetchNeed {
        key: "conversation:1".into(),
        about: BTreeMap::from([("conversation".into(), "1".into())]),
    };
    let bare = r#"{"meta":{"status":200},"data":{"id":"1"}}"#;
    let answers = [answer(200, bare), answer(200, LAST_PAGE)];
    assert!(body(Conversations.step(&need, &settings(), &answers)).ends_with(r#""user":null}"#));
}

#[test]
fn too_many_questions_wait_and_then_succeed() {
    let mut slow = answer(
        429,
        r#"{"meta":{"status":429,"error":"TooManyRequests"},"data":{}}"#,
    );
    slow.retry_after_s = Some(7);
    for answers in [vec![slow.clone()], vec![answer(200, CONVERSATION), slow]] {
        let FetchStep::Retry { after_s, .. } = step(&answers) else {
            panic!("429 must be tried again")
        };
        assert_eq!(after_s, Some(7));
    }
    let answers = [CONVERSATION, LAST_PAGE, USER].map(|text| answer(200, text));
    assert!(matches!(step(&answers), FetchStep::Done { .. }));
}

#[test]
fn answers_that_may_heal_are_tried_again() {
    for (status, body) in [
        (500, ""),
        (502, "<html>"),
        (503, "{}"),
        (408, ""),
        (200, "<html>"),
        (200, "{}"),
        (
            200,
            r#"{"meta":{"status":500,"error":"Error500"},"data":{}}"#,
        ),
        (
            200,
            r#"{"meta":{"status":429,"error":"TooManyRequests"},"data":{}}"#,
        ),
    ] {
        let step = step(&[answer(status, body)]);
        assert!(
            matches!(step, FetchStep::Retry { .. }),
            "{status} {body}: {step:?}"
        );
    }
}

#[test]
fn answers_that_will_not_heal_name_what_to_do() {
    for (status, body, word) in [
        (400, LOOKUP_ERROR, "does not exist"),
        (200, LOOKUP_ERROR, "does not exist"),
        (
            400,
            r#"{"meta":{"status":400,"error":"ValidationError"}}"#,
            "ValidationError",
        ),
        (401, "", "make a new one"),
        (403, "", "right"),
        (404, "", "address"),
        (301, "", "301"),
    ] {
        let FetchStep::GiveUp { reason } = step(&[answer(status, body)]) else {
            panic!("{status} must be final")
        };
        assert!(reason.contains(word), "{reason}");
        assert!(
            !reason.contains("79035550142"),
            "the vendor's free text is not repeated"
        );
    }
}

#[test]
fn a_card_that_cannot_be_had_does_not_cost_the_chat() {
    for refused in [answer(400, LOOKUP_ERROR), answer(403, "")] {
        let answers = [answer(200, CONVERSATION), answer(200, LAST_PAGE), refused];
        assert!(body(step(&answers)).ends_with(r#""user":null}"#));
    }
    let answers = [
        answer(200, CONVERSATION),
        answer(200, LAST_PAGE),
        answer(503, ""),
    ];
    assert!(matches!(step(&answers), FetchStep::Retry { .. }));
}

#[test]
fn settings_that_cannot_ask_end_at_once() {
    let none = IntegrationSettings::default();
    assert!(matches!(
        Conversations.step(&need(), &none, &[]),
        FetchStep::GiveUp { .. }
    ));
    let mut wrong = settings();
    wrong
        .own
        .insert("api_base".into(), "mailto:a@example.org".into());
    assert!(matches!(
        Conversations.step(&need(), &wrong, &[]),
        FetchStep::GiveUp { .. }
    ));
    let mut proxy = settings();
    proxy
        .own
        .insert("api_base".into(), "http://127.0.0.1:9/carrot/".into());
    assert_eq!(
        url(Conversations.step(&need(), &proxy, &[])),
        "http://127.0.0.1:9/carrot/conversations/1702555444333222111?id_as_string=true"
    );
}

#[test]
fn the_budget_names_the_key_by_its_hash() {
    let budget = Conversations.budget(&settings());
    assert_eq!(budget.per_minute, 50);
    assert!(!budget.key.contains("sample"));
    assert_eq!(budget, Conversations.budget(&settings()));
}
