//! JivoSite (Jivo) channel webhooks. Field by field: the wire-format page `jivosite.md`.
//!
//! The vendor promises one JSON object a request and an `event_name`. It sends no signature, no
//! delivery id, no event time and no channel type, and promises no order; the time of receipt is
//! the time of everything but the messages of a finished chat. Its UTM is of the visitor's *first*
//! arrival, so it is a fallback and labeled as such. Three other protocols of the vendor (CRM
//! webhooks, Bot API, Chat API) may be pasted to the same address by mistake; they are kept and
//! named, not used.
//!
//! This file has one function for each event. `protocol` tells the events and protocols apart,
//! `card` reads what all events share, `transcript` the messages of a finished chat.

mod card;
mod printed;
mod protocol;
mod transcript;

use super::lenient::{Lenient, add_phones, fingerprint, unix_time};
use super::{Binder, Language, Provider, Reply};
use crate::model::{
    Call, CallState, CommunicationKind, Event, EventKind, Field, FieldKind, IntegrationSettings,
    Message, MessageAuthor, Normalized, RawEvent, SetAside, SetAsideReason, Subject,
};
use protocol::{short, unknown, wrong_shape};
use serde_json::Value;

const SLUG: &str = "jivosite";

/// The vendor JivoSite.
pub struct JivoSite;

impl Provider for JivoSite {
    fn slug(&self) -> &'static str {
        SLUG
    }

    fn title(&self) -> &'static str {
        "JivoSite"
    }

    fn fields(&self) -> &'static [Field] {
        &[
            Field {
                name: "widgets",
                kind: FieldKind::Rows {
                    key: "widget_id",
                    value: "channel",
                    value_is_channel: true,
                },
                required: false,
                default: "",
            },
            Field {
                name: "token_mode",
                kind: FieldKind::Choice(&["own", "share"]),
                required: false,
                default: "own",
            },
        ]
    }

    fn setup_guide(&self, language: Language) -> &'static str {
        match language {
            Language::Russian => include_str!("jivosite/setup.md"),
            Language::English => include_str!("jivosite/setup.en.md"),
        }
    }

    fn silence_minutes(&self) -> u32 {
        24 * 60
    }

    fn has_channel_addresses(&self) -> bool {
        true
    }

    fn has_client_cards(&self) -> bool {
        true
    }

    fn binder(&self, settings: &IntegrationSettings) -> Option<Binder> {
        Some(Binder {
            name: SLUG,
            option: settings.own_text("token_mode").unwrap_or("own").to_owned(),
        })
    }

    fn normalize(
        &self,
        raw: &RawEvent,
        settings: &IntegrationSettings,
    ) -> Result<Normalized, SetAside> {
        let root = protocol::body(raw)?;
        let webhook = Webhook {
            raw,
            settings,
            root: &root,
        };
        match protocol::event_name(&root)?.as_str() {
            "chat_accepted" => webhook.chat("chat_accepted", EventKind::Started),
            "chat_assigned" => webhook.chat("chat_assigned", EventKind::Updated),
            "chat_updated" => webhook.chat("chat_updated", EventKind::Updated),
            "chat_finished" => webhook.chat("chat_finished", EventKind::Finished),
            "offline_message" => webhook.offline_message(),
            "client_updated" => webhook.client_changed("client_updated"),
            "client_attribute_updated" => webhook.client_changed("client_attribute_updated"),
            "call_event" => webhook.call(),
            other => Err(unknown(format!("event `{other}` is not known"))),
        }
    }

    /// Anything else in the answer would change what the agent sees.
    fn reply(&self) -> Reply {
        Reply {
            content_type: "application/json",
            body: r#"{"result":"ok"}"#,
        }
    }
}

/// One webhook being read.
struct Webhook<'a> {
    raw: &'a RawEvent,
    settings: &'a IntegrationSettings,
    root: &'a Value,
}

impl Webhook<'_> {
    /// `chat_accepted`, `chat_assigned`, `chat_updated`, `chat_finished`. The same name may come
    /// again for a chat that went on, so the body belongs to the key.
    fn chat(&self, name: &str, kind: EventKind) -> Result<Normalized, SetAside> {
        let chat = self.required("chat_id", name)?;
        let key = format!("{name}:{chat}:{}", fingerprint(&self.raw.body));
        let mut read = self.event(key, numbered(CommunicationKind::Chat, &chat), kind);
        if kind == EventKind::Finished {
            let received_at = self.raw.received_at;
            transcript::read(self.root, received_at, &mut read.events[0]);
        }
        Ok(read)
    }

    /// A lead complete in itself. Older accounts send no `chat_id`; should the lead's own number
    /// be missing, that of the chat stands in for it.
    fn offline_message(&self) -> Result<Normalized, SetAside> {
        let number = self.root.text("offline_message_id");
        let external_id = match (&number, self.root.text("chat_id")) {
            (Some(number), _) => number.clone(),
            (None, Some(chat)) => format!("chat-{chat}"),
            (None, None) => format!("body-{}", fingerprint(&self.raw.body)),
        };
        let mut read = self.event(
            format!("offline_message:{external_id}"),
            numbered(CommunicationKind::OfflineLead, &external_id),
            EventKind::OfflineLead,
        );
        self.add_form_text(&mut read.events[0], format!("offline:{external_id}"));
        if let Some(chat) = self.root.text("chat_id") {
            read.events[0].extra.insert("chat_id".into(), chat);
        }
        Ok(read)
    }

    /// `client_updated` and `client_attribute_updated`: a card changed outside a chat, by an agent
    /// or by the visitor in a pop-up window. They have no id, and a card may be changed back, so
    /// the minute of receipt belongs to the key.
    fn client_changed(&self, name: &str) -> Result<Normalized, SetAside> {
        let client = self
            .root
            .first_text(&["visitor.number", "client_id"])
            .ok_or_else(|| wrong_shape(format!("{name} has no client number")))?;
        if name == "client_attribute_updated" && self.root.entries("attributes").is_empty() {
            let detail = "client_attribute_updated brings no attribute";
            return Err(SetAside::new(SetAsideReason::NotALead, detail));
        }
        let body = fingerprint(&self.raw.body);
        let minute = self.raw.received_at.as_second().div_euclid(60);
        let mut read = self.event(
            format!("{name}:{client}:{body}:{minute}"),
            Subject::Client { client },
            EventKind::ContactChanged,
        );
        self.add_form_text(&mut read.events[0], format!("card:{body}"));
        card::add_attributes(self.root, &mut read.events[0]);
        Ok(read)
    }

    /// `call_event`: only calls that the visitor ordered on the site are callbacks. The record
    /// comes after the end, perhaps in an event of its own.
    fn call(&self) -> Result<Normalized, SetAside> {
        let chat = self.required("chat_id", "call_event")?;
        let call = self.root.at("call");
        let direction = call
            .text("type")
            .ok_or_else(|| wrong_shape("call_event has no call type"))?;
        if direction != "callback" {
            let detail = format!("a call of type `{}` is not a callback", short(&direction));
            return Err(SetAside::new(SetAsideReason::NotALead, detail));
        }
        let status = call.text("status").unwrap_or_default();
        let phone = call.text("phone").unwrap_or_default();
        let record_url = call.text("record_url");
        let key = format!(
            "call_event:{chat}:{direction}:{}:{}{}",
            fingerprint(phone.as_bytes()),
            short(&status),
            if record_url.is_some() { ":record" } else { "" },
        );
        let subject = numbered(CommunicationKind::Callback, &chat);
        let mut read = self.event(key, subject, EventKind::Callback);
        if !phone.is_empty() && !add_phones(&mut read.events[0].contact, &phone) {
            read.warnings.push("call.phone is not a phone".into());
        }
        let state = call_state(&status).unwrap_or_else(|| {
            let warning = format!("call.status `{}` is not known", short(&status));
            read.warnings.push(warning);
            CallState::Ordered
        });
        read.events[0].call = Some(Call {
            state,
            direction: Some(direction),
            record_url,
            duration_s: None,
            reason: call.text("reason"),
        });
        Ok(read)
    }

    /// An event with everything that all events share.
    fn event(&self, dedup_key: String, subject: Subject, kind: EventKind) -> Normalized {
        let mut event = Event::new(dedup_key, subject, kind);
        let mut warnings = Vec::new();
        // Read by one handler in public code and perhaps never sent: `event_timestamp.http`.
        event.occurred_at = unix_time(self.root.at("event_timestamp"));
        event.channel = card::channel(self.root, &self.raw.address, self.settings, kind);
        card::add_contact(self.root, &mut event, &mut warnings);
        card::add_operators(self.root, &mut event);
        card::add_keys(self.root, &mut event);
        card::add_touch(self.root, &mut event);
        card::add_extra(self.root, &mut event);
        Normalized {
            events: vec![event],
            fetches: Vec::new(),
            warnings,
        }
    }

    /// The text of an offline or pop-up form, as the visitor's message.
    fn add_form_text(&self, event: &mut Event, id: String) {
        if let Some(text) = self.root.text("message") {
            event.messages.push(Message {
                id,
                at: event.occurred_at.unwrap_or(self.raw.received_at),
                from: MessageAuthor::Visitor,
                author: event.contact.name.clone(),
                attachments: super::free_text::file_links(&text),
                text,
            });
        }
    }

    fn required(&self, field: &str, name: &str) -> Result<String, SetAside> {
        self.root
            .text(field)
            .ok_or_else(|| wrong_shape(format!("{name} has no {field}")))
    }
}

fn numbered(kind: CommunicationKind, external_id: &str) -> Subject {
    Subject::Numbered {
        kind,
        external_id: external_id.to_owned(),
    }
}

fn call_state(status: &str) -> Option<CallState> {
    Some(match status {
        "start" => CallState::Ordered,
        "agent_connected" => CallState::OperatorConnected,
        "client_connected" => CallState::ClientConnected,
        "end" => CallState::Ended,
        "error" => CallState::Failed,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{KeyKind, Timestamp};
    use crate::providers::fixtures::Fixture;
    use serde_json::json;

    fn normalize(body: &Value, received_at: i64) -> Event {
        let mut fixture = Fixture::parse("POST /in/jivosite/T HTTP/1.1\n\n");
        fixture.raw.body = body.to_string().into_bytes();
        fixture.raw.received_at = Timestamp::from_second(received_at).unwrap();
        let read = JivoSite.normalize(&fixture.raw, &fixture.settings);
        read.unwrap().events.remove(0)
    }

    fn finished(text: &str) -> Value {
        json!({"event_name": "chat_finished", "chat_id": 1, "chat": {"messages": [
            {"type": "visitor", "timestamp": 1738140702, "message": text}
        ]}})
    }

    #[test]
    fn a_chat_finished_again_with_more_words_is_a_new_event_of_the_same_chat() {
        let [first, repeated, longer] =
            [("a", 100), ("a", 999), ("b", 100)].map(|(text, at)| normalize(&finished(text), at));
        assert_eq!(first.dedup_key, repeated.dedup_key);
        assert_ne!(first.dedup_key, longer.dedup_key);
        assert_eq!(first.subject, longer.subject);
        assert_eq!(first.messages, repeated.messages);
    }

    #[test]
    fn a_card_changed_back_later_is_a_new_event() {
        let card =
            json!({"event_name": "client_updated", "client_id": "4410", "visitor": {"name": "I"}});
        let [first, repeated, later] = [60, 61, 120].map(|at| normalize(&card, at).dedup_key);
        assert_eq!(first, repeated);
        assert_ne!(first, later);
    }

    #[test]
    fn each_state_of_a_call_is_one_event_and_the_record_may_come_after_it() {
        let call = |status: &str, record: Value| {
            let body = json!({"event_name": "call_event", "chat_id": 7, "call": {
                "type": "callback", "phone": "+79035550142", "status": status, "record_url": record}});
            normalize(&body, 100).dedup_key
        };
        let states = [
            call("start", Value::Null),
            call("end", Value::Null),
            call("end", json!("https://files.example.org/r.mp3")),
        ];
        assert_eq!(call("end", Value::Null), states[1]);
        assert!(states[0] != states[1] && states[1] != states[2]);
        assert!(states.iter().all(|key| !key.contains("79035550142")));
    }

    #[test]
    fn a_name_printed_with_cyrillic_letters_is_the_same_name() {
        let mut body = finished("a");
        body["event_name"] = json!("сhat_finishеd");
        assert_eq!(normalize(&body, 1).kind, EventKind::Finished);
    }

    #[test]
    fn the_visitors_number_is_a_key_in_each_of_its_spellings() {
        for number in [
            json!({"visitor": {"number": 4410}}),
            json!({"visitor": {"number": "4410"}}),
            json!({"client_id": 4410}),
        ] {
            let mut body = finished("a");
            body.as_object_mut()
                .unwrap()
                .extend(number.as_object().unwrap().clone());
            let keys = normalize(&body, 1).keys;
            assert_eq!(keys[0].kind, KeyKind::BoundUser);
            assert_eq!(keys[0].value, "jivosite:4410");
        }
    }

    #[test]
    fn the_answer_tells_nothing_but_ok() {
        assert_eq!(JivoSite.reply().body, r#"{"result":"ok"}"#);
    }
}
