//! What all Jivo events share: the visitor's card, agents, ids, the visit's marks, labels and the
//! channel. Each reader adds to an event what its part of the body holds.

use super::SLUG;
use crate::model::{
    Address, Channel, Event, EventKind, IntegrationSettings, Key, KeyKind, Operator,
};
use crate::providers::lenient::{Lenient, MOST, add_emails, add_phones};
use crate::providers::returned::{google_client, is_jwt, metrica_client, visit_key};
use serde_json::Value;

/// Longest text kept beside an event.
const EXTRA_CHARS: usize = 500;

/// Channel by address, by the integration's table of widgets, by what the body lacks.
///
/// The vendor names no channel. A chat without page, browser, token and counters came past the
/// site: from a messenger, mail or a marketplace (`chat_finished_messenger_without_visit.http`
/// will settle it). A signed token is that of a mobile application. Changes of a card never carry a page, so their lack of it tells nothing.
pub fn channel(
    root: &Value,
    address: &Address,
    settings: &IntegrationSettings,
    kind: EventKind,
) -> Option<Channel> {
    if let Address::Channel(channel) = address {
        return Some(channel.clone());
    }
    if let Some(channel) = channel_of_widget(root, settings) {
        return Some(channel);
    }
    let site_signs = [
        "page.url",
        "session.user_agent",
        "session.ip_addr",
        "analytics.ym",
        "analytics.ga",
    ];
    let token = root.first_text(&["user_token", "token"]);
    match kind {
        EventKind::ContactChanged => None,
        _ if root.first_text(&site_signs).is_some() => Some(Channel::site()),
        _ if token.as_deref().is_some_and(is_jwt) => Channel::new("mobile_app"),
        _ if token.is_some() => Some(Channel::site()),
        EventKind::Callback => None,
        _ => Channel::new("other"),
    }
}

fn channel_of_widget(root: &Value, settings: &IntegrationSettings) -> Option<Channel> {
    let widget = root.text("widget_id")?;
    let rows = settings.own.get("widgets")?.as_array()?;
    let row = rows
        .iter()
        .find(|row| row.text("widget_id").as_deref() == Some(widget.as_str()))?;
    Channel::new(&row.text("channel")?)
}

/// Name, phones and e-mails of the visitor. `phones` and `emails` are read by one handler in
/// public code, so they are looked at too.
pub fn add_contact(root: &Value, event: &mut Event, warnings: &mut Vec<String>) {
    let visitor = root.at("visitor");
    event.contact.name = visitor.text("name");
    let texts = |field: &str, list: &str| -> Vec<String> {
        let several = visitor
            .items(list)
            .into_iter()
            .take(MOST)
            .filter_map(|item| item.text(""));
        visitor.text(field).into_iter().chain(several).collect()
    };
    for phone in texts("phone", "phones") {
        if !add_phones(&mut event.contact, &phone) {
            warnings.push("visitor.phone is not a phone".into());
        }
    }
    for email in texts("email", "emails") {
        if !add_emails(&mut event.contact, &email) {
            warnings.push("visitor.email is not an e-mail".into());
        }
    }
}

/// `agents` of a finished chat, in order: the last one closed it. Other events name the one who
/// has the chat in `agent` (`assigned_agent` before a dialogue is bound to a card in libraries
/// that read `chat_assigned`); the agent responsible for the client is not the chat's.
pub fn add_operators(root: &Value, event: &mut Event) {
    let of_assigned = root.text("event_name").as_deref() == Some("chat_assigned");
    let mut agents = root.items("agents");
    agents.extend(root.items("agent"));
    if agents.is_empty() && of_assigned {
        agents.extend(root.items("assigned_agent"));
    }
    for agent in agents.into_iter().take(MOST) {
        let Some(id) = agent.first_text(&["id", "email", "name"]) else {
            continue;
        };
        if !event.operators.iter().any(|known| known.id == id) {
            let name = agent.first_text(&["name", "email"]);
            event.operators.push(Operator { id, name });
        }
    }
}

/// The returned token, the visitor's number and the counters' ids. The token sits under its older
/// name in events of older accounts.
pub fn add_keys(root: &Value, event: &mut Event) {
    let token = root.first_text(&["user_token", "token"]);
    let mut keys: Vec<Key> = token.as_deref().and_then(visit_key).into_iter().collect();
    for number in ["visitor.number", "client_id"] {
        if let Some(number) = root.text(number) {
            keys.push(Key::of_provider(KeyKind::BoundUser, SLUG, &number));
        }
    }
    let counter = |path: &str| scalar_of(root.at(path));
    keys.extend(counter("analytics.ym").as_deref().and_then(metrica_client));
    keys.extend(counter("analytics.ga").as_deref().and_then(google_client));
    for key in keys {
        if !event.keys.contains(&key) {
            event.keys.push(key);
        }
    }
}

/// A scalar, or the first scalar of an object (`analytics.ym` may be either).
fn scalar_of(value: &Value) -> Option<String> {
    value.text("").or_else(|| {
        let members = value.entries("");
        members.iter().find_map(|(_, member)| member.text(""))
    })
}

/// Marks, page, address and browser. The structured marks are believed before the printed ones,
/// and words in brackets such as `(direct)` are no marks.
pub fn add_touch(root: &Value, event: &mut Event) {
    let session = root.at("session");
    let touch = &mut event.touch;
    let marks = printed_marks(session).take(MOST);
    for (name, value) in marks.chain(structured_marks(session).take(MOST)) {
        let is_word_of_nothing = value.starts_with('(') && value.ends_with(')');
        if !value.is_empty() && !is_word_of_nothing {
            let name = name.strip_prefix("utm_").unwrap_or(&name);
            touch.utm.insert(format!("utm_{name}"), value);
        }
    }
    touch.page = root.text("page.url");
    touch.page_title = root.text("page.title");
    // One channel may serve several domains; the page is what tells them apart.
    touch.site = touch.page.as_deref().and_then(host);
    touch.ip = session.text("ip_addr");
    touch.user_agent = session.text("user_agent");
    touch.country = session.first_text(&["geoip.country", "geoip.country_code"]);
    touch.city = session.text("geoip.city");
    if !touch.utm.is_empty() {
        event.extra.insert("utm_of".into(), "first_visit".into());
    }
}

/// `source=yandex|medium=cpc`.
fn printed_marks(session: &Value) -> impl Iterator<Item = (String, String)> {
    let printed = session.text("utm").unwrap_or_default();
    let pairs: Vec<_> = printed
        .split('|')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
        .collect();
    pairs.into_iter()
}

fn structured_marks(session: &Value) -> impl Iterator<Item = (String, String)> {
    session
        .entries("utm_json")
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.text("")?)))
}

fn host(address: &str) -> Option<String> {
    let url = url::Url::parse(address).ok()?;
    Some(url.host_str()?.to_owned())
}

/// Labels worth showing.
pub fn add_extra(root: &Value, event: &mut Event) {
    let labels = [
        ("assigned_agent", root.text("assigned_agent.name")),
        (
            "blacklisted",
            root.flag("chat.blacklisted")
                .filter(|is| *is)
                .map(|_| "true".into()),
        ),
        ("chats_count", root.text("visitor.chats_count")),
        (
            "client_status",
            root.first_text(&["status.title", "status"]),
        ),
        ("crm_link", root.text("assign_to")),
        (
            "department",
            root.first_text(&["department.name", "department"]),
        ),
        ("description", root.text("visitor.description")),
        ("invitation", root.text("chat.invitation")),
        (
            "organization",
            root.first_text(&["organization.name", "organization"]),
        ),
        ("rating", root.first_text(&["chat.rate", "chat_rate"])),
        ("region", root.text("session.geoip.region")),
        ("social", social(root)),
        ("tags", titles(root.items("tags"))),
        ("topic", root.first_text(&["topic.title", "topic"])),
        (
            "visitor_number",
            root.first_text(&["visitor.number", "client_id"]),
        ),
        ("widget_id", root.text("widget_id")),
    ];
    for (name, value) in labels {
        if let Some(value) = value {
            event.extra.insert(name.into(), cut(&value));
        }
    }
}

/// Attributes of the client. The vendor's sample holds pairs inside an array, which is no JSON, so
/// every spelling that could have been meant is read (`client_attribute_updated.http` and its
/// two neighbors will settle it).
pub fn add_attributes(root: &Value, event: &mut Event) {
    for (name, value) in root.entries("attributes").into_iter().take(MOST) {
        if let Some(value) = value.text("") {
            let name: String = name.chars().take(64).collect();
            event.extra.insert(format!("attribute.{name}"), cut(&value));
        }
    }
}

/// Addresses of social profiles; the shape inside is not documented, the names are those of the
/// vendor's own application.
fn social(root: &Value) -> Option<String> {
    let social = root.at("visitor.social");
    let mut found: Vec<String> = Vec::new();
    for list in ["", "social_profiles", "socialProfiles"] {
        for item in social.items(list) {
            found.extend(item.first_text(&["url", ""]));
        }
    }
    found.dedup();
    (!found.is_empty()).then(|| found.join(", "))
}

fn titles(items: Vec<&Value>) -> Option<String> {
    let titles: Vec<String> = items
        .into_iter()
        .filter_map(|item| item.first_text(&["title", "name", ""]))
        .collect();
    (!titles.is_empty()).then(|| titles.join(", "))
}

fn cut(text: &str) -> String {
    text.chars().take(EXTRA_CHARS).collect()
}
