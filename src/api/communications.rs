//! `/api/v1/communications`

mod view;

use super::key::Reader;
use super::list::{Items, items, page};
use super::shapes::Failure;
use crate::http_error::{HttpResult, Json, Path, Query};
use crate::hub::Hub;
use crate::model::{
    CampaignId, Communication, CommunicationId, CommunicationKind, IntegrationId, SourceId, Status,
    Strength, Timestamp, Visit, VisitId, WorkspaceId,
};
use crate::store::{CommunicationFilter, CommunicationSort};
use axum::extract::State;
use serde::Deserialize;
use std::collections::HashMap;
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use view::{CommunicationView, HistoryView, WholeCommunication};

pub fn router() -> OpenApiRouter<Arc<Hub>> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(read))
}

/// Which communications, and which page of them.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Question {
    /// Started not earlier.
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// Started earlier.
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
    kind: Option<CommunicationKind>,
    /// Slug of the provider.
    provider: Option<String>,
    integration_id: Option<IntegrationId>,
    /// Channel of the chat: `site`, `telegram`, …
    channel: Option<String>,
    status: Option<Status>,
    strength: Option<Strength>,
    campaign_id: Option<CampaignId>,
    source_id: Option<SourceId>,
    /// Words of the messages, a name, a phone or an e-mail; every word must occur.
    text: Option<String>,
    /// The provider's number.
    external_id: Option<String>,
    /// `newest` by default.
    #[serde(default)]
    sort: Sort,
    /// 1–500 items, 50 by default.
    limit: Option<u32>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Order of a list.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Sort {
    #[default]
    Newest,
    Oldest,
    /// The last changed first.
    Changed,
}

impl From<Sort> for CommunicationSort {
    fn from(sort: Sort) -> Self {
        match sort {
            Sort::Newest => CommunicationSort::NewestFirst,
            Sort::Oldest => CommunicationSort::OldestFirst,
            Sort::Changed => CommunicationSort::RecentlyChanged,
        }
    }
}

/// List communications with their visits, links, credits and receipts.
#[utoipa::path(get, path = "/communications", tag = "communications", params(Question),
    responses((status = 200, body = Items<CommunicationView>), Failure))]
async fn list(
    State(hub): State<Arc<Hub>>,
    Reader(caller): Reader,
    Query(question): Query<Question>,
) -> HttpResult<Json<Items<CommunicationView>>> {
    let request = page(question.limit, question.cursor)?;
    let filter = CommunicationFilter {
        from: question.from,
        to: question.to,
        kind: question.kind,
        provider: question.provider,
        integration: question.integration_id,
        channel: question.channel,
        status: question.status,
        strength: question.strength,
        campaign: question.campaign_id,
        source: question.source_id,
        external_id: question.external_id,
        text: question.text,
    };
    let workspace = caller.workspace;
    let setup = hub.setups.of(workspace).await?;
    let found = hub
        .store
        .communications_page(workspace, &filter, question.sort.into(), &request)
        .await?;
    let visits = linked_visits(&hub, workspace, &found.items).await?;
    Ok(items(found, |communication| {
        let visit = communication
            .link
            .visit
            .and_then(|id| visits.get(&id).cloned());
        view::show(&setup, communication, visit)
    }))
}

async fn linked_visits(
    hub: &Hub,
    workspace: WorkspaceId,
    communications: &[Communication],
) -> HttpResult<HashMap<VisitId, Visit>> {
    let mut ids: Vec<VisitId> = communications
        .iter()
        .filter_map(|one| one.link.visit)
        .collect();
    ids.sort_unstable();
    ids.dedup();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let visits = hub.store.visits_by_id(workspace, ids).await?;
    Ok(visits.into_iter().map(|visit| (visit.id, visit)).collect())
}

/// Read a communication with its raw events and its history.
#[utoipa::path(get, path = "/communications/{id}", tag = "communications",
    params(("id" = i64, Path)), responses((status = 200, body = WholeCommunication), Failure))]
async fn read(
    State(hub): State<Arc<Hub>>,
    Reader(caller): Reader,
    Path(id): Path<CommunicationId>,
) -> HttpResult<Json<WholeCommunication>> {
    let workspace = caller.workspace;
    let setup = hub.setups.of(workspace).await?;
    let communication = hub.store.communication(workspace, id).await?;
    let visits = linked_visits(&hub, workspace, std::slice::from_ref(&communication)).await?;
    let history = hub.store.history(workspace, id).await?;
    let visit = visits.into_values().next();
    Ok(Json(WholeCommunication {
        raw_event_ids: hub.store.raw_ids(workspace, id).await?,
        history: history
            .into_iter()
            .map(|entry| HistoryView::new(&setup, entry))
            .collect(),
        communication: view::show(&setup, communication, visit),
    }))
}
