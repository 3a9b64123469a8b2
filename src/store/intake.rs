//! The inbox: raw events and the questions to providers' REST APIs.

use super::{Page, PageRequest, StoreResult};
use crate::model::{
    Address, CommunicationId, FetchId, FetchNeed, IntegrationId, RawEvent, RawEventId, RawState,
    SetAsideReason, Timestamp, WorkspaceId,
};
use async_trait::async_trait;

/// Keeps raw events until they are turned into communications, and after.
#[async_trait]
pub trait Intake: Send + Sync {
    /// Returns when the raw event is on disk.
    async fn keep_raw(&self, raw: NewRawEvent) -> StoreResult<RawEventId>;

    /// Takes pending raw events of any workspace, oldest first; nobody else gets them before
    /// `lease_until`.
    async fn claim_raw(
        &self,
        now: Timestamp,
        lease_until: Timestamp,
        most: ClaimLimit,
    ) -> StoreResult<Vec<ClaimedRaw>>;

    /// Newest first, without bodies.
    async fn raw_page(
        &self,
        workspace: WorkspaceId,
        filter: &RawFilter,
        page: &PageRequest,
    ) -> StoreResult<Page<RawRow>>;

    /// One with its body.
    async fn raw_event(&self, workspace: WorkspaceId, id: RawEventId) -> StoreResult<RawRow>;

    async fn raw_counts(&self, workspace: WorkspaceId) -> StoreResult<RawCounts>;

    /// Makes them pending again; returns how many.
    async fn replay_raw(
        &self,
        workspace: WorkspaceId,
        selection: &RawSelection,
    ) -> StoreResult<u64>;

    /// Takes due questions of any workspace; nobody else gets them before `lease_until`.
    async fn claim_fetches(
        &self,
        now: Timestamp,
        lease_until: Timestamp,
        limit: u32,
    ) -> StoreResult<Vec<FetchJob>>;

    /// Ends or postpones a question; an answer becomes a raw event in the same transaction. A
    /// question that somebody else ended stays ended; one that a later raw event asked meanwhile
    /// stays due.
    async fn settle_fetch(&self, job: &FetchJob, outcome: FetchOutcome) -> StoreResult<()>;

    /// Reserves one call of a budget and says when it may be made: calls of one key are at least
    /// `interval_ms` apart, also across restarts and processes.
    async fn reserve_call(
        &self,
        budget: &str,
        now: Timestamp,
        interval_ms: u32,
    ) -> StoreResult<Timestamp>;
}

/// A raw event to keep.
#[derive(Clone, Debug)]
pub struct NewRawEvent {
    pub workspace: WorkspaceId,
    pub integration: IntegrationId,
    pub provider: String,
    pub address: Address,
    pub method: String,
    pub query: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub received_at: Timestamp,
    /// `Pending`, `Probe`, or `SetAside` for what is recorded and never looked at.
    pub state: RawState,
    pub reason: Option<SetAsideReason>,
    pub detail: Option<String>,
}

/// How much is claimed in one go: so many raw events, and no further one once their bodies have
/// reached so many bytes.
#[derive(Clone, Copy, Debug)]
pub struct ClaimLimit {
    pub events: u32,
    pub bytes: usize,
}

/// A raw event to look at.
#[derive(Clone, Debug)]
pub struct ClaimedRaw {
    pub event: RawEvent,
    /// It was looked at before: what it told then may have to be taken back.
    pub again: bool,
}

/// A raw event with what became of it.
#[derive(Clone, Debug)]
pub struct RawRow {
    pub event: RawEvent,
    pub state: RawState,
    pub reason: Option<SetAsideReason>,
    pub detail: Option<String>,
    pub warnings: Vec<String>,
    pub processed_at: Option<Timestamp>,
    /// Length of the body in bytes, also where the body itself was not asked for.
    pub size_bytes: u64,
    pub communications: Vec<CommunicationId>,
}

#[derive(Clone, Debug, Default)]
pub struct RawFilter {
    pub state: Option<RawState>,
    pub reason: Option<SetAsideReason>,
    pub integration: Option<IntegrationId>,
    pub provider: Option<String>,
    pub communication: Option<CommunicationId>,
}

#[derive(Clone, Debug)]
pub enum RawSelection {
    Ids(Vec<RawEventId>),
    Filter(RawFilter),
}

/// How many raw events stand where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RawCounts {
    pub pending: u64,
    pub done: u64,
    pub duplicate: u64,
    pub set_aside: u64,
    pub probe: u64,
}

/// A question to a provider's REST API that is due.
#[derive(Clone, Debug)]
pub struct FetchJob {
    pub id: FetchId,
    pub workspace: WorkspaceId,
    pub integration: IntegrationId,
    /// The raw event that needs the answer.
    pub raw_event: RawEventId,
    pub need: FetchNeed,
    /// Tries made before this one.
    pub attempts: u32,
}

#[derive(Clone, Debug)]
pub enum FetchOutcome {
    Answered(NewRawEvent),
    Retry {
        at: Timestamp,
        reason: String,
    },
    /// The raw event that needed it is set aside as `FetchFailed`.
    GaveUp {
        at: Timestamp,
        reason: String,
    },
}
