//! Communications: read what is known, write what was decided, list what is asked for.

use super::{Page, PageRequest, StoreResult};
use crate::model::{
    CampaignId, Communication, CommunicationId, CommunicationKind, Contact, FetchNeed, Found,
    IntegrationId, Key, RawEventId, RawState, SetAsideReason, SourceId, Status, StoredEvent,
    Strength, Subject, Timestamp, WorkspaceId,
};
use async_trait::async_trait;

/// Reads and writes conversations for the pipeline, and lists them for people.
#[async_trait]
pub trait Conversations: Send + Sync {
    /// What is known of each asked conversation, in the order of the questions.
    async fn conversations(
        &self,
        queries: Vec<ConversationQuery>,
    ) -> StoreResult<Vec<ConversationState>>;

    /// The same by id, for reconsidering; those that do not exist are left out.
    async fn conversations_by_id(
        &self,
        ids: Vec<(WorkspaceId, CommunicationId)>,
    ) -> StoreResult<Vec<ConversationState>>;

    /// Which communications raw events told of when they were looked at before.
    async fn told_by(
        &self,
        raw: Vec<(WorkspaceId, RawEventId)>,
    ) -> StoreResult<Vec<(RawEventId, WorkspaceId, CommunicationId)>>;

    /// The visits that share a key with a communication, in the order of the questions.
    async fn candidates(&self, queries: Vec<CandidateQuery>) -> StoreResult<Vec<Candidates>>;

    /// Writes everything or nothing. `Conflict` when a communication is no longer at its expected
    /// version, or something that shares a key with it was committed since `Candidates::seen`.
    async fn commit(&self, work: UnitOfWork) -> StoreResult<()>;

    /// Chats whose silence has lasted long enough. Those of removed integrations stay as they are:
    /// nobody knows their settings any more.
    async fn silent_chats(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> StoreResult<Vec<(WorkspaceId, CommunicationId)>>;

    /// Communications that share a key with something committed since the reader's last
    /// `confirm_touched`, at most about `limit`.
    async fn touched(&self, reader: &str, limit: u32) -> StoreResult<Touched>;

    /// The reader has dealt with all of it.
    async fn confirm_touched(&self, reader: &str, touched: &Touched) -> StoreResult<()>;

    /// Makes every communication of the workspace be reconsidered (rules changed).
    async fn touch_all(&self, workspace: WorkspaceId) -> StoreResult<u64>;

    /// Newest first unless sorted otherwise; absorbed ones are left out.
    async fn communications_page(
        &self,
        workspace: WorkspaceId,
        filter: &CommunicationFilter,
        sort: CommunicationSort,
        page: &PageRequest,
    ) -> StoreResult<Page<Communication>>;

    async fn communication(
        &self,
        workspace: WorkspaceId,
        id: CommunicationId,
    ) -> StoreResult<Communication>;

    /// Former links and credits, newest first.
    async fn history(
        &self,
        workspace: WorkspaceId,
        id: CommunicationId,
    ) -> StoreResult<Vec<History>>;

    /// Raw events that told of it, oldest first.
    async fn raw_ids(
        &self,
        workspace: WorkspaceId,
        id: CommunicationId,
    ) -> StoreResult<Vec<RawEventId>>;
}

/// A question about the conversation an event belongs to.
#[derive(Clone, Debug)]
pub struct ConversationQuery {
    pub workspace: WorkspaceId,
    pub integration: IntegrationId,
    pub subject: Subject,
    /// Key of the event: the communication that has it comes before those that are near.
    pub dedup_key: String,
    /// Time of the event, for `Subject::Near`.
    pub at: Timestamp,
    /// `{integration}:{client}` of the event, for the changes of his card.
    pub client: Option<String>,
}

/// What is known of a conversation.
#[derive(Clone, Debug, Default)]
pub struct ConversationState {
    pub communication: Option<Communication>,
    /// All its events.
    pub events: Vec<StoredEvent>,
    /// Card changes of its client (`Subject::Client`), which add contacts.
    pub client_events: Vec<StoredEvent>,
    /// For a pop-up lead: other communications of the client.
    pub siblings: Vec<Sibling>,
    /// For an event without a number: the further communications that are near, with their events.
    pub others: Vec<(Communication, Vec<StoredEvent>)>,
}

/// Another communication of the client whose card changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Sibling {
    pub id: CommunicationId,
    pub from: Timestamp,
    /// Its end or its last message.
    pub until: Timestamp,
    /// What its own events told; not what the card added.
    pub contact: Contact,
}

/// A question for visits.
#[derive(Clone, Debug)]
pub struct CandidateQuery {
    pub workspace: WorkspaceId,
    pub keys: Vec<Key>,
    /// The moment to find the visit for.
    pub around: Timestamp,
    /// Visits that began earlier are too old.
    pub not_before: Timestamp,
    /// Communications of the same contact lead to visits too; not this one.
    pub exclude: Option<CommunicationId>,
}

/// Visits that share a key.
#[derive(Clone, Debug, Default)]
pub struct Candidates {
    pub found: Vec<Found>,
    /// Mark of the store's state that was read; goes back with the commit.
    pub seen: i64,
}

/// Everything a batch of raw events amounts to.
#[derive(Clone, Debug, Default)]
pub struct UnitOfWork {
    pub now: Timestamp,
    pub raw: Vec<RawOutcome>,
    pub communications: Vec<CommunicationWrite>,
    /// Questions to ask, each for one raw event.
    pub fetches: Vec<(WorkspaceId, IntegrationId, RawEventId, FetchNeed)>,
}

/// What became of a raw event.
#[derive(Clone, Debug)]
pub struct RawOutcome {
    pub workspace: WorkspaceId,
    pub id: RawEventId,
    pub state: RawState,
    pub reason: Option<SetAsideReason>,
    pub detail: Option<String>,
    pub warnings: Vec<String>,
}

/// A communication as decided.
#[derive(Clone, Debug)]
pub struct CommunicationWrite {
    /// `version` is the expected one, 0 for a new communication, whose id the store gives.
    pub communication: Communication,
    pub new_events: Vec<StoredEvent>,
    /// Dedup keys of events to forget: a raw event replayed by newer code no longer tells them.
    pub forget: Vec<String>,
    /// `Candidates::seen` of the reading the link was decided on.
    pub seen: i64,
    pub history: Vec<HistoryEntry>,
    /// Keys that are no evidence, but whose visits make it be reconsidered: the visitors that its
    /// evidence leads to, who may turn out to have had another visit.
    pub watch: Vec<Key>,
    /// Texts of `Subject::Near` that lead here, with their times.
    pub near: Vec<(String, Timestamp)>,
    /// Its contacts or its visit are new, so others with the same contact look again.
    pub contact_news: bool,
    /// Its time or its contacts are new, so the card of its client looks again.
    pub client_news: bool,
    /// Keys that it has no more; others that share a contact or the client look again.
    pub dropped: Vec<Key>,
    /// Its events are now those of this communication, which is decided in the same unit, after it.
    pub moved_to: Option<CommunicationId>,
    /// What search finds it by; `None` when that did not change.
    pub text: Option<String>,
}

/// A replaced link or credit.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case", tag = "what")]
pub enum HistoryEntry {
    Link { was: crate::model::Link },
    Credit { was: crate::model::Credit },
}

/// A history entry with its time.
#[derive(Clone, Debug, PartialEq)]
pub struct History {
    pub at: Timestamp,
    pub entry: HistoryEntry,
}

/// Communications to reconsider.
#[derive(Clone, Debug, Default)]
pub struct Touched {
    pub communications: Vec<(WorkspaceId, CommunicationId)>,
    pub through: i64,
    /// The same of what `touch_all` asked for.
    pub asked_through: i64,
    /// Worth a `confirm_touched`; without it the same stretch of the log is read again.
    pub is_news: bool,
    /// The log has nothing after `through`.
    pub is_end: bool,
}

/// Which communications; all given parts must hold.
#[derive(Clone, Debug, Default)]
pub struct CommunicationFilter {
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
    pub kind: Option<CommunicationKind>,
    pub provider: Option<String>,
    pub integration: Option<IntegrationId>,
    pub channel: Option<String>,
    pub status: Option<Status>,
    pub strength: Option<Strength>,
    pub campaign: Option<CampaignId>,
    pub source: Option<SourceId>,
    pub external_id: Option<String>,
    /// Words, a phone or an e-mail; every word must occur.
    pub text: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CommunicationSort {
    #[default]
    NewestFirst,
    OldestFirst,
    RecentlyChanged,
}
