//! Changes of a client's card outside any chat: which of them are a lead of their own. Only
//! computes.
//!
//! A card changes for many reasons, most of them the staff's: another status, an organization, a
//! phone that was known from a chat. A lead is somebody who left a phone or an e-mail that nobody
//! had, and who did not also write (jivosite.md 3.1).

use crate::model::{CommunicationId, Contact, StoredEvent, Timestamp};
use crate::store::Sibling;
use jiff::SignedDuration;

/// A change so near to another communication of the client belongs to that one.
const SAME_APPEAL: SignedDuration = SignedDuration::from_hours(24);

/// The changes that make a lead: they bring the first phone or e-mail, and no other communication
/// of the client is near.
pub(super) fn leads(changes: &[StoredEvent], siblings: &[Sibling]) -> Vec<StoredEvent> {
    changes
        .iter()
        .filter(|change| absorber(change, siblings).is_none())
        .filter(|change| brings_a_contact(change, changes, siblings))
        .cloned()
        .collect()
}

/// The communication that changes belong to; the oldest one when there are several.
pub(super) fn absorbed_by(
    changes: &[StoredEvent],
    siblings: &[Sibling],
) -> Option<CommunicationId> {
    let near = changes
        .iter()
        .filter_map(|change| absorber(change, siblings));
    near.min()
}

fn absorber(change: &StoredEvent, siblings: &[Sibling]) -> Option<CommunicationId> {
    let at = time_of(change);
    let near = siblings.iter().filter(|sibling| {
        at.duration_since(sibling.until) <= SAME_APPEAL
            && sibling.from.duration_since(at) <= SAME_APPEAL
    });
    near.map(|sibling| sibling.id).min()
}

/// It has a phone or an e-mail that neither an earlier change nor an earlier communication told.
fn brings_a_contact(change: &StoredEvent, changes: &[StoredEvent], siblings: &[Sibling]) -> bool {
    let order = |stored: &StoredEvent| (time_of(stored), stored.event.dedup_key.clone());
    let (at, place) = (time_of(change), order(change));
    let earlier = changes.iter().filter(|other| order(other) < place);
    let earlier = earlier.map(|other| &other.event.contact);
    let written = siblings.iter().filter(|sibling| sibling.from <= at);
    let known: Vec<&Contact> = earlier
        .chain(written.map(|sibling| &sibling.contact))
        .collect();
    let contact = &change.event.contact;
    let is_new_phone = |phone| !known.iter().any(|told| told.phones.contains(phone));
    let is_new_email = |email| !known.iter().any(|told| told.emails.contains(email));
    contact.phones.iter().any(is_new_phone) || contact.emails.iter().any(is_new_email)
}

fn time_of(stored: &StoredEvent) -> Timestamp {
    stored.event.occurred_at.unwrap_or(stored.received_at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Event, EventKind, RawEventId, Subject};

    const NEW: &str = "+79035550142";
    const KNOWN: &str = "+79035550143";

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_second(1_786_000_000 + hour * 3_600).unwrap()
    }

    fn change(hour: i64, phone: &str) -> StoredEvent {
        let subject = Subject::Client { client: "1".into() };
        let mut event = Event::new(format!("{hour}"), subject, EventKind::ContactChanged);
        let _ = event.contact.add_phone(phone);
        StoredEvent {
            raw_event: RawEventId(1),
            received_at: at(hour),
            event,
        }
    }

    fn chat(from: i64, until: i64) -> Sibling {
        let mut contact = Contact::default();
        contact.add_phone(KNOWN).unwrap();
        Sibling {
            id: CommunicationId(7),
            from: at(from),
            until: at(until),
            contact,
        }
    }

    #[test]
    fn a_change_is_a_lead_when_it_brings_a_contact_and_nothing_else_is_near() {
        let table: [(&str, StoredEvent, &[Sibling], bool); 8] = [
            ("alone", change(0, NEW), &[], true),
            ("no contact", change(0, ""), &[], false),
            (
                "a day before a chat",
                change(0, NEW),
                &[chat(24, 25)],
                false,
            ),
            (
                "a day after it began",
                change(0, NEW),
                &[chat(-24, -24)],
                false,
            ),
            (
                "long after it began",
                change(0, NEW),
                &[chat(-90, -2)],
                false,
            ),
            (
                "long after it ended",
                change(0, NEW),
                &[chat(-90, -25)],
                true,
            ),
            ("a known phone", change(0, KNOWN), &[chat(-90, -80)], false),
            ("a later chat", change(0, KNOWN), &[chat(80, 90)], true),
        ];
        for (case, change, siblings, expected) in table {
            let leads = leads(&[change], siblings);
            assert_eq!(!leads.is_empty(), expected, "{case}");
        }
    }

    #[test]
    fn a_phone_that_an_earlier_change_told_is_not_told_again() {
        let changes = [change(0, ""), change(50, NEW), change(99, NEW)];
        let leads = leads(&changes, &[]);
        assert_eq!(leads, [changes[1].clone()]);
    }
}
