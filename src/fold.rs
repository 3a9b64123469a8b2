//! From events to a communication: a fold that gives the same result for any order and repetition
//! of the same events (DESIGN.md 5.1 "Order"). Only computes.
//!
//! When two events disagree on a scalar, the one that knows more is believed: by kind, then by the
//! vendor's time, then by content. The moment of arrival decides nothing but times that the vendor
//! does not give.

mod messages;

use crate::model::{
    Call, Channel, CommunicationKind, Contact, Event, EventKind, FinishedBy, Key, Message,
    MessageAuthor, Operator, Status, StoredEvent, TimeOrigin, Timestamp, Touch,
};

use jiff::SignedDuration;
use std::collections::{BTreeMap, BTreeSet};

/// What events amount to, before link and credit.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    pub channel: Channel,
    pub status: Status,
    pub started_at: Timestamp,
    pub started_at_origin: TimeOrigin,
    pub first_words_at: Timestamp,
    pub finished_at: Option<Timestamp>,
    pub finished_by: Option<FinishedBy>,
    pub received_at: Timestamp,
    pub contact: Contact,
    pub messages: Vec<Message>,
    pub operators: Vec<Operator>,
    pub keys: Vec<Key>,
    pub touch: Touch,
    pub call: Option<Call>,
    pub extra: BTreeMap<String, String>,
    pub silence_at: Option<Timestamp>,
}

/// Folds the events of one communication. `cards` are changes of its client's card, which add
/// contacts. `silence` ends a chat. There is at least one event.
pub fn fold(
    kind: CommunicationKind,
    events: &[StoredEvent],
    cards: &[StoredEvent],
    silence: SignedDuration,
    now: Timestamp,
) -> Option<Draft> {
    let ordered = by_knowledge(events);
    let received_at = events.iter().map(|stored| stored.received_at).min()?;
    let messages = messages::unite(&ordered);
    let times = Times::read(events, &messages, received_at);
    let operators = unite_operators(&ordered);
    let call = unite_calls(&ordered);
    let end = End::of(kind, events, &messages, call.as_ref(), silence, now, &times);
    Some(Draft {
        channel: latest(&ordered, |event| event.channel.clone()).unwrap_or_else(Channel::site),
        status: status(
            kind,
            &messages,
            &operators,
            call.as_ref(),
            end.finished_at.is_some(),
        ),
        started_at: times.started_at,
        started_at_origin: times.origin,
        first_words_at: times.first_words_at,
        finished_at: end.finished_at,
        finished_by: end.finished_by,
        received_at,
        contact: unite_contacts(&ordered, &by_knowledge(cards)),
        messages,
        operators,
        keys: unite_keys(&ordered),
        touch: unite_touches(&ordered),
        call,
        extra: unite_extra(&ordered),
        silence_at: end.silence_at,
    })
}

/// Least knowing first.
fn by_knowledge(events: &[StoredEvent]) -> Vec<&Event> {
    let mut ordered: Vec<&Event> = events.iter().map(|stored| &stored.event).collect();
    ordered.sort_by_cached_key(|event| {
        let name_length = event.contact.name.as_deref().map_or(0, str::len);
        let filled = event.messages.len() + event.contact.phones.len() + event.contact.emails.len();
        (
            event.kind,
            event.occurred_at,
            filled,
            name_length,
            event.dedup_key.clone(),
        )
    });
    ordered
}

/// The value of the most knowing event that has one.
fn latest<T>(ordered: &[&Event], read: impl Fn(&Event) -> Option<T>) -> Option<T> {
    ordered.iter().rev().find_map(|event| read(event))
}

struct Times {
    started_at: Timestamp,
    origin: TimeOrigin,
    first_words_at: Timestamp,
}

impl Times {
    /// The earliest time of an event or a line, else the first arrival.
    fn read(events: &[StoredEvent], messages: &[Message], received_at: Timestamp) -> Times {
        let dated = events
            .iter()
            .filter(|stored| stored.event.kind != EventKind::ContactChanged || messages.is_empty())
            .filter_map(|stored| Some((stored.event.occurred_at?, TimeOrigin::Vendor)));
        let lines = events.iter().flat_map(|stored| {
            let lines = stored.event.messages.iter();
            lines.map(|line| (line.at, origin_of(line, stored)))
        });
        let (started_at, origin) = dated
            .chain(lines)
            .min_by_key(|(at, origin)| (*at, *origin == TimeOrigin::Received))
            .unwrap_or((received_at, TimeOrigin::Received));
        let first_words_at = messages
            .iter()
            .filter(|message| message.from == MessageAuthor::Visitor)
            .map(|message| message.at)
            .min()
            .unwrap_or(started_at);
        Times {
            started_at,
            origin,
            first_words_at,
        }
    }
}

/// Lines to which the vendor gives no time are dated by their arrival, each a microsecond after the
/// one before it.
fn origin_of(line: &Message, stored: &StoredEvent) -> TimeOrigin {
    const LINES: SignedDuration = SignedDuration::from_millis(10);
    let after = line.at.duration_since(stored.received_at);
    let is_of_arrival =
        stored.event.occurred_at.is_none() && (SignedDuration::ZERO..LINES).contains(&after);
    match is_of_arrival {
        true => TimeOrigin::Received,
        false => TimeOrigin::Vendor,
    }
}

struct End {
    finished_at: Option<Timestamp>,
    finished_by: Option<FinishedBy>,
    silence_at: Option<Timestamp>,
}

impl End {
    const NONE: End = End {
        finished_at: None,
        finished_by: None,
        silence_at: None,
    };

    fn of(
        kind: CommunicationKind,
        events: &[StoredEvent],
        messages: &[Message],
        call: Option<&Call>,
        silence: SignedDuration,
        now: Timestamp,
        times: &Times,
    ) -> End {
        match kind {
            CommunicationKind::OfflineLead => End::NONE,
            CommunicationKind::Callback => End::of_call(events, call),
            CommunicationKind::Chat => End::of_chat(events, messages, silence, now, times),
        }
    }

    fn of_call(events: &[StoredEvent], call: Option<&Call>) -> End {
        use crate::model::CallState::{Ended, Failed};
        if !call.is_some_and(|call| matches!(call.state, Ended | Failed)) {
            return End::NONE;
        }
        let ends = |stored: &&StoredEvent| {
            let call = stored.event.call.as_ref();
            call.is_some_and(|call| matches!(call.state, Ended | Failed))
        };
        let finished_at = events.iter().filter(ends).map(time_of).min();
        End {
            finished_at,
            finished_by: Some(FinishedBy::Event),
            silence_at: None,
        }
    }

    /// A chat ends by its event, unless it went on after it, or by silence after its last sign of
    /// life.
    fn of_chat(
        events: &[StoredEvent],
        messages: &[Message],
        silence: SignedDuration,
        now: Timestamp,
        times: &Times,
    ) -> End {
        let last_message = messages.iter().map(|message| message.at).max();
        let ended = events
            .iter()
            .filter(|stored| stored.event.kind == EventKind::Finished)
            .map(end_told_by)
            .max();
        if let Some(ended) = ended
            && last_message.is_none_or(|last| last <= ended)
        {
            return End {
                finished_at: Some(ended),
                finished_by: Some(FinishedBy::Event),
                silence_at: None,
            };
        }
        let last_sign = last_message
            .or_else(|| events.iter().map(time_of).max())
            .unwrap_or(times.started_at);
        let silence_at = last_sign.saturating_add(silence).unwrap_or(Timestamp::MAX);
        if silence_at > now {
            return End {
                silence_at: Some(silence_at),
                ..End::NONE
            };
        }
        End {
            finished_at: Some(last_sign),
            finished_by: Some(FinishedBy::Silence),
            silence_at: None,
        }
    }
}

fn time_of(stored: &StoredEvent) -> Timestamp {
    stored.event.occurred_at.unwrap_or(stored.received_at)
}

/// The end that a closing event tells: its own time, else its last message, else its arrival.
fn end_told_by(stored: &StoredEvent) -> Timestamp {
    let last_message = stored.event.messages.iter().map(|message| message.at).max();
    stored
        .event
        .occurred_at
        .max(last_message)
        .unwrap_or(stored.received_at)
}

/// Status by who wrote (comagic-data-api.md 7.3): both, the visitor alone, our side alone.
fn status(
    kind: CommunicationKind,
    messages: &[Message],
    operators: &[Operator],
    call: Option<&Call>,
    finished: bool,
) -> Status {
    match kind {
        CommunicationKind::OfflineLead => Status::New,
        CommunicationKind::Callback => call.map_or(Status::New, call_status),
        CommunicationKind::Chat => {
            let wrote = |from| messages.iter().any(|message| message.from == from);
            let visitor = wrote(MessageAuthor::Visitor);
            let operator = wrote(MessageAuthor::Operator);
            let ours = operator || wrote(MessageAuthor::System);
            match (finished, visitor, operator) {
                (false, _, true) => Status::Active,
                (false, ..) if !operators.is_empty() => Status::Active,
                (false, ..) => Status::New,
                (true, true, true) => Status::Succeed,
                (true, false, _) if ours => Status::Refused,
                (true, ..) => Status::Lost,
            }
        }
    }
}

fn call_status(call: &Call) -> Status {
    use crate::model::CallState;
    match call.state {
        CallState::Ordered => Status::New,
        CallState::OperatorConnected | CallState::ClientConnected => Status::Active,
        CallState::Ended => Status::Succeed,
        CallState::Failed => Status::Lost,
    }
}

/// The name of the most knowing event; every phone and e-mail, also of the client's card.
fn unite_contacts(ordered: &[&Event], cards: &[&Event]) -> Contact {
    let name = latest(ordered, |event| event.contact.name.clone())
        .or_else(|| latest(cards, |event| event.contact.name.clone()));
    let all = || ordered.iter().chain(cards).map(|event| &event.contact);
    let phones: BTreeSet<_> = all()
        .flat_map(|contact| contact.phones.iter().cloned())
        .collect();
    let emails: BTreeSet<_> = all()
        .flat_map(|contact| contact.emails.iter().cloned())
        .collect();
    Contact {
        name,
        phones: phones.into_iter().collect(),
        emails: emails.into_iter().collect(),
    }
}

/// Each operator once; the one in charge by the most knowing event is the last.
fn unite_operators(ordered: &[&Event]) -> Vec<Operator> {
    let mut united: Vec<Operator> = Vec::new();
    for operator in ordered.iter().flat_map(|event| &event.operators) {
        let known = united.iter().position(|known| known.id == operator.id);
        let name = known.and_then(|place| united.remove(place).name);
        united.push(Operator {
            id: operator.id.clone(),
            name: operator.name.clone().or(name),
        });
    }
    united
}

fn unite_keys(ordered: &[&Event]) -> Vec<Key> {
    let keys: BTreeSet<Key> = ordered
        .iter()
        .flat_map(|event| event.keys.iter().cloned())
        .collect();
    keys.into_iter().collect()
}

fn unite_touches(ordered: &[&Event]) -> Touch {
    let field =
        |read: fn(&Touch) -> &Option<String>| latest(ordered, |event| read(&event.touch).clone());
    Touch {
        utm: latest(ordered, |event| {
            Some(event.touch.utm.clone()).filter(|utm| !utm.is_empty())
        })
        .unwrap_or_default(),
        page: field(|touch| &touch.page),
        page_title: field(|touch| &touch.page_title),
        entry_page: field(|touch| &touch.entry_page),
        referrer: field(|touch| &touch.referrer),
        ip: field(|touch| &touch.ip),
        user_agent: field(|touch| &touch.user_agent),
        country: field(|touch| &touch.country),
        city: field(|touch| &touch.city),
        site: field(|touch| &touch.site),
    }
}

/// The furthest state, and every detail that any event of the call brought.
fn unite_calls(ordered: &[&Event]) -> Option<Call> {
    let mut calls: Vec<&Call> = ordered
        .iter()
        .filter_map(|event| event.call.as_ref())
        .collect();
    calls.sort_by_key(|call| call.state);
    let furthest = calls.last()?;
    let detail =
        |read: fn(&Call) -> &Option<String>| calls.iter().rev().find_map(|call| read(call).clone());
    Some(Call {
        state: furthest.state,
        direction: detail(|call| &call.direction),
        record_url: detail(|call| &call.record_url),
        duration_s: calls.iter().rev().find_map(|call| call.duration_s),
        reason: detail(|call| &call.reason),
    })
}

fn unite_extra(ordered: &[&Event]) -> BTreeMap<String, String> {
    let mut extra = BTreeMap::new();
    for event in ordered {
        extra.extend(event.extra.clone());
    }
    extra
}

#[cfg(test)]
mod tests;
