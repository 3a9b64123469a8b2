//! The messages of a dialogue, who answered, and the account's clock (talk-me.md 5.2 to 5.4).

use super::shape::Body;
use crate::model::{Attachment, EventKind, Message, MessageAuthor, Operator, Timestamp};
use crate::providers::free_text::{file_links, links};
use crate::providers::lenient::{Lenient, MOST, printed_time};
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, civil::DateTime};
use serde_json::Value;
use std::collections::HashMap;

/// Zone of the account's clock unless the settings say otherwise (talk-me.md 5.3).
pub const DEFAULT_ZONE: &str = "Europe/Moscow";

/// Host of files that visitors and operators send; a link may be all that is left of a file.
const FILE_HOST: &str = "download.me-talk.ru";

/// What the messages of one body say.
#[derive(Debug, Default)]
pub struct Transcript {
    pub messages: Vec<Message>,
    /// The last one is in charge.
    pub operators: Vec<Operator>,
    pub warnings: Vec<String>,
    /// Types of messages that we do not know.
    pub other_types: Vec<String>,
    /// Some message has the vendor's id or time.
    pub has_identity: bool,
    /// There were messages, and the visitor was to see none of them.
    dropped: usize,
}

impl Transcript {
    /// Everything there was are notes among operators.
    pub fn is_only_notes(&self) -> bool {
        self.messages.is_empty() && self.dropped > 0
    }

    /// Time of an event of this kind by the vendor's clock: that of the message which it is. The
    /// end of a dialogue has none.
    pub fn time_of(&self, kind: EventKind) -> Option<Timestamp> {
        let message = match kind {
            EventKind::Started => self.messages.first(),
            EventKind::Message | EventKind::OfflineLead => self.messages.last(),
            _ => None,
        };
        message.filter(|_| self.has_identity).map(|line| line.at)
    }
}

/// Reads the messages that the visitor could see, in order of time.
pub fn read(body: &Body, received_at: Timestamp, zone_setting: Option<&str>) -> Transcript {
    let mut transcript = Transcript::default();
    let all = body.messages();
    let clock = Clock::of(&all, zone_setting, &mut transcript.warnings);
    let (kept, notes): (Vec<&Value>, Vec<&Value>) = all.into_iter().partition(|item| is_seen(item));
    transcript.dropped = notes.len();
    transcript.operators = operators(body, &kept);
    transcript.has_identity = kept
        .iter()
        .any(|item| item.text("id").is_some() || clock.read(item).is_some());
    let mut last = received_at;
    let mut seen: HashMap<(Timestamp, MessageAuthor, String), usize> = HashMap::new();
    for item in kept {
        // A message without a time comes right after the one before it.
        last = clock
            .read(item)
            .unwrap_or_else(|| match transcript.messages.is_empty() {
                true => received_at,
                false => last
                    .checked_add(SignedDuration::from_micros(1))
                    .unwrap_or(last),
            });
        let from = author(item);
        remember_type(item, &mut transcript.other_types);
        let text = item
            .first_text(&["content.text", "text"])
            .unwrap_or_default();
        let nth = seen.entry((last, from, text.clone())).or_default();
        let id = item.text("id");
        transcript.messages.push(Message {
            id: id.unwrap_or_else(|| Message::derived_id(last, from, &text, *nth)),
            at: last,
            from,
            author: operator_of(item).and_then(|operator| operator.name),
            attachments: attachments(item, &text),
            text,
        });
        *nth += 1;
    }
    transcript.messages.sort_by_key(|message| message.at);
    transcript
}

/// Notes among operators and lines hidden from the visitor are nobody else's business.
fn is_seen(item: &Value) -> bool {
    let is_note = item
        .text("messageType")
        .is_some_and(|kind| kind.eq_ignore_ascii_case("comment"));
    !is_note && item.flag("isVisibleForClient") != Some(false)
}

/// Side of a message. A type of its own means that no person wrote it; so does the virtual
/// operator. A lone message without a side is the visitor's: that is what such hooks are for.
fn author(item: &Value) -> MessageAuthor {
    let names_operator = item
        .first_text(&["operator", "operator.login", "operatorName"])
        .is_some();
    if item.text("messageType").is_some() {
        return MessageAuthor::System;
    }
    match item
        .text("whoSend")
        .map(|side| side.to_lowercase())
        .as_deref()
    {
        Some("client") => MessageAuthor::Visitor,
        Some("operator") if names_operator && operator_of(item).is_none() => MessageAuthor::System,
        Some("operator") => MessageAuthor::Operator,
        None if names_operator => MessageAuthor::Operator,
        None => MessageAuthor::Visitor,
        Some(_) => MessageAuthor::System,
    }
}

fn remember_type(item: &Value, others: &mut Vec<String>) {
    let kind = item
        .text("messageType")
        .map(|kind| kind.chars().take(40).collect::<String>());
    if let Some(kind) = kind.filter(|kind| kind != "autoMessage")
        && others.len() < MOST
        && !others.contains(&kind)
    {
        others.push(kind);
    }
}

/// Author of an operator's message.
fn operator_of(item: &Value) -> Option<Operator> {
    let login = item.first_text(&["operator", "operator.login"]);
    let name = item.first_text(&["operatorName", "operator.name"]);
    let id = login.or(name.clone()).filter(|id| !is_nobody(id))?;
    Some(Operator { id, name })
}

/// The virtual operator of an empty office.
fn is_nobody(login: &str) -> bool {
    login.eq_ignore_ascii_case("offline")
}

/// Everybody who took part; in charge is the author of the last real message, else the operator
/// of the dialogue, else the last one of the list.
fn operators(body: &Body, messages: &[&Value]) -> Vec<Operator> {
    let content = body.content();
    let listed = content
        .items("operators")
        .into_iter()
        .chain(content.items("operator"));
    let listed = listed.filter_map(|item| {
        let id = item
            .first_text(&["login", "id", ""])
            .filter(|id| !is_nobody(id))?;
        let name = item.text("name");
        Some(Operator { id, name })
    });
    let wrote = messages
        .iter()
        .filter(|item| author(item) == MessageAuthor::Operator);
    let mut operators: Vec<Operator> = Vec::new();
    for mut operator in listed.chain(wrote.filter_map(|item| operator_of(item))) {
        if let Some(place) = operators.iter().position(|known| known.id == operator.id) {
            operator.name = operator.name.or(operators.remove(place).name);
        } else if operators.len() == MOST {
            continue;
        }
        operators.push(operator);
    }
    operators
}

/// Files of a message. The elements of `attachments` are unknown, so any text in them that is an
/// address counts (`messenger_dialogue.http` will settle it).
fn attachments(item: &Value, text: &str) -> Vec<Attachment> {
    let mut found = Vec::new();
    collect_links(item.at("content.attachments"), &mut found);
    let mut attachments: Vec<Attachment> = found
        .into_iter()
        .take(MOST)
        .map(|url| Attachment { url, name: None })
        .collect();
    let hosted = links(text)
        .into_iter()
        .filter(|link| link.contains(FILE_HOST));
    let hosted = hosted.map(|link| Attachment {
        url: link.to_owned(),
        name: None,
    });
    for attachment in file_links(text).into_iter().chain(hosted.take(MOST)) {
        if !attachments.iter().any(|known| known.url == attachment.url) {
            attachments.push(attachment);
        }
    }
    attachments
}

fn collect_links(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) if text.starts_with("http://") || text.starts_with("https://") => {
            found.push(text.clone());
        }
        Value::Array(items) => items.iter().for_each(|item| collect_links(item, found)),
        Value::Object(members) => members.values().for_each(|item| collect_links(item, found)),
        _ => {}
    }
}

/// How local times of this body are read.
struct Clock {
    zone: TimeZone,
}

impl Clock {
    /// The difference between the two times of a message is the account's real offset; it is
    /// believed before the setting, and the person is told when they disagree.
    fn of(messages: &[&Value], setting: Option<&str>, warnings: &mut Vec<String>) -> Clock {
        let name = setting.unwrap_or(DEFAULT_ZONE);
        let zone = TimeZone::get(name).unwrap_or_else(|_| {
            warnings.push("the setting `timezone` is no time zone; UTC+3 is used".into());
            TimeZone::fixed(Offset::constant(3))
        });
        let Some((at, seen)) = messages.iter().find_map(|item| seen_offset(item)) else {
            return Clock { zone };
        };
        let expected = zone.to_offset(at);
        if expected == seen {
            return Clock { zone };
        }
        warnings.push(format!(
            "the account's clock is UTC{seen}, the setting `timezone` says UTC{expected}"
        ));
        Clock {
            zone: TimeZone::fixed(seen),
        }
    }

    fn read(&self, item: &Value) -> Option<Timestamp> {
        let utc = item.text("dateTimeUTC");
        let utc = utc.and_then(|text| printed_time(&text, &TimeZone::UTC));
        utc.or_else(|| printed_time(&item.text("dateTime")?, &self.zone))
    }
}

/// Local time minus UTC, to the quarter of an hour.
fn seen_offset(item: &Value) -> Option<(Timestamp, Offset)> {
    let utc: DateTime = item.text("dateTimeUTC")?.parse().ok()?;
    let local: DateTime = item.text("dateTime")?.parse().ok()?;
    let seconds = utc.duration_until(local).as_secs();
    let quarter = 15 * 60;
    let rounded = (seconds + quarter / 2).div_euclid(quarter) * quarter;
    let offset = Offset::from_seconds(i32::try_from(rounded).ok()?).ok()?;
    let at = utc.to_zoned(TimeZone::UTC).ok()?.timestamp();
    Some((at, offset))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn transcript(messages: Value, zone: Option<&str>) -> Transcript {
        let root = json!({"data": {"dialog": {"id": 1, "messages": messages}, "operator": {"login": "Offline"}}});
        read(
            &Body { root },
            "2026-05-01T09:00:00Z".parse().unwrap(),
            zone,
        )
    }

    #[test]
    fn notes_and_hidden_lines_are_dropped() {
        let lines = transcript(
            json!([
                {"id": 1, "whoSend": "operator", "messageType": "comment", "text": "rude one"},
                {"id": 2, "whoSend": "operator", "text": "hidden", "isVisibleForClient": false},
                {"id": 3, "whoSend": "client", "text": "Hello", "messageType": ""},
            ]),
            None,
        );
        assert_eq!(lines.messages.len(), 1);
        assert_eq!(lines.messages[0].text, "Hello");
        assert!(!lines.is_only_notes());
        let notes = transcript(
            json!([{"whoSend": "operator", "messageType": "comment", "text": "x"}]),
            None,
        );
        assert!(notes.is_only_notes());
    }

    #[test]
    fn nobody_but_a_person_is_an_operator() {
        let lines = transcript(
            json!([
                {"id": 1, "whoSend": "operator", "messageType": "autoMessage", "operator": "anna", "text": "Hi!"},
                {"id": 2, "whoSend": "operator", "operator": "offline", "text": "We are away"},
                {"id": 3, "whoSend": "robot", "text": "?"},
                {"id": 4, "whoSend": "operator", "messageType": "transfer", "operator": "anna", "text": "moved"},
                {"id": 5, "whoSend": "operator", "operator": {"login": "oleg", "name": "Oleg"}, "text": "Hello"},
            ]),
            None,
        );
        let sides: Vec<_> = lines.messages.iter().map(|line| line.from).collect();
        let system = MessageAuthor::System;
        assert_eq!(
            sides,
            [system, system, system, system, MessageAuthor::Operator]
        );
        assert_eq!(
            lines.operators,
            [Operator {
                id: "oleg".into(),
                name: Some("Oleg".into())
            }]
        );
        assert_eq!(lines.other_types, ["transfer"]);
    }

    #[test]
    fn utc_is_believed_before_the_local_time() {
        for (line, expected) in [
            (
                json!({"dateTime": "2026-03-04 17:02:40", "dateTimeUTC": "2026-03-04 14:02:40"}),
                "2026-03-04T14:02:40Z",
            ),
            (
                json!({"dateTime": "2026-03-04 17:02:40"}),
                "2026-03-04T14:02:40Z",
            ),
            (
                json!({"dateTime": "soon", "dateTimeUTC": "0"}),
                "2026-05-01T09:00:00Z",
            ),
        ] {
            let lines = transcript(json!([line]), None);
            assert_eq!(lines.messages[0].at.to_string(), expected, "{line}");
            assert!(lines.warnings.is_empty());
        }
    }

    #[test]
    fn a_clock_that_differs_from_the_setting_is_believed_and_told() {
        let lines = transcript(
            json!([
                {"id": 1, "whoSend": "client", "dateTime": "2026-03-04 19:02:41", "dateTimeUTC": "2026-03-04 14:02:40"},
                {"id": 2, "whoSend": "client", "dateTime": "2026-03-04 19:03:00"},
            ]),
            None,
        );
        assert_eq!(lines.messages[1].at.to_string(), "2026-03-04T14:03:00Z");
        assert_eq!(
            lines.warnings,
            ["the account's clock is UTC+05, the setting `timezone` says UTC+03"]
        );
    }

    #[test]
    fn a_zone_that_does_not_exist_is_told_and_moscow_stands_in() {
        let lines = transcript(
            json!([{"dateTime": "2026-03-04 17:02:40"}]),
            Some("Mars/Olympus"),
        );
        assert_eq!(lines.messages[0].at.to_string(), "2026-03-04T14:02:40Z");
        assert_eq!(lines.warnings.len(), 1);
    }

    #[test]
    fn lines_without_id_and_time_keep_their_order() {
        let lines = transcript(
            json!([{"text": "One"}, {"text": "One"}, {"text": "Two"}]),
            None,
        );
        let texts: Vec<_> = lines
            .messages
            .iter()
            .map(|line| line.text.as_str())
            .collect();
        assert_eq!(texts, ["One", "One", "Two"]);
        assert_ne!(lines.messages[0].id, lines.messages[1].id);
        assert!(!lines.has_identity);
    }

    #[test]
    fn a_hostile_transcript_stays_cheap() {
        let line = |n: usize| json!({"whoSend": "operator", "operator": format!("o{n}"), "text": "x", "content": {"attachments": [["http://a"]]}});
        let mut lines: Vec<Value> = (0..20_000).map(line).collect();
        lines.push(json!({"whoSend": "client", "text": "http://a.test/b.pdf ".repeat(20_000)}));
        lines.extend((0..10_000).map(|n| json!({"messageType": format!("t{n}")})));
        let transcript = transcript(lines.into(), None);
        assert_eq!(transcript.messages.len(), 30_001);
        assert_eq!(transcript.operators.len(), MOST);
        assert_eq!(transcript.other_types.len(), MOST);
    }
}
