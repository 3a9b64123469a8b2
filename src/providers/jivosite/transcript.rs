//! The messages of a finished chat, in whichever of its forms the texts really are.
//!
//! The vendor sends the transcript three times: structured, as plain text and as HTML; which of
//! them holds the texts differs (jivosite.md 4.9). Read in this order: structured messages when at
//! least one text is real; the plain text; the text of the HTML; who and when alone. Times and
//! authors come from the structured messages even when the texts do not. How the lines of the
//! plain text look is not published: `chat_finished_hidden_texts.http` and
//! `chat_finished_html_only.http` will settle it.

use super::printed::{Entry, Speakers, entries};
use crate::model::{Event, Message, MessageAuthor, Operator, Timestamp};
use crate::providers::free_text::{file_links, html_to_text};
use crate::providers::lenient::{Lenient, MOST, unix_time};
use jiff::SignedDuration;
use serde_json::Value;
use std::collections::HashMap;

/// A line of the transcript before its time and id are certain.
#[derive(Clone, Debug, PartialEq)]
struct Line {
    from: MessageAuthor,
    author: Option<String>,
    at: Option<Timestamp>,
    text: String,
}

/// Adds the messages of a finished chat, and the agents that only its messages name.
pub fn read(root: &Value, received_at: Timestamp, event: &mut Event) {
    let structured = structured(root, event);
    let speakers = Speakers::of(event);
    let plain = root
        .text("plain_messages")
        .filter(|text| !is_placeholder(text));
    let html = root.text("html_messages").map(|html| html_to_text(&html));
    let has_texts = structured
        .iter()
        .any(|line| !line.text.is_empty() && !is_placeholder(&line.text));
    let lines = match plain.or(html.filter(|text| !is_placeholder(text) && !text.is_empty())) {
        _ if has_texts => structured,
        Some(text) => spread(hidden(structured), &text, &speakers),
        None => hidden(structured),
    };
    let mut lines: Vec<Line> = invitation(root).into_iter().chain(lines).collect();
    let known_times = lines.iter().any(|line| line.at.is_some());
    fill_times(&mut lines, received_at);
    event.messages = messages(lines, known_times);
}

/// `<text hidden>` and the like: one pair of brackets around words. Markup that a visitor typed has
/// more than one.
fn is_placeholder(text: &str) -> bool {
    text.trim()
        .strip_prefix('<')
        .and_then(|text| text.strip_suffix('>'))
        .is_some_and(|inside| !inside.contains(['<', '>']))
}

/// Lines without the placeholders in place of their texts.
fn hidden(lines: Vec<Line>) -> Vec<Line> {
    let blank = |line| Line {
        text: String::new(),
        ..line
    };
    lines.into_iter().map(blank).collect()
}

fn structured(root: &Value, event: &mut Event) -> Vec<Line> {
    let mut lines = Vec::new();
    for item in message_items(root.at("chat.messages")) {
        let agent = item.text("agent_id");
        let from = match item.text("type").as_deref() {
            Some("visitor" | "client") => MessageAuthor::Visitor,
            Some("agent" | "operator") => MessageAuthor::Operator,
            None if agent.is_some() => MessageAuthor::Operator,
            _ => MessageAuthor::System,
        };
        let author = match from {
            MessageAuthor::Visitor => event.contact.name.clone(),
            MessageAuthor::Operator => agent.and_then(|id| agent_name(&mut event.operators, id)),
            MessageAuthor::System => None,
        };
        lines.push(Line {
            from,
            author,
            at: unix_time(item.at("timestamp")),
            text: item.text("message").unwrap_or_default(),
        });
    }
    lines
}

/// The type table calls the list an object: its members are read then.
fn message_items(list: &Value) -> Vec<&Value> {
    match list {
        Value::Object(members) if members.values().all(Value::is_object) => {
            members.values().collect()
        }
        _ => list.items(""),
    }
    .into_iter()
    .filter(|item| item.is_object())
    .collect()
}

/// Name of an agent. One whom `agents` left out took part all the same, and did not close the chat.
fn agent_name(operators: &mut Vec<Operator>, id: String) -> Option<String> {
    match operators.iter().find(|operator| operator.id == id) {
        Some(known) => known.name.clone(),
        None => {
            if operators.len() < MOST {
                operators.insert(0, Operator { id, name: None });
            }
            None
        }
    }
}

/// The proactive invitation; without its time it is only a label.
fn invitation(root: &Value) -> Option<Line> {
    Some(Line {
        from: MessageAuthor::System,
        author: None,
        at: Some(unix_time(root.at("chat.invite_timestamp"))?),
        text: root.text("chat.invitation")?,
    })
}

/// Lays printed text over the lines of which only side and time are known. Where the two do not
/// agree in number, a printed entry takes the next line of its side, and a line without an entry
/// keeps its time with an empty text.
fn spread(lines: Vec<Line>, text: &str, speakers: &Speakers) -> Vec<Line> {
    let (mut printed, anyone_named) = entries(text, speakers);
    let pairs = || printed.iter().zip(&lines);
    let one_to_one = printed.len() == lines.len()
        && pairs().all(|(entry, line)| entry.from.is_none_or(|from| from == line.from));
    if !anyone_named && !one_to_one {
        printed = vec![Entry {
            from: None,
            author: None,
            text: text.trim().to_owned(),
        }];
    }
    // With nobody of ours in the chat only the visitor can have written.
    let unnamed = match speakers.has_operator {
        true => MessageAuthor::System,
        false => MessageAuthor::Visitor,
    };
    let mut left: HashMap<MessageAuthor, usize> = HashMap::new();
    for line in &lines {
        *left.entry(line.from).or_default() += 1;
    }
    let mut waiting = lines.into_iter().peekable();
    let mut result = Vec::new();
    for entry in printed {
        let fits = |line: &Line| entry.from.is_none_or(|from| from == line.from);
        let is_ahead = left
            .iter()
            .any(|(side, count)| *count > 0 && entry.from.is_none_or(|from| from == *side));
        let mut place = None;
        while let Some(line) = waiting.next_if(|_| is_ahead && place.is_none()) {
            left.entry(line.from).and_modify(|count| *count -= 1);
            match fits(&line) {
                true => place = Some(line),
                false => result.push(line),
            }
        }
        result.push(match place {
            Some(line) => Line {
                author: line.author.or(entry.author),
                text: entry.text,
                ..line
            },
            None => Line {
                from: entry.from.unwrap_or(unnamed),
                author: entry.author,
                at: None,
                text: entry.text,
            },
        });
    }
    result.extend(waiting);
    result
}

/// A line without a time comes right after the one before it; the first ones, right before the
/// first that has a time. With no time at all the receipt stands in.
fn fill_times(lines: &mut [Line], received_at: Timestamp) {
    let first_known = lines.iter().position(|line| line.at.is_some());
    let mut last = match first_known.and_then(|place| lines[place].at.map(|at| (place, at))) {
        Some((place, at)) => shift(at, -(place as i64) - 1),
        None => shift(received_at, -1),
    };
    for line in lines {
        last = line.at.unwrap_or_else(|| shift(last, 1));
        line.at = Some(last);
    }
}

/// Moves by microseconds, enough to keep lines of one second in order.
fn shift(at: Timestamp, microseconds: i64) -> Timestamp {
    at.checked_add(SignedDuration::from_micros(microseconds))
        .unwrap_or(at)
}

/// Sorted messages with ids. When no time is the vendor's, the ids do without one, so that a chat
/// that went on and came again is united with itself.
fn messages(mut lines: Vec<Line>, known_times: bool) -> Vec<Message> {
    lines.sort_by_key(|line| line.at);
    let mut seen: HashMap<(Timestamp, MessageAuthor, String), usize> = HashMap::new();
    let mut messages = Vec::new();
    for line in lines {
        let at = line.at.unwrap_or(Timestamp::UNIX_EPOCH);
        let id_time = if known_times {
            at
        } else {
            Timestamp::UNIX_EPOCH
        };
        let nth = seen
            .entry((id_time, line.from, line.text.clone()))
            .or_default();
        messages.push(Message {
            id: Message::derived_id(id_time, line.from, &line.text, *nth),
            at,
            from: line.from,
            author: line.author,
            attachments: file_links(&line.text),
            text: line.text,
        });
        *nth += 1;
    }
    messages
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{EventKind, Subject};
    use serde_json::json;

    fn transcript(root: Value) -> Vec<(i64, MessageAuthor, Option<String>, String)> {
        let subject = Subject::Client { client: "1".into() };
        let mut event = Event::new("k", subject, EventKind::Finished);
        event.contact.name = Some("Irina".into());
        event.operators.push(Operator {
            id: "204".into(),
            name: Some("Pavel".into()),
        });
        read(
            &root,
            Timestamp::from_second(2_000_000_000).unwrap(),
            &mut event,
        );
        let seconds = |message: &Message| message.at.as_second();
        event
            .messages
            .into_iter()
            .map(|message| {
                (
                    seconds(&message),
                    message.from,
                    message.author,
                    message.text,
                )
            })
            .collect()
    }

    fn texts(root: Value) -> Vec<String> {
        transcript(root)
            .into_iter()
            .map(|(.., text)| text)
            .collect()
    }

    fn hidden_chat() -> Value {
        json!([
            {"type": "visitor", "timestamp": 1738140702, "message": "<text hidden>"},
            {"type": "agent", "timestamp": 1738140731, "message": "<text hidden>", "agent_id": 204},
        ])
    }

    #[test]
    fn real_structured_texts_win_over_the_plain_text() {
        let root = json!({
            "chat": {"messages": [{"type": "visitor", "timestamp": 1738140702, "message": "<3"}]},
            "plain_messages": "Irina: something else",
        });
        assert_eq!(texts(root), ["<3"]);
    }

    #[test]
    fn plain_texts_take_times_and_authors_from_the_structured_messages() {
        let root = json!({
            "chat": {"messages": hidden_chat()},
            "plain_messages": "Irina: How much?\nper meter\nPavel: 100",
        });
        assert_eq!(
            transcript(root),
            [
                (
                    1738140702,
                    MessageAuthor::Visitor,
                    Some("Irina".into()),
                    "How much?\nper meter".into()
                ),
                (
                    1738140731,
                    MessageAuthor::Operator,
                    Some("Pavel".into()),
                    "100".into()
                ),
            ]
        );
    }

    #[test]
    fn lines_with_printed_times_are_told_by_their_speaker() {
        let root = json!({
            "chat": {"messages": hidden_chat()},
            "plain_messages": "[12:31:42] Irina (79035550142): How much?\n29.01.2025 12:32 Pavel: 100",
        });
        assert_eq!(texts(root), ["How much?", "100"]);
    }

    #[test]
    fn texts_of_a_different_number_find_the_line_of_their_side() {
        let root = json!({
            "chat": {"messages": hidden_chat()},
            "plain_messages": "Pavel: Hello\nPavel: Are you there?",
        });
        assert_eq!(
            transcript(root),
            [
                (
                    1738140702,
                    MessageAuthor::Visitor,
                    Some("Irina".into()),
                    String::new()
                ),
                (
                    1738140731,
                    MessageAuthor::Operator,
                    Some("Pavel".into()),
                    "Hello".into()
                ),
                (
                    1738140731,
                    MessageAuthor::Operator,
                    Some("Pavel".into()),
                    "Are you there?".into()
                ),
            ]
        );
    }

    #[test]
    fn html_gives_its_text_and_never_its_markup() {
        let root = json!({
            "chat": {"messages": hidden_chat()},
            "plain_messages": "",
            "html_messages": "<div><b>Irina</b>: How <i>much</i>?</div><div><b>Pavel</b>: 100<script>alert(1)</script></div>",
        });
        assert_eq!(texts(root), ["How much?", "100"]);
    }

    #[test]
    fn without_any_text_who_and_when_remain() {
        let root = json!({"chat": {"messages": hidden_chat()}, "plain_messages": "", "html_messages": "<br>"});
        let lines = transcript(root);
        assert_eq!(lines.len(), 2);
        assert!(lines.iter().all(|(.., text)| text.is_empty()));
    }

    #[test]
    fn a_transcript_without_structure_keeps_its_order_and_its_ids() {
        let chat = |text: &str| json!({"chat": {"messages": []}, "plain_messages": text});
        let short = transcript(chat("Irina: One\nIrina: Two"));
        assert_eq!(texts(chat("Irina: One\nIrina: Two")), ["One", "Two"]);
        assert!(
            short
                .iter()
                .all(|(_, from, ..)| *from == MessageAuthor::Visitor)
        );
        assert_eq!(
            texts(chat("nobody is named\nhere")),
            ["nobody is named\nhere"]
        );
    }

    #[test]
    fn the_same_words_twice_are_two_messages() {
        let line = json!({"type": "visitor", "timestamp": 1738140702, "message": "?"});
        assert_eq!(
            texts(json!({"chat": {"messages": [line, line]}})),
            ["?", "?"]
        );
    }

    #[test]
    fn messages_without_a_time_stand_beside_their_neighbors() {
        let root = json!({"chat": {"messages": [
            {"type": "visitor", "timestamp": null, "message": "One"},
            {"type": "visitor", "timestamp": "1738140702", "message": "Two"},
            {"type": "bot", "message": "Three"},
        ]}});
        let lines = transcript(root);
        assert_eq!(
            lines
                .iter()
                .map(|(.., text)| text.as_str())
                .collect::<Vec<_>>(),
            ["One", "Two", "Three"]
        );
        assert_eq!((lines[0].0, lines[2].0), (1738140701, 1738140702));
        assert_eq!(lines[2].1, MessageAuthor::System);
    }

    #[test]
    fn an_agent_of_the_visitors_name_is_told_by_the_structured_message() {
        let root = json!({
            "chat": {"messages": [
                {"type": "agent", "timestamp": 1738140702, "message": "", "agent_id": 7},
                {"type": "visitor", "timestamp": 1738140703, "message": ""},
            ]},
            "plain_messages": "Irina: Hello\nIrina: Hi",
        });
        let subject = Subject::Client { client: "1".into() };
        let mut event = Event::new("k", subject, EventKind::Finished);
        event.contact.name = Some("Irina".into());
        event.operators.push(Operator {
            id: "7".into(),
            name: Some("Irina".into()),
        });
        read(&root, Timestamp::UNIX_EPOCH, &mut event);
        let sides: Vec<_> = event
            .messages
            .iter()
            .map(|m| (m.from, m.text.as_str()))
            .collect();
        assert_eq!(
            sides,
            [
                (MessageAuthor::Operator, "Hello"),
                (MessageAuthor::Visitor, "Hi")
            ]
        );
    }

    #[test]
    fn a_hostile_transcript_stays_cheap() {
        let lines: Vec<Value> = (0..10_000)
            .map(|n| json!({"type": "agent", "timestamp": 1738140702 + n, "agent_id": n}))
            .collect();
        let plain = format!(
            "Irina: x\n{}{}",
            "y\n".repeat(100_000),
            "Irina: z\n".repeat(10_000)
        );
        let root = json!({"chat": {"messages": lines}, "plain_messages": plain});
        let subject = Subject::Client { client: "1".into() };
        let mut event = Event::new("k", subject, EventKind::Finished);
        event.contact.name = Some("Irina".into());
        read(&root, Timestamp::UNIX_EPOCH, &mut event);
        assert_eq!(event.messages.len(), 20_001);
        assert_eq!(event.operators.len(), MOST);
    }
}
