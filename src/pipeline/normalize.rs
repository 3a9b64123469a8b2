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

/// Normalized raw events, to be decided on as often as needed.
pub(super) struct Batch {
    raw: Vec<(WorkspaceId, RawEventId, Result<Vec<String>, SetAside>)>,
    events: Vec<(Owner, StoredEvent)>,
    /// Raw events that were looked at before, and about which we know what they tell now.
    again: Vec<(WorkspaceId, RawEventId)>,
    pub(super) fetches: Vec<(WorkspaceId, IntegrationId, RawEventId, FetchNeed)>,
}

/// Normalizes claimed raw events. Only reading the configuration can fail.
pub(super) async fn normalize(hub: &Arc<Hub>, claimed: &[ClaimedRaw]) -> StoreResult<Batch> {
    let mut batch = Batch {
        raw: Vec::new(),
        events: Vec::new(),
        again: Vec::new(),
        fetches: Vec::new(),
    };
    for ClaimedRaw { event: raw, again } in claimed {
        let setup = hub.setups.of(raw.workspace).await?;
        let integration = setup.integration(raw.integration).cloned();
        let outcome = match switched_on(raw, integration) {
            Ok(integration) => {
                let normalized = normalize_one(raw, &integration.settings);
                normalized.map(|normalized| batch.take(raw, (setup, integration), normalized))
            }
            Err(refused) => Err(refused),
        };
        if *again && tells(&outcome) {
            batch.again.push((raw.workspace, raw.id));
        }
        batch.raw.push((raw.workspace, raw.id, outcome));
    }
    Ok(batch)
}

/// Whether the outcome is the raw event's own word. When it could not be heard, because of a switch,
/// of a secret that is newer than the request or of a fault of ours, what it told before stands.
fn tells(outcome: &Result<Vec<String>, SetAside>) -> bool {
    let Err(refused) = outcome else {
        return true;
    };
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

impl Batch {
    fn take(&mut self, raw: &RawEvent, owner: Owner, normalized: Normalized) -> Vec<String> {
        for event in normalized.events {
            let stored = StoredEvent {
                raw_event: raw.id,
                received_at: raw.received_at,
                event,
            };
            self.events.push((owner.clone(), stored));
        }
        for need in normalized.fetches {
            self.fetches
                .push((raw.workspace, raw.integration, raw.id, need));
        }
        normalized.warnings
    }

    /// Joins the events with what the store knows of their conversations.
    pub(super) async fn cases(&self, hub: &Arc<Hub>) -> StoreResult<Vec<Case>> {
        let again: HashSet<RawEventId> = self.again.iter().map(|(_, id)| *id).collect();
        let mut cases = Cases::default();
        let mut queries = Vec::new();
        let mut asked = Vec::new();
        let mut numbered: HashMap<(IntegrationId, &Subject), usize> = HashMap::new();
        for (owner, stored) in &self.events {
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
        for ((owner, stored), index) in self.events.iter().zip(asked) {
            let state = states[index].take().unwrap_or_default();
            cases.add(owner, stored, state, again.contains(&stored.raw_event));
        }
        self.take_back(hub, &mut cases).await?;
        Ok(cases.into_list())
    }

    /// What raw events told before and tell no more is forgotten.
    async fn take_back(&self, hub: &Arc<Hub>, cases: &mut Cases) -> StoreResult<()> {
        if self.again.is_empty() {
            return Ok(());
        }
        let again: HashSet<RawEventId> = self.again.iter().map(|(_, id)| *id).collect();
        let known = hub.store.told_by(self.again.clone()).await?;
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
                .filter(|stored| again.contains(&stored.raw_event))
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

    /// What became of each raw event, given what is written.
    pub(super) fn outcomes(&self, writes: &[CommunicationWrite]) -> Vec<RawOutcome> {
        let news: HashSet<RawEventId> = writes
            .iter()
            .flat_map(|write| write.new_events.iter().map(|stored| stored.raw_event))
            .collect();
        let asking: HashSet<RawEventId> = self.fetches.iter().map(|(.., id, _)| *id).collect();
        let again: HashSet<RawEventId> = self.again.iter().map(|(_, id)| *id).collect();
        self.raw
            .iter()
            .map(|(workspace, id, outcome)| {
                let is_news = news.contains(id) || asking.contains(id) || again.contains(id);
                raw_outcome(*workspace, *id, outcome, is_news)
            })
            .collect()
    }
}

fn raw_outcome(
    workspace: WorkspaceId,
    id: RawEventId,
    outcome: &Result<Vec<String>, SetAside>,
    is_news: bool,
) -> RawOutcome {
    let (state, set_aside, warnings) = match outcome {
        Ok(warnings) if is_news => (RawState::Done, None, warnings.clone()),
        Ok(warnings) => (RawState::Duplicate, None, warnings.clone()),
        Err(set_aside) => (RawState::SetAside, Some(set_aside), Vec::new()),
    };
    RawOutcome {
        workspace,
        id,
        state,
        reason: set_aside.map(|set_aside| set_aside.reason),
        detail: set_aside.map(|set_aside| set_aside.detail.clone()),
        warnings,
    }
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
