//! The visits that one id of a browser holds, when it holds several.

use super::record::{
    Documents, Message, add, insert_hit, known_by_id, log_visit, open_visit, told_before, unite,
    write_first,
};
use super::{VISIT, log_change, next_change, put_key};
use crate::model::{
    CampaignId, ChannelGroup, HitId, Key, KeyKind, SiteId, SourceId, VisitId, WorkspaceId,
};
use crate::store::sqlite::rows::{get_json, get_time, get_word, micros};
use crate::store::{Division, FamilyHit, HitFacts, PageFacts, StoreError, StoreResult, VisitPart};
use rusqlite::{Connection, Row, params};
use std::collections::HashMap;

/// A visit of a family.
struct Member {
    id: i64,
    key: String,
    messages: i64,
}

pub(super) fn hits(
    connection: &Connection,
    workspace: WorkspaceId,
    key: &str,
) -> StoreResult<Vec<FamilyHit>> {
    let mut statement = connection.prepare_cached(
        "select id, visit_id, site_id, message, at, marks is not null as is_page, marks,
             coalesce(arrival, '') as arrival
         from hits
         where visit_id = ?1",
    )?;
    let mut hits = Vec::new();
    for member in members(connection, workspace, key)? {
        let rows = statement.query_map([member.id], |row| {
            let is_page: bool = row.get("is_page")?;
            Ok(FamilyHit {
                id: HitId(row.get("id")?),
                visit: VisitId(row.get("visit_id")?),
                site: SiteId(row.get("site_id")?),
                message: row.get("message")?,
                at: get_time(row, "at")?,
                marks: is_page.then(|| get_json(row, "marks")).transpose()?,
                arrival: row.get("arrival")?,
            })
        })?;
        for hit in rows {
            hits.push(hit?);
        }
    }
    Ok(hits)
}

fn members(connection: &Connection, workspace: WorkspaceId, key: &str) -> StoreResult<Vec<Member>> {
    let members = connection
        .prepare_cached(
            "select id, key, messages from visits where workspace_id = ?1 and key = ?2
             union all
             select part.id, part.key, part.messages from visits
             join visits part on part.part_of = visits.id
             where visits.workspace_id = ?1 and visits.key = ?2",
        )?
        .query_map(params![workspace.0, key], |row| {
            Ok(Member {
                id: row.get(0)?,
                key: row.get(1)?,
                messages: row.get(2)?,
            })
        })?
        .collect::<Result<_, _>>()?;
    Ok(members)
}

pub(super) fn divide(connection: &Connection, division: &Division) -> StoreResult<String> {
    let facts = &division.facts;
    if let Some(visit) = told_before(connection, facts)? {
        return Ok(visit);
    }
    let members = members(connection, facts.workspace, &facts.visit)?;
    let seen: i64 = members.iter().map(|member| member.messages).sum();
    if usize::try_from(seen) != Ok(division.seen) {
        return Err(StoreError::Conflict(
            "the visits of this browser have got another message meanwhile".into(),
        ));
    }
    let takes_new = |part: &&VisitPart| part.messages.contains(&None);
    let part = division.parts.iter().find(takes_new);
    let part = part.ok_or_else(|| anyhow::anyhow!("a division has no place for its message"))?;
    if is_in_place(connection, &members, &division.parts)? {
        place(connection, division, part)?;
    } else {
        rebuild(connection, division, &members)?;
    }
    Ok(part.key.clone())
}

/// Every known message is where it should be, under the right key and alias.
fn is_in_place(
    connection: &Connection,
    members: &[Member],
    parts: &[VisitPart],
) -> StoreResult<bool> {
    let keys: HashMap<i64, &str> = members
        .iter()
        .map(|member| (member.id, member.key.as_str()))
        .collect();
    let mut homes: HashMap<i64, i64> = HashMap::new();
    let mut statement = connection.prepare_cached("select id from hits where visit_id = ?1")?;
    for member in members {
        for hit in statement.query_map([member.id], |row| row.get(0))? {
            homes.insert(hit?, member.id);
        }
    }
    let mut has_alias = connection.prepare_cached(
        "select 1 from keys where subject_kind = ?1 and subject_id = ?2 and kind = ?3
             and value = ?4",
    )?;
    for part in parts {
        let visit = part.visit.map(|visit| visit.0);
        let mut known = part.messages.iter().flatten();
        let in_place = known.all(|hit| homes.get(&hit.0).copied() == visit);
        let has_names = match visit {
            None => true,
            Some(visit) => {
                let kind = KeyKind::Visit.as_str();
                keys.get(&visit) == Some(&part.key.as_str())
                    && has_alias.exists(params![VISIT, visit, kind, part.alias])?
            }
        };
        if !in_place || !has_names {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Only the new message is added.
fn place(connection: &Connection, division: &Division, part: &VisitPart) -> StoreResult<()> {
    let facts = &division.facts;
    let documents = Documents::of(facts)?;
    let message = Message::new(facts, &documents);
    match part.visit {
        Some(visit) => {
            add(connection, &message, &known(connection, visit.0)?)?;
            Ok(())
        }
        None => {
            let root = division.parts[0].visit.map(|visit| visit.0);
            let visit = open_visit(connection, &message, &part.key, root)?;
            put_alias(connection, facts, part, visit)
        }
    }
}

/// Folds every visit of the family anew, each in the order of time.
fn rebuild(connection: &Connection, division: &Division, members: &[Member]) -> StoreResult<()> {
    let facts = &division.facts;
    let mut told = HashMap::new();
    for member in members {
        read_messages(connection, facts, member.id, &mut told)?;
        connection
            .prepare_cached("delete from keys where subject_kind = ?1 and subject_id = ?2")?
            .execute(params![VISIT, member.id])?;
        // Keys may be exchanged; until each has its own they are nobody's.
        connection
            .prepare_cached("update visits set key = '~' || id where id = ?1")?
            .execute([member.id])?;
    }
    let mut root = None;
    for part in &division.parts {
        let id = fold(connection, division, part, &told, root)?;
        root.get_or_insert(id);
    }
    let stays = |member: &Member| {
        let mut kept = division.parts.iter().filter_map(|part| part.visit);
        kept.any(|visit| visit.0 == member.id)
    };
    for gone in members.iter().filter(|member| !stays(member)) {
        connection
            .prepare_cached("delete from visits where id = ?1")?
            .execute([gone.id])?;
        log_visit(connection, facts, gone.id)?;
    }
    Ok(())
}

/// Makes one visit of its messages. All its keys are announced: whoever shares one may belong to
/// another visit now.
fn fold(
    connection: &Connection,
    division: &Division,
    part: &VisitPart,
    told: &HashMap<i64, HitFacts>,
    root: Option<i64>,
) -> StoreResult<i64> {
    let mut id = None;
    for place in &part.messages {
        let facts = match place {
            Some(hit) => told
                .get(&hit.0)
                .ok_or_else(|| anyhow::anyhow!("a message of another visit"))?,
            None => &division.facts,
        };
        let documents = Documents::of(facts)?;
        let message = Message::new(facts, &documents);
        let visit = match id {
            None => {
                let known = part.visit.map(|visit| visit.0);
                write_first(connection, &message, &part.key, root, known)?
            }
            Some(visit) => {
                unite(connection, &message, &known(connection, visit)?)?;
                visit
            }
        };
        match place {
            Some(hit) => {
                connection
                    .prepare_cached("update hits set visit_id = ?2 where id = ?1")?
                    .execute([hit.0, visit])?;
            }
            None => {
                insert_hit(connection, &message, visit)?;
            }
        }
        id = Some(visit);
    }
    let id = id.ok_or_else(|| anyhow::anyhow!("a visit without messages"))?;
    put_alias(connection, &division.facts, part, id)?;
    log_visit(connection, &division.facts, id)?;
    Ok(id)
}

fn known(connection: &Connection, id: i64) -> StoreResult<super::record::Known> {
    known_by_id(connection, id)?.ok_or(StoreError::NotFound("the visit"))
}

fn put_alias(
    connection: &Connection,
    facts: &HitFacts,
    part: &VisitPart,
    visit: i64,
) -> StoreResult<()> {
    let key = Key::new(KeyKind::Visit, &*part.alias);
    let (seq, at) = (
        next_change(connection)?,
        known(connection, visit)?.started_at,
    );
    if put_key(connection, facts.workspace, &key, VISIT, visit, at, seq)? {
        let now = micros(facts.received_at);
        log_change(connection, facts.workspace, VISIT, visit, now)?;
    }
    Ok(())
}

/// Messages of a visit by their ids.
fn read_messages(
    connection: &Connection,
    like: &HitFacts,
    visit: i64,
    told: &mut HashMap<i64, HitFacts>,
) -> StoreResult<()> {
    let mut statement = connection.prepare_cached("select * from hits where visit_id = ?1")?;
    let rows = statement.query_map([visit], |row| Ok((row.get("id")?, read_facts(row, like)?)))?;
    for row in rows {
        let (id, facts) = row?;
        told.insert(id, facts);
    }
    Ok(())
}

/// What the message told, as if it came now.
fn read_facts(row: &Row<'_>, like: &HitFacts) -> rusqlite::Result<HitFacts> {
    let keys: Option<String> = row.get("keys")?;
    Ok(HitFacts {
        workspace: like.workspace,
        site: SiteId(row.get("site_id")?),
        message: row.get("message")?,
        visitor: row.get("visitor_key")?,
        visit: like.visit.clone(),
        known: None,
        at: get_time(row, "at")?,
        received_at: like.received_at,
        page: read_page(row)?,
        // Its row is found through the message, wherever that goes.
        goal: None,
        keys: match keys {
            Some(_) => get_json(row, "keys")?,
            None => Vec::new(),
        },
        device: get_json(row, "device")?,
        ip: row.get("ip")?,
        country: row.get("country")?,
        city: row.get("city")?,
        is_robot: row.get("is_robot")?,
    })
}

fn read_page(row: &Row<'_>) -> rusqlite::Result<Option<PageFacts>> {
    let url: Option<String> = row.get("url")?;
    let Some(url) = url else {
        return Ok(None);
    };
    Ok(Some(PageFacts {
        url,
        title: row.get("title")?,
        marks: get_json(row, "marks")?,
        arrival: row.get("arrival")?,
        channel_group: get_word(row, "channel_group", ChannelGroup::parse)?,
        campaign: row.get::<_, Option<i64>>("campaign_id")?.map(CampaignId),
        source: row.get::<_, Option<i64>>("source_id")?.map(SourceId),
    }))
}
