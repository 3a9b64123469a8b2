//! Words of a chat: one text, a list of texts, or a list of objects. No sample of a chat is
//! public; the names below are hypotheses until `json_chat.http` is a captured request.

use super::mapping::text_at;
use super::time;
use crate::model::{Message, MessageAuthor, Timestamp};
use crate::providers::lenient::Lenient;
use jiff::{SignedDuration, tz::TimeZone};
use serde_json::Value;
use std::collections::HashMap;

const TEXT: &[&str] = &["text", "message", "body", "content"];
const FROM: &[&str] = &["from", "type", "author", "sender", "who", "direction"];
const TIME: &[&str] = &["date", "time", "date_create", "created_at", "timestamp"];
const ID: &[&str] = &["id", "message_id", "id_message"];

/// The lines in their order. A line without a time of its own stands at `base`, a microsecond after
/// the line before it.
pub fn read(value: &Value, base: Timestamp, zone: &TimeZone) -> Vec<Message> {
    let parsed: Value;
    let value = match value {
        Value::String(text) if text.trim_start().starts_with(['[', '{']) => {
            parsed = serde_json::from_str(text).unwrap_or_else(|_| value.clone());
            &parsed
        }
        other => other,
    };
    let mut repeats = HashMap::new();
    let lines = value.items("").into_iter().enumerate();
    lines
        .filter_map(|(place, line)| message(line, place, base, zone, &mut repeats))
        .collect()
}

fn message(
    line: &Value,
    place: usize,
    base: Timestamp,
    zone: &TimeZone,
    repeats: &mut HashMap<(MessageAuthor, String), usize>,
) -> Option<Message> {
    let first = |names: &[&str]| names.iter().find_map(|name| text_at(line, name));
    let text = line.text("").or_else(|| first(TEXT))?;
    let from = first(FROM).map_or(MessageAuthor::Visitor, |word| author(&word));
    let own_time = TIME
        .iter()
        .find_map(|name| time::read(&text_at(line, name)?.into(), zone));
    let step = SignedDuration::from_micros(place as i64);
    let at = own_time.or_else(|| base.checked_add(step).ok())?;
    let nth = repeats.entry((from, text.clone())).or_insert(0);
    // A time that was made up here must not enter the id: the same line comes again with another.
    let stable_time = own_time.unwrap_or(Timestamp::UNIX_EPOCH);
    let derived = Message::derived_id(stable_time, from, &text, *nth);
    *nth += 1;
    Some(Message {
        id: first(ID).filter(|id| id != "0").unwrap_or(derived),
        at,
        from,
        author: text_at(line, "name"),
        text,
        attachments: Vec::new(),
    })
}

/// Who speaks, by the word for him; a word we do not know is the visitor's, whose words are what
/// must not be lost.
fn author(word: &str) -> MessageAuthor {
    let word = word.to_lowercase();
    let has = |signs: &[&str]| signs.iter().any(|sign| word.contains(sign));
    if has(&["bot", "system", "auto", "бот", "систем"]) {
        MessageAuthor::System
    } else if has(&[
        "operator",
        "manager",
        "agent",
        "admin",
        "consult",
        "out",
        "оператор",
        "менеджер",
    ]) {
        MessageAuthor::Operator
    } else {
        MessageAuthor::Visitor
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn lines(value: Value) -> Vec<(MessageAuthor, String, String)> {
        read(&value, Timestamp::UNIX_EPOCH, &TimeZone::UTC)
            .into_iter()
            .map(|message| (message.from, message.at.to_string(), message.text))
            .collect()
    }

    #[test]
    fn every_spelling_of_a_transcript_is_read() {
        use MessageAuthor::{Operator, System, Visitor};
        let start = "1970-01-01T00:00:00Z".to_owned();
        let next = "1970-01-01T00:00:00.000001Z".to_owned();
        assert_eq!(
            lines(json!("Есть?")),
            [(Visitor, start.clone(), "Есть?".into())]
        );
        let two = [
            (Visitor, start.clone(), "a".into()),
            (Visitor, next.clone(), "b".into()),
        ];
        assert_eq!(lines(json!(["a", "b"])), two);
        assert_eq!(lines(json!("[\"a\",\"b\"]")), two);
        let objects = json!([
            {"from": "visitor", "text": "Есть?"},
            {"type": "OPERATOR", "message": "Да", "date": "2025-03-04 12:31:07"},
            {"sender": "chat-bot", "body": "Оцените"},
            {"from": "operator"},
            7,
            null,
        ]);
        let read = lines(objects);
        assert_eq!(read.len(), 4);
        assert_eq!(
            read[1],
            (Operator, "2025-03-04T12:31:07Z".into(), "Да".into())
        );
        assert_eq!(read[2].0, System);
        assert_eq!(lines(json!({})), []);
    }

    #[test]
    fn the_same_line_keeps_its_id_when_only_our_time_differs() {
        let ids = |base| -> Vec<String> {
            let value = json!(["Да", "Да"]);
            read(&value, base, &TimeZone::UTC)
                .into_iter()
                .map(|line| line.id)
                .collect()
        };
        let first = ids(Timestamp::UNIX_EPOCH);
        assert_eq!(first, ids(Timestamp::from_second(1_741_080_667).unwrap()));
        assert_ne!(first[0], first[1]);
    }
}
