//! What is stored of a conversation: its communication, events, client and neighbors in time.

use super::*;

/// `{integration}:{client}` of a communication, for its card changes.
pub(super) fn client_of(communication: &Communication) -> Option<String> {
    communication
        .keys
        .iter()
        .find(|key| key.kind == KeyKind::Client)
        .map(|key| key.value.clone())
}

pub(super) fn conversation(
    connection: &Connection,
    query: &ConversationQuery,
) -> StoreResult<ConversationState> {
    let known = match &query.subject {
        Subject::Numbered { kind, external_id } => {
            by_number(connection, query, *kind, external_id)?
        }
        Subject::Client { client } => by_number(
            connection,
            query,
            CommunicationKind::OfflineLead,
            &Communication::card_id(client),
        )?,
        Subject::Near { kind, any_of } => return near_state(connection, query, *kind, any_of),
    };
    let is_card = matches!(query.subject, Subject::Client { .. });
    let client = query.client.as_deref();
    state(connection, query.workspace, known, client, is_card)
}

/// The communication that has the event, or else the oldest of those that are near; and the others.
fn near_state(
    connection: &Connection,
    query: &ConversationQuery,
    kind: CommunicationKind,
    any_of: &[(String, u32)],
) -> StoreResult<ConversationState> {
    let mut found: Vec<_> = home(connection, query, kind)?.into_iter().collect();
    let home = found.first().map(|known| known.id);
    for id in near(connection, query, kind, any_of)? {
        if home != Some(id) {
            found.extend(by_id(connection, query.workspace, id)?);
        }
    }
    let mut found = found.into_iter();
    let client = query.client.as_deref();
    let mut state = state(connection, query.workspace, found.next(), client, false)?;
    for other in found {
        let events = events_of(connection, other.id)?;
        state.others.push((other, events));
    }
    Ok(state)
}

/// The communication that already has this very event.
pub(super) fn home(
    connection: &Connection,
    query: &ConversationQuery,
    kind: CommunicationKind,
) -> StoreResult<Option<Communication>> {
    Ok(connection
        .prepare_cached(
            "select communications.id, version, document from events
             join communications on communications.id = events.communication_id
             where events.integration_id = ?1 and events.dedup_key = ?2
                 and communications.kind = ?3 and communications.workspace_id = ?4",
        )?
        .query_row(
            params![
                query.integration.0,
                query.dedup_key,
                kind.as_str(),
                query.workspace.0
            ],
            read_communication,
        )
        .optional()?)
}

pub(super) fn by_number(
    connection: &Connection,
    query: &ConversationQuery,
    kind: CommunicationKind,
    external_id: &str,
) -> StoreResult<Option<Communication>> {
    Ok(connection
        .prepare_cached(
            "select id, version, document from communications
             where integration_id = ?1 and kind = ?2 and external_id = ?3 and workspace_id = ?4",
        )?
        .query_row(
            params![
                query.integration.0,
                kind.as_str(),
                external_id,
                query.workspace.0
            ],
            read_communication,
        )
        .optional()?)
}

/// The communications of the same kind of which some event has one of the texts and is near enough,
/// the oldest first. One whose events were all taken back counts when there is no other.
pub(super) fn near(
    connection: &Connection,
    query: &ConversationQuery,
    kind: CommunicationKind,
    any_of: &[(String, u32)],
) -> StoreResult<Vec<CommunicationId>> {
    let mut statement = connection.prepare_cached(
        "select distinct communications.hidden, communications.id from keys
         join communications on communications.id = keys.subject_id
         where keys.workspace_id = ?1 and keys.kind = 'near' and keys.value between ?2 and ?3
             and keys.subject_kind = 2 and communications.kind = ?4",
    )?;
    let mut found: Vec<(bool, CommunicationId)> = Vec::new();
    for (text, seconds) in any_of {
        let (at, gap) = (micros(query.at), i64::from(*seconds) * 1_000_000);
        let from = near_key(query.integration.0, text, at - gap);
        let to = near_key(query.integration.0, text, at + gap);
        let near = statement.query_map(
            params![query.workspace.0, from.value, to.value, kind.as_str()],
            |row| Ok((row.get(0)?, CommunicationId(row.get(1)?))),
        )?;
        for one in near {
            found.push(one?);
        }
    }
    found.sort_unstable();
    found.dedup();
    let shown = found.iter().filter(|(is_hidden, _)| !is_hidden).count();
    found.truncate(shown.max(1));
    Ok(found.into_iter().map(|(_, id)| id).collect())
}

/// The stored form of a text of `Subject::Near` at a moment: one for each event, ordered by time
/// within a text. The text itself, which may be long and a contact, is not repeated.
pub(super) fn near_key(integration: i64, text: &str, at: i64) -> Key {
    let hash = data_encoding::HEXLOWER.encode(&Sha256::digest(text.as_bytes())[..16]);
    let at = at.max(0);
    Key::new(KeyKind::Near, format!("{integration}:{hash}@{at:020}"))
}

pub(super) fn state(
    connection: &Connection,
    workspace: WorkspaceId,
    communication: Option<Communication>,
    client: Option<&str>,
    is_card: bool,
) -> StoreResult<ConversationState> {
    let events = match &communication {
        Some(known) => events_of(connection, known.id)?,
        None => Vec::new(),
    };
    let mut state = ConversationState {
        communication,
        events,
        ..Default::default()
    };
    if let Some(client) = client {
        let subject = if is_card { COMMUNICATION } else { CARD };
        for one in of_client(connection, workspace, client, subject)? {
            let events = events_of(connection, one.id)?;
            match is_card {
                true => state.siblings.push(sibling(&one, &events)),
                false => state.client_events.extend(events),
            }
        }
    }
    Ok(state)
}

/// Shown communications with the client, or the card changes that are a lead of his.
pub(super) fn of_client(
    connection: &Connection,
    workspace: WorkspaceId,
    client: &str,
    subject_kind: i64,
) -> StoreResult<Vec<Communication>> {
    Ok(connection
        .prepare_cached(
            "select communications.id, version, document
             from keys join communications on communications.id = keys.subject_id
             where keys.workspace_id = ?1 and keys.kind = 'client' and keys.value = ?2
                 and keys.subject_kind = ?3
                 and (keys.subject_kind = 3 or communications.hidden = 0)
             order by keys.subject_id desc limit ?4",
        )?
        .query_map(
            params![workspace.0, client, subject_kind, CARDS_OF_A_CLIENT],
            read_communication,
        )?
        .collect::<Result<_, _>>()?)
}

pub(super) fn sibling(communication: &Communication, events: &[StoredEvent]) -> Sibling {
    let last_message = communication
        .messages
        .iter()
        .map(|message| message.at)
        .max();
    let until = communication.finished_at.max(last_message);
    let mut contact = Contact::default();
    for told in events.iter().map(|stored| &stored.event.contact) {
        contact.phones.extend(told.phones.iter().cloned());
        contact.emails.extend(told.emails.iter().cloned());
    }
    Sibling {
        id: communication.id,
        from: communication.started_at,
        until: until.map_or(communication.started_at, |until| {
            until.max(communication.started_at)
        }),
        contact,
    }
}

pub(super) fn events_of(
    connection: &Connection,
    id: CommunicationId,
) -> StoreResult<Vec<StoredEvent>> {
    Ok(connection
        .prepare_cached(
            "select raw_event_id, received_at, body from events where communication_id = ?1",
        )?
        .query_map([id.0], |row| {
            Ok(StoredEvent {
                raw_event: RawEventId(row.get(0)?),
                received_at: get_time(row, 1)?,
                event: get_json(row, 2)?,
            })
        })?
        .collect::<Result<_, _>>()?)
}
