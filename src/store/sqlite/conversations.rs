//! Communications in SQLite: what the pipeline reads and writes, and the lists people see.

mod candidates;
mod known;
mod list;
mod log;
mod write;

use super::SqliteStore;
use super::rows::{cursor_parts, get_json, get_time, micros, page, to_json};
use super::visits::{
    AFTER_VISIT, VISIT, announce_key, log_change, next_change, put_key, read_visit, visit_columns,
};
use crate::model::{
    Communication, CommunicationId, CommunicationKind, Contact, Found, Key, KeyKind, RawEventId,
    SetAsideReason, SiteId, StoredEvent, Subject, Timestamp, Visit, VisitId, VisitorId,
    WorkspaceId,
};
use crate::store::{
    CandidateQuery, Candidates, CommunicationFilter, CommunicationSort, CommunicationWrite,
    ConversationQuery, ConversationState, Conversations, History, Page, PageRequest, RawOutcome,
    Sibling, StoreError, StoreResult, Touched, UnitOfWork,
};
use async_trait::async_trait;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};
use sha2::{Digest, Sha256};

use candidates::find_visits;
use known::{client_of, conversation, home, near, near_key, state};
pub(super) use list::{list, text_words};
use log::{latest_change, touched};
use write::{commit, documents, subject_kind};

/// `keys.subject_kind` of a communication.
const COMMUNICATION: i64 = 2;
/// `keys.subject_kind` of a pop-up lead made of card changes.
const CARD: i64 = 3;
/// A key on more visits than this tells nothing: only the latest ones are looked at.
const VISITS_OF_A_KEY: u32 = 20;
/// Card changes and siblings looked at for one client.
const CARDS_OF_A_CLIENT: u32 = 50;

#[async_trait]
impl Conversations for SqliteStore {
    async fn conversations(
        &self,
        queries: Vec<ConversationQuery>,
    ) -> StoreResult<Vec<ConversationState>> {
        self.readers
            .read(move |connection| {
                queries
                    .iter()
                    .map(|query| conversation(connection, query))
                    .collect()
            })
            .await
    }

    async fn conversations_by_id(
        &self,
        ids: Vec<(WorkspaceId, CommunicationId)>,
    ) -> StoreResult<Vec<ConversationState>> {
        self.readers
            .read(move |connection| {
                let mut states = Vec::with_capacity(ids.len());
                for (workspace, id) in ids {
                    let Some(communication) = by_id(connection, workspace, id)? else {
                        continue;
                    };
                    let client = client_of(&communication);
                    let is_card = subject_kind(&communication) == CARD;
                    states.push(state(
                        connection,
                        workspace,
                        Some(communication),
                        client.as_deref(),
                        is_card,
                    )?);
                }
                Ok(states)
            })
            .await
    }

    async fn told_by(
        &self,
        raw: Vec<(WorkspaceId, RawEventId)>,
    ) -> StoreResult<Vec<(RawEventId, WorkspaceId, CommunicationId)>> {
        self.readers
            .read(move |connection| {
                let mut told = Vec::new();
                let mut statement = connection.prepare_cached(
                    "select distinct communication_id from events
                     where raw_event_id = ?1 and workspace_id = ?2",
                )?;
                for (workspace, id) in raw {
                    let rows = statement.query_map(params![id.0, workspace.0], |row| row.get(0))?;
                    for communication in rows {
                        told.push((id, workspace, CommunicationId(communication?)));
                    }
                }
                Ok(told)
            })
            .await
    }

    async fn candidates(&self, queries: Vec<CandidateQuery>) -> StoreResult<Vec<Candidates>> {
        self.readers
            .read(move |connection| {
                let seen = latest_change(connection)?;
                queries
                    .iter()
                    .map(|query| {
                        Ok(Candidates {
                            found: find_visits(connection, query)?,
                            seen,
                        })
                    })
                    .collect()
            })
            .await
    }

    async fn commit(&self, work: UnitOfWork) -> StoreResult<()> {
        let documents = documents(&work)?;
        let ended: Vec<_> = work.raw.iter().map(|outcome| outcome.id).collect();
        self.writer
            .write(move |connection| commit(connection, &work, &documents))
            .await?;
        self.leases.give_back(&ended).await;
        Ok(())
    }

    async fn silent_chats(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> StoreResult<Vec<(WorkspaceId, CommunicationId)>> {
        self.readers
            .read(move |connection| {
                let rows = connection
                    .prepare_cached(
                        "select workspace_id, id from communications
                         where silence_at is not null and silence_at <= ?1 and not exists (
                             select 1 from integrations
                             where integrations.id = integration_id and removed = 1)
                         order by silence_at limit ?2",
                    )?
                    .query_map(params![micros(now), limit], read_ids)?
                    .collect::<Result<_, _>>()?;
                Ok(rows)
            })
            .await
    }

    async fn touched(&self, reader: &str, limit: u32) -> StoreResult<Touched> {
        let reader = reader.to_owned();
        self.readers
            .read(move |connection| touched(connection, &reader, limit))
            .await
    }

    async fn confirm_touched(&self, reader: &str, through: &Touched) -> StoreResult<()> {
        let (reader, through) = (reader.to_owned(), through.clone());
        self.writer
            .write(move |connection| {
                connection
                    .prepare_cached(
                        "insert into cursors (name, seq) values (?1, ?2)
                         on conflict (name) do update set seq = max(seq, excluded.seq)",
                    )?
                    .execute(params![reader, through.through])?;
                connection
                    .prepare_cached("delete from revisits where id <= ?1")?
                    .execute([through.asked_through])?;
                Ok(())
            })
            .await
    }

    async fn touch_all(&self, workspace: WorkspaceId) -> StoreResult<u64> {
        self.writer
            .write(move |connection| {
                let count = connection
                    .prepare_cached(
                        "insert or replace into revisits (communication_id, workspace_id)
                         select id, workspace_id from communications where workspace_id = ?1",
                    )?
                    .execute([workspace.0])?;
                Ok(count as u64)
            })
            .await
    }

    async fn communications_page(
        &self,
        workspace: WorkspaceId,
        filter: &CommunicationFilter,
        sort: CommunicationSort,
        request: &PageRequest,
    ) -> StoreResult<Page<Communication>> {
        let (filter, limit) = (filter.clone(), request.limit);
        let cursor = cursor_parts::<2>(request.cursor.as_deref())?;
        self.readers
            .read(move |connection| list(connection, workspace, &filter, sort, cursor, limit))
            .await
    }

    async fn communication(
        &self,
        workspace: WorkspaceId,
        id: CommunicationId,
    ) -> StoreResult<Communication> {
        self.readers
            .read(move |connection| {
                by_id(connection, workspace, id)?.ok_or(StoreError::NotFound("the communication"))
            })
            .await
    }

    async fn history(
        &self,
        workspace: WorkspaceId,
        id: CommunicationId,
    ) -> StoreResult<Vec<History>> {
        self.readers
            .read(move |connection| {
                let rows = connection
                    .prepare_cached(
                        "select at, entry from communication_history
                         where workspace_id = ?1 and communication_id = ?2 order by id desc",
                    )?
                    .query_map(params![workspace.0, id.0], |row| {
                        Ok(History {
                            at: get_time(row, "at")?,
                            entry: get_json(row, "entry")?,
                        })
                    })?
                    .collect::<Result<_, _>>()?;
                Ok(rows)
            })
            .await
    }

    async fn raw_ids(
        &self,
        workspace: WorkspaceId,
        id: CommunicationId,
    ) -> StoreResult<Vec<RawEventId>> {
        self.readers
            .read(move |connection| {
                let rows = connection
                    .prepare_cached(
                        "select distinct raw_event_id from events
                         where communication_id = ?2 and workspace_id = ?1 order by raw_event_id",
                    )?
                    .query_map(params![workspace.0, id.0], |row| row.get(0).map(RawEventId))?
                    .collect::<Result<_, _>>()?;
                Ok(rows)
            })
            .await
    }
}

fn read_ids(row: &Row<'_>) -> rusqlite::Result<(WorkspaceId, CommunicationId)> {
    Ok((WorkspaceId(row.get(0)?), CommunicationId(row.get(1)?)))
}

/// Reads `id, version, document`. The columns are the truth for what they hold; the document has the
/// rest.
fn read_communication(row: &Row<'_>) -> rusqlite::Result<Communication> {
    let mut communication: Communication = get_json(row, 2)?;
    communication.id = CommunicationId(row.get(0)?);
    communication.version = row.get(1)?;
    Ok(communication)
}

fn by_id(
    connection: &Connection,
    workspace: WorkspaceId,
    id: CommunicationId,
) -> StoreResult<Option<Communication>> {
    Ok(connection
        .prepare_cached(
            "select id, version, document from communications where workspace_id = ?1 and id = ?2",
        )?
        .query_row(params![workspace.0, id.0], read_communication)
        .optional()?)
}
