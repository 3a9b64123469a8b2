//! `/api/v1/rules`: the order of channel groups, and applying all rules to the past.

use super::key::{Reader, Writer};
use super::shapes::Failure;
use crate::credit::ChannelRules;
use crate::http_error::{FieldProblem, HttpError, HttpResult, Json};
use crate::hub::Hub;
use crate::model::Workspace;
use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

pub fn router() -> OpenApiRouter<Arc<Hub>> {
    OpenApiRouter::new()
        .routes(routes!(read, change))
        .routes(routes!(reapply))
}

/// The first rule that holds decides; what none takes is direct.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ChannelRules)]
struct Channels {
    /// `{"standard":"paid_search"}`, or a rule of one's own
    /// `{"name":…,"group":"paid_search","conditions":{…}}`.
    #[schema(value_type = Vec<Object>)]
    rules: ChannelRules,
}

#[derive(Serialize, ToSchema)]
struct Reconsidered {
    /// Communications that are decided anew in the background.
    communications: u64,
}

/// Read the rules of channel groups in their order.
#[utoipa::path(get, path = "/rules/channels", tag = "rules",
    responses((status = 200, body = Channels), Failure))]
async fn read(State(hub): State<Arc<Hub>>, Reader(caller): Reader) -> HttpResult<Json<Channels>> {
    let setup = hub.setups.of(caller.workspace).await?;
    Ok(Json(Channels {
        rules: in_force(&setup.workspace),
    }))
}

fn in_force(workspace: &Workspace) -> ChannelRules {
    let own = workspace.channel_rules.clone();
    own.and_then(|rules| serde_json::from_value(rules).ok())
        .unwrap_or_default()
}

/// Replace the rules of channel groups; an empty list brings the built-in ones back. New visits and
/// communications follow them at once, older ones when they are applied to the past.
#[utoipa::path(put, path = "/rules/channels", tag = "rules", request_body = Channels,
    responses((status = 200, body = Channels), Failure))]
async fn change(
    State(hub): State<Arc<Hub>>,
    Writer(caller): Writer,
    Json(wanted): Json<Channels>,
) -> HttpResult<Json<Channels>> {
    wanted
        .rules
        .validate()
        .map_err(|wrong| HttpError::invalid(vec![FieldProblem::new("rules", wrong)]))?;
    let setup = hub.setups.of(caller.workspace).await?;
    let own = match wanted.rules.0.is_empty() {
        true => None,
        false => Some(serde_json::to_value(&wanted.rules).expect("rules are plain JSON")),
    };
    let workspace = Workspace {
        channel_rules: own,
        ..setup.workspace.clone()
    };
    hub.store.save_workspace(&workspace).await?;
    caller.did(&hub, "rules.channels", workspace.id).await?;
    Ok(Json(Channels {
        rules: in_force(&workspace),
    }))
}

/// Decide every communication anew by the rules in force; what changes keeps its history.
#[utoipa::path(post, path = "/rules/reapply", tag = "rules",
    responses((status = 202, body = Reconsidered), Failure))]
async fn reapply(
    State(hub): State<Arc<Hub>>,
    Writer(caller): Writer,
) -> HttpResult<(StatusCode, Json<Reconsidered>)> {
    let communications = hub.store.touch_all(caller.workspace).await?;
    hub.wake.relink.notify_one();
    caller.did(&hub, "rules.reapply", caller.workspace).await?;
    Ok((StatusCode::ACCEPTED, Json(Reconsidered { communications })))
}
