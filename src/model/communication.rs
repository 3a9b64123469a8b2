//! A person's appeal: the fold of its events with its link, credit and receipt.

use super::{
    Attachment, Call, Channel, CommunicationId, Contact, Credit, EmployeeId, IntegrationId, Key,
    Link, Operator, ReceiptStep, TagId, Timestamp, Touch, WorkspaceId,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Chat, offline lead or callback.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum CommunicationKind {
    Chat,
    OfflineLead,
    Callback,
}

impl CommunicationKind {
    pub const ALL: [CommunicationKind; 3] = [
        CommunicationKind::Chat,
        CommunicationKind::OfflineLead,
        CommunicationKind::Callback,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            CommunicationKind::Chat => "chat",
            CommunicationKind::OfflineLead => "offline_lead",
            CommunicationKind::Callback => "callback",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// State of a communication; the last three are final (comagic-data-api.md 7.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Nobody of ours has answered yet.
    New,
    /// Both sides talk.
    Active,
    /// Both sides wrote, and it is over.
    Succeed,
    /// The visitor wrote, nobody answered.
    Lost,
    /// We wrote, the visitor did not.
    Refused,
}

impl Status {
    pub const ALL: [Status; 5] = [
        Status::New,
        Status::Active,
        Status::Succeed,
        Status::Lost,
        Status::Refused,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Status::New => "new",
            Status::Active => "active",
            Status::Succeed => "succeed",
            Status::Lost => "lost",
            Status::Refused => "refused",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

/// What ended it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FinishedBy {
    /// The provider said so.
    Event,
    /// Nothing came for as long as the provider's silence lasts.
    Silence,
}

/// Where a time comes from (DESIGN.md 5.1 "Time").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TimeOrigin {
    Vendor,
    Inferred,
    Received,
}

/// One line of a transcript.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Unique in its chat: the vendor's id, or `Message::derived_id`.
    pub id: String,
    pub at: Timestamp,
    pub from: MessageAuthor,
    /// Display name of the author.
    pub author: Option<String>,
    /// Plain text; never markup.
    pub text: String,
    pub attachments: Vec<Attachment>,
}

impl Message {
    /// An id for vendors that give none: equal for the same line of the same transcript.
    /// `nth` counts equal lines of one second from 0.
    pub fn derived_id(at: Timestamp, from: MessageAuthor, text: &str, nth: usize) -> String {
        use sha2::{Digest, Sha256};
        let mut hash = Sha256::new();
        hash.update(at.as_microsecond().to_be_bytes());
        hash.update([from as u8]);
        hash.update(text.as_bytes());
        hash.update((nth as u64).to_be_bytes());
        format!(
            "~{}",
            data_encoding::BASE32_NOPAD.encode(&hash.finalize()[..10])
        )
    }
}

/// Side of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MessageAuthor {
    Visitor,
    Operator,
    /// Invitations, bots and service lines.
    System,
}

/// A communication as it is stored and shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Communication {
    pub id: CommunicationId,
    pub workspace: WorkspaceId,
    pub integration: IntegrationId,
    /// Slug of the provider.
    pub provider: String,
    pub kind: CommunicationKind,
    /// The vendor's number, or ours when the vendor has none; unique within integration and kind.
    pub external_id: String,
    pub channel: Channel,
    pub status: Status,
    pub started_at: Timestamp,
    pub started_at_origin: TimeOrigin,
    /// First message of the visitor, or the start: the moment the visit is looked for.
    pub first_words_at: Timestamp,
    pub finished_at: Option<Timestamp>,
    pub finished_by: Option<FinishedBy>,
    /// Arrival of its first raw event.
    pub received_at: Timestamp,
    pub contact: Contact,
    pub messages: Vec<Message>,
    pub operators: Vec<Operator>,
    pub employee: Option<EmployeeId>,
    pub tags: Vec<TagId>,
    pub keys: Vec<Key>,
    pub touch: Touch,
    pub call: Option<Call>,
    pub extra: BTreeMap<String, String>,
    pub link: Link,
    pub credit: Credit,
    pub receipt: Vec<ReceiptStep>,
    /// Set when it is kept and not shown.
    pub hidden: Option<Hidden>,
    /// When silence will end it; `None` when it is over or cannot end so.
    pub silence_at: Option<Timestamp>,
    /// Counts the commits of this communication; the next one expects it.
    pub version: i64,
}

/// What the number of a pop-up lead begins with: no vendor numbers it.
const CARD: &str = "client:";

impl Communication {
    /// `external_id` of the lead that is made of the changes of a client's card.
    pub fn card_id(client: &str) -> String {
        format!("{CARD}{client}")
    }

    /// Whether `external_id` is one of `card_id`.
    pub fn is_card_id(external_id: &str) -> bool {
        external_id.starts_with(CARD)
    }

    /// It is made of the changes of a client's card.
    pub fn is_card(&self) -> bool {
        Communication::is_card_id(&self.external_id)
    }
}

/// Why a communication is kept and not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hidden {
    /// A pop-up lead whose client has another communication within a day, which got the contact; or
    /// a conversation without a number that an event between the two made one with the other.
    AbsorbedBy(CommunicationId),
    /// Changes of a card that brought no phone or e-mail but known ones.
    NoContact,
    /// Every event it was made of turned out, on replay, to tell of something else.
    TakenBack,
}
