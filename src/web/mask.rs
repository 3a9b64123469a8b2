//! What a person who sees no contacts gets of a communication or a goal: the rest of it.

use super::Person;
use crate::model::{Communication, Contact, Goal, LEAD, MessageAuthor};
use regex::Regex;
use serde_json::Value;
use std::sync::LazyLock;

const MASK: &str = "•••";

/// The communication as this person may see it.
pub fn mask(person: &Person, of: Communication) -> Communication {
    match person.sees_contacts() {
        true => of,
        false => without_contacts(of),
    }
}

/// The goal as this person may see it.
pub fn mask_goal(person: &Person, of: Goal) -> Goal {
    match person.sees_contacts() {
        true => of,
        false => goal_without_contacts(of),
    }
}

/// Whatever is written in the form of a lead may lead to the person.
fn goal_without_contacts(mut of: Goal) -> Goal {
    let is_lead = of.name == LEAD;
    of.name = masked(&of.name);
    of.data = of
        .data
        .into_iter()
        .map(|(name, value)| (masked(&name), masked_value(value, is_lead)))
        .collect();
    of
}

fn masked_value(value: Value, is_lead: bool) -> Value {
    match value {
        Value::String(text) if !is_lead => masked(&text).into(),
        Value::String(_) => MASK.into(),
        Value::Number(number) => {
            let text = number.to_string();
            match masked(&text) == text {
                true => Value::Number(number),
                false => MASK.into(),
            }
        }
        Value::Array(values) => values
            .into_iter()
            .map(|value| masked_value(value, is_lead))
            .collect(),
        Value::Object(fields) => {
            let fields = fields.into_iter();
            fields
                .map(|(name, value)| (masked(&name), masked_value(value, is_lead)))
                .collect()
        }
        other => other,
    }
}

fn without_contacts(mut of: Communication) -> Communication {
    of.contact = Contact::default();
    for message in &mut of.messages {
        message.text = masked(&message.text);
        message.attachments.clear();
        if message.from == MessageAuthor::Visitor {
            message.author = None;
        }
    }
    if let Some(call) = &mut of.call {
        call.record_url = None;
    }
    of.touch.ip = None;
    // What a vendor put there is not known.
    of.extra.clear();
    for step in &mut of.receipt {
        mask_evidence(&mut step.evidence);
    }
    of
}

fn mask_evidence(evidence: &mut Value) {
    let is_contact = matches!(evidence["key"].as_str(), Some("phone" | "email"));
    if is_contact && let Some(value) = evidence.get_mut("value") {
        *value = MASK.into();
    }
}

/// A text without phones and e-mails.
fn masked(text: &str) -> String {
    static CONTACT: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"[^\s@<>]+@[^\s@<>]+|\+?\d(?:[\s().-]{0,2}\d){6,}").expect("a constant")
    });
    CONTACT.replace_all(text, MASK).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn phones_and_mails_in_a_text_are_masked_and_prices_are_not() {
        let table = [
            ("Запишите: +7 900 555-01-42!", "Запишите: •••!"),
            ("8(900)5550142", "•••"),
            ("irina@example.org, жду", "••• жду"),
            (
                "Окно 1400 × 1300 за 24 900 ₽",
                "Окно 1400 × 1300 за 24 900 ₽",
            ),
        ];
        for (text, expected) in table {
            assert_eq!(masked(text), expected);
        }
    }

    #[test]
    fn a_goal_keeps_what_leads_to_nobody() {
        let goal = |name: &str, data: Value| {
            let data = data.as_object().expect("an object").clone();
            let name = name.to_owned();
            let goal = Goal {
                name,
                data,
                ..crate::web::samples::goal()
            };
            Value::Object(goal_without_contacts(goal).data)
        };
        let lead = json!({"phone": "89005550142", "Имя": "Ирина", "sum": 24900, "more": [{"at": "дом 5"}]});
        assert_eq!(
            goal("lead", lead),
            json!({"phone": MASK, "Имя": MASK, "sum": 24900, "more": [{"at": MASK}]})
        );
        let order = json!({"goods": "Окно", "tel": 79005550142_i64, "to": ["a@example.org"],
            "is_new": true, "+7 900 555-01-42": {"who": "8(900)5550142"}});
        assert_eq!(
            goal("order", order),
            json!({"goods": "Окно", "tel": MASK, "to": [MASK], "is_new": true, MASK: {"who": MASK}})
        );
    }

    #[test]
    fn nothing_of_the_contact_is_left() {
        let of = crate::web::samples::chat();
        let shown = format!("{:?}", {
            let mut of = without_contacts(of);
            of.keys.clear();
            of
        });
        for part in ["irina@", "5550142", "555-01-42", "Примерова"] {
            assert!(!shown.contains(part), "{part}");
        }
    }
}
