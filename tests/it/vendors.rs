//! Requests in the vendors' own formats, as small as a story needs them. Persons, numbers and words
//! are invented.

use crate::hub::{at, with};
use jiff::SignedDuration;
use serde_json::{Value, json};
use skvoz::model::Timestamp;

pub const PHONE: &str = "+79035550142";

/// A line of a transcript: when, whether the visitor says it, what.
pub type Line<'a> = (Timestamp, bool, &'a str);

/// A question and an answer half a minute later.
pub fn dialogue(when: &str) -> Vec<Line<'static>> {
    let asked = at(when);
    let answered = asked + SignedDuration::from_secs(30);
    vec![
        (asked, true, "Is it in stock?"),
        (answered, false, "Yes, two of them."),
    ]
}

/// JivoSite.
pub mod jivo {
    use super::*;

    /// A webhook of a chat on the site, with nothing known of the visitor but his number.
    pub fn chat(event: &str, chat: u64, number: u64) -> Value {
        json!({
            "event_name": event,
            "widget_id": "73015",
            "chat_id": chat,
            "visitor": {"number": number},
            "agent": {"id": "204", "name": "Pavel Orlov", "email": "p.orlov@example.org"},
            "session": {"ip_addr": "203.0.113.24", "user_agent": "ExampleBrowser/1.0"},
            "page": {"url": "https://shop.test/sofas"},
            "analytics": {},
        })
    }

    /// The end of a chat with its transcript; times are whole seconds, as the vendor sends them.
    pub fn finished(number_of_chat: u64, visitor: u64, lines: &[Line<'_>]) -> Value {
        let messages: Vec<Value> = lines
            .iter()
            .map(|(at, is_visitor, text)| match is_visitor {
                true => json!({"type": "visitor", "timestamp": at.as_second(), "message": text}),
                false => json!({"type": "agent", "timestamp": at.as_second(), "message": text,
                    "agent_id": "204"}),
            })
            .collect();
        let agents = json!([{"id": "204", "name": "Pavel Orlov", "email": "p.orlov@example.org"}]);
        with(
            chat("chat_finished", number_of_chat, visitor),
            json!({"agents": agents, "chat": {"messages": messages}}),
        )
    }

    /// A change of a card outside a chat.
    pub fn card(number: u64, visitor: Value) -> Value {
        json!({
            "event_name": "client_updated",
            "widget_id": "73015",
            "client_id": number,
            "visitor": with(json!({"number": number}), visitor),
        })
    }

    pub fn offline_message(number: u64, visitor: u64) -> Value {
        with(
            chat("offline_message", 900 + number, visitor),
            json!({"offline_message_id": number, "message": "Call me back, please", "agent": null}),
        )
    }

    pub fn callback(chat_id: u64, status: &str) -> Value {
        with(
            chat("call_event", chat_id, 5001),
            json!({"call": {"type": "callback", "phone": PHONE, "status": status}}),
        )
    }
}

/// Talk-me, and Verbox, which is the same engine.
pub mod talkme {
    use super::*;

    /// A dialogue that is over.
    pub fn finished(dialog: u64, client: &str, lines: &[Line<'_>]) -> Value {
        let messages: Vec<Value> = lines
            .iter()
            .enumerate()
            .map(|(place, line)| message(dialog, place, line))
            .collect();
        envelope(
            "dialogFinished",
            client,
            json!({"dialog": {"id": dialog, "messages": messages}}),
        )
    }

    /// One new message of a dialogue.
    pub fn new_message(dialog: u64, client: &str, place: usize, line: &Line<'_>) -> Value {
        envelope(
            "newMessage",
            client,
            json!({"message": message(dialog, place, line)}),
        )
    }

    /// A question left while nobody was there.
    pub fn question(dialog: u64, client: &str, line: &Line<'_>) -> Value {
        envelope(
            "newOfflineMessage",
            client,
            json!({"dialog": {"id": dialog, "messages": [message(dialog, 0, line)]}}),
        )
    }

    /// The older flat hook: no dialogue number, no time.
    pub fn flat(client: &str, text: &str) -> Value {
        json!({
            "client": {"clientId": client, "searchId": 51, "ip": "198.51.100.24"},
            "message": {"text": text},
        })
    }

    pub fn message(dialog: u64, place: usize, (at, is_visitor, text): &Line<'_>) -> Value {
        let side = match is_visitor {
            true => json!({"whoSend": "client"}),
            false => json!({"whoSend": "operator", "operator": "anna@shop.test",
                "operatorName": "Anna"}),
        };
        let moscow = at.to_zoned(jiff::tz::TimeZone::fixed(jiff::tz::offset(3)));
        let utc = at.to_zoned(jiff::tz::TimeZone::UTC);
        with(
            json!({
                "id": dialog * 1_000 + place as u64,
                "dialogId": dialog,
                "messageType": null,
                "text": text,
                "dateTime": moscow.strftime("%Y-%m-%d %H:%M:%S").to_string(),
                "dateTimeUTC": utc.strftime("%Y-%m-%d %H:%M:%S").to_string(),
                "isVisibleForClient": true,
            }),
            side,
        )
    }

    fn envelope(event: &str, client: &str, data: Value) -> Value {
        let client = json!({"client": {
            "clientId": client, "searchId": 5127, "ip": "198.51.100.24",
            "useragent": "ExampleBrowser/1.0", "source": {"type": {"id": ""}},
        }});
        json!({"eventId": event, "data": with(data, client)})
    }
}

/// Carrot quest.
pub mod carrot {
    use super::*;

    /// The pairs of a webhook about a conversation.
    pub fn event(name: &str, id: u64, conversation: &str, user: &str, at: Timestamp) -> Pairs {
        let event = json!({
            "id": id, "created": at.as_second(), "user": user, "type": {"name": name},
            "props": {"$conversation_id": conversation},
        });
        pairs(name, id, user, json!({}), event)
    }

    /// The pairs of a webhook about a changed card.
    pub fn card(name: &str, id: u64, user: &str, props: Value, at: Timestamp) -> Pairs {
        let event = json!({
            "id": id, "created": at.as_second(), "user": user, "type": {"name": name}, "props": {},
        });
        pairs(name, id, user, props, event)
    }

    pub type Pairs = Vec<(&'static str, String)>;

    fn pairs(name: &str, id: u64, user: &str, props: Value, event: Value) -> Pairs {
        // The custom properties are shown, so the card need not be asked for.
        let card = json!({"id": user, "props": props, "props_custom": {}});
        vec![
            ("type", "event".into()),
            ("event_name", name.into()),
            ("event_id", id.to_string()),
            ("user_id", user.into()),
            ("user", card.to_string()),
            ("event", event.to_string()),
        ]
    }

    /// A conversation as the REST API tells it.
    pub fn conversation(id: &str, user: &str, closed: bool, props: Value) -> Value {
        json!({
            "id": id, "closed": closed, "type": "popup_chat", "message": null,
            "recipient_type": "web", "external_service": null, "channel": null,
            "assignee": {"id": "5512", "name": "Oleg", "type": "admin"},
            "user": {"id": user, "props": props},
        })
    }

    /// Its parts, newest first.
    pub fn parts(conversation: &str, lines: &[Line<'_>]) -> Value {
        let mut parts: Vec<Value> = lines
            .iter()
            .enumerate()
            .map(|(place, (at, is_visitor, text))| {
                let side = match is_visitor {
                    true => json!({"type": "reply_user", "sent_via": "web_user"}),
                    false => json!({"type": "reply_admin", "sent_via": "web_panel",
                        "from": {"id": "5512", "name": "Oleg", "type": "admin"}}),
                };
                let part = json!({
                    "id": format!("{conversation}{place:03}"), "conversation": conversation,
                    "created": at.as_second(), "body": text,
                });
                with(part, side)
            })
            .collect();
        parts.reverse();
        parts.into()
    }
}

/// LeadBack.
pub mod leadback {
    use super::*;

    /// A callback with the vendor's number; the time is of Moscow, as its API prints it.
    pub fn callback(number: u64, phone: &str, at: Timestamp) -> Value {
        json!({
            "type": "callback", "id_call": number, "callback_phone": phone, "site": "shop.test",
            "date_create": moscow(at),
        })
    }

    /// A callback that has no number.
    pub fn unnumbered(phone: &str, at: Timestamp) -> Value {
        json!({"callback_phone": phone, "site": "shop.test", "date_create": moscow(at)})
    }

    fn moscow(at: Timestamp) -> String {
        at.to_zoned(jiff::tz::TimeZone::fixed(jiff::tz::offset(3)))
            .strftime("%Y-%m-%d %H:%M:%S")
            .to_string()
    }
}
