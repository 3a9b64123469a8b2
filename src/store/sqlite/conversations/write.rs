//! A unit of work: all of it or nothing.

use super::*;

/// A communication and its new events as they are stored.
pub(super) struct Documents {
    communication: String,
    events: Vec<String>,
}

/// Made before the writer is asked: it is one for all and has enough to do.
pub(super) fn documents(work: &UnitOfWork) -> StoreResult<Vec<Documents>> {
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

pub(super) fn commit(
    connection: &Connection,
    work: &UnitOfWork,
    documents: &[Documents],
) -> StoreResult<()> {
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

pub(super) fn write_outcome(
    connection: &Connection,
    outcome: &RawOutcome,
    now: Timestamp,
) -> StoreResult<()> {
    let warnings = match outcome.warnings.as_slice() {
        [] => None,
        some => Some(to_json(&some)?),
    };
    connection
        .prepare_cached(
            "update raw_events set state = ?3, reason = ?4, detail = ?5, warnings = ?6,
                processed_at = ?7
             where id = ?1 and workspace_id = ?2 and state = 'pending'",
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

pub(super) fn write_communication(
    connection: &Connection,
    write: &CommunicationWrite,
    documents: &Documents,
    now: Timestamp,
    seq: i64,
) -> StoreResult<()> {
    let communication = &write.communication;
    let workspace = communication.workspace;
    let document = &documents.communication;
    refuse_near(connection, write)?;
    let id = if communication.version == 0 {
        insert_communication(connection, communication, document, seq)?
    } else {
        update_communication(connection, communication, document, seq)?;
        communication.id.0
    };
    if let Some(other) = write.moved_to {
        move_events(connection, id, other)?;
    }
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

pub(super) fn subject_kind(communication: &Communication) -> i64 {
    if communication.is_card() {
        CARD
    } else {
        COMMUNICATION
    }
}

/// All conversations without a number that are near an event are one, and somebody may have opened
/// another since that was read.
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
        // What is read anew stays where it is.
        if home(connection, &query, *kind)?.is_some_and(|known| known.id == communication.id) {
            continue;
        }
        let mut near = near(connection, &query, *kind, any_of)?.into_iter();
        if near.any(|id| communication.version == 0 || id != communication.id) {
            return Err(StoreError::Conflict(
                "a conversation near in time was opened meanwhile".into(),
            ));
        }
    }
    Ok(())
}

/// The other communication has the events from now on, and the keys that lead to them: it is written
/// after this one.
fn move_events(connection: &Connection, id: i64, to: CommunicationId) -> StoreResult<()> {
    connection
        .prepare_cached("update events set communication_id = ?2 where communication_id = ?1")?
        .execute([id, to.0])?;
    connection
        .prepare_cached("delete from keys where subject_kind = ?1 and subject_id = ?2")?
        .execute([COMMUNICATION, id])?;
    Ok(())
}

/// Whatever could change the decision and was committed after it was read would be missed: nobody
/// would ever look at the two together. That is a visit with one of the keys, or the news of another
/// communication with the same contact. What this very unit writes is looked at after it.
pub(super) fn refuse_unseen(
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

pub(super) fn insert_communication(
    connection: &Connection,
    communication: &Communication,
    document: &str,
    seq: i64,
) -> StoreResult<i64> {
    let inserted = connection
        .prepare_cached(
            "insert into communications (workspace_id, integration_id, provider, kind, external_id,
                channel, status, strength, credit_step, campaign_id, source_id, visit_id,
                started_at, received_at, silence_at, hidden, changed, version, document,
                contact_name)
             values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, 1,
                ?18, ?19)
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
            communication.contact.name,
        ])?;
    if inserted == 0 {
        return Err(StoreError::Conflict(
            "the communication was opened meanwhile".into(),
        ));
    }
    Ok(connection.last_insert_rowid())
}

pub(super) fn update_communication(
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
                version = version + 1, document = ?15, contact_name = ?17
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
            communication.contact.name,
        ])?;
    if updated == 0 {
        return Err(StoreError::Conflict(
            "the communication was changed meanwhile".into(),
        ));
    }
    Ok(())
}

/// Adds an event, or gives a known one its new content or the arrival that counts.
pub(super) fn put_event(
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
pub(super) fn write_keys(
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
pub(super) fn stored_forms(key: &Key) -> Vec<Key> {
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
pub(super) fn drop_keys(
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
