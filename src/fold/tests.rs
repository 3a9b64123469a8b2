use super::*;
use crate::model::CallState::{ClientConnected, Ended, Failed, OperatorConnected, Ordered};
use crate::model::CommunicationKind::{Callback, Chat, OfflineLead};
use crate::model::MessageAuthor::{Operator as Staff, System, Visitor};
use crate::model::{CallState, KeyKind, RawEventId, Subject};
use proptest::prelude::*;
use std::slice::from_ref;

/// Seconds after the beginning of the stories.
fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_786_000_000 + seconds).unwrap()
}

const HOUR: SignedDuration = SignedDuration::from_hours(1);
/// Within the hour of silence.
const SOON: i64 = 1_000;

/// An event that arrived at this second, without a time of its own.
fn event(kind: EventKind, key: &str, received: i64) -> StoredEvent {
    let subject = Subject::Numbered {
        kind: Chat,
        external_id: "7".into(),
    };
    StoredEvent {
        raw_event: RawEventId(1),
        received_at: at(received),
        event: Event::new(key, subject, kind),
    }
}

fn line(seconds: i64, from: MessageAuthor, text: &str) -> Message {
    Message {
        id: format!("{seconds}:{from:?}:{text}"),
        at: at(seconds),
        from,
        author: None,
        text: text.into(),
        attachments: Vec::new(),
    }
}

fn saying(kind: EventKind, received: i64, lines: &[(i64, MessageAuthor)]) -> StoredEvent {
    let mut said = event(kind, &format!("{kind:?}{received}"), received);
    let lines = lines.iter();
    said.event.messages = lines.map(|(at, from)| line(*at, *from, "word")).collect();
    said
}

fn folded(events: &[StoredEvent], now: i64) -> Draft {
    fold(Chat, events, &[], HOUR, at(now)).unwrap()
}

#[test]
fn the_status_of_a_chat_follows_from_who_wrote_and_whether_it_is_over() {
    let table: [(&[MessageAuthor], bool, Status, Status); 8] = [
        (&[], false, Status::New, Status::Lost),
        (&[], true, Status::Active, Status::Lost),
        (&[Visitor], false, Status::New, Status::Lost),
        (&[Visitor], true, Status::Active, Status::Lost),
        (&[Visitor, Staff], true, Status::Active, Status::Succeed),
        (&[Staff], true, Status::Active, Status::Refused),
        (&[System], false, Status::New, Status::Refused),
        (&[System, Visitor], false, Status::New, Status::Lost),
    ];
    for (authors, has_operator, open, over) in table {
        let lines: Vec<_> = authors.iter().map(|from| (0, *from)).collect();
        let mut said = saying(EventKind::Message, 0, &lines);
        if has_operator {
            said.event.operators.push(operator("204", None));
        }
        let case = format!("{authors:?} {has_operator}");
        assert_eq!(folded(from_ref(&said), SOON).status, open, "{case}");
        assert_eq!(folded(&[said], 3_600).status, over, "{case}");
    }
}

fn operator(id: &str, name: Option<&str>) -> Operator {
    Operator {
        id: id.into(),
        name: name.map(str::to_owned),
    }
}

#[test]
fn a_lead_is_new_and_never_ends() {
    let lead = saying(EventKind::OfflineLead, 5, &[(5, Visitor)]);
    let draft = fold(OfflineLead, &[lead], &[], HOUR, at(1_000_000)).unwrap();
    assert_eq!(draft.status, Status::New);
    assert_eq!((draft.finished_at, draft.silence_at), (None, None));
}

#[test]
fn a_call_stands_where_its_furthest_event_says() {
    let table = [
        (vec![Ordered], Status::New, None),
        (vec![OperatorConnected, Ordered], Status::Active, None),
        (vec![ClientConnected], Status::Active, None),
        (
            vec![Ended, ClientConnected, Ended],
            Status::Succeed,
            Some(0),
        ),
        (vec![Ordered, Failed], Status::Lost, Some(1)),
    ];
    for (states, status, finished) in table {
        let calls: Vec<_> = states
            .iter()
            .enumerate()
            .map(|(nth, state)| call(*state, nth as i64))
            .collect();
        let draft = fold(Callback, &calls, &[], HOUR, at(1_000_000)).unwrap();
        assert_eq!(draft.status, status, "{states:?}");
        assert_eq!(draft.finished_at, finished.map(at), "{states:?}");
        let by = finished.map(|_| FinishedBy::Event);
        assert_eq!(draft.finished_by, by, "{states:?}");
    }
}

fn call(state: CallState, received: i64) -> StoredEvent {
    let mut told = event(
        EventKind::Callback,
        &format!("{state:?}{received}"),
        received,
    );
    told.event.call = Some(Call {
        state,
        direction: None,
        record_url: None,
        duration_s: None,
        reason: None,
    });
    told
}

#[test]
fn a_call_keeps_every_detail_that_any_event_brought() {
    let mut ended = call(Ended, 1);
    ended.event.call.as_mut().unwrap().duration_s = Some(75);
    let mut recorded = call(Ended, 2);
    let record = Some("https://files.example.org/r.mp3".to_owned());
    recorded.event.call.as_mut().unwrap().record_url = record.clone();
    for events in [[ended.clone(), recorded.clone()], [recorded, ended]] {
        let call = fold(Callback, &events, &[], HOUR, at(9)).unwrap().call;
        let call = call.unwrap();
        assert_eq!(
            (call.duration_s, call.record_url),
            (Some(75), record.clone())
        );
    }
}

#[test]
fn a_chat_begins_with_its_first_line_and_else_with_its_first_arrival() {
    let accepted = event(EventKind::Started, "accepted", 10);
    let draft = folded(from_ref(&accepted), SOON);
    assert_eq!(draft.started_at, at(10));
    assert_eq!(draft.started_at_origin, TimeOrigin::Received);
    let mut dated = accepted.clone();
    dated.event.occurred_at = Some(at(7));
    assert_eq!(folded(&[dated], SOON).started_at, at(7));
    let finished = saying(EventKind::Finished, 900, &[(-5, Staff), (3, Visitor)]);
    let draft = folded(&[finished, accepted], SOON);
    assert_eq!(draft.started_at, at(-5));
    assert_eq!(draft.started_at_origin, TimeOrigin::Vendor);
    assert_eq!(draft.first_words_at, at(3));
    assert_eq!(draft.received_at, at(10));
}

#[test]
fn a_line_dated_by_its_arrival_is_no_time_of_the_vendor() {
    let lead = saying(EventKind::OfflineLead, 5, &[(5, Visitor)]);
    let draft = fold(OfflineLead, &[lead], &[], HOUR, at(9)).unwrap();
    assert_eq!(draft.started_at, at(5));
    assert_eq!(draft.started_at_origin, TimeOrigin::Received);
}

#[test]
fn a_changed_card_does_not_move_the_beginning_of_a_chat() {
    let said = saying(EventKind::Message, 100, &[(90, Visitor)]);
    let mut card = event(EventKind::ContactChanged, "card", 50);
    card.event.occurred_at = Some(at(50));
    assert_eq!(folded(&[said, card], SOON).started_at, at(90));
}

#[test]
fn a_chat_ends_by_its_event_unless_it_went_on() {
    let first = saying(EventKind::Finished, 500, &[(10, Visitor), (20, Staff)]);
    let draft = folded(from_ref(&first), SOON);
    assert_eq!(draft.finished_at, Some(at(20)));
    assert_eq!(draft.finished_by, Some(FinishedBy::Event));
    assert_eq!(draft.silence_at, None);

    let later = saying(EventKind::Message, 610, &[(600, Visitor)]);
    let draft = folded(&[later.clone(), first.clone()], SOON);
    assert_eq!(draft.finished_at, None);
    assert_eq!(draft.status, Status::Active);
    assert_eq!(draft.silence_at, Some(at(600 + 3_600)));

    let mut again = saying(EventKind::Finished, 700, &[(10, Visitor)]);
    again.event.occurred_at = Some(at(650));
    let draft = folded(&[again, later, first], SOON);
    assert_eq!(draft.finished_at, Some(at(650)));
}

#[test]
fn an_end_without_time_and_lines_is_its_arrival() {
    let said = saying(EventKind::Message, 11, &[(10, Visitor)]);
    let ended = event(EventKind::Finished, "end", 40);
    assert_eq!(folded(&[said, ended], SOON).finished_at, Some(at(40)));
}

#[test]
fn silence_ends_a_chat_at_its_last_sign_of_life() {
    let said = saying(EventKind::Message, 11, &[(10, Visitor), (20, Staff)]);
    let open = folded(from_ref(&said), 20 + 3_599);
    assert_eq!(open.finished_at, None);
    assert_eq!(open.silence_at, Some(at(20 + 3_600)));
    let over = folded(&[said], 20 + 3_600);
    assert_eq!(over.finished_at, Some(at(20)));
    assert_eq!(over.finished_by, Some(FinishedBy::Silence));
    assert_eq!(over.silence_at, None);
    // Without a line the latest event is the sign.
    let [accepted, updated] = [("accepted", 0), ("updated", 50)]
        .map(|(key, received)| event(EventKind::Started, key, received));
    let draft = folded(&[updated, accepted], 100);
    assert_eq!(draft.silence_at, Some(at(50 + 3_600)));
}

#[test]
fn a_message_opens_a_silent_chat_again() {
    let said = saying(EventKind::Message, 11, &[(10, Visitor)]);
    let late = saying(EventKind::Message, 9_001, &[(9_000, Visitor)]);
    assert!(folded(from_ref(&said), 9_000).finished_at.is_some());
    let draft = folded(&[said, late], 9_001);
    assert_eq!(draft.finished_at, None);
    assert_eq!(draft.silence_at, Some(at(9_000 + 3_600)));
}

#[test]
fn every_phone_and_e_mail_is_kept_once_with_those_of_the_card() {
    let contact = |phone: &str, email: &str| {
        let mut told = event(EventKind::Updated, &format!("{phone}{email}"), 0);
        let _ = told.event.contact.add_phone(phone);
        let _ = told.event.contact.add_email(email);
        told
    };
    let events = [
        contact("89035550142", "irina@example.org"),
        contact("+7 903 555-01-42", ""),
        contact("89035550141", ""),
    ];
    let card = contact("89035550143", "other@example.org");
    let draft = fold(Chat, &events, &[card], HOUR, at(1)).unwrap();
    let phones: Vec<_> = draft
        .contact
        .phones
        .iter()
        .map(|one| one.as_str())
        .collect();
    assert_eq!(phones, ["+79035550141", "+79035550142", "+79035550143"]);
    let emails: Vec<_> = draft
        .contact
        .emails
        .iter()
        .map(|one| one.as_str())
        .collect();
    assert_eq!(emails, ["irina@example.org", "other@example.org"]);
}

#[test]
fn the_name_is_that_of_the_event_that_knows_most() {
    let named = |kind, name: &str| {
        let mut told = event(kind, name, 0);
        told.event.contact.name = Some(name.into());
        told
    };
    let card = named(EventKind::ContactChanged, "of the card");
    let name = |events: &[StoredEvent], cards: &[StoredEvent]| {
        let draft = fold(Chat, events, cards, HOUR, at(1)).unwrap();
        draft.contact.name
    };
    let started = named(EventKind::Started, "at first");
    let finished = named(EventKind::Finished, "at last");
    for events in [[started.clone(), finished.clone()], [finished, started]] {
        assert_eq!(name(&events, from_ref(&card)).as_deref(), Some("at last"));
    }
    let nameless = event(EventKind::Finished, "x", 0);
    assert_eq!(name(&[nameless], &[card]).as_deref(), Some("of the card"));
}

#[test]
fn lines_are_united_by_id_and_of_two_the_fuller_is_kept() {
    let mut short = saying(EventKind::Message, 11, &[(10, Visitor)]);
    short.event.messages[0].text = "Is it".into();
    let mut full = saying(EventKind::Finished, 90, &[(10, Visitor), (20, Staff)]);
    full.event.messages[0].text = "Is it in stock?".into();
    full.event.messages[0].at = at(12);
    for events in [[short.clone(), full.clone()], [full, short]] {
        let lines = folded(&events, SOON).messages;
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0].text, "Is it in stock?");
        assert_eq!(lines[0].at, at(10), "the earliest time stays");
    }
}

#[test]
fn lines_of_one_second_keep_the_order_of_the_longest_transcript() {
    let mut whole = event(EventKind::Finished, "whole", 90);
    let words = ["one", "two", "three", "four"];
    whole.event.messages = words.map(|word| line(10, Visitor, word)).to_vec();
    let mut part = event(EventKind::Message, "part", 12);
    part.event.messages = ["four", "two"].map(|word| line(10, Visitor, word)).to_vec();
    for events in [[whole.clone(), part.clone()], [part, whole]] {
        let lines = folded(&events, SOON).messages;
        let texts: Vec<_> = lines.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(texts, words);
    }
}

#[test]
fn each_operator_is_named_once_and_the_one_in_charge_is_the_last() {
    let mut accepted = event(EventKind::Started, "accepted", 0);
    accepted.event.operators = vec![operator("204", Some("Pavel"))];
    let mut finished = event(EventKind::Finished, "finished", 9);
    finished.event.operators = vec![operator("205", Some("Anna")), operator("204", None)];
    let expected = [
        operator("205", Some("Anna")),
        operator("204", Some("Pavel")),
    ];
    for events in [[accepted.clone(), finished.clone()], [finished, accepted]] {
        assert_eq!(folded(&events, SOON).operators, expected);
    }
}

#[test]
fn marks_come_together_from_one_event_and_other_facts_from_any() {
    let mut started = event(EventKind::Started, "started", 0);
    started.event.touch.utm = [("utm_source".into(), "yandex".into())].into();
    started.event.touch.page = Some("https://shop.test/".into());
    started.event.touch.city = Some("Tver".into());
    let mut finished = event(EventKind::Finished, "finished", 9);
    finished.event.touch.utm = [("utm_medium".into(), "cpc".into())].into();
    finished.event.touch.page = Some("https://shop.test/sofas".into());
    let touch = folded(&[finished, started], SOON).touch;
    assert_eq!(touch.utm, [("utm_medium".into(), "cpc".into())].into());
    assert_eq!(touch.page.as_deref(), Some("https://shop.test/sofas"));
    assert_eq!(touch.city.as_deref(), Some("Tver"));
}

#[test]
fn keys_are_united_and_the_channel_is_the_sites_unless_somebody_knows() {
    let mut first = event(EventKind::Started, "first", 0);
    first.event.keys = vec![Key::new(KeyKind::Visit, "v1")];
    let mut second = event(EventKind::Updated, "second", 1);
    second.event.keys = vec![
        Key::new(KeyKind::Visit, "v2"),
        Key::new(KeyKind::Visit, "v1"),
    ];
    let draft = folded(&[first.clone(), second.clone()], SOON);
    assert_eq!(draft.keys.len(), 2);
    assert_eq!(draft.channel, Channel::site());
    first.event.channel = Channel::new("telegram");
    let draft = folded(&[second, first], SOON);
    assert_eq!(draft.channel.as_str(), "telegram");
}

#[test]
fn nothing_is_folded_of_nothing() {
    assert_eq!(fold(Chat, &[], &[], HOUR, at(0)), None);
}

/// Events as different as a few small numbers make them.
fn any_event() -> impl Strategy<Value = StoredEvent> {
    let kinds = proptest::sample::select(vec![
        EventKind::ContactChanged,
        EventKind::Started,
        EventKind::Updated,
        EventKind::Message,
        EventKind::Finished,
    ]);
    let authors = proptest::sample::select(vec![Visitor, Staff, System]);
    let lines = proptest::collection::vec((0..9_i64, authors, "[ab]{0,2}"), 0..4);
    let times = (0..90_i64, proptest::option::of(0..90_i64));
    let people = (
        proptest::option::of("[a-c]{1,2}"),
        proptest::option::of(0..3_u8),
    );
    (kinds, lines, times, people, 0..1_000_000_u32).prop_map(
        |(kind, lines, (received, occurred), (name, number), key)| {
            let mut told = event(kind, &key.to_string(), received);
            told.event.occurred_at = occurred.map(at);
            told.event.messages = lines
                .iter()
                .map(|(seconds, from, text)| Message {
                    id: format!("{seconds}"),
                    ..line(*seconds, *from, text)
                })
                .collect();
            told.event.contact.name.clone_from(&name);
            if let Some(number) = number {
                let _ = told.event.contact.add_phone(&format!("8903555014{number}"));
                told.event.operators = vec![operator(&number.to_string(), name.as_deref())];
                told.event.extra = [("number".into(), number.to_string())].into();
            }
            told
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_order_folds_to_the_same(
        (events, shuffled) in proptest::collection::vec(any_event(), 1..6)
            .prop_flat_map(|events| (Just(events.clone()), Just(events).prop_shuffle())),
        now in 0..9_000_i64,
    ) {
        let (left, right) = (&events[1..], &shuffled[1..]);
        for kind in [Chat, OfflineLead, Callback] {
            prop_assert_eq!(
                fold(kind, &events, &[], HOUR, at(now)),
                fold(kind, &shuffled, &[], HOUR, at(now))
            );
        }
        if left.len() == events.len() - 1 && events[0] == shuffled[0] {
            let card = &events[..1];
            prop_assert_eq!(
                fold(Chat, left, card, HOUR, at(now)),
                fold(Chat, right, card, HOUR, at(now))
            );
        }
    }
}
