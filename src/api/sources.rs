//! `/api/v1/sources`

use super::key::{Reader, Writer};
use super::list::{Items, Paging, configured};
use super::shapes::{Failure, checked_conditions, checked_name, given};
use crate::http_error::{HttpError, HttpResult, Json, Path, Query};
use crate::hub::{Hub, LiveSetup};
use crate::model::{ChannelGroup, Conditions, Source, SourceId};
use crate::store::Removable;
use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

pub fn router() -> OpenApiRouter<Arc<Hub>> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(read, change, remove))
}

/// A source of the workspace.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Source)]
struct SourceView {
    id: SourceId,
    name: String,
    channel_group: Option<ChannelGroup>,
    conditions: Conditions,
    /// Of several that match, the one with the highest wins.
    priority: i64,
}

fn show(source: &Source) -> SourceView {
    SourceView {
        id: source.id,
        name: source.name.clone(),
        channel_group: source.channel_group,
        conditions: source.conditions.clone(),
        priority: source.priority,
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewSource {
    name: String,
    channel_group: Option<ChannelGroup>,
    /// Without conditions nothing matches it, but a setting may name it.
    conditions: Option<Conditions>,
    /// By default higher than all others.
    priority: Option<i64>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SourceChange {
    name: Option<String>,
    /// Null takes it away.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<ChannelGroup>)]
    channel_group: Option<Option<ChannelGroup>>,
    conditions: Option<Conditions>,
    priority: Option<i64>,
}

/// List the sources.
#[utoipa::path(get, path = "/sources", tag = "sources", params(Paging),
    responses((status = 200, body = Items<SourceView>), Failure))]
async fn list(
    State(hub): State<Arc<Hub>>,
    Reader(caller): Reader,
    Query(paging): Query<Paging>,
) -> HttpResult<Json<Items<SourceView>>> {
    let setup = hub.setups.of(caller.workspace).await?;
    configured(&setup.sources, paging, |one| one.id.0, show)
}

/// Add a source. Visits that come from now on are compared with it.
#[utoipa::path(post, path = "/sources", tag = "sources", request_body = NewSource,
    responses((status = 201, body = SourceView), Failure))]
async fn create(
    State(hub): State<Arc<Hub>>,
    Writer(caller): Writer,
    Json(new): Json<NewSource>,
) -> HttpResult<(StatusCode, Json<SourceView>)> {
    let workspace = caller.workspace;
    let name = checked_name(&new.name)?;
    let conditions = checked_conditions(new.conditions.unwrap_or_default())?;
    let group = new.channel_group;
    let id = hub
        .store
        .add_source(workspace, &name, group, &conditions, new.priority)
        .await?;
    caller.did(&hub, "source.create", id).await?;
    let setup = hub.setups.of(workspace).await?;
    Ok((StatusCode::CREATED, Json(show(found(&setup, id)?))))
}

/// Read a source.
#[utoipa::path(get, path = "/sources/{id}", tag = "sources", params(("id" = i64, Path)),
    responses((status = 200, body = SourceView), Failure))]
async fn read(
    State(hub): State<Arc<Hub>>,
    Reader(caller): Reader,
    Path(id): Path<SourceId>,
) -> HttpResult<Json<SourceView>> {
    let setup = hub.setups.of(caller.workspace).await?;
    Ok(Json(show(found(&setup, id)?)))
}

/// Change a source: the fields that are given.
#[utoipa::path(method(patch, put), path = "/sources/{id}", tag = "sources",
    params(("id" = i64, Path)), request_body = SourceChange,
    responses((status = 200, body = SourceView), Failure))]
async fn change(
    State(hub): State<Arc<Hub>>,
    Writer(caller): Writer,
    Path(id): Path<SourceId>,
    Json(change): Json<SourceChange>,
) -> HttpResult<Json<SourceView>> {
    let setup = hub.setups.of(caller.workspace).await?;
    let mut source = found(&setup, id)?.clone();
    if let Some(name) = change.name {
        source.name = checked_name(&name)?;
    }
    if let Some(conditions) = change.conditions {
        source.conditions = checked_conditions(conditions)?;
    }
    source.channel_group = change.channel_group.unwrap_or(source.channel_group);
    source.priority = change.priority.unwrap_or(source.priority);
    hub.store.save_source(caller.workspace, &source).await?;
    caller.did(&hub, "source.change", id).await?;
    Ok(Json(show(&source)))
}

/// Remove a source. What it was credited with keeps its name.
#[utoipa::path(delete, path = "/sources/{id}", tag = "sources", params(("id" = i64, Path)),
    responses((status = 204), Failure))]
async fn remove(
    State(hub): State<Arc<Hub>>,
    Writer(caller): Writer,
    Path(id): Path<SourceId>,
) -> HttpResult<StatusCode> {
    found(&*hub.setups.of(caller.workspace).await?, id)?;
    hub.store
        .remove(caller.workspace, Removable::Source(id))
        .await?;
    caller.did(&hub, "source.remove", id).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn found(setup: &LiveSetup, id: SourceId) -> HttpResult<&Source> {
    setup
        .source(id)
        .ok_or_else(|| HttpError::not_found(format!("source {id}")))
}
