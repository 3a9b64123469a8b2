//! A real hub on a free port with a fresh data folder and a clock in hand, and everything a story
//! needs to speak to it: pages of visitors, requests of vendors, waiting until all work is done.

use crate::logs;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use skvoz::config::Config;
use skvoz::hub::{Clock, Hub, Vault};
use skvoz::model::{
    CampaignId, Communication, CommunicationId, Condition, ConditionGroup, ConditionOperator,
    Conditions, EmployeeId, IntegrationId, IntegrationSettings, Outcome, Parameter, RawEventId,
    RawState, SetAsideReason, SiteId, SourceId, TagId, Timestamp, WorkspaceId,
};
use skvoz::serve::{self, Running};
use skvoz::store::{
    CommunicationFilter, CommunicationSort, History, NewIntegration, PageRequest, RawFilter,
    RawRow, RawSelection, TokenRow,
};
use skvoz::{fetch, pipeline};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a story waits for work that goes on in the background, before it fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// The hub's clock at the start of each story.
pub const START: &str = "2026-08-06T12:00:00Z";

/// A moment of the day of the stories, `10:05` or `10:05:30.5`; or any moment as RFC 3339.
pub fn at(text: &str) -> Timestamp {
    let whole = match (text.contains('T'), text.matches(':').count()) {
        (true, _) => text.to_owned(),
        (false, 1) => format!("2026-08-06T{text}:00Z"),
        (false, _) => format!("2026-08-06T{text}Z"),
    };
    whole.parse().expect("a time of a story is well formed")
}

/// A visit id of the form that the tracker makes.
pub fn visit(name: &str) -> String {
    format!("v01km2v7q1e8s4zcb5p7j{name:0>6}")
}

/// A visitor id of the form that the tracker makes.
pub fn visitor(name: &str) -> String {
    format!("c01k1z5w8f3q9yxr2m4tn{name:0>6}")
}

/// A running hub with one workspace and one site, `shop.test`.
pub struct TestHub {
    running: Option<Running>,
    pub hub: Arc<Hub>,
    pub clock: Clock,
    data: TempDir,
    config: Config,
    client: reqwest::Client,
    pub workspace: WorkspaceId,
    pub site: TestSite,
    messages: AtomicU64,
}

/// A site with its tracker key.
#[derive(Clone, Debug)]
pub struct TestSite {
    pub id: SiteId,
    pub key: String,
}

/// An integration with its secret address.
#[derive(Clone, Debug)]
pub struct TestIntegration {
    pub id: IntegrationId,
    pub workspace: WorkspaceId,
    pub provider: &'static str,
    pub token: String,
    client: reqwest::Client,
    base: String,
}

/// What a door answered.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    async fn of(response: reqwest::Response) -> Answer {
        Answer {
            status: response.status(),
            headers: response.headers().clone(),
            body: response.text().await.expect("the answer has a body"),
        }
    }

    #[track_caller]
    pub fn assert_ok(self) -> Answer {
        assert!(self.status.is_success(), "{self:?}");
        self
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("the answer is JSON")
    }
}

impl TestHub {
    pub async fn start() -> TestHub {
        TestHub::start_with(|_| ()).await
    }

    /// Starts with other settings than the built-in ones.
    pub async fn start_with(change: impl FnOnce(&mut Config)) -> TestHub {
        logs::listen();
        let mut config = Config::default();
        config.server.listen = ([127, 0, 0, 1], 0).into();
        config.server.shutdown_s = 1;
        config.outbound.allow = vec!["127.0.0.0/8".parse().expect("a network")];
        change(&mut config);
        let data = TempDir::new().expect("a temporary folder");
        let clock = Clock::by_hand(at(START));
        let running = run(&config, data.path(), &clock).await;
        let hub = running.hub.clone();
        let workspace = add_workspace(&hub).await;
        let site = add_site(&hub, workspace, "shop.test").await;
        TestHub {
            hub,
            running: Some(running),
            clock,
            data,
            config,
            client: reqwest::Client::builder().build().expect("a client"),
            workspace,
            site,
            messages: AtomicU64::new(0),
        }
    }

    /// Stops in order and starts again on the same data, clock and settings, on another port.
    pub async fn restart(&mut self) {
        self.stop().await;
        let running = run(&self.config, self.data.path(), &self.clock).await;
        self.hub = running.hub.clone();
        self.running = Some(running);
    }

    pub async fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop().await;
        }
    }

    pub fn base(&self) -> String {
        let running = self.running.as_ref().expect("the hub runs");
        format!("http://{}", running.address)
    }

    /// The store itself, for stories that play newer code.
    pub fn store_file(&self) -> PathBuf {
        self.data.path().join(skvoz::store::sqlite::FILE)
    }

    pub fn now(&self) -> Timestamp {
        self.hub.now()
    }

    /// Sets the clock, also backwards: what a request tells of the past is told at that time.
    pub fn set_clock(&self, to: Timestamp) {
        if let Clock::ByHand(micros) = &self.clock {
            micros.store(to.as_microsecond(), Ordering::SeqCst);
        }
    }

    pub async fn another_workspace(&self) -> WorkspaceId {
        add_workspace(&self.hub).await
    }

    pub async fn another_site(&self, host: &str) -> TestSite {
        self.site_in(self.workspace, host).await
    }

    pub async fn site_in(&self, workspace: WorkspaceId, host: &str) -> TestSite {
        add_site(&self.hub, workspace, host).await
    }

    /// An active integration of the hub's own site with default settings.
    pub async fn integration(&self, provider: &'static str) -> TestIntegration {
        self.integration_with(provider, json!({})).await
    }

    /// The same with settings.
    pub async fn integration_with(
        &self,
        provider: &'static str,
        settings: Value,
    ) -> TestIntegration {
        let site = Some(self.site.id);
        self.integration_in(self.workspace, site, provider, settings)
            .await
    }

    pub async fn integration_in(
        &self,
        workspace: WorkspaceId,
        site: Option<SiteId>,
        provider: &'static str,
        settings: Value,
    ) -> TestIntegration {
        let token = Vault::token();
        let settings: IntegrationSettings =
            serde_json::from_value(settings).expect("settings are well formed");
        let id = self
            .hub
            .store
            .add_integration(NewIntegration {
                workspace,
                provider: provider.into(),
                site,
                name: provider.into(),
                active: true,
                settings,
                token: self.token_row(&token),
                created_at: self.now(),
            })
            .await
            .expect("an integration is added");
        self.hub.setups.changed(workspace);
        TestIntegration {
            id,
            workspace,
            provider,
            token,
            client: self.client.clone(),
            base: self.base(),
        }
    }

    fn token_row(&self, token: &str) -> TokenRow {
        TokenRow {
            hash: self.hub.vault.hash(token),
            sealed: self.hub.vault.seal(token),
            created_at: self.now(),
            expires_at: None,
        }
    }

    /// Gives an integration a second token; the first one ends at `old_until`.
    pub async fn rotate_token(
        &self,
        integration: &TestIntegration,
        old_until: Timestamp,
    ) -> TestIntegration {
        let token = Vault::token();
        let row = self.token_row(&token);
        self.hub
            .store
            .rotate_token(integration.workspace, integration.id, row, old_until)
            .await
            .expect("the token is rotated");
        self.hub.setups.changed(integration.workspace);
        TestIntegration {
            token,
            ..integration.clone()
        }
    }

    /// Changes an integration as its settings page does.
    pub async fn change(
        &self,
        integration: &TestIntegration,
        change: impl FnOnce(&mut skvoz::store::IntegrationRow),
    ) {
        let store = &self.hub.store;
        let setup = store.workspace_setup(integration.workspace).await;
        let mut rows = setup.expect("a setup").integrations.into_iter();
        let mut row = rows
            .find(|row| row.id == integration.id)
            .expect("the integration is there");
        change(&mut row);
        store.save_integration(&row).await.expect("it is saved");
        self.hub.setups.changed(integration.workspace);
    }

    /// A campaign of the hub's own site that wants `utm_campaign` to be this.
    pub async fn campaign(&self, utm_campaign: &str) -> CampaignId {
        let conditions = when(Parameter::UtmCampaign, utm_campaign);
        let added =
            self.hub
                .store
                .add_campaign(self.workspace, self.site.id, utm_campaign, &conditions);
        let id = added.await.expect("a campaign is added");
        self.hub.setups.changed(self.workspace);
        id
    }

    /// A source that wants `utm_source` to be this.
    pub async fn source(&self, utm_source: &str) -> SourceId {
        let conditions = when(Parameter::UtmSource, utm_source);
        let store = &self.hub.store;
        let added = store.add_source(self.workspace, utm_source, None, &conditions, None);
        let id = added.await.expect("a source is added");
        self.hub.setups.changed(self.workspace);
        id
    }

    pub async fn employee(&self, name: &str) -> EmployeeId {
        let added = self.hub.store.add_employee(self.workspace, name);
        let id = added.await.expect("an employee is added");
        self.hub.setups.changed(self.workspace);
        id
    }

    pub async fn tag(&self, name: &str) -> TagId {
        let added = self.hub.store.add_tag(self.workspace, name);
        let id = added.await.expect("a tag is added");
        self.hub.setups.changed(self.workspace);
        id
    }

    /// A page view of the hub's own site.
    pub async fn page(&self, visitor_name: &str, visit_name: &str, when: &str, path: &str) {
        let view = page_view(visitor_name, visit_name, at(when), path);
        self.hit(view).await;
    }

    /// What a binder of the hub's own site reports.
    pub async fn bind(&self, visitor_name: &str, visit_name: &str, when: &str, told: Value) {
        let bound = binding(visitor_name, visit_name, at(when), told);
        self.hit(bound).await;
    }

    /// Sends a message of the tracker, with a number of its own when it has none.
    pub async fn hit(&self, message: Value) -> Answer {
        self.hit_on(&self.site, message).await
    }

    pub async fn hit_on(&self, site: &TestSite, message: Value) -> Answer {
        self.hit_on_with(site, message, &[]).await
    }

    /// Sends a message of the tracker with what a browser or a proxy adds.
    pub async fn hit_with(&self, message: Value, headers: &[(&str, &str)]) -> Answer {
        self.hit_on_with(&self.site, message, headers).await
    }

    pub async fn hit_on_with(
        &self,
        site: &TestSite,
        mut message: Value,
        headers: &[(&str, &str)],
    ) -> Answer {
        if message.get("m").is_none() {
            let number = self.messages.fetch_add(1, Ordering::SeqCst);
            message["m"] = format!("m{number:06}").into();
        }
        let mut sent = self
            .client
            .post(format!("{}/t/{}", self.base(), site.key))
            .header("content-type", "text/plain")
            .body(message.to_string());
        for (name, value) in headers {
            sent = sent.header(*name, *value);
        }
        let answer = Answer::of(sent.send().await.expect("the hub answers")).await;
        answer.assert_ok()
    }

    /// Works until no raw event is pending, nothing waits to be reconsidered and no silence is due.
    pub async fn settle(&self) {
        let began = Instant::now();
        while !self.round().await {
            assert!(began.elapsed() < PATIENCE, "the hub does not come to rest");
        }
    }

    /// One round of all work. `true`: there was nothing left to do.
    async fn round(&self) -> bool {
        let hub = &self.hub;
        let processed = pipeline::process_pending(hub).await.expect("processing");
        let mut pending = 0;
        for workspace in hub.store.workspaces().await.expect("workspaces") {
            let counts = hub.store.raw_counts(workspace.id).await;
            pending += counts.expect("counts").pending;
        }
        let touched = pipeline::reconsider_touched(hub).await.expect("relinking");
        let silent = pipeline::end_silent_chats(hub).await.expect("silences");
        if pending > 0 && !processed {
            // The hub's own loop holds the rest.
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        pending == 0 && !touched && !silent
    }

    /// Waits for what the hub's own loops do.
    pub async fn until(&self, mut done: impl AsyncFnMut() -> bool) {
        let began = Instant::now();
        loop {
            self.settle().await;
            if done().await {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "the expected never happened");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Works on due questions to providers too. The calls of one account are spaced in real time,
    /// and the hub's own loop may be making them, so the story says what it waits for.
    pub async fn fetch_until(&self, mut done: impl AsyncFnMut() -> bool) {
        let began = Instant::now();
        loop {
            self.settle().await;
            if done().await {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "the expected never happened");
            let worked = fetch::fetch_due(&self.hub).await.expect("fetching");
            if worked == 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    }

    /// All communications that people see, oldest first.
    pub async fn communications(&self) -> Vec<Communication> {
        self.communications_in(self.workspace).await
    }

    pub async fn communications_in(&self, workspace: WorkspaceId) -> Vec<Communication> {
        let (filter, page) = (CommunicationFilter::default(), everything());
        let oldest_first = CommunicationSort::OldestFirst;
        let store = &self.hub.store;
        let found = store.communications_page(workspace, &filter, oldest_first, &page);
        found.await.expect("communications").items
    }

    /// The only communication there is.
    pub async fn only(&self) -> Communication {
        let mut all = self.communications().await;
        assert_eq!(all.len(), 1, "{all:#?}");
        all.remove(0)
    }

    /// The communication with this number.
    pub async fn communication(&self, external_id: &str) -> Communication {
        let all = self.communications().await;
        let found = all.iter().find(|one| one.external_id == external_id);
        let known: Vec<_> = all.iter().map(|one| &one.external_id).collect();
        found
            .unwrap_or_else(|| panic!("no {external_id} among {known:?}"))
            .clone()
    }

    /// Any communication by its id, also one that is not shown.
    pub async fn stored(&self, id: CommunicationId) -> Communication {
        let found = self.hub.store.communication(self.workspace, id);
        found.await.expect("the communication exists")
    }

    /// Our id of the linked visit.
    pub async fn visit_of(&self, communication: &Communication) -> Option<String> {
        let id = communication.link.visit?;
        let view = self.hub.store.visit(communication.workspace, id).await;
        Some(view.expect("the linked visit exists").visit.key)
    }

    /// Former links and credits, newest first.
    pub async fn history(&self, communication: &Communication) -> Vec<History> {
        let store = &self.hub.store;
        let history = store.history(communication.workspace, communication.id);
        history.await.expect("a history")
    }

    /// The inbox, oldest first, without bodies.
    pub async fn inbox(&self) -> Vec<RawRow> {
        let store = &self.hub.store;
        let (filter, page) = (RawFilter::default(), everything());
        let found = store.raw_page(self.workspace, &filter, &page);
        let mut rows = found.await.expect("raw events").items;
        rows.reverse();
        rows
    }

    /// State and reason of each raw event, oldest first.
    pub async fn states(&self) -> Vec<(RawState, Option<SetAsideReason>)> {
        let inbox = self.inbox().await.into_iter();
        inbox.map(|row| (row.state, row.reason)).collect()
    }

    /// A raw event with its body.
    pub async fn raw(&self, id: RawEventId) -> RawRow {
        let found = self.hub.store.raw_event(self.workspace, id);
        found.await.expect("the raw event exists")
    }

    /// Processes everything in the inbox again.
    pub async fn replay_all(&self) {
        let all = RawSelection::Filter(RawFilter::default());
        self.replay(all).await;
    }

    pub async fn replay(&self, selection: RawSelection) {
        let store = &self.hub.store;
        let replayed = store.replay_raw(self.workspace, &selection);
        replayed.await.expect("a replay");
        self.settle().await;
    }
}

impl TestIntegration {
    pub fn address(&self) -> String {
        format!("{}/in/{}/{}", self.base, self.provider, self.token)
    }

    /// Posts JSON to the address for chats.
    pub async fn post(&self, body: &Value) -> Answer {
        self.post_to("", body).await
    }

    /// Posts JSON to another door: `leads` or a channel.
    pub async fn post_to(&self, door: &str, body: &Value) -> Answer {
        self.send("POST", door, &[("content-type", "application/json")], body)
            .await
    }

    /// Posts a form.
    pub async fn post_form(&self, pairs: &[(&str, String)]) -> Answer {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(pairs);
        let kind = [("content-type", "application/x-www-form-urlencoded")];
        self.send("POST", "", &kind, form.finish()).await
    }

    /// Sends any request. `door` is what follows the token: `leads`, `/`, `?a=b`.
    pub async fn send(
        &self,
        method: &str,
        door: &str,
        headers: &[(&str, &str)],
        body: impl ToString,
    ) -> Answer {
        self.send_bytes(method, door, headers, body.to_string().into_bytes())
            .await
    }

    pub async fn send_bytes(
        &self,
        method: &str,
        door: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Answer {
        let separator = match door.chars().next() {
            None | Some('/' | '?') => "",
            Some(_) => "/",
        };
        let method = reqwest::Method::from_bytes(method.as_bytes()).expect("a method");
        let address = format!("{}{separator}{door}", self.address());
        let mut request = self.client.request(method, address).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Answer::of(request.send().await.expect("the hub answers")).await
    }

    /// Sends a provider's fixture to this integration, by the door it names.
    pub async fn post_fixture(&self, path: &Path) -> Answer {
        let text = std::fs::read_to_string(path).expect("a fixture is readable");
        let (head, body) = text.split_once("\n\n").unwrap_or((text.trim_end(), ""));
        let mut lines = head.lines();
        let mut request_line = lines.next().expect("a request line").split(' ');
        let method = request_line.next().expect("a method");
        let target = request_line.next().expect("an address");
        let door = after_token(target);
        let headers: Vec<(&str, &str)> = lines
            .filter_map(|line| line.split_once(": "))
            .filter(|(name, _)| *name != "Host" && !name.starts_with("Skvoz-"))
            .collect();
        let body = body.strip_suffix('\n').unwrap_or(body);
        let body = match head.contains("Skvoz-Line-Ends: crlf") {
            true => body.replace('\n', "\r\n"),
            false => body.to_owned(),
        };
        self.send(method, &door, &headers, body).await
    }
}

/// What follows `/in/{provider}/{token}` in an address.
fn after_token(target: &str) -> String {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let door = path.split('/').nth(4).unwrap_or_default();
    match query {
        "" => door.to_owned(),
        query => format!("{door}?{query}"),
    }
}

/// The receipt's word on a rule.
#[track_caller]
pub fn outcome(communication: &Communication, step: &str) -> Outcome {
    step_of(communication, step).0
}

/// The receipt's evidence of a rule.
#[track_caller]
pub fn evidence(communication: &Communication, step: &str) -> Value {
    step_of(communication, step).1
}

#[track_caller]
fn step_of(communication: &Communication, step: &str) -> (Outcome, Value) {
    let receipt = &communication.receipt;
    let found = receipt.iter().find(|tried| tried.step == step);
    let found = found.unwrap_or_else(|| panic!("no {step} in {receipt:#?}"));
    (found.outcome, found.evidence.clone())
}

/// A page view of a visit; `path` may hold marks.
pub fn page_view(visitor_name: &str, visit_name: &str, when: Timestamp, path: &str) -> Value {
    json!({
        "t": "pv",
        "c": visitor(visitor_name),
        "v": visit(visit_name),
        "u": format!("https://shop.test{path}"),
        "at": when.as_millisecond(),
    })
}

/// A message of a binder.
pub fn binding(visitor_name: &str, visit_name: &str, when: Timestamp, told: Value) -> Value {
    json!({
        "t": "bind",
        "c": visitor(visitor_name),
        "v": visit(visit_name),
        "b": told,
        "at": when.as_millisecond(),
    })
}

/// The base with the members of `over` laid over it, object by object.
pub fn with(mut base: Value, over: Value) -> Value {
    match (&mut base, over) {
        (Value::Object(members), Value::Object(over)) => {
            for (name, value) in over {
                let below = members.remove(&name).unwrap_or_default();
                members.insert(name, with(below, value));
            }
            base
        }
        (_, over) => over,
    }
}

async fn run(config: &Config, data: &Path, clock: &Clock) -> Running {
    let started = serve::start(config.clone(), data, clock.clone()).await;
    started.expect("the hub starts")
}

async fn add_workspace(hub: &Hub) -> WorkspaceId {
    let added = hub
        .store
        .add_workspace("Primer", "Europe/Moscow", hub.now());
    added.await.expect("a workspace is added")
}

async fn add_site(hub: &Hub, workspace: WorkspaceId, host: &str) -> TestSite {
    let key = Vault::short_key();
    let added = hub.store.add_site(workspace, host, host, &key).await;
    hub.setups.changed(workspace);
    TestSite {
        id: added.expect("a site is added"),
        key,
    }
}

fn when(parameter: Parameter, value: &str) -> Conditions {
    Conditions {
        groups: vec![ConditionGroup {
            conditions: vec![Condition {
                parameter,
                operator: ConditionOperator::Equals,
                value: value.into(),
                exclude: false,
            }],
        }],
    }
}

fn everything() -> PageRequest {
    PageRequest {
        limit: 500,
        cursor: None,
    }
}
