//! The visitor's card: contact, keys, arrival, channel and labels (talk-me.md 5.1 and 7).

use super::shape::Body;
use crate::model::{Channel, Contact, Event, Key, KeyKind, MessageAuthor};
use crate::providers::free_text;
use crate::providers::lenient::{Lenient, MOST, add_emails, add_phones};
use crate::providers::returned::{google_client, metrica_client, visit_key};
use regex::Regex;
use serde_json::Value;
use std::sync::LazyLock;

/// Longest text kept beside an event.
const EXTRA_CHARS: usize = 500;

/// The engine's name for a visitor who gave none: `14 посетитель в марте 2026 года`.
static GENERATED_NAME: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)^\d+ посетитель в \p{Cyrillic}+ \d{4} года$").expect("the pattern is constant")
});

/// Name, phones and e-mails of the card; what the card lacks is looked for in the visitor's own
/// words.
pub fn add_contact(body: &Body, event: &mut Event, warnings: &mut Vec<String>) {
    let client = body.content().at("client");
    event.contact.name = name(client);
    if let Some(phone) = client.text("phone")
        && !add_phones(&mut event.contact, &phone)
    {
        warnings.push("client.phone is not a phone".into());
    }
    if let Some(email) = client.text("email")
        && !add_emails(&mut event.contact, &email)
    {
        warnings.push("client.email is not an e-mail".into());
    }
    let mut said = Contact::default();
    let words = event.messages.iter();
    for line in words.filter(|line| line.from == MessageAuthor::Visitor) {
        free_text::add_contacts(&mut said, &line.text);
    }
    if event.contact.phones.is_empty() {
        event.contact.phones = said.phones;
    }
    if event.contact.emails.is_empty() {
        event.contact.emails = said.emails;
    }
    let name = event.contact.name.clone();
    let words = event.messages.iter_mut();
    for line in words.filter(|line| line.from == MessageAuthor::Visitor) {
        line.author = name.clone();
    }
}

fn name(client: &Value) -> Option<String> {
    let parts = || {
        let parts = ["firstName", "lastName"].map(|part| client.text(part));
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join(" "))
    };
    let given = client
        .text("name")
        .filter(|name| !GENERATED_NAME.is_match(name));
    given.or_else(parts)
}

/// Ids that lead to a visit. What other systems have put into the custom fields is never taken for
/// ours, and is an alias where its name tells whose it is.
pub fn add_keys(body: &Body, brand: &str, event: &mut Event) {
    let client = body.content().at("client");
    let custom: Vec<_> = client
        .entries("customData")
        .into_iter()
        .take(MOST)
        .collect();
    let own = |name: &str| {
        let field = custom.iter().find(|(key, _)| key == name);
        field.and_then(|(_, value)| value.text(""))
    };
    let mut keys: Vec<Key> = own("skvoz_visit")
        .as_deref()
        .and_then(visit_key)
        .into_iter()
        .collect();
    keys.extend(own("skvoz_visitor").map(|visitor| Key::new(KeyKind::Visitor, visitor)));
    for id in ["clientId", "id", "searchId"] {
        if let Some(id) = client.text(id) {
            keys.push(Key::of_provider(KeyKind::BoundUser, brand, &id));
        }
    }
    let roistat = client.text("roistatVisitId");
    keys.extend(roistat.map(|visit| Key::new(KeyKind::RoistatVisit, visit)));
    for (name, value) in &custom {
        keys.extend(value.text("").and_then(|value| foreign_key(name, &value)));
    }
    for key in keys {
        if !event.keys.contains(&key) {
            event.keys.push(key);
        }
    }
}

/// Custom fields that sites are seen to fill with the ids of their counters (verbox.md 5.1,
/// talk-me.md 9.2).
fn foreign_key(name: &str, value: &str) -> Option<Key> {
    match name.to_lowercase().as_str() {
        "roistat" | "roistat_visit" | "roistatvisitid" => {
            Some(Key::new(KeyKind::RoistatVisit, value))
        }
        "uiscom" | "comagic" | "comagic_visitor_id" => {
            Some(Key::new(KeyKind::ComagicVisitor, value))
        }
        "comagic_session_id" | "uis_session_id" => Some(Key::new(KeyKind::ComagicVisit, value)),
        "cid" | "ga" | "_ga" | "ga_client_id" | "client_id" => google_client(value),
        "ym" | "ym_uid" | "_ym_uid" | "ym_client_id" | "ymclientid" => metrica_client(value),
        "ct_sess" | "calltouch_session_id" => Some(Key::new(KeyKind::CalltouchSession, value)),
        "user_id" | "userid" => Some(Key::new(KeyKind::SiteUser, value)),
        _ => None,
    }
}

/// The arrival as the engine knows it: the entry page of the latest visit is the only place where
/// click ids are found.
pub fn add_touch(body: &Body, event: &mut Event) {
    let content = body.content();
    let client = content.at("client");
    let touch = &mut event.touch;
    for (name, value) in client.entries("utm").into_iter().take(MOST) {
        if let Some(value) = value.text("") {
            let name = name.strip_prefix("utm_").unwrap_or(&name);
            touch.utm.insert(format!("utm_{name}"), value);
        }
    }
    let pages = body.messages();
    let written_on = pages.iter().rev().find_map(|line| line.text("page.url"));
    touch.page = content.text("page.url").or(written_on);
    touch.page_title = content.text("page.title");
    touch.entry_page = client.text("lastVisit.page.url");
    touch.referrer = client.text("referer");
    touch.ip = client.text("ip");
    touch.user_agent = client.first_text(&["useragent", "userAgent"]);
    touch.country = client.text("country");
    touch.city = client.text("city");
    touch.site = content.first_text(&["site.domain", "site.host"]);
}

/// Channel by the id of the source. The ids are guesses but for `instagram`
/// (`messenger_dialogue.http` will settle them); an unknown one is `other` with the raw id among
/// the labels. Without an id a visitor of the site has a page, an address or a browser, and a
/// messenger's has none.
pub fn channel(body: &Body) -> Option<Channel> {
    let client = body.content().at("client");
    let Some(id) = source_id(client) else {
        let site_signs = [
            "lastVisit.page.url",
            "ip",
            "useragent",
            "customData.skvoz_visit",
        ];
        return client.first_text(&site_signs).map(|_| Channel::site());
    };
    Channel::new(channel_of_source(&id.to_lowercase()))
}

fn channel_of_source(id: &str) -> &str {
    const SITE: &[&str] = &["site", "widget", "online", "onlinechat", "chat"];
    const NAMES: &[(&str, &str)] = &[
        ("telegram", "telegram"),
        ("whatsapp", "whatsapp"),
        ("vk", "vkontakte"),
        ("viber", "viber"),
        ("facebook", "facebook"),
        ("odnoklassniki", "odnoklassniki"),
        ("avito", "avito"),
        ("instagram", "instagram"),
        ("mail", "email"),
    ];
    const SHORT: &[(&str, &str)] = &[
        ("tg", "telegram"),
        ("wa", "whatsapp"),
        ("fb", "facebook"),
        ("ok", "odnoklassniki"),
    ];
    if SITE.contains(&id) {
        return "site";
    }
    if Channel::KNOWN.contains(&id) {
        return id;
    }
    let first_word = id
        .split(|c: char| !c.is_ascii_alphanumeric())
        .next()
        .unwrap_or(id);
    let by_name = NAMES.iter().find(|(name, _)| id.starts_with(name));
    let by_word = SHORT.iter().find(|(word, _)| *word == first_word);
    by_name.or(by_word).map_or("other", |(_, channel)| channel)
}

fn source_id(client: &Value) -> Option<String> {
    client.first_text(&["source.type.id", "source.type", "source.id", "source"])
}

/// Labels worth showing, and every custom field that is not ours.
pub fn add_extra(body: &Body, event: &mut Event) {
    let client = body.content().at("client");
    let labels = [
        (
            "banned",
            client
                .flag("isBanned")
                .filter(|is| *is)
                .map(|_| "true".into()),
        ),
        ("event_id", body.event_id()),
        (
            "info_link",
            client.first_text(&["infoLink", "applicationLink"]),
        ),
        ("question_category", client.text("questionCategory")),
        ("search_id", client.text("searchId")),
        ("search_keyword", client.text("searchKeyword")),
        ("source", source_id(client)),
        ("target", texts(client.items("target"))),
        ("visits_count", client.text("visitsCount")),
    ];
    for (name, value) in labels {
        if let Some(value) = value {
            event.extra.insert(name.into(), cut(&value));
        }
    }
    for (name, value) in client.entries("customData").into_iter().take(MOST) {
        let is_ours = name == "skvoz_visit" || name == "skvoz_visitor";
        if let Some(value) = value.text("").filter(|_| !is_ours) {
            let name: String = name.chars().take(64).collect();
            event.extra.insert(format!("custom.{name}"), cut(&value));
        }
    }
}

fn texts(items: Vec<&Value>) -> Option<String> {
    let texts: Vec<String> = items.into_iter().filter_map(|item| item.text("")).collect();
    (!texts.is_empty()).then(|| texts.join(", "))
}

fn cut(text: &str) -> String {
    text.chars().take(EXTRA_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn generated_names_are_no_names() {
        for (client, expected) in [
            (json!({"name": "14 посетитель в марте 2026 года"}), None),
            (
                json!({"name": "7 посетитель в апреле 2026 года", "firstName": "Анна"}),
                Some("Анна"),
            ),
            (json!({"name": "Ирина"}), Some("Ирина")),
            (json!({"name": ""}), None),
        ] {
            assert_eq!(name(&client).as_deref(), expected, "{client}");
        }
    }

    #[test]
    fn channels_are_told_by_the_id_of_the_source() {
        for (id, expected) in [
            ("site", "site"),
            ("onlineChat", "site"),
            ("instagram", "instagram"),
            ("telegramBot", "telegram"),
            ("tg", "telegram"),
            ("tg_bot", "telegram"),
            ("whatsapp_wazzup", "whatsapp"),
            ("waba", "waba"),
            ("vkGroup", "vkontakte"),
            ("viber", "viber"),
            ("fb", "facebook"),
            ("ok", "odnoklassniki"),
            ("avitoMessenger", "avito"),
            ("mail", "email"),
            ("email", "email"),
            ("max", "max"),
            ("okey", "other"),
            ("carrier-pigeon", "other"),
        ] {
            let root = json!({"data": {"client": {"source": {"type": {"id": id}}}}});
            let found = channel(&Body { root });
            assert_eq!(found.as_ref().map(Channel::as_str), Some(expected), "{id}");
        }
    }

    #[test]
    fn without_an_id_only_a_visit_tells_the_site() {
        let of = |client: Value| {
            channel(&Body {
                root: json!({"data": {"client": client}}),
            })
        };
        assert_eq!(
            of(json!({"source": {"type": {"id": ""}}, "ip": "203.0.113.9"})),
            Some(Channel::site())
        );
        assert_eq!(of(json!({"source": null, "lastVisit": null})), None);
    }

    #[test]
    fn custom_fields_of_other_systems_are_aliases_of_their_own_kind() {
        for (name, value, expected) in [
            ("uiscom", "4471", Some(KeyKind::ComagicVisitor)),
            ("cid", "188213.1700000001", Some(KeyKind::GoogleClient)),
            ("cid", "4471", None),
            ("ct_sess", "704511223", Some(KeyKind::CalltouchSession)),
            ("user_id", "42", Some(KeyKind::SiteUser)),
            ("color", "red", None),
        ] {
            assert_eq!(
                foreign_key(name, value).map(|key| key.kind),
                expected,
                "{name}"
            );
        }
    }
}
