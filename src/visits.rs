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
//! - one id holds two advertising arrivals, or more than a day: each gets a visit of its own, with
//!   a key derived from the id and the arrival (or the day) alone;
//! - no id: all rules, against the visits known around that time.

mod clock;
mod device;
mod keys;
mod message;

pub use clock::corrected_time;
pub use device::device;
pub use keys::{bind_keys, click_keys, foreign_keys};
pub use message::{Bind, MAX_MESSAGE_BYTES, MessageKind, ReadError, TrackerMessage, read_message};

use crate::credit::{click_ids, hosts, utm};
use crate::model::{Marks, Timestamp, Visit, VisitId};
use jiff::SignedDuration;
use sha2::{Digest, Sha256};

/// Silence that ends a visit (tracking.md 7.3, rule 1).
pub const IDLE: SignedDuration = SignedDuration::from_mins(30);
/// Longest visit (rule 7).
pub const LONGEST: SignedDuration = SignedDuration::from_hours(24);
/// How long a click id is remembered: opening its page again is no new visit (rule 8).
pub const CLICK_MEMORY: SignedDuration = SignedDuration::from_hours(30 * 24);

/// A message as far as its place matters.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    /// Id of the message.
    pub message: &'a str,
    /// `c…`
    pub visitor: &'a str,
    /// `v…`, when the browser sent one.
    pub visit: Option<&'a str>,
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

/// The visit of a message. `visits` are the visitor's visits of the same site that were open at
/// any time within `CLICK_MEMORY` of `arrival.at`; others do no harm. `own_hosts` as for
/// `utm::read`.
pub fn place(
    arrival: &Arrival<'_>,
    visits: &[Visit],
    own_hosts: &dyn Fn(&str) -> bool,
) -> Placement {
    match arrival.visit {
        Some(key) => place_by_key(key, arrival, visits),
        None => place_by_rules(arrival, visits, own_hosts),
    }
}

/// A key for a part of what one browser id holds. It has the form of our ids, so that a script
/// that is told of it can take it over.
fn derived_key(key: &str, part: &str) -> String {
    format!("{key}{PART}{}", digest(part, PART_LENGTH))
}

/// `of` is the visit of this browser id, or one derived from it.
fn is_of(of: &str, key: &str) -> bool {
    of.strip_prefix(key).is_some_and(|rest| {
        rest.is_empty() || rest.starts_with(PART) && rest.len() == PART.len_utf8() + PART_LENGTH
    })
}

/// A letter that the base-32 alphabet of the browser's ids does not have.
const PART: char = 'u';
const PART_LENGTH: usize = 8;

fn place_by_key(key: &str, arrival: &Arrival<'_>, visits: &[Visit]) -> Placement {
    let family = || visits.iter().filter(|visit| is_of(&visit.key, key));
    if family().next().is_none() {
        return Placement::New { key: key.into() };
    }
    let near = || family().filter(|visit| is_within_a_day(visit, arrival.at));
    let Some(open) = open_at(near(), arrival.at) else {
        let day = arrival.at.as_second().div_euclid(86_400);
        return Placement::of_key(derived_key(key, &day.to_string()), visits);
    };
    let marked = arrival
        .page
        .filter(|page| !source_of(page).is_empty() && !is_remembered(page, arrival.at, visits));
    let Some(page) = marked else {
        return Placement::same(open);
    };
    // A visit whose first page names no source agrees with any: that page may simply have
    // overtaken the landing page.
    let source = source_of(page);
    let agreeing = near().filter(|visit| {
        let known = source_of(&visit.marks);
        known.is_empty() || known == source
    });
    match open_at(agreeing, arrival.at) {
        Some(visit) => Placement::same(visit),
        None => Placement::of_key(derived_key(key, &source), visits),
    }
}

fn place_by_rules(
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
            Placement::of_key(format!("v{}", digest(&seed, 26)), visits)
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
fn source_of(marks: &Marks) -> String {
    let clicks: Vec<_> = ad_clicks(marks)
        .map(|(name, value)| format!("{name}:{value}"))
        .collect();
    if !clicks.is_empty() {
        return clicks.join("\n");
    }
    let utm = &marks.utm;
    let tuple = [
        &utm.utm_source,
        &utm.utm_medium,
        &utm.utm_campaign,
        &utm.utm_content,
        &utm.utm_term,
    ];
    if tuple.iter().all(|field| field.is_none()) {
        return String::new();
    }
    tuple
        .map(|field| field.as_deref().map(utm::fold).unwrap_or_default())
        .join("\n")
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
    at.duration_since(visit.started_at) < LONGEST && visit.last_hit_at.duration_since(at) < LONGEST
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
