//! The malformed corpus: what no provider should send and every one may. Pure: requests out, no
//! sending. Two sources: broken bodies of our own, and every fixture of every provider with one
//! thing wrong in it.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

pub const PROVIDERS: [&str; 5] = ["jivosite", "talkme", "verbox", "carrotquest", "leadback"];
const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";
const MULTIPART: &str = "multipart/form-data; boundary=edge";
const DEPTH: usize = 10_000;

/// Stands for numbers that no JSON library can write.
const PLACEHOLDER: &str = "@number@";
const NUMBERS: [&str; 3] = [
    "1e400",
    "-99999999999999999999999999999999999999",
    "0.1e-9999999999",
];

#[derive(Clone, Debug)]
pub struct Request {
    /// What is wrong with it, for a person.
    pub label: String,
    pub provider: String,
    /// What follows the token in the address: nothing, `leads` or a channel.
    pub door: String,
    pub method: String,
    pub query: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    fn but(&self, label: &str, body: Vec<u8>) -> Self {
        Self {
            label: format!("{}: {label}", self.label),
            body,
            ..self.clone()
        }
    }

    fn content_type(&self) -> &str {
        let header = self
            .headers
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        header.map_or("", |(_, value)| value)
    }

    fn with_content_type(&self, value: &str) -> Self {
        let mut new = self.but(&format!("as {value:?}"), self.body.clone());
        new.headers
            .retain(|(name, _)| !name.eq_ignore_ascii_case("content-type"));
        if !value.is_empty() {
            new.headers.push(("content-type".into(), value.into()));
        }
        new
    }
}

/// Every provider's fixtures below a folder, as `(provider, request)`.
pub fn fixtures(providers: &Path) -> Vec<Request> {
    let mut found = Vec::new();
    for provider in PROVIDERS {
        let folder = providers.join(provider).join("fixtures");
        let entries =
            std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
        let mut paths: Vec<_> = entries
            .map(|entry| entry.expect("a readable folder").path())
            .collect();
        paths.retain(|path| {
            path.extension()
                .is_some_and(|extension| extension == "http")
        });
        paths.sort();
        let bytes = |path| std::fs::read(path).expect("a readable fixture");
        found.extend(paths.iter().filter_map(|path| {
            parse(provider, &path.file_stem()?.to_string_lossy(), &bytes(path))
        }));
    }
    found
}

/// A whole request as text. None for an answer (`HTTP/1.1 200 OK`), which providers keep beside.
fn parse(provider: &str, name: &str, bytes: &[u8]) -> Option<Request> {
    let (head, body) = split_head(bytes);
    let head = String::from_utf8_lossy(head).replace('\r', "");
    let mut lines = head.lines();
    let mut words = lines.next()?.split(' ');
    let (method, target) = (words.next()?, words.next()?);
    if method.starts_with("HTTP/") {
        return None;
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let headers = lines.filter_map(|line| line.split_once(':'));
    let headers =
        headers.map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned()));
    let dropped = ["host", "content-length", "connection", "transfer-encoding"];
    Some(Request {
        label: format!("{provider}/{name}"),
        provider: provider.into(),
        // What the hub fetched itself has no door; its bodies are as good as any at the front one.
        door: path
            .split('/')
            .nth(4)
            .filter(|door| *door != "fetched")
            .unwrap_or_default()
            .into(),
        method: method.into(),
        query: query.into(),
        headers: headers
            .filter(|(name, _)| !dropped.contains(&name.as_str()))
            .collect(),
        body: body.to_vec(),
    })
}

fn split_head(bytes: &[u8]) -> (&[u8], &[u8]) {
    for edge in [&b"\r\n\r\n"[..], b"\n\n"] {
        if let Some(at) = bytes.windows(edge.len()).position(|window| window == edge) {
            return (&bytes[..at], &bytes[at + edge.len()..]);
        }
    }
    (bytes, b"")
}

/// The fixture as it is, and with one thing wrong in it at a time.
pub fn spoiled(fixture: &Request) -> Vec<Request> {
    let mut all = vec![fixture.clone()];
    all.extend(wrong_types(fixture));
    all.extend(wrong_query(fixture));
    all.extend(wrong_bytes(fixture));
    all.extend(
        [
            "",
            "text/plain",
            JSON,
            FORM,
            MULTIPART,
            "multipart/form-data",
            "application/json; charset=utf-16",
            "application/x-www-form-urlencoded; charset=windows-1251",
            "a/b/c; ;=,",
            "*/*",
        ]
        .map(|value| fixture.with_content_type(value)),
    );
    all
}

/// Truncations, bytes that are not UTF-8, repeated keys, leftovers.
fn wrong_bytes(fixture: &Request) -> Vec<Request> {
    let body = &fixture.body;
    let mut all: Vec<Request> = (1..12)
        .map(|twelfth| body.len() * twelfth / 12)
        .map(|at| fixture.but(&format!("cut at {at}"), body[..at].to_vec()))
        .collect();
    for (quarter, bytes) in [
        (1, &b"\xff"[..]),
        (2, b"\xc0\xaf"),
        (3, b"\xed\xa0\x80"),
        (2, b"\0"),
        (3, b"\\ud800"),
    ] {
        let at = body.len() * quarter / 4;
        all.push(fixture.but(
            &format!("{bytes:02x?} at {at}"),
            [&body[..at], bytes, &body[at..]].concat(),
        ));
    }
    all.push(fixture.but("twice", [&body[..], body].concat()));
    all.push(fixture.but(
        "with a byte order mark",
        [b"\xef\xbb\xbf", &body[..]].concat(),
    ));
    if let Ok(Value::Object(fields)) = serde_json::from_slice(body) {
        for key in fields.keys() {
            let first = format!("{{{}:[null],", Value::from(key.as_str()));
            all.push(fixture.but(
                &format!("{key} twice"),
                [first.as_bytes(), &body[1..]].concat(),
            ));
        }
    }
    all
}

/// Every value of every field, replaced by values of the other types.
fn wrong_types(fixture: &Request) -> Vec<Request> {
    if let Ok(value) = serde_json::from_slice::<Value>(&fixture.body) {
        let all = wrong_values(&value).into_iter();
        return all
            .map(|(label, text)| fixture.but(&label, text.into_bytes()))
            .collect();
    }
    if !fixture.content_type().starts_with(FORM) {
        return Vec::new();
    }
    let all = wrong_fields(&fixture.body).into_iter();
    all.map(|(label, text)| fixture.but(&label, text.into_bytes()))
        .collect()
}

fn wrong_query(fixture: &Request) -> Vec<Request> {
    if fixture.query.is_empty() {
        return Vec::new();
    }
    let mut all: Vec<Request> = wrong_fields(fixture.query.as_bytes())
        .into_iter()
        .map(|(label, query)| Request {
            query,
            ..fixture.but(&format!("query {label}"), fixture.body.clone())
        })
        .collect();
    for end in [
        "&%",
        "&%zz=%f",
        "&a[b][c=1",
        "&a[]=1&a[b]=2&a=3",
        "&=&&==",
        "&%ff%fe=%c0%af",
        "&\u{0}=\u{1}",
    ] {
        let query = format!("{}{end}", fixture.query);
        all.push(Request {
            query,
            ..fixture.but(&format!("query with {end:?}"), fixture.body.clone())
        });
    }
    all
}

/// A form with one field wrong, or one value wrong in the JSON (plain or base64) that a field holds.
fn wrong_fields(form: &[u8]) -> Vec<(String, String)> {
    let fields: Vec<(String, String)> = url::form_urlencoded::parse(form).into_owned().collect();
    let mut all = Vec::new();
    for (at, (name, value)) in fields.iter().enumerate() {
        let mut put = |label: String, new: String| {
            let mut fields = fields.clone();
            fields[at].1 = new;
            all.push((
                format!("{name} {label}"),
                url::form_urlencoded::Serializer::new(String::new())
                    .extend_pairs(fields)
                    .finish(),
            ));
        };
        for plain in [
            "", "null", "0", "-1", "[]", "{}", "\u{0}", "%", "true", NUMBERS[0], NUMBERS[1],
        ] {
            put(format!("= {plain:?}"), plain.to_owned());
        }
        put("= 5,000 letters".into(), "я".repeat(5_000));
        put(
            "cut".into(),
            value.chars().take(value.chars().count() / 2).collect(),
        );
        if let Ok(json @ (Value::Object(_) | Value::Array(_))) = serde_json::from_str(value) {
            wrong_values(&json)
                .into_iter()
                .for_each(|(label, text)| put(label, text));
        } else if let Some(json) = STANDARD
            .decode(value)
            .ok()
            .and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok())
        {
            wrong_values(&json)
                .into_iter()
                .for_each(|(label, text)| put(label, STANDARD.encode(text)));
        }
    }
    all
}

/// The document as many times as it has values and there are wrong types, one wrong in each.
fn wrong_values(document: &Value) -> Vec<(String, String)> {
    let plain = [
        json!(null),
        json!(true),
        json!(-1),
        json!(1.5),
        json!(""),
        json!("текст \u{0}\u{202e}"),
        json!([]),
        json!({}),
        json!([[{"a": [null]}]]),
        json!({"id": {"id": null}}),
    ];
    let mut all = Vec::new();
    for pointer in pointers(document) {
        let put = |new: Value| {
            let mut document = document.clone();
            *document
                .pointer_mut(&pointer)
                .expect("the pointer was made from it") = new;
            document.to_string()
        };
        let label = |new: &str| format!("{pointer} = {new}");
        all.extend(
            plain
                .iter()
                .map(|new| (label(&new.to_string()), put(new.clone()))),
        );
        let quoted = format!("\"{PLACEHOLDER}\"");
        all.extend(NUMBERS.map(|number| {
            (
                label(number),
                put(PLACEHOLDER.into()).replace(&quoted, number),
            )
        }));
        all.push((label("taken away"), without(document, &pointer)));
    }
    all
}

fn without(document: &Value, pointer: &str) -> String {
    let mut document = document.clone();
    if let Some((parent, key)) = pointer.rsplit_once('/') {
        let key = key.replace("~1", "/").replace("~0", "~");
        match document.pointer_mut(parent) {
            Some(Value::Object(fields)) => drop(fields.remove(&key)),
            Some(Value::Array(items)) => drop(items.remove(key.parse().expect("an index"))),
            _ => {}
        }
    }
    document.to_string()
}

fn pointers(value: &Value) -> Vec<String> {
    let mut all = vec![String::new()];
    let mut below = |key: &str, value: &Value| {
        let key = key.replace('~', "~0").replace('/', "~1");
        all.extend(
            pointers(value)
                .into_iter()
                .map(|rest| format!("/{key}{rest}")),
        );
    };
    match value {
        Value::Object(fields) => fields.iter().for_each(|(key, value)| below(key, value)),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .for_each(|(at, value)| below(&at.to_string(), value)),
        _ => {}
    }
    all
}

/// Broken bodies for every provider, door and content type.
pub fn broken() -> Vec<Request> {
    let mut all = Vec::new();
    for (label, body) in broken_bodies() {
        for provider in PROVIDERS {
            for (door, content_type) in [
                ("", JSON),
                ("", FORM),
                ("", MULTIPART),
                ("", ""),
                ("leads", JSON),
                ("leads", FORM),
            ] {
                let headers = [("content-type".to_owned(), content_type.to_owned())];
                all.push(Request {
                    label: format!("{provider} {door} {content_type}: {label}"),
                    provider: provider.into(),
                    door: door.into(),
                    method: "POST".into(),
                    query: String::new(),
                    headers: headers
                        .into_iter()
                        .filter(|(_, value)| !value.is_empty())
                        .collect(),
                    body: body.clone(),
                });
            }
        }
    }
    all
}

pub fn broken_bodies() -> Vec<(String, Vec<u8>)> {
    let named = |label: &str, body: String| (label.to_owned(), body.into_bytes());
    let mut all: Vec<(String, Vec<u8>)> = [
        "{", "}", "[", "]", "\"", "{\"", "{\"a\"", "{\"a\":", "{\"a\":}", "{\"a\":1,}", "{'a':1}", "{a:1}", "nul", "NaN",
        "-", "1e", "01", "[1,]", "[,]", "{\"event_name\"}", "{\"event_name\":\"chat_finished\"",
        "{\"event_name\":\"chat_finished\",\"event_name\":\"offline_message\"}", "\u{0}", " ", "\n", "null", "true", "0",
        "\"text\"", "[]", "{}", "[{}]", "[[[]]]", "{\"\":\"\"}", "\"\\ud800\"", "{\"event_name\":\"\\ud800\\udfff\"}",
        "{\"a\":\"\\u0000\"}", "<xml/>", "%", "%zz", "a=%ff&b=%", "&&&===", "a[b", "a[b][c]=1&a=2", "a[b][]=1&a[b]=2",
        "event=%7B%22", "--edge", "--edge--", "--edge\r\n", "--edge\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb",
        "--edge\r\nContent-Disposition: form-data\r\n\r\nb\r\n--edge--\r\n", "--edge\r\n\r\n\r\n--edge--\r\n",
        "--edge\r\nContent-Disposition: form-data; name=\"a\"; filename=\"\u{0}\"\r\n\r\n\r\n--edge--",
        "--other\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb\r\n--other--\r\n",
    ]
    .map(|text| named(&format!("{text:?}"), text.to_owned()))
    .into();
    for bytes in [
        &b"\xff\xfe{\0}\0"[..],
        b"\xef\xbb\xbf{}",
        b"{\"a\":\"\xff\"}",
        b"\x80",
        b"{\"event_name\":\"\xd0\"}",
        b"\xcf\xf0\xe8\xe2\xe5\xf2",
        b"\x1f\x8b\x08\0",
        b"name=\xc8\xe2\xe0\xed",
    ] {
        all.push((format!("{bytes:02x?}"), bytes.to_vec()));
    }
    all.push(named("deep arrays", "[".repeat(DEPTH) + &"]".repeat(DEPTH)));
    all.push(named(
        "deep objects",
        "{\"a\":".repeat(DEPTH) + "1" + &"}".repeat(DEPTH),
    ));
    all.push(named("deep and unclosed", "[".repeat(DEPTH)));
    all.push(named(
        "deep transcript",
        format!(
            "{{\"event_name\":\"chat_finished\",\"chat_id\":1,\"chat\":{{\"messages\":{}1{}}}}}",
            "[".repeat(DEPTH),
            "]".repeat(DEPTH)
        ),
    ));
    all.push(named(
        "deep form key",
        format!("a{}=1", "[b]".repeat(DEPTH)),
    ));
    all.push(named(
        "many keys",
        (0..20_000).map(|n| format!("k{n}={n}&")).collect(),
    ));
    all.push(named(
        "many multipart parts",
        "--edge\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb\r\n".repeat(5_000)
            + "--edge--\r\n",
    ));
    all.push(named(
        "many repeated keys",
        format!("{{{}\"a\":1}}", "\"a\":[],".repeat(20_000)),
    ));
    all.push(named(
        "a long number",
        format!("{{\"chat_id\":{}}}", "9".repeat(100_000)),
    ));
    all.push(named(
        "a long key",
        format!("{{\"{}\":1}}", "k".repeat(100_000)),
    ));
    for number in NUMBERS {
        all.push(named(number, format!("{{\"event_name\":\"offline_message\",\"offline_message_id\":{number},\"chat_id\":{number}}}")));
    }
    all
}
