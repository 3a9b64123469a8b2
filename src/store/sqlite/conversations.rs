//! Communications in SQLite: what the pipeline reads and writes, and the lists people see.

use super::SqliteStore;
use super::rows::{cursor_parts, get_json, get_time, micros, page, to_json};
use super::visits::{
    AFTER_VISIT, VISIT, announce_key, log_change, next_change, put_key, read_visit, visit_columns,
};
use crate::model::{
    Communication, CommunicationId, CommunicationKind, Contact, Found, Key, KeyKind, RawEventId,
    SetAsideReason, StoredEvent, Subject, Timestamp, Visit, WorkspaceId,
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
        self.writer
            .write(move |connection| commit(connection, &work, &documents))
            .await
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
                         where silence_at is not null and silence_at <= ?1
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

/// `{integration}:{client}` of a communication, for its card changes.
fn client_of(communication: &Communication) -> Option<String> {
    communication
        .keys
        .iter()
        .find(|key| key.kind == KeyKind::Client)
        .map(|key| key.value.clone())
}

fn conversation(
    connection: &Connection,
    query: &ConversationQuery,
) -> StoreResult<ConversationState> {
    let known = match &query.subject {
        Subject::Numbered { kind, external_id } => {
            by_number(connection, query, *kind, external_id)?
        }
        Subject::Client { client } => by_number(
            connection,
            query,
            CommunicationKind::OfflineLead,
            &format!("client:{client}"),
        )?,
        Subject::Near { kind, any_of } => match home(connection, query, *kind)? {
            Some(known) => Some(known),
            None => near(connection, query, *kind, any_of)?,
        },
    };
    let is_card = matches!(query.subject, Subject::Client { .. });
    let client = query.client.as_deref();
    state(connection, query.workspace, known, client, is_card)
}

/// The communication that already has this very event.
fn home(
    connection: &Connection,
    query: &ConversationQuery,
    kind: CommunicationKind,
) -> StoreResult<Option<Communication>> {
    Ok(connection
        .prepare_cached(
            "select communications.id, version, document from events
             join communications on communications.id = events.communication_id
             where events.integration_id = ?1 and events.dedup_key = ?2
                 and communications.kind = ?3 and communications.workspace_id = ?4",
        )?
        .query_row(
            params![
                query.integration.0,
                query.dedup_key,
                kind.as_str(),
                query.workspace.0
            ],
            read_communication,
        )
        .optional()?)
}

fn by_number(
    connection: &Connection,
    query: &ConversationQuery,
    kind: CommunicationKind,
    external_id: &str,
) -> StoreResult<Option<Communication>> {
    Ok(connection
        .prepare_cached(
            "select id, version, document from communications
             where integration_id = ?1 and kind = ?2 and external_id = ?3 and workspace_id = ?4",
        )?
        .query_row(
            params![
                query.integration.0,
                kind.as_str(),
                external_id,
                query.workspace.0
            ],
            read_communication,
        )
        .optional()?)
}

/// The communication of the same kind of which some event has one of the texts and is near enough,
/// the oldest one when there are several.
fn near(
    connection: &Connection,
    query: &ConversationQuery,
    kind: CommunicationKind,
    any_of: &[(String, u32)],
) -> StoreResult<Option<Communication>> {
    let mut statement = connection.prepare_cached(
        "select communications.id, version, document from keys
         join communications on communications.id = keys.subject_id
         where keys.workspace_id = ?1 and keys.kind = 'near' and keys.value between ?2 and ?3
             and keys.subject_kind = 2 and communications.kind = ?4
         order by communications.hidden, communications.id limit 1",
    )?;
    for (text, seconds) in any_of {
        let (at, gap) = (micros(query.at), i64::from(*seconds) * 1_000_000);
        let from = near_key(query.integration.0, text, at - gap);
        let to = near_key(query.integration.0, text, at + gap);
        let found = statement
            .query_row(
                params![query.workspace.0, from.value, to.value, kind.as_str()],
                read_communication,
            )
            .optional()?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// The stored form of a text of `Subject::Near` at a moment: one for each event, ordered by time
/// within a text. The text itself, which may be long and a contact, is not repeated.
fn near_key(integration: i64, text: &str, at: i64) -> Key {
    let hash = data_encoding::HEXLOWER.encode(&Sha256::digest(text.as_bytes())[..16]);
    let at = at.max(0);
    Key::new(KeyKind::Near, format!("{integration}:{hash}@{at:020}"))
}

fn state(
    connection: &Connection,
    workspace: WorkspaceId,
    communication: Option<Communication>,
    client: Option<&str>,
    is_card: bool,
) -> StoreResult<ConversationState> {
    let events = match &communication {
        Some(known) => events_of(connection, known.id)?,
        None => Vec::new(),
    };
    let mut state = ConversationState {
        communication,
        events,
        ..Default::default()
    };
    if let Some(client) = client {
        let subject = if is_card { COMMUNICATION } else { CARD };
        for one in of_client(connection, workspace, client, subject)? {
            let events = events_of(connection, one.id)?;
            match is_card {
                true => state.siblings.push(sibling(&one, &events)),
                false => state.client_events.extend(events),
            }
        }
    }
    Ok(state)
}

/// Shown communications with the client, or the card changes that are a lead of his.
fn of_client(
    connection: &Connection,
    workspace: WorkspaceId,
    client: &str,
    subject_kind: i64,
) -> StoreResult<Vec<Communication>> {
    Ok(connection
        .prepare_cached(
            "select communications.id, version, document
             from keys join communications on communications.id = keys.subject_id
             where keys.workspace_id = ?1 and keys.kind = 'client' and keys.value = ?2
                 and keys.subject_kind = ?3
                 and (keys.subject_kind = 3 or communications.hidden = 0)
             order by keys.subject_id desc limit ?4",
        )?
        .query_map(
            params![workspace.0, client, subject_kind, CARDS_OF_A_CLIENT],
            read_communication,
        )?
        .collect::<Result<_, _>>()?)
}

fn sibling(communication: &Communication, events: &[StoredEvent]) -> Sibling {
    let last_message = communication
        .messages
        .iter()
        .map(|message| message.at)
        .max();
    let until = communication.finished_at.max(last_message);
    let mut contact = Contact::default();
    for told in events.iter().map(|stored| &stored.event.contact) {
        contact.phones.extend(told.phones.iter().cloned());
        contact.emails.extend(told.emails.iter().cloned());
    }
    Sibling {
        id: communication.id,
        from: communication.started_at,
        until: until.map_or(communication.started_at, |until| {
            until.max(communication.started_at)
        }),
        contact,
    }
}

fn events_of(connection: &Connection, id: CommunicationId) -> StoreResult<Vec<StoredEvent>> {
    Ok(connection
        .prepare_cached(
            "select raw_event_id, received_at, body from events where communication_id = ?1",
        )?
        .query_map([id.0], |row| {
            Ok(StoredEvent {
                raw_event: RawEventId(row.get(0)?),
                received_at: get_time(row, 1)?,
                event: get_json(row, 2)?,
            })
        })?
        .collect::<Result<_, _>>()?)
}

fn latest_change(connection: &Connection) -> StoreResult<i64> {
    Ok(next_change(connection)? - 1)
}

fn find_visits(connection: &Connection, query: &CandidateQuery) -> StoreResult<Vec<Found>> {
    let mut found = Vec::new();
    for key in &query.keys {
        let kinds: &[KeyKind] = match key.kind {
            KeyKind::Foreign => KeyKind::ALIASES,
            _ => std::slice::from_ref(&key.kind),
        };
        for kind in kinds {
            visits_of_key(connection, query, key, *kind, &mut found)?;
        }
        if matches!(key.kind, KeyKind::Phone | KeyKind::Email) {
            visits_of_contact(connection, query, key, &mut found)?;
        }
    }
    Ok(found)
}

fn visits_of_key(
    connection: &Connection,
    query: &CandidateQuery,
    key: &Key,
    kind: KeyKind,
    found: &mut Vec<Found>,
) -> StoreResult<()> {
    let rows = connection
        .prepare_cached(concat!(
            "select ",
            visit_columns!(),
            ", keys.at from keys
             join visits on visits.id = keys.subject_id
             where keys.workspace_id = ?1 and keys.kind = ?2 and keys.value = ?3
                 and keys.subject_kind = 1
             order by visits.started_at desc limit ?4"
        ))?
        .query_map(
            params![query.workspace.0, kind.as_str(), key.value, VISITS_OF_A_KEY],
            |row| Ok((read_visit(row)?, get_time(row, AFTER_VISIT)?)),
        )?
        .collect::<Result<Vec<_>, _>>()?;
    for (named, key_at) in rows {
        let open = open_visit(connection, query, named.visitor.0)?;
        found.push(Found {
            key: key.clone(),
            seen_as: kind,
            key_at,
            named,
            open,
            through: None,
            through_name: None,
        });
    }
    Ok(())
}

/// Visits of other communications with the same contact, where those are surely linked.
fn visits_of_contact(
    connection: &Connection,
    query: &CandidateQuery,
    key: &Key,
    found: &mut Vec<Found>,
) -> StoreResult<()> {
    let rows = connection
        .prepare_cached(concat!(
            "select ",
            visit_columns!(),
            ", keys.at, communications.id,
                 json_extract(communications.document, '$.contact.name')
             from keys
             join communications on communications.id = keys.subject_id
             join visits on visits.id = communications.visit_id
             where keys.workspace_id = ?1 and keys.kind = ?2 and keys.value = ?3
                 and keys.subject_kind = 2 and communications.strength in ('exact', 'strong')
                 and communications.id <> ?4 and communications.hidden = 0
             order by visits.started_at desc limit ?5"
        ))?
        .query_map(
            params![
                query.workspace.0,
                key.kind.as_str(),
                key.value,
                query.exclude.map_or(0, |id| id.0),
                VISITS_OF_A_KEY
            ],
            |row| {
                Ok((
                    read_visit(row)?,
                    get_time(row, AFTER_VISIT)?,
                    CommunicationId(row.get(AFTER_VISIT + 1)?),
                    row.get(AFTER_VISIT + 2)?,
                ))
            },
        )?
        .collect::<Result<Vec<_>, _>>()?;
    for (named, key_at, through, through_name) in rows {
        let open = open_visit(connection, query, named.visitor.0)?;
        found.push(Found {
            key: key.clone(),
            seen_as: key.kind,
            key_at,
            named,
            open,
            through: Some(through),
            through_name,
        });
    }
    Ok(())
}

/// The visitor's latest visit that began not later than the moment and not before the window.
fn open_visit(
    connection: &Connection,
    query: &CandidateQuery,
    visitor: i64,
) -> StoreResult<Option<Visit>> {
    Ok(connection
        .prepare_cached(concat!(
            "select ",
            visit_columns!(),
            " from visits
             where visitor_id = ?1 and started_at between ?2 and ?3
             order by started_at desc, id desc limit 1"
        ))?
        .query_row(
            params![visitor, micros(query.not_before), micros(query.around)],
            read_visit,
        )
        .optional()?)
}

/// A communication and its new events as they are stored.
struct Documents {
    communication: String,
    events: Vec<String>,
}

/// Made before the writer is asked: it is one for all and has enough to do.
fn documents(work: &UnitOfWork) -> StoreResult<Vec<Documents>> {
    let of_one = |write: &CommunicationWrite| {
        let events = write.new_events.iter();
        Ok(Documents {
            communication: to_json(&write.communication)?,
            events: events
                .map(|stored| to_json(&stored.event))
                .collect::<StoreResult<_>>()?,
        })
    };
    work.communications.iter().map(of_one).collect()
}

fn commit(connection: &Connection, work: &UnitOfWork, documents: &[Documents]) -> StoreResult<()> {
    let committed = latest_change(connection)?;
    // Each communication is one change, and the writer is alone.
    let changes = committed + 1..;
    for ((write, documents), seq) in work.communications.iter().zip(documents).zip(changes) {
        refuse_unseen(connection, write, committed)?;
        write_communication(connection, write, documents, work.now, seq)?;
    }
    for (workspace, integration, raw, need) in &work.fetches {
        connection
            .prepare_cached(
                "insert into fetches (workspace_id, integration_id, raw_event_id, need_key, about,
                    due_at)
                 values (?1, ?2, ?3, ?4, ?5, ?6)
                 on conflict (integration_id, need_key) do update
                     set due_at = min(due_at, excluded.due_at), attempts = 0,
                         raw_event_id = excluded.raw_event_id, about = excluded.about",
            )?
            .execute(params![
                workspace.0,
                integration.0,
                raw.0,
                need.key,
                to_json(&need.about)?,
                micros(work.now)
            ])?;
    }
    for outcome in &work.raw {
        write_outcome(connection, outcome, work.now)?;
    }
    Ok(())
}

fn write_outcome(connection: &Connection, outcome: &RawOutcome, now: Timestamp) -> StoreResult<()> {
    let warnings = match outcome.warnings.as_slice() {
        [] => None,
        some => Some(to_json(&some)?),
    };
    connection
        .prepare_cached(
            "update raw_events set state = ?3, reason = ?4, detail = ?5, warnings = ?6,
                processed_at = ?7
             where id = ?1 and workspace_id = ?2",
        )?
        .execute(params![
            outcome.id.0,
            outcome.workspace.0,
            outcome.state.as_str(),
            outcome.reason.map(SetAsideReason::as_str),
            outcome.detail,
            warnings,
            micros(now)
        ])?;
    Ok(())
}

fn write_communication(
    connection: &Connection,
    write: &CommunicationWrite,
    documents: &Documents,
    now: Timestamp,
    seq: i64,
) -> StoreResult<()> {
    let communication = &write.communication;
    let workspace = communication.workspace;
    let document = &documents.communication;
    let id = if communication.version == 0 {
        refuse_near(connection, write)?;
        insert_communication(connection, communication, document, seq)?
    } else {
        update_communication(connection, communication, document, seq)?;
        communication.id.0
    };
    for key in &write.forget {
        connection
            .prepare_cached(
                "delete from events where integration_id = ?1 and dedup_key = ?2
                     and communication_id = ?3",
            )?
            .execute(params![communication.integration.0, key, id])?;
    }
    for (stored, body) in write.new_events.iter().zip(&documents.events) {
        put_event(connection, communication, stored, body, id)?;
    }
    write_keys(connection, write, id, seq)?;
    for entry in &write.history {
        connection
            .prepare_cached(
                "insert into communication_history (workspace_id, communication_id, at, entry)
                 values (?1, ?2, ?3, ?4)",
            )?
            .execute(params![workspace.0, id, micros(now), to_json(entry)?])?;
    }
    if let Some(text) = &write.text {
        if communication.version > 0 {
            connection
                .prepare_cached("delete from communication_texts where rowid = ?1")?
                .execute([id])?;
        }
        connection
            .prepare_cached("insert into communication_texts (rowid, text) values (?1, ?2)")?
            .execute(params![id, text])?;
    }
    log_change(
        connection,
        workspace,
        subject_kind(communication),
        id,
        micros(now),
    )?;
    Ok(())
}

fn subject_kind(communication: &Communication) -> i64 {
    if communication.external_id.starts_with("client:") {
        CARD
    } else {
        COMMUNICATION
    }
}

/// A conversation without a number is opened only when none is near, and somebody may have opened
/// one since that was read.
fn refuse_near(connection: &Connection, write: &CommunicationWrite) -> StoreResult<()> {
    let communication = &write.communication;
    for stored in &write.new_events {
        let Subject::Near { kind, any_of } = &stored.event.subject else {
            continue;
        };
        let query = ConversationQuery {
            workspace: communication.workspace,
            integration: communication.integration,
            subject: stored.event.subject.clone(),
            dedup_key: stored.event.dedup_key.clone(),
            at: stored.event.occurred_at.unwrap_or(stored.received_at),
            client: None,
        };
        if near(connection, &query, *kind, any_of)?.is_some() {
            return Err(StoreError::Conflict(
                "a conversation near in time was opened meanwhile".into(),
            ));
        }
    }
    Ok(())
}

/// Whatever could change the decision and was committed after it was read would be missed: nobody
/// would ever look at the two together. That is a visit with one of the keys, or the news of another
/// communication with the same contact. What this very unit writes is looked at after it.
fn refuse_unseen(
    connection: &Connection,
    write: &CommunicationWrite,
    committed: i64,
) -> StoreResult<()> {
    if committed <= write.seen {
        return Ok(());
    }
    let communication = &write.communication;
    let mut statement = connection.prepare_cached(
        "select 1 from keys
         where workspace_id = ?1 and kind = ?2 and value = ?3 and subject_kind in (1, ?4)
             and seq > ?5 and seq <= ?6 and not (subject_kind = 2 and subject_id = ?7)",
    )?;
    for key in communication.keys.iter().chain(&write.watch) {
        let (kinds, others): (&[KeyKind], i64) = match key.kind {
            KeyKind::Foreign => (KeyKind::ALIASES, VISIT),
            KeyKind::Near | KeyKind::Client => (&[], VISIT),
            KeyKind::Phone | KeyKind::Email => (std::slice::from_ref(&key.kind), COMMUNICATION),
            _ => (std::slice::from_ref(&key.kind), VISIT),
        };
        for kind in kinds {
            let missed = statement.exists(params![
                communication.workspace.0,
                kind.as_str(),
                key.value,
                others,
                write.seen,
                committed,
                communication.id.0,
            ])?;
            if missed {
                return Err(StoreError::Conflict(
                    "a visit or a contact came meanwhile".into(),
                ));
            }
        }
    }
    Ok(())
}

fn insert_communication(
    connection: &Connection,
    communication: &Communication,
    document: &str,
    seq: i64,
) -> StoreResult<i64> {
    let inserted = connection
        .prepare_cached(
            "insert into communications (workspace_id, integration_id, provider, kind, external_id,
                channel, status, strength, credit_step, campaign_id, source_id, visit_id,
                started_at, received_at, silence_at, hidden, changed, version, document)
             values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, 1,
                ?18)
             on conflict do nothing",
        )?
        .execute(params![
            communication.workspace.0,
            communication.integration.0,
            communication.provider,
            communication.kind.as_str(),
            communication.external_id,
            communication.channel.as_str(),
            communication.status.as_str(),
            communication.link.strength.as_str(),
            communication.credit.step.as_str(),
            communication.credit.campaign.map(|id| id.0),
            communication.credit.source.map(|id| id.0),
            communication.link.visit.map(|id| id.0),
            micros(communication.started_at),
            micros(communication.received_at),
            communication.silence_at.map(micros),
            communication.hidden.is_some(),
            seq,
            document,
        ])?;
    if inserted == 0 {
        return Err(StoreError::Conflict(
            "the communication was opened meanwhile".into(),
        ));
    }
    Ok(connection.last_insert_rowid())
}

fn update_communication(
    connection: &Connection,
    communication: &Communication,
    document: &str,
    seq: i64,
) -> StoreResult<()> {
    let updated = connection
        .prepare_cached(
            "update communications set channel = ?3, status = ?4, strength = ?5, credit_step = ?6,
                campaign_id = ?7, source_id = ?8, visit_id = ?9, started_at = ?10,
                received_at = ?11, silence_at = ?12, hidden = ?13, changed = ?14,
                version = version + 1, document = ?15
             where id = ?1 and version = ?2 and workspace_id = ?16",
        )?
        .execute(params![
            communication.id.0,
            communication.version,
            communication.channel.as_str(),
            communication.status.as_str(),
            communication.link.strength.as_str(),
            communication.credit.step.as_str(),
            communication.credit.campaign.map(|id| id.0),
            communication.credit.source.map(|id| id.0),
            communication.link.visit.map(|id| id.0),
            micros(communication.started_at),
            micros(communication.received_at),
            communication.silence_at.map(micros),
            communication.hidden.is_some(),
            seq,
            document,
            communication.workspace.0,
        ])?;
    if updated == 0 {
        return Err(StoreError::Conflict(
            "the communication was changed meanwhile".into(),
        ));
    }
    Ok(())
}

/// Adds an event, or gives a known one its new content or the arrival that counts.
fn put_event(
    connection: &Connection,
    communication: &Communication,
    stored: &StoredEvent,
    body: &str,
    id: i64,
) -> StoreResult<()> {
    connection
        .prepare_cached(
            "insert into events (workspace_id, integration_id, dedup_key, raw_event_id,
                communication_id, received_at, body)
             values (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             on conflict (integration_id, dedup_key) do update
                 set communication_id = excluded.communication_id, body = excluded.body,
                     raw_event_id = excluded.raw_event_id, received_at = excluded.received_at",
        )?
        .execute(params![
            communication.workspace.0,
            communication.integration.0,
            stored.event.dedup_key,
            stored.raw_event.0,
            id,
            micros(stored.received_at),
            body,
        ])?;
    Ok(())
}

/// Keys with news are announced: contacts lead others to the visit of a surely linked
/// communication, the client leads his card to it.
fn write_keys(
    connection: &Connection,
    write: &CommunicationWrite,
    id: i64,
    seq: i64,
) -> StoreResult<()> {
    let communication = &write.communication;
    let workspace = communication.workspace;
    let subject = subject_kind(communication);
    let at = micros(communication.first_words_at);
    drop_keys(connection, write, subject, id)?;
    for key in communication.keys.iter().chain(&write.watch) {
        let announced = match key.kind {
            KeyKind::Phone | KeyKind::Email => write.contact_news,
            KeyKind::Client => write.client_news || subject == CARD,
            _ => false,
        };
        if announced {
            announce_key(connection, workspace, key, subject, id, at, seq)?;
            continue;
        }
        for stored in stored_forms(key) {
            put_key(connection, workspace, &stored, subject, id, at, 0)?;
        }
    }
    for (text, near_at) in &write.near {
        let near_at = micros(*near_at);
        let key = near_key(communication.integration.0, text, near_at);
        put_key(connection, workspace, &key, COMMUNICATION, id, near_at, 0)?;
    }
    Ok(())
}

/// A key as it is looked for: a foreign token may be any of the aliases.
fn stored_forms(key: &Key) -> Vec<Key> {
    match key.kind {
        KeyKind::Foreign => KeyKind::ALIASES
            .iter()
            .map(|kind| Key::new(*kind, key.value.as_str()))
            .collect(),
        _ => vec![key.clone()],
    }
}

/// Removes keys that the communication has no more, before the ones it has are written. Whoever
/// shares a contact or the client may have been decided by them.
fn drop_keys(
    connection: &Connection,
    write: &CommunicationWrite,
    subject: i64,
    id: i64,
) -> StoreResult<()> {
    let workspace = write.communication.workspace.0;
    for key in write.dropped.iter().flat_map(stored_forms) {
        let (kind, value) = (key.kind.as_str(), &key.value);
        if matches!(key.kind, KeyKind::Phone | KeyKind::Email | KeyKind::Client) {
            connection
                .prepare_cached(
                    "insert or replace into revisits (communication_id, workspace_id)
                     select subject_id, workspace_id from keys
                     where workspace_id = ?1 and kind = ?2 and value = ?3
                         and subject_kind in (2, 3) and subject_id <> ?4",
                )?
                .execute(params![workspace, kind, value, id])?;
        }
        connection
            .prepare_cached(
                "delete from keys where workspace_id = ?1 and kind = ?2 and value = ?3
                     and subject_kind = ?4 and subject_id = ?5",
            )?
            .execute(params![workspace, kind, value, subject, id])?;
    }
    Ok(())
}

fn touched(connection: &Connection, reader: &str, limit: u32) -> StoreResult<Touched> {
    let after: i64 = connection
        .prepare_cached("select seq from cursors where name = ?1")?
        .query_row([reader], |row| row.get(0))
        .optional()?
        .unwrap_or(0);
    let latest = latest_change(connection)?;
    let through = latest.min(after + i64::from(limit));
    let mut communications = connection
        .prepare_cached(
            "select distinct other.workspace_id, other.subject_id
             from keys news indexed by keys_seq
             join keys other on other.workspace_id = news.workspace_id
                 and other.kind = news.kind and other.value = news.value
                 and other.subject_kind in (2, 3)
                 and not (other.subject_kind = news.subject_kind
                     and other.subject_id = news.subject_id)
             where news.seq > ?1 and news.seq <= ?2 and news.seq > 0
                 and (news.subject_kind = 1
                     or news.kind in ('phone', 'email') and news.subject_kind = 2
                     or news.kind = 'client'
                         and (news.subject_kind = 3 or other.subject_kind = 3))",
        )?
        .query_map(params![after, through], read_ids)?
        .collect::<Result<Vec<_>, _>>()?;
    let asked = connection
        .prepare_cached(
            "select workspace_id, communication_id, id from revisits order by id limit ?1",
        )?
        .query_map([limit], |row| Ok((read_ids(row)?, row.get(2)?)))?
        .collect::<Result<Vec<(_, i64)>, _>>()?;
    let is_end = through >= latest && asked.len() < limit as usize;
    let asked_through = asked.last().map_or(0, |(_, id)| *id);
    communications.extend(asked.into_iter().map(|(ids, _)| ids));
    communications.sort_unstable();
    communications.dedup();
    // A short stretch that concerns nobody is read again rather than confirmed each time.
    let is_news = through - after >= i64::from(limit) || !communications.is_empty();
    Ok(Touched {
        communications,
        through,
        asked_through,
        is_news,
        is_end,
    })
}

fn list(
    connection: &Connection,
    workspace: WorkspaceId,
    filter: &CommunicationFilter,
    sort: CommunicationSort,
    cursor: Option<[i64; 2]>,
    limit: u32,
) -> StoreResult<Page<Communication>> {
    let (column, direction, compare) = match sort {
        CommunicationSort::NewestFirst => ("started_at", "desc", "<"),
        CommunicationSort::OldestFirst => ("started_at", "asc", ">"),
        CommunicationSort::RecentlyChanged => ("changed", "desc", "<"),
    };
    let (mut condition, mut values) = list_condition(workspace, filter);
    if let Some([at, id]) = cursor {
        condition.push_str(&format!(" and ({column}, id) {compare} (?, ?)"));
        values.extend([Value::Integer(at), Value::Integer(id)]);
    }
    values.push((i64::from(limit) + 1).into());
    let sql = format!(
        "select id, version, document, {column} as position from communications
         where {condition} order by {column} {direction}, id {direction} limit ?"
    );
    let rows = connection
        .prepare_cached(&sql)?
        .query_map(params_from_iter(values), |row| {
            Ok((read_communication(row)?, row.get::<_, i64>(3)?))
        })?
        .collect::<Result<Vec<_>, _>>()?;
    let page = page(rows, limit, |(row, position)| {
        format!("{position}_{}", row.id)
    });
    Ok(page.map(|(row, _)| row))
}

fn list_condition(workspace: WorkspaceId, filter: &CommunicationFilter) -> (String, Vec<Value>) {
    let mut condition = String::from("workspace_id = ? and hidden = 0");
    let mut values = vec![Value::Integer(workspace.0)];
    let mut also = |text: &str, value: Option<Value>| {
        if let Some(value) = value {
            condition.push_str(" and ");
            condition.push_str(text);
            values.push(value);
        }
    };
    let word = |text: &str| Some(Value::Text(text.to_owned()));
    also("started_at >= ?", filter.from.map(|at| micros(at).into()));
    also("started_at < ?", filter.to.map(|at| micros(at).into()));
    also("kind = ?", filter.kind.and_then(|kind| word(kind.as_str())));
    also("provider = ?", filter.provider.as_deref().and_then(word));
    also(
        "integration_id = ?",
        filter.integration.map(|id| id.0.into()),
    );
    also("channel = ?", filter.channel.as_deref().and_then(word));
    also(
        "status = ?",
        filter.status.and_then(|status| word(status.as_str())),
    );
    also(
        "strength = ?",
        filter.strength.and_then(|strength| word(strength.as_str())),
    );
    also("campaign_id = ?", filter.campaign.map(|id| id.0.into()));
    also("source_id = ?", filter.source.map(|id| id.0.into()));
    also(
        "external_id = ?",
        filter.external_id.as_deref().and_then(word),
    );
    also(
        "id in (select rowid from communication_texts where communication_texts match ?)",
        filter.text.as_deref().and_then(text_query).map(Value::Text),
    );
    (condition, values)
}

/// Every word as a quoted prefix, so that nothing a person types is syntax; the parts of a phone as
/// one number, with and without its first digit. `None` when there is no word at all.
fn text_query(text: &str) -> Option<String> {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let is_phone = digits.len() >= 4
        && text
            .chars()
            .all(|c| c.is_ascii_digit() || " +-()".contains(c));
    if is_phone {
        return Some(match digits.strip_prefix(['7', '8']) {
            Some(rest) => format!("\"{digits}\"* OR \"{rest}\"*"),
            None => format!("\"{digits}\"*"),
        });
    }
    let words: Vec<String> = text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .take(16)
        .map(|word| format!("\"{word}\"*"))
        .collect();
    (!words.is_empty()).then(|| words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_text_is_never_syntax() {
        assert_eq!(
            text_query("a\" OR b*"),
            Some("\"a\"* \"OR\"* \"b\"*".into())
        );
        assert_eq!(
            text_query("+7 (903) 555"),
            Some("\"7903555\"* OR \"903555\"*".into())
        );
        assert_eq!(text_query("01-42"), Some("\"0142\"*".into()));
        assert_eq!(text_query(" -- "), None);
    }
}
