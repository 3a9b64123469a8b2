//! The first half of the walk: raw events into events.

use super::Owner;
use super::consider::Case;
use super::gather::Cases;
use crate::hub::Hub;
use crate::model::{
    Address, Event, FetchNeed, Integration, IntegrationId, KeyKind, Normalized, RawEvent,
    RawEventId, RawState, SetAside, SetAsideReason, StoredEvent, Subject, Timestamp, WorkspaceId,
};
use crate::providers;
use crate::store::{
    ClaimedRaw, CommunicationWrite, ConversationQuery, ConversationState, RawOutcome, StoreResult,
};
use std::collections::{HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use tracing::error;

/// What is said of a raw event whose reader panicked.
const READER_FAILED: &str = "the provider's reader failed";

/// A normalized raw event.
pub(super) struct Reading {
    workspace: WorkspaceId,
    raw: RawEventId,
    /// It was looked at before, and we know what it tells now.
    is_again: bool,
    /// Warnings, or why it tells nothing.
    outcome: Result<Vec<String>, SetAside>,
    events: Vec<(Owner, StoredEvent)>,
    fetches: Vec<(IntegrationId, FetchNeed)>,
}

/// Readings to be decided on together, as often as needed.
pub(super) struct Batch(Vec<Arc<Reading>>);

/// Normalizes claimed raw events. Only reading the configuration can fail.
pub(super) async fn normalize(
    hub: &Arc<Hub>,
    claimed: &[ClaimedRaw],
) -> StoreResult<Vec<Arc<Reading>>> {
    let mut readings = Vec::with_capacity(claimed.len());
    for ClaimedRaw { event: raw, again } in claimed {
        let setup = hub.setups.of(raw.workspace).await?;
        let integration = setup.integration(raw.integration).cloned();
        let mut reading = Reading {
            workspace: raw.workspace,
            raw: raw.id,
            is_again: *again,
            outcome: Ok(Vec::new()),
            events: Vec::new(),
            fetches: Vec::new(),
        };
        let normalized = switched_on(raw, integration).and_then(|integration| {
            let normalized = normalize_one(raw, &integration.settings)?;
            Ok(((setup, integration), normalized))
        });
        match normalized {
            Ok((owner, normalized)) => reading.take(raw, &owner, normalized),
            Err(refused) => {
                reading.is_again &= tells(&refused);
                reading.outcome = Err(refused);
            }
        }
        readings.push(Arc::new(reading));
    }
    Ok(readings)
}

/// Parts readings into batches of at most so many conversations. Readings of one conversation stay
/// together, so that it is read, folded and written once for all of them; but where raw events are
/// looked at again, order goes first: what one of them takes back a later one may tell.
pub(super) fn parted(readings: Vec<Arc<Reading>>, conversations: usize) -> Vec<Batch> {
    let keeps_order = readings.iter().any(|reading| reading.is_again);
    let mut batches: Vec<Batch> = Vec::new();
    let mut numbers: HashMap<(IntegrationId, Subject), usize> = HashMap::new();
    let mut first = 0;
    for reading in readings {
        let place = reading.place();
        let is_new = place
            .as_ref()
            .is_some_and(|place| !numbers.contains_key(place));
        if keeps_order && is_new && numbers.len() == conversations {
            numbers.clear();
            first = batches.len();
        }
        let next = numbers.len();
        let number = match place {
            Some(place) => *numbers.entry(place).or_insert(next),
            None => next.saturating_sub(1),
        };
        let index = first + number / conversations;
        if index == batches.len() {
            batches.push(Batch(Vec::new()));
        }
        batches[index].0.push(reading);
    }
    batches
}

/// Whether a refusal is the raw event's own word. When it could not be heard, because of a switch, of
/// a secret that is newer than the request or of a fault of ours, what it told before stands.
fn tells(refused: &SetAside) -> bool {
    let unheard = [SetAsideReason::SwitchedOff, SetAsideReason::SecretMismatch];
    !unheard.contains(&refused.reason) && refused.detail != READER_FAILED
}

/// The switches as they stand now, which need not be how they stood at the arrival.
fn switched_on(
    raw: &RawEvent,
    integration: Option<Arc<Integration>>,
) -> Result<Arc<Integration>, SetAside> {
    let refuse = |detail: &str| Err(SetAside::new(SetAsideReason::SwitchedOff, detail));
    match integration.filter(|integration| integration.active) {
        None => refuse("the integration is switched off"),
        Some(integration)
            if raw.address == Address::Leads && !integration.settings.offline_leads =>
        {
            refuse("offline leads are switched off")
        }
        Some(integration) => Ok(integration),
    }
}

/// A provider's reader is not trusted with the life of the loop: its panic is one raw event's.
fn normalize_one(
    raw: &RawEvent,
    settings: &crate::model::IntegrationSettings,
) -> Result<Normalized, SetAside> {
    let Some(provider) = providers::find(&raw.provider) else {
        return Err(SetAside::new(
            SetAsideReason::UnknownEvent,
            "the provider is not known",
        ));
    };
    let read = AssertUnwindSafe(|| provider.normalize(raw, settings));
    catch_unwind(read).unwrap_or_else(|_| {
        error!(raw_event.id = %raw.id, provider = raw.provider,
            "The reader of {} panicked at raw event {}", raw.provider, raw.id);
        Err(SetAside::new(SetAsideReason::WrongShape, READER_FAILED))
    })
}

impl Reading {
    fn take(&mut self, raw: &RawEvent, owner: &Owner, normalized: Normalized) {
        let stored = |event| StoredEvent {
            raw_event: raw.id,
            received_at: raw.received_at,
            event,
        };
        let events = normalized.events.into_iter().map(stored);
        self.events = events.map(|stored| (owner.clone(), stored)).collect();
        let needs = normalized.fetches.into_iter();
        self.fetches = needs.map(|need| (raw.integration, need)).collect();
        self.outcome = Ok(normalized.warnings);
    }

    /// The conversation of its first event.
    fn place(&self) -> Option<(IntegrationId, Subject)> {
        let ((_, integration), stored) = self.events.first()?;
        Some((integration.id, stored.event.subject.clone()))
    }

    fn outcome(&self, is_news: bool) -> RawOutcome {
        let (state, set_aside, warnings) = match &self.outcome {
            Ok(warnings) if is_news => (RawState::Done, None, warnings.clone()),
            Ok(warnings) => (RawState::Duplicate, None, warnings.clone()),
            Err(set_aside) => (RawState::SetAside, Some(set_aside), Vec::new()),
        };
        RawOutcome {
            workspace: self.workspace,
            id: self.raw,
            state,
            reason: set_aside.map(|set_aside| set_aside.reason),
            detail: set_aside.map(|set_aside| set_aside.detail.clone()),
            warnings,
        }
    }
}

impl Batch {
    /// Its halves, or the id of its only raw event.
    pub(super) fn halves(&self) -> Result<[Batch; 2], RawEventId> {
        match self.0.as_slice() {
            [only] => Err(only.raw),
            several => {
                let (left, right) = several.split_at(several.len() / 2);
                Ok([left, right].map(|half| Batch(half.to_vec())))
            }
        }
    }

    fn events(&self) -> impl Iterator<Item = &(Owner, StoredEvent)> {
        self.0.iter().flat_map(|reading| &reading.events)
    }

    /// Raw events that were looked at before, and about which we know what they tell now.
    fn again(&self) -> Vec<(WorkspaceId, RawEventId)> {
        let again = self.0.iter().filter(|reading| reading.is_again);
        again
            .map(|reading| (reading.workspace, reading.raw))
            .collect()
    }

    /// What is to be asked of providers.
    pub(super) fn fetches(&self) -> Vec<(WorkspaceId, IntegrationId, RawEventId, FetchNeed)> {
        let readings = self.0.iter();
        let needs = readings.flat_map(|reading| {
            let needs = reading.fetches.iter();
            needs.map(|(integration, need)| {
                (reading.workspace, *integration, reading.raw, need.clone())
            })
        });
        needs.collect()
    }

    /// Joins the events with what the store knows of their conversations.
    pub(super) async fn cases(&self, hub: &Arc<Hub>) -> StoreResult<Vec<Case>> {
        let again = self.again();
        let is_again: HashSet<RawEventId> = again.iter().map(|(_, id)| *id).collect();
        let mut cases = Cases::default();
        let mut queries = Vec::new();
        let mut asked = Vec::new();
        let mut numbered: HashMap<(IntegrationId, &Subject), usize> = HashMap::new();
        for (owner, stored) in self.events() {
            let subject = &stored.event.subject;
            let is_near = matches!(subject, Subject::Near { .. });
            let place = (owner.1.id, subject);
            let known = numbered.get(&place).copied().filter(|_| !is_near);
            let index = known.unwrap_or_else(|| {
                queries.push(query(owner, stored));
                queries.len() - 1
            });
            numbered.insert(place, index);
            asked.push(index);
        }
        let mut states: Vec<Option<ConversationState>> = hub
            .store
            .conversations(queries)
            .await?
            .into_iter()
            .map(Some)
            .collect();
        for ((owner, stored), index) in self.events().zip(asked) {
            let state = states[index].take().unwrap_or_default();
            cases.add(owner, stored, state, is_again.contains(&stored.raw_event));
        }
        take_back(hub, again, &mut cases).await?;
        Ok(cases.into_list())
    }

    /// What became of each raw event, given what is written.
    pub(super) fn outcomes(&self, writes: &[CommunicationWrite]) -> Vec<RawOutcome> {
        let news: HashSet<RawEventId> = writes
            .iter()
            .flat_map(|write| write.new_events.iter().map(|stored| stored.raw_event))
            .collect();
        let outcome = |reading: &Arc<Reading>| {
            let asks = !reading.fetches.is_empty();
            reading.outcome(news.contains(&reading.raw) || asks || reading.is_again)
        };
        self.0.iter().map(outcome).collect()
    }
}

/// What raw events told before and tell no more is forgotten.
async fn take_back(
    hub: &Arc<Hub>,
    again: Vec<(WorkspaceId, RawEventId)>,
    cases: &mut Cases,
) -> StoreResult<()> {
    if again.is_empty() {
        return Ok(());
    }
    let is_again: HashSet<RawEventId> = again.iter().map(|(_, id)| *id).collect();
    let known = hub.store.told_by(again).await?;
    let ids: HashSet<_> = known
        .into_iter()
        .map(|(_, workspace, id)| (workspace, id))
        .collect();
    for state in hub
        .store
        .conversations_by_id(ids.into_iter().collect())
        .await?
    {
        let Some(case) = super::stored_case(hub, state).await? else {
            continue;
        };
        let events = case.state.events.iter();
        let gone: Vec<String> = events
            .filter(|stored| is_again.contains(&stored.raw_event))
            .map(|stored| &stored.event.dedup_key)
            .filter(|key| !cases.tells(&case, key))
            .cloned()
            .collect();
        if !gone.is_empty() {
            cases.forget(case, gone);
        }
    }
    Ok(())
}

fn query(owner: &Owner, stored: &StoredEvent) -> ConversationQuery {
    let (_, integration) = owner;
    ConversationQuery {
        workspace: integration.workspace,
        integration: integration.id,
        subject: stored.event.subject.clone(),
        dedup_key: stored.event.dedup_key.clone(),
        at: time_of(stored),
        client: client_of(integration.id, &integration.provider, &stored.event),
    }
}

pub(super) fn time_of(stored: &StoredEvent) -> Timestamp {
    stored.event.occurred_at.unwrap_or(stored.received_at)
}

/// `{integration}:{client}`, for providers that tell of card changes.
pub(super) fn client_of(
    integration: IntegrationId,
    provider: &str,
    event: &Event,
) -> Option<String> {
    let known = providers::find(provider).filter(|provider| provider.has_client_cards())?;
    if let Subject::Client { client } = &event.subject {
        return Some(format!("{integration}:{client}"));
    }
    let prefix = known.slug();
    event
        .keys
        .iter()
        .filter(|key| key.kind == KeyKind::BoundUser)
        .find_map(|key| key.value.strip_prefix(prefix)?.strip_prefix(':'))
        .map(|client| format!("{integration}:{client}"))
}
