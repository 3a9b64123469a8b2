//! A hub without network and loops: the doors are called in this process, and the work is done when
//! the story says so. Each telling has a workspace of its own.

use super::Telling;
use super::stories::{Item, Sent, Story};
use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use http::Request;
use skvoz::config::{Config, Synchronous};
use skvoz::hub::{Clock, Hub, Outbound, Places, Vault};
use skvoz::model::{
    Address, Communication, CommunicationId, IntegrationId, Outcome as Judged, RawState, SiteId,
    Timestamp, WorkspaceId,
};
use skvoz::store::{
    CommunicationFilter, CommunicationSort, NewIntegration, NewRawEvent, PageRequest, TokenRow,
    VisitFilter,
};
use skvoz::{collect, pipeline, receive, serve};
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tower::ServiceExt;

/// When everything is told and every silence is over.
const END: &str = "2026-08-20T12:00:00Z";

pub struct World {
    runtime: Runtime,
    hub: Arc<Hub>,
    doors: Router,
    clock: Clock,
    links: Cell<usize>,
    _data: TempDir,
}

/// Where one telling goes.
struct Place {
    workspace: WorkspaceId,
    site_key: String,
    /// Token and id of each integration of the story.
    integrations: Vec<(String, IntegrationId)>,
}

impl World {
    pub fn new() -> World {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        // Power failures are another story; this one writes a lot.
        let memory = Path::new("/dev/shm");
        let data = match memory.is_dir() {
            true => TempDir::new_in(memory),
            false => TempDir::new(),
        };
        let data = data.expect("a temporary folder");
        let mut config = Config::default();
        config.store.synchronous = Synchronous::Normal;
        let clock = Clock::by_hand(time(END));
        let hub = runtime.block_on(async {
            let store = serve::open_store(&config, data.path()).expect("a store");
            Hub::new(
                config.clone(),
                store,
                Vault::from_key(&[7; 32]),
                clock.clone(),
                Outbound::new(config.outbound.clone()),
                Places::default(),
                ([127, 0, 0, 1], 80).into(),
            )
        });
        let doors = receive::router(hub.clone()).merge(collect::router(hub.clone()));
        World {
            runtime,
            hub,
            doors,
            clock,
            links: Cell::new(0),
            _data: data,
        }
    }

    /// Tells the items in this order and gives what came of it. An item arrives at its own time, or
    /// so many seconds after the item told before it.
    pub fn tell(
        &self,
        story: &impl Story,
        items: &[Item],
        telling: &Telling,
        pace_s: Option<i64>,
    ) -> Outcome {
        self.runtime.block_on(async {
            let place = self.place(story).await;
            for (nth, (item, work)) in telling.iter().enumerate() {
                let item = &items[*item];
                let arrives = match pace_s {
                    None => item.arrives,
                    Some(pace) => {
                        let told = time("2026-08-08T12:00:00Z").as_second() + pace * nth as i64;
                        Timestamp::from_second(told).expect("a time of this year")
                    }
                };
                self.set_clock(arrives);
                self.send(&place, item).await;
                if *work {
                    self.work().await;
                }
            }
            self.set_clock(time(END));
            self.work().await;
            let outcome = self.outcome(&place).await;
            self.links.set(self.links.get() + outcome.links());
            outcome
        })
    }

    /// Linked communications in all tellings so far.
    pub fn links_seen(&self) -> usize {
        self.links.get()
    }

    fn set_clock(&self, to: Timestamp) {
        if let Clock::ByHand(micros) = &self.clock {
            micros.store(to.as_microsecond(), Ordering::SeqCst);
        }
    }

    async fn place(&self, story: &impl Story) -> Place {
        let store = &self.hub.store;
        let now = self.hub.now();
        let workspace = store.add_workspace("Primer", "Europe/Moscow", now);
        let workspace = workspace.await.expect("a workspace");
        let site_key = Vault::short_key();
        let site = store.add_site(workspace, "shop.test", "shop.test", &site_key);
        let site = site.await.expect("a site");
        let mut integrations = Vec::new();
        for provider in story.providers() {
            integrations.push(self.integration(workspace, site, provider).await);
        }
        self.hub.setups.changed(workspace);
        Place {
            workspace,
            site_key,
            integrations,
        }
    }

    async fn integration(
        &self,
        workspace: WorkspaceId,
        site: SiteId,
        provider: &str,
    ) -> (String, IntegrationId) {
        let token = Vault::token();
        let added = self.hub.store.add_integration(NewIntegration {
            workspace,
            provider: provider.into(),
            site: Some(site),
            name: provider.into(),
            active: true,
            settings: serde_json::from_str(r#"{"offline_leads": true}"#).expect("settings"),
            token: TokenRow {
                hash: self.hub.vault.hash(&token),
                sealed: String::new(),
                created_at: self.hub.now(),
                expires_at: None,
            },
            created_at: self.hub.now(),
        });
        (token, added.await.expect("an integration"))
    }

    async fn send(&self, place: &Place, item: &Item) {
        match &item.sent {
            Sent::Hit(message) => {
                let address = format!("/t/{}", place.site_key);
                self.post(address, "text/plain", message.to_string()).await;
            }
            Sent::Webhook {
                integration,
                provider,
                door,
                kind,
                body,
            } => {
                let (token, _) = &place.integrations[*integration];
                let address = format!("/in/{provider}/{token}{door}");
                self.post(address, kind, body.clone()).await;
            }
            Sent::Fetched { integration, body } => {
                let raw = NewRawEvent {
                    workspace: place.workspace,
                    integration: place.integrations[*integration].1,
                    provider: "carrotquest".into(),
                    address: Address::Fetched,
                    method: "GET".into(),
                    query: String::new(),
                    headers: Vec::new(),
                    body: body.clone().into_bytes(),
                    received_at: self.hub.now(),
                    state: RawState::Pending,
                    reason: None,
                    detail: None,
                };
                self.hub.store.keep_raw(raw).await.expect("it is kept");
            }
        }
    }

    async fn post(&self, address: String, kind: &str, body: String) {
        let peer: SocketAddr = ([198, 51, 100, 24], 4000).into();
        let request = Request::post(address)
            .header("content-type", kind)
            .extension(ConnectInfo(peer))
            .body(Body::from(body))
            .expect("a request");
        let answer = self.doors.clone().oneshot(request).await;
        let answer = answer.expect("doors always answer");
        assert!(answer.status().is_success(), "{}", answer.status());
    }

    async fn work(&self) {
        loop {
            let processed = pipeline::process_pending(&self.hub).await;
            let touched = pipeline::reconsider_touched(&self.hub).await;
            let silent = pipeline::end_silent_chats(&self.hub).await;
            let worked = [processed, touched, silent];
            if worked.into_iter().all(|round| !round.expect("it works")) {
                return;
            }
        }
    }

    async fn outcome(&self, place: &Place) -> Outcome {
        let store = &self.hub.store;
        let page = PageRequest {
            limit: 500,
            cursor: None,
        };
        let oldest_first = CommunicationSort::OldestFirst;
        let all = CommunicationFilter::default();
        let found = store.communications_page(place.workspace, &all, oldest_first, &page);
        let mut seen = Vec::new();
        for communication in found.await.expect("a list").items {
            let visit = match communication.link.visit {
                Some(id) => {
                    let view = store.visit(place.workspace, id).await;
                    let visit = view.expect("the linked visit exists").visit;
                    let arrival = (visit.started_at, visit.marks.utm.utm_campaign);
                    Some(format!("{} {arrival:?}", visit.visitor_key))
                }
                None => None,
            };
            seen.push(Seen::new(communication, visit, place));
        }
        seen.sort_by_key(|one| one.name.clone());
        Outcome {
            seen,
            visits: self.visits(place).await,
        }
    }

    async fn visits(&self, place: &Place) -> Vec<String> {
        let store = &self.hub.store;
        let page = PageRequest {
            limit: 500,
            cursor: None,
        };
        let all = VisitFilter::default();
        let found = store.visits_page(place.workspace, &all, &page).await;
        let mut visits = Vec::new();
        for visit in found.expect("a list").items {
            let view = store.visit(place.workspace, visit.id).await;
            let view = view.expect("a listed visit exists");
            let pages: Vec<_> = view.hits.iter().map(|hit| (hit.at, &hit.url)).collect();
            let keys: BTreeSet<_> = view.keys.iter().collect();
            visits.push(format!(
                "{} {} {}–{} {:?} {pages:?} {keys:?}",
                visit.key,
                visit.visitor_key,
                visit.started_at,
                visit.last_hit_at,
                visit.marks.utm.utm_campaign,
            ));
        }
        visits.sort_unstable();
        visits
    }
}

fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

/// All communications of a telling, without what must differ: ids and versions.
#[derive(Clone, PartialEq)]
pub struct Outcome {
    seen: Vec<Seen>,
    /// Every visit with its pages and keys.
    visits: Vec<String>,
}

#[derive(Clone, PartialEq)]
struct Seen {
    name: String,
    communication: Communication,
    /// Visitor, start and campaign of the linked visit.
    visit: Option<String>,
    receipt: BTreeMap<String, Judged>,
}

impl Seen {
    fn new(mut one: Communication, visit: Option<String>, place: &Place) -> Seen {
        let nth = place.integrations.iter();
        let nth = nth.map(|(_, id)| *id).position(|id| id == one.integration);
        // The vendor numbers no communication that begins with a time; ours names it by its
        // first event, which depends on the order.
        let is_our_name = one.external_id.len() == 23 && one.external_id.contains('-');
        if is_our_name {
            one.external_id = String::new();
        }
        let name = format!("{nth:?} {} {}", one.kind.as_str(), one.external_id);
        let receipt = one
            .receipt
            .drain(..)
            .map(|tried| (tried.step, tried.outcome))
            .collect();
        one.id = CommunicationId(0);
        one.version = 0;
        one.workspace = WorkspaceId(0);
        one.integration = IntegrationId(0);
        one.link.visit = None;
        one.credit.site = None;
        one.keys.retain(|key| key.kind.as_str() != "client");
        Seen {
            name,
            communication: one,
            visit,
            receipt,
        }
    }
}

impl Seen {
    fn print(&self) -> String {
        let Seen {
            visit,
            communication,
            receipt,
            ..
        } = self;
        format!("{visit:?}\n{receipt:#?}\n{communication:#?}")
    }
}

impl Outcome {
    fn links(&self) -> usize {
        self.seen.iter().filter(|one| one.visit.is_some()).count()
    }

    pub fn without_arrivals(&self) -> Outcome {
        let mut same = self.clone();
        for one in &mut same.seen {
            one.communication.received_at = Timestamp::UNIX_EPOCH;
        }
        same
    }

    /// The names that only one of them has, or the first lines that differ.
    pub fn difference(&self, other: &Outcome) -> Option<String> {
        if self == other {
            return None;
        }
        if self.visits != other.visits {
            let different = |one: &Outcome, other: &Outcome| {
                let of_one = one.visits.iter();
                of_one
                    .filter(|visit| !other.visits.contains(visit))
                    .cloned()
                    .collect::<Vec<_>>()
                    .join("\n")
            };
            let (left, right) = (different(self, other), different(other, self));
            return Some(format!("{left}\nand shuffled\n{right}"));
        }
        let names = |outcome: &Outcome| -> Vec<String> {
            outcome.seen.iter().map(|one| one.name.clone()).collect()
        };
        if names(self) != names(other) {
            return Some(format!("{:?}\n{:?}", names(self), names(other)));
        }
        let pairs = self.seen.iter().zip(&other.seen);
        let (left, right) = pairs.into_iter().find(|(left, right)| left != right)?;
        let (first, second) = (left.print(), right.print());
        let lines = first.lines().zip(second.lines());
        let different = lines.filter(|(first, second)| first != second).take(12);
        let different: String = different
            .map(|(first, second)| format!("- {first}\n+ {second}\n"))
            .collect();
        Some(format!("{}\n{different}", left.name))
    }
}
