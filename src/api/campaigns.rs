//! `/api/v1/campaigns`

use super::key::{Reader, Writer};
use super::list::{Items, Paging, configured};
use super::shapes::{Failure, checked_conditions, checked_name, wrong};
use crate::http_error::{HttpError, HttpResult, Json, Path, Query};
use crate::hub::{Hub, LiveSetup};
use crate::model::{Campaign, CampaignId, Conditions, SiteId};
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

/// A campaign of a site.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Campaign)]
struct CampaignView {
    id: CampaignId,
    site_id: SiteId,
    name: String,
    conditions: Conditions,
    /// Decides between equal weights: the smaller wins.
    position: i64,
}

fn show(campaign: &Campaign) -> CampaignView {
    CampaignView {
        id: campaign.id,
        site_id: campaign.site,
        name: campaign.name.clone(),
        conditions: campaign.conditions.clone(),
        position: campaign.position,
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewCampaign {
    site_id: SiteId,
    name: String,
    /// Without conditions nothing matches it, but a setting may name it.
    conditions: Option<Conditions>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CampaignChange {
    site_id: Option<SiteId>,
    name: Option<String>,
    conditions: Option<Conditions>,
    position: Option<i64>,
}

/// List the campaigns.
#[utoipa::path(get, path = "/campaigns", tag = "campaigns", params(Paging),
    responses((status = 200, body = Items<CampaignView>), Failure))]
async fn list(
    State(hub): State<Arc<Hub>>,
    Reader(caller): Reader,
    Query(paging): Query<Paging>,
) -> HttpResult<Json<Items<CampaignView>>> {
    let setup = hub.setups.of(caller.workspace).await?;
    configured(&setup.campaigns, paging, |one| one.id.0, show)
}

/// Add a campaign. Visits that come from now on are compared with it.
#[utoipa::path(post, path = "/campaigns", tag = "campaigns", request_body = NewCampaign,
    responses((status = 201, body = CampaignView), Failure))]
async fn create(
    State(hub): State<Arc<Hub>>,
    Writer(caller): Writer,
    Json(new): Json<NewCampaign>,
) -> HttpResult<(StatusCode, Json<CampaignView>)> {
    let workspace = caller.workspace;
    check_site(&*hub.setups.of(workspace).await?, new.site_id)?;
    let name = checked_name(&new.name)?;
    let conditions = checked_conditions(new.conditions.unwrap_or_default())?;
    let id = hub
        .store
        .add_campaign(workspace, new.site_id, &name, &conditions)
        .await?;
    caller.did(&hub, "campaign.create", id).await?;
    let setup = hub.setups.of(workspace).await?;
    Ok((StatusCode::CREATED, Json(show(found(&setup, id)?))))
}

/// Read a campaign.
#[utoipa::path(get, path = "/campaigns/{id}", tag = "campaigns", params(("id" = i64, Path)),
    responses((status = 200, body = CampaignView), Failure))]
async fn read(
    State(hub): State<Arc<Hub>>,
    Reader(caller): Reader,
    Path(id): Path<CampaignId>,
) -> HttpResult<Json<CampaignView>> {
    let setup = hub.setups.of(caller.workspace).await?;
    Ok(Json(show(found(&setup, id)?)))
}

/// Change a campaign: the fields that are given.
#[utoipa::path(method(patch, put), path = "/campaigns/{id}", tag = "campaigns",
    params(("id" = i64, Path)), request_body = CampaignChange,
    responses((status = 200, body = CampaignView), Failure))]
async fn change(
    State(hub): State<Arc<Hub>>,
    Writer(caller): Writer,
    Path(id): Path<CampaignId>,
    Json(change): Json<CampaignChange>,
) -> HttpResult<Json<CampaignView>> {
    let setup = hub.setups.of(caller.workspace).await?;
    let mut campaign = found(&setup, id)?.clone();
    if let Some(site) = change.site_id {
        check_site(&setup, site)?;
        campaign.site = site;
    }
    if let Some(name) = change.name {
        campaign.name = checked_name(&name)?;
    }
    if let Some(conditions) = change.conditions {
        campaign.conditions = checked_conditions(conditions)?;
    }
    campaign.position = change.position.unwrap_or(campaign.position);
    hub.store.save_campaign(caller.workspace, &campaign).await?;
    caller.did(&hub, "campaign.change", id).await?;
    Ok(Json(show(&campaign)))
}

/// Remove a campaign. What it was credited with keeps its name.
#[utoipa::path(delete, path = "/campaigns/{id}", tag = "campaigns", params(("id" = i64, Path)),
    responses((status = 204), Failure))]
async fn remove(
    State(hub): State<Arc<Hub>>,
    Writer(caller): Writer,
    Path(id): Path<CampaignId>,
) -> HttpResult<StatusCode> {
    found(&*hub.setups.of(caller.workspace).await?, id)?;
    hub.store
        .remove(caller.workspace, Removable::Campaign(id))
        .await?;
    caller.did(&hub, "campaign.remove", id).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn found(setup: &LiveSetup, id: CampaignId) -> HttpResult<&Campaign> {
    setup
        .campaign(id)
        .ok_or_else(|| HttpError::not_found(format!("campaign {id}")))
}

fn check_site(setup: &LiveSetup, site: SiteId) -> HttpResult<()> {
    match setup.site(site) {
        Some(_) => Ok(()),
        None => Err(wrong(
            "site_id",
            &format!("there is no site {site} in this workspace"),
        )),
    }
}
