//! One part of a conversation: who speaks, what is said, what is only housekeeping. Both the part
//! lists of the REST API and the feed of every message are made of these.

use super::webhook::id;
use crate::model::{Attachment, Message, MessageAuthor, Operator, Timestamp};
use crate::providers::free_text::html_to_text;
use crate::providers::lenient::{Lenient, printed_time, unix_time};
use jiff::tz::TimeZone;
use serde_json::Value;

/// What a part is, by its `type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Said(MessageAuthor),
    /// The visitor pressed a button or filled a field of a bot: shown as a line of the bot, and an
    /// answer all the same.
    BotAnswer,
    /// Operators' words to each other: never shown.
    Note,
    Rating,
    /// The chat, or a question of it, was ended.
    Closed,
    /// Assigned, tagged, delayed, moved.
    Housekeeping,
    Unknown,
}

impl Role {
    /// Side in the transcript; `None`: not part of it.
    pub fn author(self) -> Option<MessageAuthor> {
        match self {
            Role::Said(author) => Some(author),
            Role::BotAnswer => Some(MessageAuthor::System),
            _ => None,
        }
    }

    /// The visitor did something of his own will.
    pub fn is_visitors(self) -> bool {
        matches!(self, Role::Said(MessageAuthor::Visitor) | Role::BotAnswer)
    }
}

/// Kinds of mailings, which open a conversation as its first part.
const MAILINGS: &[&str] = &[
    "popup_chat",
    "popup_small",
    "popup_big",
    "block_popup_small",
    "block_popup_big",
    "lead_bot",
    "routing_bot",
    "push",
    "sdk_push",
    "email",
];

/// Tells what a part is. A mailing may also come as a `reply_admin` that a program sent.
pub fn role(part: &Value) -> Role {
    match part.text("type").unwrap_or_default().as_str() {
        "reply_user" | "incoming_email" => Role::Said(MessageAuthor::Visitor),
        "reply_admin" | "article" if is_sent_by_program(part) => Role::Said(MessageAuthor::System),
        "reply_admin" | "article" => Role::Said(MessageAuthor::Operator),
        "auto_reply" | "chat_bot_admin" => Role::Said(MessageAuthor::System),
        "chat_bot_user" => Role::BotAnswer,
        "note" => Role::Note,
        "vote" => Role::Rating,
        "closed" | "final_closed" => Role::Closed,
        "assigned" | "tag_added" | "tag_deleted" | "delayed" | "channel_changed" | "service" => {
            Role::Housekeeping
        }
        kind if MAILINGS.contains(&kind) => Role::Said(MessageAuthor::System),
        _ => Role::Unknown,
    }
}

fn is_sent_by_program(part: &Value) -> bool {
    let by_sender = matches!(
        part.text("from.type").as_deref(),
        Some("message_sender" | "bot")
    );
    let by_way = matches!(
        part.text("sent_via").as_deref(),
        Some("message_auto" | "message_manual" | "message_chat_bot" | "auto_reply" | "system")
    );
    by_sender || by_way
}

/// The part as a line of the transcript. `None` when it is not one, was removed, has no time, or
/// has neither words nor files.
pub fn message(part: &Value) -> Option<Message> {
    let from = role(part).author()?;
    if is_removed(part) {
        return None;
    }
    let at = created(part)?;
    let text = words(part, from);
    let attachments = attachments(part);
    if text.is_empty() && attachments.is_empty() {
        return None;
    }
    let derived = || Message::derived_id(at, from, &text, 0);
    Some(Message {
        id: id(part, "id").unwrap_or_else(derived),
        at,
        from,
        author: part.text("from.name"),
        text,
        attachments,
    })
}

/// The words of a visitor are what he typed, even when it looks like markup; those of operators
/// and mailings come from an editor that writes HTML.
fn words(part: &Value, from: MessageAuthor) -> String {
    let body = part.text("body").unwrap_or_default();
    match from {
        MessageAuthor::Visitor => body,
        _ => html_to_text(&body),
    }
}

fn attachments(part: &Value) -> Vec<Attachment> {
    let file = |file: &Value| {
        Some(Attachment {
            url: file.text("url").filter(|url| is_web_address(url))?,
            name: file.text("filename"),
        })
    };
    part.items("attachments")
        .into_iter()
        .filter_map(file)
        .collect()
}

fn is_web_address(url: &str) -> bool {
    url.starts_with("https://") || url.starts_with("http://")
}

/// Removed parts were taken back by their author.
pub fn is_removed(part: &Value) -> bool {
    part.text("removed").is_some() || part.flag("removed") == Some(true)
}

/// When the part was made.
pub fn created(part: &Value) -> Option<Timestamp> {
    time(part.at("created"))
}

/// A time of the vendor: Unix seconds, with or without a fraction, or a printed time without a
/// zone. The zone is not documented; UTC until `fetched_printed_times.http` is replaced by a
/// captured answer.
pub fn time(value: &Value) -> Option<Timestamp> {
    unix_time(value).or_else(|| printed_time(&value.text("")?, &TimeZone::UTC))
}

/// The operator who wrote a part, or to whom something is assigned. Bots and senders of mailings
/// are nobody, and so is the vendor's nameless default.
pub fn operator(admin: &Value) -> Option<Operator> {
    match admin.text("type").as_deref() {
        None | Some("admin" | "default_admin") => Some(Operator {
            id: id(admin, "id")?,
            name: admin.text("name"),
        }),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_documented_type_has_its_side() {
        use MessageAuthor::{Operator, System, Visitor};
        for (kind, side) in [
            ("reply_user", Some(Visitor)),
            ("reply_admin", Some(Operator)),
            ("article", Some(Operator)),
            ("auto_reply", Some(System)),
            ("chat_bot_admin", Some(System)),
            ("chat_bot_user", Some(System)),
            ("popup_chat", Some(System)),
            ("note", None),
            ("vote", None),
            ("assigned", None),
            ("tag_added", None),
            ("tag_deleted", None),
            ("delayed", None),
            ("channel_changed", None),
            ("service", None),
            ("closed", None),
            ("final_closed", None),
            ("something_new", None),
        ] {
            assert_eq!(role(&json!({"type": kind})).author(), side, "{kind}");
        }
    }

    #[test]
    fn a_reply_that_a_program_sent_is_no_operators() {
        for part in [
            json!({"type": "reply_admin", "sent_via": "message_auto"}),
            json!({"type": "reply_admin", "from": {"id": 5, "type": "message_sender"}}),
            json!({"type": "reply_admin", "from": {"id": 5, "type": "bot"}}),
        ] {
            assert_eq!(role(&part), Role::Said(MessageAuthor::System), "{part}");
        }
    }

    #[test]
    fn operators_write_html_and_visitors_write_what_they_like() {
        let line = |kind: &str| {
            let part =
                json!({"id": 7, "type": kind, "created": 1786006120, "body": "<p>2 &lt; 3</p>"});
            message(&part).unwrap().text
        };
        assert_eq!(line("reply_admin"), "2 < 3");
        assert_eq!(line("reply_user"), "<p>2 &lt; 3</p>");
    }

    #[test]
    fn a_file_without_words_is_a_line_and_an_empty_part_is_none() {
        let file = json!({"type": "reply_user", "created": 1786006120, "body": "",
            "attachments": [{"url": "https://files.example/plan.pdf", "filename": "plan.pdf"}, {"url": "javascript:alert(1)"}]});
        assert_eq!(message(&file).unwrap().attachments.len(), 1);
        let empty = json!({"type": "reply_user", "created": 1786006120, "body": ""});
        assert_eq!(message(&empty), None);
        let removed = json!({"type": "reply_user", "created": 1786006120, "body": "a", "removed": 1786006130});
        assert_eq!(message(&removed), None);
    }

    #[test]
    fn times_come_as_numbers_with_fractions_and_as_text() {
        for (value, expected) in [
            (json!(1786006120), "2026-08-06T08:48:40Z"),
            (json!(1786006120.25), "2026-08-06T08:48:40.25Z"),
            (json!("2026-08-06T09:41:12"), "2026-08-06T09:41:12Z"),
        ] {
            assert_eq!(time(&value).unwrap().to_string(), expected);
        }
        assert_eq!(time(&Value::Null), None);
    }
}
