//! The second half of the walk: what is known and what is new of a conversation become one
//! communication with its link, credit and receipt. Reads visits, decides, and says what to write.

use super::card;
use super::normalize::client_of;
use crate::credit::{self, Geo, utm};
use crate::fold::{Draft, fold};
use crate::hub::{Hub, LiveSetup};
use crate::link;
use crate::model::{
    Communication, CommunicationId, CommunicationKind, EmployeeId, Hidden, Integration, Key,
    KeyKind, Link, Marks, MessageAuthor, SiteId, StoredEvent, Strength, TagId, Timestamp, Visit,
};
use crate::providers;
use crate::store::{
    CandidateQuery, Candidates, CommunicationWrite, ConversationState, HistoryEntry, StoreResult,
};
use crate::visits;
use jiff::SignedDuration;
use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// Search finds the beginning of longer conversations only, characters.
const SEARCHED: usize = 65_536;

/// Codes looked at in one conversation, the earliest.
const MAX_CODES: usize = 10;

/// A conversation to decide on.
pub(super) struct Case {
    pub(super) setup: Arc<LiveSetup>,
    pub(super) integration: Arc<Integration>,
    pub(super) kind: CommunicationKind,
    pub(super) external_id: String,
    pub(super) state: ConversationState,
    /// Events that came, known ones among them.
    pub(super) incoming: Vec<StoredEvent>,
    /// Dedup keys of stored events that are taken back.
    pub(super) forget: Vec<String>,
    /// A raw event of it is replayed, or the rules may have changed: decide anew in any case.
    pub(super) look_again: bool,
    /// Texts by which an event without a number found its way here.
    pub(super) near: Vec<(String, Timestamp)>,
    /// Communications that turned out to be this one; their events are among those of `state`.
    pub(super) absorbed: Vec<Communication>,
}

impl Case {
    pub(super) fn of_stored(
        setup: Arc<LiveSetup>,
        integration: Arc<Integration>,
        (kind, external_id): (CommunicationKind, String),
        state: ConversationState,
    ) -> Case {
        Case {
            setup,
            integration,
            kind,
            external_id,
            state,
            incoming: Vec::new(),
            forget: Vec::new(),
            look_again: false,
            near: Vec::new(),
            absorbed: Vec::new(),
        }
    }

    /// Made of changes of a client's card.
    fn is_card(&self) -> bool {
        Communication::is_card_id(&self.external_id)
    }

    /// All events after this commit, taken out of the case, and those of them that must be written.
    /// An event that came several times is kept as it came first.
    fn merged(&mut self) -> (Vec<StoredEvent>, Vec<StoredEvent>) {
        let mut all = std::mem::take(&mut self.state.events);
        if !self.forget.is_empty() {
            all.retain(|stored| !self.forget.contains(&stored.event.dedup_key));
        }
        let mut places: HashMap<String, usize> = HashMap::new();
        if !self.incoming.is_empty() {
            let keys = all.iter().map(|stored| stored.event.dedup_key.clone());
            places.extend(keys.zip(0..));
        }
        let mut news = BTreeSet::new();
        for incoming in &self.incoming {
            let next = all.len();
            let dedup_key = incoming.event.dedup_key.clone();
            let place = *places.entry(dedup_key).or_insert(next);
            let Some(known) = all.get_mut(place) else {
                all.push(incoming.clone());
                news.insert(place);
                continue;
            };
            let order = |stored: &StoredEvent| (stored.received_at, stored.raw_event);
            let read_anew = known.raw_event == incoming.raw_event && known.event != incoming.event;
            if read_anew || order(incoming) < order(known) {
                *known = incoming.clone();
                news.insert(place);
            }
        }
        let news = news.into_iter().map(|place| all[place].clone()).collect();
        (all, news)
    }
}

/// A case with everything computed that needs no visits.
struct Prepared {
    case: Case,
    news: Vec<StoredEvent>,
    draft: Draft,
    hidden: Option<Hidden>,
    marks: Marks,
    site: Option<SiteId>,
}

/// Decides cases. Those that come out as they are stored need no writing and are left out.
pub(super) async fn consider(
    hub: &Arc<Hub>,
    cases: Vec<Case>,
    now: Timestamp,
) -> StoreResult<Vec<CommunicationWrite>> {
    let mut writes = Vec::new();
    let mut prepared = Vec::with_capacity(cases.len());
    for mut case in cases {
        let known = case.state.communication.as_ref().map(|known| known.id);
        let absorbed = std::mem::take(&mut case.absorbed).into_iter();
        // They come before what absorbs them: their keys must be gone by then.
        writes.extend(absorbed.zip(known.into_iter().cycle()).map(absorbed_by));
        let is_known = known.is_some();
        match prepare(case, now) {
            Ok(ready) => prepared.push(ready),
            Err(emptied) if is_known => writes.extend(taken_back(*emptied)),
            Err(_) => {}
        }
    }
    prepared.retain(is_worth_a_look);
    let window = SignedDuration::from_hours(24 * i64::from(hub.config.link.window_days));
    let queries = prepared
        .iter()
        .map(|ready| question(ready, window))
        .collect();
    let candidates = hub.store.candidates(queries).await?;
    for (ready, candidates) in prepared.into_iter().zip(candidates) {
        writes.extend(decide(ready, candidates));
    }
    Ok(writes)
}

/// Folds the case. `Err`: no event is left.
fn prepare(mut case: Case, now: Timestamp) -> Result<Prepared, Box<Case>> {
    let (all, news) = case.merged();
    let silence = silence_of(&case.integration);
    let told = Told::of(&case, &all);
    let Some(mut draft) = fold(case.kind, &told.events, told.cards, silence, now) else {
        return Err(Box::new(case));
    };
    let hidden = told.hidden;
    let rules = &case.setup.rules;
    let marks = utm::read_touch(&draft.touch, &|host| rules.is_own(host));
    add_keys(&mut draft, &case, &all, &marks);
    let touch = &draft.touch;
    let site = case.integration.site.or_else(|| {
        let page = touch.page.as_deref().or(touch.entry_page.as_deref());
        page.and_then(|page| rules.site_of_page(page)).or_else(|| {
            touch
                .site
                .as_deref()
                .and_then(|host| rules.site_of_page(host))
        })
    });
    Ok(Prepared {
        case,
        news,
        draft,
        hidden,
        marks,
        site,
    })
}

/// What of a case's events is folded: of changes of a card those that are a lead, else all.
struct Told<'a> {
    events: Cow<'a, [StoredEvent]>,
    cards: &'a [StoredEvent],
    hidden: Option<Hidden>,
}

impl<'a> Told<'a> {
    fn of(case: &'a Case, all: &'a [StoredEvent]) -> Told<'a> {
        let state = &case.state;
        if !case.is_card() {
            return Told {
                events: Cow::Borrowed(all),
                cards: &state.client_events,
                hidden: None,
            };
        }
        let leads = card::leads(all, &state.siblings);
        if leads.is_empty() {
            let absorbed = card::absorbed_by(all, &state.siblings);
            return Told {
                events: Cow::Borrowed(all),
                cards: &[],
                hidden: Some(absorbed.map_or(Hidden::NoContact, Hidden::AbsorbedBy)),
            };
        }
        Told {
            events: Cow::Owned(leads),
            cards: all,
            hidden: None,
        }
    }
}

fn silence_of(integration: &Integration) -> SignedDuration {
    let default = providers::find(&integration.provider)
        .map_or(24 * 60, |provider| provider.silence_minutes());
    let minutes = integration.settings.silence_minutes.unwrap_or(default);
    SignedDuration::from_mins(i64::from(minutes))
}

/// Keys that follow from what is folded: contacts, codes the visitor wrote, clicks of the page, the client of the account,
/// the moments a client-side mark may have.
fn add_keys(draft: &mut Draft, case: &Case, events: &[StoredEvent], marks: &Marks) {
    let contact = &draft.contact;
    let phones = contact
        .phones
        .iter()
        .map(|phone| Key::new(KeyKind::Phone, phone.as_str()));
    let emails = contact
        .emails
        .iter()
        .map(|email| Key::new(KeyKind::Email, email.as_str()));
    let codes = draft
        .messages
        .iter()
        .filter(|message| message.from == MessageAuthor::Visitor)
        .flat_map(|message| visits::codes_in(&message.text))
        .take(MAX_CODES)
        .map(|code| Key::new(KeyKind::Code, code));
    let told = phones.chain(emails).chain(codes);
    let mut keys: Vec<Key> = draft.keys.drain(..).chain(told).collect();
    let integration = &case.integration;
    let client = events
        .iter()
        .find_map(|stored| client_of(integration.id, &integration.provider, &stored.event));
    keys.extend(client.map(|client| Key::new(KeyKind::Client, client)));
    keys.extend(visits::click_keys(marks));
    let by_mark = providers::find(&integration.provider).is_some_and(|known| known.links_by_mark());
    if by_mark {
        keys.extend(link::mark_keys(&integration.provider, draft.first_words_at));
    }
    keys.sort();
    keys.dedup();
    draft.keys = keys;
}

/// A repeat that changes nothing is not looked at any further: nothing came, nothing was taken
/// back, and it is no replay.
fn is_worth_a_look(ready: &Prepared) -> bool {
    let case = &ready.case;
    case.look_again
        || case.incoming.is_empty()
        || !ready.news.is_empty()
        || !case.forget.is_empty()
        || case.state.communication.is_none()
}

fn question(ready: &Prepared, window: SignedDuration) -> CandidateQuery {
    let first_words_at = ready.draft.first_words_at;
    CandidateQuery {
        workspace: ready.case.integration.workspace,
        keys: ready.draft.keys.clone(),
        around: link::around(first_words_at),
        not_before: first_words_at
            .saturating_sub(window)
            .unwrap_or(Timestamp::MIN),
        exclude: ready
            .case
            .state
            .communication
            .as_ref()
            .map(|known| known.id),
    }
}

/// Every event of a communication was taken back: it has nothing to say any more. One whose events
/// are another's has been silent since.
fn taken_back(case: Case) -> Option<CommunicationWrite> {
    let communication = case.state.communication?;
    match communication.hidden {
        Some(Hidden::TakenBack) => None,
        Some(Hidden::AbsorbedBy(_)) if case.forget.is_empty() => None,
        _ => Some(CommunicationWrite {
            forget: case.forget,
            ..silenced(communication, Hidden::TakenBack)
        }),
    }
}

/// An event came that belongs to both: they are one.
fn absorbed_by((absorbed, by): (Communication, CommunicationId)) -> CommunicationWrite {
    CommunicationWrite {
        moved_to: Some(by),
        ..silenced(absorbed, Hidden::AbsorbedBy(by))
    }
}

fn silenced(mut communication: Communication, why: Hidden) -> CommunicationWrite {
    communication.hidden = Some(why);
    communication.silence_at = None;
    let dropped = std::mem::take(&mut communication.keys);
    CommunicationWrite {
        communication,
        new_events: Vec::new(),
        forget: Vec::new(),
        seen: i64::MAX,
        history: Vec::new(),
        watch: Vec::new(),
        near: Vec::new(),
        contact_news: false,
        client_news: false,
        dropped,
        moved_to: None,
        text: Some(String::new()),
    }
}

fn decide(ready: Prepared, candidates: Candidates) -> Option<CommunicationWrite> {
    let stored = ready.case.state.communication.clone();
    let previous_visit = stored
        .as_ref()
        .and_then(|stored| previous_visit(stored, &candidates));
    let choice = link::choose(&link::Input {
        keys: &ready.draft.keys,
        first_words_at: ready.draft.first_words_at,
        name: ready.draft.contact.name.as_deref(),
        is_messenger: !ready.draft.channel.is_site(),
        found: &candidates.found,
        site: ready.site,
        marks: &ready.marks,
        previous: stored
            .as_ref()
            .map(|stored| (&stored.link, previous_visit.as_ref())),
    });
    let (credit, credit_steps) = credit::decide(&credit::Input {
        rules: &ready.case.setup.rules,
        settings: &ready.case.integration.settings,
        channel: &ready.draft.channel,
        integration_site: ready.case.integration.site,
        page_site: ready.site,
        visit: choice.visit.as_ref(),
        marks: &ready.marks,
        geo: Geo {
            country: ready.draft.touch.country.as_deref(),
            region: None,
            city: ready.draft.touch.city.as_deref(),
        },
        by_hand: None,
    });
    let mut receipt = choice.receipt;
    receipt.extend(credit_steps);
    let watch = watched(&candidates);
    let communication = assemble(&ready, choice.link, credit, receipt);
    write_if_changed(ready, stored, communication, candidates.seen, watch)
}

/// The visitors that the keys lead to, also those whose evidence was refused: a visit of theirs
/// that comes later, or turns out to have begun earlier, may be the one.
fn watched(candidates: &Candidates) -> Vec<Key> {
    let visitors: BTreeSet<&str> = candidates
        .found
        .iter()
        .map(|found| found.named.visitor_key.as_str())
        .collect();
    let keys = visitors.into_iter();
    keys.map(|key| Key::new(KeyKind::Visitor, key)).collect()
}

/// The visit of the link in force, when the keys still lead to it.
fn previous_visit(stored: &Communication, candidates: &Candidates) -> Option<Visit> {
    let id = stored.link.visit?;
    candidates
        .found
        .iter()
        .flat_map(|found| found.open.iter().chain(std::iter::once(&found.named)))
        .find(|visit| visit.id == id)
        .cloned()
}

fn assemble(
    ready: &Prepared,
    link: Link,
    credit: crate::model::Credit,
    receipt: Vec<crate::model::ReceiptStep>,
) -> Communication {
    let case = &ready.case;
    let draft = ready.draft.clone();
    let stored = case.state.communication.as_ref();
    let settings = &case.integration.settings;
    let employee = employee_of(case, &draft);
    let mut tags: Vec<TagId> = stored
        .map(|stored| stored.tags.clone())
        .unwrap_or_else(|| settings.tag_ids.clone());
    tags.sort();
    tags.dedup();
    Communication {
        id: stored.map_or(CommunicationId(0), |stored| stored.id),
        workspace: case.integration.workspace,
        integration: case.integration.id,
        provider: case.integration.provider.clone(),
        kind: case.kind,
        external_id: case.external_id.clone(),
        hidden: ready.hidden,
        channel: draft.channel,
        status: draft.status,
        started_at: draft.started_at,
        started_at_origin: draft.started_at_origin,
        first_words_at: draft.first_words_at,
        finished_at: draft.finished_at,
        finished_by: draft.finished_by,
        received_at: draft.received_at,
        contact: draft.contact,
        messages: draft.messages,
        operators: draft.operators,
        employee,
        tags,
        keys: draft.keys,
        touch: draft.touch,
        call: draft.call,
        extra: draft.extra,
        link,
        credit,
        receipt,
        silence_at: draft.silence_at,
        version: stored.map_or(0, |stored| stored.version),
    }
}

/// The operator in charge by the table operators → employees, else the integration's employee.
fn employee_of(case: &Case, draft: &Draft) -> Option<EmployeeId> {
    let settings = &case.integration.settings;
    draft
        .operators
        .iter()
        .rev()
        .find_map(|operator| {
            let row = settings.operators.iter().find(|row| {
                row.operator.eq_ignore_ascii_case(&operator.id)
                    || operator.name.as_deref() == Some(row.operator.as_str())
            });
            row.map(|row| row.employee_id)
        })
        .or(settings.employee_id)
}

fn write_if_changed(
    ready: Prepared,
    stored: Option<Communication>,
    communication: Communication,
    seen: i64,
    watch: Vec<Key>,
) -> Option<CommunicationWrite> {
    let is_same = stored.as_ref() == Some(&communication);
    if is_same && ready.news.is_empty() && ready.case.forget.is_empty() {
        return None;
    }
    let text = searched_text(&communication);
    let changed_text = stored.as_ref().map(searched_text).as_ref() != Some(&text);
    let before = stored.as_ref();
    Some(CommunicationWrite {
        history: before
            .map(|stored| replaced(stored, &communication))
            .unwrap_or_default(),
        contact_news: is_contact_news(before, &communication),
        client_news: is_client_news(before, &communication),
        dropped: before.map_or(Vec::new(), |stored| dropped(stored, &communication)),
        communication,
        new_events: ready.news,
        forget: ready.case.forget,
        seen,
        watch,
        near: ready.case.near,
        moved_to: None,
        text: changed_text.then_some(text),
    })
}

/// Others with the same contact may be led to another visit, or to none any more.
fn is_contact_news(before: Option<&Communication>, now: &Communication) -> bool {
    let is_sure =
        |one: &Communication| matches!(one.link.strength, Strength::Exact | Strength::Strong);
    match before {
        None => is_sure(now),
        Some(before) => {
            let is_new = before.link != now.link || before.contact != now.contact;
            is_new && (is_sure(before) || is_sure(now))
        }
    }
}

/// The card of the client may have become a lead, or part of this communication.
fn is_client_news(before: Option<&Communication>, now: &Communication) -> bool {
    let seen = |one: &Communication| {
        let last_message = one.messages.iter().map(|message| message.at).max();
        let end = one.finished_at.max(last_message);
        let client = one.keys.iter().find(|key| key.kind == KeyKind::Client);
        (one.started_at, end, one.contact.clone(), client.cloned())
    };
    before.is_none_or(|before| seen(before) != seen(now) || before.hidden != now.hidden)
}

fn dropped(before: &Communication, now: &Communication) -> Vec<Key> {
    let gone = before.keys.iter().filter(|key| !now.keys.contains(key));
    gone.cloned().collect()
}

fn replaced(stored: &Communication, new: &Communication) -> Vec<HistoryEntry> {
    let mut history = Vec::new();
    if stored.link.visit != new.link.visit || stored.link.strength != new.link.strength {
        history.push(HistoryEntry::Link {
            was: stored.link.clone(),
        });
    }
    let credited = |credit: &crate::model::Credit| (credit.step, credit.campaign, credit.source);
    if credited(&stored.credit) != credited(&new.credit) {
        history.push(HistoryEntry::Credit {
            was: stored.credit.clone(),
        });
    }
    history
}

/// Name, contacts, number and words, each once.
fn searched_text(communication: &Communication) -> String {
    let contact = &communication.contact;
    let mut text = communication.external_id.clone();
    let mut add = |part: &str| {
        if text.len() + part.len() < SEARCHED {
            text.push('\n');
            text.push_str(part);
        }
    };
    contact.name.iter().for_each(|name| add(name));
    for phone in &contact.phones {
        // As people type it: whole, without the first digit, and its end.
        let digits = phone.as_str().trim_start_matches('+');
        let tails = [
            1,
            digits.len().saturating_sub(7),
            digits.len().saturating_sub(4),
        ];
        add(digits);
        tails
            .iter()
            .filter_map(|tail| digits.get(*tail..))
            .for_each(&mut add);
    }
    contact.emails.iter().for_each(|email| add(email.as_str()));
    communication
        .messages
        .iter()
        .for_each(|message| add(&message.text));
    text
}
