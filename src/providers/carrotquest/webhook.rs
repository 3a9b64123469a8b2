//! What the webhooks say: `type=event` after an event that the customer chose,
//! `type=message_webhook` of a triggered message, `type=conversation` for every part of a chat.
//! A webhook names the conversation and shows the visitor's card; the words of the chat are asked
//! for (`fetch`) and read (`conversation`) afterwards.

use super::form::Form;
use super::{SLUG, feed, user};
use crate::model::{
    CommunicationKind, Event, EventKind, FetchNeed, IntegrationSettings, Key, KeyKind, Message,
    MessageAuthor, Normalized, RawEvent, SetAside, SetAsideReason, Subject, Timestamp,
};
use crate::providers::lenient::{Lenient, fingerprint, unix_time};
use serde_json::Value;
use std::collections::BTreeMap;
use subtle::ConstantTimeEq;

const CONVERSATION_STARTED: &str = "$conversation_user_started";
/// «Вопрос диалога разрешён».
const CONVERSATION_CLOSED: &str = "$conversation_part_group_closed";

/// Events after which the visitor's card tells something new.
const CARD_EVENTS: &[&str] = &[
    "$user_merged",
    "$email_changed",
    "$phone_changed",
    "$name_changed",
];

/// Events that are known and tell of no appeal by themselves.
const OTHER_EVENTS: &[&str] = &[
    "$message_replied",
    "$utm_hit",
    "$session_start",
    "$form_sended",
];

/// Turns one webhook into events.
pub fn normalize(raw: &RawEvent, settings: &IntegrationSettings) -> Result<Normalized, SetAside> {
    let form = Form::read(raw)?;
    check_token(&form, settings)?;
    match form.text("type").as_deref() {
        Some("event") | None => event(&form, settings),
        Some("conversation") => feed::normalize(&form.object("conversation"), raw, settings),
        Some("message_webhook") => Err(SetAside::new(
            SetAsideReason::NotALead,
            "message_webhook: a triggered message, not a chat",
        )),
        Some(other) => Err(unknown("webhook type", other)),
    }
}

/// The vendor signs nothing; the token of its webhooks page is the only proof there is.
fn check_token(form: &Form, settings: &IntegrationSettings) -> Result<(), SetAside> {
    let Some(expected) = settings.own_text("webhook_token") else {
        return Ok(());
    };
    let given = form.text("token").unwrap_or_default();
    if bool::from(given.as_bytes().ct_eq(expected.as_bytes())) {
        return Ok(());
    }
    Err(SetAside::new(
        SetAsideReason::SecretMismatch,
        "the token of the webhook is not the one in the settings",
    ))
}

/// `type=event`.
fn event(form: &Form, settings: &IntegrationSettings) -> Result<Normalized, SetAside> {
    let hook = Hook::read(form);
    match hook.name.as_str() {
        CONVERSATION_STARTED => started(&hook, settings),
        CONVERSATION_CLOSED => closed(&hook, settings),
        name if CARD_EVENTS.contains(&name) => card_changed(&hook),
        name if OTHER_EVENTS.contains(&name) => Err(SetAside::new(
            SetAsideReason::NotALead,
            format!("{name}: no chat and no new contact"),
        )),
        "" => Err(SetAside::new(
            SetAsideReason::WrongShape,
            "the webhook names neither its type nor its event",
        )),
        other => Err(unknown("event", other)),
    }
}

/// A visitor began a chat: it is shown at once with what the card tells, and its words are asked
/// for.
fn started(hook: &Hook, settings: &IntegrationSettings) -> Result<Normalized, SetAside> {
    let conversation = hook.conversation()?;
    let mut normalized = ask(hook, &conversation, "started", settings);
    let mut event = hook.chat_event(&conversation, EventKind::Started, &mut normalized.warnings);
    event.touch.page = hook.user.text("presence_details.url");
    if normalized.fetches.is_empty() {
        event.messages.extend(hook.first_words());
    }
    normalized.events.push(event);
    Ok(normalized)
}

/// A question of a chat was resolved. Whether anybody spoke is not known before the chat is read:
/// a mailing without an answer closes too. So nothing is shown yet unless reading is impossible.
fn closed(hook: &Hook, settings: &IntegrationSettings) -> Result<Normalized, SetAside> {
    let conversation = hook.conversation()?;
    let mut normalized = ask(hook, &conversation, "closed", settings);
    if normalized.fetches.is_empty() {
        let event = hook.chat_event(&conversation, EventKind::Finished, &mut normalized.warnings);
        normalized.events.push(event);
    }
    Ok(normalized)
}

/// The card of a visitor changed. Two cards that became one arrive here as well: the card that
/// remained brings its contact to the chats that have its number.
fn card_changed(hook: &Hook) -> Result<Normalized, SetAside> {
    let client = hook.user_id.clone().ok_or_else(|| {
        SetAside::new(
            SetAsideReason::WrongShape,
            "a changed card without its user id",
        )
    })?;
    let mut normalized = Normalized::default();
    let mut event = Event::new(
        hook.dedup_key(&client),
        Subject::Client {
            client: client.clone(),
        },
        EventKind::ContactChanged,
    );
    event.occurred_at = hook.at;
    event.keys = user::keys(&hook.user, &client);
    user::describe(&hook.user, &mut event, &mut normalized.warnings);
    normalized.events.push(event);
    Ok(normalized)
}

/// The question to the REST API, or a warning when it cannot be asked.
fn ask(
    hook: &Hook,
    conversation: &str,
    reason: &str,
    settings: &IntegrationSettings,
) -> Normalized {
    let mut normalized = Normalized::default();
    if settings.own_text("api_key").is_none() {
        let warning = "no API key is configured, so the text of the chat cannot be read";
        normalized.warnings.push(warning.into());
        return normalized;
    }
    let user = hook.user_id.as_deref();
    let mut need = need(conversation, user, reason);
    let custom = hook.user.at("props_custom");
    if custom.is_object() {
        need.about.insert("props_custom".into(), custom.to_string());
    }
    normalized.fetches.push(need);
    normalized
}

/// A wish to read one conversation. Contacts are left out of it: the conversation brings them.
pub fn need(conversation: &str, user: Option<&str>, reason: &str) -> FetchNeed {
    let mut about = BTreeMap::from([
        ("conversation".to_owned(), conversation.to_owned()),
        ("reason".to_owned(), reason.to_owned()),
    ]);
    about.extend(user.map(|user| ("user".to_owned(), user.to_owned())));
    FetchNeed {
        key: format!("conversation:{conversation}"),
        about,
    }
}

/// The subject of a conversation: always a chat, whatever channel it came by.
pub fn chat(conversation: &str) -> Subject {
    Subject::Numbered {
        kind: CommunicationKind::Chat,
        external_id: conversation.to_owned(),
    }
}

/// The key by which our script reported that the chat began.
pub fn bound_chat(conversation: &str) -> Key {
    Key::of_provider(KeyKind::BoundChat, SLUG, conversation)
}

/// An id as it may stand in an address and in a table: the vendor's are digits, and one that has
/// gone through a float (`1.7e18`) is no id any more.
pub fn id(value: &Value, path: &str) -> Option<String> {
    value.text(path).filter(|text| {
        text.len() <= 64
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    })
}

/// Set aside by a name we do not know; a text that is no name is not repeated.
pub fn unknown(what: &str, name: &str) -> SetAside {
    let is_name = name.len() <= 64 && name.bytes().all(|b| b.is_ascii_graphic() && b != b'@');
    let shown = if is_name { name } else { "(not a name)" };
    SetAside::new(SetAsideReason::UnknownEvent, format!("{what} {shown}"))
}

/// The documented fields of an event webhook.
struct Hook {
    name: String,
    event: Value,
    event_id: Option<String>,
    user: Value,
    /// The vendor's number of the visitor. Inside the card it is `id`; `user.user_id` is the
    /// site's own number.
    user_id: Option<String>,
    /// When the event happened, by the vendor's clock.
    at: Option<Timestamp>,
}

impl Hook {
    fn read(form: &Form) -> Self {
        let event = form.object("event");
        let user = form.object("user");
        let form_id = |name| id(&Value::from(form.text(name)?), "");
        Hook {
            name: form
                .text("event_name")
                .or_else(|| event.text("type.name"))
                .unwrap_or_default(),
            // The vendor's own sample lacks `event_id`, though its text promises it.
            event_id: form_id("event_id").or_else(|| id(&event, "id")),
            user_id: form_id("user_id")
                .or_else(|| id(&user, "id"))
                .or_else(|| id(&event, "user")),
            at: unix_time(event.at("created")),
            event,
            user,
        }
    }

    /// The only attribute of both conversation events. Whether it is a string or a number is not
    /// documented; `event_numeric_conversation_id.http` will settle it.
    fn conversation(&self) -> Result<String, SetAside> {
        id(&self.event, "props.$conversation_id").ok_or_else(|| {
            SetAside::new(
                SetAsideReason::WrongShape,
                "the event has no usable $conversation_id",
            )
        })
    }

    fn dedup_key(&self, subject: &str) -> String {
        match &self.event_id {
            Some(event) => format!("event:{event}"),
            None => {
                let at = self.at.map_or(0, |at| at.as_second());
                format!("{}:{subject}:{at}", self.name)
            }
        }
    }

    fn chat_event(&self, conversation: &str, kind: EventKind, warnings: &mut Vec<String>) -> Event {
        let mut event = Event::new(self.dedup_key(conversation), chat(conversation), kind);
        event.occurred_at = self.at;
        event.keys.push(bound_chat(conversation));
        if let Some(user_id) = &self.user_id {
            event.keys.extend(user::keys(&self.user, user_id));
        }
        user::describe(&self.user, &mut event, warnings);
        event
    }

    /// The first 255 characters of the visitor's first message: taken only when the message itself
    /// will not come, because it has no id to be united by.
    fn first_words(&self) -> Option<Message> {
        let text = self.event.text("props.$body")?;
        let at = self.at?;
        Some(Message {
            id: format!("~first:{}", fingerprint(text.as_bytes())),
            at,
            from: MessageAuthor::Visitor,
            author: None,
            text,
            attachments: Vec::new(),
        })
    }
}
