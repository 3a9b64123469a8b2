//! `/api/v1/integrations`

use super::key::{Reader, Writer};
use super::list::{Items, Paging, configured};
use super::shapes::{Failure, checked_name, given, wrong};
use crate::http_error::{FieldProblem, HttpError, HttpResult, Json, Path, Query};
use crate::hub::{Addresses, Doors, Hub, LiveSetup};
use crate::model::{Integration, IntegrationId, IntegrationSettings, SiteId, Timestamp};
use crate::providers::settings::{self, Existing};
use crate::providers::{self, Provider};
use crate::store::{IntegrationRow, NewIntegration, Removable};
use axum::extract::State;
use http::{Method, StatusCode};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::sync::Arc;
use std::time::Duration;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

pub fn router() -> OpenApiRouter<Arc<Hub>> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(read, change, remove))
        .routes(routes!(rotate_token))
}

/// A configured account of a provider.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Integration)]
struct IntegrationView {
    id: IntegrationId,
    /// Slug of the provider.
    provider: String,
    /// Null: one account serves several sites.
    site_id: Option<SiteId>,
    name: String,
    active: bool,
    /// Settings of all providers and those of this one; secrets are `***`.
    #[schema(value_type = Object)]
    settings: Map<String, Value>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// What to give to the provider. Null when the hub's encryption key is another one than when
    /// the integration was made: rotate the token.
    addresses: Option<Addresses>,
    /// Addresses from before the token was rotated work until then.
    #[schema(value_type = Option<String>, format = DateTime)]
    old_addresses_until: Option<Timestamp>,
}

async fn show(hub: &Hub, integration: &Integration) -> HttpResult<IntegrationView> {
    let provider = provider_of(&integration.provider)?;
    let doors = Doors {
        leads: provider.has_leads_address(),
        channels: provider.has_channel_addresses(),
    };
    let (addresses, old_addresses_until) = hub.addresses(integration, doors).await?;
    Ok(IntegrationView {
        id: integration.id,
        provider: integration.provider.clone(),
        site_id: integration.site,
        name: integration.name.clone(),
        active: integration.active,
        settings: settings::show(provider, &integration.settings),
        created_at: integration.created_at,
        addresses,
        old_addresses_until,
    })
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewIntegrationFields {
    /// Slug of the provider.
    provider: String,
    /// Null when one account serves several sites.
    site_id: Option<SiteId>,
    /// The provider's title by default.
    name: Option<String>,
    /// On by default.
    active: Option<bool>,
    /// Settings of all providers and those of this one.
    #[serde(default)]
    #[schema(value_type = Object)]
    settings: Map<String, Value>,
}

/// A change. Fields that only the hub sets are taken, so that an answer may be sent back, and change
/// nothing.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct IntegrationChange {
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<SiteId>)]
    site_id: Option<Option<SiteId>>,
    name: Option<String>,
    active: Option<bool>,
    /// PATCH: those that are given are changed, null takes one away. PUT: all of them. A secret
    /// sent as `***` stays.
    #[schema(value_type = Option<Object>)]
    settings: Option<Map<String, Value>>,
    #[serde(rename = "id")]
    #[schema(ignore)]
    _id: Option<IgnoredAny>,
    /// The same as it is; it cannot be changed.
    provider: Option<String>,
    #[serde(rename = "created_at")]
    #[schema(ignore)]
    _created_at: Option<IgnoredAny>,
    #[serde(rename = "addresses")]
    #[schema(ignore)]
    _addresses: Option<IgnoredAny>,
    #[serde(rename = "old_addresses_until")]
    #[schema(ignore)]
    _old_addresses_until: Option<IgnoredAny>,
}

/// List the integrations.
#[utoipa::path(get, path = "/integrations", tag = "integrations", params(Paging),
    responses((status = 200, body = Items<IntegrationView>), Failure))]
async fn list(
    State(hub): State<Arc<Hub>>,
    Reader(caller): Reader,
    Query(paging): Query<Paging>,
) -> HttpResult<Json<Items<IntegrationView>>> {
    let setup = hub.setups.of(caller.workspace).await?;
    let Json(page) = configured(&setup.integrations, paging, |one| one.id.0, Arc::clone)?;
    let mut items = Vec::with_capacity(page.items.len());
    for integration in page.items {
        items.push(show(&hub, &integration).await?);
    }
    Ok(Json(Items {
        items,
        next_cursor: page.next_cursor,
    }))
}

/// Add an integration and get its addresses.
#[utoipa::path(post, path = "/integrations", tag = "integrations",
    request_body = NewIntegrationFields,
    responses((status = 201, body = IntegrationView), Failure))]
async fn create(
    State(hub): State<Arc<Hub>>,
    Writer(caller): Writer,
    Json(new): Json<NewIntegrationFields>,
) -> HttpResult<(StatusCode, Json<IntegrationView>)> {
    let setup = hub.setups.of(caller.workspace).await?;
    let provider = providers::find(&new.provider).ok_or_else(|| unknown_provider(&new.provider))?;
    check_site(&setup, new.site_id)?;
    let active = new.active.unwrap_or(true);
    let mut settings = read_settings(provider, &new.settings, None, active, &setup)?;
    hub.seal_secrets(&mut settings.own, settings::secret_names(provider));
    let new = NewIntegration {
        workspace: caller.workspace,
        provider: new.provider,
        site: new.site_id,
        name: checked_name(new.name.as_deref().unwrap_or(provider.title()))?,
        active,
        settings,
        token: hub.new_token(),
        created_at: hub.now(),
    };
    let id = hub.store.add_integration(new).await?;
    caller.did(&hub, "integration.create", id).await?;
    let setup = hub.setups.of(caller.workspace).await?;
    Ok((
        StatusCode::CREATED,
        Json(show(&hub, found(&setup, id)?).await?),
    ))
}

/// Read an integration with its addresses.
#[utoipa::path(get, path = "/integrations/{id}", tag = "integrations", params(("id" = i64, Path)),
    responses((status = 200, body = IntegrationView), Failure))]
async fn read(
    State(hub): State<Arc<Hub>>,
    Reader(caller): Reader,
    Path(id): Path<IntegrationId>,
) -> HttpResult<Json<IntegrationView>> {
    let setup = hub.setups.of(caller.workspace).await?;
    Ok(Json(show(&hub, found(&setup, id)?).await?))
}

/// Change an integration: the fields that are given.
#[utoipa::path(method(patch, put), path = "/integrations/{id}", tag = "integrations",
    params(("id" = i64, Path)), request_body = IntegrationChange,
    responses((status = 200, body = IntegrationView), Failure))]
async fn change(
    State(hub): State<Arc<Hub>>,
    Writer(caller): Writer,
    Path(id): Path<IntegrationId>,
    method: Method,
    Json(change): Json<IntegrationChange>,
) -> HttpResult<Json<IntegrationView>> {
    let setup = hub.setups.of(caller.workspace).await?;
    let before = found(&setup, id)?;
    let row = changed(&hub, &setup, before, change, method == Method::PUT)?;
    hub.store.save_integration(&row).await?;
    caller.did(&hub, "integration.change", id).await?;
    let setup = hub.setups.of(caller.workspace).await?;
    Ok(Json(show(&hub, found(&setup, id)?).await?))
}

/// The integration as it will be stored.
fn changed(
    hub: &Hub,
    setup: &LiveSetup,
    before: &Integration,
    change: IntegrationChange,
    is_whole: bool,
) -> HttpResult<IntegrationRow> {
    let provider = provider_of(&before.provider)?;
    if change.provider.is_some_and(|slug| slug != before.provider) {
        return Err(wrong(
            "provider",
            "it cannot be changed; add another integration",
        ));
    }
    let active = change.active.unwrap_or(before.active);
    let site = change.site_id.unwrap_or(before.site);
    if site != before.site {
        check_site(setup, site)?;
    }
    let mut settings = before.settings.clone();
    let is_switched_on = active && !before.active;
    if change.settings.is_some() || is_switched_on {
        let mut given = match is_whole && change.settings.is_some() {
            true => Map::new(),
            false => settings::show(provider, &before.settings),
        };
        given.extend(change.settings.unwrap_or_default());
        settings = read_settings(provider, &given, Some(&before.settings), active, setup)?;
    }
    hub.seal_secrets(&mut settings.own, settings::secret_names(provider));
    Ok(IntegrationRow {
        id: before.id,
        workspace: before.workspace,
        provider: before.provider.clone(),
        site,
        name: change
            .name
            .map_or(Ok(before.name.clone()), |name| checked_name(&name))?,
        active,
        settings,
        created_at: before.created_at,
    })
}

/// Remove an integration. Its addresses stop working, its communications stay.
#[utoipa::path(delete, path = "/integrations/{id}", tag = "integrations",
    params(("id" = i64, Path)), responses((status = 204), Failure))]
async fn remove(
    State(hub): State<Arc<Hub>>,
    Writer(caller): Writer,
    Path(id): Path<IntegrationId>,
) -> HttpResult<StatusCode> {
    found(&*hub.setups.of(caller.workspace).await?, id)?;
    hub.store
        .remove(caller.workspace, Removable::Integration(id))
        .await?;
    caller.did(&hub, "integration.remove", id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Give an integration new addresses. The old ones go on working until `old_addresses_until`.
#[utoipa::path(post, path = "/integrations/{id}/rotate-token", tag = "integrations",
    params(("id" = i64, Path)), responses((status = 200, body = IntegrationView), Failure))]
async fn rotate_token(
    State(hub): State<Arc<Hub>>,
    Writer(caller): Writer,
    Path(id): Path<IntegrationId>,
) -> HttpResult<Json<IntegrationView>> {
    let setup = hub.setups.of(caller.workspace).await?;
    let integration = found(&setup, id)?;
    let overlap = Duration::from_secs(86_400 * u64::from(hub.config.intake.token_overlap_days));
    let old_until = hub.now() + overlap;
    hub.store
        .rotate_token(caller.workspace, id, hub.new_token(), old_until)
        .await?;
    caller.did(&hub, "integration.rotate_token", id).await?;
    Ok(Json(show(&hub, integration).await?))
}

/// Reads settings and names every wrong one.
pub fn read_settings(
    provider: &dyn Provider,
    given: &Map<String, Value>,
    before: Option<&IntegrationSettings>,
    is_active: bool,
    setup: &LiveSetup,
) -> HttpResult<IntegrationSettings> {
    let LiveSetup {
        sites,
        campaigns,
        sources,
        employees,
        tags,
        ..
    } = setup;
    let existing = Existing::new(sites, campaigns, sources, employees, tags);
    settings::read(provider, given, before, is_active, &existing).map_err(|wrong| {
        let problem = |wrong: settings::Wrong| {
            FieldProblem::new(format!("settings.{}", wrong.field), wrong.detail)
        };
        HttpError::invalid(wrong.into_iter().map(problem).collect())
    })
}

pub fn found(setup: &LiveSetup, id: IntegrationId) -> HttpResult<&Arc<Integration>> {
    setup
        .integration(id)
        .ok_or_else(|| HttpError::not_found(format!("integration {id}")))
}

/// The provider of a stored integration.
pub fn provider_of(slug: &str) -> HttpResult<&'static dyn Provider> {
    providers::find(slug).ok_or_else(|| {
        HttpError::internal(anyhow::anyhow!(
            "a stored integration is of the unknown provider {slug}"
        ))
    })
}

fn unknown_provider(slug: &str) -> HttpError {
    let known: Vec<&str> = providers::ALL
        .iter()
        .map(|provider| provider.slug())
        .collect();
    wrong(
        "provider",
        &format!(
            "there is no provider {slug:?}; give one of: {}",
            known.join(", ")
        ),
    )
}

fn check_site(setup: &LiveSetup, site: Option<SiteId>) -> HttpResult<()> {
    match site.filter(|id| setup.site(*id).is_none()) {
        Some(id) => Err(wrong(
            "site_id",
            &format!("there is no site {id} in this workspace"),
        )),
        None => Ok(()),
    }
}
