//! Webhooks of the Talk-me engine under both of its brands: the event envelope with the transcript
//! in either of its places, generated names, invisible notes, account time with and without UTC.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::{
    plan::{Channel, Evidence, Form, Line, Provider, Speaker, Visit},
    sample::{moscow_text, sample, utc_text},
    wire::{Door, Request, Scene},
};

/// The secret that the account repeats in each event.
pub const SECRET: &str = "hK2-demo";

/// Everything the engine says about one communication.
pub fn requests(scene: &Scene) -> Vec<Request> {
    match scene.communication.form {
        Form::Offline => vec![offline_question(scene)],
        _ => dialogue(scene),
    }
}

/// Requests that carry no communication: the custom bot's hook, an event without a dialogue and
/// a stranger's secret.
pub fn noise(at: Timestamp) -> Vec<Request> {
    let mut all = Vec::new();
    for provider in [Provider::TalkMe, Provider::Verbox] {
        let door = Door::Chats(provider);
        let bot = json!({
            "token": "REDACT-ME",
            "site": {"id": "a1b2c3d4e5f6a7b8c9d0e1f2a3b4c5d6", "domain": "shop.example"},
            "client": {"searchId": 1, "clientId": "botclient", "name": null, "phone": null},
            "message": {"text": "hello"},
            "originalOnlineChatMessage": {"id": 1, "text": "hello", "dialogId": 1},
        });
        let stranger = json!({"eventId": "dialogFinished", "secretKey": "not-ours", "data": {
            "client": {"clientId": "stranger"},
            "dialog": {"id": 2, "messages": [{"id": 3, "whoSend": "client", "text": "hello"}]},
        }});
        all.push(Request::json(at, door, &bot));
        all.push(Request::json(at, door, &stranger));
        all.push(Request::post(at, door, "text/plain", "not json"));
    }
    all
}

/// `dialogStarted`, then the finished dialogue; some are finished, continued and finished again.
fn dialogue(scene: &Scene) -> Vec<Request> {
    let communication = scene.communication;
    let door = Door::Chats(communication.provider);
    let lines: Vec<&Line> = communication.lines.iter().collect();
    let until = |last: Timestamp| {
        lines
            .iter()
            .copied()
            .filter(|line| line.at <= last)
            .collect::<Vec<_>>()
    };
    let mut all = Vec::new();
    if communication.habit(0, 2) {
        let body = envelope(
            scene,
            "dialogStarted",
            scene.visit(),
            &until(communication.started),
        );
        all.push(Request::json(
            communication.started + SignedDuration::from_secs(1),
            door,
            &body,
        ));
    }
    if communication.habit(1, 4) && lines.len() > 3 {
        let part = &lines[..lines.len() - 2];
        let body = envelope(scene, "dialogFinished", scene.visit(), part);
        all.push(Request::json(communication.finished, door, &body));
    }
    let body = envelope(scene, "dialogFinished", scene.visit_when_reported(), &lines);
    all.push(Request::json(communication.reported, door, &body));
    all
}

fn offline_question(scene: &Scene) -> Request {
    let communication = scene.communication;
    let lines: Vec<&Line> = communication.lines.iter().collect();
    let mut body = envelope(
        scene,
        "newOfflineQuestion",
        scene.visit_when_reported(),
        &lines,
    );
    body["data"]["operator"] = json!({"login": "Offline"});
    Request::json(
        communication.reported,
        Door::Leads(communication.provider),
        &body,
    )
}

/// The envelope with the visitor's card as of the given visit.
fn envelope(scene: &Scene, event: &str, visit: Option<&Visit>, lines: &[&Line]) -> Value {
    let communication = scene.communication;
    let texts = communication.habit(2, 3);
    let mut data = json!({"client": client(scene, visit)});
    let messages: Vec<Value> = lines.iter().map(|line| message(scene, line)).collect();
    let id = number(communication.number, texts);
    match communication.habit(0, 3) {
        true => {
            data["dialog"] = json!({"id": id});
            data["messages"] = json!(messages);
        }
        false => data["dialog"] = json!({"id": id, "messages": messages}),
    }
    if communication.answered() {
        let login = &sample().operators[communication.operator].login;
        match texts {
            true => {
                data["operators"] = json!([{"login": "first@operators.example"}, {"login": login}])
            }
            false => data["operator"] = json!({"login": login}),
        }
    }
    json!({"eventId": event, "secretKey": SECRET, "data": data})
}

fn client(scene: &Scene, visit: Option<&Visit>) -> Value {
    let communication = scene.communication;
    let browser = scene.browser();
    let generated = sample().generated_name(communication.started);
    let name = scene.name().unwrap_or(&generated);
    // The phone may be left out of the card only when a line holds it.
    let card_phone = scene
        .phone()
        .filter(|_| !(communication.phone_in_text && communication.habit(1, 2)));
    let mut client = json!({
        "searchId": number(browser.jivo_number, communication.habit(2, 3)),
        "clientId": browser.talkme_client,
        "name": name,
        "phone": card_phone,
        "email": scene.email().unwrap_or(""),
        "visitsCount": visit.map_or(0, |visit| visit.number),
        "isOnline": false,
        "isBanned": false,
        "target": [],
        "roistatVisitId": null,
        "source": {"type": {"id": channel_id(communication.channel)}},
        "customData": custom_data(scene, visit),
    });
    let on_site = visit.filter(|_| communication.channel == Channel::Site);
    let known = on_site.map(|visit| visit_fields(scene, visit));
    let fields =
        known.unwrap_or_else(|| json!({"firstVisit": null, "lastVisit": null, "utm": null}));
    if let (Some(client), Value::Object(fields)) = (client.as_object_mut(), fields) {
        client.extend(fields);
    }
    client
}

/// What the card knows of a visitor of the site: the latest visit, with its entry address.
fn visit_fields(scene: &Scene, visit: &Visit) -> Value {
    let landing = &visit.views[0];
    let first = scene.first_visit().unwrap_or(visit);
    let marks = visit
        .utm
        .pairs()
        .into_iter()
        .map(|(name, value)| (format!("utm_{name}"), json!(value)));
    let marks: Map<String, Value> = marks.collect();
    let utm = match (marks.is_empty(), scene.communication.quirk % 3) {
        (false, _) => Value::Object(marks),
        (true, 0) => json!([]),
        (true, 1) => json!({}),
        (true, _) => Value::Null,
    };
    json!({
        "country": sample().country,
        "city": sample().city,
        "ip": scene.browser().ip,
        "useragent": scene.browser().user_agent,
        "referer": if landing.referrer.is_empty() { Value::Null } else { json!(landing.referrer) },
        "firstVisit": visit_stamp(first),
        "lastVisit": visit_stamp(visit),
        "utm": utm,
    })
}

fn visit_stamp(visit: &Visit) -> Value {
    json!({"dateTime": moscow_text(visit.started()), "page": {"url": visit.views[0].url}})
}

/// Values that the page's scripts set: ours, and sometimes another system's.
fn custom_data(scene: &Scene, visit: Option<&Visit>) -> Value {
    match visit {
        Some(visit) if scene.has(Evidence::Token) => {
            let visitor = &scene.browser().visitor;
            let mut data = json!({"skvoz_visit": visit.token, "skvoz_visitor": visitor});
            if scene.communication.habit(0, 3) {
                data["uiscom"] = json!("4471");
            }
            data
        }
        _ if scene.communication.habit(0, 2) => json!([]),
        _ => Value::Null,
    }
}

fn channel_id(channel: Channel) -> &'static str {
    match channel {
        Channel::Site => "",
        Channel::Telegram => "telegram",
        Channel::WhatsApp => "whatsapp",
        Channel::Instagram => "instagram",
    }
}

/// A line. Its number grows with its place and is the same in each repetition.
fn message(scene: &Scene, line: &Line) -> Value {
    let communication = scene.communication;
    let texts = communication.habit(2, 3);
    let place = communication
        .lines
        .iter()
        .position(|other| other == line)
        .unwrap_or(0);
    let id = communication.number * 100 + place as u64;
    let operator = &sample().operators[communication.operator];
    let (side, kind) = match line.from {
        Speaker::Visitor => ("client", Value::Null),
        Speaker::Operator => ("operator", Value::Null),
        Speaker::Robot => ("operator", json!("autoMessage")),
        Speaker::Note => ("operator", json!("comment")),
    };
    let mut message = json!({
        "id": number(id, texts),
        "whoSend": side,
        "messageType": kind,
        "text": line.text,
        "dateTime": moscow_text(line.at),
    });
    if !texts {
        message["dialogId"] = json!(communication.number);
        message["content"] = json!({"text": line.text, "attachments": []});
        message["dateTimeUTC"] = json!(utc_text(line.at));
        message["isVisibleForClient"] = json!(line.from != Speaker::Note);
    }
    if line.from == Speaker::Operator {
        message["operator"] = json!(operator.login);
        message["operatorName"] = json!(operator.name);
    }
    message
}

/// The vendor's integers come as numbers or as texts.
fn number(value: u64, as_text: bool) -> Value {
    if as_text {
        json!(value.to_string())
    } else {
        json!(value)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::simulate::wire::testing::{body, each, phone_tail};

    fn transcript(data: &Value) -> &Vec<Value> {
        let inside = data["dialog"]["messages"].as_array();
        inside.or_else(|| data["messages"].as_array()).unwrap()
    }

    #[test]
    fn the_last_event_tells_the_dialogue_with_every_line_and_its_time() {
        for brand in [Provider::TalkMe, Provider::Verbox] {
            let mut shapes = HashSet::new();
            each(brand, |scene, requests| {
                let one = scene.communication;
                let event = body(requests.last().unwrap());
                assert_eq!(event["secretKey"], SECRET);
                let data = &event["data"];
                let id = &data["dialog"]["id"];
                assert!(*id == json!(one.number) || *id == json!(one.number.to_string()));
                shapes.insert((data.get("messages").is_some(), id.is_string()));
                assert_eq!(transcript(data).len(), one.lines.len());
                for (message, line) in transcript(data).iter().zip(&one.lines) {
                    assert_eq!(message["text"], line.text);
                    assert_eq!(message["dateTime"], moscow_text(line.at));
                    assert_eq!(
                        message["messageType"] == "comment",
                        line.from == Speaker::Note
                    );
                    let by_client = message["whoSend"] == "client";
                    assert_eq!(by_client, line.from == Speaker::Visitor);
                }
            });
            assert!(shapes.len() >= 3, "{shapes:?}");
        }
    }

    #[test]
    fn the_card_has_the_contact_the_channel_and_the_visit_of_that_moment() {
        each(Provider::TalkMe, |scene, requests| {
            let one = scene.communication;
            let client = body(requests.last().unwrap())["data"]["client"].clone();
            assert_eq!(client["clientId"], scene.browser().talkme_client);
            match scene.name() {
                Some(name) => assert_eq!(client["name"], name),
                None => assert_eq!(client["name"], sample().generated_name(one.started)),
            }
            match client["phone"].as_str() {
                Some(phone) => assert_eq!(phone_tail(phone), scene.person().phone[1..]),
                None => assert!(!one.gives_phone || one.phone_in_text),
            }
            assert_eq!(client["source"]["type"]["id"], channel_id(one.channel));
            let token = scene
                .visit_when_reported()
                .filter(|_| scene.has(Evidence::Token));
            assert_eq!(
                client["customData"]["skvoz_visit"].as_str(),
                token.map(|visit| visit.token.as_str())
            );
            if let Some(click) = scene
                .visit()
                .and_then(|visit| visit.click_id.as_ref())
                .filter(|_| scene.has(Evidence::ClickId))
            {
                assert!(
                    client["lastVisit"]["page"]["url"]
                        .as_str()
                        .unwrap()
                        .contains(click.as_str())
                );
            }
        });
    }

    #[test]
    fn questions_left_offline_go_to_the_second_address_and_are_nobodys() {
        let mut seen = 0;
        each(Provider::Verbox, |scene, requests| {
            let offline = scene.communication.form == Form::Offline;
            for request in &requests {
                assert_eq!(request.door == Door::Leads(Provider::Verbox), offline);
            }
            if offline {
                let event = body(&requests[0]);
                assert_eq!(event["eventId"], "newOfflineQuestion");
                assert_eq!(event["data"]["operator"]["login"], "Offline");
                seen += 1;
            }
        });
        assert!(seen > 0);
    }
}
