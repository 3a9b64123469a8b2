//! Tracker messages and the visits they make: reading a message, correcting its time, naming its
//! keys, and saying which visit it belongs to. Only computes; keeping visits is the store's work,
//! reading marks that of `credit::utm`.
//!
//! A visit is the fold of its messages: earliest start, latest hit, marks of the first page by
//! time. So everything hangs on which visit a message belongs to, and that is decided by the
//! browser's own visit id whenever the message has one. The browser keeps its record through
//! reloads and tabs and has already asked the rules of tracking.md 7.3; above all, its word does
//! not depend on what has arrived here so far. Were the hub to cut a visit for thirty minutes of
//! silence, a page that is only late would tear a visit apart, and the same messages in another
//! order would make other visits.
//!
//! The server's rules speak where the browser cannot be right or says nothing:
//! - one id holds two advertising arrivals, or more than a day: `divide` cuts it anew, by time,
//!   from all of its messages whenever one comes;
//! - no id: all rules, against the visits known around that time.

mod clock;
mod code;
mod device;
mod family;
mod keys;
mod message;

pub use clock::corrected_time;
pub use code::{code, codes_in};
pub use device::device;
pub use family::{Part, Told, divide, family_key};
pub use keys::{bind_keys, click_keys, foreign_keys, lead_keys};
pub use message::{
    Bind, GoalTold, Incoming, MAX_MESSAGE_BYTES, MessageKind, ReadError, TrackerMessage, is_own_id,
    read_message,
};

use crate::credit::{click_ids, hosts, utm};
use crate::model::{LONGEST_VISIT, Marks, Timestamp, Visit, VisitId};
use jiff::SignedDuration;
use sha2::{Digest, Sha256};

/// Silence that ends a visit (tracking.md 7.3, rule 1).
pub const IDLE: SignedDuration = SignedDuration::from_mins(30);
/// How long a click id is remembered: opening its page again is no new visit (rule 8).
pub const CLICK_MEMORY: SignedDuration = SignedDuration::from_hours(30 * 24);

/// A message without a visit id, as far as its place matters.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    /// Id of the message.
    pub message: &'a str,
    /// `c…`
    pub visitor: &'a str,
    pub at: Timestamp,
    /// Marks of the page; `None` for messages that are no page views.
    pub page: Option<&'a Marks>,
}

/// Where a message belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Placement {
    Same {
        visit: VisitId,
        key: String,
    },
    /// No visit of this key is known yet.
    New {
        key: String,
    },
}

impl Placement {
    /// Key of the visit, known or new.
    pub fn key(&self) -> &str {
        match self {
            Placement::Same { key, .. } | Placement::New { key } => key,
        }
    }

    fn same(visit: &Visit) -> Self {
        Placement::Same {
            visit: visit.id,
            key: visit.key.clone(),
        }
    }

    fn of_key(key: String, visits: &[Visit]) -> Self {
        match visits.iter().find(|visit| visit.key == key) {
            Some(visit) => Placement::same(visit),
            None => Placement::New { key },
        }
    }
}

/// The visit of a message that names none. `visits` are the visitor's visits of the same site that
/// were open at any time within `CLICK_MEMORY` of `arrival.at`; others do no harm. `own_hosts` as
/// for `utm::read`.
pub fn place(
    arrival: &Arrival<'_>,
    visits: &[Visit],
    own_hosts: &dyn Fn(&str) -> bool,
) -> Placement {
    let near = visits.iter().filter(|visit| {
        is_within_a_day(visit, arrival.at)
            && visit.started_at.duration_since(arrival.at) < IDLE
            && arrival.at.duration_since(visit.last_hit_at) < IDLE
    });
    let open = open_at(near, arrival.at).filter(|visit| {
        let Some(page) = arrival.page else {
            return true;
        };
        if arrival.at < visit.started_at {
            // The page would become the first: then the visit's first page must not cut.
            !opens_a_visit(&visit.marks, page, own_hosts)
        } else {
            is_remembered(page, arrival.at, visits) || !opens_a_visit(page, &visit.marks, own_hosts)
        }
    });
    match open {
        Some(visit) => Placement::same(visit),
        None => {
            let seed = format!("{}\n{}", arrival.visitor, arrival.message);
            let key = digest(&seed, 26).replace(family::PART, "9");
            Placement::of_key(format!("v{key}"), visits)
        }
    }
}

/// Rules 2 to 5: a page with these marks, seen after a visit that began with `before`, opens a
/// visit of its own. Direct and own pages never do.
fn opens_a_visit(page: &Marks, before: &Marks, own_hosts: &dyn Fn(&str) -> bool) -> bool {
    let source = source_of(page);
    if !source.is_empty() {
        return source != source_of(before);
    }
    page.referrer_host != before.referrer_host && brings_another_system(page, before, own_hosts)
}

/// Rule 8: every advertising click of the page has begun a visit not long ago.
fn is_remembered(page: &Marks, at: Timestamp, visits: &[Visit]) -> bool {
    let mut clicks = ad_clicks(page).peekable();
    clicks.peek().is_some()
        && clicks.all(|(name, value)| {
            visits.iter().any(|visit| {
                visit.marks.click_ids.get(name) == Some(value)
                    && at.duration_since(visit.last_hit_at) < CLICK_MEMORY
            })
        })
}

/// What says that an arrival is another one: its advertising clicks or, without any, its UTM
/// tuple, folded. Empty when it has neither.
pub fn source_of(marks: &Marks) -> String {
    let clicks: Vec<_> = ad_clicks(marks)
        .map(|(name, value)| format!("{name}:{value}"))
        .collect();
    match clicks.is_empty() {
        true => utm_tuple(marks).unwrap_or_default(),
        false => clicks.join("\n"),
    }
}

/// Folded; `None` when no field of it is set.
fn utm_tuple(marks: &Marks) -> Option<String> {
    let utm = &marks.utm;
    let tuple = [
        &utm.utm_source,
        &utm.utm_medium,
        &utm.utm_campaign,
        &utm.utm_content,
        &utm.utm_term,
    ];
    tuple.iter().any(|field| field.is_some()).then(|| {
        tuple
            .map(|field| field.as_deref().map(utm::fold).unwrap_or_default())
            .join("\n")
    })
}

fn ad_clicks(marks: &Marks) -> impl Iterator<Item = (&str, &String)> {
    marks
        .click_ids
        .iter()
        .filter(|(name, _)| click_ids::find(name).is_some_and(|click| click.paid && click.unique))
        .map(|(name, value)| (name.as_str(), value))
}

/// Rule 4: the referrer is a search engine or a social network that the visit did not come from.
fn brings_another_system(page: &Marks, before: &Marks, own_hosts: &dyn Fn(&str) -> bool) -> bool {
    let Some(system) = referring_system(page, own_hosts) else {
        return false;
    };
    let of_visit = before
        .utm
        .utm_source
        .as_deref()
        .or(before.inferred_source.as_deref())
        .and_then(|source| hosts::by_name(&utm::fold(source)))
        .or_else(|| referring_system(before, own_hosts));
    matches!(system.kind, hosts::Kind::Search | hosts::Kind::Social)
        && of_visit.is_none_or(|known| known.name != system.name)
}

fn referring_system(
    marks: &Marks,
    own_hosts: &dyn Fn(&str) -> bool,
) -> Option<&'static hosts::System> {
    let (host, path) = hosts::split(utm::referrer_in_force(marks)?)?;
    hosts::by_host(&host, path).filter(|_| !own_hosts(&host))
}

/// Of the visits, the last that had begun by then, or else the first to begin.
fn open_at<'v>(visits: impl Iterator<Item = &'v Visit>, at: Timestamp) -> Option<&'v Visit> {
    visits.min_by(|a, b| {
        let rank = |visit: &Visit| {
            let distance = at.duration_since(visit.started_at);
            (distance.is_negative(), distance.abs())
        };
        rank(a).cmp(&rank(b)).then_with(|| a.key.cmp(&b.key))
    })
}

fn is_within_a_day(visit: &Visit, at: Timestamp) -> bool {
    at.duration_since(visit.started_at) < LONGEST_VISIT
        && visit.last_hit_at.duration_since(at) < LONGEST_VISIT
}

/// The first `length` letters of a hash, in the alphabet of our ids.
fn digest(text: &str, length: usize) -> String {
    let hash = Sha256::digest(text.as_bytes());
    let mut letters = data_encoding::BASE32_NOPAD.encode(&hash);
    letters.truncate(length);
    letters.make_ascii_lowercase();
    letters
}

#[cfg(test)]
mod tests;
