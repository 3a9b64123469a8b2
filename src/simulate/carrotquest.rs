//! Carrot quest: form-encoded webhooks that say little, an hour late, and the records that its REST
//! API answers with. The records are served by `vendor`.

use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::{
    plan::{Channel, Communication, Evidence, Line, Provider, Speaker},
    sample::sample,
    wire::{Door, Request, Scene},
};

/// The token in each webhook.
pub const WEBHOOK_TOKEN: &str = "3c0d9a52-71be-4f0a-9d55-0b6f1e7a2c48";
/// The key that the account's REST API wants. Sample data.
pub const API_KEY: &str = "app.41873.00000000000000000000000000005a4d";

const CLOSED: &str = "$conversation_part_group_closed";
const STARTED: &str = "$conversation_user_started";
const USER_AGENT: &str = "Carrotquest Webhook 1.0";

/// The vendor's id of a conversation: 64 bits, beyond what a float keeps.
pub fn conversation_id(communication: &Communication) -> u64 {
    1_702_000_000_000_000_000 + communication.number * 1_000
}

/// The webhooks of one conversation: perhaps its beginning, and its late end, sometimes twice.
pub fn requests(scene: &Scene) -> Vec<Request> {
    let communication = scene.communication;
    let mut all = Vec::new();
    if !communication.habit(0, 3) {
        let at = communication.started;
        let due = at + SignedDuration::from_secs(2);
        all.push(event(scene, STARTED, 1, at, due));
    }
    let closed = communication.finished + SignedDuration::from_secs(30);
    let closed = closed.min(communication.reported);
    all.push(event(scene, CLOSED, 2, closed, communication.reported));
    if communication.habit(1, 4) {
        let due = communication.reported + SignedDuration::from_secs(2);
        all.push(event(scene, CLOSED, 3, closed, due));
    }
    all
}

/// Requests that carry no communication: a triggered message, another event, a wrong token and a
/// conversation that the API does not know.
pub fn noise(at: Timestamp) -> Vec<Request> {
    let user = json!({"id": 1, "app": 41873, "user_id": null, "props": {}});
    let utm_hit = json!({"id": 2, "created": at.as_second(), "user": 1, "props": {"$utm_source": "yandex"},
        "type": {"id": 5, "name": "$utm_hit"}});
    let closed = json!({"id": 3, "created": at.as_second(), "user": 1,
        "props": {"$conversation_id": "1701999999999999999"}, "type": {"id": 6, "name": CLOSED}});
    let forms = [
        vec![
            ("type", "message_webhook".to_owned()),
            ("token", WEBHOOK_TOKEN.to_owned()),
            ("message_id", "9".to_owned()),
        ],
        event_form(WEBHOOK_TOKEN, "$utm_hit", &user, &utm_hit),
        event_form(
            "00000000-0000-4000-8000-000000000000",
            CLOSED,
            &user,
            &closed,
        ),
        event_form(WEBHOOK_TOKEN, CLOSED, &user, &closed),
    ];
    let encoded = forms
        .into_iter()
        .map(|form| post(at, &form, "application/x-www-form-urlencoded"));
    encoded.collect()
}

fn event_form(token: &str, name: &str, user: &Value, event: &Value) -> Vec<(&'static str, String)> {
    vec![
        ("type", "event".to_owned()),
        ("token", token.to_owned()),
        ("user", user.to_string()),
        ("user_id", user["id"].to_string()),
        ("event_name", name.to_owned()),
        ("event", event.to_string()),
        ("event_id", event["id"].to_string()),
    ]
}

fn post(due: Timestamp, form: &[(&'static str, String)], content_type: &str) -> Request {
    let body = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(form)
        .finish();
    Request {
        user_agent: USER_AGENT.to_owned(),
        ..Request::post(due, Door::Chats(Provider::CarrotQuest), content_type, body)
    }
}

fn event(scene: &Scene, name: &str, place: u64, at: Timestamp, due: Timestamp) -> Request {
    let communication = scene.communication;
    let id = conversation_id(communication);
    let id_in_event = if communication.habit(2, 4) {
        json!(id)
    } else {
        json!(id.to_string())
    };
    let mut props = json!({"$conversation_id": id_in_event});
    if name == STARTED {
        props["$body"] = json!(communication.first_text());
    }
    let event = json!({
        "id": 1_703_000_000_000_000_000_u64 + communication.number * 10 + place,
        "created": at.as_second(),
        "user": scene.browser().carrot_user,
        "type": {"id": 880_011, "name": name, "score": 0, "visible": true, "active": true},
        "props": props,
    });
    let user = json!({
        "id": scene.browser().carrot_user, "app": 41873, "user_id": null, "presence": "offline",
        "props": props_of(scene),
    });
    let mut form = event_form(WEBHOOK_TOKEN, name, &user, &event);
    if communication.habit(3, 5) {
        form.retain(|(field, _)| *field != "event_id");
    }
    if communication.habit(4, 5) {
        let nested = form
            .iter_mut()
            .filter(|(field, _)| matches!(*field, "user" | "event"));
        nested.for_each(|(_, text)| *text = STANDARD.encode(&*text));
    }
    // The vendor's page spells the type of its own bodies wrong.
    let misprinted = communication.habit(2, 5);
    let content_type = if misprinted {
        "application/x-www-from-urlencoded"
    } else {
        "application/x-www-form-urlencoded"
    };
    post(due, &form, content_type)
}

/// One conversation as the REST API knows it.
#[derive(Debug, Clone)]
pub struct Record {
    pub conversation_id: u64,
    pub conversation: Value,
    /// Oldest first.
    pub parts: Vec<Value>,
    pub user_id: u64,
    /// With `props_custom`, which the API gives only when asked.
    pub user: Value,
}

/// What the API will answer about a conversation.
pub fn record(scene: &Scene) -> Record {
    let communication = scene.communication;
    let id = conversation_id(communication);
    let user_id = scene.browser().carrot_user;
    let operator = &sample().operators[communication.operator];
    let messenger = communication.channel != Channel::Site;
    let service = if messenger {
        json!(communication.channel.slug())
    } else {
        Value::Null
    };
    let written = |line: &&Line| line.from != Speaker::Note;
    let mut parts: Vec<Value> = communication
        .lines
        .iter()
        .filter(written)
        .map(|line| part(scene, line))
        .collect();
    parts.push(closing_part(scene));
    let conversation = json!({
        "id": id, "created": communication.started.as_second(), "closed": true, "replied": true,
        "removed": null, "type": "popup_chat", "reply_type": "text", "message": null,
        "recipient_type": "web", "external_service": service, "external_id": null,
        "assistant_type": null, "parts_count": parts.len(), "replies_count": parts.len() - 1,
        "reply_last_type": "reply_admin",
        "assignee": {"id": operator.id, "name": operator.name, "type": "admin"},
        "last_update": communication.finished.as_second(),
        "last_user_reply_time": communication.finished.strftime("%Y-%m-%dT%H:%M:%S").to_string(),
        "tags": [], "channel": null,
        "user": {"id": user_id, "user_id": null, "presence": "offline", "props": props_of(scene)},
    });
    let user = json!({
        "id": user_id, "user_id": null, "removed": null, "presence": "offline",
        "props": props_of(scene), "props_custom": custom_of(scene),
    });
    Record {
        conversation_id: id,
        conversation,
        parts,
        user_id,
        user,
    }
}

fn part(scene: &Scene, line: &Line) -> Value {
    let communication = scene.communication;
    let operator = &sample().operators[communication.operator];
    let admin = json!({"id": operator.id, "name": operator.name, "type": "admin"});
    let messenger = communication.channel != Channel::Site;
    let by_visitor = if messenger {
        communication.channel.slug()
    } else {
        "web_user"
    };
    let (kind, sent_via, from) = match line.from {
        Speaker::Visitor => ("reply_user", by_visitor, json!(scene.browser().carrot_user)),
        Speaker::Operator => ("reply_admin", "web_panel", admin),
        Speaker::Robot => (
            "auto_reply",
            "auto_reply",
            json!({"id": 77, "name": "Bot", "is_bot": true}),
        ),
        Speaker::Note => ("note", "web_panel", admin),
    };
    let body = if line.from == Speaker::Operator {
        format!("<p>{}</p>", line.text)
    } else {
        line.text.clone()
    };
    let mut part = part_base(scene, place_of(scene, line), line.at, kind, sent_via);
    part["body"] = json!(body);
    part["from"] = from;
    part
}

fn place_of(scene: &Scene, line: &Line) -> u64 {
    let lines = &scene.communication.lines;
    lines.iter().position(|other| other == line).unwrap_or(0) as u64
}

fn closing_part(scene: &Scene) -> Value {
    let lines = scene.communication.lines.len() as u64;
    let mut part = part_base(
        scene,
        lines,
        scene.communication.finished,
        "closed",
        "system",
    );
    part["from"] = Value::Null;
    part
}

fn part_base(scene: &Scene, place: u64, at: Timestamp, kind: &str, sent_via: &str) -> Value {
    let id = conversation_id(scene.communication);
    json!({
        "id": id + 10 + place, "created": at.as_second(), "conversation": id, "part_group": id + 1,
        "type": kind, "direction": if kind == "reply_user" { "u2a" } else { "a2u" },
        "sent_via": sent_via, "body": "", "body_json": {}, "edited": null, "removed": null,
        "external_id": null, "meta_data": {}, "reply_type": "no", "actions": null,
    })
}

/// Contacts and marks. The last marks are of the latest visit, which may be later than the chat.
fn props_of(scene: &Scene) -> Value {
    let mut props = Map::new();
    let contacts = [
        ("$name", scene.name().map(str::to_owned)),
        ("$phone", scene.phone()),
        ("$email", scene.email().map(str::to_owned)),
    ];
    for (name, value) in contacts {
        if let Some(value) = value {
            props.insert(name.to_owned(), json!(value));
        }
    }
    for (prefix, visit) in [
        ("$initial_utm", scene.first_visit()),
        ("$last_utm", scene.visit_when_reported()),
    ] {
        for (name, value) in visit.map(|visit| visit.utm.pairs()).unwrap_or_default() {
            props.insert(format!("{prefix}_{name}"), json!(value));
        }
    }
    props.insert("$sessions".to_owned(), json!(scene.journey.visits.len()));
    Value::Object(props)
}

fn custom_of(scene: &Scene) -> Value {
    match scene.visit_when_reported() {
        Some(visit) if scene.has(Evidence::Token) => {
            json!({"skvoz_visit": visit.token, "skvoz_visitor": scene.browser().visitor})
        }
        _ => json!({}),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;
    use crate::simulate::wire::testing::{each, phone_tail};

    fn fields(request: &Request) -> HashMap<String, String> {
        form_urlencoded::parse(&request.body).into_owned().collect()
    }

    fn nested(text: &str) -> Value {
        let json = match text.starts_with('{') {
            true => text.as_bytes().to_vec(),
            false => STANDARD.decode(text).unwrap(),
        };
        serde_json::from_slice(&json).unwrap()
    }

    #[test]
    fn every_webhook_names_its_conversation_whatever_its_encoding() {
        let mut shapes = HashSet::new();
        each(Provider::CarrotQuest, |scene, requests| {
            let id = conversation_id(scene.communication);
            for request in &requests {
                let fields = fields(request);
                let event = nested(&fields["event"]);
                let given = &event["props"]["$conversation_id"];
                assert!(*given == json!(id) || *given == json!(id.to_string()));
                assert_eq!(fields["user_id"], scene.browser().carrot_user.to_string());
                assert_eq!(fields["token"], WEBHOOK_TOKEN);
                assert_eq!(event["type"]["name"], fields["event_name"]);
                shapes.insert((
                    fields["event"].starts_with('{'),
                    fields.contains_key("event_id"),
                    given.is_string(),
                ));
            }
        });
        assert!(shapes.len() >= 5, "{shapes:?}");
    }

    #[test]
    fn the_end_is_told_about_an_hour_late_and_dated_by_the_chat() {
        each(Provider::CarrotQuest, |scene, requests| {
            let one = scene.communication;
            let closed: Vec<&Request> = requests
                .iter()
                .filter(|request| fields(request)["event_name"] == CLOSED)
                .collect();
            assert!(!closed.is_empty());
            for request in closed {
                assert!(request.due >= one.reported);
                let created = nested(&fields(request)["event"])["created"]
                    .as_i64()
                    .unwrap();
                let after = created - one.finished.as_second();
                assert!((0..=30).contains(&after));
            }
        });
    }

    #[test]
    fn the_record_holds_the_lines_the_contact_and_the_latest_visit() {
        each(Provider::CarrotQuest, |scene, _| {
            let one = scene.communication;
            let record = record(scene);
            let texts: Vec<&str> = record
                .parts
                .iter()
                .filter_map(|part| part["body"].as_str())
                .filter(|body| !body.is_empty())
                .collect();
            let lines: Vec<&Line> = one
                .lines
                .iter()
                .filter(|line| line.from != Speaker::Note)
                .collect();
            assert_eq!(texts.len(), lines.len());
            assert!(
                texts
                    .iter()
                    .zip(&lines)
                    .all(|(text, line)| text.contains(&line.text))
            );
            let ids: Vec<u64> = record
                .parts
                .iter()
                .filter_map(|part| part["id"].as_u64())
                .collect();
            assert!(ids.is_sorted());
            let phone = record.user["props"]["$phone"].as_str().map(phone_tail);
            assert_eq!(
                phone,
                one.gives_phone
                    .then(|| scene.person().phone[1..].to_owned())
            );
            let token = scene
                .visit_when_reported()
                .filter(|_| scene.has(Evidence::Token));
            assert_eq!(
                record.user["props_custom"]["skvoz_visit"].as_str(),
                token.map(|visit| visit.token.as_str())
            );
        });
    }
}
