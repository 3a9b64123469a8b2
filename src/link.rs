//! Which visit a communication came from: rules from the strongest evidence to the weakest
//! (DESIGN.md 5, attribution.md 7). Only computes; every rule tried is in the receipt.
//!
//! A returned id names the *visitor*. Of his visits the one is taken that was open at the visitor's
//! first message, whenever the webhook came.

mod evidence;

use crate::model::{
    Found, Key, KeyKind, Link, Marks, Outcome, ReceiptStep, SiteId, Strength, Timestamp, Visit,
};

use evidence::Verdict;
use jiff::SignedDuration;
use serde_json::json;

/// Clocks differ: a visit that began so much after the first message is still the one, when the
/// visitor has no earlier one.
const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_mins(5);
/// How long after it was given a code leads to its visit (tracking.md 7.1).
pub const CODE_VALID: SignedDuration = SignedDuration::from_hours(30 * 24);
/// How far a client-side mark may be from the order it stands for (leadback.md 6).
pub const MARK_WINDOW: SignedDuration = SignedDuration::from_mins(10);

/// What the link is decided on.
pub struct Input<'a> {
    pub keys: &'a [Key],
    /// First message of the visitor, or the start.
    pub first_words_at: Timestamp,
    /// The name the writer gave.
    pub name: Option<&'a str>,
    /// It came by a messenger, where only a code can name the visit.
    pub is_messenger: bool,
    pub found: &'a [Found],
    /// Site of the integration, or of the page.
    pub site: Option<SiteId>,
    /// The provider's own marks.
    pub marks: &'a Marks,
    /// The link in force, which is not replaced by a weaker one unless it is contradicted.
    pub previous: Option<(&'a Link, Option<&'a Visit>)>,
}

/// The decision.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    pub link: Link,
    pub visit: Option<Visit>,
    pub receipt: Vec<ReceiptStep>,
}

struct Rule {
    name: &'static str,
    strength: Strength,
    kinds: &'static [KeyKind],
    judge: fn(&Input<'_>, &[&Found]) -> Verdict,
}

const RULES: [Rule; 8] = [
    Rule {
        name: "link.bound_chat",
        strength: Strength::Exact,
        kinds: &[KeyKind::BoundChat],
        judge: evidence::bound_chat,
    },
    Rule {
        name: "link.visit_id",
        strength: Strength::Exact,
        kinds: &[KeyKind::Visit],
        judge: evidence::visitor_of_visit,
    },
    Rule {
        name: "link.bound_user",
        strength: Strength::Exact,
        kinds: &[KeyKind::BoundUser],
        judge: evidence::bound_user,
    },
    Rule {
        name: "link.visitor_id",
        strength: Strength::Exact,
        kinds: &[KeyKind::Visitor],
        judge: evidence::visitor_of_visit,
    },
    Rule {
        name: "link.code",
        strength: Strength::Strong,
        kinds: &[KeyKind::Code],
        judge: evidence::one_code,
    },
    Rule {
        name: "link.alias",
        strength: Strength::Strong,
        kinds: &[
            KeyKind::Foreign,
            KeyKind::RoistatVisit,
            KeyKind::MetricaClient,
            KeyKind::GoogleClient,
            KeyKind::CalltouchSession,
            KeyKind::ComagicVisit,
            KeyKind::ComagicVisitor,
            KeyKind::SiteUser,
            KeyKind::Click,
        ],
        judge: evidence::one_visitor,
    },
    Rule {
        name: "link.contact",
        strength: Strength::Probable,
        kinds: &[KeyKind::Phone, KeyKind::Email],
        judge: evidence::one_person,
    },
    Rule {
        name: "link.client_mark",
        strength: Strength::Probable,
        kinds: &[KeyKind::ClientMark],
        judge: evidence::one_mark,
    },
];

/// The moment up to which a visit counts as begun: vendors cut times to the second.
pub fn around(first_words_at: Timestamp) -> Timestamp {
    let cut_to_second = first_words_at.as_microsecond() % 1_000_000 == 0;
    let grace = SignedDuration::from_micros(if cut_to_second { 999_999 } else { 0 });
    first_words_at
        .saturating_add(grace)
        .unwrap_or(Timestamp::MAX)
}

/// The key of a client-side mark. Marks have no number, so their moment is their name: the ten
/// minutes they fall into.
pub fn mark_key(provider: &str, at: Timestamp) -> Key {
    mark_key_of_slot(provider, slot(at))
}

/// Keys under which a client-side mark near `at`, before or after it, is found.
pub fn mark_keys(provider: &str, at: Timestamp) -> [Key; 3] {
    [-1, 0, 1].map(|step| mark_key_of_slot(provider, slot(at) + step))
}

fn slot(at: Timestamp) -> i64 {
    at.as_second().div_euclid(MARK_WINDOW.as_secs())
}

fn mark_key_of_slot(provider: &str, slot: i64) -> Key {
    Key::of_provider(KeyKind::ClientMark, provider, &slot.to_string())
}

/// Tries every rule in order.
pub fn choose(input: &Input<'_>) -> Choice {
    let mut receipt = Vec::with_capacity(RULES.len() + 2);
    let mut decided: Option<(Link, Visit)> = None;
    let mut contradicted = false;
    for rule in &RULES {
        let verdict = judge(input, rule, decided.is_some());
        if let Some((link, _)) = input.previous {
            contradicted |= link.rule == rule.name && matches!(verdict, Verdict::Rejected(_));
        }
        receipt.push(verdict.step(rule.name));
        if let Verdict::Matched(visit, _) = verdict {
            let link = Link {
                rule: rule.name.into(),
                strength: rule.strength,
                visit: Some(visit.id),
            };
            decided = Some((link, *visit));
        }
    }
    let (link, visit) = match decided {
        Some((link, visit)) => (link, Some(visit)),
        None => (without_visit(input.marks), None),
    };
    receipt.push(marks_step(input.marks, visit.is_some()));
    keep_stronger(
        input,
        contradicted,
        Choice {
            link,
            visit,
            receipt,
        },
    )
}

fn judge(input: &Input<'_>, rule: &Rule, is_decided: bool) -> Verdict {
    if is_decided {
        return Verdict::Skipped("decided");
    }
    let keys: Vec<&Key> = input
        .keys
        .iter()
        .filter(|key| rule.kinds.contains(&key.kind))
        .collect();
    if keys.is_empty() && input.is_messenger && rule.kinds == [KeyKind::Code] {
        return Verdict::NoMatch(json!({ "reason": "no_code" }));
    }
    if keys.is_empty() {
        return Verdict::Skipped("nothing_to_look_for");
    }
    let found: Vec<&Found> = input
        .found
        .iter()
        .filter(|found| keys.contains(&&found.key))
        .collect();
    if found.is_empty() {
        return Verdict::NoMatch(evidence::looked_for(&keys));
    }
    (rule.judge)(input, &found)
}

fn without_visit(marks: &Marks) -> Link {
    if marks.is_empty() {
        Link {
            rule: "link.none".into(),
            strength: Strength::Fallback,
            visit: None,
        }
    } else {
        Link {
            rule: "link.provider_marks".into(),
            strength: Strength::MarksOnly,
            visit: None,
        }
    }
}

fn marks_step(marks: &Marks, is_decided: bool) -> ReceiptStep {
    let name = "link.provider_marks";
    if is_decided {
        ReceiptStep::new(name, Outcome::Skipped, json!({ "reason": "decided" }))
    } else if marks.is_empty() {
        ReceiptStep::new(name, Outcome::NoMatch, json!({ "reason": "no_marks" }))
    } else {
        let utm = &marks.utm;
        let seen = json!({
            "utm_source": utm.utm_source,
            "utm_medium": utm.utm_medium,
            "utm_campaign": utm.utm_campaign,
            "click_ids": marks.click_ids.keys().collect::<Vec<_>>(),
            "referrer_host": marks.referrer_host,
        });
        ReceiptStep::new(name, Outcome::Matched, seen)
    }
}

/// A stored link is never replaced by a weaker one, unless its own evidence now speaks against it.
fn keep_stronger(input: &Input<'_>, contradicted: bool, new: Choice) -> Choice {
    let Some((link, Some(visit))) = input.previous else {
        return new;
    };
    if contradicted || new.link.strength <= link.strength {
        return new;
    }
    let mut receipt = new.receipt;
    receipt.push(ReceiptStep::new(
        "link.kept",
        Outcome::Matched,
        json!({ "rule": link.rule, "strength": link.strength, "visit": visit.key }),
    ));
    Choice {
        link: link.clone(),
        visit: Some(visit.clone()),
        receipt,
    }
}

#[cfg(test)]
mod tests;
