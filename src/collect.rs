//! The door of the tracker: a message becomes a hit and its visit (tracking.md 7). Which visit it
//! is, is decided in `visits`; what its marks mean, in `credit`.

mod sender;

use crate::credit::{Geo, utm};
use crate::http_error::{HttpError, HttpResult, Unread, bounded};
use crate::hub::{Hub, LiveSetup};
use crate::link;
use crate::model::{Key, KeyKind, Marks, SiteId, Timestamp};
use crate::store::{HitFacts, PageFacts, StoreError};
use crate::visits::{self, Arrival, Bind, MAX_MESSAGE_BYTES, MessageKind, TrackerMessage};
use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use sender::Sender;
use serde_json::json;
use std::net::SocketAddr;
use std::sync::Arc;

/// Seconds after which the tracker may try again when nothing can be kept.
const RETRY_AFTER_S: u32 = 5;

/// The door at the configured path.
pub fn router(hub: Arc<Hub>) -> Router {
    let path = format!("{}/{{site_key}}", hub.config.tracker.path);
    Router::new().route(&path, post(collect)).with_state(hub)
}

async fn collect(
    State(hub): State<Arc<Hub>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Path(site_key): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> HttpResult<Response> {
    let received_at = hub.now();
    let (setup, site) = hub
        .setups
        .site_by_key(&site_key)
        .await
        .map_err(cannot_keep)?
        .ok_or_else(|| HttpError::not_found("this address"))?;
    let bytes = bounded(body, MAX_MESSAGE_BYTES)
        .await
        .map_err(|unread| match unread {
            Unread::TooLarge => HttpError::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "too_large",
                format!("a message has at most {MAX_MESSAGE_BYTES} bytes"),
            ),
            Unread::BrokenOff => HttpError::bad_request("the message ended before its length"),
        })?;
    let message = visits::read_message(&bytes)
        .map_err(|refused| HttpError::bad_request(refused.to_string()))?;
    let sender = Sender::read(&hub, &headers, peer);
    let facts = place(&hub, &setup, site, &message, sender, received_at).await?;
    let visit = facts.visit.clone();
    hub.store.record_hit(facts).await.map_err(cannot_keep)?;
    hub.wake.relink.notify_one();
    Ok(answer(&message, &visit))
}

/// What the message tells, with the visit it belongs to.
async fn place(
    hub: &Hub,
    setup: &LiveSetup,
    site: SiteId,
    message: &TrackerMessage,
    sender: Sender,
    received_at: Timestamp,
) -> HttpResult<HitFacts> {
    let rules = &setup.rules;
    let own_hosts = |host: &str| rules.is_own(host);
    let (at, _) = visits::corrected_time(message.at_ms, message.sent_ms, received_at);
    let marks = message
        .url
        .as_deref()
        .filter(|_| message.kind == MessageKind::PageView)
        .map(|url| utm::read(Some(url), message.referrer.as_deref(), &own_hosts));
    let workspace = setup.workspace.id;
    let from = at
        .saturating_sub(visits::CLICK_MEMORY)
        .unwrap_or(Timestamp::MIN);
    let to = at
        .saturating_add(visits::CLICK_MEMORY)
        .unwrap_or(Timestamp::MAX);
    let mut known = hub
        .store
        .visits_of(workspace, &message.visitor, from, to)
        .await
        .map_err(cannot_keep)?;
    let arrival = Arrival {
        message: &message.id,
        visitor: &message.visitor,
        visit: message.visit.as_deref(),
        at,
        page: marks.as_ref(),
    };
    known.retain(|visit| visit.site == site);
    let placement = visits::place(&arrival, &known, &own_hosts);
    let mut device = sender.device.clone();
    device.language = message.language.clone();
    device.screen_width = message.screen_width;
    Ok(HitFacts {
        workspace,
        site,
        message: message.id.clone(),
        visitor: message.visitor.clone(),
        visit: placement.key().to_owned(),
        at,
        received_at,
        keys: keys(message, marks.as_ref(), at),
        page: marks.map(|marks| page_facts(setup, site, message, marks, &sender.geo())),
        device,
        ip: Some(sender.ip.to_string()),
        country: sender.country,
        city: sender.city,
        is_robot: sender.is_robot || message.webdriver,
    })
}

fn page_facts(
    setup: &LiveSetup,
    site: SiteId,
    message: &TrackerMessage,
    marks: Marks,
    geo: &Geo<'_>,
) -> PageFacts {
    let classified = setup.rules.classify(Some(site), &marks, *geo);
    PageFacts {
        url: message.url.clone().unwrap_or_default(),
        title: message.title.clone(),
        marks,
        channel_group: classified.channel_group,
        campaign: classified.campaign.map(|matched| matched.id),
        source: classified.source.map(|matched| matched.id),
    }
}

/// Ids of other systems, clicks of the page, and what a binder reports.
fn keys(message: &TrackerMessage, marks: Option<&Marks>, at: Timestamp) -> Vec<Key> {
    let mut keys = visits::foreign_keys(&message.foreign);
    keys.extend(marks.into_iter().flat_map(visits::click_keys));
    keys.extend(message.bind.iter().flat_map(|bind| bound_keys(bind, at)));
    keys
}

/// A binder that knows neither chat nor visitor marks the moment.
fn bound_keys(bind: &Bind, at: Timestamp) -> Vec<Key> {
    if bind.chat.is_none() && bind.user.is_none() {
        return vec![link::mark_key(&bind.provider, at)];
    }
    visits::bind_keys(bind)
        .into_iter()
        .filter(|key| key.kind != KeyKind::ClientMark)
        .collect()
}

/// Nothing to say, or the ids that the browser must take over.
fn answer(message: &TrackerMessage, visit: &str) -> Response {
    let any_site = (
        header::ACCESS_CONTROL_ALLOW_ORIGIN,
        HeaderValue::from_static("*"),
    );
    if message.visit.as_deref() == Some(visit) {
        return (StatusCode::NO_CONTENT, [any_site]).into_response();
    }
    let ids = json!({ "v": visit, "c": message.visitor });
    ([any_site], axum::Json(ids)).into_response()
}

fn cannot_keep(cause: StoreError) -> HttpError {
    let mut refusal = HttpError::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "cannot_keep",
        "nothing can be stored now; send it again later",
    );
    refusal.retry_after_s = Some(RETRY_AFTER_S);
    tracing::error!(%cause, "A message of the tracker was refused because it cannot be stored");
    refusal
}
