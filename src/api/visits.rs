//! `/api/v1/visits`

use super::goals::{self, GoalView};
use super::key::Reader;
use super::list::{Items, items, page};
use super::shapes::{Failure, UtmFields};
use crate::http_error::{HttpResult, Json, Path, Query};
use crate::hub::{Hub, LiveSetup};
use crate::model::{
    ChannelGroup, Device, Hit, HitId, Named, SiteId, Timestamp, Visit, VisitId, VisitorId,
};
use crate::store::{Removable, VisitFilter};
use axum::extract::State;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

pub fn router() -> OpenApiRouter<Arc<Hub>> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(read))
}

/// One stay on a site, with the marks of its first page.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Visit)]
pub struct VisitView {
    pub id: VisitId,
    /// The visit id of the tracker, `v…`.
    pub key: String,
    pub visitor_id: VisitorId,
    /// The visitor id of the tracker, `c…`.
    pub visitor_key: String,
    pub site: Option<Named>,
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    pub last_hit_at: Timestamp,
    pub entry_page: Option<String>,
    pub referrer: Option<String>,
    #[serde(flatten)]
    pub utm: UtmFields,
    /// Parameter to value, letter case kept.
    pub click_ids: BTreeMap<String, String>,
    pub channel_group: ChannelGroup,
    pub campaign: Option<Named>,
    pub source: Option<Named>,
    #[schema(value_type = Object)]
    pub device: Device,
    pub ip: Option<String>,
    pub country: Option<String>,
    pub city: Option<String>,
    pub is_robot: bool,
    pub hit_count: u32,
}

pub fn show(setup: &LiveSetup, visit: Visit) -> VisitView {
    VisitView {
        id: visit.id,
        key: visit.key,
        visitor_id: visit.visitor,
        visitor_key: visit.visitor_key,
        site: setup.named(Removable::Site(visit.site)),
        started_at: visit.started_at,
        last_hit_at: visit.last_hit_at,
        entry_page: visit.marks.entry_page,
        referrer: visit.marks.referrer,
        utm: visit.marks.utm.into(),
        click_ids: visit.marks.click_ids,
        channel_group: visit.channel_group,
        campaign: visit
            .campaign
            .and_then(|id| setup.named(Removable::Campaign(id))),
        source: visit
            .source
            .and_then(|id| setup.named(Removable::Source(id))),
        device: visit.device,
        ip: visit.ip,
        country: visit.country,
        city: visit.city,
        is_robot: visit.is_robot,
        hit_count: visit.hits,
    }
}

/// A visit with its pages and goals.
#[derive(Debug, Serialize, ToSchema)]
struct WholeVisit {
    #[serde(flatten)]
    visit: VisitView,
    /// Oldest first, at most 500.
    hits: Vec<HitView>,
    /// Oldest first, at most 500.
    goals: Vec<GoalView>,
    /// What a communication may be linked by.
    keys: Vec<KeyView>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Hit)]
struct HitView {
    id: HitId,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    url: String,
    title: Option<String>,
}

impl From<Hit> for HitView {
    fn from(hit: Hit) -> Self {
        HitView {
            id: hit.id,
            at: hit.at,
            url: hit.url,
            title: hit.title,
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Key)]
struct KeyView {
    kind: &'static str,
    value: String,
}

/// Which visits, and which page of them.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Question {
    /// Begun not earlier.
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// Begun earlier.
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
    site_id: Option<SiteId>,
    /// The visit id of the tracker, `v…`.
    key: Option<String>,
    /// The visitor id of the tracker, `c…`.
    visitor: Option<String>,
    channel_group: Option<ChannelGroup>,
    /// 1–500 items, 50 by default.
    limit: Option<u32>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// List visits, newest first.
#[utoipa::path(get, path = "/visits", tag = "visits", params(Question),
    responses((status = 200, body = Items<VisitView>), Failure))]
async fn list(
    State(hub): State<Arc<Hub>>,
    Reader(caller): Reader,
    Query(question): Query<Question>,
) -> HttpResult<Json<Items<VisitView>>> {
    let request = page(question.limit, question.cursor)?;
    let filter = VisitFilter {
        from: question.from,
        to: question.to,
        site: question.site_id,
        key: question.key,
        visitor: question.visitor,
        channel_group: question.channel_group,
    };
    let setup = hub.setups.of(caller.workspace).await?;
    let found = hub
        .store
        .visits_page(caller.workspace, &filter, &request)
        .await?;
    Ok(items(found, |visit| show(&setup, visit)))
}

/// Read a visit with its pages and goals.
#[utoipa::path(get, path = "/visits/{id}", tag = "visits", params(("id" = i64, Path)),
    responses((status = 200, body = WholeVisit), Failure))]
async fn read(
    State(hub): State<Arc<Hub>>,
    Reader(caller): Reader,
    Path(id): Path<VisitId>,
) -> HttpResult<Json<WholeVisit>> {
    let setup = hub.setups.of(caller.workspace).await?;
    let found = hub.store.visit(caller.workspace, id).await?;
    let key = |key: crate::model::Key| KeyView {
        kind: key.kind.as_str(),
        value: key.value,
    };
    let goals = found.goals.into_iter();
    Ok(Json(WholeVisit {
        goals: goals.map(|goal| goals::show(&setup, goal)).collect(),
        visit: show(&setup, found.visit),
        hits: found.hits.into_iter().map(HitView::from).collect(),
        keys: found.keys.into_iter().map(key).collect(),
    }))
}
