//! Visitors, visits and hits.

use super::{Page, PageRequest, StoreResult};
use crate::model::{
    CampaignId, ChannelGroup, Device, Goal, Hit, HitId, Key, Marks, Sign, SignRow, SiteId,
    SourceId, Timestamp, Visit, VisitId, WorkspaceId,
};
use async_trait::async_trait;
use serde_json::{Map, Value};

/// Keeps hits and the visits they make.
#[async_trait]
pub trait Visits: Send + Sync {
    /// Adds what one tracker message tells; returns when it is on disk. A visit is the fold of its
    /// messages: earliest start, latest hit, marks of the earliest page, union of keys, so order
    /// and repetition do not matter. `Conflict` when the visit of `HitFacts::known` is no more.
    async fn record_hit(&self, facts: HitFacts) -> StoreResult<Recorded>;

    /// Keeps that a page told this. Of a site the latest 200 signs are kept: a stranger may invent
    /// hosts.
    async fn note_sign(&self, workspace: WorkspaceId, sign: Sign, at: Timestamp)
    -> StoreResult<()>;

    /// What pages told since `since`, the latest first.
    async fn signs(&self, workspace: WorkspaceId, since: Timestamp) -> StoreResult<Vec<SignRow>>;

    /// All messages of the visits that the browser's id `key` holds.
    async fn visit_family(&self, workspace: WorkspaceId, key: &str) -> StoreResult<Vec<FamilyHit>>;

    /// Adds a message that `record_hit` left out and makes the visits of its family those that are
    /// given; returns the key of the message's visit. A visit without messages is no more.
    /// `Conflict` when the family has got another message since it was read.
    async fn divide_visit(&self, division: Division) -> StoreResult<String>;

    /// The code of the visit that the browser's id `visit` names: the one it has, kept until `until`
    /// then, or else the first of `wanted` that no other visit of the workspace has at `now`. `None`
    /// when all of them are taken.
    async fn give_code(
        &self,
        workspace: WorkspaceId,
        visit: &str,
        wanted: Vec<String>,
        now: Timestamp,
        until: Timestamp,
    ) -> StoreResult<Option<String>>;

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
    /// The visit's key: the browser's own id, `v…`, or that of the visit chosen by the rules.
    pub visit: String,
    /// Set when the rules chose a known visit.
    pub known: Option<VisitId>,
    pub at: Timestamp,
    pub received_at: Timestamp,
    /// Set for page views.
    pub page: Option<PageFacts>,
    /// Set for goals.
    pub goal: Option<GoalFacts>,
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
    /// What tells one advertising arrival from another; empty when the page has nothing of it.
    pub arrival: String,
    pub channel_group: ChannelGroup,
    pub campaign: Option<CampaignId>,
    pub source: Option<SourceId>,
}

/// What the visitor did.
#[derive(Clone, Debug)]
pub struct GoalFacts {
    pub name: String,
    pub data: Map<String, Value>,
}

/// What became of a tracker message.
#[derive(Debug)]
pub enum Recorded {
    /// It is on disk, since now or since before.
    Kept {
        /// Key of its visit.
        visit: String,
        is_new: bool,
    },
    /// It was not written: with it, the browser's id holds two arrivals, a day or more, or it holds
    /// several visits already. Which are they?
    Mixed(Box<HitFacts>),
}

/// A message of a family as far as its place matters.
#[derive(Clone, Debug, PartialEq)]
pub struct FamilyHit {
    pub id: HitId,
    /// The visit that has it.
    pub visit: VisitId,
    pub site: SiteId,
    pub message: String,
    pub at: Timestamp,
    /// Set for page views.
    pub marks: Option<Marks>,
    /// As `PageFacts::arrival`; empty for messages that are no page views.
    pub arrival: String,
}

/// The visits that a browser's id holds, and the message because of which they were decided.
#[derive(Clone, Debug)]
pub struct Division {
    pub facts: HitFacts,
    /// How many messages the family had when it was read.
    pub seen: usize,
    /// In the order of time; the first has the key `facts.visit`.
    pub parts: Vec<VisitPart>,
}

/// One of them.
#[derive(Clone, Debug)]
pub struct VisitPart {
    pub key: String,
    /// Another name by which it is found.
    pub alias: String,
    /// The visit of the family that becomes this one; `None` for a new one.
    pub visit: Option<VisitId>,
    /// Known messages and, as `None`, the new one, in the order of time.
    pub messages: Vec<Option<HitId>>,
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

/// A visit with its pages, goals and keys.
#[derive(Clone, Debug)]
pub struct VisitView {
    pub visit: Visit,
    /// `c…`
    pub visitor_key: String,
    /// Oldest first, at most 500.
    pub hits: Vec<Hit>,
    /// Oldest first, at most 500.
    pub goals: Vec<Goal>,
    pub keys: Vec<Key>,
}
