//! The door of the tracker: a message becomes a hit and its visit (tracking.md 7). Which visit it
//! is, is decided in `visits`; what its marks mean, in `credit`. The store says when the visit that
//! a message names must be cut, and refuses a cut that was overtaken; it is then decided again.

mod own_path;
mod sender;
mod signs;

use crate::credit::{Geo, utm};
use crate::http_error::{HttpError, HttpResult, Unread, bounded};
use crate::hub::{Hub, LiveSetup};
use crate::link;
use crate::model::{Key, KeyKind, Marks, SignWord, SiteId, Timestamp};
use crate::store::{
    Division, FamilyHit, GoalFacts, HitFacts, PageFacts, Recorded, StoreError, StoreResult,
    VisitPart,
};
use crate::visits::{
    self, Arrival, Bind, Incoming, MAX_MESSAGE_BYTES, MessageKind, Placement, Told, TrackerMessage,
};
use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use jiff::SignedDuration;
use own_path::OwnPath;
use sender::Sender;
use serde_json::json;
use signs::Board;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use tracing::debug;

/// Seconds after which the tracker may try again when nothing can be kept.
const RETRY_AFTER_S: u32 = 5;
/// Times the place of a message is decided again after other messages of its visitor were faster.
const TRIES: u32 = 16;
/// How long a code is nobody else's: until a day after it leads nowhere, because a visit may ask for
/// it again all day.
const CODE_KEPT: SignedDuration = SignedDuration::from_hours(31 * 24);
/// Codes tried before a visit goes without: a third of each length.
const CODES_TRIED: usize = 24;

/// Pages of any origin may read the answer.
const ANY_SITE: [(HeaderName, HeaderValue); 1] = [(
    header::ACCESS_CONTROL_ALLOW_ORIGIN,
    HeaderValue::from_static("*"),
)];

/// Adds a message to its visit; the real one is the store's.
pub type Record = Arc<dyn Fn(HitFacts) -> Recording + Send + Sync>;
type Recording = Pin<Box<dyn Future<Output = StoreResult<Recorded>> + Send>>;

/// The door at the configured paths, which records in the hub's store.
pub fn router(hub: Arc<Hub>) -> Router {
    let store = hub.store.clone();
    let record: Record = Arc::new(move |facts| {
        let store = store.clone();
        Box::pin(async move { store.record_hit(facts).await })
    });
    router_recording(hub, record)
}

/// The door with another way to record: benches compare the store with none.
pub fn router_recording(hub: Arc<Hub>, record: Record) -> Router {
    let hall = Arc::new(Hall {
        hub: hub.clone(),
        board: Board::default(),
        record,
    });
    let paths = hub.config.tracker.paths().into_iter();
    let routes = paths.fold(Router::new(), |routes, path| {
        routes.route(&format!("{path}/{{site_key}}"), post(collect))
    });
    routes.with_state(hall)
}

/// What all messages share.
struct Hall {
    hub: Arc<Hub>,
    board: Board,
    record: Record,
}

async fn collect(
    State(hall): State<Arc<Hall>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Path(site_key): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> HttpResult<Response> {
    let hub = &hall.hub;
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
    let incoming = visits::read_message(&bytes)
        .map_err(|refused| HttpError::bad_request(refused.to_string()))?;
    let own_path = setup
        .site(site)
        .and_then(|site| OwnPath::read(hub, site, &headers, peer));
    let mut message = match incoming {
        Incoming::Message(message) => message,
        Incoming::Signs(told) => {
            let is_refused = told.iter().any(|(_, word)| *word == SignWord::Refused);
            hall.board.note(hub, (&setup, site), &headers, told).await;
            let answer = (StatusCode::NO_CONTENT, ANY_SITE).into_response();
            return Ok(remembering(answer, own_path.filter(|_| is_refused), None));
        }
    };
    let remembered = own_path.as_ref().and_then(|own| own.visitor.clone());
    let replaced = remembered
        .filter(|visitor| *visitor != message.visitor)
        .map(|visitor| std::mem::replace(&mut message.visitor, visitor));
    let sender = Sender::read(hub, &headers, peer);
    let door = Door {
        hub,
        record: &hall.record,
        setup: &setup,
        site,
        received_at,
        replaced,
    };
    let kept = keep(&door, &message, &sender).await.map_err(cannot_keep)?;
    hub.wake.relink.notify_one();
    hall.board
        .hear(hub, (&setup, site), &headers, &message)
        .await;
    let answer = answer(&message, &kept, door.replaced.is_some());
    Ok(remembering(answer, own_path, Some(&message.visitor)))
}

/// Where and when a message came in.
struct Door<'a> {
    hub: &'a Hub,
    record: &'a Record,
    setup: &'a LiveSetup,
    site: SiteId,
    received_at: Timestamp,
    /// The visitor that the browser named, when the site's own cookie remembers another.
    replaced: Option<String>,
}

/// What the browser is told of a message.
struct Kept {
    /// Key of its visit.
    visit: String,
    /// Set when the message asked for it.
    code: Option<String>,
}

async fn keep(door: &Door<'_>, message: &TrackerMessage, sender: &Sender) -> StoreResult<Kept> {
    for _ in 1..TRIES {
        match try_to_keep(door, message, sender).await {
            Err(StoreError::Conflict(cause)) => {
                debug!(cause, "Another message of the visitor was faster");
            }
            result => return result,
        }
    }
    try_to_keep(door, message, sender).await
}

async fn try_to_keep(
    door: &Door<'_>,
    message: &TrackerMessage,
    sender: &Sender,
) -> StoreResult<Kept> {
    let store = &door.hub.store;
    let mut facts = facts(door, message, sender).await?;
    let code = match message.kind {
        MessageKind::Code => give_code(door, &facts).await?,
        _ => None,
    };
    facts
        .keys
        .extend(code.iter().map(|code| Key::new(KeyKind::Code, code)));
    let visit = match (door.record)(facts).await? {
        Recorded::Kept { visit, .. } => visit,
        Recorded::Mixed(facts) => {
            let family = store.visit_family(facts.workspace, &facts.visit).await?;
            store.divide_visit(division(*facts, &family)).await?
        }
    };
    Ok(Kept { visit, code })
}

/// The visit's code. `None` when there are far more live codes than digits to tell them apart.
async fn give_code(door: &Door<'_>, facts: &HitFacts) -> StoreResult<Option<String>> {
    let now = door.received_at;
    let until = now.saturating_add(CODE_KEPT).unwrap_or(Timestamp::MAX);
    let lengths = (0..CODES_TRIED).map(|tried| tried / (CODES_TRIED / 3));
    let wanted = lengths
        .map(|more| visits::code(rand::random(), more))
        .collect();
    let store = &door.hub.store;
    store
        .give_code(facts.workspace, &facts.visit, wanted, now, until)
        .await
}

/// Which visits the messages of a browser's id make, this one included.
fn division(facts: HitFacts, family: &[FamilyHit]) -> Division {
    let known = family.iter().map(|hit| Told {
        message: &hit.message,
        site: hit.site,
        at: hit.at,
        page: hit.marks.as_ref().filter(|_| !hit.arrival.is_empty()),
        visit: Some(hit.visit),
    });
    let new = Told {
        message: &facts.message,
        site: facts.site,
        at: facts.at,
        page: facts
            .page
            .as_ref()
            .filter(|page| !page.arrival.is_empty())
            .map(|page| &page.marks),
        visit: None,
    };
    let told: Vec<Told<'_>> = known.chain(std::iter::once(new)).collect();
    let parts = visits::divide(&facts.visit, &told).into_iter();
    let parts = parts
        .map(|part| VisitPart {
            key: part.key,
            alias: part.alias,
            visit: part.visit,
            messages: part
                .messages
                .into_iter()
                .map(|place| family.get(place).map(|hit| hit.id))
                .collect(),
        })
        .collect();
    Division {
        seen: family.len(),
        parts,
        facts,
    }
}

/// What the message tells, with the visit it names or, when it names none, the rules choose.
async fn facts(
    door: &Door<'_>,
    message: &TrackerMessage,
    sender: &Sender,
) -> StoreResult<HitFacts> {
    let rules = &door.setup.rules;
    let (at, _) = visits::corrected_time(message.at_ms, message.sent_ms, door.received_at);
    let marks = message
        .url
        .as_deref()
        .filter(|_| message.kind == MessageKind::PageView)
        .map(|url| {
            utm::read(Some(url), message.referrer.as_deref(), &|host| {
                rules.is_own(host)
            })
        });
    let (visit, known) = match &message.visit {
        Some(id) => (visits::family_key(id).to_owned(), None),
        None => match placed_by_rules(door, message, at, marks.as_ref()).await? {
            Placement::Same { visit, key } => (key, Some(visit)),
            Placement::New { key } => (key, None),
        },
    };
    let mut device = sender.device.clone();
    device.language = message.language.clone();
    device.screen_width = message.screen_width;
    Ok(HitFacts {
        workspace: door.setup.workspace.id,
        site: door.site,
        message: message.id.clone(),
        visitor: message.visitor.clone(),
        visit,
        known,
        at,
        received_at: door.received_at,
        keys: keys(door, message, marks.as_ref(), at),
        page: marks.map(|marks| page_facts(door, message, marks, &sender.geo())),
        goal: message.goal.as_ref().map(|goal| GoalFacts {
            name: goal.name.clone(),
            data: goal.data.clone(),
        }),
        device,
        ip: Some(sender.ip.to_string()),
        country: sender.country.clone(),
        city: sender.city.clone(),
        is_robot: sender.is_robot || message.webdriver,
    })
}

async fn placed_by_rules(
    door: &Door<'_>,
    message: &TrackerMessage,
    at: Timestamp,
    page: Option<&Marks>,
) -> StoreResult<Placement> {
    let from = at
        .saturating_sub(visits::CLICK_MEMORY)
        .unwrap_or(Timestamp::MIN);
    let to = at
        .saturating_add(visits::CLICK_MEMORY)
        .unwrap_or(Timestamp::MAX);
    let workspace = door.setup.workspace.id;
    let store = &door.hub.store;
    let mut known = store
        .visits_of(workspace, &message.visitor, from, to)
        .await?;
    known.retain(|visit| visit.site == door.site);
    let arrival = Arrival {
        message: &message.id,
        visitor: &message.visitor,
        at,
        page,
    };
    let rules = &door.setup.rules;
    Ok(visits::place(&arrival, &known, &|host| rules.is_own(host)))
}

fn page_facts(door: &Door<'_>, message: &TrackerMessage, marks: Marks, geo: &Geo<'_>) -> PageFacts {
    let rules = &door.setup.rules;
    let classified = rules.classify(Some(door.site), &marks, *geo);
    PageFacts {
        url: message.url.clone().unwrap_or_default(),
        title: message.title.clone(),
        arrival: match message.goes_on {
            true => String::new(),
            false => visits::source_of(&marks),
        },
        marks,
        channel_group: classified.channel_group,
        campaign: classified.campaign.map(|matched| matched.id),
        source: classified.source.map(|matched| matched.id),
    }
}

/// Ids of other systems, clicks of the page, what a binder reports, contacts of a lead, and the
/// visitor that widgets may have been told of before the cookie was asked.
fn keys(
    door: &Door<'_>,
    message: &TrackerMessage,
    marks: Option<&Marks>,
    at: Timestamp,
) -> Vec<Key> {
    let mut keys = visits::foreign_keys(&message.foreign);
    let replaced = door.replaced.iter();
    keys.extend(replaced.map(|visitor| Key::new(KeyKind::Visitor, visitor.as_str())));
    keys.extend(marks.into_iter().flat_map(visits::click_keys));
    keys.extend(message.bind.iter().flat_map(|bind| bound_keys(bind, at)));
    keys.extend(message.goal.iter().flat_map(visits::lead_keys));
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

/// The answer with the cookie of a site's own path: remembering a visitor, or nobody any more.
fn remembering(mut answer: Response, own_path: Option<OwnPath>, visitor: Option<&str>) -> Response {
    if let Some(cookie) = own_path.and_then(|own| own.cookie(visitor)) {
        answer.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    answer
}

/// Nothing to say, or the ids that the browser must take over, and the code when it asked for it.
fn answer(message: &TrackerMessage, kept: &Kept, is_other_visitor: bool) -> Response {
    let is_same = message.visit.as_deref() == Some(&kept.visit) && !is_other_visitor;
    if is_same && kept.code.is_none() {
        return (StatusCode::NO_CONTENT, ANY_SITE).into_response();
    }
    let mut told = json!({ "v": kept.visit, "c": message.visitor });
    if let Some(code) = &kept.code {
        told["code"] = json!(code);
    }
    (ANY_SITE, axum::Json(told)).into_response()
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
