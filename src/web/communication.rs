//! One communication: who credited it and why, the visit, the transcript, the requests it came in.
//! It walks the house backwards, from the answer to the first byte.

use super::communications::{Credited, Names, address};
use super::form::{html, to};
use super::mask::mask;
use super::parts::{Badge, Notice};
use super::receipt::Step;
use super::visit::EarlierVisit;
use super::{Editor, Icon, Menu, Page, Person, show};
use crate::http_error::HttpResult;
use crate::hub::{Hub, LiveSetup};
use crate::model::{
    CallState, Communication, CommunicationId, FinishedBy, Hit, Message, MessageAuthor, RawEventId,
    RawState, Timestamp, Visit,
};
use crate::store::{
    History, HistoryEntry, PageRequest, RawFilter, RawRow, RawSelection, Removable, StoreError,
    VisitView,
};
use askama::Template;
use axum::Router;
use axum::extract::{Path, Query};
use axum::response::Response;
use axum::routing::{get, post};
use std::sync::Arc;

/// Requests and earlier visits shown.
const SHOWN: u32 = 50;

#[derive(Template)]
#[template(path = "communication.html")]
pub struct CommunicationPage {
    pub page: Page,
    pub id: i64,
    /// Kind and number: «Чат № 12».
    pub title: String,
    pub started: String,
    pub provider: String,
    /// Provider, integration and channel in one line.
    pub origin: String,
    pub status: Badge,
    pub finished: String,
    pub name: String,
    pub contacts: Vec<ContactLine>,
    pub employee: String,
    pub operators: String,
    pub tags: Vec<String>,
    pub site: String,
    pub credited: Credited,
    pub channel_group: String,
    pub strength: Badge,
    /// The rule that found the visit.
    pub rule: String,
    pub link_steps: Vec<Step>,
    pub credit_steps: Vec<Step>,
    pub visit: Option<VisitPart>,
    /// What the provider itself told about the arrival.
    pub provider_said: Vec<(String, String)>,
    pub days: Vec<Day>,
    pub messages: String,
    pub call: Option<CallPart>,
    pub extra: Vec<(String, String)>,
    pub raw_events: Vec<RawLine>,
    /// Page of the integration.
    pub integration_id: i64,
    /// The vendor's number.
    pub external_id: String,
    pub received: String,
    /// Other communications of the same phone or e-mail; empty without either.
    pub same_contact: String,
    pub history: Vec<HistoryLine>,
    pub earlier: Vec<EarlierVisit>,
    pub notice: Option<Notice>,
    /// A viewer is told that there may be contacts, and gets no requests.
    pub sees_contacts: bool,
}

/// A former link or credit.
#[derive(Clone, Debug)]
pub struct HistoryLine {
    pub at: String,
    pub what: String,
    pub was: String,
}

/// A phone or an e-mail with what a click on it does.
#[derive(Clone, Debug)]
pub struct ContactLine {
    pub text: String,
    pub link: String,
    pub icon: Icon,
}

/// The linked visit.
#[derive(Clone, Debug)]
pub struct VisitPart {
    /// Page of the visit.
    pub id: i64,
    pub key: String,
    pub started: String,
    pub lasted: String,
    pub channel_group: String,
    pub device: String,
    pub place: String,
    /// Entry page, referrer, UTM, click ids: title and value, empty ones left out.
    pub marks: Vec<(String, String)>,
    pub pages: Vec<HitLine>,
    /// How many pages are not shown, in words; empty when all are.
    pub more_pages: String,
}

#[derive(Clone, Debug)]
pub struct HitLine {
    pub time: String,
    pub title: String,
    pub url: String,
    /// The page that was open when the first words were written.
    pub of_first_words: bool,
}

/// Messages of one day.
#[derive(Clone, Debug)]
pub struct Day {
    pub date: String,
    pub messages: Vec<Bubble>,
}

#[derive(Clone, Debug)]
pub struct Bubble {
    /// `visitor`, `operator` or `system`.
    pub side: &'static str,
    pub author: String,
    pub time: String,
    pub text: String,
    pub attachments: Vec<Link>,
}

/// A file or a recording; without a safe address it is only a name.
#[derive(Clone, Debug)]
pub struct Link {
    pub name: String,
    pub address: Option<String>,
}

#[derive(Clone, Debug)]
pub struct CallPart {
    pub state: String,
    pub lasted: String,
    pub reason: String,
    pub record: Option<Link>,
}

/// A request the communication came in.
#[derive(Clone, Debug)]
pub struct RawLine {
    pub id: i64,
    pub at: String,
    pub state: Badge,
    pub size: String,
}

impl RawLine {
    pub fn of(page: &Page, row: &RawRow) -> Self {
        Self::new(
            page,
            row.event.id,
            row.event.received_at,
            row.state,
            row.size_bytes,
        )
    }

    pub fn new(page: &Page, id: RawEventId, at: Timestamp, state: RawState, bytes: u64) -> Self {
        let size = page.fill("size.bytes", "n", page.number(bytes));
        Self {
            id: id.0,
            at: page.date_time(at),
            state: page.raw_state(state),
            size,
        }
    }
}

pub fn router() -> Router<Arc<Hub>> {
    Router::new()
        .route("/communications/{id}", get(open))
        .route("/communications/{id}/replay", post(replay))
}

#[derive(serde::Deserialize)]
struct Asked {
    #[serde(default)]
    done: String,
}

async fn open(
    person: Person,
    Path(id): Path<i64>,
    Query(asked): Query<Asked>,
) -> HttpResult<Response> {
    let (store, workspace) = (&person.hub.store, person.workspace());
    let of = store.communication(workspace, CommunicationId(id)).await?;
    let of = mask(&person, of);
    let page = person.page(Menu::Communications);
    let names = Names::of(&person.setup, &of);
    let visit = match of.link.visit {
        Some(id) => match store.visit(workspace, id).await {
            Ok(view) => Some(view),
            Err(StoreError::NotFound(_)) => None,
            Err(error) => return Err(error.into()),
        },
        None => None,
    };
    let earlier = match &visit {
        Some(view) => {
            store
                .earlier_visits(workspace, view.visit.id, SHOWN)
                .await?
        }
        None => Vec::new(),
    };
    let raw = raw_of(&person, of.id).await?;
    let raw = raw.iter().map(|row| RawLine::of(&page, row)).collect();
    let integration = person.setup.named(Removable::Integration(of.integration));
    let integration = integration.map(|named| named.name).unwrap_or_default();
    let history = store.history(workspace, of.id).await?;
    let facts = visit.as_ref().map(VisitFacts::of);
    let mut view = CommunicationPage::new(page, &of, &names, &integration, facts, raw);
    let page = &view.page;
    view.history = history
        .iter()
        .map(|entry| HistoryLine::new(page, &person.setup, entry))
        .collect();
    view.earlier = earlier
        .iter()
        .map(|visit| EarlierVisit::new(page, visit))
        .collect();
    view.notice = Notice::done(page, "communication", &asked.done);
    view.sees_contacts = person.sees_contacts();
    html(&view)
}

/// Requests that told of it, newest first.
async fn raw_of(person: &Person, id: CommunicationId) -> HttpResult<Vec<RawRow>> {
    let filter = RawFilter {
        communication: Some(id),
        ..RawFilter::default()
    };
    let request = PageRequest {
        limit: SHOWN,
        cursor: None,
    };
    let store = &person.hub.store;
    let found = store
        .raw_page(person.workspace(), &filter, &request)
        .await?;
    Ok(found.items)
}

async fn replay(Editor(person): Editor, Path(id): Path<i64>) -> HttpResult<Response> {
    let (hub, workspace) = (&person.hub, person.workspace());
    let id = CommunicationId(id);
    hub.store.communication(workspace, id).await?;
    let raw = hub.store.raw_ids(workspace, id).await?;
    let selection = RawSelection::Ids(raw);
    hub.store.replay_raw(workspace, &selection).await?;
    hub.wake.pipeline.notify_one();
    person.audit("communication.replay", id).await?;
    Ok(to(format!("/communications/{id}?done=replayed")))
}

impl HistoryLine {
    fn new(page: &Page, setup: &LiveSetup, of: &History) -> Self {
        let (what, was) = match &of.entry {
            HistoryEntry::Link { was } => {
                let rule = page.word("step", &was.rule);
                let strength = page.strength(was.strength).text;
                ("communication.history_link", format!("{rule} · {strength}"))
            }
            HistoryEntry::Credit { was } => {
                let campaign = was.campaign.map(Removable::Campaign);
                let source = was.source.map(Removable::Source);
                let names = [campaign, source].into_iter().flatten();
                let names = names.filter_map(|what| Some(setup.named(what)?.name));
                let step = page.credit_step(was.step).text;
                let parts: Vec<String> = names.chain([step]).collect();
                ("communication.history_credit", parts.join(" · "))
            }
        };
        Self {
            at: page.date_time(of.at),
            what: page.text(what).to_owned(),
            was,
        }
    }
}

/// The visit with what a person wants to see of it; `hits` may be its first pages only.
pub struct VisitFacts<'a> {
    pub visit: &'a Visit,
    pub hits: &'a [Hit],
}

impl<'a> VisitFacts<'a> {
    pub fn of(view: &'a VisitView) -> Self {
        Self {
            visit: &view.visit,
            hits: &view.hits,
        }
    }
}

impl CommunicationPage {
    pub fn new(
        page: Page,
        of: &Communication,
        names: &Names,
        integration: &str,
        visit: Option<VisitFacts<'_>>,
        raw_events: Vec<RawLine>,
    ) -> Self {
        let (link_steps, credit_steps): (Vec<_>, Vec<_>) = of
            .receipt
            .iter()
            .partition(|step| step.step.starts_with("link"));
        let kind = page.kind(of.kind);
        let named = |one: &Option<crate::model::Named>| {
            one.as_ref()
                .map(|named| named.name.clone())
                .unwrap_or_default()
        };
        Self {
            id: of.id.0,
            title: page
                .locale
                .fill("communication.title", &[("kind", &kind), ("id", &of.id.0)]),
            started: page.date_time(of.started_at),
            provider: of.provider.clone(),
            origin: origin(&page, of, &names.provider_title, integration),
            status: page.status(of.status),
            finished: finished(&page, of),
            name: of.contact.name.clone().unwrap_or_default(),
            contacts: contact_lines(&page, of),
            employee: named(&names.employee),
            operators: operators(of),
            tags: names.tag_names(),
            site: named(&names.site),
            credited: Credited::new(&page, of.credit.step, names),
            channel_group: match of.credit.channel_group {
                Some(group) => page.channel_group(group),
                None => String::new(),
            },
            strength: page.strength(of.link.strength),
            rule: page.word("step", &of.link.rule),
            link_steps: link_steps
                .into_iter()
                .map(|step| Step::new(&page, step))
                .collect(),
            credit_steps: credit_steps
                .into_iter()
                .map(|step| Step::new(&page, step))
                .collect(),
            visit: visit.map(|facts| VisitPart::new(&page, &facts, Some(of.first_words_at))),
            provider_said: provider_said(&page, of),
            days: days(&page, &of.messages),
            messages: page.count("count.message", of.messages.len() as u64),
            call: call(&page, of),
            extra: of
                .extra
                .iter()
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
            raw_events,
            integration_id: of.integration.0,
            external_id: of.external_id.clone(),
            received: page.date_time(of.received_at),
            same_contact: same_contact(of),
            history: Vec::new(),
            earlier: Vec::new(),
            notice: None,
            sees_contacts: true,
            page,
        }
    }
}

/// Address of all communications with the first phone, else the first e-mail.
fn same_contact(of: &Communication) -> String {
    let phone = of.contact.phones.first().map(|phone| phone.as_str());
    let email = of.contact.emails.first().map(|email| email.as_str());
    let text = phone.or(email).unwrap_or_default();
    match text.is_empty() {
        true => String::new(),
        false => address("/communications", &[("text", text)]),
    }
}

fn origin(page: &Page, of: &Communication, provider: &str, integration: &str) -> String {
    let mut parts = vec![provider.to_owned()];
    if integration != provider && !integration.is_empty() {
        parts.push(integration.to_owned());
    }
    if !of.channel.is_site() {
        parts.push(page.channel(&of.channel));
    }
    parts.join(" · ")
}

fn finished(page: &Page, of: &Communication) -> String {
    let Some(at) = of.finished_at else {
        return String::new();
    };
    let at = page.date_time(at);
    match of.finished_by {
        Some(FinishedBy::Silence) => page.fill("communication.finished_by_silence", "at", at),
        Some(FinishedBy::Event) | None => at,
    }
}

fn contact_lines(page: &Page, of: &Communication) -> Vec<ContactLine> {
    let phones = of.contact.phones.iter().map(|phone| ContactLine {
        text: show::phone(phone.as_str()),
        link: format!("tel:{}", phone.as_str()),
        icon: page.icon("phone"),
    });
    let emails = of.contact.emails.iter().map(|email| ContactLine {
        text: email.as_str().to_owned(),
        link: format!("mailto:{}", email.as_str()),
        icon: page.icon("mail"),
    });
    phones.chain(emails).collect()
}

fn operators(of: &Communication) -> String {
    let names = of
        .operators
        .iter()
        .map(|one| one.name.as_deref().unwrap_or(&one.id));
    names.collect::<Vec<_>>().join(", ")
}

impl VisitPart {
    /// `first_words_at`: when the visitor wrote, if this is the visit of a communication.
    pub fn new(page: &Page, facts: &VisitFacts<'_>, first_words_at: Option<Timestamp>) -> Self {
        let visit = facts.visit;
        let seconds = visit.last_hit_at.duration_since(visit.started_at).as_secs();
        let unseen = (visit.hits as usize).saturating_sub(facts.hits.len());
        Self {
            id: visit.id.0,
            key: visit.key.clone(),
            started: page.date_time(visit.started_at),
            lasted: page.locale.duration(seconds.max(0).unsigned_abs()),
            channel_group: page.channel_group(visit.channel_group),
            device: device(visit),
            place: [&visit.country, &visit.city]
                .into_iter()
                .flatten()
                .cloned()
                .collect::<Vec<_>>()
                .join(", "),
            marks: marks(page, visit),
            pages: hit_lines(page, facts.hits, first_words_at),
            more_pages: match unseen {
                0 => String::new(),
                n => page.count("count.more_page", n as u64),
            },
        }
    }
}

fn device(visit: &Visit) -> String {
    let device = &visit.device;
    let with_version = |name: &Option<String>, version: &Option<String>| {
        let name = name.as_deref()?;
        Some(
            format!("{name} {}", version.as_deref().unwrap_or_default())
                .trim()
                .to_owned(),
        )
    };
    let browser = with_version(&device.browser, &device.browser_version);
    let os = with_version(&device.os, &device.os_version);
    browser.into_iter().chain(os).collect::<Vec<_>>().join(", ")
}

fn marks(page: &Page, visit: &Visit) -> Vec<(String, String)> {
    let marks = &visit.marks;
    let utm = &marks.utm;
    let fixed = [
        (page.text("visit.entry_page"), &marks.entry_page),
        (page.text("visit.referrer"), &marks.referrer),
        ("utm_source", &utm.utm_source),
        ("utm_medium", &utm.utm_medium),
        ("utm_campaign", &utm.utm_campaign),
        ("utm_content", &utm.utm_content),
        ("utm_term", &utm.utm_term),
        ("utm_id", &utm.utm_id),
        ("utm_referrer", &utm.utm_referrer),
    ];
    let fixed = fixed
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.as_ref()?)));
    let maps = [&marks.click_ids, &marks.openstat, &marks.other];
    let others = maps
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.as_str(), value));
    fixed
        .chain(others)
        .map(|(name, value)| (name.to_owned(), value.clone()))
        .collect()
}

fn hit_lines(page: &Page, hits: &[Hit], first_words_at: Option<Timestamp>) -> Vec<HitLine> {
    let open = first_words_at.and_then(|at| hits.iter().rposition(|hit| hit.at <= at));
    let line = |(n, hit): (usize, &Hit)| HitLine {
        time: page.time(hit.at),
        title: hit.title.clone().unwrap_or_default(),
        url: hit.url.clone(),
        of_first_words: Some(n) == open,
    };
    hits.iter().enumerate().map(line).collect()
}

fn provider_said(page: &Page, of: &Communication) -> Vec<(String, String)> {
    let touch = &of.touch;
    let fixed = [
        ("touch.page", &touch.page),
        ("touch.entry_page", &touch.entry_page),
        ("touch.referrer", &touch.referrer),
        ("touch.site", &touch.site),
        ("touch.country", &touch.country),
        ("touch.city", &touch.city),
        ("touch.ip", &touch.ip),
    ];
    let fixed = fixed
        .into_iter()
        .filter_map(|(key, value)| Some((page.text(key).to_owned(), value.clone()?)));
    fixed
        .chain(
            touch
                .utm
                .iter()
                .map(|(name, value)| (name.clone(), value.clone())),
        )
        .collect()
}

fn days(page: &Page, messages: &[Message]) -> Vec<Day> {
    let mut days: Vec<Day> = Vec::new();
    for message in messages {
        let date = page.date(message.at);
        let bubble = Bubble::new(page, message);
        match days.last_mut().filter(|day| day.date == date) {
            Some(day) => day.messages.push(bubble),
            None => days.push(Day {
                date,
                messages: vec![bubble],
            }),
        }
    }
    days
}

impl Bubble {
    fn new(page: &Page, message: &Message) -> Self {
        let side = match message.from {
            MessageAuthor::Visitor => "visitor",
            MessageAuthor::Operator => "operator",
            MessageAuthor::System => "system",
        };
        let attachments = message.attachments.iter();
        Self {
            side,
            author: message.author.clone().unwrap_or_default(),
            time: page.time(message.at),
            text: message.text.clone(),
            attachments: attachments
                .map(|file| Link::new(file.name.as_deref().unwrap_or(&file.url), &file.url))
                .collect(),
        }
    }
}

impl Link {
    fn new(name: &str, address: &str) -> Self {
        Self {
            name: name.to_owned(),
            address: show::safe_link(address).map(str::to_owned),
        }
    }
}

fn call(page: &Page, of: &Communication) -> Option<CallPart> {
    let call = of.call.as_ref()?;
    let state = match call.state {
        CallState::Ordered => "call.ordered",
        CallState::OperatorConnected => "call.operator_connected",
        CallState::ClientConnected => "call.client_connected",
        CallState::Ended => "call.ended",
        CallState::Failed => "call.failed",
    };
    Some(CallPart {
        state: page.text(state).to_owned(),
        lasted: call
            .duration_s
            .map(|s| page.locale.duration(s.into()))
            .unwrap_or_default(),
        reason: call.reason.clone().unwrap_or_default(),
        record: call
            .record_url
            .as_ref()
            .map(|url| Link::new(page.text("call.record"), url)),
    })
}
