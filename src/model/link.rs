//! Which visit a communication came from, by which rule, how sure.

use super::{CommunicationId, Key, KeyKind, SiteId, Timestamp, Visit, VisitId};
use serde::{Deserialize, Serialize};

/// The tie of a communication to a visit, or the reason for none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Link {
    /// Name of the rule that decided, as in the receipt.
    pub rule: String,
    pub strength: Strength,
    /// Set for exact, strong and probable links, and for those only.
    pub visit: Option<VisitId>,
}

/// How sure a link is; later variants are weaker (DESIGN.md 5).
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
pub enum Strength {
    /// Our visit id came back, or our tracker reported the chat.
    Exact,
    /// A code of ours, or an id of another system seen on the visit.
    Strong,
    /// The same phone or e-mail, or a mark near in time.
    Probable,
    /// The provider's own marks; no visit of ours.
    MarksOnly,
    /// Nothing at all.
    Fallback,
}

impl Strength {
    pub const ALL: [Strength; 5] = [
        Strength::Exact,
        Strength::Strong,
        Strength::Probable,
        Strength::MarksOnly,
        Strength::Fallback,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Strength::Exact => "exact",
            Strength::Strong => "strong",
            Strength::Probable => "probable",
            Strength::MarksOnly => "marks_only",
            Strength::Fallback => "fallback",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|strength| strength.as_str() == text)
    }
}

/// One key on one visit.
#[derive(Clone, Debug)]
pub struct Found {
    pub key: Key,
    /// Kind of the key on the visit, which differs for a foreign token.
    pub seen_as: KeyKind,
    /// When the key was seen there.
    pub key_at: Timestamp,
    /// Sites whose pages told it, for keys that only hold within a site: a visit may go on on
    /// another site of the same owner. Else empty.
    pub told_on: Vec<SiteId>,
    /// The visit that carries the key.
    pub named: Visit,
    /// The same visitor's latest visit that began not later than `around`, if any.
    pub open: Option<Visit>,
    /// The communication through which a contact leads here.
    pub through: Option<CommunicationId>,
    /// The name its writer gave.
    pub through_name: Option<String>,
}
