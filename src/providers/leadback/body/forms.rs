//! Names and values of forms: urlencoded or multipart, with PHP-style names made into a tree.

use super::text;
use crate::model::RawEvent;
use bytes::Bytes;
use futures_util::{FutureExt, stream};
use percent_encoding::percent_decode;
use serde_json::{Map, Value};

/// Deeper names (`a[b][c]…`) are taken as they are written.
const MAX_DEPTH: usize = 16;

/// The pairs of a urlencoded text, in order. Each is decoded by itself, because an old service
/// escapes Windows-1251 bytes.
pub fn pairs(bytes: &[u8]) -> Vec<(String, String)> {
    let bytes = bytes.trim_ascii();
    let decode = |bytes: &[u8]| {
        let spaced: Vec<u8> = bytes
            .iter()
            .map(|byte| if *byte == b'+' { b' ' } else { *byte })
            .collect();
        text(&percent_decode(&spaced).collect::<Vec<u8>>())
    };
    bytes
        .split(|byte| *byte == b'&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| match pair.iter().position(|byte| *byte == b'=') {
            Some(place) => (decode(&pair[..place]), decode(&pair[place + 1..])),
            None => (decode(pair), String::new()),
        })
        .collect()
}

/// The text fields of a multipart body, as far as it can be read; `None` when it is not multipart.
/// Files are left out.
pub fn multipart(raw: &RawEvent) -> Option<Vec<(String, String)>> {
    let boundary = boundary(raw)?;
    // The whole body is at hand, so no step of the reader can have to wait.
    let body = Bytes::copy_from_slice(&raw.body);
    let chunks = stream::once(std::future::ready(Ok::<_, std::io::Error>(body)));
    let mut parts = multer::Multipart::new(chunks, boundary);
    let mut pairs = Vec::new();
    while let Some(Ok(Some(part))) = parts.next_field().now_or_never() {
        let name = part.name().map(str::to_owned);
        let is_file = part.file_name().is_some();
        let Some(Ok(value)) = part.bytes().now_or_never() else {
            break;
        };
        if let (Some(name), false) = (name, is_file) {
            pairs.push((name, text(&value)));
        }
    }
    Some(pairs)
}

/// The boundary by the header or, when the header is wrong, by the first line of the body.
fn boundary(raw: &RawEvent) -> Option<String> {
    let header = raw.header("content-type").unwrap_or_default();
    if let Ok(boundary) = multer::parse_boundary(header) {
        return Some(boundary);
    }
    let line = raw
        .body
        .strip_prefix(b"--")?
        .split(|byte| *byte == b'\n')
        .next()?;
    let boundary = std::str::from_utf8(line.trim_ascii_end()).ok()?;
    let is_boundary =
        (1..=70).contains(&boundary.len()) && boundary.bytes().all(|byte| byte.is_ascii_graphic());
    is_boundary.then(|| boundary.to_owned())
}

/// Pairs as a tree: `a[b]=1` is `{"a": {"b": "1"}}`, `a[]=1` and `a[0]=1` are `{"a": ["1"]}`. Of
/// equal names the last is believed, as PHP does.
pub fn nested(pairs: Vec<(String, String)>) -> Map<String, Value> {
    let mut root = Map::new();
    for (name, value) in pairs {
        let mut steps = steps(&name);
        let last = steps.pop().expect("a name has at least one step");
        let mut place = &mut root;
        for step in steps {
            place = member(place, step);
        }
        let last = numbered(place, last);
        place.insert(last, Value::String(value));
    }
    root.into_iter()
        .map(|(name, value)| (name, listed(value)))
        .collect()
}

/// The object under a name; a plain value that stood there gives way.
fn member(place: &mut Map<String, Value>, step: String) -> &mut Map<String, Value> {
    let step = numbered(place, step);
    let value = place.entry(step).or_insert(Value::Null);
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    value
        .as_object_mut()
        .expect("it was made an object just now")
}

/// `[]` is the next number.
fn numbered(place: &Map<String, Value>, step: String) -> String {
    if step.is_empty() {
        place.len().to_string()
    } else {
        step
    }
}

/// `a[b][c]` in steps. A name of another form is one step.
fn steps(name: &str) -> Vec<String> {
    let whole = || vec![name.to_owned()];
    let Some((first, rest)) = name.split_once('[') else {
        return whole();
    };
    let Some(inner) = rest.strip_suffix(']').filter(|_| !first.is_empty()) else {
        return whole();
    };
    let steps: Vec<String> = std::iter::once(first)
        .chain(inner.split("]["))
        .map(str::to_owned)
        .collect();
    if steps.len() > MAX_DEPTH || steps.iter().any(|step| step.contains(['[', ']'])) {
        return whole();
    }
    steps
}

/// Objects whose names are 0, 1, 2… are lists.
fn listed(value: Value) -> Value {
    let Value::Object(members) = value else {
        return value;
    };
    let is_list =
        !members.is_empty() && (0..members.len()).all(|n| members.contains_key(&n.to_string()));
    let mut members: Map<String, Value> = members
        .into_iter()
        .map(|(name, value)| (name, listed(value)))
        .collect();
    if !is_list {
        return Value::Object(members);
    }
    let items = (0..members.len())
        .map(|n| n.to_string())
        .collect::<Vec<_>>();
    Value::Array(items.iter().filter_map(|n| members.remove(n)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn tree(form: &str) -> Value {
        Value::Object(nested(pairs(form.as_bytes())))
    }

    #[test]
    fn php_names_become_a_tree() {
        for (form, expected) in [
            (
                "a[b][c]=1&a[b][d]=2",
                json!({"a": {"b": {"c": "1", "d": "2"}}}),
            ),
            ("a[]=1&a[]=2", json!({"a": ["1", "2"]})),
            (
                "m[0][text]=x&m[1][text]=y",
                json!({"m": [{"text": "x"}, {"text": "y"}]}),
            ),
            ("m%5B1%5D=y&m%5B0%5D=x", json!({"m": ["x", "y"]})),
            ("a=1&a=2", json!({"a": "2"})),
            ("a=1&a[b]=2", json!({"a": {"b": "2"}})),
            (
                "a[b=1&[c]=2&a]b[=3",
                json!({"a[b": "1", "[c]": "2", "a]b[": "3"}),
            ),
            ("0=x", json!({"0": "x"})),
            ("a+b=c+d&&x", json!({"a b": "c d", "x": ""})),
        ] {
            assert_eq!(tree(form), expected, "{form}");
        }
    }

    #[test]
    fn very_deep_names_stay_names() {
        let name = format!("a{}", "[b]".repeat(10_000));
        assert_eq!(tree(&format!("{name}=1"))[&name], "1");
    }
}
