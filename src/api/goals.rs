//! `/api/v1/goals`

use super::key::Reader;
use super::list::{Items, items, page};
use super::shapes::Failure;
use crate::http_error::{HttpResult, Json, Query};
use crate::hub::{Hub, LiveSetup};
use crate::model::{ChannelGroup, Goal, GoalId, Named, SiteId, Timestamp, VisitId};
use crate::store::{GoalFilter, GoalOfVisit, Removable};
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

pub fn router() -> OpenApiRouter<Arc<Hub>> {
    OpenApiRouter::new().routes(routes!(list))
}

/// What a visitor did, as the site named it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Goal)]
pub struct GoalView {
    id: GoalId,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    name: String,
    /// What the site told with it, as it came.
    #[schema(value_type = Object)]
    data: Map<String, Value>,
    /// The site whose page told it.
    site: Option<Named>,
}

pub fn show(setup: &LiveSetup, goal: Goal) -> GoalView {
    GoalView {
        id: goal.id,
        at: goal.at,
        name: goal.name,
        data: goal.data,
        site: setup.named(Removable::Site(goal.site)),
    }
}

/// A goal with the visit it belongs to.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = GoalOfVisit)]
struct GoalOfVisitView {
    #[serde(flatten)]
    goal: GoalView,
    visit: VisitOfGoal,
}

/// What a goal is credited with.
#[derive(Debug, Serialize, ToSchema)]
struct VisitOfGoal {
    id: VisitId,
    /// The visit id of the tracker, `v…`.
    key: String,
    channel_group: ChannelGroup,
    campaign: Option<Named>,
    source: Option<Named>,
}

fn show_with_visit(setup: &LiveSetup, of: GoalOfVisit) -> GoalOfVisitView {
    let visit = of.visit;
    GoalOfVisitView {
        goal: show(setup, of.goal),
        visit: VisitOfGoal {
            id: visit.id,
            key: visit.key,
            channel_group: visit.channel_group,
            campaign: visit
                .campaign
                .and_then(|id| setup.named(Removable::Campaign(id))),
            source: visit
                .source
                .and_then(|id| setup.named(Removable::Source(id))),
        },
    }
}

/// Which goals, and which page of them.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Question {
    /// Reached not earlier.
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// Reached earlier.
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
    /// As the site told it, letter case too.
    name: Option<String>,
    /// The site whose page told it.
    site_id: Option<SiteId>,
    visit_id: Option<VisitId>,
    /// 1–500 items, 50 by default.
    limit: Option<u32>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// List goals, newest first.
#[utoipa::path(get, path = "/goals", tag = "goals", params(Question),
    responses((status = 200, body = Items<GoalOfVisitView>), Failure))]
async fn list(
    State(hub): State<Arc<Hub>>,
    Reader(caller): Reader,
    Query(question): Query<Question>,
) -> HttpResult<Json<Items<GoalOfVisitView>>> {
    let request = page(question.limit, question.cursor)?;
    let filter = GoalFilter {
        from: question.from,
        to: question.to,
        name: question.name,
        site: question.site_id,
        visit: question.visit_id,
        ..GoalFilter::default()
    };
    let setup = hub.setups.of(caller.workspace).await?;
    let found = hub
        .store
        .goals_page(caller.workspace, &filter, &request)
        .await?;
    Ok(items(found, |goal| show_with_visit(&setup, goal)))
}
