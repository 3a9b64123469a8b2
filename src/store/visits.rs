//! Visitors, visits and hits.

use super::{Page, PageRequest, StoreResult};
use crate::model::{
    CampaignId, ChannelGroup, Device, Hit, Key, Marks, SiteId, SourceId, Timestamp, Visit, VisitId,
    WorkspaceId,
};
use async_trait::async_trait;

/// Keeps hits and the visits they make.
#[async_trait]
pub trait Visits: Send + Sync {
    /// Adds what one tracker message tells; returns when it is on disk. A visit is the fold of its
    /// messages: earliest start, latest hit, marks of the earliest page, union of keys, so order
    /// and repetition do not matter. `false` when the message was known.
    async fn record_hit(&self, facts: HitFacts) -> StoreResult<bool>;

    /// Visits of a visitor (`c…`) that were open at any time in the span, at most 200.
    async fn visits_of(
        &self,
        workspace: WorkspaceId,
        visitor: &str,
        from: Timestamp,
        to: Timestamp,
    ) -> StoreResult<Vec<Visit>>;

    /// Newest first.
    async fn visits_page(
        &self,
        workspace: WorkspaceId,
        filter: &VisitFilter,
        page: &PageRequest,
    ) -> StoreResult<Page<Visit>>;

    async fn visit(&self, workspace: WorkspaceId, id: VisitId) -> StoreResult<VisitView>;

    /// Those of the visits that exist, without pages and keys.
    async fn visits_by_id(
        &self,
        workspace: WorkspaceId,
        ids: Vec<VisitId>,
    ) -> StoreResult<Vec<Visit>>;

    /// Visits of the same visitor that began before `visit`, newest first, at most `limit`.
    async fn earlier_visits(
        &self,
        workspace: WorkspaceId,
        visit: VisitId,
        limit: u32,
    ) -> StoreResult<Vec<Visit>>;
}

/// What one tracker message tells.
#[derive(Clone, Debug)]
pub struct HitFacts {
    pub workspace: WorkspaceId,
    pub site: SiteId,
    /// The message's own id, unique in its site.
    pub message: String,
    /// Our visitor id, `c…`.
    pub visitor: String,
    /// Our visit id, `v…`.
    pub visit: String,
    pub at: Timestamp,
    pub received_at: Timestamp,
    /// Set for page views.
    pub page: Option<PageFacts>,
    pub keys: Vec<Key>,
    pub device: Device,
    pub ip: Option<String>,
    pub country: Option<String>,
    pub city: Option<String>,
    pub is_robot: bool,
}

/// A page view and what it would make of the visit if it is the first.
#[derive(Clone, Debug)]
pub struct PageFacts {
    pub url: String,
    pub title: Option<String>,
    pub marks: Marks,
    pub channel_group: ChannelGroup,
    pub campaign: Option<CampaignId>,
    pub source: Option<SourceId>,
}

#[derive(Clone, Debug, Default)]
pub struct VisitFilter {
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
    pub site: Option<SiteId>,
    /// `v…`
    pub key: Option<String>,
    /// `c…`
    pub visitor: Option<String>,
    pub channel_group: Option<ChannelGroup>,
}

/// A visit with its pages and keys.
#[derive(Clone, Debug)]
pub struct VisitView {
    pub visit: Visit,
    /// `c…`
    pub visitor_key: String,
    /// Oldest first, at most 500.
    pub hits: Vec<Hit>,
    pub keys: Vec<Key>,
}
