//! What one browser id holds. A browser asks the rules of tracking.md 7.3 before it sends, so its
//! word is taken: the messages under one id are one visit. Only where that cannot be, because the
//! id holds two advertising arrivals or more than a day, is it cut into several. The cut depends on
//! the messages alone, not on the order in which they came.

use super::{ad_clicks, digest, source_of, utm_tuple};
use crate::model::{LONGEST_VISIT, Marks, SiteId, Timestamp, VisitId};
use std::collections::BTreeSet;

/// A letter that the base-32 alphabet of the browser's ids does not have.
pub(super) const PART: char = 'u';
const PART_LENGTH: usize = 8;

/// A message of the family as far as the cut matters.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// Id of the message, unique in its site.
    pub message: &'a str,
    pub site: SiteId,
    pub at: Timestamp,
    /// Marks of the page; `None` for messages that are no page views, and for pages of which the
    /// browser says that nobody arrives by them.
    pub page: Option<&'a Marks>,
    /// The visit that has it now.
    pub visit: Option<VisitId>,
}

/// One of the visits that an id holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The browser's id for the earliest, a key derived from it for the others.
    pub key: String,
    /// What the key would be if another part were the earliest: a browser that was told of it while
    /// an earlier message was on its way goes on using it.
    pub alias: String,
    /// The known visit that becomes this one.
    pub visit: Option<VisitId>,
    /// Places in the list that was given, in the order of time.
    pub messages: Vec<usize>,
}

/// The browser's id behind an id that may have been derived from it.
pub fn family_key(mut id: &str) -> &str {
    while let Some((rest, part)) = id.len().checked_sub(PART_LENGTH).map(|at| id.split_at(at)) {
        let is_part = part.bytes().all(|b| matches!(b, b'a'..=b'z' | b'2'..=b'7'));
        match rest.strip_suffix(PART).filter(|key| key.len() > 1) {
            Some(key) if is_part => id = key,
            _ => break,
        }
    }
    id
}

/// The visits of a family in the order of time. Walking through the messages, a page of a source
/// that was not seen before begins a visit when the current one has another source, and so does
/// whatever is a day or more after the current one's start. A page of a source that was seen is a
/// page loaded again (rule 8). Pages without a source and other messages belong to the current
/// visit.
pub fn divide(key: &str, told: &[Told<'_>]) -> Vec<Part> {
    let mut order: Vec<usize> = (0..told.len()).collect();
    order.sort_by_key(|place| {
        let one = &told[*place];
        (one.at, one.message, one.site)
    });
    let mut parts: Vec<Walked> = Vec::new();
    let mut seen: BTreeSet<String> = BTreeSet::new();
    for place in order {
        let one = &told[place];
        let marked = one.page.filter(|page| !source_of(page).is_empty());
        let arrival = marked.filter(|page| !is_reload(page, &seen));
        let is_cut = parts.last().is_none_or(|part| {
            let is_other = arrival.is_some() && part.source.is_some();
            is_other || one.at.duration_since(part.begins) >= LONGEST_VISIT
        });
        if is_cut {
            parts.push(Walked {
                begins: one.at,
                cut_by: arrival.map(source_of),
                source: None,
                decisive: place,
                messages: Vec::new(),
            });
        }
        let part = parts.last_mut().expect("there is one by now");
        part.messages.push(place);
        if let Some(page) = marked {
            seen.extend(names_of(page));
            if part.source.is_none() {
                part.source = Some(source_of(page));
                part.decisive = place;
            }
        }
    }
    finish(key, told, parts)
}

/// All that the page says of its source was seen before: each of its clicks or, without any, its
/// UTM tuple.
fn is_reload(page: &Marks, seen: &BTreeSet<String>) -> bool {
    let mut clicks = clicks_of(page).peekable();
    match clicks.peek() {
        Some(_) => clicks.all(|click| seen.contains(&click)),
        None => utm_tuple(page).is_some_and(|tuple| seen.contains(&tuple)),
    }
}

fn names_of(page: &Marks) -> impl Iterator<Item = String> {
    clicks_of(page).chain(utm_tuple(page))
}

fn clicks_of(page: &Marks) -> impl Iterator<Item = String> {
    ad_clicks(page).map(|(name, value)| format!("{name}:{value}"))
}

struct Walked {
    begins: Timestamp,
    /// The source that cut it off; `None` when the day did.
    cut_by: Option<String>,
    source: Option<String>,
    /// The message that gave the source, or else the first.
    decisive: usize,
    messages: Vec<usize>,
}

/// Names the parts, and gives each the known visit that has its decisive message, or any of its
/// messages, so that visits stay with what they came from.
fn finish(key: &str, told: &[Told<'_>], walked: Vec<Walked>) -> Vec<Part> {
    let mut taken: BTreeSet<VisitId> = BTreeSet::new();
    let mut visits: Vec<Option<VisitId>> = walked
        .iter()
        .map(|part| {
            told[part.decisive]
                .visit
                .filter(|visit| taken.insert(*visit))
        })
        .collect();
    for (part, visit) in walked.iter().zip(&mut visits) {
        let mut held = part.messages.iter().filter_map(|place| told[*place].visit);
        if visit.is_none() {
            *visit = held.find(|visit| taken.insert(*visit));
        }
    }
    let parts = walked.into_iter().zip(visits).enumerate();
    parts
        .map(|(nth, (part, visit))| {
            let day = part.begins.as_second().div_euclid(86_400).to_string();
            let source = if nth == 0 { part.source } else { part.cut_by };
            let alias = derived_key(key, &source.unwrap_or(day));
            Part {
                key: if nth == 0 { key.into() } else { alias.clone() },
                alias,
                visit,
                messages: part.messages,
            }
        })
        .collect()
}

/// A key for a part of what one browser id holds. It has the form of our ids, so that a script
/// that is told of it can take it over.
fn derived_key(key: &str, part: &str) -> String {
    format!("{key}{PART}{}", digest(part, PART_LENGTH))
}
