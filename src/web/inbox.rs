//! Inbox: every raw event with what became of it, and its replay.

use super::communications::address;
use super::form::{Form, html, to};
use super::integration_form::with_none;
use super::integrations::provider_title;
use super::parts::{Badge, Choice, Notice, Pager};
use super::{Editor, Menu, Page, Person};
use crate::http_error::HttpResult;
use crate::hub::Hub;
use crate::model::{Address, CommunicationId, IntegrationId, RawEventId, RawState, SetAsideReason};
use crate::store::{PageRequest, RawCounts, RawFilter, RawRow, RawSelection, Removable};
use askama::Template;
use axum::Router;
use axum::extract::{Path, Query};
use axum::response::Response;
use axum::routing::{get, post};
use serde::Deserialize;
use std::sync::Arc;

/// Rows of a page.
const ROWS: u32 = 50;
/// Rows read at a time when they are counted, and how many times at most.
const COUNTED_ROWS: u32 = 500;
const COUNTED_PAGES: usize = 20;

pub fn router() -> Router<Arc<Hub>> {
    Router::new()
        .route("/inbox", get(list))
        .route("/inbox/replay", get(confirm).post(replay_all))
        .route("/inbox/{id}/replay", post(replay))
}

/// The state of the view, as it stands in the address.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    state: String,
    integration: String,
    reason: String,
    communication: String,
    cursor: String,
    done: String,
}

impl Asked {
    fn address(&self, path: &str, cursor: &str) -> String {
        let parts = [
            ("state", self.state.as_str()),
            ("integration", &self.integration),
            ("reason", &self.reason),
            ("communication", &self.communication),
            ("cursor", cursor),
        ];
        address(path, &parts)
    }

    fn filter(&self) -> RawFilter {
        RawFilter {
            state: RawState::parse(&self.state),
            reason: SetAsideReason::parse(&self.reason),
            integration: self.integration.parse().ok().map(IntegrationId),
            provider: None,
            communication: self.communication.parse().ok().map(CommunicationId),
        }
    }
}

async fn list(person: Person, Query(asked): Query<Asked>) -> HttpResult<Response> {
    let page = person.page(Menu::Inbox);
    let (store, workspace) = (&person.hub.store, person.workspace());
    let filter = asked.filter();
    let request = PageRequest {
        limit: ROWS,
        cursor: Some(asked.cursor.clone()).filter(|cursor| !cursor.is_empty()),
    };
    let found = store.raw_page(workspace, &filter, &request).await?;
    let counts = store.raw_counts(workspace).await?;
    let rows: Vec<InboxRow> = found
        .items
        .iter()
        .map(|row| InboxRow::new(&page, &person, row))
        .collect();
    let integrations = person.setup.integrations.iter().map(|one| {
        let chosen = filter.integration == Some(one.id);
        Choice::new(one.id.to_string(), &one.name, chosen)
    });
    let reasons = SetAsideReason::ALL.map(|reason| {
        let title = page.word("reason", reason.as_str());
        Choice::new(reason.as_str(), title, filter.reason == Some(reason))
    });
    html(&InboxPage {
        states: states(&page, &filter, &counts),
        integrations: with_none(page.text("inbox.all_integrations"), integrations.collect()),
        reasons: with_none(page.text("inbox.all_reasons"), reasons.to_vec()),
        any_filter: !asked.address("", "").is_empty(),
        pager: Pager {
            shown: page.fill(
                "communications.found_on_page",
                "n",
                page.number(rows.len() as u64),
            ),
            first: request
                .cursor
                .is_some()
                .then(|| asked.address("/inbox", "")),
            next: found.next.map(|next| asked.address("/inbox", &next)),
        },
        rows,
        replay_address: asked.address("/inbox/replay", ""),
        notice: Notice::done(&page, "inbox", &asked.done),
        page,
    })
}

/// Buttons of the states with how many stand there.
fn states(page: &Page, filter: &RawFilter, counts: &RawCounts) -> Vec<Choice> {
    let states = RawState::ALL.map(|state| {
        let title = page.raw_state(state).text;
        let title = match count(counts, state) {
            0 => title,
            n => format!("{title} {}", page.number(n)),
        };
        Choice::new(state.as_str(), title, filter.state == Some(state))
    });
    with_none(page.text("communications.any"), states.to_vec())
}

fn count(counts: &RawCounts, state: RawState) -> u64 {
    match state {
        RawState::Pending => counts.pending,
        RawState::Done => counts.done,
        RawState::Duplicate => counts.duplicate,
        RawState::SetAside => counts.set_aside,
        RawState::Probe => counts.probe,
    }
}

/// By which door it came, in words.
pub fn door(page: &Page, address: &Address) -> String {
    match address {
        Address::Chats => page.text("door.chats").to_owned(),
        Address::Leads => page.text("door.leads").to_owned(),
        Address::Fetched => page.text("door.fetched").to_owned(),
        Address::Channel(channel) => page.channel(channel),
    }
}

/// Name of an integration, also of a removed one.
pub fn integration_name(person: &Person, id: IntegrationId, provider: &str) -> String {
    match person.setup.named(Removable::Integration(id)) {
        Some(named) => named.name,
        None => provider_title(provider),
    }
}

async fn replay(Editor(person): Editor, Path(id): Path<i64>, form: Form) -> HttpResult<Response> {
    let (hub, workspace) = (&person.hub, person.workspace());
    let id = RawEventId(id);
    hub.store.raw_event(workspace, id).await?;
    let selection = RawSelection::Ids(vec![id]);
    let sent = hub.store.replay_raw(workspace, &selection).await?;
    hub.wake.pipeline.notify_one();
    person.audit("raw_event.replay", id).await?;
    let done = if sent == 0 {
        "not_replayable"
    } else {
        "replayed"
    };
    match form.has("from_list") {
        true => Ok(to(format!("/inbox?done={done}"))),
        false => Ok(to(format!("/inbox/{id}?done={done}"))),
    }
}

/// Says how many would be processed again, before it is done.
async fn confirm(Editor(person): Editor, Query(asked): Query<Asked>) -> HttpResult<Response> {
    let page = person.page(Menu::Inbox);
    let (n, is_more) = replayable(&person, &asked.filter()).await?;
    let number = page.number(n);
    html(&ReplayPage {
        count: match is_more {
            true => page.fill("inbox.more_than", "n", number),
            false => number,
        },
        is_empty: n == 0,
        address: asked.address("/inbox/replay", ""),
        back: asked.address("/inbox", ""),
        page,
    })
}

/// How many of a selection can be processed again; the second: there are more.
async fn replayable(person: &Person, filter: &RawFilter) -> HttpResult<(u64, bool)> {
    let mut request = PageRequest {
        limit: COUNTED_ROWS,
        cursor: None,
    };
    let mut n = 0;
    for _ in 0..COUNTED_PAGES {
        let store = &person.hub.store;
        let found = store.raw_page(person.workspace(), filter, &request).await?;
        let can = |row: &&RawRow| {
            row.state != RawState::Probe && row.reason != Some(SetAsideReason::TooLarge)
        };
        n += found.items.iter().filter(can).count() as u64;
        if found.next.is_none() {
            return Ok((n, false));
        }
        request.cursor = found.next;
    }
    Ok((n, true))
}

async fn replay_all(Editor(person): Editor, Query(asked): Query<Asked>) -> HttpResult<Response> {
    let hub = &person.hub;
    let selection = RawSelection::Filter(asked.filter());
    let sent = hub.store.replay_raw(person.workspace(), &selection).await?;
    hub.wake.pipeline.notify_one();
    let filter = asked.address("", "");
    person
        .audit("raw_event.replay_many", format!("{sent} {filter}"))
        .await?;
    let back = Asked::default().address("/inbox", "");
    Ok(to(format!("{back}?done=replayed")))
}

#[derive(Template)]
#[template(path = "replay.html")]
pub struct ReplayPage {
    pub page: Page,
    pub count: String,
    pub is_empty: bool,
    pub address: String,
    pub back: String,
}

#[derive(Template)]
#[template(path = "inbox.html", blocks = ["list"])]
pub struct InboxPage {
    pub page: Page,
    /// Offered as buttons; the empty value means all.
    pub states: Vec<Choice>,
    pub integrations: Vec<Choice>,
    pub reasons: Vec<Choice>,
    pub any_filter: bool,
    pub rows: Vec<InboxRow>,
    pub pager: Pager,
    /// Where "replay all of these" asks for confirmation.
    pub replay_address: String,
    pub notice: Option<Notice>,
}

#[derive(Clone, Debug)]
pub struct InboxRow {
    pub id: i64,
    pub at: String,
    pub provider: String,
    pub integration: String,
    /// By which door it came: chats, leads, a channel, fetched.
    pub door: String,
    pub size: String,
    pub state: Badge,
    pub reason: String,
    pub detail: String,
}

impl InboxRow {
    fn new(page: &Page, person: &Person, row: &RawRow) -> Self {
        let event = &row.event;
        let reason = row
            .reason
            .map(|reason| page.word("reason", reason.as_str()));
        Self {
            id: event.id.0,
            at: page.date_time(event.received_at),
            provider: event.provider.clone(),
            integration: integration_name(person, event.integration, &event.provider),
            door: door(page, &event.address),
            size: page.fill("size.bytes", "n", page.number(row.size_bytes)),
            state: page.raw_state(row.state),
            reason: reason.unwrap_or_default(),
            detail: row.detail.clone().unwrap_or_default(),
        }
    }
}
