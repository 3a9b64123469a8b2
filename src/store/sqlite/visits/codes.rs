//! Which visit has which code.

use crate::model::{Timestamp, WorkspaceId};
use crate::store::StoreResult;
use crate::store::sqlite::rows::micros;
use rusqlite::{Connection, OptionalExtension, params};

pub(super) fn give(
    connection: &Connection,
    workspace: WorkspaceId,
    visit: &str,
    wanted: &[String],
    now: Timestamp,
    until: Timestamp,
) -> StoreResult<Option<String>> {
    let own: Option<String> = connection
        .prepare_cached(
            "update visit_codes set expires_at = max(expires_at, ?4)
             where workspace_id = ?1 and visit_key = ?2 and expires_at > ?3 returning code",
        )?
        .query_row(
            params![workspace.0, visit, micros(now), micros(until)],
            |row| row.get(0),
        )
        .optional()?;
    if own.is_some() {
        return Ok(own);
    }
    let mut take = connection.prepare_cached(
        "insert into visit_codes (workspace_id, code, visit_key, expires_at)
         values (?1, ?2, ?3, ?5)
         on conflict do update set visit_key = ?3, expires_at = ?5 where expires_at <= ?4",
    )?;
    for code in wanted {
        let (now, until) = (micros(now), micros(until));
        if take.execute(params![workspace.0, code, visit, now, until])? == 1 {
            return Ok(Some(code.clone()));
        }
    }
    Ok(None)
}
