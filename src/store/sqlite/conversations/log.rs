//! What changed, and whom it concerns.

use super::*;

/// A stretch of changes that concerns nobody is confirmed when it is this long: a shorter one is read
/// again, which costs less than a commit.
const WORTH_CONFIRMING: i64 = 200;

pub(super) fn latest_change(connection: &Connection) -> StoreResult<i64> {
    Ok(next_change(connection)? - 1)
}

pub(super) fn touched(connection: &Connection, reader: &str, limit: u32) -> StoreResult<Touched> {
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
    let is_news =
        through - after >= WORTH_CONFIRMING.min(i64::from(limit)) || !communications.is_empty();
    Ok(Touched {
        communications,
        through,
        asked_through,
        is_news,
        is_end,
    })
}
