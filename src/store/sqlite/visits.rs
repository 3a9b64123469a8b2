//! Visitors, visits and hits in SQLite.

mod codes;
mod family;
mod record;
mod signs;

use super::SqliteStore;
use super::goals::goals_of;
use super::rows::{cursor_parts, get_json, get_time, get_word, micros, page};
use crate::model::{
    CampaignId, ChannelGroup, Hit, HitId, Key, KeyKind, Sign, SignRow, SiteId, SourceId, Timestamp,
    Visit, VisitId, VisitorId, WorkspaceId,
};
use crate::store::{
    Division, FamilyHit, HitFacts, Page, PageRequest, Recorded, StoreError, StoreResult,
    VisitFilter, VisitView, Visits,
};
use async_trait::async_trait;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};

/// `keys.subject_kind` of a visit.
pub(super) const VISIT: i64 = 1;

/// The columns that `read_visit` reads by their places: looking names up costs more than the rest.
macro_rules! visit_columns {
    () => {
        "visits.id, visits.visitor_id, visits.visitor_key, visits.site_id, visits.key,
         visits.started_at, visits.last_hit_at, visits.marks, visits.channel_group,
         visits.campaign_id, visits.source_id, visits.device, visits.ip, visits.country,
         visits.city, visits.is_robot, visits.hits"
    };
}
pub(super) use visit_columns;

/// How many columns `visit_columns` has: the place of the next one.
pub(super) const AFTER_VISIT: usize = 17;

#[async_trait]
impl Visits for SqliteStore {
    async fn record_hit(&self, facts: HitFacts) -> StoreResult<Recorded> {
        let documents = record::Documents::of(&facts)?;
        self.writer
            .write_repeatable(move |connection| record::record(connection, &facts, &documents))
            .await
    }

    async fn note_sign(
        &self,
        workspace: WorkspaceId,
        sign: Sign,
        at: Timestamp,
    ) -> StoreResult<()> {
        self.writer
            .write(move |connection| signs::note(connection, workspace, &sign, at))
            .await
    }

    async fn signs(&self, workspace: WorkspaceId, since: Timestamp) -> StoreResult<Vec<SignRow>> {
        self.readers
            .read(move |connection| signs::list(connection, workspace, since))
            .await
    }

    async fn visit_family(&self, workspace: WorkspaceId, key: &str) -> StoreResult<Vec<FamilyHit>> {
        let key = key.to_owned();
        self.readers
            .read(move |connection| family::hits(connection, workspace, &key))
            .await
    }

    async fn divide_visit(&self, division: Division) -> StoreResult<String> {
        self.writer
            .write(move |connection| family::divide(connection, &division))
            .await
    }

    async fn give_code(
        &self,
        workspace: WorkspaceId,
        visit: &str,
        wanted: Vec<String>,
        now: Timestamp,
        until: Timestamp,
    ) -> StoreResult<Option<String>> {
        let visit = visit.to_owned();
        self.writer
            .write(move |connection| {
                codes::give(connection, workspace, &visit, &wanted, now, until)
            })
            .await
    }

    async fn visits_of(
        &self,
        workspace: WorkspaceId,
        visitor: &str,
        from: Timestamp,
        to: Timestamp,
    ) -> StoreResult<Vec<Visit>> {
        let visitor = visitor.to_owned();
        self.readers
            .read(move |connection| {
                let visits = connection
                    .prepare_cached(concat!(
                        "select ",
                        visit_columns!(),
                        " from visitors
                         join visits on visits.visitor_id = visitors.id
                         where visitors.workspace_id = ?1 and visitors.key = ?2
                             and started_at <= ?4 and last_hit_at >= ?3
                         order by started_at desc limit 200"
                    ))?
                    .query_map(
                        params![workspace.0, visitor, micros(from), micros(to)],
                        read_visit,
                    )?
                    .collect::<Result<_, _>>()?;
                Ok(visits)
            })
            .await
    }

    async fn visits_page(
        &self,
        workspace: WorkspaceId,
        filter: &VisitFilter,
        request: &PageRequest,
    ) -> StoreResult<Page<Visit>> {
        let (filter, limit) = (filter.clone(), request.limit);
        let before = cursor_parts::<2>(request.cursor.as_deref())?;
        self.readers
            .read(move |connection| {
                let (condition, mut values) = visit_condition(workspace, &filter, before);
                values.push((i64::from(limit) + 1).into());
                let sql = format!(
                    "select {} from visits where {condition}
                     order by started_at desc, id desc limit ?",
                    visit_columns!()
                );
                let visits = connection
                    .prepare_cached(&sql)?
                    .query_map(params_from_iter(values), read_visit)?
                    .collect::<Result<Vec<_>, _>>()?;
                Ok(page(visits, limit, |visit| {
                    format!("{}_{}", micros(visit.started_at), visit.id)
                }))
            })
            .await
    }

    async fn visit(&self, workspace: WorkspaceId, id: VisitId) -> StoreResult<VisitView> {
        self.readers
            .read(move |connection| view(connection, workspace, id))
            .await
    }

    async fn visits_by_id(
        &self,
        workspace: WorkspaceId,
        ids: Vec<VisitId>,
    ) -> StoreResult<Vec<Visit>> {
        self.readers
            .read(move |connection| {
                let mut statement = connection.prepare_cached(concat!(
                    "select ",
                    visit_columns!(),
                    " from visits where workspace_id = ?1 and id = ?2"
                ))?;
                let mut visits = Vec::with_capacity(ids.len());
                for id in ids {
                    let visit = statement.query_row(params![workspace.0, id.0], read_visit);
                    visits.extend(visit.optional()?);
                }
                Ok(visits)
            })
            .await
    }

    async fn earlier_visits(
        &self,
        workspace: WorkspaceId,
        visit: VisitId,
        limit: u32,
    ) -> StoreResult<Vec<Visit>> {
        self.readers
            .read(move |connection| {
                let visits = connection
                    .prepare_cached(concat!(
                        "select ",
                        visit_columns!(),
                        " from visits this
                         join visits on visits.visitor_id = this.visitor_id
                             and visits.started_at < this.started_at
                         where this.workspace_id = ?1 and this.id = ?2
                         order by visits.started_at desc limit ?3"
                    ))?
                    .query_map(params![workspace.0, visit.0, limit], read_visit)?
                    .collect::<Result<_, _>>()?;
                Ok(visits)
            })
            .await
    }
}

fn view(connection: &Connection, workspace: WorkspaceId, id: VisitId) -> StoreResult<VisitView> {
    let (visit, visitor_key) = connection
        .prepare_cached(concat!(
            "select ",
            visit_columns!(),
            ", visitors.key from visits
             join visitors on visitors.id = visits.visitor_id
             where visits.workspace_id = ?1 and visits.id = ?2"
        ))?
        .query_row(params![workspace.0, id.0], |row| {
            Ok((read_visit(row)?, row.get(AFTER_VISIT)?))
        })
        .optional()?
        .ok_or(StoreError::NotFound("the visit"))?;
    let hits = connection
        .prepare_cached(
            "select id, visit_id, at, url, title from hits
             where visit_id = ?1 and url is not null order by at, message, id limit 500",
        )?
        .query_map([id.0], read_hit)?
        .collect::<Result<_, _>>()?;
    let keys = connection
        .prepare_cached(
            "select kind, value from keys where subject_kind = ?1 and subject_id = ?2
             order by kind, value",
        )?
        .query_map(params![VISIT, id.0], read_key)?
        .collect::<Result<_, _>>()?;
    Ok(VisitView {
        visit,
        visitor_key,
        hits,
        goals: goals_of(connection, workspace, id)?,
        keys,
    })
}

pub(super) fn read_key(row: &Row<'_>) -> rusqlite::Result<Key> {
    Ok(Key {
        kind: get_word(row, "kind", KeyKind::parse)?,
        value: row.get("value")?,
    })
}

/// `true` when the key is new to the subject. The earliest time stays.
pub(super) fn put_key(
    connection: &Connection,
    workspace: WorkspaceId,
    key: &Key,
    subject_kind: i64,
    subject: i64,
    at: i64,
    seq: i64,
) -> StoreResult<bool> {
    let inserted = connection
        .prepare_cached(
            "insert into keys (workspace_id, kind, value, subject_kind, subject_id, at, seq)
             values (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             on conflict do update set at = ?6, seq = max(seq, ?7) where at > ?6",
        )?
        .execute(params![
            workspace.0,
            key.kind.as_str(),
            key.value,
            subject_kind,
            subject,
            at,
            seq
        ])?;
    Ok(inserted == 1)
}

/// Adds a key or gives it a new number in the log, so that those who share it look again.
pub(super) fn announce_key(
    connection: &Connection,
    workspace: WorkspaceId,
    key: &Key,
    subject_kind: i64,
    subject: i64,
    at: i64,
    seq: i64,
) -> StoreResult<()> {
    connection
        .prepare_cached(
            "insert into keys (workspace_id, kind, value, subject_kind, subject_id, at, seq)
             values (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             on conflict do update set at = min(at, ?6), seq = ?7",
        )?
        .execute(params![
            workspace.0,
            key.kind.as_str(),
            key.value,
            subject_kind,
            subject,
            at,
            seq
        ])?;
    Ok(())
}

/// The number the next change will get; the writer is alone, so nobody takes it.
pub(super) fn next_change(connection: &Connection) -> StoreResult<i64> {
    let latest: Option<i64> = connection
        .prepare_cached("select seq from sqlite_sequence where name = 'changes'")?
        .query_row([], |row| row.get(0))
        .optional()?;
    Ok(latest.unwrap_or(0) + 1)
}

pub(super) fn log_change(
    connection: &Connection,
    workspace: WorkspaceId,
    subject_kind: i64,
    subject: i64,
    at: i64,
) -> StoreResult<i64> {
    connection
        .prepare_cached(
            "insert into changes (workspace_id, subject_kind, subject_id, at)
             values (?1, ?2, ?3, ?4)",
        )?
        .execute(params![workspace.0, subject_kind, subject, at])?;
    Ok(connection.last_insert_rowid())
}

fn visit_condition(
    workspace: WorkspaceId,
    filter: &VisitFilter,
    before: Option<[i64; 2]>,
) -> (String, Vec<Value>) {
    let mut condition = String::from("workspace_id = ?");
    let mut values = vec![Value::Integer(workspace.0)];
    let mut also = |text: &str, more: Vec<Value>| {
        condition.push_str(" and ");
        condition.push_str(text);
        values.extend(more);
    };
    if let Some(from) = filter.from {
        also("started_at >= ?", vec![micros(from).into()]);
    }
    if let Some(to) = filter.to {
        also("started_at < ?", vec![micros(to).into()]);
    }
    if let Some(site) = filter.site {
        also("site_id = ?", vec![site.0.into()]);
    }
    if let Some(key) = &filter.key {
        also("key = ?", vec![key.clone().into()]);
    }
    if let Some(visitor) = &filter.visitor {
        also(
            "visitor_id in (select id from visitors where workspace_id = ? and key = ?)",
            vec![workspace.0.into(), visitor.clone().into()],
        );
    }
    if let Some(group) = filter.channel_group {
        also("channel_group = ?", vec![group.as_str().to_owned().into()]);
    }
    if let Some([started_at, id]) = before {
        also(
            "(started_at, id) < (?, ?)",
            vec![started_at.into(), id.into()],
        );
    }
    (condition, values)
}

pub(super) fn read_visit(row: &Row<'_>) -> rusqlite::Result<Visit> {
    Ok(Visit {
        id: VisitId(row.get(0)?),
        visitor: VisitorId(row.get(1)?),
        visitor_key: row.get(2)?,
        site: SiteId(row.get(3)?),
        key: row.get(4)?,
        started_at: get_time(row, 5)?,
        last_hit_at: get_time(row, 6)?,
        marks: get_json(row, 7)?,
        channel_group: get_word(row, 8, ChannelGroup::parse)?,
        campaign: row.get::<_, Option<i64>>(9)?.map(CampaignId),
        source: row.get::<_, Option<i64>>(10)?.map(SourceId),
        device: get_json(row, 11)?,
        ip: row.get(12)?,
        country: row.get(13)?,
        city: row.get(14)?,
        is_robot: row.get(15)?,
        hits: row.get(16)?,
    })
}

fn read_hit(row: &Row<'_>) -> rusqlite::Result<Hit> {
    Ok(Hit {
        id: HitId(row.get("id")?),
        visit: VisitId(row.get("visit_id")?),
        at: get_time(row, "at")?,
        url: row.get("url")?,
        title: row.get("title")?,
    })
}
