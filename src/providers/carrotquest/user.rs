//! The visitor's card: contact, our marks among his custom properties, what the vendor knows of
//! his visits.

use super::SLUG;
use crate::model::{Event, Key, KeyKind};
use crate::providers::lenient::{Lenient, add_emails, add_phones};
use crate::providers::returned;
use serde_json::{Map, Value};

/// Makes a key of a value, unless the value is none of its kind.
type ReadKey = fn(&str) -> Option<Key>;

/// Custom properties that integrators write and that name a visit or visitor of another system.
const FOREIGN_IDS: &[(&str, ReadKey)] = &[
    ("roistat", roistat_visit),
    ("roistat_visit", roistat_visit),
    ("_ym_uid", returned::metrica_client),
    ("ym_uid", returned::metrica_client),
    ("ym_client_id", returned::metrica_client),
    ("yandex_client_id", returned::metrica_client),
    ("metrika_client_id", returned::metrica_client),
    ("_ga", returned::google_client),
    ("ga_client_id", returned::google_client),
    ("google_client_id", returned::google_client),
    ("ct_session_id", calltouch_session),
    ("calltouch_session_id", calltouch_session),
];

fn roistat_visit(value: &str) -> Option<Key> {
    Some(Key::new(KeyKind::RoistatVisit, value))
}

fn calltouch_session(value: &str) -> Option<Key> {
    Some(Key::new(KeyKind::CalltouchSession, value))
}

const UTM: &[&str] = &[
    "utm_source",
    "utm_medium",
    "utm_campaign",
    "utm_content",
    "utm_term",
];

/// Longest value shown beside a communication, characters.
const SHOWN_CHARS: usize = 255;

/// Keys of a visitor, strongest first. `id` is the vendor's number of him.
pub fn keys(user: &Value, id: &str) -> Vec<Key> {
    let custom = |name: &str| user.at("props_custom").text(name);
    let mut keys: Vec<Key> = custom("skvoz_visit")
        .and_then(|value| returned::visit_key(&value))
        .into_iter()
        .chain(custom("skvoz_visitor").map(|value| Key::new(KeyKind::Visitor, value)))
        .collect();
    keys.push(Key::of_provider(KeyKind::BoundUser, SLUG, id));
    keys.extend(
        FOREIGN_IDS
            .iter()
            .filter_map(|(name, read)| read(&custom(name)?)),
    );
    keys.extend(
        user.text("user_id")
            .map(|own| Key::new(KeyKind::SiteUser, own)),
    );
    keys
}

/// Writes contact, arrival and custom properties of a card into an event.
pub fn describe(user: &Value, event: &mut Event, warnings: &mut Vec<String>) {
    contact(user, event, warnings);
    arrival(user, event);
    custom(user, event);
}

fn contact(user: &Value, event: &mut Event, warnings: &mut Vec<String>) {
    event.contact.name = user.text("props.$name");
    if let Some(phone) = user.text("props.$phone")
        && !add_phones(&mut event.contact, &phone)
    {
        warnings.push("$phone is not a phone number".into());
    }
    if let Some(email) = user.text("props.$email")
        && !add_emails(&mut event.contact, &email)
    {
        warnings.push("$email is not an e-mail address".into());
    }
}

/// The vendor keeps the first and the last visit only. The last is nearer to the chat, though by
/// the time of the webhook it may already be a later one; `utm_of` says which was taken.
fn arrival(user: &Value, event: &mut Event) {
    let of = |visit: &str| -> Vec<(String, String)> {
        UTM.iter()
            .filter_map(|name| {
                Some((
                    name.to_string(),
                    user.text(&format!("props.${visit}_{name}"))?,
                ))
            })
            .collect()
    };
    let (first, last) = (of("initial"), of("last"));
    let (visit, taken) = if last.is_empty() {
        ("initial", &first)
    } else {
        ("last", &last)
    };
    if !taken.is_empty() {
        event.extra.insert("utm_of".into(), visit.into());
        event.touch.utm.extend(taken.iter().cloned());
    }
    if visit == "last" {
        let shown = first
            .iter()
            .map(|(name, value)| (format!("$initial_{name}"), short(value)));
        event.extra.extend(shown);
        event.touch.referrer = user.text("props.$last_session_referrer");
    } else {
        event.touch.referrer = user.text("props.$initial_referrer");
    }
    event.touch.country = user.text("props.$country");
    event.touch.city = user.text("props.$city");
}

/// Our own properties are keys and need no showing.
fn custom(user: &Value, event: &mut Event) {
    let foreign = user.entries("props_custom").into_iter();
    for (name, value) in foreign.filter(|(name, _)| !name.starts_with("skvoz_")) {
        if let Some(text) = value.text("") {
            event.extra.insert(short(&name), short(&text));
        }
    }
}

/// Text fit to stand beside a communication.
pub fn short(text: &str) -> String {
    text.chars().take(SHOWN_CHARS).collect()
}

/// One card of two: the one that was asked for, completed by the one inside the conversation.
pub fn merge(asked: &Value, inside: &Value) -> Value {
    let mut card = object(inside);
    for (name, value) in object(asked) {
        let merged = match (card.remove(&name), value) {
            (Some(Value::Object(mut old)), Value::Object(new)) => {
                old.extend(new);
                Value::Object(old)
            }
            (Some(old), Value::Null) => old,
            (_, new) => new,
        };
        card.insert(name, merged);
    }
    Value::Object(card)
}

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{EventKind, Subject};
    use serde_json::json;

    fn described(user: &Value) -> (Event, Vec<String>) {
        let subject = Subject::Client { client: "1".into() };
        let mut event = Event::new("1", subject, EventKind::Updated);
        let mut warnings = Vec::new();
        describe(user, &mut event, &mut warnings);
        (event, warnings)
    }

    #[test]
    fn the_last_visit_is_taken_and_the_first_is_shown() {
        let user = json!({"props": {
            "$initial_utm_source": "yandex", "$initial_referrer": "https://yandex.ru/",
            "$last_utm_source": "vk", "$last_utm_campaign": "osen_26",
        }});
        let (event, _) = described(&user);
        assert_eq!(event.extra["utm_of"], "last");
        assert_eq!(event.touch.utm["utm_source"], "vk");
        assert_eq!(event.extra["$initial_utm_source"], "yandex");
        assert_eq!(event.touch.referrer, None);
    }

    #[test]
    fn the_first_visit_is_labeled_when_it_is_all_there_is() {
        let user = json!({"props": {"$initial_utm_source": "yandex", "$initial_referrer": "https://yandex.ru/"}});
        let (event, _) = described(&user);
        assert_eq!(event.extra["utm_of"], "initial");
        assert_eq!(event.touch.utm["utm_source"], "yandex");
        assert_eq!(event.touch.referrer.as_deref(), Some("https://yandex.ru/"));
    }

    #[test]
    fn a_bad_phone_is_a_warning_without_the_phone() {
        let (event, warnings) =
            described(&json!({"props": {"$phone": "ask later", "$name": "Ирина"}}));
        assert!(event.contact.phones.is_empty());
        assert_eq!(event.contact.name.as_deref(), Some("Ирина"));
        assert_eq!(warnings, ["$phone is not a phone number"]);
    }

    #[test]
    fn two_cards_complete_each_other() {
        let asked = json!({"id": "1", "presence": null, "props": {"$name": "Ирина"}});
        let inside = json!({"id": "1", "presence": "idle", "props": {"$phone": "+74951234500", "$name": "Ира"}});
        assert_eq!(
            merge(&asked, &inside),
            json!({"id": "1", "presence": "idle", "props": {"$name": "Ирина", "$phone": "+74951234500"}})
        );
        assert_eq!(merge(&Value::Null, &inside), inside);
    }
}
