//! Visitors, visits and hits in SQLite.

use super::SqliteStore;
use super::rows::{cursor_parts, get_json, get_time, get_word, micros, page, to_json};
use crate::model::{
    CampaignId, ChannelGroup, Hit, HitId, Key, KeyKind, SiteId, SourceId, Timestamp, Visit,
    VisitId, VisitorId, WorkspaceId,
};
use crate::store::{
    HitFacts, Page, PageFacts, PageRequest, StoreError, StoreResult, VisitFilter, VisitView, Visits,
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
    async fn record_hit(&self, facts: HitFacts) -> StoreResult<bool> {
        self.writer
            .write(move |connection| record(connection, &facts))
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
        .prepare_cached("select * from hits where visit_id = ?1 order by at, id limit 500")?
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
        keys,
    })
}

pub(super) fn read_key(row: &Row<'_>) -> rusqlite::Result<Key> {
    Ok(Key {
        kind: get_word(row, "kind", KeyKind::parse)?,
        value: row.get("value")?,
    })
}

/// What is known of a visit before a message.
struct Known {
    id: i64,
    visitor_key: String,
    started_at: i64,
    last_hit_at: i64,
    page: Option<(i64, String)>,
}

fn record(connection: &Connection, facts: &HitFacts) -> StoreResult<bool> {
    let Some(known) = known_visit(connection, facts)? else {
        let visitor = visitor_id(connection, facts)?;
        let id = insert_visit(connection, facts, visitor)?;
        if let Some(page) = &facts.page {
            insert_hit(connection, facts, page, id)?;
        }
        insert_keys(connection, facts, id, true, false)?;
        log_visit(connection, facts, id)?;
        return Ok(true);
    };
    let at = micros(facts.at);
    let is_new = match &facts.page {
        Some(page) => insert_hit(connection, facts, page, known.id)?,
        None => at < known.started_at || at > known.last_hit_at,
    };
    let moved = is_new && at < known.started_at;
    if is_new {
        extend_visit(connection, facts, &known)?;
    }
    let other_visitor = facts.visitor != known.visitor_key;
    let keys_changed = insert_keys(connection, facts, known.id, moved, other_visitor)?;
    if moved || keys_changed {
        log_visit(connection, facts, known.id)?;
    }
    Ok(is_new || keys_changed)
}

fn log_visit(connection: &Connection, facts: &HitFacts, id: i64) -> StoreResult<()> {
    let at = micros(facts.received_at);
    log_change(connection, facts.workspace, VISIT, id, at)?;
    Ok(())
}

fn known_visit(connection: &Connection, facts: &HitFacts) -> StoreResult<Option<Known>> {
    let known = connection
        .prepare_cached(
            "select id, visitor_key, started_at, last_hit_at, page_at, page_message from visits
             where workspace_id = ?1 and key = ?2",
        )?
        .query_row(params![facts.workspace.0, facts.visit], |row| {
            let page_at: Option<i64> = row.get(4)?;
            Ok(Known {
                id: row.get(0)?,
                visitor_key: row.get(1)?,
                started_at: row.get(2)?,
                last_hit_at: row.get(3)?,
                page: page_at.zip(row.get(5)?),
            })
        })
        .optional()?;
    Ok(known)
}

fn visitor_id(connection: &Connection, facts: &HitFacts) -> StoreResult<i64> {
    let id = connection
        .prepare_cached(
            "insert into visitors (workspace_id, key, first_seen_at) values (?1, ?2, ?3)
             on conflict (workspace_id, key) do update
                 set first_seen_at = min(first_seen_at, excluded.first_seen_at)
             returning id",
        )?
        .query_row(
            params![facts.workspace.0, facts.visitor, micros(facts.at)],
            |row| row.get(0),
        )?;
    Ok(id)
}

fn insert_visit(connection: &Connection, facts: &HitFacts, visitor: i64) -> StoreResult<i64> {
    let page = facts.page.as_ref();
    let marks = page.map(|page| page.marks.clone()).unwrap_or_default();
    let channel_group = page.map_or(ChannelGroup::Direct, |page| page.channel_group);
    connection
        .prepare_cached(
            "insert into visits (workspace_id, site_id, visitor_id, visitor_key, key, started_at,
                last_hit_at, page_at, page_message, marks, channel_group, campaign_id, source_id,
                device, ip, country, city, is_robot, hits)
             values (?1, ?2, ?3, ?4, ?5, ?6, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16,
                ?17, ?18)",
        )?
        .execute(params![
            facts.workspace.0,
            facts.site.0,
            visitor,
            facts.visitor,
            facts.visit,
            micros(facts.at),
            page.map(|_| micros(facts.at)),
            page.map(|_| &facts.message),
            to_json(&marks)?,
            channel_group.as_str(),
            page.and_then(|page| page.campaign).map(|id| id.0),
            page.and_then(|page| page.source).map(|id| id.0),
            to_json(&facts.device)?,
            facts.ip,
            facts.country,
            facts.city,
            facts.is_robot,
            i64::from(page.is_some()),
        ])?;
    Ok(connection.last_insert_rowid())
}

/// `false` when the message was known.
fn insert_hit(
    connection: &Connection,
    facts: &HitFacts,
    page: &PageFacts,
    visit: i64,
) -> StoreResult<bool> {
    let inserted = connection
        .prepare_cached(
            "insert into hits (workspace_id, site_id, message, visit_id, at, url, title)
             values (?1, ?2, ?3, ?4, ?5, ?6, ?7) on conflict do nothing",
        )?
        .execute(params![
            facts.workspace.0,
            facts.site.0,
            facts.message,
            visit,
            micros(facts.at),
            page.url,
            page.title,
        ])?;
    Ok(inserted == 1)
}

/// Earliest start, latest hit, visitor of the earliest message (then the smaller one); the earliest
/// page (then the smaller message id) gives the marks and where they were seen, and the earliest
/// message as long as there is no page.
fn extend_visit(connection: &Connection, facts: &HitFacts, known: &Known) -> StoreResult<()> {
    let at = micros(facts.at);
    connection
        .prepare_cached(
            "update visits set started_at = min(started_at, ?2), last_hit_at = max(last_hit_at, ?2),
                hits = hits + ?3, is_robot = is_robot or ?4
             where id = ?1",
        )?
        .execute(params![known.id, at, i64::from(facts.page.is_some()), facts.is_robot])?;
    if facts.visitor != known.visitor_key
        && (at, &facts.visitor) < (known.started_at, &known.visitor_key)
    {
        let visitor = visitor_id(connection, facts)?;
        connection
            .prepare_cached("update visits set visitor_id = ?2, visitor_key = ?3 where id = ?1")?
            .execute(params![known.id, visitor, facts.visitor])?;
    }
    let is_first = match (&facts.page, &known.page) {
        (Some(_), Some((first_at, message))) => {
            (at, facts.message.as_str()) < (*first_at, message.as_str())
        }
        (Some(_), None) => true,
        (None, Some(_)) => false,
        (None, None) => at < known.started_at,
    };
    if is_first {
        move_visit(connection, facts, known.id)?;
    }
    if let (true, Some(page)) = (is_first, &facts.page) {
        mark_visit(connection, facts, page, known.id)?;
    }
    Ok(())
}

/// Where and with what the visit was made.
fn move_visit(connection: &Connection, facts: &HitFacts, id: i64) -> StoreResult<()> {
    connection
        .prepare_cached(
            "update visits set site_id = ?2, device = ?3, ip = ?4, country = ?5, city = ?6
             where id = ?1",
        )?
        .execute(params![
            id,
            facts.site.0,
            to_json(&facts.device)?,
            facts.ip,
            facts.country,
            facts.city,
        ])?;
    Ok(())
}

/// Where the visit came from.
fn mark_visit(
    connection: &Connection,
    facts: &HitFacts,
    page: &PageFacts,
    id: i64,
) -> StoreResult<()> {
    connection
        .prepare_cached(
            "update visits set page_at = ?2, page_message = ?3, marks = ?4, channel_group = ?5,
                campaign_id = ?6, source_id = ?7
             where id = ?1",
        )?
        .execute(params![
            id,
            micros(facts.at),
            facts.message,
            to_json(&page.marks)?,
            page.channel_group.as_str(),
            page.campaign.map(|id| id.0),
            page.source.map(|id| id.0),
        ])?;
    Ok(())
}

/// Adds the message's keys. When the visit is new or now begins earlier, the key of its visitor is
/// announced again: communications of the visitor may belong to another of his visits now. A visit
/// has the keys of all visitors who told of it.
fn insert_keys(
    connection: &Connection,
    facts: &HitFacts,
    visit: i64,
    moved: bool,
    other_visitor: bool,
) -> StoreResult<bool> {
    let (seq, at) = (next_change(connection)?, micros(facts.at));
    let visitor = Key::new(KeyKind::Visitor, &*facts.visitor);
    let told = facts.keys.iter().chain(other_visitor.then_some(&visitor));
    let mut changed = false;
    for key in told {
        changed |= put_key(connection, facts.workspace, key, VISIT, visit, at, seq)?;
    }
    if moved {
        let own = [Key::new(KeyKind::Visit, &*facts.visit), visitor];
        for key in own {
            announce_key(connection, facts.workspace, &key, VISIT, visit, at, seq)?;
        }
    }
    Ok(changed)
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
