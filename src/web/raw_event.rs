//! One raw event: the request as it came, what became of it, and its replay.

use askama::Template;

use super::Page;
use super::parts::Badge;

#[derive(Template)]
#[template(path = "raw_event.html")]
pub struct RawEventPage {
    pub page: Page,
    pub id: i64,
    pub at: String,
    pub provider: String,
    pub integration: String,
    /// Page of the integration.
    pub integration_id: i64,
    pub door: String,
    pub state: Badge,
    pub reason: String,
    pub detail: String,
    pub warnings: Vec<String>,
    pub method: String,
    pub query: String,
    pub headers: Vec<(String, String)>,
    pub size: String,
    pub body: Body,
    /// Communications it became a part of: number and title.
    pub communications: Vec<(i64, String)>,
    /// What the settings of now would make of it: title and value; empty when that is not offered.
    pub preview: Vec<(String, String)>,
}

/// The body as far as it can be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    Empty,
    /// JSON, indented anew; the bytes kept are the original ones.
    Json(String),
    /// A form: names and values, decoded.
    Form(Vec<(String, String)>),
    Text(String),
    /// Not text: its first bytes in hexadecimal.
    Binary(String),
}

/// Bytes of a binary body that are shown.
const SHOWN_BINARY: usize = 512;

impl Body {
    pub fn new(content_type: &str, bytes: &[u8]) -> Self {
        if bytes.is_empty() {
            return Self::Empty;
        }
        let Ok(text) = std::str::from_utf8(bytes) else {
            return Self::Binary(hex::encode(&bytes[..bytes.len().min(SHOWN_BINARY)]));
        };
        if let Ok(value) = serde_json::from_str::<serde_json::Value>(text)
            && let Ok(pretty) = serde_json::to_string_pretty(&value)
            && (value.is_object() || value.is_array())
        {
            return Self::Json(pretty);
        }
        if content_type.starts_with("application/x-www-form-urlencoded") {
            return Self::Form(form_urlencoded::parse(bytes).into_owned().collect());
        }
        Self::Text(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_shown_by_what_it_is() {
        let form = "application/x-www-form-urlencoded; charset=utf-8";
        let table = [
            ("", &b""[..], Body::Empty),
            (
                "text/plain",
                b"{\"a\":1}",
                Body::Json("{\n  \"a\": 1\n}".into()),
            ),
            (
                form,
                b"phone=%2B7&x=",
                Body::Form(vec![
                    ("phone".into(), "+7".into()),
                    ("x".into(), String::new()),
                ]),
            ),
            ("application/json", b"{broken", Body::Text("{broken".into())),
            ("", b"\xff\x00", Body::Binary("ff00".into())),
        ];
        for (content_type, bytes, expected) in table {
            assert_eq!(Body::new(content_type, bytes), expected);
        }
    }

    #[test]
    fn a_deep_body_is_shown_as_text() {
        let deep = "[".repeat(10_000);
        assert_eq!(
            Body::new("application/json", deep.as_bytes()),
            Body::Text(deep)
        );
    }
}
