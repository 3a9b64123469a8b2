//! Cases of reading a conversation: by number, by nearness in time, by client, by id.

use super::ground::{Ground, assert_conflict, assert_not_found};
use super::values::{at, event, key, write};
use crate::model::{
    Channel, Communication, CommunicationId, CommunicationKind, Contact, Email, FinishedBy, Hidden,
    Key, KeyKind, Message, MessageAuthor, Operator, Phone, RawEventId, Status, Subject, TimeOrigin,
};
use crate::store::{
    CommunicationWrite, ConversationQuery, ConversationState, HistoryEntry, Sibling,
};
use std::collections::BTreeMap;

pub async fn an_unknown_conversation_has_nothing(ground: Ground) {
    let state = ground
        .numbered(ground.own, CommunicationKind::Chat, "none")
        .await;
    assert!(state.communication.is_none());
    assert!(state.events.is_empty() && state.client_events.is_empty());
    assert!(state.siblings.is_empty());
}

pub async fn a_communication_comes_back_as_it_was_written(ground: Ground) {
    let full = Communication {
        channel: Channel::new("telegram").unwrap(),
        status: Status::Succeed,
        started_at_origin: TimeOrigin::Inferred,
        first_words_at: at(5),
        finished_at: Some(at(50)),
        finished_by: Some(FinishedBy::Silence),
        contact: Contact {
            name: Some("Анна".into()),
            phones: vec![Phone::parse("+79035550142").unwrap()],
            emails: vec![Email::parse("anna@example.org").unwrap()],
        },
        messages: vec![Message {
            id: "1".into(),
            at: at(5),
            from: MessageAuthor::Visitor,
            author: None,
            text: "<b>\u{0}💬</b>".into(),
            attachments: vec![],
        }],
        operators: vec![Operator {
            id: "7".into(),
            name: Some("Ольга".into()),
        }],
        keys: vec![key(KeyKind::Phone, "+79035550142")],
        extra: BTreeMap::from([("rate".to_owned(), "good".to_owned())]),
        ..ground.own.chat("chat")
    };
    let stored = ground.put(write(full.clone())).await;
    let expected = Communication {
        id: stored.id,
        version: 1,
        ..full
    };
    assert_eq!(stored, expected);
    let ground = ground.reopen().await;
    let read = ground
        .store
        .communication(ground.own.workspace, stored.id)
        .await
        .unwrap();
    assert_eq!(read, expected);
}

pub async fn a_number_is_of_its_kind_and_integration(ground: Ground) {
    let chat = ground.put(write(ground.own.chat("1"))).await;
    let lead = ground
        .put(write(Communication {
            kind: CommunicationKind::OfflineLead,
            ..ground.own.chat("1")
        }))
        .await;
    let foreign = ground.put(write(ground.foreign.chat("1"))).await;
    let mut ids = vec![];
    for (owner, kind) in [
        (ground.own, CommunicationKind::Chat),
        (ground.own, CommunicationKind::OfflineLead),
        (ground.foreign, CommunicationKind::Chat),
    ] {
        let state = ground.numbered(owner, kind, "1").await;
        ids.push(state.communication.unwrap().id);
    }
    assert_eq!(ids, [chat.id, lead.id, foreign.id]);
    let callback = ground
        .numbered(ground.own, CommunicationKind::Callback, "1")
        .await;
    assert!(callback.communication.is_none());
}

pub async fn answers_come_in_the_order_of_the_questions(ground: Ground) {
    ground.put(write(ground.own.chat("a"))).await;
    ground.put(write(ground.own.chat("b"))).await;
    let query = |external_id: &str| ConversationQuery {
        workspace: ground.own.workspace,
        integration: ground.own.integration,
        subject: Subject::Numbered {
            kind: CommunicationKind::Chat,
            external_id: external_id.into(),
        },
        at: at(0),
        client: None,
        dedup_key: String::new(),
    };
    let states = ground
        .store
        .conversations(vec![query("b"), query("none"), query("a"), query("b")])
        .await
        .unwrap();
    let found: Vec<_> = states
        .iter()
        .map(|state| Some(state.communication.as_ref()?.external_id.as_str()))
        .collect();
    assert_eq!(found, [Some("b"), None, Some("a"), Some("b")]);
}

pub async fn a_conversation_has_all_its_events_and_no_other(ground: Ground) {
    let mut told = write(ground.own.chat("a"));
    told.new_events = vec![
        event("one", RawEventId(1), 3),
        event("two", RawEventId(2), 4),
    ];
    let expected = told.new_events.clone();
    ground.put(told).await;
    let mut other = write(ground.own.chat("b"));
    other.new_events = vec![event("three", RawEventId(2), 4)];
    ground.put(other).await;
    let state = ground
        .numbered(ground.own, CommunicationKind::Chat, "a")
        .await;
    let mut events = state.events;
    events.sort_by(|one, other| one.event.dedup_key.cmp(&other.event.dedup_key));
    assert_eq!(events, expected);
}

/// A lead that has no number, with the texts it is found by.
fn near_lead(ground: &Ground, name: &str, texts: &[(&str, i64)]) -> CommunicationWrite {
    let mut lead = write(Communication {
        kind: CommunicationKind::OfflineLead,
        ..ground.own.chat(name)
    });
    lead.near = texts
        .iter()
        .map(|(text, seconds)| ((*text).to_owned(), at(*seconds)))
        .collect();
    lead
}

/// The number of the lead that is found near a moment.
async fn near(ground: &Ground, seconds: i64, any_of: &[(&str, u32)]) -> Option<String> {
    let found = near_state(ground, seconds, any_of).await.communication?;
    Some(found.external_id)
}

async fn near_state(ground: &Ground, seconds: i64, any_of: &[(&str, u32)]) -> ConversationState {
    let query = ConversationQuery {
        workspace: ground.own.workspace,
        integration: ground.own.integration,
        subject: Subject::Near {
            kind: CommunicationKind::OfflineLead,
            any_of: any_of
                .iter()
                .map(|(text, gap)| ((*text).to_owned(), *gap))
                .collect(),
        },
        at: at(seconds),
        client: None,
        dedup_key: String::new(),
    };
    let mut states = ground.store.conversations(vec![query]).await.unwrap();
    states.remove(0)
}

pub async fn a_near_conversation_is_found_on_both_sides_of_its_time(ground: Ground) {
    ground
        .put(near_lead(&ground, "lead", &[("+79035550142", 1_000)]))
        .await;
    let text = [("+79035550142", 60)];
    for (seconds, found) in [
        (939, false),
        (940, true),
        (1_000, true),
        (1_060, true),
        (1_061, false),
    ] {
        let lead = near(&ground, seconds, &text).await;
        assert_eq!(lead.is_some(), found, "at {seconds}");
    }
    assert_eq!(near(&ground, 1_000, &[("+79035550143", 60)]).await, None);
}

pub async fn a_near_conversation_is_found_by_any_of_its_texts(ground: Ground) {
    ground
        .put(near_lead(&ground, "lead", &[("phone", 0), ("mail", 0)]))
        .await;
    let by_second = near(&ground, 100, &[("phone", 10), ("mail", 200)]).await;
    assert_eq!(by_second.as_deref(), Some("lead"));
    assert_eq!(
        near(&ground, 100, &[("phone", 10), ("mail", 99)]).await,
        None
    );
}

pub async fn the_oldest_of_several_near_ones_is_taken_and_the_others_are_told(ground: Ground) {
    ground
        .put(near_lead(&ground, "older", &[("phone", 100)]))
        .await;
    ground
        .put(near_lead(&ground, "newer", &[("phone", 0)]))
        .await;
    let found = near_state(&ground, 10, &[("phone", 500)]).await;
    assert_eq!(found.communication.unwrap().external_id, "older");
    let others = found.others.iter();
    let others: Vec<_> = others.map(|(one, _)| one.external_id.as_str()).collect();
    assert_eq!(others, ["newer"]);
}

pub async fn a_known_event_that_is_read_anew_is_taken_whatever_is_near(ground: Ground) {
    let [one, _] = two_leads(&ground).await;
    let mut known = event("one", RawEventId(1), 50);
    known.event.subject = Subject::Near {
        kind: CommunicationKind::OfflineLead,
        any_of: vec![("phone".into(), 60)],
    };
    let mut again = write(one);
    again.new_events = vec![known];
    ground.commit(vec![again]).await.unwrap();
}

/// Two leads that are near to what comes between them, each with an event.
async fn two_leads(ground: &Ground) -> [Communication; 2] {
    let mut leads = vec![];
    for (name, seconds) in [("one", 0), ("two", 100)] {
        let mut lead = near_lead(ground, name, &[("phone", seconds)]);
        lead.new_events = vec![event(name, RawEventId(seconds + 1), seconds)];
        leads.push(ground.put(lead).await);
    }
    leads.try_into().unwrap()
}

/// What an event between the leads writes: the first with all texts, the second silent.
fn united([one, two]: [Communication; 2]) -> [CommunicationWrite; 2] {
    let gone = CommunicationWrite {
        moved_to: Some(one.id),
        ..write(Communication {
            hidden: Some(Hidden::AbsorbedBy(one.id)),
            ..two
        })
    };
    let subject = Subject::Near {
        kind: CommunicationKind::OfflineLead,
        any_of: vec![("phone".into(), 60)],
    };
    let mut between = event("between", RawEventId(9), 50);
    between.event.subject = subject;
    let mut all = write(one);
    all.new_events = vec![between];
    all.near = [0, 50, 100]
        .map(|seconds| ("phone".into(), at(seconds)))
        .into();
    [gone, all]
}

pub async fn a_conversation_that_becomes_anothers_leaves_it_its_events_and_texts(ground: Ground) {
    let leads = two_leads(&ground).await;
    let ids = [leads[0].id, leads[1].id];
    ground.commit(united(leads).into()).await.unwrap();
    let own = ground.own.workspace;
    let asked = ids.map(|id| (own, id)).to_vec();
    let states = ground.store.conversations_by_id(asked).await.unwrap();
    let mut keys: Vec<_> = states[0]
        .events
        .iter()
        .map(|one| &one.event.dedup_key)
        .collect();
    keys.sort();
    assert_eq!(keys, ["between", "one", "two"]);
    assert_eq!(states[1].events, []);
    let found = near_state(&ground, 100, &[("phone", 10)]).await;
    assert_eq!(found.communication.unwrap().id, ids[0]);
    assert_eq!(found.others, []);
    let told = ground.store.raw_ids(own, ids[1]).await.unwrap();
    assert_eq!(told, []);
}

/// Whoever decided before the second was opened does not know that they are one.
pub async fn an_event_between_two_is_refused_until_both_were_seen(ground: Ground) {
    let [gone, all] = united(two_leads(&ground).await);
    assert_conflict(ground.commit(vec![all.clone()]).await);
    ground.commit(vec![gone, all]).await.unwrap();
}

/// Each event brings its own time; the nearest counts, not the first.
pub async fn a_conversation_is_near_any_of_its_times(ground: Ground) {
    ground
        .put(near_lead(&ground, "lead", &[("phone", 0), ("phone", 50)]))
        .await;
    let text = [("phone", 60)];
    for (seconds, found) in [(-61, false), (-60, true), (110, true), (111, false)] {
        let lead = near(&ground, seconds, &text).await;
        assert_eq!(lead.is_some(), found, "at {seconds}");
    }
}

/// A replay must not move an event to what has come near meanwhile.
pub async fn a_known_event_stays_where_it_is_whatever_is_near(ground: Ground) {
    let mut lead = near_lead(&ground, "lead", &[("phone", 0)]);
    lead.new_events = vec![event("known", RawEventId(1), 0)];
    ground.put(lead).await;
    ground
        .put(near_lead(&ground, "nearer", &[("phone", 900)]))
        .await;
    let asked = |dedup_key: &str, kind| ConversationQuery {
        workspace: ground.own.workspace,
        integration: ground.own.integration,
        subject: Subject::Near {
            kind,
            any_of: vec![("phone".into(), 60)],
        },
        dedup_key: dedup_key.into(),
        at: at(900),
        client: None,
    };
    let states = ground
        .store
        .conversations(vec![
            asked("known", CommunicationKind::OfflineLead),
            asked("new", CommunicationKind::OfflineLead),
            asked("known", CommunicationKind::Chat),
        ])
        .await
        .unwrap();
    let found: Vec<_> = states
        .iter()
        .map(|state| Some(state.communication.as_ref()?.external_id.as_str()))
        .collect();
    assert_eq!(found, [Some("lead"), Some("nearer"), None]);
}

pub async fn near_texts_are_of_their_kind_and_integration(ground: Ground) {
    let mut chat = write(ground.own.chat("chat"));
    chat.near = vec![("phone".into(), at(0))];
    ground.put(chat).await;
    let mut foreign = write(Communication {
        kind: CommunicationKind::OfflineLead,
        ..ground.foreign.chat("lead")
    });
    foreign.near = vec![("phone".into(), at(0))];
    ground.put(foreign).await;
    assert_eq!(near(&ground, 0, &[("phone", 60)]).await, None);
}

pub async fn a_clients_card_is_found_by_the_client(ground: Ground) {
    let card = ground.put(write(ground.own.card("7"))).await;
    let subject = |client: &str| Subject::Client {
        client: client.into(),
    };
    let state = ground.asked(ground.own, subject("7"), None).await;
    assert_eq!(state.communication.unwrap().id, card.id);
    let state = ground.asked(ground.own, subject("8"), None).await;
    assert!(state.communication.is_none());
}

/// A chat with the client.
fn chat_with(ground: &Ground, external_id: &str, client: &str, seconds: i64) -> CommunicationWrite {
    write(Communication {
        keys: vec![ground.own.client_key(client)],
        started_at: at(seconds),
        ..ground.own.chat(external_id)
    })
}

pub async fn a_chat_learns_of_its_clients_card_changes(ground: Ground) {
    let mut card = write(ground.own.card("7"));
    card.new_events = vec![event("card", RawEventId(3), 9)];
    let expected = card.new_events.clone();
    ground.put(card).await;
    ground.put(write(ground.own.card("8"))).await;
    let chat = ground.put(chat_with(&ground, "chat", "7", 50)).await;
    let client: Key = ground.own.client_key("7");
    let by_id = vec![(ground.own.workspace, chat.id)];
    let mut states = ground.store.conversations_by_id(by_id).await.unwrap();
    for name in ["chat", "opening"] {
        let state = ground.numbered_with(ground.own, name, &client.value);
        states.push(state.await);
    }
    assert_eq!(states.len(), 3);
    for state in states {
        assert_eq!(state.client_events, expected);
        assert_eq!(state.siblings, []);
    }
}

pub async fn a_card_learns_of_its_clients_shown_communications(ground: Ground) {
    let phone = Phone::parse("+79035550142").unwrap();
    let mut chat = chat_with(&ground, "chat", "7", 40);
    chat.communication.finished_at = Some(at(60));
    chat.communication.contact.emails = vec![Email::parse("card@example.org").unwrap()];
    chat.new_events = vec![event("told", RawEventId(1), 40)];
    chat.new_events[0].event.contact.phones = vec![phone.clone()];
    let chat = ground.put(chat).await;
    let mut hidden = chat_with(&ground, "hidden", "7", 41);
    hidden.communication.hidden = Some(Hidden::TakenBack);
    ground.put(hidden).await;
    ground.put(chat_with(&ground, "stranger", "8", 42)).await;
    let client = ground.own.client_key("7");
    let subject = || Subject::Client { client: "7".into() };
    let expected = [Sibling {
        id: chat.id,
        from: at(40),
        until: at(60),
        contact: Contact {
            phones: vec![phone],
            ..Contact::default()
        },
    }];
    let before = ground
        .asked(ground.own, subject(), Some(&client.value))
        .await;
    assert!(before.communication.is_none());
    assert_eq!(before.siblings, expected);
    let card = ground.put(write(ground.own.card("7"))).await;
    let by_id = vec![(ground.own.workspace, card.id)];
    let mut states = ground.store.conversations_by_id(by_id).await.unwrap();
    let asked = ground.asked(ground.own, subject(), Some(&client.value));
    states.push(asked.await);
    for state in states {
        assert_eq!(state.siblings, expected);
        assert!(state.client_events.is_empty(), "its own are in `events`");
    }
}

pub async fn a_communication_lasts_until_its_last_message(ground: Ground) {
    let client = ground.own.client_key("7");
    let mut chat = chat_with(&ground, "chat", "7", 40);
    chat.communication.messages = [90, 70]
        .map(|seconds| Message {
            id: seconds.to_string(),
            at: at(seconds),
            from: MessageAuthor::Visitor,
            author: None,
            text: "?".into(),
            attachments: vec![],
        })
        .to_vec();
    ground.put(chat).await;
    let subject = Subject::Client { client: "7".into() };
    let state = ground.asked(ground.own, subject, Some(&client.value)).await;
    assert_eq!(state.siblings[0].until, at(90));
}

pub async fn by_id_those_that_do_not_exist_are_left_out(ground: Ground) {
    let mut told = write(ground.own.chat("a"));
    told.new_events = vec![event("one", RawEventId(1), 3)];
    let chat = ground.put(told).await;
    let (own, foreign) = (ground.own.workspace, ground.foreign.workspace);
    let states = ground
        .store
        .conversations_by_id(vec![
            (own, CommunicationId(9_999)),
            (own, chat.id),
            (foreign, chat.id),
        ])
        .await
        .unwrap();
    assert_eq!(states.len(), 1);
    assert_eq!(states[0].communication.as_ref(), Some(&chat));
    assert_eq!(states[0].events.len(), 1);
    let nobody = ground.store.communication(own, CommunicationId(9_999));
    assert_not_found(nobody.await);
}

pub async fn raw_events_are_told_by_and_communications_know_theirs(ground: Ground) {
    let mut one = write(ground.own.chat("one"));
    one.new_events = vec![
        event("a", RawEventId(5), 0),
        event("b", RawEventId(4), 0),
        event("c", RawEventId(5), 0),
    ];
    let one = ground.put(one).await;
    let mut two = write(ground.own.chat("two"));
    two.new_events = vec![event("d", RawEventId(5), 0)];
    let two = ground.put(two).await;
    let own = ground.own.workspace;
    let mut told = ground
        .store
        .told_by(vec![(own, RawEventId(5)), (own, RawEventId(6))])
        .await
        .unwrap();
    told.sort_unstable();
    let expected = [(RawEventId(5), own, one.id), (RawEventId(5), own, two.id)];
    assert_eq!(told, expected);
    let raw = ground.store.raw_ids(own, one.id).await.unwrap();
    assert_eq!(raw, [RawEventId(4), RawEventId(5)]);
}

pub async fn history_is_kept_newest_first(ground: Ground) {
    let first = ground.put(write(ground.own.chat("chat"))).await;
    let link = HistoryEntry::Link {
        was: first.link.clone(),
    };
    let credit = HistoryEntry::Credit {
        was: first.credit.clone(),
    };
    let (own, store) = (ground.own.workspace, &ground.store);
    assert_eq!(store.history(own, first.id).await.unwrap(), []);
    let mut second = write(first.clone());
    second.history = vec![link.clone()];
    let second = ground.put(second).await;
    let mut third = write(second);
    third.history = vec![credit.clone()];
    ground.put(third).await;
    let history = store.history(own, first.id).await.unwrap();
    let entries: Vec<_> = history.into_iter().map(|row| (row.at, row.entry)).collect();
    assert_eq!(entries, [(at(1_000), credit), (at(1_000), link)]);
}
