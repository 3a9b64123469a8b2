//! What a person who sees no contacts gets of a communication: the rest of it.

use super::Person;
use crate::model::{Communication, Contact, MessageAuthor};
use regex::Regex;
use std::sync::LazyLock;

const MASK: &str = "•••";

/// The communication as this person may see it.
pub fn mask(person: &Person, of: Communication) -> Communication {
    match person.sees_contacts() {
        true => of,
        false => without_contacts(of),
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

fn mask_evidence(evidence: &mut serde_json::Value) {
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
