//! What pages tell of the script on them.

use crate::model::{Sign, SignRow, SignWord, SiteId, Timestamp, WorkspaceId};
use crate::store::StoreResult;
use crate::store::sqlite::rows::{get_time, get_word, micros};
use rusqlite::{Connection, params};

/// Signs kept of a site, the latest; hosts are the pages' own word and may be invented.
const MOST: i64 = 200;

pub(super) fn note(
    connection: &Connection,
    workspace: WorkspaceId,
    sign: &Sign,
    at: Timestamp,
) -> StoreResult<()> {
    connection
        .prepare_cached(
            "insert into script_signs
                 (workspace_id, site_id, host, provider, word, first_at, last_at)
             values (?1, ?2, ?3, ?4, ?5, ?6, ?6)
             on conflict do update set first_at = min(first_at, ?6), last_at = max(last_at, ?6)",
        )?
        .execute(params![
            workspace.0,
            sign.site.0,
            sign.host,
            sign.provider,
            sign.word.as_str(),
            micros(at),
        ])?;
    connection
        .prepare_cached(
            "delete from script_signs where site_id = ?1 and (host, provider, word) in
                 (select host, provider, word from script_signs where site_id = ?1
                  order by last_at desc, host, provider, word limit -1 offset ?2)",
        )?
        .execute([sign.site.0, MOST])?;
    Ok(())
}

pub(super) fn list(
    connection: &Connection,
    workspace: WorkspaceId,
    since: Timestamp,
) -> StoreResult<Vec<SignRow>> {
    let rows = connection
        .prepare_cached(
            "select site_id, host, provider, word, first_at, last_at from script_signs
             where workspace_id = ?1 and last_at >= ?2
             order by last_at desc, site_id, host, provider, word",
        )?
        .query_map(params![workspace.0, micros(since)], |row| {
            Ok(SignRow {
                sign: Sign {
                    site: SiteId(row.get(0)?),
                    host: row.get(1)?,
                    provider: row.get(2)?,
                    word: get_word(row, 3, SignWord::parse)?,
                },
                first_at: get_time(row, 4)?,
                last_at: get_time(row, 5)?,
            })
        })?
        .collect::<Result<_, _>>()?;
    Ok(rows)
}
