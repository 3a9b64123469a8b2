//! The fields of a webhook: a form whatever its content type says, with JSON inside some fields,
//! which may be wrapped in base64. What the fields mean is the business of `webhook`.

use crate::model::{RawEvent, SetAside, SetAsideReason};
use crate::providers::lenient::{Lenient, body_text};
use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Map, Value};

/// Field names and values; a value is a text, or an object when the whole request was JSON.
pub struct Form(Value);

impl Form {
    /// Reads the body, or the query when there is no body.
    ///
    /// The vendor says that one kind of webhook "is encoded in base64" and shows an example that
    /// is not; so a body that has no known field is unwrapped once and read again. Settled by the
    /// fixture `event_base64_body.http` once it is replaced by a captured request.
    pub fn read(raw: &RawEvent) -> Result<Form, SetAside> {
        let body = body_text(raw);
        let text = if body.trim().is_empty() {
            &raw.query
        } else {
            body.trim()
        };
        let unwrapped = || from_base64(text).and_then(|inner| Form::from_text(&inner));
        Form::from_text(text).or_else(unwrapped).ok_or_else(|| {
            SetAside::new(
                SetAsideReason::Unparsable,
                "the body is neither a form of Carrot quest nor JSON",
            )
        })
    }

    fn from_text(text: &str) -> Option<Form> {
        let fields = if text.starts_with('{') {
            serde_json::from_str(text).ok()?
        } else {
            let pairs = form_urlencoded::parse(text.as_bytes());
            let fields: Map<String, Value> = pairs
                .map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())))
                .collect();
            Value::Object(fields)
        };
        let known = ["type", "event_name", "event", "token"];
        known
            .iter()
            .any(|name| fields.get(*name).is_some())
            .then_some(Form(fields))
    }

    /// A scalar field.
    pub fn text(&self, name: &str) -> Option<String> {
        self.0.text(name)
    }

    /// A field that holds an object: as JSON text, as base64 of JSON text, or as it is. Null when
    /// it holds none.
    pub fn object(&self, name: &str) -> Value {
        let found = match self.0.at(name) {
            Value::String(text) => json(text).or_else(|| json(&from_base64(text)?)),
            other => Some(other.clone()),
        };
        found.filter(Value::is_object).unwrap_or(Value::Null)
    }
}

fn json(text: &str) -> Option<Value> {
    serde_json::from_str(text.trim()).ok()
}

/// Reads base64 of either alphabet, with or without its padding. A plus that was not escaped in a
/// form arrives as a space.
fn from_base64(text: &str) -> Option<String> {
    const ANY_PADDING: GeneralPurpose = GeneralPurpose::new(
        &alphabet::STANDARD,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    let plain: String = text
        .trim()
        .chars()
        .filter(|c| !matches!(c, '\r' | '\n'))
        .map(|c| match c {
            '-' | ' ' => '+',
            '_' => '/',
            other => other,
        })
        .collect();
    // '-' is the URL-safe spelling of '+', and ' ' is a '+' that a form decoder ate.
    let bytes = ANY_PADDING.decode(plain).ok()?;
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_read_as_json_as_base64_and_as_it_is() {
        let json = r#"{"name":"??>~Ирина"}"#;
        let standard = data_encoding::BASE64.encode(json.as_bytes());
        let url_safe = data_encoding::BASE64URL_NOPAD.encode(json.as_bytes());
        for spelling in [json, &standard, &standard.replace('+', " "), &url_safe] {
            let fields = serde_json::json!({"user": spelling});
            assert_eq!(
                Form(fields).object("user").text("name").as_deref(),
                Some("??>~Ирина"),
                "{spelling}"
            );
        }
        assert_eq!(
            Form(serde_json::json!({"user": {"name": "A"}}))
                .object("user")
                .text("name")
                .as_deref(),
            Some("A")
        );
        for nothing in ["", "null", "[1]", "%%%", "bm8gb2JqZWN0"] {
            let fields = serde_json::json!({"user": nothing});
            assert_eq!(Form(fields).object("user"), Value::Null, "{nothing}");
        }
    }

    #[test]
    fn a_text_without_any_known_field_is_no_form() {
        assert!(Form::from_text("a=1&b=2").is_none());
        assert!(Form::from_text("{\"type\":").is_none());
        assert!(Form::from_text("").is_none());
        assert!(Form::from_text("type=event").is_some());
    }
}
