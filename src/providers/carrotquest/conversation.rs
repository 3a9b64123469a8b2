//! A conversation that was read over the REST API: `{"conversation", "parts", "user"}`, made by
//! `fetch`. It holds everything said so far, so reading it twice adds only what is new.

use super::part::{self, Role};
use super::user;
use super::webhook::{bound_chat, chat, id};
use crate::model::{
    Channel, Event, EventKind, Message, MessageAuthor, Normalized, Operator, RawEvent, SetAside,
    SetAsideReason, Timestamp,
};
use crate::providers::free_text::html_to_text;
use crate::providers::lenient::{Lenient, fingerprint, json_body};
use serde_json::Value;

/// Turns a read conversation into one event.
pub fn normalize(raw: &RawEvent) -> Result<Normalized, SetAside> {
    let root = json_body(raw)?;
    let conversation = root.at("conversation");
    let number = id(conversation, "id").ok_or_else(|| {
        SetAside::new(
            SetAsideReason::WrongShape,
            "the conversation has no usable id",
        )
    })?;
    let parts = in_order(root.items("parts"));
    if is_unanswered_mailing(conversation, &parts) {
        return Err(SetAside::new(
            SetAsideReason::NotALead,
            "a mailing that the visitor did not answer",
        ));
    }
    let mut normalized = Normalized::default();
    let mut event = Event::new(
        format!("conversation:{number}:{}", fingerprint(&raw.body)),
        chat(&number),
        kind(conversation),
    );
    event.messages = parts
        .iter()
        .filter_map(|part| part::message(part))
        .collect();
    event.occurred_at = happened_at(conversation, &parts, &event.messages);
    event.channel = Some(channel(conversation, &parts));
    event.operators = operators(conversation, &parts);
    event.keys.push(bound_chat(&number));
    let card = user::merge(root.at("user"), conversation.at("user"));
    if let Some(user_id) = id(&card, "id") {
        event.keys.extend(user::keys(&card, &user_id));
    }
    user::describe(&card, &mut event, &mut normalized.warnings);
    details(conversation, &parts, &mut event);
    normalized.warnings.extend(unread(&parts));
    normalized.events.push(event);
    Ok(normalized)
}

fn kind(conversation: &Value) -> EventKind {
    match conversation.flag("closed") {
        Some(true) => EventKind::Finished,
        _ => EventKind::Updated,
    }
}

/// Pages come newest first; ids grow with time and settle equal seconds.
fn in_order(mut parts: Vec<&Value>) -> Vec<&Value> {
    parts.sort_by_key(|part| (part::created(part), part.integer("id")));
    parts
}

/// `message` is set when an automatic or manual message opened the conversation. An answer given
/// to a bot by its buttons is an answer: bots that collect contacts have no other.
fn is_unanswered_mailing(conversation: &Value, parts: &[&Value]) -> bool {
    let opened_by_message = conversation.text("message").is_some();
    opened_by_message && !parts.iter().any(|part| part::role(part).is_visitors())
}

/// The end of a closed conversation, the latest sign of life of an open one.
fn happened_at(conversation: &Value, parts: &[&Value], messages: &[Message]) -> Option<Timestamp> {
    let closed = parts.iter().filter(|part| part::role(part) == Role::Closed);
    let last_closed = closed.filter_map(|part| part::created(part)).max();
    let last_message = messages.iter().map(|message| message.at).max();
    last_closed.max(last_message).or_else(|| {
        let named = ["last_update", "created"];
        named
            .iter()
            .find_map(|name| part::time(conversation.at(name)))
    })
}

/// The vendor has no field that says "channel" for certain, so its signs are asked in the order of
/// their worth; `channel` is an inbox folder and only breaks a tie.
fn channel(conversation: &Value, parts: &[&Value]) -> Channel {
    if let Some(named) = conversation
        .text("external_service")
        .and_then(|name| messenger(&name))
    {
        return named;
    }
    let kind = conversation.text("type").unwrap_or_default();
    if matches!(kind.as_str(), "incoming_email" | "email") {
        return known("email");
    }
    let recipient = conversation.text("recipient_type").unwrap_or_default();
    if kind == "sdk_push" || recipient == "sdk" {
        return known("mobile_app");
    }
    through_integration(conversation, parts).unwrap_or_else(Channel::site)
}

/// A messenger that only the first words of the visitor give away. Names are not documented;
/// `fetched_integration_sent_via.http` will settle how they are spelt.
fn through_integration(conversation: &Value, parts: &[&Value]) -> Option<Channel> {
    let first = parts
        .iter()
        .find(|part| part::role(part) == Role::Said(MessageAuthor::Visitor))?;
    match first.text("sent_via")?.as_str() {
        "integrations" => {
            let folder = conversation.text("channel.type").unwrap_or_default();
            Some(known_messenger(&folder).unwrap_or_else(|| known("other")))
        }
        "email_user" => Some(known("email")),
        name => known_messenger(name),
    }
}

/// Channel of a messenger integration; names we do not know are kept as they come.
pub fn messenger(name: &str) -> Option<Channel> {
    known_messenger(name).or_else(|| Channel::new(name))
}

/// Channel of a name that surely is a messenger's.
pub fn known_messenger(name: &str) -> Option<Channel> {
    let folded = name.to_lowercase();
    let plain = folded.strip_suffix("_bot").unwrap_or(&folded);
    let ours = match plain {
        "vk" | "vkontakte" => "vkontakte",
        "facebook" | "fb" => "facebook",
        "telegram" | "whatsapp" | "viber" | "instagram" | "avito" | "odnoklassniki" | "max" => {
            plain
        }
        "yandex_dialogs" => "yandex.dialogs",
        _ => return None,
    };
    Some(known(ours))
}

fn known(name: &str) -> Channel {
    Channel::new(name).expect("a channel's name is not empty")
}

/// Operators in the order of their first words; whoever has the conversation now comes last.
fn operators(conversation: &Value, parts: &[&Value]) -> Vec<Operator> {
    let mut found: Vec<Operator> = Vec::new();
    let spoke = parts
        .iter()
        .filter(|part| part::role(part) == Role::Said(MessageAuthor::Operator));
    for operator in spoke.filter_map(|part| part::operator(part.at("from"))) {
        if !found.iter().any(|known| known.id == operator.id) {
            found.push(operator);
        }
    }
    if let Some(assignee) = part::operator(conversation.at("assignee")) {
        found.retain(|known| known.id != assignee.id);
        found.push(assignee);
    }
    found
}

/// What is worth showing beside the chat. Several questions of one conversation are one chat; the
/// last one's number is kept.
fn details(conversation: &Value, parts: &[&Value], event: &mut Event) {
    for name in [
        "type",
        "recipient_type",
        "assistant_type",
        "external_service",
        "external_id",
    ] {
        let value = conversation.text(name).map(|text| user::short(&text));
        event
            .extra
            .extend(value.map(|value| (name.to_owned(), value)));
    }
    let tags: Vec<String> = conversation
        .items("tags")
        .into_iter()
        .filter_map(|tag| tag.first_text(&["", "name"]))
        .collect();
    if !tags.is_empty() {
        event
            .extra
            .insert("tags".into(), user::short(&tags.join(", ")));
    }
    let part_group = parts.iter().rev().find_map(|part| id(part, "part_group"));
    event
        .extra
        .extend(part_group.map(|group| ("part_group".into(), group)));
    let votes = parts
        .iter()
        .rev()
        .filter(|part| part::role(part) == Role::Rating);
    let rating = votes.filter_map(|part| rating(part)).next();
    event
        .extra
        .extend(rating.map(|rating| ("rating".into(), rating)));
}

/// The vendor says that `meta_data` holds the rating and not under which name;
/// `fetched_rating.http` will settle it.
fn rating(part: &Value) -> Option<String> {
    let text = part.first_text(&[
        "meta_data.vote",
        "meta_data.rating",
        "meta_data.value",
        "body",
    ])?;
    Some(user::short(&html_to_text(&text)))
}

/// Parts that could not be read, told once each kind.
fn unread(parts: &[&Value]) -> Vec<String> {
    let mut kinds: Vec<String> = parts
        .iter()
        .filter(|part| part::role(part) == Role::Unknown)
        .filter_map(|part| id(part, "type"))
        .collect();
    kinds.sort();
    kinds.dedup();
    let spoken = |part: &&&Value| part::role(part).author().is_some();
    let timeless = parts
        .iter()
        .filter(spoken)
        .any(|part| part::created(part).is_none());
    let unknown = kinds
        .into_iter()
        .map(|kind| format!("a part of unknown type {kind} is left out"));
    let without_time = timeless.then(|| "a message without a time is left out".to_owned());
    unknown.chain(without_time).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_channel_follows_the_signs_in_their_order() {
        let widget = json!({"type": "reply_user", "sent_via": "web_user"});
        let through = json!({"type": "reply_user", "sent_via": "integrations"});
        let named = json!({"type": "reply_user", "sent_via": "telegram"});
        for (conversation, first, expected) in [
            (
                json!({"external_service": null, "type": "popup_chat", "recipient_type": "web"}),
                &widget,
                "site",
            ),
            (
                json!({"external_service": "vk", "type": "email"}),
                &widget,
                "vkontakte",
            ),
            (
                json!({"external_service": "telegram_bot"}),
                &widget,
                "telegram",
            ),
            (
                json!({"external_service": "Wazzup 24"}),
                &widget,
                "wazzup_24",
            ),
            (
                json!({"type": "incoming_email", "recipient_type": "sdk"}),
                &widget,
                "email",
            ),
            (
                json!({"type": "popup_chat", "recipient_type": "sdk"}),
                &widget,
                "mobile_app",
            ),
            (json!({"type": "sdk_push"}), &widget, "mobile_app"),
            (json!({"channel": {"type": "telegram"}}), &widget, "site"),
            (json!({"channel": {"type": "viber"}}), &through, "viber"),
            (json!({"channel": {"type": "manual"}}), &through, "other"),
            (json!({}), &named, "telegram"),
        ] {
            assert_eq!(
                channel(&conversation, &[first]).as_str(),
                expected,
                "{conversation}"
            );
        }
    }

    #[test]
    fn a_mailing_needs_an_answer_to_be_a_chat() {
        let mailing = json!({"message": "1702000000000000001"});
        let sent = json!({"type": "popup_chat"});
        let note = json!({"type": "note"});
        let answer = json!({"type": "reply_user"});
        let button = json!({"type": "chat_bot_user"});
        assert!(is_unanswered_mailing(&mailing, &[&sent, &note]));
        assert!(!is_unanswered_mailing(&mailing, &[&sent, &answer]));
        assert!(!is_unanswered_mailing(&mailing, &[&sent, &button]));
        assert!(!is_unanswered_mailing(&json!({"message": null}), &[&sent]));
    }
}
