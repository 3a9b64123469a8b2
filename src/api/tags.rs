//! `/api/v1/tags`

use super::key::{Reader, Writer};
use super::list::{Items, Paging, configured};
use super::shapes::{Failure, checked_name, named};
use crate::http_error::{HttpError, HttpResult, Json, Path, Query};
use crate::hub::Hub;
use crate::model::{Named, Tag, TagId};
use crate::store::Removable;
use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

pub fn router() -> OpenApiRouter<Arc<Hub>> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(read, change, remove))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TagFields)]
struct Fields {
    name: String,
}

/// List the tags.
#[utoipa::path(get, path = "/tags", tag = "tags", params(Paging),
    responses((status = 200, body = Items<Named>), Failure))]
async fn list(
    State(hub): State<Arc<Hub>>,
    Reader(caller): Reader,
    Query(paging): Query<Paging>,
) -> HttpResult<Json<Items<Named>>> {
    let setup = hub.setups.of(caller.workspace).await?;
    configured(
        &setup.tags,
        paging,
        |one| one.id.0,
        |one| named(one.id.0, &one.name),
    )
}

/// Add a tag.
#[utoipa::path(post, path = "/tags", tag = "tags", request_body = Fields,
    responses((status = 201, body = Named), Failure))]
async fn create(
    State(hub): State<Arc<Hub>>,
    Writer(caller): Writer,
    Json(fields): Json<Fields>,
) -> HttpResult<(StatusCode, Json<Named>)> {
    let name = checked_name(&fields.name)?;
    let id = hub.store.add_tag(caller.workspace, &name).await?;
    caller.did(&hub, "tag.create", id).await?;
    Ok((StatusCode::CREATED, Json(named(id.0, &name))))
}

/// Read a tag.
#[utoipa::path(get, path = "/tags/{id}", tag = "tags", params(("id" = i64, Path)),
    responses((status = 200, body = Named), Failure))]
async fn read(
    State(hub): State<Arc<Hub>>,
    Reader(caller): Reader,
    Path(id): Path<TagId>,
) -> HttpResult<Json<Named>> {
    let setup = hub.setups.of(caller.workspace).await?;
    let found = setup.tag(id).ok_or_else(|| not_found(id))?;
    Ok(Json(named(id.0, &found.name)))
}

/// Rename a tag.
#[utoipa::path(method(patch, put), path = "/tags/{id}", tag = "tags",
    params(("id" = i64, Path)), request_body = Fields,
    responses((status = 200, body = Named), Failure))]
async fn change(
    State(hub): State<Arc<Hub>>,
    Writer(caller): Writer,
    Path(id): Path<TagId>,
    Json(fields): Json<Fields>,
) -> HttpResult<Json<Named>> {
    let setup = hub.setups.of(caller.workspace).await?;
    setup.tag(id).ok_or_else(|| not_found(id))?;
    let name = checked_name(&fields.name)?;
    let tag = Tag { id, name };
    hub.store.save_tag(caller.workspace, &tag).await?;
    caller.did(&hub, "tag.change", id).await?;
    Ok(Json(named(id.0, &tag.name)))
}

/// Remove a tag. Communications keep the name.
#[utoipa::path(delete, path = "/tags/{id}", tag = "tags", params(("id" = i64, Path)),
    responses((status = 204), Failure))]
async fn remove(
    State(hub): State<Arc<Hub>>,
    Writer(caller): Writer,
    Path(id): Path<TagId>,
) -> HttpResult<StatusCode> {
    let setup = hub.setups.of(caller.workspace).await?;
    setup.tag(id).ok_or_else(|| not_found(id))?;
    hub.store
        .remove(caller.workspace, Removable::Tag(id))
        .await?;
    caller.did(&hub, "tag.remove", id).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn not_found(id: TagId) -> HttpError {
    HttpError::not_found(format!("tag {id}"))
}
