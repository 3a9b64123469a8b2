//! LeadBack, whose webhook nobody has published: the same lead in every encoding that its own page
//! on wire formats thinks possible, and the probe that it makes when an address is saved.

use encoding_rs::WINDOWS_1251;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    plan::{Evidence, Form, Provider, Speaker},
    sample::{moscow_text, sample},
    wire::{Door, Request, Scene},
};

const FORM: &str = "application/x-www-form-urlencoded";

/// Everything LeadBack says about one communication: one request, sometimes repeated.
pub fn requests(scene: &Scene) -> Vec<Request> {
    let communication = scene.communication;
    let request = match communication.form {
        Form::Chat => Request::json(communication.reported, door(), &chat(scene)),
        _ => encoded(scene, &callback(scene)),
    };
    let repeated = communication.habit(0, 5).then(|| Request {
        due: communication.reported + jiff::SignedDuration::from_secs(4),
        ..request.clone()
    });
    std::iter::once(request).chain(repeated).collect()
}

/// The check on saving the address, in two of its possible forms.
pub fn noise(at: Timestamp) -> Vec<Request> {
    let get = Request {
        method: "GET",
        content_type: None,
        ..Request::post(at, door(), "", "")
    };
    vec![get, Request::post(at, door(), FORM, "")]
}

fn door() -> Door {
    Door::Chats(Provider::LeadBack)
}

fn callback(scene: &Scene) -> Vec<(&'static str, String)> {
    let communication = scene.communication;
    let operator = &sample().operators[communication.operator];
    let mut fields = vec![
        ("type", "callback".to_owned()),
        ("id_call", communication.number.to_string()),
        ("callback_phone", scene.phone().unwrap_or_default()),
        (
            "operator_phone",
            operator.phone.trim_start_matches('+').to_owned(),
        ),
        ("date_create", moscow_text(communication.started)),
        (
            "record_url",
            format!("https://leadback.example/rec/{}.mp3", communication.number),
        ),
        ("site", scene.host().to_owned()),
    ];
    if let Some(name) = scene.name().filter(|_| communication.habit(1, 2)) {
        fields.push(("name", name.to_owned()));
    }
    if let Some(visit) = scene.visit() {
        fields.push(("visit_source", visit.utm.medium.to_owned()));
    }
    fields
}

/// The same fields in one of eight encodings.
fn encoded(scene: &Scene, fields: &[(&'static str, String)]) -> Request {
    let due = scene.communication.reported;
    let pairs = || fields.iter().map(|(name, value)| (*name, value.as_str()));
    let object: Value = pairs()
        .map(|(name, value)| (name.to_owned(), json!(value)))
        .collect();
    let form = |pairs: &[(String, String)]| {
        form_urlencoded::Serializer::new(String::new())
            .extend_pairs(pairs)
            .finish()
    };
    let owned = |prefix: &str, suffix: &str| -> Vec<(String, String)> {
        pairs()
            .map(|(name, value)| (format!("{prefix}{name}{suffix}"), value.to_owned()))
            .collect()
    };
    match scene.communication.quirk % 8 {
        0 => Request::json(due, door(), &object),
        1 => Request::post(due, door(), FORM, form(&owned("", ""))),
        2 => Request::post(due, door(), "text/plain", object.to_string()),
        3 => Request {
            method: "GET",
            query: Some(form(&owned("", ""))),
            content_type: None,
            ..Request::post(due, door(), "", "")
        },
        4 => Request::post(due, door(), FORM, form(&owned("data[", "]"))),
        5 => Request::post(
            due,
            door(),
            FORM,
            form(&[("data".to_owned(), object.to_string())]),
        ),
        6 => multipart(due, fields),
        _ => windows_1251(due, fields),
    }
}

fn multipart(due: Timestamp, fields: &[(&'static str, String)]) -> Request {
    const BOUNDARY: &str = "----simulated-boundary-7f3a";
    let part = |(name, value): &(&str, String)| {
        format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        )
    };
    let body: String = fields.iter().map(part).collect();
    let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
    Request::post(
        due,
        door(),
        &content_type,
        format!("{body}--{BOUNDARY}--\r\n"),
    )
}

/// A form in the encoding of an old PHP service.
fn windows_1251(due: Timestamp, fields: &[(&'static str, String)]) -> Request {
    let encode = |text: &str| -> String {
        let (bytes, _, _) = WINDOWS_1251.encode(text);
        form_urlencoded::byte_serialize(&bytes).collect()
    };
    let pairs: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("{name}={}", encode(value)))
        .collect();
    Request::post(due, door(), FORM, pairs.join("&"))
}

fn chat(scene: &Scene) -> Value {
    let communication = scene.communication;
    let spoken = communication
        .lines
        .iter()
        .filter(|line| line.from != Speaker::Note);
    let messages: Vec<Value> = spoken
        .map(|line| {
            let from = match line.from {
                Speaker::Visitor => "visitor",
                Speaker::Operator => "operator",
                _ => "bot",
            };
            json!({"from": from, "text": line.text, "date": moscow_text(line.at)})
        })
        .collect();
    let mut body = json!({
        "type": "chat",
        "id_chat": communication.number,
        "name": scene.name(),
        "phone": scene.phone().unwrap_or_default(),
        "email": scene.email(),
        "date_create": moscow_text(communication.started),
        "site": scene.host(),
        "messages": messages,
    });
    if let Some(visit) = scene.visit().filter(|_| scene.has(Evidence::ClickId)) {
        body["url"] = json!(visit.views[0].url);
    }
    if let Some(id) = scene
        .browser()
        .ym_client_id
        .as_ref()
        .filter(|_| scene.has(Evidence::ClientId))
    {
        body["ym_client_id"] = json!(id);
    }
    body
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;
    use crate::simulate::wire::testing::{body, each, phone_tail};

    /// Reads any of the encodings back into flat fields.
    fn decoded(request: &Request) -> HashMap<String, String> {
        let text = String::from_utf8(request.body.clone()).unwrap();
        let content_type = request.content_type.as_deref().unwrap_or("");
        if content_type.starts_with("multipart") {
            let parts = text.split("name=\"").skip(1);
            let pairs = parts.map(|part| part.split_once("\"\r\n\r\n").unwrap());
            return pairs
                .map(|(name, rest)| {
                    (
                        name.to_owned(),
                        rest.split("\r\n").next().unwrap().to_owned(),
                    )
                })
                .collect();
        }
        if text.starts_with('{') {
            return serde_json::from_str(&text).unwrap();
        }
        let form = request.query.as_deref().unwrap_or(&text);
        let pairs: HashMap<String, String> = form_urlencoded::parse(form.as_bytes())
            .into_owned()
            .collect();
        match pairs.get("data") {
            Some(data) => serde_json::from_str(data).unwrap(),
            None => pairs
                .into_iter()
                .map(|(name, value)| {
                    (
                        name.trim_start_matches("data[")
                            .trim_end_matches(']')
                            .to_owned(),
                        value,
                    )
                })
                .collect(),
        }
    }

    #[test]
    fn a_callback_is_the_same_in_each_of_its_eight_encodings() {
        let mut encodings = HashSet::new();
        each(Provider::LeadBack, |scene, requests| {
            let one = scene.communication;
            if one.form != Form::Callback {
                return;
            }
            let fields = decoded(&requests[0]);
            assert_eq!(fields["id_call"], one.number.to_string());
            assert_eq!(
                phone_tail(&fields["callback_phone"]),
                scene.person().phone[1..]
            );
            assert_eq!(fields["date_create"], moscow_text(one.started));
            encodings.insert(one.quirk % 8);
        });
        assert_eq!(encodings.len(), 8);
    }

    #[test]
    fn a_chat_has_its_lines_and_what_leads_to_the_visit() {
        each(Provider::LeadBack, |scene, requests| {
            let one = scene.communication;
            if one.form != Form::Chat {
                return;
            }
            let body = body(&requests[0]);
            let spoken: Vec<&str> = one
                .lines
                .iter()
                .filter(|line| line.from != Speaker::Note)
                .map(|line| line.text.as_str())
                .collect();
            let texts: Vec<&str> = body["messages"]
                .as_array()
                .unwrap()
                .iter()
                .filter_map(|message| message["text"].as_str())
                .collect();
            assert_eq!(texts, spoken);
            match one.evidence {
                Evidence::ClickId => {
                    let click = scene.visit().unwrap().click_id.as_deref().unwrap();
                    assert!(body["url"].as_str().unwrap().contains(click));
                }
                Evidence::ClientId => {
                    assert_eq!(
                        body["ym_client_id"].as_str(),
                        scene.browser().ym_client_id.as_deref()
                    );
                }
                other => panic!("{other:?}"),
            }
        });
    }
}
