//! LeadBack: callbacks and chats in a format that is published nowhere. So the receiver takes
//! every plausible encoding (`body`), finds fields by a table that each integration may correct
//! (`mapping`), and shows the rest as it came. What is known and what is guessed: the wire-format
//! page `leadback.md`.
//!
//! Every fixture but those named after `calls.php` tests the receiver and does not describe the
//! vendor; the first captured requests replace them and settle the guesses of the tables.

mod body;
mod call;
mod mapping;
mod time;
mod transcript;

use super::{Binder, Language, Provider, Reply};
use crate::model::{
    CommunicationKind, Event, EventKind, Field, FieldKind, IntegrationSettings, Key, KeyKind,
    Message, Normalized, Operator, RawEvent, SetAside, SetAsideReason, Subject, Touch,
};
use crate::providers::lenient::{add_emails, add_phones, fingerprint};
use crate::providers::{FoundField, MappedField, returned};
use mapping::Mapping;
use serde_json::Value;

pub use mapping::DEFAULTS;

/// Two orders of one phone within this many seconds are one, when there is no number.
const SAME_CONTACT_S: u32 = 600;
/// An exact repeat within this many seconds is one.
const SAME_BODY_S: u32 = 86_400;

/// The provider.
pub struct LeadBack;

impl Provider for LeadBack {
    fn slug(&self) -> &'static str {
        "leadback"
    }

    fn title(&self) -> &'static str {
        "LeadBack"
    }

    fn fields(&self) -> &'static [Field] {
        FIELDS
    }

    fn setup_guide(&self, language: Language) -> &'static str {
        match language {
            Language::Russian => include_str!("leadback/setup.md"),
            Language::English => include_str!("leadback/setup.en.md"),
        }
    }

    fn silence_minutes(&self) -> u32 {
        30
    }

    fn links_by_mark(&self) -> bool {
        true
    }

    fn binder(&self, _settings: &IntegrationSettings) -> Option<Binder> {
        Some(Binder::plain("leadback"))
    }

    fn normalize(
        &self,
        raw: &RawEvent,
        settings: &IntegrationSettings,
    ) -> Result<Normalized, SetAside> {
        normalize(raw, settings)
    }

    fn reply(&self) -> Reply {
        Reply {
            content_type: "text/plain",
            body: "ok",
        }
    }

    fn mapped_fields(&self) -> &'static [MappedField] {
        mapping::DEFAULTS
    }

    fn preview(&self, raw: &RawEvent, settings: &IntegrationSettings) -> Vec<FoundField> {
        preview(raw, settings)
    }
}

const FIELDS: &[Field] = &[
    Field {
        name: "field_map",
        kind: FieldKind::FieldMap,
        required: false,
        default: "",
    },
    Field {
        name: "timezone",
        kind: FieldKind::TimeZone,
        required: false,
        default: time::DEFAULT_ZONE,
    },
    Field {
        name: "client_id",
        kind: FieldKind::Text,
        required: false,
        default: "",
    },
    Field {
        name: "secret_key",
        kind: FieldKind::Secret,
        required: false,
        default: "",
    },
];

/// What the table finds in the first record of a request: canonical field, path, value. Fields that
/// are not there are left out.
pub fn preview(raw: &RawEvent, settings: &IntegrationSettings) -> Vec<FoundField> {
    let records = body::records(raw).unwrap_or_default();
    let Some(record) = records.first() else {
        return Vec::new();
    };
    Mapping::new(record, settings).preview()
}

fn normalize(raw: &RawEvent, settings: &IntegrationSettings) -> Result<Normalized, SetAside> {
    let mut normalized = Normalized::default();
    for record in body::records(raw)? {
        let mapping = Mapping::new(&record, settings);
        if is_probe(&mapping) {
            continue;
        }
        let event = event(&mapping, raw, settings, &mut normalized.warnings);
        normalized.events.push(event);
    }
    if normalized.events.is_empty() {
        return Err(SetAside::new(SetAsideReason::NotALead, "probe"));
    }
    Ok(normalized)
}

/// The vendor tries the address when it is saved, with a body that nobody has seen.
fn is_probe(mapping: &Mapping) -> bool {
    let telling = ["phone", "email", "name", "message"];
    telling.iter().all(|field| mapping.find(field).is_none())
}

fn event(
    mapping: &Mapping,
    raw: &RawEvent,
    settings: &IntegrationSettings,
    warnings: &mut Vec<String>,
) -> Event {
    let kind = kind(mapping);
    let zone = time::zone(settings);
    let occurred_at = time::of_record(mapping, &zone);
    if occurred_at.is_none() && mapping.find("time").is_some() {
        warnings.push("the time is in no form we know".into());
    }
    let messages = match mapping.find("message") {
        Some((_, value)) => transcript::read(value, occurred_at.unwrap_or(raw.received_at), &zone),
        None => Vec::new(),
    };
    let mut event = Event::new(
        "",
        Subject::Client {
            client: String::new(),
        },
        EventKind::Updated,
    );
    contact(mapping, &mut event, warnings);
    (event.subject, event.dedup_key) = identity(mapping, kind, &event, raw);
    event.kind = event_kind(mapping, kind, &messages);
    // The time of a chat that is over may be that of its beginning.
    event.occurred_at = match messages.iter().map(|message| message.at).max() {
        Some(last) if event.kind == EventKind::Finished => occurred_at.map(|at| at.max(last)),
        _ => occurred_at,
    };
    event.messages = messages;
    event.operators = operator(mapping).into_iter().collect();
    event.keys = keys(mapping);
    event.touch = touch(mapping);
    event.call = (kind == CommunicationKind::Callback).then(|| call::read(mapping));
    event.extra = mapping.unused();
    event
}

/// The word of the type field, else the name of the field that held the number or the phone, else
/// whether anything was said. `callback_phone` and `id_call` are evidenced by `calls.php`; the
/// words are guesses, settled by `json_callback.http` and `json_chat.http`.
fn kind(mapping: &Mapping) -> CommunicationKind {
    let word = mapping.text("kind").unwrap_or_default();
    let named = |field: &str| {
        mapping
            .find(field)
            .map(|(path, _)| path)
            .unwrap_or_default()
    };
    for sign in [word, named("external_id"), named("phone")] {
        let sign = sign.to_lowercase();
        let has = |words: &[&str]| words.iter().any(|word| sign.contains(word));
        if has(&["chat", "чат", "message", "сообщ", "dialog", "диалог"]) {
            return CommunicationKind::Chat;
        }
        if has(&["call", "звон", "lead", "заявк", "order"]) {
            return CommunicationKind::Callback;
        }
    }
    match mapping.find("message") {
        Some(_) => CommunicationKind::Chat,
        None => CommunicationKind::Callback,
    }
}

/// Whether a chat comes once, at its end, or with each message is not known; unless a word says
/// that it is over, silence ends it.
fn event_kind(mapping: &Mapping, kind: CommunicationKind, messages: &[Message]) -> EventKind {
    if kind == CommunicationKind::Callback {
        return EventKind::Callback;
    }
    let over = [
        "close",
        "finish",
        "end",
        "complete",
        "закрыт",
        "заверш",
        "оконч",
    ];
    let mut words = ["kind", "status"]
        .iter()
        .filter_map(|field| mapping.text(field));
    let is_over = words.any(|word| call::has_word(&word, &over));
    match (is_over, messages.is_empty()) {
        (true, _) => EventKind::Finished,
        (false, false) => EventKind::Message,
        (false, true) => EventKind::Updated,
    }
}

/// Subject and key against repeats. The vendor's number decides; without one the contact and the
/// body itself do, each for its time (leadback.md 4.2). The day stands in the key because the same
/// person may order the same callback again on another day.
fn identity(
    mapping: &Mapping,
    kind: CommunicationKind,
    event: &Event,
    raw: &RawEvent,
) -> (Subject, String) {
    let hash = fingerprint(mapping.record().to_string().as_bytes());
    if let Some(external_id) = mapping.text("external_id") {
        let key = format!("{}:{external_id}:{hash}", kind.as_str());
        return (Subject::Numbered { kind, external_id }, key);
    }
    let phones = event.contact.phones.iter().map(|phone| phone.as_str());
    let emails = event.contact.emails.iter().map(|email| email.as_str());
    let mut any_of: Vec<(String, u32)> = phones
        .chain(emails)
        .map(|contact| (format!("{}:{contact}", kind.as_str()), SAME_CONTACT_S))
        .collect();
    any_of.push((format!("body:{hash}"), SAME_BODY_S));
    let day = raw
        .received_at
        .as_second()
        .div_euclid(i64::from(SAME_BODY_S));
    (Subject::Near { kind, any_of }, format!("body:{hash}:{day}"))
}

fn contact(mapping: &Mapping, event: &mut Event, warnings: &mut Vec<String>) {
    event.contact.name = mapping.text("name");
    for phone in mapping.texts("phone") {
        if !add_phones(&mut event.contact, &phone) {
            warnings.push("the phone is not a phone number".into());
        }
    }
    for email in mapping.texts("email") {
        if !add_emails(&mut event.contact, &email) {
            warnings.push("the e-mail is not an e-mail address".into());
        }
    }
}

fn operator(mapping: &Mapping) -> Option<Operator> {
    let (_, value) = mapping.find("operator")?;
    let (id, name) = match value {
        Value::Object(_) => (
            mapping::text_at(value, "id").or_else(|| mapping::text_at(value, "phone")),
            mapping::text_at(value, "name"),
        ),
        _ => (mapping.text("operator"), None),
    };
    Some(Operator {
        id: id.or_else(|| name.clone())?,
        name,
    })
}

/// Ids of counters, if the webhook has any: a guess, settled by `form_with_counters.http`.
fn keys(mapping: &Mapping) -> Vec<Key> {
    let metrica = mapping
        .text("ym")
        .and_then(|id| returned::metrica_client(&id));
    let google = mapping
        .text("ga")
        .and_then(|id| returned::google_client(&id));
    let roistat = mapping
        .text("roistat")
        .map(|visit| Key::new(KeyKind::RoistatVisit, visit));
    [metrica, google, roistat].into_iter().flatten().collect()
}

fn touch(mapping: &Mapping) -> Touch {
    Touch {
        utm: mapping.utm(),
        page: mapping.text("page"),
        site: mapping.text("site").and_then(|site| host(&site)),
        ..Touch::default()
    }
}

/// `https://Shop.example.org/x` and `shop.example.org` are one site.
fn host(site: &str) -> Option<String> {
    let address = if site.contains("://") {
        site.to_owned()
    } else {
        format!("https://{site}")
    };
    let url = url::Url::parse(&address).ok()?;
    url.host_str().map(str::to_lowercase)
}

#[cfg(test)]
mod tests;
