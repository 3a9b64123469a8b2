//! What a provider's raw event says, in our words. An event is a part of a communication: the
//! whole is the fold of all its events, in any order.

use super::{CommunicationKind, Contact, Key, Message, RawEventId, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The answer of `normalize`: events, questions to ask, and remarks for the person who reads the
/// inbox.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Normalized {
    pub events: Vec<Event>,
    /// Records that must be read over the provider's REST API first.
    pub fetches: Vec<FetchNeed>,
    /// Short English sentences about what could not be used ("phone is not a number"); no contact
    /// data.
    pub warnings: Vec<String>,
}

/// A record to ask the provider for. The answer becomes a raw event of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FetchNeed {
    /// Same need, same key: asked once while it waits (`conversation:1702…`).
    pub key: String,
    /// What the provider's fetcher needs to know, by name.
    pub about: BTreeMap<String, String>,
}

/// One fact-bearing message of a provider about one communication.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Equal for repeats of the same event and for them only, inside one integration.
    pub dedup_key: String,
    pub subject: Subject,
    pub kind: EventKind,
    /// When it happened by the vendor's clock; `None` when the vendor does not say.
    pub occurred_at: Option<Timestamp>,
    /// Channel of the chat; `None` when neither address nor body tells.
    pub channel: Option<Channel>,
    pub contact: Contact,
    pub messages: Vec<Message>,
    /// Operators who took part, in order; the last one is the one in charge.
    pub operators: Vec<Operator>,
    /// Evidence for the link, strongest first as far as the provider knows.
    pub keys: Vec<Key>,
    /// The provider's own knowledge of the arrival and of the visitor's browser.
    pub touch: Touch,
    /// Set for callbacks.
    pub call: Option<Call>,
    /// Everything else worth showing, by the vendor's name: tags, rating, topic, foreign custom
    /// fields. Values are short texts.
    pub extra: BTreeMap<String, String>,
}

impl Event {
    /// An event with nothing but its identity; the provider fills in what it knows.
    pub fn new(dedup_key: impl Into<String>, subject: Subject, kind: EventKind) -> Self {
        Event {
            dedup_key: dedup_key.into(),
            subject,
            kind,
            occurred_at: None,
            channel: None,
            contact: Contact::default(),
            messages: Vec::new(),
            operators: Vec::new(),
            keys: Vec::new(),
            touch: Touch::default(),
            call: None,
            extra: BTreeMap::new(),
        }
    }
}

/// Which communication an event belongs to, inside its integration.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// The vendor's own number of the chat, lead or call.
    Numbered {
        kind: CommunicationKind,
        external_id: String,
    },
    /// No number: the event joins the communication of the same kind that has one of these texts
    /// and is not further away in time than the seconds beside it; else it opens one. Several such
    /// communications become one. The seconds of a text are the same in all events.
    Near {
        kind: CommunicationKind,
        any_of: Vec<(String, u32)>,
    },
    /// A change of a client's card outside any chat (JivoSite `client_updated`). It adds to the
    /// communications of that client, and is an offline lead of its own when there is no other
    /// within a day and it brings a phone or an e-mail.
    Client { client: String },
}

/// What happened. Later variants know more: when two events disagree on a scalar, the later
/// variant is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    ContactChanged,
    Started,
    Updated,
    /// A part of a transcript.
    Message,
    OfflineLead,
    Callback,
    /// The chat was ended; the event usually holds the whole transcript.
    Finished,
}

/// Channel of a chat, spelt as in attribution.md 4: `site`, `telegram`, `whatsapp`, …
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(transparent)]
pub struct Channel(String);

impl Channel {
    /// Channels that people choose from; others are kept as the provider spells them.
    pub const KNOWN: &'static [&'static str] = &[
        "site",
        "telegram",
        "telegram_private",
        "whatsapp",
        "waba",
        "vkontakte",
        "viber",
        "max",
        "max_bot",
        "instagram",
        "facebook",
        "odnoklassniki",
        "avito",
        "auto_ru",
        "cian",
        "realty_yandex",
        "yandex.dialogs",
        "tamtam_bot",
        "sms",
        "email",
        "mobile_app",
        "phone",
        "other",
    ];

    /// Lower case; anything but letters, digits, `_`, `.` and `-` becomes `_`; at most 32
    /// characters. `None` for an empty text.
    pub fn new(text: &str) -> Option<Channel> {
        let folded: String = text
            .trim()
            .to_lowercase()
            .chars()
            .take(32)
            .map(|c| {
                if c.is_ascii_alphanumeric() || "_.-".contains(c) {
                    c
                } else {
                    '_'
                }
            })
            .collect();
        (!folded.is_empty()).then_some(Channel(folded))
    }

    pub fn site() -> Channel {
        Channel("site".into())
    }

    /// The widget on the site, as opposed to every messenger.
    pub fn is_site(&self) -> bool {
        self.0 == "site"
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A person or program that answered, as the provider names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operator {
    /// Login, number or e-mail: what the table operators → employees compares.
    pub id: String,
    pub name: Option<String>,
}

/// A file of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Attachment {
    pub url: String,
    pub name: Option<String>,
}

/// What the provider itself knows about the arrival; a fallback, often of the *first* visit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Touch {
    /// UTM fields as the provider sent them, names with the prefix `utm_`. `credit::utm` reads
    /// them together with `entry_page`, `page` and `referrer` into `Marks`.
    pub utm: BTreeMap<String, String>,
    /// Page of the event.
    pub page: Option<String>,
    pub page_title: Option<String>,
    /// First page of the visit with its query, when the provider knows it.
    pub entry_page: Option<String>,
    pub referrer: Option<String>,
    pub ip: Option<String>,
    pub user_agent: Option<String>,
    pub country: Option<String>,
    pub city: Option<String>,
    /// Site of the widget, when the provider names it (host).
    pub site: Option<String>,
}

impl Touch {
    pub fn is_empty(&self) -> bool {
        *self == Touch::default()
    }
}

/// A callback's call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    pub state: CallState,
    /// `callback`, `incoming`, `outgoing`.
    pub direction: Option<String>,
    pub record_url: Option<String>,
    pub duration_s: Option<u32>,
    /// Cause of a failure, as the provider says it.
    pub reason: Option<String>,
}

/// Later variants are further on; a call never goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallState {
    Ordered,
    OperatorConnected,
    ClientConnected,
    Ended,
    Failed,
}

/// An event as it was kept.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredEvent {
    pub raw_event: RawEventId,
    pub event: Event,
    /// The earliest arrival of an equal event.
    pub received_at: Timestamp,
}
