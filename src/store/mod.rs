//! The truth: what is kept, named by what the hub does with it.
//!
//! A unit of work is data with expected versions; no transaction handle and no engine's type
//! leaves this room. Times come in as parameters. Every method takes the workspace, but for the
//! claims of the hub's own loops, whose rows carry it.

mod access;
mod conversations;
mod goals;
mod intake;
mod setup;
pub mod sqlite;
#[cfg(test)]
mod suite;
mod upkeep;
mod visits;

pub use access::{Access, ApiKeyRow, AuditEntry, LoginRow, NewApiKey, Role, UserRow};
pub use conversations::{
    CandidateQuery, Candidates, CommunicationFilter, CommunicationSort, CommunicationWrite,
    ConversationQuery, ConversationState, Conversations, History, HistoryEntry, RawOutcome,
    Sibling, Touched, UnitOfWork,
};
pub use goals::{GoalFilter, GoalOfVisit, Goals, RawData, RawDataFilter, RawDataOrder};
pub use intake::{
    ClaimLimit, ClaimedRaw, FetchJob, FetchOutcome, Intake, NewRawEvent, RawCounts, RawFilter,
    RawRow, RawSelection,
};
pub use setup::{IntegrationRow, NewIntegration, Removable, Setup, TokenRow, WorkspaceSetup};
pub use upkeep::{StoreReport, Upkeep};
pub use visits::{
    Division, FamilyHit, GoalFacts, HitFacts, PageFacts, Recorded, VisitFilter, VisitPart,
    VisitView, Visits,
};

/// All a hub asks of a store.
pub trait Store: Intake + Conversations + Visits + Goals + Setup + Access + Upkeep {}

impl<T: Intake + Conversations + Visits + Goals + Setup + Access + Upkeep> Store for T {}

/// What someone branches on.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("{0} does not exist")]
    NotFound(&'static str),
    /// Somebody else was first: read again and decide again.
    #[error("{0}")]
    Conflict(String),
    /// The store cannot write now (disk full); nothing was written, ask again later.
    #[error("the store cannot write now: {0}")]
    Unavailable(String),
    #[error(transparent)]
    Other(#[from] anyhow::Error),
}

pub type StoreResult<T> = Result<T, StoreError>;

/// A page of a list; `next` is the cursor of the following one.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    pub items: Vec<T>,
    pub next: Option<String>,
}

impl<T> Page<T> {
    pub fn map<U>(self, change: impl FnMut(T) -> U) -> Page<U> {
        Page {
            items: self.items.into_iter().map(change).collect(),
            next: self.next,
        }
    }
}

/// Which page of a list.
#[derive(Clone, Debug)]
pub struct PageRequest {
    /// 1–500 rows.
    pub limit: u32,
    /// The `next` of the page before.
    pub cursor: Option<String>,
}
