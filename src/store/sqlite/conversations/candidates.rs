//! Visits that share a key with a communication.

use super::*;

pub(super) fn find_visits(
    connection: &Connection,
    query: &CandidateQuery,
) -> StoreResult<Vec<Found>> {
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

pub(super) fn visits_of_key(
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
             order by visits.started_at desc, visits.key desc limit ?4"
        ))?
        .query_map(
            params![query.workspace.0, kind.as_str(), key.value, VISITS_OF_A_KEY],
            |row| Ok((read_visit(row)?, get_time(row, AFTER_VISIT)?)),
        )?
        .collect::<Result<Vec<_>, _>>()?;
    for (named, key_at) in rows {
        let open = open_visit(connection, query, named.visitor, found)?;
        let told_on = match kind {
            KeyKind::BoundChat | KeyKind::BoundUser | KeyKind::ClientMark => {
                told_on(connection, named.id, key)?
            }
            _ => Vec::new(),
        };
        found.push(Found {
            key: key.clone(),
            seen_as: kind,
            key_at,
            told_on,
            named,
            open,
            through: None,
            through_name: None,
        });
    }
    Ok(())
}

/// A visit with more messages is that of a program.
const MESSAGES_LOOKED_AT: i64 = 5_000;

/// Sites of the messages by which a visit got a key.
fn told_on(connection: &Connection, visit: VisitId, key: &Key) -> StoreResult<Vec<SiteId>> {
    let sites = connection
        .prepare_cached(
            "select distinct site_id from
                 (select site_id, keys from hits where visit_id = ?1 limit ?3)
             where instr(keys, ?2) > 0 order by site_id",
        )?
        .query_map(
            params![visit.0, to_json(&key.value)?, MESSAGES_LOOKED_AT],
            |row| row.get(0).map(SiteId),
        )?
        .collect::<Result<_, _>>()?;
    Ok(sites)
}

/// Visits of other communications with the same contact, where those are surely linked.
pub(super) fn visits_of_contact(
    connection: &Connection,
    query: &CandidateQuery,
    key: &Key,
    found: &mut Vec<Found>,
) -> StoreResult<()> {
    let rows = connection
        .prepare_cached(concat!(
            "select ",
            visit_columns!(),
            ", keys.at, communications.id, communications.contact_name
             from keys
             join communications on communications.id = keys.subject_id
             join visits on visits.id = communications.visit_id
             where keys.workspace_id = ?1 and keys.kind = ?2 and keys.value = ?3
                 and keys.subject_kind = 2 and communications.strength in ('exact', 'strong')
                 and communications.id <> ?4 and communications.hidden = 0
             order by visits.started_at desc, visits.key desc limit ?5"
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
        let open = open_visit(connection, query, named.visitor, found)?;
        found.push(Found {
            key: key.clone(),
            seen_as: key.kind,
            key_at,
            told_on: Vec::new(),
            named,
            open,
            through: Some(through),
            through_name,
        });
    }
    Ok(())
}

/// The visitor's latest visit that began not later than the moment and not before the window; several
/// keys often lead to one visitor.
pub(super) fn open_visit(
    connection: &Connection,
    query: &CandidateQuery,
    visitor: VisitorId,
    found: &[Found],
) -> StoreResult<Option<Visit>> {
    if let Some(known) = found.iter().find(|known| known.named.visitor == visitor) {
        return Ok(known.open.clone());
    }
    Ok(connection
        .prepare_cached(concat!(
            "select ",
            visit_columns!(),
            " from visits
             where visitor_id = ?1 and started_at between ?2 and ?3
             order by started_at desc, key desc limit 1"
        ))?
        .query_row(
            params![visitor.0, micros(query.not_before), micros(query.around)],
            read_visit,
        )
        .optional()?)
}
