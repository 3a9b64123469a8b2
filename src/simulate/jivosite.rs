//! JivoSite's webhooks as the vendor sends them, its contradictions included: ids as numbers or
//! strings, objects as empty arrays, texts hidden in one place and given in another. No event but
//! `chat_finished` says when it happened.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::{
    plan::{Channel, Evidence, Form, Line, Provider, Speaker, Visit},
    sample::sample,
    wire::{Door, Request, Scene},
};

/// The channel of the site widget.
pub const SITE_WIDGET: &str = "73015";
/// The channel of WhatsApp, which the integration's widget table names.
pub const WHATSAPP_WIDGET: &str = "73022";
/// The channel of Telegram, which has an address of its own.
const TELEGRAM_WIDGET: &str = "73031";

/// Everything JivoSite says about one communication.
pub fn requests(scene: &Scene) -> Vec<Request> {
    match scene.communication.form {
        Form::Chat => chat(scene),
        Form::Offline => vec![offline_message(scene)],
        Form::Popup => vec![client_updated(scene)],
        Form::Callback => call_events(scene),
    }
}

/// Requests that carry no communication.
pub fn noise(at: Timestamp) -> Vec<Request> {
    let door = Door::Chats(Provider::JivoSite);
    let bodies = [
        json!({"event_name": "chat_started", "widget_id": SITE_WIDGET, "chat_id": 1}),
        json!({"event_type": "crm_deal", "event_name": "created_deal", "deal_id": 7, "amount": "1500"}),
        json!({"event_name": "client_attribute_updated", "client_id": 1, "attributes": [{"Age": 42}]}),
        json!([]),
    ];
    let mut all: Vec<Request> = bodies
        .iter()
        .map(|body| Request::json(at, door, body))
        .collect();
    all.push(Request::post(
        at,
        door,
        "application/json",
        "{\"event_name\": \"chat_finished\", ",
    ));
    all
}

fn door(scene: &Scene) -> Door {
    match scene.communication.channel {
        Channel::Telegram => Door::Messenger(Provider::JivoSite, Channel::Telegram),
        _ => Door::Chats(Provider::JivoSite),
    }
}

/// `chat_accepted`, perhaps `chat_updated`, then `chat_finished`, sometimes twice.
fn chat(scene: &Scene) -> Vec<Request> {
    let communication = scene.communication;
    let mut all = Vec::new();
    if communication.answered() {
        let at = communication.started + SignedDuration::from_secs(2);
        all.push(Request::json(
            at,
            door(scene),
            &opened(scene, "chat_accepted"),
        ));
        if communication.gives_phone && !communication.habit(0, 3) {
            let at = communication.finished;
            all.push(Request::json(
                at,
                door(scene),
                &opened(scene, "chat_updated"),
            ));
        }
    }
    let finished = Request::json(communication.reported, door(scene), &chat_finished(scene));
    if communication.habit(1, 6) {
        let due = communication.reported + SignedDuration::from_secs(3);
        all.push(Request {
            due,
            ..finished.clone()
        });
    }
    all.push(finished);
    all
}

/// An event of a chat that is going on.
fn opened(scene: &Scene, event: &str) -> Value {
    let mut body = base(scene, event, scene.visit());
    insert(&mut body, "chat_id", chat_id(scene));
    insert(&mut body, "agent", agent(scene));
    if event == "chat_accepted" {
        body["visitor"]["phone"] = Value::Null;
        body["visitor"]["email"] = Value::Null;
    }
    body
}

fn chat_finished(scene: &Scene) -> Value {
    let communication = scene.communication;
    let mut body = base(scene, "chat_finished", scene.visit_when_reported());
    insert(&mut body, "chat_id", chat_id(scene));
    let agents = if communication.answered() {
        json!([agent(scene)])
    } else {
        json!([])
    };
    insert(&mut body, "agents", agents);
    let written = communication
        .lines
        .iter()
        .filter(|line| line.from != Speaker::Note);
    let written: Vec<&Line> = written.collect();
    // The text stands in one of three places.
    let hidden = !communication.habit(0, 3);
    let messages: Vec<Value> = written
        .iter()
        .map(|line| message(scene, line, hidden))
        .collect();
    insert(
        &mut body,
        "chat",
        json!({
            "messages": messages,
            "blacklisted": false,
            "rate": if communication.habit(2, 4) { json!("positive") } else { Value::Null },
            "invitation": Value::Null,
        }),
    );
    let plain = communication.habit(1, 3);
    let html = communication.habit(2, 3);
    insert(
        &mut body,
        "plain_messages",
        json!(transcript(scene, &written, plain, "", "\n")),
    );
    insert(
        &mut body,
        "html_messages",
        json!(transcript(scene, &written, html, "<p>", "</p>")),
    );
    body
}

fn message(scene: &Scene, line: &Line, hidden: bool) -> Value {
    let text = if hidden { "<text hidden>" } else { &line.text };
    let mut message = json!({"timestamp": line.at.as_second(), "message": text});
    match line.from {
        Speaker::Visitor => message["type"] = json!("visitor"),
        Speaker::Operator | Speaker::Note => {
            message["type"] = json!("agent");
            message["agent_id"] = json!(sample().operators[scene.communication.operator].id);
        }
        Speaker::Robot => message["type"] = json!("bot"),
    }
    message
}

/// All lines with their authors, each between `before` and `after`; nothing when not `given`.
fn transcript(scene: &Scene, lines: &[&Line], given: bool, before: &str, after: &str) -> String {
    if !given {
        return String::new();
    }
    let author = |line: &Line| match line.from {
        Speaker::Visitor => scene.name().unwrap_or("Client"),
        Speaker::Robot => "Bot",
        _ => &sample().operators[scene.communication.operator].name,
    };
    let spelt = lines
        .iter()
        .map(|line| format!("{before}{}: {}{after}", author(line), line.text));
    spelt.collect::<String>().trim_end().to_owned()
}

fn offline_message(scene: &Scene) -> Request {
    let communication = scene.communication;
    let mut body = base(scene, "offline_message", scene.visit());
    if communication.habit(0, 2) {
        insert(&mut body, "chat_id", chat_id(scene));
    }
    insert(&mut body, "message", json!(communication.first_text()));
    insert(
        &mut body,
        "offline_message_id",
        json!(offline_message_id(scene)),
    );
    Request::json(communication.reported, door(scene), &body)
}

/// Thirteen digits; the vendor's look like milliseconds.
pub fn offline_message_id(scene: &Scene) -> i64 {
    let communication = scene.communication;
    let tail = i64::try_from(communication.number % 1_000).unwrap_or(0);
    communication.started.as_second() * 1_000 + tail
}

fn client_updated(scene: &Scene) -> Request {
    let communication = scene.communication;
    let number = scene.browser().jivo_number;
    let body = json!({
        "event_name": "client_updated",
        "widget_id": SITE_WIDGET,
        "user_token": token(scene, scene.visit()),
        "visitor": {
            "name": scene.name(), "email": scene.email(), "phone": scene.phone(),
            "number": number, "chats_count": 0,
        },
        "organization": null,
        "status": {"id": "3", "title": "new"},
        "assigned_agent": null,
        "tags": [{"id": "5", "title": "Sale"}],
        "client_id": number.to_string(),
    });
    Request::json(communication.reported, door(scene), &body)
}

/// A callback from the widget: three states of one call.
fn call_events(scene: &Scene) -> Vec<Request> {
    let communication = scene.communication;
    let phone = format!("+{}", scene.person().phone);
    let states = [("start", 2), ("agent_connected", 12), ("end", 40)];
    let events = states.into_iter().map(|(status, after_s)| {
        let mut call = json!({"type": "callback", "phone": phone, "status": status});
        if status == "end" {
            call["record_url"] = json!("https://files.example.org/r/8812.mp3");
        }
        let mut body = base(scene, "call_event", scene.visit());
        insert(&mut body, "chat_id", chat_id(scene));
        insert(&mut body, "agent", agent(scene));
        insert(&mut body, "call", call);
        let at = communication.started + SignedDuration::from_secs(after_s);
        Request::json(at, door(scene), &body)
    });
    events.collect()
}

/// What all events with a session have, as of the given visit. Messengers have neither session
/// nor page nor token, and write that in different ways.
fn base(scene: &Scene, event: &str, visit: Option<&Visit>) -> Value {
    let communication = scene.communication;
    let mut body = json!({
        "event_name": event,
        "widget_id": widget(communication.channel),
        "visitor": visitor(scene),
        "organization": null,
        "status": null,
        "assigned_agent": null,
        "tags": if communication.habit(0, 4) { json!({}) } else { json!([]) },
    });
    let token = token(scene, visit);
    if !token.is_null() || communication.habit(0, 2) {
        insert(&mut body, "user_token", token);
    }
    let Some(visit) = visit.filter(|_| communication.channel == Channel::Site) else {
        if communication.habit(1, 2) {
            insert(&mut body, "session", Value::Null);
            insert(&mut body, "page", Value::Null);
            insert(&mut body, "analytics", json!([]));
        }
        return body;
    };
    insert(&mut body, "session", session(scene));
    let view = visit.view_at(communication.reported);
    insert(
        &mut body,
        "page",
        json!({"url": view.url, "title": view.title}),
    );
    insert(&mut body, "analytics", analytics(scene));
    body
}

fn widget(channel: Channel) -> Value {
    match channel {
        Channel::Telegram => json!(TELEGRAM_WIDGET),
        Channel::WhatsApp => json!(73022),
        _ => json!(SITE_WIDGET),
    }
}

fn token(scene: &Scene, visit: Option<&Visit>) -> Value {
    match visit {
        Some(visit) if scene.has(Evidence::Token) => json!(visit.token),
        _ => Value::Null,
    }
}

fn visitor(scene: &Scene) -> Value {
    let communication = scene.communication;
    let number = scene.browser().jivo_number;
    let as_string = communication.habit(0, 2);
    json!({
        "name": scene.name(),
        "email": scene.email(),
        "phone": scene.phone(),
        "description": null,
        "number": if as_string { json!(number.to_string()) } else { json!(number) },
        "social": if as_string { json!({}) } else { Value::Null },
        "chats_count": if as_string { json!(1) } else { json!("1") },
    })
}

/// Marks of the first arrival, not of this visit.
fn session(scene: &Scene) -> Value {
    let communication = scene.communication;
    let pairs = scene
        .first_visit()
        .map(|visit| visit.utm.pairs())
        .unwrap_or_default();
    let joined: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let map: Map<String, Value> = pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), json!(value)))
        .collect();
    let utm = if joined.is_empty() {
        Value::Null
    } else {
        json!(joined.join("|"))
    };
    let geoip = json!({
        "country": "Russia", "country_code": "RU", "region": "Tver Oblast", "region_code": "TVE",
        "city": "Tver", "latitude": "56.8587", "longitude": "35.9176", "organization": "",
    });
    json!({
        "geoip": if communication.habit(3, 5) { Value::Null } else { geoip },
        "utm": utm,
        "utm_json": map,
        "ip_addr": scene.browser().ip,
        "user_agent": scene.browser().user_agent,
    })
}

fn analytics(scene: &Scene) -> Value {
    match &scene.browser().ym_client_id {
        Some(id) if scene.has(Evidence::ClientId) => json!({"ym": id}),
        _ if scene.communication.habit(0, 2) => json!({}),
        _ => Value::Null,
    }
}

fn chat_id(scene: &Scene) -> Value {
    let number = scene.communication.number;
    if scene.communication.habit(4, 5) {
        json!(number.to_string())
    } else {
        json!(number)
    }
}

fn agent(scene: &Scene) -> Value {
    let operator = &sample().operators[scene.communication.operator];
    json!({
        "id": operator.id.to_string(), "name": operator.name, "email": operator.login,
        "phone": operator.phone,
    })
}

fn insert(body: &mut Value, name: &str, value: Value) {
    body[name] = value;
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::simulate::wire::testing::{body, each, phone_tail};

    fn text_or_number(value: &Value) -> String {
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    }

    #[test]
    fn a_finished_chat_tells_its_number_token_contact_and_every_line_in_some_place() {
        let mut places = HashSet::new();
        each(Provider::JivoSite, |scene, requests| {
            let one = scene.communication;
            if one.form != Form::Chat {
                return;
            }
            let finished = body(requests.last().unwrap());
            assert_eq!(finished["event_name"], "chat_finished");
            assert_eq!(text_or_number(&finished["chat_id"]), one.number.to_string());
            assert_eq!(finished["visitor"]["name"].as_str(), scene.name());
            let phone = finished["visitor"]["phone"].as_str().map(phone_tail);
            assert_eq!(
                phone,
                one.gives_phone
                    .then(|| scene.person().phone[1..].to_owned())
            );
            let token = scene
                .visit_when_reported()
                .filter(|_| scene.has(Evidence::Token));
            assert_eq!(
                finished["user_token"].as_str(),
                token.map(|visit| visit.token.as_str())
            );
            let messages = finished["chat"]["messages"].as_array().unwrap();
            let lines: Vec<&Line> = one
                .lines
                .iter()
                .filter(|line| line.from != Speaker::Note)
                .collect();
            assert_eq!(messages.len(), lines.len());
            for (message, line) in messages.iter().zip(lines) {
                assert_eq!(message["timestamp"], line.at.as_second());
                let holders = [
                    message["message"].as_str(),
                    finished["plain_messages"].as_str(),
                    finished["html_messages"].as_str(),
                ];
                let holding: Vec<usize> = (0..3)
                    .filter(|place| holders[*place].unwrap().contains(&line.text))
                    .collect();
                assert_eq!(holding.len(), 1);
                places.insert(holding[0]);
            }
        });
        assert_eq!(places.len(), 3);
    }

    #[test]
    fn messengers_come_by_address_or_by_widget_and_know_no_session() {
        let mut doors = HashSet::new();
        each(Provider::JivoSite, |scene, requests| {
            let channel = scene.communication.channel;
            if channel == Channel::Site {
                return;
            }
            for request in &requests {
                let body = body(request);
                let empty = |name: &str| {
                    body.get(name)
                        .is_none_or(|value| value.is_null() || *value == json!([]))
                };
                assert!(
                    ["session", "page", "analytics", "user_token"]
                        .into_iter()
                        .all(empty),
                    "{body}"
                );
                let by_address =
                    request.door == Door::Messenger(Provider::JivoSite, Channel::Telegram);
                assert_eq!(by_address, channel == Channel::Telegram);
                assert!(by_address || text_or_number(&body["widget_id"]) == WHATSAPP_WIDGET);
                doors.insert(by_address);
            }
        });
        assert_eq!(doors.len(), 2);
    }

    #[test]
    fn a_callback_is_three_states_of_one_call() {
        each(Provider::JivoSite, |scene, requests| {
            if scene.communication.form != Form::Callback {
                return;
            }
            let states = requests
                .iter()
                .map(|request| body(request)["call"]["status"].clone());
            assert_eq!(
                states.collect::<Vec<_>>(),
                ["start", "agent_connected", "end"]
            );
            let last = body(&requests[2]);
            assert_eq!(last["call"]["phone"], format!("+{}", scene.person().phone));
            assert!(last["call"]["record_url"].is_string());
        });
    }

    #[test]
    fn a_form_has_its_text_and_a_pop_up_neither_page_nor_session() {
        let mut seen = HashSet::new();
        each(Provider::JivoSite, |scene, requests| {
            let one = scene.communication;
            let body = body(&requests[0]);
            if one.form == Form::Offline {
                assert_eq!(body["message"], one.first_text());
                assert_eq!(body["offline_message_id"].to_string().len(), 13);
            } else if one.form == Form::Popup {
                assert!(body.get("page").is_none() && body.get("session").is_none());
                assert_eq!(body["user_token"], scene.visit().unwrap().token);
            }
            seen.insert(one.form);
        });
        assert_eq!(seen.len(), 4);
    }

    #[test]
    fn ids_come_as_numbers_and_as_strings() {
        let mut kinds = HashSet::new();
        each(Provider::JivoSite, |_, requests| {
            for request in &requests {
                let body = body(request);
                kinds.insert(("number", body["visitor"]["number"].is_string()));
                kinds.insert(("chat", body["chat_id"].is_string()));
                kinds.insert(("tags", body["tags"].is_array()));
            }
        });
        assert_eq!(kinds.len(), 6);
    }
}
