//! Keys that tracker messages bring: ids of other systems, advertising clicks, chats seen to begin,
//! contacts of a lead.

use super::{Bind, GoalTold};
use crate::credit::click_ids;
use crate::model::{Key, KeyKind, Marks, lead_contact};
use serde_json::{Map, Value};

/// Longest id of another system; longer values are something else.
const MAX_ID: usize = 255;

/// Keys of the field `x`: `ym`, `ga`, `rs`, `ct`, `cm.visitor_id`, `cm.session_id`, `uid`. Values
/// that many browsers share (`0`, `undefined`) are no ids.
pub fn foreign_keys(ids: &Map<String, Value>) -> Vec<Key> {
    let mut keys = Vec::new();
    for (name, kind) in [
        ("ym", KeyKind::MetricaClient),
        ("rs", KeyKind::RoistatVisit),
        ("uid", KeyKind::SiteUser),
    ] {
        keys.extend(ids.get(name).and_then(id).map(|id| Key::new(kind, id)));
    }
    let google = ids.get("ga").and_then(id).and_then(google_client);
    keys.extend(google.map(|id| Key::new(KeyKind::GoogleClient, id)));
    keys.extend(
        calltouch_sessions(ids.get("ct"))
            .into_iter()
            .map(|id| Key::new(KeyKind::CalltouchSession, id)),
    );
    for (name, kind) in [
        ("visitor_id", KeyKind::ComagicVisitor),
        ("session_id", KeyKind::ComagicVisit),
    ] {
        let value = ids.get("cm").and_then(|comagic| comagic.get(name));
        keys.extend(value.and_then(id).map(|id| Key::new(kind, id)));
    }
    keys
}

/// Advertising and search clicks of a page: `{parameter}:{value}`, letter case kept.
pub fn click_keys(marks: &Marks) -> Vec<Key> {
    marks
        .click_ids
        .iter()
        .filter(|(name, _)| click_ids::find(name).is_some_and(|click| click.unique))
        .map(|(name, value)| Key::new(KeyKind::Click, format!("{name}:{value}")))
        .collect()
}

/// Keys of a binding message: the chat, the vendor's number of the visitor, the mark without
/// number.
pub fn bind_keys(bind: &Bind) -> Vec<Key> {
    [
        (KeyKind::BoundChat, &bind.chat),
        (KeyKind::BoundUser, &bind.user),
        (KeyKind::ClientMark, &bind.mark),
    ]
    .into_iter()
    .filter_map(|(kind, value)| Some((kind, value.as_deref()?)))
    .map(|(kind, value)| Key::of_provider(kind, &bind.provider, value))
    .collect()
}

/// Phones and e-mails that the visitor left in this visit; nothing unless the goal is a lead.
pub fn lead_keys(goal: &GoalTold) -> Vec<Key> {
    let contact = lead_contact(&goal.name, &goal.data);
    let phones = contact.phones.iter();
    let emails = contact.emails.iter();
    phones
        .map(|phone| Key::new(KeyKind::Phone, phone.as_str()))
        .chain(emails.map(|email| Key::new(KeyKind::Email, email.as_str())))
        .collect()
}

/// A number or a text that can be an id.
pub(super) fn id(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    let shared = ["", "0", "null", "undefined", "none", "nan", "false", "true"];
    let usable = !shared.contains(&text.to_ascii_lowercase().as_str())
        && text.len() <= MAX_ID
        && !text.chars().any(|c| c.is_control() || c.is_whitespace());
    usable.then_some(text)
}

/// The last two parts of `GA1.1.1093456721.1786010400`.
fn google_client(text: String) -> Option<String> {
    let (rest, time) = text.rsplit_once('.')?;
    let random = rest.rsplit_once('.').map_or(rest, |(_, random)| random);
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    (digits(random) && digits(time)).then(|| format!("{random}.{time}"))
}

/// One session, or a list of accounts with a session each.
fn calltouch_sessions(value: Option<&Value>) -> Vec<String> {
    let session = |value: &Value| id(value.get("sessionId").unwrap_or(value));
    match value {
        Some(Value::Array(accounts)) => accounts.iter().filter_map(session).collect(),
        Some(value) => session(value).into_iter().collect(),
        None => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn shown(keys: Vec<Key>) -> Vec<String> {
        keys.iter()
            .map(|key| format!("{} {}", key.kind.as_str(), key.value))
            .collect()
    }

    fn of(ids: Value) -> Vec<String> {
        shown(foreign_keys(ids.as_object().unwrap()))
    }

    #[test]
    fn ids_of_every_system_are_read_in_each_of_their_forms() {
        let keys = of(json!({
            "ym": "1786010400123456789", "ga": "GA1.1.1093456721.1786010400", "rs": 2048117,
            "ct": [{"modId": "abc", "sessionId": 704511223}, {"sessionId": null}],
            "cm": {"visitor_id": 9912345678_i64, "session_id": "13870011223"}, "uid": "user-7",
        }));
        assert_eq!(
            keys,
            [
                "metrica_client 1786010400123456789",
                "roistat_visit 2048117",
                "site_user user-7",
                "google_client 1093456721.1786010400",
                "calltouch_session 704511223",
                "comagic_visitor 9912345678",
                "comagic_visit 13870011223",
            ]
        );
        assert_eq!(of(json!({"ct": 7})), ["calltouch_session 7"]);
    }

    #[test]
    fn what_strangers_could_share_is_no_key() {
        let keys = of(json!({
            "ym": "undefined", "ga": "GA1.1", "rs": 0, "uid": "  ", "ct": {}, "cm": "x",
        }));
        assert_eq!(keys, Vec::<String>::new());
        assert_eq!(
            of(json!({"uid": "x".repeat(300), "ym": true})),
            Vec::<String>::new()
        );
    }

    #[test]
    fn clicks_become_keys_unless_everybody_has_the_same_value() {
        let page = "/?yclid=AbC&gad_source=1&ysclid=q";
        let marks = crate::credit::utm::read(Some(page), None, &|_| false);
        assert_eq!(
            shown(click_keys(&marks)),
            ["click yclid:AbC", "click ysclid:q"]
        );
    }

    #[test]
    fn a_lead_gives_its_contacts_and_another_goal_gives_none() {
        let goal = |name: &str| GoalTold {
            name: name.into(),
            data:
                json!({"Phone": "8 903 555-01-42", "email": "Irina@example.org", "name": "Irina"})
                    .as_object()
                    .unwrap()
                    .clone(),
        };
        assert_eq!(
            shown(lead_keys(&goal("lead"))),
            ["phone +79035550142", "email irina@example.org"]
        );
        assert_eq!(shown(lead_keys(&goal("order"))), Vec::<String>::new());
    }

    #[test]
    fn a_binding_gives_the_keys_it_has() {
        let bind = Bind {
            provider: "carrotquest".into(),
            chat: Some("17".into()),
            user: Some("18".into()),
            mark: None,
        };
        assert_eq!(
            shown(bind_keys(&bind)),
            ["bound_chat carrotquest:17", "bound_user carrotquest:18"]
        );
    }
}
