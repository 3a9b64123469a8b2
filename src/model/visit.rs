//! Visitors, visits and hits.

use super::{
    CampaignId, ChannelGroup, HitId, Marks, SiteId, SourceId, Timestamp, VisitId, VisitorId,
};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

/// A visit that would last so long is another one (tracking.md 7.3, rule 7).
pub const LONGEST_VISIT: SignedDuration = SignedDuration::from_hours(24);

/// A browser, kept by its id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Visitor {
    pub id: VisitorId,
    /// Our visitor id, `c…`.
    pub key: String,
    pub first_seen_at: Timestamp,
}

/// One stay on a site with its marks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Visit {
    pub id: VisitId,
    pub visitor: VisitorId,
    /// Our visitor id, `c…`.
    pub visitor_key: String,
    pub site: SiteId,
    /// Our visit id, `v…`.
    pub key: String,
    pub started_at: Timestamp,
    pub last_hit_at: Timestamp,
    /// Marks of the first page only (attribution.md 1).
    pub marks: Marks,
    pub channel_group: ChannelGroup,
    pub campaign: Option<CampaignId>,
    pub source: Option<SourceId>,
    pub device: Device,
    pub ip: Option<String>,
    pub country: Option<String>,
    pub city: Option<String>,
    /// Flagged, never dropped.
    pub is_robot: bool,
    pub hits: u32,
}

/// What the user agent says, by the parsing library.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Device {
    pub user_agent: Option<String>,
    pub browser: Option<String>,
    pub browser_version: Option<String>,
    pub os: Option<String>,
    pub os_version: Option<String>,
    /// `pc`, `smartphone`, `mobilephone`, `appliance`, `crawler`, as the library names them.
    pub kind: Option<String>,
    pub language: Option<String>,
    /// Screen width, CSS pixels.
    pub screen_width: Option<u32>,
}

/// One page view.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hit {
    pub id: HitId,
    pub visit: VisitId,
    pub at: Timestamp,
    pub url: String,
    pub title: Option<String>,
}
