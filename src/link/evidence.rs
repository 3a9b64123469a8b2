//! How each kind of evidence is judged: which of the visits it leads to, or why none.

use super::{CLOCK_TOLERANCE, CODE_VALID, Input, MARK_WINDOW, around};
use crate::model::{
    Found, Key, KeyKind, Outcome, ReceiptStep, SiteId, Timestamp, Visit, VisitorId,
};

use serde_json::{Value, json};
use std::collections::BTreeSet;

/// How a rule ended, with what it saw.
pub(super) enum Verdict {
    Matched(Box<Visit>, Value),
    NoMatch(Value),
    Rejected(Value),
    Skipped(&'static str),
}

impl Verdict {
    pub(super) fn step(&self, name: &str) -> ReceiptStep {
        let (outcome, evidence) = match self {
            Verdict::Matched(_, seen) => (Outcome::Matched, seen.clone()),
            Verdict::NoMatch(seen) => (Outcome::NoMatch, seen.clone()),
            Verdict::Rejected(seen) => (Outcome::Rejected, seen.clone()),
            Verdict::Skipped(reason) => (Outcome::Skipped, json!({ "reason": reason })),
        };
        ReceiptStep::new(name, outcome, evidence)
    }
}

/// The keys that led nowhere.
pub(super) fn looked_for(keys: &[&Key]) -> Value {
    let shown: Vec<Value> = keys
        .iter()
        .map(|key| json!({ "key": key.kind.as_str(), "value": shown(key) }))
        .collect();
    match shown.as_slice() {
        [one] => one.clone(),
        [first, ..] => json!({ "key": first["key"], "value": first["value"], "keys": shown.len() }),
        [] => json!({}),
    }
}

/// Contacts are masked: a receipt is read by people without the right to see them.
fn shown(key: &Key) -> String {
    let tail = |text: &str, count: usize| -> String {
        let skip = text.chars().count().saturating_sub(count);
        text.chars().skip(skip).collect()
    };
    match key.kind {
        KeyKind::Phone => format!("…{}", tail(&key.value, 4)),
        KeyKind::Email => match key.value.split_once('@') {
            Some((_, domain)) => format!("…@{domain}"),
            None => "…".into(),
        },
        _ => key.value.clone(),
    }
}

fn seen(input: &Input<'_>, found: &Found, visit: &Visit) -> Value {
    let mut facts = json!({
        "key": found.seen_as.as_str(),
        "value": shown(&found.key),
        "visit": visit.key,
        "visit_started_at": visit.started_at,
        "first_words_at": input.first_words_at,
    });
    if visit.id != found.named.id {
        facts["named_visit"] = json!(found.named.key);
    }
    if let Some(through) = found.through {
        facts["through_communication"] = json!(through);
    }
    facts
}

fn rejected(reason: &str, found: &Found) -> Verdict {
    Verdict::Rejected(json!({
        "reason": reason,
        "key": found.seen_as.as_str(),
        "value": shown(&found.key),
        "visit": found.named.key,
        "visit_started_at": found.named.started_at,
    }))
}

/// The visit of the named visitor that was open at the first message; failing that the named one,
/// when it began so shortly after that only the clocks can differ. Else why there is none.
fn at_first_words<'f>(input: &Input<'_>, found: &'f Found) -> Result<&'f Visit, &'static str> {
    if let Some(open) = &found.open {
        return Ok(open);
    }
    let moment = around(input.first_words_at);
    let latest = moment
        .saturating_add(CLOCK_TOLERANCE)
        .unwrap_or(Timestamp::MAX);
    match found.named.started_at {
        // He has no visit inside the window, so this one lies before it.
        begun if begun <= moment => Err("too_old"),
        begun if begun <= latest => Ok(&found.named),
        _ => Err("began_later"),
    }
}

/// The visit that reported this very chat. A chat may be reported from several visits: the latest
/// one that had begun by the first message counts. When all of them began later, the chat cannot
/// have begun in any, and the visit that was open then is another one of that visitor; unless there
/// is none, and only the clocks differ.
pub(super) fn bound_chat(input: &Input<'_>, found: &[&Found]) -> Verdict {
    let of_site = of_site(input, found);
    let moment = around(input.first_words_at);
    let by_age = |one: &&&Found, other: &&&Found| age(&one.named).cmp(&age(&other.named));
    let begun = of_site
        .iter()
        .filter(|found| found.named.started_at <= moment)
        .max_by(by_age);
    let Some(best) = begun.or_else(|| of_site.iter().min_by(by_age)) else {
        return rejected("another_site", found[0]);
    };
    let visit = match &best.open {
        Some(open) if best.named.started_at > moment => open,
        _ => &best.named,
    };
    Verdict::Matched(Box::new(visit.clone()), seen(input, best, visit))
}

/// Of two visits that began at one moment the key decides: ids tell which came here first.
fn age(visit: &Visit) -> (Timestamp, &str) {
    (visit.started_at, &visit.key)
}

/// A visit or visitor id of ours, which is unique everywhere.
pub(super) fn visitor_of_visit(input: &Input<'_>, found: &[&Found]) -> Verdict {
    latest(input, found)
}

/// The vendor's number of a visitor, which is unique in one account only.
pub(super) fn bound_user(input: &Input<'_>, found: &[&Found]) -> Verdict {
    let of_site = of_site(input, found);
    if of_site.is_empty() {
        return rejected("another_site", found[0]);
    }
    let sites: BTreeSet<_> = of_site.iter().flat_map(|found| sites(found)).collect();
    if sites.len() > 1 && visitors(&of_site).len() > 1 {
        return rejected("several_sites", of_site[0]);
    }
    latest(input, &of_site)
}

/// Evidence that may belong to several people: it counts when it leads to one visitor only.
pub(super) fn one_visitor(input: &Input<'_>, found: &[&Found]) -> Verdict {
    let usable = usable(input, found);
    if usable.is_empty() {
        return latest(input, found);
    }
    if visitors(&usable).len() > 1 {
        return rejected("several_visitors", usable[0]);
    }
    latest(input, &usable)
}

/// A code that lived at the first words or, when the visitor took it only for a later message, was
/// given soon after. Before and after that the same digits may be another visit's.
pub(super) fn one_code(input: &Input<'_>, found: &[&Found]) -> Verdict {
    let age = |found: &Found| input.first_words_at.duration_since(found.key_at);
    let near = found.iter().copied();
    let near = near.filter(|found| age(found).abs() <= CODE_VALID);
    let (lived, later): (Vec<&Found>, Vec<&Found>) =
        near.partition(|found| -age(found) <= CLOCK_TOLERANCE);
    match (lived.as_slice(), later.as_slice()) {
        ([], []) => rejected("code_not_live", found[0]),
        ([], later) => one_visitor(input, later),
        (lived, _) => one_visitor(input, lived),
    }
}

/// A contact may be shared by several people, and one person has several browsers. Several visitors
/// count as one person when everybody who wrote with the contact, this writer included, gave the
/// same name.
pub(super) fn one_person(input: &Input<'_>, found: &[&Found]) -> Verdict {
    let usable = usable(input, found);
    let same_name = input.name.is_some_and(|name| {
        let is_his = |other: &str| folded_name(other) == folded_name(name);
        usable
            .iter()
            .all(|found| found.through_name.as_deref().is_some_and(is_his))
    });
    if same_name && !usable.is_empty() {
        return latest(input, &usable);
    }
    one_visitor(input, found)
}

fn folded_name(name: &str) -> String {
    let words: Vec<&str> = name.split_whitespace().collect();
    words.join(" ").to_lowercase()
}

fn usable<'f>(input: &Input<'_>, found: &[&'f Found]) -> Vec<&'f Found> {
    found
        .iter()
        .copied()
        .filter(|found| at_first_words(input, found).is_ok())
        .collect()
}

/// The only mark near in time on the site.
pub(super) fn one_mark(input: &Input<'_>, found: &[&Found]) -> Verdict {
    let of_site = of_site(input, found);
    if of_site.is_empty() {
        return rejected("another_site", found[0]);
    }
    let near: Vec<&Found> = of_site
        .iter()
        .copied()
        .filter(|found| distance(found.key_at, input.first_words_at) <= MARK_WINDOW)
        .collect();
    let visits: BTreeSet<_> = near.iter().map(|found| found.named.id).collect();
    match (near.first(), visits.len()) {
        (Some(only), 1) => {
            Verdict::Matched(Box::new(only.named.clone()), seen(input, only, &only.named))
        }
        (Some(first), _) => rejected("several_marks", first),
        (None, _) => rejected("too_far_in_time", of_site[0]),
    }
}

fn distance(left: Timestamp, right: Timestamp) -> jiff::SignedDuration {
    left.duration_since(right).abs()
}

fn latest(input: &Input<'_>, found: &[&Found]) -> Verdict {
    let best = found
        .iter()
        .filter_map(|found| Some((*found, at_first_words(input, found).ok()?)))
        .max_by(|(one, left), (other, right)| {
            let named = || age(&one.named).cmp(&age(&other.named));
            age(left).cmp(&age(right)).then_with(named)
        });
    match best {
        Some((found, visit)) => {
            Verdict::Matched(Box::new(visit.clone()), seen(input, found, visit))
        }
        None => {
            let reason = at_first_words(input, found[0]).err();
            rejected(reason.unwrap_or("began_later"), found[0])
        }
    }
}

fn visitors(found: &[&Found]) -> BTreeSet<VisitorId> {
    found.iter().map(|found| found.named.visitor).collect()
}

fn of_site<'f>(input: &Input<'_>, found: &[&'f Found]) -> Vec<&'f Found> {
    found
        .iter()
        .copied()
        .filter(|found| input.site.is_none_or(|site| sites(found).contains(&site)))
        .collect()
}

/// The sites that told the key or, when none in particular did, that of the visit.
fn sites(found: &Found) -> &[SiteId] {
    match found.told_on.as_slice() {
        [] => std::slice::from_ref(&found.named.site),
        sites => sites,
    }
}
