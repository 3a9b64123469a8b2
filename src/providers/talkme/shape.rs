//! What shape a body has, and where in it each thing sits (talk-me.md 2 and 4.2). The request of a
//! custom bot carries a credential for answering the visitor; of it nothing is kept but the event
//! time and the names of the root keys.

use crate::model::{RawEvent, SetAside, SetAsideReason};
use crate::providers::lenient::{Lenient, body_text};
use serde_json::{Map, Value, json};

/// Fields of a form in which JSON may sit.
const JSON_FIELDS: [&str; 3] = ["data", "payload", "json"];

/// Marks a body of which only an outline was kept.
const OUTLINE: &str = "custom_bot_request";

/// A body of shape A or B.
pub struct Body {
    pub root: Value,
}

impl Body {
    /// `data`, or the root of the flat shape.
    pub fn content(&self) -> &Value {
        match self.root.at("data") {
            data @ Value::Object(_) => data,
            _ => &self.root,
        }
    }

    pub fn event_id(&self) -> Option<String> {
        self.root.first_text(&["eventId", "event"])
    }

    /// Unique inside one account only.
    pub fn dialog_number(&self) -> Option<String> {
        self.content().first_text(&[
            "dialog.id",
            "dialog.dialogId",
            "dialog",
            "dialogId",
            "message.dialogId",
            "dialog.messages.0.dialogId",
            "messages.0.dialogId",
        ])
    }

    /// Who writes, as a text that joins the messages of one client.
    pub fn client_text(&self) -> Option<String> {
        let client = self.content().at("client");
        let id = client.first_text(&["clientId", "id"]);
        id.map(|id| format!("client:{id}")).or_else(|| {
            let short = client.text("searchId")?;
            Some(format!("search:{short}"))
        })
    }

    /// The messages, wherever they sit: the first place that has some.
    pub fn messages(&self) -> Vec<&Value> {
        let lists = ["dialog.messages", "messages", "message"];
        let objects = |place: &str| -> Vec<&Value> {
            let items = self.content().items(place).into_iter();
            items.filter(|item| item.is_object()).collect()
        };
        lists
            .iter()
            .map(|place| objects(place))
            .find(|found| !found.is_empty())
            .unwrap_or_default()
    }

    /// One message and no transcript.
    pub fn has_lone_message(&self) -> bool {
        let content = self.content();
        content.at("message").is_object()
            && content.items("dialog.messages").is_empty()
            && content.items("messages").is_empty()
    }
}

/// Reads JSON, also inside a form, and refuses what is nobody's appeal.
pub fn read(raw: &RawEvent) -> Result<Body, SetAside> {
    let refuse = |reason, detail: &str| Err(SetAside::new(reason, detail));
    let Some(root) = parse(&body_text(raw)) else {
        return refuse(
            SetAsideReason::Unparsable,
            "the body is neither JSON nor a form with JSON in it",
        );
    };
    if !root.is_object() {
        return refuse(SetAsideReason::WrongShape, "the body is not a JSON object");
    }
    if is_custom_bot(&root) || root.get(OUTLINE).is_some() {
        return refuse(
            SetAsideReason::NotALead,
            "request of a custom bot; only its outline is kept",
        );
    }
    let is_answer = root.at("success").is_boolean() || root.at("ok").is_boolean();
    if is_answer && root.get("eventId").is_none() {
        return refuse(SetAsideReason::UnknownEvent, "answer of the REST API");
    }
    Ok(Body { root })
}

/// The outline of a custom bot's request; `None` for any other body. Also of one that cannot be
/// read but names a token, because it may be such a request cut short.
pub fn redact(body: &[u8]) -> Option<Vec<u8>> {
    let text = String::from_utf8_lossy(body);
    let outline = match parse(&text) {
        Some(root) if root.get(OUTLINE).is_some() => return None,
        Some(root) if is_custom_bot(&root) => outline(&root),
        Some(_) => return None,
        None if names_a_token(&text) => outline(&Value::Null),
        None => return None,
    };
    Some(outline.to_string().into_bytes())
}

/// A token at the root that is not beside an envelope's `data`, or the message that a custom bot is asked about, at the root
/// or inside.
fn is_custom_bot(root: &Value) -> bool {
    let asked = [
        "originalOnlineChatMessage",
        "data.originalOnlineChatMessage",
    ];
    let has_token = root.get("token").is_some() && !root.at("data.client").is_object();
    has_token || asked.iter().any(|place| !root.at(place).is_null())
}

fn names_a_token(text: &str) -> bool {
    text.contains("\"token\"")
        || text.contains("token=")
        || text.contains("originalOnlineChatMessage")
}

fn outline(root: &Value) -> Value {
    const NAMES: usize = 50;
    const NAME_CHARS: usize = 64;
    let names = root.as_object().into_iter().flat_map(Map::keys);
    let names: Vec<String> = names
        .take(NAMES)
        .map(|name| name.chars().take(NAME_CHARS).collect())
        .collect();
    let message = root.at("originalOnlineChatMessage");
    let time = message.first_text(&["dateTimeUTC", "dateTime"]);
    // Only what is a time by its form is one; anything else could be anything.
    let time = time.filter(|time| time.parse::<jiff::civil::DateTime>().is_ok());
    json!({OUTLINE: {"root_keys": names, "event_time": time}})
}

/// JSON, or a form with JSON in one of its fields. `data` may itself be JSON written as a text.
fn parse(text: &str) -> Option<Value> {
    let text = text.trim_start_matches('\u{feff}').trim();
    let root = match serde_json::from_str(text) {
        Ok(root) => root,
        Err(_) if text.starts_with(['{', '[']) => return None,
        Err(_) => form(text)?,
    };
    Some(with_data_unpacked(root))
}

fn with_data_unpacked(mut root: Value) -> Value {
    let inner = root.get("data").and_then(Value::as_str);
    let inner = inner.and_then(|text| serde_json::from_str::<Value>(text).ok());
    if let Some(inner) = inner.filter(Value::is_object) {
        root["data"] = inner;
    }
    root
}

/// The fields of a form as an object; the JSON of one of them is `data`, or the whole envelope.
/// `None` when there is no JSON and no credential in it.
fn form(text: &str) -> Option<Value> {
    let pairs: Map<String, Value> = form_urlencoded::parse(text.as_bytes())
        .map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())))
        .collect();
    let mut root = Value::Object(pairs);
    let inside = JSON_FIELDS.iter().find_map(|name| {
        let text = root.get(*name)?.as_str()?;
        let value: Value = serde_json::from_str(text).ok()?;
        value.is_object().then_some(value)
    });
    match inside {
        Some(inside) if is_envelope(&inside) => Some(inside),
        Some(inside) => {
            root["data"] = inside;
            Some(root)
        }
        None => is_custom_bot(&root).then_some(root),
    }
}

fn is_envelope(value: &Value) -> bool {
    ["data", "eventId", "secretKey", "token"]
        .iter()
        .any(|name| value.get(name).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOT: &str = r#"{"token":"S3CRET-TOKEN","site":{"id":"a1","domain":"shop.example"},
        "client":{"clientId":"Qm7"},"message":{"text":"Hi"},
        "originalOnlineChatMessage":{"id":1,"text":"Hi","dateTimeUTC":"2026-03-04 14:02:40"}}"#;

    fn redacted(body: &str) -> Option<String> {
        redact(body.as_bytes()).map(|kept| String::from_utf8(kept).unwrap())
    }

    #[test]
    fn a_custom_bots_token_never_survives() {
        let bare = BOT.replace("originalOnlineChatMessage", "other");
        let form = "token=S3CRET-TOKEN&message=Hi".to_owned();
        let form_with_json = format!(
            "payload={}",
            form_urlencoded::byte_serialize(BOT.as_bytes()).collect::<String>()
        );
        let wrapped = format!(r#"{{"eventId":"x","data":{BOT}}}"#);
        let cut = BOT[..BOT.len() - 20].to_owned();
        let in_the_time = BOT.replace("2026-03-04 14:02:40", "S3CRET-TOKEN");
        let marked = format!("\u{feff}{BOT}");
        for body in [
            BOT.into(),
            bare,
            form,
            form_with_json,
            wrapped,
            cut,
            in_the_time,
            marked,
        ] {
            let kept = redacted(&body).unwrap_or_else(|| panic!("kept whole: {body}"));
            assert!(!kept.contains("S3CRET"), "{kept}");
        }
    }

    #[test]
    fn of_a_custom_bots_request_the_time_and_the_key_names_are_kept() {
        let kept: Value = serde_json::from_str(&redacted(BOT).unwrap()).unwrap();
        let outline = &kept[OUTLINE];
        assert_eq!(outline["event_time"], "2026-03-04 14:02:40");
        assert_eq!(
            outline["root_keys"],
            json!([
                "client",
                "message",
                "originalOnlineChatMessage",
                "site",
                "token"
            ])
        );
        assert_eq!(
            redacted(&kept.to_string()),
            None,
            "an outline stays as it is"
        );
    }

    #[test]
    fn other_bodies_are_kept_whole() {
        for body in [
            r#"{"eventId":"x","data":{"client":{"clientId":"a"}}}"#,
            r#"{"client":{"clientId":"a"},"message":{"text":"my token is lost"}}"#,
            r#"{"eventId":"x","data":{"message":{"text":"\"token\": 1"}}}"#,
            "not json at all",
            "",
        ] {
            assert_eq!(redacted(body), None, "{body}");
        }
    }

    #[test]
    fn the_dialogue_number_is_found_in_each_of_its_places() {
        for content in [
            json!({"dialog": {"id": 7}}),
            json!({"dialog": 7}),
            json!({"dialogId": "7"}),
            json!({"message": {"dialogId": 7}}),
            json!({"messages": [{"dialogId": 7}]}),
            json!({"dialog": {"messages": [{"dialogId": 7}]}}),
        ] {
            let body = Body {
                root: json!({"data": content}),
            };
            assert_eq!(body.dialog_number().as_deref(), Some("7"), "{content}");
        }
    }
}
