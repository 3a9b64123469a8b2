//! `/api/v1/raw-events`: the inbox.

use super::key::{Reader, Writer};
use super::list::{Items, items, page};
use super::shapes::Failure;
use crate::http_error::{HttpError, HttpResult, Json, Path, Query};
use crate::hub::Hub;
use crate::model::{
    Address, CommunicationId, IntegrationId, RawEventId, RawState, SetAsideReason, Timestamp,
};
use crate::store::{RawFilter, RawRow, RawSelection};
use axum::extract::State;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

pub fn router() -> OpenApiRouter<Arc<Hub>> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(counts))
        .routes(routes!(replay_many))
        .routes(routes!(read))
        .routes(routes!(replay_one))
}

/// A raw event without its body.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RawEventLine)]
struct Line {
    id: RawEventId,
    integration_id: IntegrationId,
    provider: String,
    /// The door it came by: `chats`, `leads`, `channel` (then `channel` is set) or `fetched`.
    address: &'static str,
    channel: Option<String>,
    method: String,
    state: RawState,
    /// Why it was set aside.
    reason: Option<SetAsideReason>,
    detail: Option<String>,
    warnings: Vec<String>,
    #[schema(value_type = String, format = DateTime)]
    received_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    processed_at: Option<Timestamp>,
    size_bytes: u64,
    /// Communications it told of.
    communication_ids: Vec<CommunicationId>,
}

/// A raw event with its body.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RawEvent)]
struct Whole {
    #[serde(flatten)]
    line: Line,
    query: String,
    headers: Vec<HeaderLine>,
    /// The body when it is text (UTF-8).
    body: Option<String>,
    /// The body when it is not.
    body_base64: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Header)]
struct HeaderLine {
    name: String,
    value: String,
}

fn show(row: RawRow) -> Line {
    let (address, channel) = match row.event.address {
        Address::Chats => ("chats", None),
        Address::Leads => ("leads", None),
        Address::Channel(channel) => ("channel", Some(channel.as_str().to_string())),
        Address::Fetched => ("fetched", None),
    };
    Line {
        id: row.event.id,
        integration_id: row.event.integration,
        provider: row.event.provider,
        address,
        channel,
        method: row.event.method,
        state: row.state,
        reason: row.reason,
        detail: row.detail,
        warnings: row.warnings,
        received_at: row.event.received_at,
        processed_at: row.processed_at,
        size_bytes: row.size_bytes,
        communication_ids: row.communications,
    }
}

fn show_whole(mut row: RawRow) -> Whole {
    let query = std::mem::take(&mut row.event.query);
    let headers = std::mem::take(&mut row.event.headers)
        .into_iter()
        .map(|(name, value)| HeaderLine { name, value })
        .collect();
    let (body, body_base64) = match String::from_utf8(std::mem::take(&mut row.event.body)) {
        Ok(text) => (Some(text), None),
        Err(error) => (None, Some(BASE64.encode(error.as_bytes()))),
    };
    Whole {
        line: show(row),
        query,
        headers,
        body,
        body_base64,
    }
}

/// Which raw events, and which page of them.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Question {
    state: Option<RawState>,
    reason: Option<SetAsideReason>,
    integration_id: Option<IntegrationId>,
    /// Slug of the provider.
    provider: Option<String>,
    /// Those that told of this communication.
    communication_id: Option<CommunicationId>,
    /// 1–500 items, 50 by default.
    limit: Option<u32>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// List raw events, newest first.
#[utoipa::path(get, path = "/raw-events", tag = "raw events", params(Question),
    responses((status = 200, body = Items<Line>), Failure))]
async fn list(
    State(hub): State<Arc<Hub>>,
    Reader(caller): Reader,
    Query(question): Query<Question>,
) -> HttpResult<Json<Items<Line>>> {
    let request = page(question.limit, question.cursor)?;
    let filter = RawFilter {
        state: question.state,
        reason: question.reason,
        integration: question.integration_id,
        provider: question.provider,
        communication: question.communication_id,
    };
    let found = hub
        .store
        .raw_page(caller.workspace, &filter, &request)
        .await?;
    Ok(items(found, show))
}

/// How many raw events stand where.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RawEventCounts)]
struct Counts {
    pending: u64,
    done: u64,
    duplicate: u64,
    set_aside: u64,
    probe: u64,
}

/// Count the raw events by state.
#[utoipa::path(get, path = "/raw-events/counts", tag = "raw events",
    responses((status = 200, body = Counts), Failure))]
async fn counts(State(hub): State<Arc<Hub>>, Reader(caller): Reader) -> HttpResult<Json<Counts>> {
    let counts = hub.store.raw_counts(caller.workspace).await?;
    Ok(Json(Counts {
        pending: counts.pending,
        done: counts.done,
        duplicate: counts.duplicate,
        set_aside: counts.set_aside,
        probe: counts.probe,
    }))
}

/// Read a raw event with its body.
#[utoipa::path(get, path = "/raw-events/{id}", tag = "raw events", params(("id" = i64, Path)),
    responses((status = 200, body = Whole), Failure))]
async fn read(
    State(hub): State<Arc<Hub>>,
    Reader(caller): Reader,
    Path(id): Path<RawEventId>,
) -> HttpResult<Json<Whole>> {
    let row = hub.store.raw_event(caller.workspace, id).await?;
    Ok(Json(show_whole(row)))
}

/// How many raw events will be worked on again.
#[derive(Debug, Serialize, ToSchema)]
struct Replayed {
    replayed: u64,
}

/// Work on a raw event again, with the code and the settings of now.
#[utoipa::path(post, path = "/raw-events/{id}/replay", tag = "raw events",
    params(("id" = i64, Path)), responses((status = 202, body = Replayed), Failure))]
async fn replay_one(
    State(hub): State<Arc<Hub>>,
    Writer(caller): Writer,
    Path(id): Path<RawEventId>,
) -> HttpResult<(StatusCode, Json<Replayed>)> {
    let selection = RawSelection::Ids(vec![id]);
    let replayed = hub.store.replay_raw(caller.workspace, &selection).await?;
    if replayed == 0 {
        // A probe or one without its body has nothing to work on; else it is not there.
        hub.store.raw_event(caller.workspace, id).await?;
    }
    hub.wake.pipeline.notify_one();
    caller.note(&hub, "raw_event.replay", id).await?;
    Ok((StatusCode::ACCEPTED, Json(Replayed { replayed })))
}

/// Which raw events to work on again: `ids`, or all that have every given property.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Selection {
    /// Alone, without other properties.
    ids: Option<Vec<RawEventId>>,
    state: Option<RawState>,
    reason: Option<SetAsideReason>,
    integration_id: Option<IntegrationId>,
    /// Slug of the provider.
    provider: Option<String>,
    communication_id: Option<CommunicationId>,
}

/// Work on many raw events again, with the code and the settings of now.
#[utoipa::path(post, path = "/raw-events/replay", tag = "raw events", request_body = Selection,
    responses((status = 202, body = Replayed), Failure))]
async fn replay_many(
    State(hub): State<Arc<Hub>>,
    Writer(caller): Writer,
    Json(selection): Json<Selection>,
) -> HttpResult<(StatusCode, Json<Replayed>)> {
    let selection = checked(selection)?;
    let replayed = hub.store.replay_raw(caller.workspace, &selection).await?;
    hub.wake.pipeline.notify_one();
    caller
        .note(&hub, "raw_event.replay", format!("{replayed} raw events"))
        .await?;
    Ok((StatusCode::ACCEPTED, Json(Replayed { replayed })))
}

fn checked(selection: Selection) -> HttpResult<RawSelection> {
    let filter = RawFilter {
        state: selection.state,
        reason: selection.reason,
        integration: selection.integration_id,
        provider: selection.provider,
        communication: selection.communication_id,
    };
    let is_narrowed = filter.state.is_some()
        || filter.reason.is_some()
        || filter.integration.is_some()
        || filter.provider.is_some()
        || filter.communication.is_some();
    match (selection.ids, is_narrowed) {
        (Some(_), true) => Err(HttpError::bad_request("give either ids or properties")),
        (Some(ids), false) => Ok(RawSelection::Ids(ids)),
        (None, _) => Ok(RawSelection::Filter(filter)),
    }
}
