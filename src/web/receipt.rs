//! The receipt as a story: each rule with its outcome, why, and what it saw, in the reader's words.

use serde_json::Value;

use super::parts::Badge;
use super::{Icon, Page};
use crate::model::{Outcome, ReceiptStep, Timestamp};

/// One rule of the receipt.
#[derive(Clone, Debug)]
pub struct Step {
    pub title: String,
    pub outcome: Badge,
    pub icon: Icon,
    pub decided: bool,
    /// It had nothing to look for: shown in small.
    pub quiet: bool,
    /// Why it ended so; may be empty.
    pub why: String,
    /// Name and value of each thing it saw.
    pub facts: Vec<(String, String)>,
}

/// Numbers of things whose name stands beside them.
const NAMED: [(&str, &str); 4] = [
    ("campaign_id", "campaign"),
    ("source_id", "source"),
    ("site_id", "site"),
    ("visit_id", "visit"),
];

impl Step {
    pub fn new(page: &Page, step: &ReceiptStep) -> Self {
        let seen = step.evidence.as_object();
        let told = |name: &str| seen.and_then(|seen| seen.get(name)).and_then(Value::as_str);
        let quiet = step.outcome == Outcome::Skipped;
        let facts = seen.into_iter().flatten().filter(|(name, value)| {
            let named_beside = NAMED
                .iter()
                .any(|(id, by)| id == name && seen.is_some_and(|s| s.contains_key(*by)));
            let is_told = *name == "reason" || value.is_null() || named_beside;
            !is_told && *value != &Value::Bool(false)
        });
        Self {
            title: page.word("step", &step.step),
            outcome: page.outcome(step.outcome),
            icon: page.outcome_icon(step.outcome),
            decided: step.outcome == Outcome::Matched,
            quiet,
            why: told("reason")
                .map(|reason| page.word("why", reason))
                .unwrap_or_default(),
            facts: match quiet {
                true => Vec::new(),
                false => facts.map(|(name, value)| fact(page, name, value)).collect(),
            },
        }
    }
}

fn fact(page: &Page, name: &str, value: &Value) -> (String, String) {
    let shown = match (name, value) {
        // Words of the house, which have texts of their own.
        ("key", Value::String(word)) => page.word("key", word),
        ("channel_group" | "channel" | "strength", Value::String(word)) => page.word(name, word),
        ("rule", Value::String(word)) => page.word("step", word),
        _ => plain(page, value),
    };
    (page.word("fact", name), shown)
}

/// A value as people write it: moments in the workspace's zone, yes and no, lists.
fn plain(page: &Page, value: &Value) -> String {
    match value {
        Value::Null => page.text("common.none").to_owned(),
        Value::Bool(true) => page.text("common.yes").to_owned(),
        Value::Bool(false) => page.text("common.no").to_owned(),
        Value::String(text) => match text.parse::<Timestamp>() {
            Ok(at) => page.date_time(at),
            Err(_) => text.clone(),
        },
        Value::Number(number) => number.to_string(),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(|item| plain(page, item)).collect();
            items.join(", ")
        }
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| fact(page, name, value));
            let fields: Vec<_> = fields
                .map(|(name, value)| format!("{name}: {value}"))
                .collect();
            fields.join("; ")
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use regex::Regex;
    use serde_json::json;

    use super::*;
    use crate::locale::Locale;
    use crate::model::KeyKind;
    use crate::web::samples;

    fn source(path: &str) -> String {
        let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path));
        let text = text.expect("a source file");
        text.split("#[cfg(test)]")
            .next()
            .unwrap_or_default()
            .to_owned()
    }

    /// Rules and reasons are written where they are decided; here is seen that each has a text.
    #[test]
    fn every_rule_and_reason_of_the_receipt_has_a_text() {
        let link = source("src/link.rs") + &source("src/link/evidence.rs");
        let credit = source("src/credit/ladder.rs");
        let find = |pattern: &str, text: &str| -> Vec<String> {
            let pattern = Regex::new(pattern).expect("a constant");
            pattern
                .captures_iter(text)
                .map(|found| found[1].to_owned())
                .collect()
        };
        let rules = find(r#""(link\.[a-z_]+)""#, &link);
        let mut reasons = find(r#"(?:Skipped|rejected)\(\s*"([a-z_]+)""#, &link);
        reasons.extend(find(r#""reason": "([a-z_]+)""#, &link));
        reasons.extend(find(r#"(?:skipped|no_match)\("([a-z_]+)""#, &credit));
        let facts = find(r#"\.with(?:_some)?\("([a-z_]+)""#, &credit);
        assert!(
            rules.len() > 8 && reasons.len() > 10 && facts.len() > 10,
            "the patterns are stale"
        );
        let keys = rules.into_iter().map(|rule| format!("step.{rule}"));
        let keys = keys.chain(reasons.into_iter().map(|reason| format!("why.{reason}")));
        let keys = keys.chain(facts.into_iter().map(|fact| format!("fact.{fact}")));
        let keys = keys.chain(
            KeyKind::ALL
                .iter()
                .map(|kind| format!("key.{}", kind.as_str())),
        );
        for key in keys.filter(|key| key != "fact.reason") {
            for locale in Locale::ALL {
                assert!(locale.find(&key).is_some(), "{key} in {locale:?}");
            }
        }
    }

    #[test]
    fn a_step_tells_what_it_saw_in_words() {
        let page = samples::page(Locale::En);
        let seen = json!({
            "key": "phone", "value": "…0142", "site_id": 3, "site": "Shop", "utm_term": null,
            "visit_started_at": "2026-03-01T10:00:00Z",
        });
        let step = ReceiptStep::new("link.contact", Outcome::Matched, seen);
        let step = Step::new(&page, &step);
        let facts: Vec<_> = step
            .facts
            .iter()
            .map(|(n, v)| (n.as_str(), v.as_str()))
            .collect();
        assert!(facts.contains(&("Seen in", "phone")), "{facts:?}");
        assert!(
            facts.contains(&("Visit began", "1 Mar 2026, 13:00")),
            "{facts:?}"
        );
        assert_eq!(facts.len(), 4, "{facts:?}");
        assert!(step.decided);
    }
}
