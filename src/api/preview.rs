//! `/api/v1/integrations/{id}/preview-mapping`: what a stored raw event would give with other
//! settings. Nothing is stored.

use super::integrations::{found, provider_of, read_settings};
use super::key::Reader;
use super::shapes::{Failure, wrong};
use crate::http_error::{HttpResult, Json, Path};
use crate::hub::Hub;
use crate::model::{IntegrationId, RawEventId, SetAsideReason};
use crate::providers::settings;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

pub fn router() -> OpenApiRouter<Arc<Hub>> {
    OpenApiRouter::new().routes(routes!(preview_mapping))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Question {
    /// A raw event of this integration.
    raw_event_id: RawEventId,
    /// Settings to try instead of those in force; the rest stays.
    #[serde(default)]
    #[schema(value_type = Object)]
    settings: Map<String, Value>,
}

/// What would become of the raw event.
#[derive(Serialize, ToSchema)]
struct Preview {
    /// What the raw event says, in our words.
    #[schema(value_type = Vec<Object>)]
    events: Vec<Value>,
    /// Records that would have to be read over the provider's REST API first.
    fetches: usize,
    warnings: Vec<String>,
    /// Set when it would not be used.
    set_aside: Option<SetAsideView>,
}

#[derive(Serialize, ToSchema)]
struct SetAsideView {
    reason: SetAsideReason,
    detail: String,
}

/// Try settings on a stored raw event.
#[utoipa::path(post, path = "/integrations/{id}/preview-mapping", tag = "integrations",
    params(("id" = i64, Path)), request_body = Question,
    responses((status = 200, body = Preview), Failure))]
async fn preview_mapping(
    State(hub): State<Arc<Hub>>,
    Reader(caller): Reader,
    Path(id): Path<IntegrationId>,
    Json(question): Json<Question>,
) -> HttpResult<Json<Preview>> {
    let setup = hub.setups.of(caller.workspace).await?;
    let integration = found(&setup, id)?;
    let provider = provider_of(&integration.provider)?;
    let mut given = settings::show(provider, &integration.settings);
    given.extend(question.settings);
    let settings = read_settings(provider, &given, Some(&integration.settings), false, &setup)?;
    let raw = hub
        .store
        .raw_event(caller.workspace, question.raw_event_id)
        .await?
        .event;
    if raw.integration != id {
        return Err(wrong(
            "raw_event_id",
            "this raw event came to another integration",
        ));
    }
    Ok(Json(match provider.normalize(&raw, &settings) {
        Ok(normalized) => Preview {
            events: normalized
                .events
                .iter()
                .map(|event| serde_json::json!(event))
                .collect(),
            fetches: normalized.fetches.len(),
            warnings: normalized.warnings,
            set_aside: None,
        },
        Err(set_aside) => Preview {
            events: Vec::new(),
            fetches: 0,
            warnings: Vec::new(),
            set_aside: Some(SetAsideView {
                reason: set_aside.reason,
                detail: set_aside.detail,
            }),
        },
    }))
}
