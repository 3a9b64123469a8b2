//! Readers for the JSON, forms and clocks of vendors that contradict their own documentation: a
//! scalar may be a string, a number or null; an object may be an array, null or absent; any key
//! may be missing. Nothing here knows a vendor.

use crate::model::{Contact, RawEvent, SetAside, SetAsideReason, Timestamp};
use jiff::{civil::DateTime, tz::TimeZone};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Most phones or e-mails taken from one field or text, and most operators of one body: a hostile
/// body of a megabyte must stay cheap.
pub const MOST: usize = 50;

/// Reading a JSON value by dotted paths (`"client.lastVisit.page.url"`, `"agents.0.id"`). Whatever
/// is missing or of another type reads as absent.
pub trait Lenient {
    /// The value at a path; null when there is none. The empty path is the value itself.
    fn at(&self, path: &str) -> &Value;

    /// A string or number as trimmed text. Empty text, `"null"` and `"undefined"` are absent: they
    /// are what careless programs print for nothing.
    fn text(&self, path: &str) -> Option<String>;

    /// The first path with a text.
    fn first_text(&self, paths: &[&str]) -> Option<String> {
        paths.iter().find_map(|path| self.text(path))
    }

    /// A whole number, also when it is written as a string.
    fn integer(&self, path: &str) -> Option<i64> {
        self.text(path)?.parse().ok()
    }

    /// A boolean, also as 0, 1, `"true"`, `"false"`.
    fn flag(&self, path: &str) -> Option<bool>;

    /// The elements of an array. A single object or scalar is an array of one, `{}` and null are
    /// empty.
    fn items(&self, path: &str) -> Vec<&Value>;

    /// Name and value of each member of an object. An array of one-pair objects or of
    /// `{"name", "value"}` objects is read as the object that was meant.
    fn entries(&self, path: &str) -> Vec<(String, &Value)>;
}

impl Lenient for Value {
    fn at(&self, path: &str) -> &Value {
        let steps = path.split('.').filter(|step| !step.is_empty());
        steps.fold(self, |value, step| match value {
            Value::Object(members) => members.get(step).unwrap_or(&Value::Null),
            Value::Array(items) => step
                .parse::<usize>()
                .ok()
                .and_then(|place| items.get(place))
                .unwrap_or(&Value::Null),
            _ => &Value::Null,
        })
    }

    fn text(&self, path: &str) -> Option<String> {
        match self.at(path) {
            Value::String(text) => clean(text),
            Value::Number(number) => Some(plain_number(number)),
            _ => None,
        }
    }

    fn flag(&self, path: &str) -> Option<bool> {
        match self.at(path) {
            Value::Bool(flag) => Some(*flag),
            other => match other.text("")?.to_lowercase().as_str() {
                "1" | "true" | "yes" => Some(true),
                "0" | "false" | "no" => Some(false),
                _ => None,
            },
        }
    }

    fn items(&self, path: &str) -> Vec<&Value> {
        match self.at(path) {
            Value::Array(items) => items.iter().collect(),
            Value::Null => Vec::new(),
            Value::Object(members) if members.is_empty() => Vec::new(),
            other => vec![other],
        }
    }

    fn entries(&self, path: &str) -> Vec<(String, &Value)> {
        match self.at(path) {
            Value::Object(members) => members
                .iter()
                .map(|(name, value)| (name.clone(), value))
                .collect(),
            Value::Array(items) => items.iter().flat_map(entries_of_item).collect(),
            _ => Vec::new(),
        }
    }
}

fn entries_of_item(item: &Value) -> Vec<(String, &Value)> {
    match (
        item.first_text(&["name", "title", "key"]),
        item.get("value"),
    ) {
        (Some(name), Some(value)) => vec![(name, value)],
        _ if item.is_object() => item.entries(""),
        _ => Vec::new(),
    }
}

/// Trims and drops NUL, which no store keeps in a text.
fn clean(text: &str) -> Option<String> {
    let text = text.replace('\0', "");
    let text = text.trim();
    (!matches!(text, "" | "null" | "undefined")).then(|| text.to_owned())
}

/// `518204.0` is the number 518204.
fn plain_number(number: &serde_json::Number) -> String {
    match number.as_f64() {
        Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < 9e15 => {
            format!("{float:.0}")
        }
        _ => number.to_string(),
    }
}

/// The body as text: UTF-8 without its byte order mark; else by the `charset` of the content type;
/// else UTF-8 with replacement characters.
pub fn body_text(raw: &RawEvent) -> String {
    let body = raw.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&raw.body);
    if let Ok(text) = std::str::from_utf8(body) {
        return text.to_owned();
    }
    let charset = raw
        .header("content-type")
        .and_then(|header| {
            header
                .to_lowercase()
                .split_once("charset=")
                .map(|(_, name)| name.trim_matches(['"', ' ', ';']).to_owned())
        })
        .and_then(|name| encoding_rs::Encoding::for_label(name.as_bytes()))
        .unwrap_or(encoding_rs::UTF_8);
    charset.decode(body).0.into_owned()
}

/// The body as JSON, whatever its content type says.
pub fn json_body(raw: &RawEvent) -> Result<Value, SetAside> {
    serde_json::from_str(&body_text(raw)).map_err(|error| {
        // The parser's complaint holds places and kinds, never the content.
        SetAside::new(
            SetAsideReason::Unparsable,
            format!("the body is not JSON: {error}"),
        )
    })
}

/// The pairs of a urlencoded body, in order, names repeated as sent.
pub fn form_body(raw: &RawEvent) -> Vec<(String, String)> {
    form_urlencoded::parse(body_text(raw).as_bytes())
        .into_owned()
        .collect()
}

/// JSON inside one of these fields of a urlencoded body; the first that is an object or an array.
pub fn json_in_form(raw: &RawEvent, names: &[&str]) -> Option<Value> {
    let pairs = form_body(raw);
    names.iter().find_map(|name| {
        let (_, text) = pairs.iter().find(|(key, _)| key == name)?;
        serde_json::from_str(text)
            .ok()
            .filter(|value: &Value| value.is_object() || value.is_array())
    })
}

/// A short fingerprint of bytes, for keys of events to which the vendor gives no id.
pub fn fingerprint(bytes: &[u8]) -> String {
    data_encoding::BASE32_NOPAD
        .encode(&Sha256::digest(bytes)[..10])
        .to_lowercase()
}

/// A Unix time in seconds, milliseconds or microseconds, told apart by size; also as a string or
/// with a fraction. Times before 2001 and after 2096 are no times of a chat.
pub fn unix_time(value: &Value) -> Option<Timestamp> {
    let number: f64 = value.text("")?.parse().ok()?;
    let microseconds = match number {
        n if (1e9..4e9).contains(&n) => n * 1e6,
        n if (1e12..4e12).contains(&n) => n * 1e3,
        n if (1e15..4e15).contains(&n) => n,
        _ => return None,
    };
    Timestamp::from_microsecond(microseconds.round() as i64).ok()
}

/// A time as vendors print it: with an offset or `Z` it is what it says, without one it is read in
/// the zone given.
pub fn printed_time(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time);
    }
    let local: DateTime = text.parse().ok()?;
    Some(local.to_zoned(zone.clone()).ok()?.timestamp())
}

/// Adds every phone of a field that may hold several. `false`: the field holds something that is
/// no phone.
#[must_use]
pub fn add_phones(contact: &mut Contact, field: &str) -> bool {
    if contact.add_phone(field).is_ok() {
        return true;
    }
    let parts = field.split([',', ';', '/', '\n']).take(MOST);
    let refused = parts
        .filter(|part| !part.trim().is_empty())
        .filter(|part| contact.add_phone(part).is_err());
    refused.count() == 0
}

/// Adds every e-mail of a field that may hold several. `false`: the field holds something that is
/// no e-mail.
#[must_use]
pub fn add_emails(contact: &mut Contact, field: &str) -> bool {
    let parts = field.split([',', ';', ' ', '\n']).take(MOST);
    let refused = parts
        .filter(|part| !part.trim().is_empty())
        .filter(|part| contact.add_email(part).is_err());
    refused.count() == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Address, IntegrationId, RawEventId, WorkspaceId};
    use serde_json::json;

    fn raw(content_type: &str, body: &[u8]) -> RawEvent {
        RawEvent {
            id: RawEventId(1),
            workspace: WorkspaceId(1),
            integration: IntegrationId(1),
            provider: "test".into(),
            address: Address::Chats,
            method: "POST".into(),
            query: String::new(),
            headers: vec![("content-type".into(), content_type.into())],
            body: body.to_vec(),
            received_at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_scalar_may_be_a_string_a_number_or_nothing() {
        let root = json!({"a": {"b": [{"id": 7}, {"id": " 8 "}]}, "n": null, "e": "", "l": "null", "f": 518204.0});
        assert_eq!(root.text("a.b.0.id").as_deref(), Some("7"));
        assert_eq!(root.text("a.b.1.id").as_deref(), Some("8"));
        assert_eq!(root.integer("a.b.1.id"), Some(8));
        assert_eq!(root.text("f").as_deref(), Some("518204"));
        for absent in ["n", "e", "l", "a", "a.b.9.id", "a.x.y", "n.z"] {
            assert_eq!(root.text(absent), None, "{absent}");
        }
        assert_eq!(root.first_text(&["n", "e", "f"]).as_deref(), Some("518204"));
    }

    #[test]
    fn large_whole_numbers_keep_every_digit() {
        let root: Value = serde_json::from_str(r#"{"ym":1738140011223344556}"#).unwrap();
        assert_eq!(root.text("ym").as_deref(), Some("1738140011223344556"));
    }

    #[test]
    fn an_object_may_be_an_array_or_absent() {
        let root = json!({"list": [1, 2], "one": {"x": 1}, "none": {}, "null": null});
        assert_eq!(root.items("list").len(), 2);
        assert_eq!(root.items("one").len(), 1);
        assert!(root.items("none").is_empty() && root.items("null").is_empty());
        assert!(root.items("absent").is_empty());
        for spelling in [
            json!({"a": {"k": 1, "m": "2"}}),
            json!({"a": [{"k": 1}, {"m": "2"}]}),
            json!({"a": [{"name": "k", "value": 1}, {"name": "m", "value": "2"}]}),
        ] {
            let names: Vec<_> = spelling
                .entries("a")
                .into_iter()
                .map(|(k, v)| (k, v.text("")))
                .collect();
            assert_eq!(
                names,
                [
                    ("k".into(), Some("1".into())),
                    ("m".into(), Some("2".into()))
                ]
            );
        }
    }

    #[test]
    fn a_body_is_read_in_its_own_charset() {
        let (bytes, _, _) = encoding_rs::WINDOWS_1251.encode(r#"{"name":"Ирина"}"#);
        let value = json_body(&raw("application/json; charset=windows-1251", &bytes)).unwrap();
        assert_eq!(value.text("name").as_deref(), Some("Ирина"));
        let value = json_body(&raw("", b"\xef\xbb\xbf{\"name\":\"A\"}")).unwrap();
        assert_eq!(value.text("name").as_deref(), Some("A"));
        let value = json_body(&raw("text/plain", b"{\"name\":\"A\xff\"}")).unwrap();
        assert_eq!(value.text("name").as_deref(), Some("A\u{fffd}"));
    }

    #[test]
    fn a_body_that_is_no_json_is_set_aside_without_its_content() {
        let refused = json_body(&raw("", b"phone=79035550142")).unwrap_err();
        assert_eq!(refused.reason, SetAsideReason::Unparsable);
        assert!(!refused.detail.contains("79035550142"));
        let deep = "[".repeat(10_000);
        assert!(json_body(&raw("", deep.as_bytes())).is_err());
    }

    #[test]
    fn json_is_found_inside_a_form() {
        let form = raw("", b"x=1&payload=%7B%22a%22%3A1%7D");
        assert_eq!(
            json_in_form(&form, &["data", "payload"]),
            Some(json!({"a": 1}))
        );
        assert_eq!(json_in_form(&form, &["x"]), None);
    }

    #[test]
    fn times_of_every_size_are_read() {
        let second = Timestamp::from_second(1_738_140_702).unwrap();
        for spelling in [
            json!(1_738_140_702),
            json!("1738140702"),
            json!(1_738_140_702_000_i64),
            json!(1_738_140_702_000_000_i64),
        ] {
            assert_eq!(unix_time(&spelling), Some(second), "{spelling}");
        }
        for wrong in [
            json!(null),
            json!("soon"),
            json!(5),
            json!(1e300),
            json!(-1),
        ] {
            assert_eq!(unix_time(&wrong), None, "{wrong}");
        }
    }

    #[test]
    fn printed_times_take_the_zone_only_when_they_name_none() {
        let moscow = TimeZone::get("Europe/Moscow").unwrap();
        for (text, expected) in [
            ("2026-03-04 17:02:40", "2026-03-04T14:02:40Z"),
            ("2026-03-04T17:02:40Z", "2026-03-04T17:02:40Z"),
            ("2026-03-04T17:02:40+05:00", "2026-03-04T12:02:40Z"),
        ] {
            assert_eq!(printed_time(text, &moscow).unwrap().to_string(), expected);
        }
        assert_eq!(printed_time("2026-13-04 17:02:40", &moscow), None);
        assert_eq!(printed_time("0", &moscow), None);
    }

    #[test]
    fn a_field_may_hold_several_contacts() {
        let mut contact = Contact::default();
        assert!(add_phones(
            &mut contact,
            "8 (903) 555-01-42, +7 916 555 01 17"
        ));
        assert!(add_emails(&mut contact, "a@example.org; B@example.org"));
        assert_eq!((contact.phones.len(), contact.emails.len()), (2, 2));
        assert!(!add_phones(&mut contact, "ask my wife"));
        assert!(!add_phones(&mut contact, "+7 903 555-01-43, ext. 12"));
        assert!(!add_emails(&mut contact, "none"));
        assert_eq!((contact.phones.len(), contact.emails.len()), (3, 2));
    }
}
