//! The inbox in SQLite.

use super::SqliteStore;
use super::rows::{
    cursor_parts, from_json, get_json, get_time, get_time_or_none, get_word, micros, page, time,
    to_json,
};
use crate::model::{
    CommunicationId, FetchId, FetchNeed, IntegrationId, RawEvent, RawEventId, RawState,
    SetAsideReason, Timestamp, WorkspaceId,
};
use crate::store::{
    ClaimLimit, ClaimedRaw, FetchJob, FetchOutcome, Intake, NewRawEvent, Page, PageRequest,
    RawCounts, RawFilter, RawRow, RawSelection, StoreError, StoreResult,
};
use async_trait::async_trait;
use rusqlite::types::Value;
use rusqlite::{Connection, Row, params, params_from_iter};
use std::collections::HashSet;

/// The columns that `read_event` reads by their places; the body follows them.
macro_rules! event_columns {
    () => {
        "id, workspace_id, integration_id, provider, address, method, query, headers, received_at,
         processed_at"
    };
}

#[async_trait]
impl Intake for SqliteStore {
    async fn keep_raw(&self, raw: NewRawEvent) -> StoreResult<RawEventId> {
        self.writer
            .write_repeatable(move |connection| insert_raw(connection, &raw))
            .await
    }

    async fn claim_raw(
        &self,
        now: Timestamp,
        lease_until: Timestamp,
        most: ClaimLimit,
    ) -> StoreResult<Vec<ClaimedRaw>> {
        let mut leases = self.leases.at(now).await;
        let in_hand: HashSet<RawEventId> = leases.keys().copied().collect();
        let claimed = self
            .readers
            .read(move |connection| pending(connection, &in_hand, most))
            .await?;
        leases.extend(claimed.iter().map(|claim| (claim.event.id, lease_until)));
        Ok(claimed)
    }

    async fn raw_page(
        &self,
        workspace: WorkspaceId,
        filter: &RawFilter,
        request: &PageRequest,
    ) -> StoreResult<Page<RawRow>> {
        let (filter, limit) = (filter.clone(), request.limit);
        let before = cursor_parts::<1>(request.cursor.as_deref())?.map_or(i64::MAX, |[id]| id);
        self.readers
            .read(move |connection| {
                let (condition, mut values) = raw_condition(workspace, &filter);
                values.push(Value::Integer(before));
                values.push(Value::Integer(i64::from(limit) + 1));
                let sql = format!(
                    "select {}, x'', state, reason, detail, warnings, length(body) as size
                     from raw_events where {condition} and id < ? order by id desc limit ?",
                    event_columns!()
                );
                let mut statement = connection.prepare_cached(&sql)?;
                let rows = statement
                    .query_map(params_from_iter(values), read_row)?
                    .collect::<Result<Vec<_>, _>>()?;
                let mut page = page(rows, limit, |row| row.event.id.to_string());
                for row in &mut page.items {
                    row.communications = told_of(connection, workspace, row.event.id)?;
                }
                Ok(page)
            })
            .await
    }

    async fn raw_event(&self, workspace: WorkspaceId, id: RawEventId) -> StoreResult<RawRow> {
        self.readers
            .read(move |connection| {
                let mut row = connection
                    .prepare_cached(concat!(
                        "select ",
                        event_columns!(),
                        ", body, state, reason, detail, warnings,
                             length(body) as size
                         from raw_events where workspace_id = ?1 and id = ?2"
                    ))?
                    .query_row(params![workspace.0, id.0], read_row)
                    .map_err(|error| match error {
                        rusqlite::Error::QueryReturnedNoRows => {
                            StoreError::NotFound("the raw event")
                        }
                        other => other.into(),
                    })?;
                row.communications = told_of(connection, workspace, id)?;
                Ok(row)
            })
            .await
    }

    async fn raw_counts(&self, workspace: WorkspaceId) -> StoreResult<RawCounts> {
        self.readers
            .read(move |connection| {
                let mut statement = connection.prepare_cached(
                    "select state, count(*) from raw_events
                     where workspace_id = ?1 and state <> 'pending' group by state
                     union all
                     select 'pending', count(*) from raw_events indexed by raw_events_pending
                     where workspace_id = ?1 and state = 'pending'",
                )?;
                let mut rows = statement.query([workspace.0])?;
                let mut counts = RawCounts::default();
                while let Some(row) = rows.next()? {
                    let count = row.get::<_, i64>(1)?.unsigned_abs();
                    match get_word(row, "state", RawState::parse)? {
                        RawState::Pending => counts.pending = count,
                        RawState::Done => counts.done = count,
                        RawState::Duplicate => counts.duplicate = count,
                        RawState::SetAside => counts.set_aside = count,
                        RawState::Probe => counts.probe = count,
                    }
                }
                Ok(counts)
            })
            .await
    }

    async fn replay_raw(
        &self,
        workspace: WorkspaceId,
        selection: &RawSelection,
    ) -> StoreResult<u64> {
        let selection = selection.clone();
        self.writer
            .write(move |connection| match selection {
                RawSelection::Ids(ids) => {
                    let mut statement = connection.prepare_cached(&format!(
                        "{REPLAY} where workspace_id = ?1 and id = ?2 and state <> 'probe'
                            and coalesce(reason, '') <> 'too_large'"
                    ))?;
                    let mut count = 0;
                    for id in ids {
                        count += statement.execute(params![workspace.0, id.0])?;
                    }
                    Ok(count as u64)
                }
                RawSelection::Filter(filter) => {
                    let (condition, values) = raw_condition(workspace, &filter);
                    let sql = format!(
                        "{REPLAY} where {condition} and state <> 'probe'
                            and coalesce(reason, '') <> 'too_large'"
                    );
                    Ok(connection
                        .prepare(&sql)?
                        .execute(params_from_iter(values))? as u64)
                }
            })
            .await
    }

    async fn claim_fetches(
        &self,
        now: Timestamp,
        lease_until: Timestamp,
        limit: u32,
    ) -> StoreResult<Vec<FetchJob>> {
        self.writer
            .write(move |connection| {
                let mut statement = connection.prepare_cached(
                    "update fetches set due_at = ?2, attempts = attempts + 1
                     where id in (
                         select id from fetches where due_at <= ?1 order by due_at limit ?3
                     )
                     returning *",
                )?;
                let rows = statement
                    .query_map(params![micros(now), micros(lease_until), limit], read_fetch)?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await
    }

    async fn settle_fetch(&self, job: &FetchJob, outcome: FetchOutcome) -> StoreResult<()> {
        let job = job.clone();
        self.writer
            .write(move |connection| settle(connection, &job, outcome))
            .await
    }

    async fn reserve_call(
        &self,
        budget: &str,
        now: Timestamp,
        interval_ms: u32,
    ) -> StoreResult<Timestamp> {
        let budget = budget.to_owned();
        self.writer
            .write(move |connection| {
                let next = connection
                    .prepare_cached(
                        "insert into call_budgets (budget, next_at) values (?1, ?2 + ?3)
                         on conflict (budget) do update
                             set next_at = max(next_at, ?2) + ?3
                         returning next_at",
                    )?
                    .query_row(
                        params![budget, micros(now), i64::from(interval_ms) * 1_000],
                        |row| row.get::<_, i64>(0),
                    )?;
                Ok(time(next - i64::from(interval_ms) * 1_000))
            })
            .await
    }
}

const REPLAY: &str = "update raw_events set state = 'pending', reason = null, detail = null";

pub(super) fn insert_raw(connection: &Connection, raw: &NewRawEvent) -> StoreResult<RawEventId> {
    connection
        .prepare_cached(
            "insert into raw_events (workspace_id, integration_id, provider, address, method,
                query, headers, received_at, state, reason, detail, body)
             values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        )?
        .execute(params![
            raw.workspace.0,
            raw.integration.0,
            raw.provider,
            to_json(&raw.address)?,
            raw.method,
            raw.query,
            to_json(&raw.headers)?,
            micros(raw.received_at),
            raw.state.as_str(),
            raw.reason.map(SetAsideReason::as_str),
            raw.detail,
            raw.body,
        ])?;
    Ok(RawEventId(connection.last_insert_rowid()))
}

/// The oldest pending raw events that nobody has in hand.
fn pending(
    connection: &Connection,
    in_hand: &HashSet<RawEventId>,
    most: ClaimLimit,
) -> StoreResult<Vec<ClaimedRaw>> {
    let mut oldest = connection
        .prepare_cached("select id from raw_events where state = 'pending' order by id limit ?1")?;
    let ids = oldest
        .query_map([in_hand.len() as i64 + i64::from(most.events)], |row| {
            row.get(0).map(RawEventId)
        })?
        .filter(|id| !matches!(id, Ok(id) if in_hand.contains(id)))
        .take(most.events as usize)
        .collect::<Result<Vec<_>, _>>()?;
    let mut one = connection.prepare_cached(concat!(
        "select ",
        event_columns!(),
        ", body from raw_events where id = ?1"
    ))?;
    let mut claimed: Vec<ClaimedRaw> = Vec::new();
    let mut bytes = 0;
    for id in ids {
        if bytes >= most.bytes {
            break;
        }
        let claim = one.query_row([id.0], read_claimed)?;
        bytes += claim.event.body.len();
        claimed.push(claim);
    }
    Ok(claimed)
}

/// A question that is no longer there was ended by somebody else: nothing is left to do.
fn settle(connection: &Connection, job: &FetchJob, outcome: FetchOutcome) -> StoreResult<()> {
    let is_there = connection
        .prepare_cached("select 1 from fetches where id = ?1 and workspace_id = ?2")?
        .exists(params![job.id.0, job.workspace.0])?;
    if !is_there {
        return Ok(());
    }
    match outcome {
        FetchOutcome::Answered(raw) => {
            insert_raw(connection, &raw)?;
            end_fetch(connection, job)
        }
        FetchOutcome::Retry { at, reason } => {
            connection
                .prepare_cached(
                    "update fetches set due_at = ?2, last_reason = ?3
                     where id = ?1 and raw_event_id = ?4",
                )?
                .execute(params![job.id.0, micros(at), reason, job.raw_event.0])?;
            Ok(())
        }
        FetchOutcome::GaveUp { at, reason } => {
            connection
                .prepare_cached(
                    "update raw_events
                     set state = 'set_aside', reason = 'fetch_failed', detail = ?3,
                         processed_at = ?4
                     where id = ?1 and workspace_id = ?2",
                )?
                .execute(params![
                    job.raw_event.0,
                    job.workspace.0,
                    reason,
                    micros(at)
                ])?;
            end_fetch(connection, job)
        }
    }
}

/// A need that came while the question was being asked stays: the answer may be older than it.
fn end_fetch(connection: &Connection, job: &FetchJob) -> StoreResult<()> {
    connection
        .prepare_cached("delete from fetches where id = ?1 and raw_event_id = ?2")?
        .execute(params![job.id.0, job.raw_event.0])?;
    Ok(())
}

/// The `where` of a list of raw events and its values.
fn raw_condition(workspace: WorkspaceId, filter: &RawFilter) -> (String, Vec<Value>) {
    let mut condition = String::from("workspace_id = ?");
    let mut values = vec![Value::Integer(workspace.0)];
    let mut also = |text: &str, value: Value| {
        condition.push_str(" and ");
        condition.push_str(text);
        values.push(value);
    };
    if let Some(state) = filter.state {
        // Written out, so that the engine may use its partial indexes.
        let indexed = match state {
            RawState::Pending => "state = 'pending' and state = ?",
            _ => "state <> 'pending' and state = ?",
        };
        also(indexed, state.as_str().to_owned().into());
    }
    if let Some(reason) = filter.reason {
        also("reason = ?", reason.as_str().to_owned().into());
    }
    if let Some(integration) = filter.integration {
        also("integration_id = ?", integration.0.into());
    }
    if let Some(provider) = &filter.provider {
        also("provider = ?", provider.clone().into());
    }
    if let Some(communication) = filter.communication {
        also(
            "id in (select raw_event_id from events where communication_id = ?)",
            communication.0.into(),
        );
    }
    (condition, values)
}

fn read_event(row: &Row<'_>) -> rusqlite::Result<RawEvent> {
    Ok(RawEvent {
        id: RawEventId(row.get(0)?),
        workspace: WorkspaceId(row.get(1)?),
        integration: IntegrationId(row.get(2)?),
        provider: row.get(3)?,
        address: get_json(row, 4)?,
        method: row.get(5)?,
        query: row.get(6)?,
        headers: get_json(row, 7)?,
        received_at: get_time(row, 8)?,
        body: row.get(10)?,
    })
}

fn read_claimed(row: &Row<'_>) -> rusqlite::Result<ClaimedRaw> {
    let before = get_time_or_none(row, 9)?;
    Ok(ClaimedRaw {
        event: read_event(row)?,
        again: before.is_some(),
    })
}

/// Communications that a raw event told of.
fn told_of(
    connection: &Connection,
    workspace: WorkspaceId,
    raw: RawEventId,
) -> StoreResult<Vec<CommunicationId>> {
    let mut statement = connection.prepare_cached(
        "select distinct communication_id from events
         where raw_event_id = ?1 and workspace_id = ?2",
    )?;
    let ids = statement.query_map(params![raw.0, workspace.0], |row| {
        row.get(0).map(CommunicationId)
    })?;
    Ok(ids.collect::<Result<_, _>>()?)
}

fn read_row(row: &Row<'_>) -> rusqlite::Result<RawRow> {
    let reason: Option<String> = row.get("reason")?;
    let warnings: Option<String> = row.get("warnings")?;
    Ok(RawRow {
        event: read_event(row)?,
        state: get_word(row, "state", RawState::parse)?,
        reason: reason.as_deref().and_then(SetAsideReason::parse),
        detail: row.get("detail")?,
        warnings: warnings
            .and_then(|text| from_json(&text).ok())
            .unwrap_or_default(),
        processed_at: get_time_or_none(row, "processed_at")?,
        size_bytes: row.get::<_, i64>("size")?.unsigned_abs(),
        communications: Vec::new(),
    })
}

fn read_fetch(row: &Row<'_>) -> rusqlite::Result<FetchJob> {
    Ok(FetchJob {
        id: FetchId(row.get("id")?),
        workspace: WorkspaceId(row.get("workspace_id")?),
        integration: IntegrationId(row.get("integration_id")?),
        raw_event: RawEventId(row.get("raw_event_id")?),
        need: FetchNeed {
            key: row.get("need_key")?,
            about: get_json(row, "about")?,
        },
        attempts: row.get::<_, u32>("attempts")?.saturating_sub(1),
    })
}
