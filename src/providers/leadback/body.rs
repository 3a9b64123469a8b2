//! A request in any encoding, as records of named values: JSON, form, multipart or query; PHP-style
//! names; JSON inside a field; UTF-8, else Windows-1251. What the names mean is `mapping`'s business.

mod forms;

use crate::model::{RawEvent, SetAside, SetAsideReason};
use serde_json::{Map, Value};

/// Fields that wrap the record in an envelope, or hold it as JSON text.
const ENVELOPES: &[&str] = &["data", "payload", "json"];

/// Envelopes inside envelopes, at most.
const MAX_WRAPS: usize = 3;

/// A request with more records than this is not one of a callback service.
const MAX_RECORDS: usize = 100;

/// The records of a request, most often one: the fields of the body over those of the query.
pub fn records(raw: &RawEvent) -> Result<Vec<Value>, SetAside> {
    let query = forms::nested(forms::pairs(raw.query.as_bytes()));
    let body = match read(raw) {
        Ok(body) => body,
        Err(_) if !query.is_empty() => Value::Object(Map::new()),
        Err(refused) => return Err(refused),
    };
    let items = match body {
        Value::Array(items) if items.len() > MAX_RECORDS => {
            return Err(SetAside::new(
                SetAsideReason::WrongShape,
                format!("more than {MAX_RECORDS} records in one request"),
            ));
        }
        Value::Array(items) => items,
        other => vec![other],
    };
    let records = items.into_iter().filter_map(|item| match item {
        Value::Object(fields) => Some(over(query.clone(), fields)),
        _ => None,
    });
    Ok(records
        .flat_map(|record| unwrapped(record, MAX_WRAPS))
        .take(MAX_RECORDS)
        .map(Value::Object)
        .collect())
}

/// The body as an object or an array.
fn read(raw: &RawEvent) -> Result<Value, SetAside> {
    if raw.body.trim_ascii().is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    if let Some(pairs) = forms::multipart(raw) {
        return Ok(Value::Object(forms::nested(pairs)));
    }
    let text = text(&raw.body);
    match json(&text) {
        Ok(value @ (Value::Object(_) | Value::Array(_))) => Ok(value),
        Ok(_) => Err(SetAside::new(
            SetAsideReason::WrongShape,
            "the body is a single JSON value",
        )),
        // A body that begins like JSON and breaks off is no form, however many `=` it holds.
        Err(complaint) if text.trim_start().starts_with(['{', '[']) => Err(SetAside::new(
            SetAsideReason::Unparsable,
            format!("the body is not JSON: {complaint}"),
        )),
        Err(_) if text.contains('=') || text.starts_with("%7B") => Ok(form(&raw.body)),
        Err(_) => Err(SetAside::new(
            SetAsideReason::Unparsable,
            "the body is neither JSON nor a form",
        )),
    }
}

/// JSON, also when it was printed twice.
fn json(text: &str) -> Result<Value, serde_json::Error> {
    match serde_json::from_str(text.trim())? {
        Value::String(inner) => serde_json::from_str(inner.trim()),
        value => Ok(value),
    }
}

/// A form; one whose only name is JSON text was JSON that somebody escaped as a form.
fn form(body: &[u8]) -> Value {
    let pairs = forms::pairs(body);
    if let [(name, value)] = pairs.as_slice()
        && value.is_empty()
        && name.starts_with('{')
        && let Ok(value @ Value::Object(_)) = json(name)
    {
        return value;
    }
    Value::Object(forms::nested(pairs))
}

/// Text of an old PHP service: UTF-8, else Windows-1251, in which every byte means something.
fn text(bytes: &[u8]) -> String {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => encoding_rs::WINDOWS_1251.decode(bytes).0.into_owned(),
    };
    text.replace('\0', "")
}

/// The record inside its envelopes, together with what stands beside it. A list inside an envelope
/// is several records, each whole by itself.
fn unwrapped(mut record: Map<String, Value>, wraps_left: usize) -> Vec<Map<String, Value>> {
    let envelope = record
        .iter()
        .filter(|(name, _)| ENVELOPES.contains(&name.to_lowercase().as_str()))
        .find_map(|(name, value)| Some((name.clone(), contents(value)?)));
    let Some((name, contents)) = envelope.filter(|_| wraps_left > 0) else {
        return vec![record];
    };
    record.remove(&name);
    let inner = match <[_; 1]>::try_from(contents) {
        Ok([only]) => vec![over(record, only)],
        Err(several) => several,
    };
    inner
        .into_iter()
        .flat_map(|inner| unwrapped(inner, wraps_left - 1))
        .take(MAX_RECORDS)
        .collect()
}

/// The objects in an envelope; `None` when it is not one.
fn contents(value: &Value) -> Option<Vec<Map<String, Value>>> {
    match value {
        Value::String(text) => match json(text).ok()? {
            Value::String(_) => None,
            inner => contents(&inner),
        },
        Value::Object(fields) => Some(vec![fields.clone()]),
        Value::Array(items) if items.len() <= MAX_RECORDS => {
            let objects = items.iter().map(|item| item.as_object().cloned());
            objects
                .collect::<Option<Vec<_>>>()
                .filter(|objects| !objects.is_empty())
        }
        _ => None,
    }
}

fn over(mut below: Map<String, Value>, above: Map<String, Value>) -> Map<String, Value> {
    below.extend(above);
    below
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Address, IntegrationId, RawEventId, Timestamp, WorkspaceId};
    use serde_json::json;

    fn request(content_type: &str, query: &str, body: &[u8]) -> RawEvent {
        RawEvent {
            id: RawEventId(1),
            workspace: WorkspaceId(1),
            integration: IntegrationId(1),
            provider: "leadback".into(),
            address: Address::Chats,
            method: "POST".into(),
            query: query.into(),
            headers: vec![("content-type".into(), content_type.into())],
            body: body.to_vec(),
            received_at: Timestamp::UNIX_EPOCH,
        }
    }

    fn read_one(content_type: &str, query: &str, body: &[u8]) -> Value {
        let mut records = records(&request(content_type, query, body)).unwrap();
        assert_eq!(records.len(), 1);
        records.remove(0)
    }

    const FORM: &str = "application/x-www-form-urlencoded";

    #[test]
    fn one_record_reads_the_same_in_every_encoding() {
        let expected = json!({"phone": "79035550142", "name": "Ирина"});
        let escaped = "phone=79035550142&name=%D0%98%D1%80%D0%B8%D0%BD%D0%B0";
        let in_1251 = "phone=79035550142&name=%C8%F0%E8%ED%E0";
        let as_json = r#"{"phone":"79035550142","name":"Ирина"}"#;
        let (json_in_1251, _, _) = encoding_rs::WINDOWS_1251.encode(as_json);
        let (form_in_1251, _, _) = encoding_rs::WINDOWS_1251.encode("phone=79035550142&name=Ирина");
        let twice = serde_json::to_string(as_json).unwrap();
        let inside: String = form_urlencoded::Serializer::new(String::new())
            .append_pair("payload", as_json)
            .finish();
        let as_name: String = form_urlencoded::Serializer::new(String::new())
            .append_key_only(as_json)
            .finish();
        let multipart = "--b1\r\nContent-Disposition: form-data; name=\"phone\"\r\n\r\n79035550142\r\n\
            --b1\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nИрина\r\n--b1--\r\n";
        let cases: Vec<(&str, &str, &[u8])> = vec![
            (FORM, "", escaped.as_bytes()),
            (FORM, "", in_1251.as_bytes()),
            (FORM, "", &form_in_1251),
            ("text/plain", "", escaped.as_bytes()),
            ("", escaped, b""),
            ("application/json", "", as_json.as_bytes()),
            ("text/plain", "", as_json.as_bytes()),
            (FORM, "", as_json.as_bytes()),
            ("application/json", "", &json_in_1251),
            ("application/json", "", twice.as_bytes()),
            (FORM, "", inside.as_bytes()),
            (FORM, "", as_name.as_bytes()),
            ("multipart/form-data; boundary=b1", "", multipart.as_bytes()),
            (
                "multipart/form-data; boundary=\"b1\"",
                "",
                multipart.as_bytes(),
            ),
            ("text/plain", "", multipart.as_bytes()),
        ];
        for (content_type, query, body) in cases {
            assert_eq!(
                read_one(content_type, query, body),
                expected,
                "{content_type} {query} {}",
                String::from_utf8_lossy(body)
            );
        }
    }

    #[test]
    fn the_body_is_believed_before_the_query() {
        let record = read_one(FORM, "phone=1&site=a.example.org", b"phone=2");
        assert_eq!(record, json!({"phone": "2", "site": "a.example.org"}));
    }

    #[test]
    fn a_list_in_an_envelope_is_several_records() {
        let body = br#"{"totalCount":"2","data":[{"id_call":"1"},{"id_call":2}]}"#;
        let records = records(&request("application/json", "", body)).unwrap();
        assert_eq!(records.len(), 2);
        assert_eq!(records[1]["id_call"], 2);
    }

    #[test]
    fn unreadable_bodies_are_set_aside_and_never_their_content() {
        for (body, reason) in [
            (&b"79035550142"[..], SetAsideReason::WrongShape),
            (b"hello 79035550142", SetAsideReason::Unparsable),
            (b"{\"phone\":\"79035550142\"", SetAsideReason::Unparsable),
            (b"{\"a\":\"b=c\"", SetAsideReason::Unparsable),
            ("[".repeat(10_000).as_bytes(), SetAsideReason::Unparsable),
        ] {
            let refused = records(&request("application/json", "", body)).unwrap_err();
            assert_eq!(refused.reason, reason, "{}", String::from_utf8_lossy(body));
            assert!(!refused.detail.contains("79035550142"));
        }
        let kept = records(&request("application/json", "phone=7", b"{broken")).unwrap();
        assert_eq!(kept, [json!({"phone": "7"})]);
    }
}
