//! One request of a provider as it came, and what became of it.

use super::{Channel, IntegrationId, RawEventId, Timestamp, WorkspaceId};
use serde::{Deserialize, Serialize};

/// One request or fetched record, byte for byte.
#[derive(Clone, Debug, PartialEq)]
pub struct RawEvent {
    pub id: RawEventId,
    pub workspace: WorkspaceId,
    pub integration: IntegrationId,
    /// Slug of the provider.
    pub provider: String,
    pub address: Address,
    /// HTTP method, upper case.
    pub method: String,
    /// Query string without the leading `?`; empty when there was none. Never holds our token.
    pub query: String,
    /// The headers worth keeping, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body after removal of `Content-Encoding`.
    pub body: Vec<u8>,
    pub received_at: Timestamp,
}

impl RawEvent {
    /// The first value of a header; `name` in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// A request without body and query tells nothing: the provider only tries the address.
    pub fn is_probe(&self) -> bool {
        self.body.is_empty() && self.query.is_empty()
    }
}

/// By which door a raw event came (DESIGN.md 4.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "channel")]
pub enum Address {
    /// `/in/{provider}/{token}`
    Chats,
    /// `/in/{provider}/{token}/leads`
    Leads,
    /// `/in/{provider}/{token}/{channel}`
    Channel(Channel),
    /// The answer to a question of ours to the provider's REST API.
    Fetched,
}

/// Where a raw event stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RawState {
    /// Kept, not yet looked at.
    Pending,
    /// Turned into events.
    Done,
    /// Told nothing new: every event of it was known.
    Duplicate,
    /// Kept, not used; the reason is beside it.
    SetAside,
    /// A request without body and query.
    Probe,
}

impl RawState {
    pub const ALL: [RawState; 5] = [
        RawState::Pending,
        RawState::Done,
        RawState::Duplicate,
        RawState::SetAside,
        RawState::Probe,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            RawState::Pending => "pending",
            RawState::Done => "done",
            RawState::Duplicate => "duplicate",
            RawState::SetAside => "set_aside",
            RawState::Probe => "probe",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// Why a raw event was not used, with a detail for the person who reads the inbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetAside {
    pub reason: SetAsideReason,
    /// One short English sentence or a name (the unknown event, the parser's complaint); no
    /// contact data.
    pub detail: String,
}

impl SetAside {
    pub fn new(reason: SetAsideReason, detail: impl Into<String>) -> Self {
        SetAside {
            reason,
            detail: detail.into(),
        }
    }
}

/// The closed list of reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SetAsideReason {
    /// The body is not in any encoding the provider could use.
    Unparsable,
    /// An event we do not know.
    UnknownEvent,
    /// Readable and known, but nobody's appeal (a mailing without an answer, a status change).
    NotALead,
    /// Readable, but what must be there is not.
    WrongShape,
    /// The shared secret in the body is not the configured one.
    SecretMismatch,
    /// Larger than the limit; only its size is kept.
    TooLarge,
    /// Came while the integration was switched off.
    SwitchedOff,
    /// The answer of the provider's REST API could not be had.
    FetchFailed,
}

impl SetAsideReason {
    pub const ALL: [SetAsideReason; 8] = [
        SetAsideReason::Unparsable,
        SetAsideReason::UnknownEvent,
        SetAsideReason::NotALead,
        SetAsideReason::WrongShape,
        SetAsideReason::SecretMismatch,
        SetAsideReason::TooLarge,
        SetAsideReason::SwitchedOff,
        SetAsideReason::FetchFailed,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            SetAsideReason::Unparsable => "unparsable",
            SetAsideReason::UnknownEvent => "unknown_event",
            SetAsideReason::NotALead => "not_a_lead",
            SetAsideReason::WrongShape => "wrong_shape",
            SetAsideReason::SecretMismatch => "secret_mismatch",
            SetAsideReason::TooLarge => "too_large",
            SetAsideReason::SwitchedOff => "switched_off",
            SetAsideReason::FetchFailed => "fetch_failed",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text)
    }
}
