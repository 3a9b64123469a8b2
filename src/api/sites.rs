//! `/api/v1/sites`

use super::key::{Reader, Writer};
use super::list::{Items, Paging, configured};
use super::shapes::{Failure, checked_name, wrong};
use crate::http_error::{HttpError, HttpResult, Json, Path, Query};
use crate::hub::{Hub, Vault};
use crate::model::{Site, SiteId};
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

/// A site.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Site)]
struct SiteView {
    id: SiteId,
    /// Lower case, without `www.`.
    host: String,
    name: String,
    /// Key of the tracker on this site.
    key: String,
    /// The script for its pages.
    script_url: String,
    /// Where the script sends its messages.
    hits_url: String,
}

fn show(hub: &Hub, site: &Site) -> SiteView {
    SiteView {
        id: site.id,
        host: site.host.clone(),
        name: site.name.clone(),
        key: site.key.clone(),
        script_url: hub.script_url(site),
        hits_url: hub.hits_url(site),
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewSite {
    /// A host, or an address of one of its pages.
    host: String,
    /// The host by default.
    name: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SiteChange {
    host: Option<String>,
    name: Option<String>,
}

/// List the sites.
#[utoipa::path(get, path = "/sites", tag = "sites", params(Paging),
    responses((status = 200, body = Items<SiteView>), Failure))]
async fn list(
    State(hub): State<Arc<Hub>>,
    Reader(caller): Reader,
    Query(paging): Query<Paging>,
) -> HttpResult<Json<Items<SiteView>>> {
    let setup = hub.setups.of(caller.workspace).await?;
    configured(
        &setup.sites,
        paging,
        |site| site.id.0,
        |site| show(&hub, site),
    )
}

/// Add a site.
#[utoipa::path(post, path = "/sites", tag = "sites", request_body = NewSite,
    responses((status = 201, body = SiteView), Failure))]
async fn create(
    State(hub): State<Arc<Hub>>,
    Writer(caller): Writer,
    Json(new): Json<NewSite>,
) -> HttpResult<(StatusCode, Json<SiteView>)> {
    let host = checked_host(&new.host)?;
    let name = checked_name(new.name.as_deref().unwrap_or(&host))?;
    let key = Vault::short_key();
    let id = hub
        .store
        .add_site(caller.workspace, &host, &name, &key)
        .await?;
    caller.did(&hub, "site.create", id).await?;
    let site = Site {
        id,
        workspace: caller.workspace,
        host,
        name,
        key,
    };
    Ok((StatusCode::CREATED, Json(show(&hub, &site))))
}

/// Read a site.
#[utoipa::path(get, path = "/sites/{id}", tag = "sites", params(("id" = i64, Path)),
    responses((status = 200, body = SiteView), Failure))]
async fn read(
    State(hub): State<Arc<Hub>>,
    Reader(caller): Reader,
    Path(id): Path<SiteId>,
) -> HttpResult<Json<SiteView>> {
    let setup = hub.setups.of(caller.workspace).await?;
    let site = setup.site(id).ok_or_else(|| not_found(id))?;
    Ok(Json(show(&hub, site)))
}

/// Change a site: the fields that are given.
#[utoipa::path(method(patch, put), path = "/sites/{id}", tag = "sites", params(("id" = i64, Path)),
    request_body = SiteChange, responses((status = 200, body = SiteView), Failure))]
async fn change(
    State(hub): State<Arc<Hub>>,
    Writer(caller): Writer,
    Path(id): Path<SiteId>,
    Json(change): Json<SiteChange>,
) -> HttpResult<Json<SiteView>> {
    let setup = hub.setups.of(caller.workspace).await?;
    let mut site = setup.site(id).ok_or_else(|| not_found(id))?.clone();
    if let Some(host) = change.host {
        site.host = checked_host(&host)?;
    }
    if let Some(name) = change.name {
        site.name = checked_name(&name)?;
    }
    hub.store.save_site(&site).await?;
    caller.did(&hub, "site.change", id).await?;
    Ok(Json(show(&hub, &site)))
}

/// Remove a site. What was credited keeps its name.
#[utoipa::path(delete, path = "/sites/{id}", tag = "sites", params(("id" = i64, Path)),
    responses((status = 204), Failure))]
async fn remove(
    State(hub): State<Arc<Hub>>,
    Writer(caller): Writer,
    Path(id): Path<SiteId>,
) -> HttpResult<StatusCode> {
    let setup = hub.setups.of(caller.workspace).await?;
    setup.site(id).ok_or_else(|| not_found(id))?;
    hub.store
        .remove(caller.workspace, Removable::Site(id))
        .await?;
    caller.did(&hub, "site.remove", id).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn checked_host(text: &str) -> HttpResult<String> {
    Site::host_of(text).ok_or_else(|| wrong("host", "give a host, like example.com"))
}

fn not_found(id: SiteId) -> HttpError {
    HttpError::not_found(format!("site {id}"))
}
