//! The engine behind Talk-me, Verbox and their kin, with the brand as a parameter. Field by field:
//! the wire-format pages `talk-me.md` and `verbox.md`.
//!
//! The vendor publishes no webhook body; what is known comes from code that handles real ones, so
//! everything is read generously and anything may be missing. Three shapes may arrive at any
//! address: an envelope with `data` (A), an older flat message (B), and the request of a custom
//! bot (C), which carries a credential that must never be stored. There is no delivery id, no event
//! time and no signature but a shared `secretKey`; the id of "dialogue finished" is unknown. So the
//! address decides between chat and lead, and `eventId` only tells how complete a chat is
//! (`dialog_finished.http` will settle the real id).
//!
//! This file decides what a request is. `shape` reads the body, `card` the visitor, `transcript`
//! the messages with the account's clock.

mod card;
mod shape;
mod transcript;

use super::lenient::{Lenient, fingerprint};
use super::{Binder, Language, Provider};
use crate::model::{
    Address, CommunicationKind, Event, EventKind, Field, FieldKind, IntegrationSettings,
    MessageAuthor, Normalized, RawEvent, SetAside, SetAsideReason, Subject,
};
use shape::Body;
use subtle::ConstantTimeEq;
use transcript::Transcript;

/// Messages of one client without a dialogue number belong together within this time
/// (talk-me.md 6), seconds.
const NEAR_S: u32 = 60 * 60;

/// The engine under one of its names.
pub struct Engine {
    pub slug: &'static str,
    pub title: &'static str,
    pub guide: &'static str,
    pub guide_in_english: &'static str,
}

/// The brand Talk-me.
pub const TALK_ME: Engine = Engine {
    slug: "talkme",
    title: "Talk-me",
    guide: include_str!("talkme/setup.md"),
    guide_in_english: include_str!("talkme/setup.en.md"),
};

impl Provider for Engine {
    fn slug(&self) -> &'static str {
        self.slug
    }

    fn title(&self) -> &'static str {
        self.title
    }

    fn fields(&self) -> &'static [Field] {
        const fn field(name: &'static str, kind: FieldKind, default: &'static str) -> Field {
            Field {
                name,
                kind,
                required: false,
                default,
            }
        }
        const {
            &[
                field("secret_key", FieldKind::Secret, ""),
                field("timezone", FieldKind::TimeZone, transcript::DEFAULT_ZONE),
                field("rest_token", FieldKind::Secret, ""),
            ]
        }
    }

    fn setup_guide(&self, language: Language) -> &'static str {
        match language {
            Language::Russian => self.guide,
            Language::English => self.guide_in_english,
        }
    }

    fn silence_minutes(&self) -> u32 {
        3 * 60
    }

    fn has_leads_address(&self) -> bool {
        true
    }

    fn binder(&self, _settings: &IntegrationSettings) -> Option<Binder> {
        Some(Binder::plain("talkme"))
    }

    fn normalize(
        &self,
        raw: &RawEvent,
        settings: &IntegrationSettings,
    ) -> Result<Normalized, SetAside> {
        let body = shape::read(raw)?;
        check_secret(&body, settings)?;
        let transcript = transcript::read(&body, raw.received_at, settings.own_text("timezone"));
        if transcript.is_only_notes() {
            let detail = "only notes that the visitor does not see";
            return Err(SetAside::new(SetAsideReason::NotALead, detail));
        }
        let mut event = match &raw.address {
            Address::Leads => lead(raw, &body, &transcript)?,
            _ => chat(raw, &body, &transcript)?,
        };
        let mut warnings = transcript.warnings.clone();
        event.messages = transcript.messages;
        event.operators = transcript.operators;
        event.channel = match &raw.address {
            Address::Channel(channel) => Some(channel.clone()),
            _ => card::channel(&body),
        };
        card::add_contact(&body, &mut event, &mut warnings);
        card::add_keys(&body, self.slug, &mut event);
        card::add_touch(&body, &mut event);
        card::add_extra(&body, &mut event);
        if !transcript.other_types.is_empty() {
            let types = transcript.other_types.join(", ");
            event.extra.insert("message_types".into(), types);
        }
        Ok(Normalized {
            events: vec![event],
            fetches: Vec::new(),
            warnings,
        })
    }

    fn redact(&self, body: &[u8]) -> Option<Vec<u8>> {
        shape::redact(body)
    }
}

/// The secret that the customer typed in the vendor's settings. None configured: none asked.
fn check_secret(body: &Body, settings: &IntegrationSettings) -> Result<(), SetAside> {
    let Some(expected) = settings.own_text("secret_key") else {
        return Ok(());
    };
    let given = body.root.first_text(&["secretKey", "secret"]);
    let given = given.unwrap_or_default();
    if given.as_bytes().ct_eq(expected.as_bytes()).into() {
        return Ok(());
    }
    let detail = match given.is_empty() {
        true => "there is no secretKey in the body",
        false => "the secretKey in the body is not the configured one",
    };
    Err(SetAside::new(SetAsideReason::SecretMismatch, detail))
}

/// A dialogue by its number; without one, what this client says within the hour.
fn chat(raw: &RawEvent, body: &Body, transcript: &Transcript) -> Result<Event, SetAside> {
    let kind = chat_kind(body);
    let hash = fingerprint(&raw.body);
    if let Some(number) = body.dialog_number() {
        let key = format!("chat:{number}:{hash}");
        let mut event = Event::new(key, numbered(CommunicationKind::Chat, number), kind);
        event.occurred_at = transcript.time_of(kind);
        return Ok(event);
    }
    let is_silent = transcript.messages.is_empty();
    let who = match (body.client_text(), is_silent) {
        (Some(who), false) => who,
        (None, false) => return Err(wrong_shape("neither dialogue number nor clientId")),
        (Some(_), true) => {
            let detail = "neither dialogue number nor message";
            return Err(SetAside::new(SetAsideReason::NotALead, detail));
        }
        (None, true) => return Err(wrong_shape("neither client nor dialogue nor message")),
    };
    // A flat message has no id and no time: the same words a minute later are said again.
    let minute = match transcript.has_identity {
        true => 0,
        false => raw.received_at.as_second().div_euclid(60),
    };
    let subject = Subject::Near {
        kind: CommunicationKind::Chat,
        any_of: vec![(who.clone(), NEAR_S)],
    };
    let mut event = Event::new(format!("{who}:{hash}:{minute}"), subject, kind);
    event.occurred_at = transcript.time_of(kind);
    Ok(event)
}

/// How complete a chat is. A lone message is a message; a transcript under an id that does not
/// speak of the beginning, a message or a form is taken for "dialogue finished", whose id nobody
/// has published: it is the event that our guide asks for.
fn chat_kind(body: &Body) -> EventKind {
    let id = body.event_id().unwrap_or_default().to_lowercase();
    let speaks_of = |words: &[&str]| words.iter().any(|word| id.contains(word));
    if speaks_of(&["finish", "complete", "closed", "ended"]) {
        EventKind::Finished
    } else if body.has_lone_message() || speaks_of(&["message", "question"]) {
        EventKind::Message
    } else if speaks_of(&["start"]) {
        EventKind::Started
    } else if body.messages().is_empty() || speaks_of(&["form", "rate", "contact", "assign"]) {
        EventKind::Updated
    } else {
        EventKind::Finished
    }
}

/// A question left while nobody was there: by the number of its dialogue, else of its message,
/// else by client, words and minute (talk-me.md 10).
fn lead(raw: &RawEvent, body: &Body, transcript: &Transcript) -> Result<Event, SetAside> {
    let said = transcript.messages.iter().rev();
    let question = said
        .clone()
        .find(|line| line.from == MessageAuthor::Visitor);
    let external_id = match (body.dialog_number(), question.or(said.clone().next())) {
        (Some(number), _) => number,
        (None, Some(line)) if transcript.has_identity => format!("message-{}", line.id),
        (None, line) => {
            let who = body
                .client_text()
                .ok_or_else(|| wrong_shape("neither client nor dialogue nor message"))?;
            let minute = raw.received_at.as_second().div_euclid(60);
            let words = line.map(|line| line.text.as_str()).unwrap_or_default();
            format!(
                "question-{}",
                fingerprint(format!("{who}\n{words}\n{minute}").as_bytes())
            )
        }
    };
    let key = format!("lead:{external_id}:{}", fingerprint(&raw.body));
    let subject = numbered(CommunicationKind::OfflineLead, external_id);
    let mut event = Event::new(key, subject, EventKind::OfflineLead);
    event.occurred_at = transcript.time_of(EventKind::OfflineLead);
    Ok(event)
}

fn numbered(kind: CommunicationKind, external_id: String) -> Subject {
    Subject::Numbered { kind, external_id }
}

fn wrong_shape(detail: &str) -> SetAside {
    SetAside::new(SetAsideReason::WrongShape, detail)
}
