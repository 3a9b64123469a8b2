//! Which conversation an event belongs to: the one of its number, of its client's card, or everything
//! near it in time.

use super::Owner;
use super::consider::Case;
use super::normalize::time_of;
use crate::model::{
    Communication, CommunicationKind, IntegrationId, StoredEvent, Subject, Timestamp,
};
use crate::store::ConversationState;
use jiff::SignedDuration;
use sha2::{Digest, Sha256};
use std::collections::HashMap;

/// Where the cases of a batch are found again: by the communication, or by what a new one will be
/// called.
#[derive(Default)]
pub(super) struct Cases {
    /// `None` for those that turned out to be one with another.
    list: Vec<Option<Case>>,
    places: HashMap<Place, usize>,
    near: Vec<Near>,
}

type Place = (IntegrationId, CommunicationKind, String);

/// A text by which later events of the batch find the case of an earlier one.
struct Near {
    integration: IntegrationId,
    kind: CommunicationKind,
    text: String,
    at: Timestamp,
    index: usize,
}

impl Cases {
    /// What there is to decide on.
    pub(super) fn into_list(self) -> Vec<Case> {
        self.list.into_iter().flatten().collect()
    }

    /// `state` is wanted with the first event of a conversation; later ones find its case.
    pub(super) fn add(
        &mut self,
        owner: &Owner,
        stored: &StoredEvent,
        state: ConversationState,
        look_again: bool,
    ) {
        let index = match &stored.event.subject {
            Subject::Numbered { kind, external_id } => {
                self.case_of(owner, (*kind, external_id.clone()), state)
            }
            Subject::Client { client } => {
                let subject = (
                    CommunicationKind::OfflineLead,
                    Communication::card_id(client),
                );
                self.case_of(owner, subject, state)
            }
            Subject::Near { kind, any_of } => self.gather(owner, stored, *kind, any_of, state),
        };
        let case = self.case(index);
        case.look_again |= look_again;
        case.incoming.push(stored.clone());
    }

    fn case(&mut self, index: usize) -> &mut Case {
        let case = self.list[index].as_mut();
        case.expect("places lead to cases that were not absorbed")
    }

    fn case_of(
        &mut self,
        owner: &Owner,
        subject: (CommunicationKind, String),
        state: ConversationState,
    ) -> usize {
        let place = (owner.1.id, subject.0, subject.1.clone());
        *self.places.entry(place).or_insert_with(|| {
            let case = Case::of_stored(owner.0.clone(), owner.1.clone(), subject, state);
            self.list.push(Some(case));
            self.list.len() - 1
        })
    }

    /// The case of an event without a number. Everything it is near to, stored or of this batch, is
    /// one conversation with it, however the events between two others are ordered.
    fn gather(
        &mut self,
        owner: &Owner,
        stored: &StoredEvent,
        kind: CommunicationKind,
        any_of: &[(String, u32)],
        mut state: ConversationState,
    ) -> usize {
        let at = time_of(stored);
        let mut indexes = Vec::new();
        if has_its_place(stored, &state) {
            state.others.clear();
        } else {
            indexes = self.beside(owner.1.id, kind, any_of, at);
        }
        let others = std::mem::take(&mut state.others).into_iter();
        let others = others.map(|(communication, events)| ConversationState {
            communication: Some(communication),
            events,
            ..ConversationState::default()
        });
        for state in std::iter::once(state).chain(others) {
            if let Some(known) = &state.communication {
                let subject = (kind, known.external_id.clone());
                indexes.push(self.case_of(owner, subject, state));
            }
        }
        let index = match self.unite(indexes) {
            Some(index) => index,
            None => {
                let text = any_of.first().map_or("", |(text, _)| text);
                let subject = (kind, new_name(text, at));
                self.case_of(owner, subject, ConversationState::default())
            }
        };
        self.lead(owner.1.id, stored, index);
        index
    }

    /// Cases of the batch with an event near in time.
    fn beside(
        &self,
        integration: IntegrationId,
        kind: CommunicationKind,
        any_of: &[(String, u32)],
        at: Timestamp,
    ) -> Vec<usize> {
        let is_near = |near: &&Near| {
            let distance = at.duration_since(near.at).abs();
            (near.integration, near.kind) == (integration, kind)
                && any_of.iter().any(|(text, seconds)| {
                    *text == near.text && distance <= SignedDuration::from_secs((*seconds).into())
                })
        };
        let near = self.near.iter().filter(is_near);
        near.map(|near| near.index).collect()
    }

    /// Makes one case of several: that of the oldest communication, or else the first.
    fn unite(&mut self, mut indexes: Vec<usize>) -> Option<usize> {
        indexes.sort_unstable();
        indexes.dedup();
        let age = |index: &usize| {
            let case = self.list[*index].as_ref();
            let known = case.and_then(|case| case.state.communication.as_ref());
            (known.is_none(), known.map(|known| known.id), *index)
        };
        let target = *indexes.iter().min_by_key(|index| age(index))?;
        for index in indexes.into_iter().filter(|index| *index != target) {
            self.absorb(target, index);
        }
        Some(target)
    }

    fn absorb(&mut self, target: usize, index: usize) {
        let Some(case) = self.list[index].take() else {
            return;
        };
        let places = self.places.values_mut();
        let near = self.near.iter_mut().map(|near| &mut near.index);
        for place in places.chain(near).filter(|place| **place == index) {
            *place = target;
        }
        let integration = case.integration.id;
        for stored in &case.state.events {
            self.lead(integration, stored, target);
        }
        let into = self.case(target);
        into.state.events.extend(case.state.events);
        into.absorbed.extend(case.state.communication);
        into.absorbed.extend(case.absorbed);
        into.incoming.extend(case.incoming);
        into.forget.extend(case.forget);
        into.near.extend(case.near);
        into.look_again |= case.look_again;
    }

    /// Later events find the case by the texts of this one.
    fn lead(&mut self, integration: IntegrationId, stored: &StoredEvent, index: usize) {
        let Subject::Near { kind, any_of } = &stored.event.subject else {
            return;
        };
        let at = time_of(stored);
        for (text, _) in any_of {
            self.case(index).near.push((text.clone(), at));
            self.near.push(Near {
                integration,
                kind: *kind,
                text: text.clone(),
                at,
                index,
            });
        }
    }

    /// The batch tells this event of this very conversation.
    pub(super) fn tells(&self, case: &Case, dedup_key: &str) -> bool {
        let place = (case.integration.id, case.kind, case.external_id.clone());
        let index = self.places.get(&place);
        let found = index.and_then(|index| self.list[*index].as_ref());
        found.is_some_and(|found| {
            let mut told = found.incoming.iter();
            told.any(|stored| stored.event.dedup_key == dedup_key)
        })
    }

    pub(super) fn forget(&mut self, case: Case, gone: Vec<String>) {
        let place = (case.integration.id, case.kind, case.external_id.clone());
        let index = *self.places.entry(place).or_insert_with(|| {
            self.list.push(Some(case));
            self.list.len() - 1
        });
        self.case(index).forget.extend(gone);
    }
}

/// A known event stays where it is: a replay must not move it to what has come near meanwhile. Only
/// when it turns out to have arrived earlier is it looked at as if it were new.
fn has_its_place(stored: &StoredEvent, state: &ConversationState) -> bool {
    let arrived = |one: &StoredEvent| (one.received_at, one.raw_event);
    let is_it = |known: &&StoredEvent| known.event.dedup_key == stored.event.dedup_key;
    let known = state.events.iter().find(is_it);
    known.is_some_and(|known| arrived(known) <= arrived(stored))
}

/// A name for a conversation the vendor does not number: stable for its first event, and without
/// the contact that may be in the text.
fn new_name(text: &str, at: Timestamp) -> String {
    let hash = Sha256::digest(text.as_bytes());
    format!(
        "{}-{}",
        at.as_second(),
        data_encoding::HEXLOWER.encode(&hash[..6])
    )
}
