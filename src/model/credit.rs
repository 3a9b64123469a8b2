//! The campaign or source that got the communication.

use super::{CampaignId, ChannelGroup, SiteId, SourceId, Utm};
use serde::{Deserialize, Serialize};

/// Who got the communication, and by which step of the ladder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Credit {
    pub step: CreditStep,
    pub campaign: Option<CampaignId>,
    pub source: Option<SourceId>,
    pub site: Option<SiteId>,
    /// Known when a visit or the provider's marks decided.
    pub channel_group: Option<ChannelGroup>,
    /// The marks as credited: of the visit, or of the provider.
    pub utm: Utm,
}

/// The step of the ladder that decided (DESIGN.md 5, attribution.md 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CreditStep {
    IgnoreVisit,
    Visit,
    Messenger,
    ProviderMarks,
    Default,
    NoCampaign,
    ByHand,
}

impl CreditStep {
    pub const ALL: [CreditStep; 7] = [
        CreditStep::IgnoreVisit,
        CreditStep::Visit,
        CreditStep::Messenger,
        CreditStep::ProviderMarks,
        CreditStep::Default,
        CreditStep::NoCampaign,
        CreditStep::ByHand,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            CreditStep::IgnoreVisit => "ignore_visit",
            CreditStep::Visit => "visit",
            CreditStep::Messenger => "messenger",
            CreditStep::ProviderMarks => "provider_marks",
            CreditStep::Default => "default",
            CreditStep::NoCampaign => "no_campaign",
            CreditStep::ByHand => "by_hand",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.as_str() == text)
    }
}
