//! One message and the visit it is united with.

use super::{VISIT, announce_key, log_change, next_change, put_key};
use crate::model::{ChannelGroup, Key, KeyKind, LONGEST_VISIT, Marks};
use crate::store::sqlite::rows::{micros, to_json};
use crate::store::{GoalFacts, HitFacts, PageFacts, Recorded, StoreError, StoreResult};
use rusqlite::{Connection, OptionalExtension, Row, params};

/// A family with more messages is that of a program, not of a visitor: it is cut no more, because
/// each cut looks at all of them.
const MOST_OF_A_FAMILY: i64 = 5_000;

/// The parts of a message that are stored as documents. They are written before the message waits
/// for the writer, who has no time to lose.
pub(super) struct Documents {
    device: String,
    marks: Option<String>,
    keys: Option<String>,
}

impl Documents {
    pub(super) fn of(facts: &HitFacts) -> StoreResult<Documents> {
        let marks = facts.page.as_ref().map(|page| to_json(&page.marks));
        let keys = (!facts.keys.is_empty()).then(|| to_json(&facts.keys));
        Ok(Documents {
            device: to_json(&facts.device)?,
            marks: marks.transpose()?,
            keys: keys.transpose()?,
        })
    }
}

/// A message with its documents.
pub(super) struct Message<'a> {
    pub(super) facts: &'a HitFacts,
    documents: &'a Documents,
}

impl<'a> Message<'a> {
    pub(super) fn new(facts: &'a HitFacts, documents: &'a Documents) -> Message<'a> {
        Message { facts, documents }
    }

    /// The page with its marks.
    fn page(&self) -> Option<(&'a PageFacts, &str)> {
        self.facts
            .page
            .as_ref()
            .zip(self.documents.marks.as_deref())
    }
}

/// What is known of a visit before a message.
pub(super) struct Known {
    pub(super) id: i64,
    pub(super) key: String,
    visitor_key: String,
    pub(super) started_at: i64,
    last_hit_at: i64,
    page: Option<(i64, String)>,
    arrival: String,
    messages: i64,
    /// Messages of the visits that are parts of it, if there are any.
    in_parts: Option<i64>,
}

impl Known {
    /// The message makes more than one visit of it, or there are several already.
    fn is_mixed_with(&self, facts: &HitFacts) -> bool {
        let at = micros(facts.at);
        let arrival = facts.page.as_ref().map_or("", |page| &page.arrival);
        let is_other = !arrival.is_empty() && !self.arrival.is_empty() && arrival != self.arrival;
        let lasts = self.last_hit_at.max(at) - self.started_at.min(at);
        let is_long = i128::from(lasts) >= LONGEST_VISIT.as_micros();
        let messages = self.messages + self.in_parts.unwrap_or(0);
        (self.in_parts.is_some() || is_other || is_long) && messages < MOST_OF_A_FAMILY
    }
}

pub(super) fn record(
    connection: &Connection,
    facts: &HitFacts,
    documents: &Documents,
) -> StoreResult<Recorded> {
    let kept = |visit, is_new| Ok(Recorded::Kept { visit, is_new });
    let message = Message::new(facts, documents);
    let known = match facts.known {
        Some(id) => Some(known_by_id(connection, id.0)?.ok_or_else(|| {
            StoreError::Conflict("the visit of the message was divided meanwhile".into())
        })?),
        None => known_by_key(connection, facts)?,
    };
    let Some(known) = known else {
        if let Some(visit) = told_before(connection, facts)? {
            return kept(visit, false);
        }
        open_visit(connection, &message, &facts.visit, None)?;
        return kept(facts.visit.clone(), true);
    };
    if facts.known.is_none() && known.is_mixed_with(facts) {
        return match told_before(connection, facts)? {
            Some(visit) => kept(visit, false),
            None => Ok(Recorded::Mixed(Box::new(facts.clone()))),
        };
    }
    match add(connection, &message, &known)? {
        true => kept(known.key, true),
        false => kept(told_before(connection, facts)?.unwrap_or(known.key), false),
    }
}

/// Key of the visit that has the message already.
pub(super) fn told_before(
    connection: &Connection,
    facts: &HitFacts,
) -> StoreResult<Option<String>> {
    let visit = connection
        .prepare_cached(
            "select visits.key from hits join visits on visits.id = hits.visit_id
             where hits.site_id = ?1 and hits.message = ?2",
        )?
        .query_row(params![facts.site.0, facts.message], |row| row.get(0))
        .optional()?;
    Ok(visit)
}

macro_rules! known_columns {
    () => {
        "id, key, visitor_key, started_at, last_hit_at, page_at, page_message, arrival, messages,
         (select sum(part.messages) from visits part where part.part_of = visits.id)"
    };
}

fn known_by_key(connection: &Connection, facts: &HitFacts) -> StoreResult<Option<Known>> {
    let known = connection
        .prepare_cached(concat!(
            "select ",
            known_columns!(),
            " from visits where workspace_id = ?1 and key = ?2"
        ))?
        .query_row(params![facts.workspace.0, facts.visit], read_known)
        .optional()?;
    Ok(known)
}

pub(super) fn known_by_id(connection: &Connection, id: i64) -> StoreResult<Option<Known>> {
    let known = connection
        .prepare_cached(concat!(
            "select ",
            known_columns!(),
            " from visits where id = ?1"
        ))?
        .query_row([id], read_known)
        .optional()?;
    Ok(known)
}

fn read_known(row: &Row<'_>) -> rusqlite::Result<Known> {
    let page_at: Option<i64> = row.get(5)?;
    Ok(Known {
        id: row.get(0)?,
        key: row.get(1)?,
        visitor_key: row.get(2)?,
        started_at: row.get(3)?,
        last_hit_at: row.get(4)?,
        page: page_at.zip(row.get(6)?),
        arrival: row.get(7)?,
        messages: row.get(8)?,
        in_parts: row.get(9)?,
    })
}

/// A new visit with its first message.
pub(super) fn open_visit(
    connection: &Connection,
    message: &Message<'_>,
    key: &str,
    part_of: Option<i64>,
) -> StoreResult<i64> {
    let facts = message.facts;
    let id = write_visit(connection, message, key, part_of, None)?;
    let seq = log_change(
        connection,
        facts.workspace,
        VISIT,
        id,
        micros(facts.received_at),
    )?;
    insert_keys(connection, facts, (id, key), seq, true, false)?;
    insert_hit(connection, message, id)?;
    Ok(id)
}

/// Unites a visit with a message. `false`: it was told before, and nothing is changed.
pub(super) fn add(
    connection: &Connection,
    message: &Message<'_>,
    known: &Known,
) -> StoreResult<bool> {
    let is_new = insert_hit(connection, message, known.id)?;
    if is_new && unite(connection, message, known)? {
        log_visit(connection, message.facts, known.id)?;
    }
    Ok(is_new)
}

pub(super) fn log_visit(connection: &Connection, facts: &HitFacts, id: i64) -> StoreResult<()> {
    let at = micros(facts.received_at);
    log_change(connection, facts.workspace, VISIT, id, at)?;
    Ok(())
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

/// Makes a visit what its first message tells, a new one or, by its id, a known one, and gives it
/// the keys of the message.
pub(super) fn write_first(
    connection: &Connection,
    message: &Message<'_>,
    key: &str,
    part_of: Option<i64>,
    id: Option<i64>,
) -> StoreResult<i64> {
    let id = write_visit(connection, message, key, part_of, id)?;
    let seq = next_change(connection)?;
    insert_keys(connection, message.facts, (id, key), seq, true, false)?;
    Ok(id)
}

fn write_visit(
    connection: &Connection,
    message: &Message<'_>,
    key: &str,
    part_of: Option<i64>,
    id: Option<i64>,
) -> StoreResult<i64> {
    let facts = message.facts;
    let page = facts.page.as_ref();
    let no_marks = match message.documents.marks {
        Some(_) => None,
        None => Some(to_json(&Marks::default())?),
    };
    let channel_group = page.map_or(ChannelGroup::Direct, |page| page.channel_group);
    let id = connection
        .prepare_cached(
            "insert into visits (id, workspace_id, site_id, visitor_id, visitor_key, key, part_of,
                started_at, last_hit_at, page_at, page_message, arrival, marks, channel_group,
                campaign_id, source_id, device, ip, country, city, is_robot, hits, messages)
             values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17,
                ?18, ?19, ?20, ?21, 1)
             on conflict (id) do update set site_id = ?3, visitor_id = ?4, visitor_key = ?5,
                key = ?6, part_of = ?7, started_at = ?8, last_hit_at = ?8, page_at = ?9,
                page_message = ?10, arrival = ?11, marks = ?12, channel_group = ?13,
                campaign_id = ?14, source_id = ?15, device = ?16, ip = ?17, country = ?18,
                city = ?19, is_robot = ?20, hits = ?21, messages = 1
             returning id",
        )?
        .query_row(
            params![
                id,
                facts.workspace.0,
                facts.site.0,
                visitor_id(connection, facts)?,
                facts.visitor,
                key,
                part_of,
                micros(facts.at),
                page.map(|_| micros(facts.at)),
                page.map(|_| &facts.message),
                page.map_or("", |page| &page.arrival),
                message.documents.marks.as_ref().or(no_marks.as_ref()),
                channel_group.as_str(),
                page.and_then(|page| page.campaign).map(|id| id.0),
                page.and_then(|page| page.source).map(|id| id.0),
                message.documents.device,
                facts.ip,
                facts.country,
                facts.city,
                facts.is_robot,
                i64::from(page.is_some()),
            ],
            |row| row.get(0),
        )?;
    Ok(id)
}

/// `false`: the message was told before.
pub(super) fn insert_hit(
    connection: &Connection,
    message: &Message<'_>,
    visit: i64,
) -> StoreResult<bool> {
    let facts = message.facts;
    let page = facts.page.as_ref();
    let inserted = connection
        .prepare_cached(
            "insert into hits (workspace_id, site_id, message, visit_id, at, url, title,
                visitor_key, keys, marks, arrival, channel_group, campaign_id, source_id, device,
                ip, country, city, is_robot)
             values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17,
                ?18, ?19)
             on conflict (site_id, message) do nothing",
        )?
        .execute(params![
            facts.workspace.0,
            facts.site.0,
            facts.message,
            visit,
            micros(facts.at),
            page.map(|page| &page.url),
            page.and_then(|page| page.title.as_ref()),
            facts.visitor,
            message.documents.keys,
            message.documents.marks,
            page.map(|page| &page.arrival),
            page.map(|page| page.channel_group.as_str()),
            page.and_then(|page| page.campaign).map(|id| id.0),
            page.and_then(|page| page.source).map(|id| id.0),
            message.documents.device,
            facts.ip,
            facts.country,
            facts.city,
            facts.is_robot,
        ])?;
    let is_new = inserted == 1;
    if let Some(goal) = facts.goal.as_ref().filter(|_| is_new) {
        insert_goal(connection, facts, goal, connection.last_insert_rowid())?;
    }
    Ok(is_new)
}

fn insert_goal(
    connection: &Connection,
    facts: &HitFacts,
    goal: &GoalFacts,
    hit: i64,
) -> StoreResult<()> {
    connection
        .prepare_cached(
            "insert into goals (hit_id, workspace_id, site_id, at, name, folded, data)
             values (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            hit,
            facts.workspace.0,
            facts.site.0,
            micros(facts.at),
            goal.name,
            goal.name.to_lowercase(),
            to_json(&goal.data)?,
        ])?;
    Ok(())
}

/// `true` when that is news for communications: a key, an earlier start, other marks.
pub(super) fn unite(
    connection: &Connection,
    message: &Message<'_>,
    known: &Known,
) -> StoreResult<bool> {
    let facts = message.facts;
    let is_earlier = micros(facts.at) < known.started_at;
    let is_marked = extend_visit(connection, message, known)?;
    let is_other_visitor = facts.visitor != known.visitor_key;
    let is_moved = is_earlier || is_marked;
    let visit = (known.id, known.key.as_str());
    if facts.keys.is_empty() && !is_moved && !is_other_visitor {
        return Ok(false);
    }
    let seq = next_change(connection)?;
    let is_told = insert_keys(connection, facts, visit, seq, is_moved, is_other_visitor)?;
    Ok(is_moved || is_told)
}

/// Earliest start, latest hit, visitor of the earliest message (then the smaller one); the earliest
/// page (then the smaller message id) gives the marks and where they were seen, and the earliest
/// message as long as there is no page. `true` when the message gave the marks.
fn extend_visit(
    connection: &Connection,
    message: &Message<'_>,
    known: &Known,
) -> StoreResult<bool> {
    let facts = message.facts;
    let at = micros(facts.at);
    let page = facts.page.as_ref();
    connection
        .prepare_cached(
            "update visits set last_hit_at = max(last_hit_at, ?2), hits = hits + ?3,
                messages = messages + 1, is_robot = is_robot or ?4,
                arrival = case arrival when '' then ?5 else arrival end
             where id = ?1",
        )?
        .execute(params![
            known.id,
            at,
            i64::from(page.is_some()),
            facts.is_robot,
            page.map_or("", |page| &page.arrival),
        ])?;
    // Apart, because it stands in two indexes.
    if at < known.started_at {
        connection
            .prepare_cached("update visits set started_at = ?2 where id = ?1")?
            .execute([known.id, at])?;
    }
    if facts.visitor != known.visitor_key
        && (at, &facts.visitor) < (known.started_at, &known.visitor_key)
    {
        let visitor = visitor_id(connection, facts)?;
        connection
            .prepare_cached("update visits set visitor_id = ?2, visitor_key = ?3 where id = ?1")?
            .execute(params![known.id, visitor, facts.visitor])?;
    }
    let is_first = match (page, &known.page) {
        (Some(_), Some((first_at, message))) => {
            (at, facts.message.as_str()) < (*first_at, message.as_str())
        }
        (Some(_), None) => true,
        (None, Some(_)) => false,
        (None, None) => at < known.started_at,
    };
    if is_first {
        move_visit(connection, message, known.id)?;
    }
    match message.page().filter(|_| is_first) {
        Some((page, marks)) => {
            mark_visit(connection, facts, page, marks, known.id)?;
            Ok(true)
        }
        None => Ok(false),
    }
}

/// Where and with what the visit was made.
fn move_visit(connection: &Connection, message: &Message<'_>, id: i64) -> StoreResult<()> {
    let facts = message.facts;
    connection
        .prepare_cached(
            "update visits set site_id = ?2, device = ?3, ip = ?4, country = ?5, city = ?6
             where id = ?1",
        )?
        .execute(params![
            id,
            facts.site.0,
            message.documents.device,
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
    marks: &str,
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
            marks,
            page.channel_group.as_str(),
            page.campaign.map(|id| id.0),
            page.source.map(|id| id.0),
        ])?;
    Ok(())
}

/// Adds the message's keys to a visit (id and key). When it is new, now begins earlier or has other
/// marks, the key of its visitor is announced again: communications of the visitor may belong to
/// another of his visits now. A visit has the keys of all visitors who told of it. `seq` is the change
/// that brings them.
fn insert_keys(
    connection: &Connection,
    facts: &HitFacts,
    (visit, visit_key): (i64, &str),
    seq: i64,
    is_moved: bool,
    is_other_visitor: bool,
) -> StoreResult<bool> {
    let at = micros(facts.at);
    let visitor = Key::new(KeyKind::Visitor, &*facts.visitor);
    let told = facts
        .keys
        .iter()
        .chain(is_other_visitor.then_some(&visitor));
    let mut changed = false;
    for key in told {
        changed |= put_key(connection, facts.workspace, key, VISIT, visit, at, seq)?;
    }
    if is_moved {
        let own = [Key::new(KeyKind::Visit, visit_key), visitor];
        for key in own {
            announce_key(connection, facts.workspace, &key, VISIT, visit, at, seq)?;
        }
    }
    Ok(changed)
}
