//! Which field means what: a table of candidate names, data and not code, because the vendor's
//! names are unknown. An integration replaces any row by its setting `field_map`.

use crate::model::IntegrationSettings;
use crate::providers::FoundField;
use crate::providers::lenient::Lenient;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Canonical field to candidate paths, tried in order. Evidenced by `calls.php`: `id_call`,
/// `callback_phone`, `date_create`, `operator_phone`, `record_url`, `site`, `visit_source`; all
/// other names are hypotheses until a captured request of each kind (`json_callback.http`,
/// `json_chat.http`) replaces them.
pub const DEFAULTS: &[(&str, &[&str])] = &[
    (
        "external_id",
        &["id_call", "call_id", "id_chat", "chat_id", "id", "uid"],
    ),
    ("kind", &["type", "event", "event_name", "action"]),
    (
        "phone",
        &[
            "callback_phone",
            "phone",
            "client_phone",
            "visitor_phone",
            "tel",
            "client.phone",
            "visitor.phone",
        ],
    ),
    (
        "email",
        &["email", "client_email", "client.email", "visitor.email"],
    ),
    (
        "name",
        &[
            "name",
            "client_name",
            "visitor_name",
            "client.name",
            "visitor.name",
        ],
    ),
    (
        "time",
        &["date_create", "date", "created_at", "time", "timestamp"],
    ),
    (
        "operator",
        &["operator_phone", "operator", "manager", "operator_name"],
    ),
    ("recording", &["record_url", "record", "audio"]),
    ("site", &["site", "domain", "host"]),
    ("page", &["url", "page", "page_url", "referer", "location"]),
    ("source_type", &["visit_source", "source"]),
    ("utm", &["utm"]),
    ("utm_source", &["utm_source"]),
    ("utm_medium", &["utm_medium"]),
    ("utm_campaign", &["utm_campaign"]),
    ("utm_content", &["utm_content"]),
    ("utm_term", &["utm_term"]),
    ("ga", &["ga_client_id", "_ga", "ga"]),
    ("ym", &["ym_client_id", "_ym_uid", "ym"]),
    ("roistat", &["roistat_visit", "roistat"]),
    ("status", &["status", "call_status", "result"]),
    ("duration", &["duration", "call_duration"]),
    ("message", &["messages", "message", "text", "comment"]),
];

const UTM: &[&str] = &[
    "utm_source",
    "utm_medium",
    "utm_campaign",
    "utm_content",
    "utm_term",
];

/// Longest value shown, characters.
const SHOWN_CHARS: usize = 255;
/// Most unknown fields shown.
const SHOWN_FIELDS: usize = 100;

/// A record seen through the table of an integration.
pub struct Mapping<'a> {
    record: &'a Value,
    /// The integration's own rows.
    own: BTreeMap<String, Vec<String>>,
}

impl<'a> Mapping<'a> {
    pub fn new(record: &'a Value, settings: &IntegrationSettings) -> Self {
        Mapping {
            record,
            own: own_rows(settings.own.get("field_map").unwrap_or(&Value::Null)),
        }
    }

    pub fn record(&self) -> &'a Value {
        self.record
    }

    /// The first candidate of a canonical field that holds something: its path as it is written in
    /// the record, and its value.
    pub fn find(&self, field: &str) -> Option<(String, &'a Value)> {
        self.candidates(field).next()
    }

    /// Every candidate that holds something, in order.
    pub fn candidates(&self, field: &str) -> impl Iterator<Item = (String, &'a Value)> {
        let is_id = field == "external_id";
        let found = self.paths(field).into_iter();
        let record = self.record;
        found
            .filter_map(move |path| walk(record, path))
            .filter(move |(_, value)| !is_absent(value, is_id))
    }

    /// A scalar as text.
    pub fn text(&self, field: &str) -> Option<String> {
        self.candidates(field).find_map(|(_, value)| value.text(""))
    }

    /// A scalar, or the scalars of a list, as texts.
    pub fn texts(&self, field: &str) -> Vec<String> {
        match self.find(field) {
            Some((_, value)) => value
                .items("")
                .into_iter()
                .filter_map(|item| item.text(""))
                .collect(),
            None => Vec::new(),
        }
    }

    /// UTM fields of their own, and those of an object or a query text `utm`.
    pub fn utm(&self) -> BTreeMap<String, String> {
        let whole = self.find("utm").map(|(_, value)| parsed_query(value));
        let inner = |name: &str| {
            let short = name.strip_prefix("utm_")?;
            let whole = whole.as_ref()?;
            text_at(whole, name).or_else(|| text_at(whole, short))
        };
        UTM.iter()
            .filter_map(|name| Some((name.to_string(), self.text(name).or_else(|| inner(name))?)))
            .collect()
    }

    /// Every canonical field that is there: field, path, value.
    pub fn preview(&self) -> Vec<FoundField> {
        DEFAULTS
            .iter()
            .filter_map(|(field, _)| {
                let (path, value) = self.find(field)?;
                let shown = value.text("").unwrap_or_else(|| value.to_string());
                Some((*field, path, short(&shown)))
            })
            .collect()
    }

    /// Fields without a meaning of their own, and the source type, by the vendor's names.
    pub fn unused(&self) -> BTreeMap<String, String> {
        let used: BTreeSet<String> = DEFAULTS
            .iter()
            .filter(|(field, _)| *field != "source_type")
            .filter_map(|(field, _)| self.find(field).map(|(path, _)| path))
            .collect();
        let mut leaves = Vec::new();
        collect_leaves(self.record, String::new(), &used, &mut leaves);
        leaves.into_iter().take(SHOWN_FIELDS).collect()
    }

    fn paths(&self, field: &str) -> Vec<&str> {
        if let Some(own) = self.own.get(field) {
            return own.iter().map(String::as_str).collect();
        }
        let row = DEFAULTS.iter().find(|(name, _)| *name == field);
        row.map(|(_, paths)| paths.to_vec()).unwrap_or_default()
    }
}

/// A row is a path or a list of paths; an empty one leaves the default in force. A form may hand
/// the whole map over as JSON text.
fn own_rows(map: &Value) -> BTreeMap<String, Vec<String>> {
    let parsed: Value;
    let map = match map {
        Value::String(text) => {
            parsed = serde_json::from_str(text).unwrap_or_default();
            &parsed
        }
        other => other,
    };
    let Value::Object(rows) = map else {
        return BTreeMap::new();
    };
    let row = |paths: &Value| -> Vec<String> {
        let items = paths.items("").into_iter();
        items.filter_map(|path| path.text("")).collect()
    };
    rows.iter()
        .map(|(field, paths)| (field.clone(), row(paths)))
        .filter(|(_, paths)| !paths.is_empty())
        .collect()
}

/// Text at a path, letter case of names aside.
pub fn text_at(value: &Value, path: &str) -> Option<String> {
    walk(value, path)?.1.text("")
}

/// The value at a dotted path and the path as the record spells it. Letter case does not matter,
/// and a name that holds a dot is found too.
fn walk<'a>(value: &'a Value, path: &str) -> Option<(String, &'a Value)> {
    if let Some((name, found)) = member(value, path) {
        return Some((name.to_owned(), found));
    }
    let (first, rest) = path.split_once('.')?;
    let (name, inner) = member(value, first)?;
    let (deeper, found) = walk(inner, rest)?;
    Some((format!("{name}.{deeper}"), found))
}

fn member<'a, 'b>(value: &'a Value, name: &'b str) -> Option<(&'b str, &'a Value)>
where
    'a: 'b,
{
    match value {
        Value::Object(members) => {
            if let Some((spelt, found)) = members.get_key_value(name) {
                return Some((spelt, found));
            }
            let folded = name.to_lowercase();
            let mut same = members
                .iter()
                .filter(|(key, _)| key.to_lowercase() == folded);
            same.next().map(|(spelt, found)| (spelt.as_str(), found))
        }
        Value::Array(items) => Some((name, items.get(name.parse::<usize>().ok()?)?)),
        _ => None,
    }
}

/// Nothing is there: null, an empty text, list or object; and zero where a number of something is
/// expected.
fn is_absent(value: &Value, is_id: bool) -> bool {
    match value {
        Value::Null | Value::Bool(_) => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        scalar => match scalar.text("") {
            None => true,
            Some(text) => is_id && text == "0",
        },
    }
}

/// `utm` may be an object or the text of a query.
fn parsed_query(value: &Value) -> Value {
    match value {
        Value::String(text) => {
            let text = text.trim_start_matches('?');
            let pairs = form_urlencoded::parse(text.as_bytes()).into_owned();
            Value::Object(pairs.map(|(name, value)| (name, value.into())).collect())
        }
        other => other.clone(),
    }
}

fn collect_leaves(
    value: &Value,
    path: String,
    used: &BTreeSet<String>,
    leaves: &mut Vec<(String, String)>,
) {
    if used.contains(&path) || leaves.len() >= SHOWN_FIELDS {
        return;
    }
    let below = |name: &str| match path.is_empty() {
        true => name.to_owned(),
        false => format!("{path}.{name}"),
    };
    match value {
        Value::Object(members) => {
            for (name, inner) in members {
                collect_leaves(inner, below(name), used, leaves);
            }
        }
        Value::Array(items) => {
            for (place, inner) in items.iter().enumerate() {
                collect_leaves(inner, below(&place.to_string()), used, leaves);
            }
        }
        scalar => leaves.extend(scalar.text("").map(|text| (short(&path), short(&text)))),
    }
}

fn short(text: &str) -> String {
    text.chars().take(SHOWN_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn with_map(field_map: Value) -> IntegrationSettings {
        let mut settings = IntegrationSettings::default();
        settings.own.insert("field_map".into(), field_map);
        settings
    }

    fn found(
        record: &Value,
        settings: &IntegrationSettings,
        field: &str,
    ) -> Option<(String, String)> {
        let mapping = Mapping::new(record, settings);
        let (path, value) = mapping.find(field)?;
        Some((path, value.text("").unwrap_or_default()))
    }

    #[test]
    fn names_are_found_whatever_their_letter_case() {
        let record = json!({"Callback_Phone": 79035550142_i64, "CLIENT": {"Name": "Ирина"}});
        let settings = IntegrationSettings::default();
        assert_eq!(
            found(&record, &settings, "phone"),
            Some(("Callback_Phone".into(), "79035550142".into()))
        );
        assert_eq!(
            found(&record, &settings, "name"),
            Some(("CLIENT.Name".into(), "Ирина".into()))
        );
    }

    #[test]
    fn empty_candidates_give_way_to_the_next() {
        let settings = IntegrationSettings::default();
        for nothing in [
            json!(null),
            json!(""),
            json!("0"),
            json!(0),
            json!(" "),
            json!(false),
        ] {
            let record = json!({"id_call": nothing, "call_id": 5});
            assert_eq!(
                found(&record, &settings, "external_id"),
                Some(("call_id".into(), "5".into())),
                "{nothing}"
            );
        }
        assert_eq!(found(&json!({"phone": null}), &settings, "phone"), None);
    }

    #[test]
    fn a_row_of_the_integration_replaces_the_default_one() {
        let record = json!({"phone": "1", "form": {"fields": [{"value": "2"}]}, "a.b": "3"});
        for (map, expected) in [
            (
                json!({"phone": "form.fields.0.value"}),
                ("form.fields.0.value", "2"),
            ),
            (json!({"phone": ["absent", "A.B"]}), ("a.b", "3")),
            (json!({"phone": ""}), ("phone", "1")),
            (json!({"phone": []}), ("phone", "1")),
            (json!("{\"phone\":\"a.b\"}"), ("a.b", "3")),
            (json!("broken"), ("phone", "1")),
        ] {
            let (path, value) = found(&record, &with_map(map.clone()), "phone").unwrap();
            assert_eq!(
                (path.as_str().to_lowercase().as_str(), value.as_str()),
                expected,
                "{map}"
            );
        }
        assert_eq!(
            found(&record, &with_map(json!({"phone": "absent"})), "phone"),
            None
        );
    }

    #[test]
    fn utm_is_read_from_fields_from_an_object_and_from_a_query() {
        let settings = IntegrationSettings::default();
        for record in [
            json!({"utm_source": "yandex", "utm_medium": "cpc"}),
            json!({"utm": {"source": "yandex", "utm_medium": "cpc"}}),
            json!({"utm": "?utm_source=yandex&utm_medium=cpc"}),
        ] {
            let utm = Mapping::new(&record, &settings).utm();
            assert_eq!(utm["utm_source"], "yandex", "{record}");
            assert_eq!(utm["utm_medium"], "cpc", "{record}");
        }
    }

    #[test]
    fn what_the_table_does_not_name_is_shown() {
        let record = json!({"phone": "1", "visit_source": "cpc", "widget": {"id": 7, "tags": ["a"]}, "none": null});
        let unused = Mapping::new(&record, &IntegrationSettings::default()).unused();
        let expected = [
            ("visit_source", "cpc"),
            ("widget.id", "7"),
            ("widget.tags.0", "a"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(unused, BTreeMap::from(expected));
    }
}
