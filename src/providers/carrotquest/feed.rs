//! `type=conversation`: every part of every chat as it is written. The vendor's support switches
//! it on; where it is on, a chat is seen without the hour's delay.

use super::conversation::known_messenger;
use super::part::{self, Role};
use super::user;
use super::webhook::{bound_chat, chat, id, need, unknown};
use crate::model::{
    Event, EventKind, IntegrationSettings, Key, MessageAuthor, Normalized, RawEvent, SetAside,
    SetAsideReason,
};
use crate::providers::lenient::{Lenient, fingerprint};
use serde_json::Value;

/// Turns one part into an event. Lines of programs open no chat here: a mailing is no appeal, and
/// reading the conversation brings them when it turns out to be one.
pub fn normalize(
    part: &Value,
    raw: &RawEvent,
    settings: &IntegrationSettings,
) -> Result<Normalized, SetAside> {
    let number = id(part, "conversation")
        .or_else(|| id(part, "conversation.id"))
        .ok_or_else(|| {
            SetAside::new(SetAsideReason::WrongShape, "the part names no conversation")
        })?;
    let role = part::role(part);
    let mut normalized = Normalized::default();
    match role {
        Role::Said(MessageAuthor::Visitor | MessageAuthor::Operator) | Role::BotAnswer => {
            normalized.events.extend(said(part, &number, raw));
        }
        // As with the webhook of a closed question: it may be a mailing, so it is read first.
        Role::Closed if settings.own_text("api_key").is_some() => {
            let visitor = id(part, "user").or_else(|| id(part, "user.id"));
            normalized
                .fetches
                .push(need(&number, visitor.as_deref(), "closed"));
        }
        Role::Closed => {
            normalized
                .events
                .push(event(part, &number, EventKind::Finished, raw));
        }
        Role::Unknown => return Err(unknown("part type", &part.text("type").unwrap_or_default())),
        Role::Said(MessageAuthor::System) | Role::Note | Role::Rating | Role::Housekeeping => {}
    }
    if normalized.events.is_empty() && normalized.fetches.is_empty() {
        return Err(SetAside::new(
            SetAsideReason::NotALead,
            "a part without words of a person",
        ));
    }
    Ok(normalized)
}

fn said(part: &Value, number: &str, raw: &RawEvent) -> Option<Event> {
    let message = part::message(part)?;
    let mut event = event(part, number, EventKind::Message, raw);
    if message.from == MessageAuthor::Visitor {
        event.keys.extend(visitor_keys(part));
        event.channel = part
            .text("sent_via")
            .and_then(|name| known_messenger(&name));
    }
    event.operators.extend(part::operator(part.at("assignee")));
    event.operators.extend(match message.from {
        MessageAuthor::Operator => part::operator(part.at("from")),
        _ => None,
    });
    event.operators.dedup();
    event.messages.push(message);
    Some(event)
}

fn event(part: &Value, number: &str, kind: EventKind, raw: &RawEvent) -> Event {
    let part_id = id(part, "id").unwrap_or_else(|| fingerprint(&raw.body));
    let mut event = Event::new(format!("part:{part_id}"), chat(number), kind);
    event.occurred_at = part::created(part);
    event.keys.push(bound_chat(number));
    let group = id(part, "part_group");
    event
        .extra
        .extend(group.map(|group| ("part_group".to_owned(), group)));
    event
}

/// The sender of a visitor's part is the vendor's number of him, bare or inside a card.
fn visitor_keys(part: &Value) -> Vec<Key> {
    match id(part, "from").or_else(|| id(part, "from.id")) {
        Some(visitor) => user::keys(part.at("from"), &visitor),
        None => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Address, IntegrationId, KeyKind, RawEventId, Timestamp, WorkspaceId};
    use serde_json::json;

    fn read(part: Value) -> Result<Normalized, SetAside> {
        let mut settings = IntegrationSettings::default();
        settings.own.insert("api_key".into(), "key".into());
        read_with(part, &settings)
    }

    fn read_with(part: Value, settings: &IntegrationSettings) -> Result<Normalized, SetAside> {
        let raw = RawEvent {
            id: RawEventId(1),
            workspace: WorkspaceId(1),
            integration: IntegrationId(7),
            provider: super::super::SLUG.into(),
            address: Address::Chats,
            method: "POST".into(),
            query: String::new(),
            headers: Vec::new(),
            body: Vec::new(),
            received_at: Timestamp::UNIX_EPOCH,
        };
        normalize(&part, &raw, settings)
    }

    #[test]
    fn a_visitors_part_is_a_message_with_his_number() {
        let part = json!({"id": "9", "conversation": 170255, "type": "reply_user", "created": 1786003201,
            "from": 170223, "body": "Есть ли доставка?", "sent_via": "web_user"});
        let normalized = read(part).unwrap();
        let event = &normalized.events[0];
        assert_eq!(event.dedup_key, "part:9");
        assert_eq!(event.kind, EventKind::Message);
        assert!(
            event
                .keys
                .contains(&Key::new(KeyKind::BoundUser, "carrotquest:170223"))
        );
        assert!(
            event
                .keys
                .contains(&Key::new(KeyKind::BoundChat, "carrotquest:170255"))
        );
    }

    #[test]
    fn notes_mailings_and_housekeeping_are_no_leads() {
        for kind in ["note", "assigned", "popup_chat", "auto_reply", "vote"] {
            let part = json!({"id": 9, "conversation": 1, "type": kind, "created": 1786003201, "body": "x"});
            assert_eq!(
                read(part).unwrap_err().reason,
                SetAsideReason::NotALead,
                "{kind}"
            );
        }
    }

    #[test]
    fn the_closing_part_asks_for_the_whole_or_ends_the_chat_when_it_cannot_ask() {
        let part = json!({"id": 9, "conversation": 1, "type": "closed", "created": 1786003201});
        let asked = read(part.clone()).unwrap();
        assert_eq!(asked.fetches[0].key, "conversation:1");
        assert!(asked.events.is_empty());
        let ended = read_with(part, &IntegrationSettings::default()).unwrap();
        assert_eq!(ended.events[0].kind, EventKind::Finished);
    }

    #[test]
    fn a_part_of_no_conversation_is_of_the_wrong_shape() {
        let refused = read(json!({"id": 9, "type": "reply_user"})).unwrap_err();
        assert_eq!(refused.reason, SetAsideReason::WrongShape);
    }
}
