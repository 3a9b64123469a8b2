//! Checks the settings of an integration, common and own, as a person or a program wrote them.
//!
//! Every wrong field is named, not only the first. Secrets are written and never read back: `***`
//! stands for the one that is kept.

use super::Provider;
use crate::model::{
    Campaign, CampaignId, Channel, Employee, EmployeeId, FieldKind, IntegrationSettings,
    MessengerRow, OperatorRow, Site, SiteId, Source, SourceId, Tag, TagId, Target,
};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// What is shown instead of a secret, and means "keep the old one" when it is sent back.
pub const MASK: &str = "***";

/// A chat that is silent for longer than a month is over in any case.
const MAX_SILENCE_MINUTES: u64 = 43_200;

/// A wrong setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// Path inside the settings: `messengers[0].channel`.
    pub field: String,
    /// What is wrong and what to give instead.
    pub detail: String,
}

/// What exists in the workspace, so that settings cannot name what does not.
#[derive(Clone, Debug, Default)]
pub struct Existing {
    pub sites: BTreeSet<SiteId>,
    pub campaigns: BTreeSet<CampaignId>,
    pub sources: BTreeSet<SourceId>,
    pub employees: BTreeSet<EmployeeId>,
    pub tags: BTreeSet<TagId>,
}

impl Existing {
    pub fn new(
        sites: &[Site],
        campaigns: &[Campaign],
        sources: &[Source],
        employees: &[Employee],
        tags: &[Tag],
    ) -> Existing {
        Existing {
            sites: sites.iter().map(|site| site.id).collect(),
            campaigns: campaigns.iter().map(|campaign| campaign.id).collect(),
            sources: sources.iter().map(|source| source.id).collect(),
            employees: employees.iter().map(|employee| employee.id).collect(),
            tags: tags.iter().map(|tag| tag.id).collect(),
        }
    }
}

/// Names of the settings that every integration has.
pub const COMMON: [&str; 8] = [
    "employee_id",
    "default_target",
    "messengers",
    "ignore_visit",
    "tag_ids",
    "offline_leads",
    "silence_minutes",
    "operators",
];

/// Reads settings. `before` are those in force, for masked secrets. Required own settings may be
/// absent while the integration is switched off.
pub fn read(
    provider: &dyn Provider,
    given: &Map<String, Value>,
    before: Option<&IntegrationSettings>,
    is_active: bool,
    existing: &Existing,
) -> Result<IntegrationSettings, Vec<Wrong>> {
    let mut reader = Reader {
        existing,
        wrong: Vec::new(),
    };
    reader.refuse_unknown(provider, given);
    let mut settings = reader.common(given);
    settings.own = reader.own(provider, given, before, is_active);
    match reader.wrong.is_empty() {
        true => Ok(settings),
        false => Err(reader.wrong),
    }
}

/// Settings as they are shown: every common one, and own ones with secrets masked.
pub fn show(provider: &dyn Provider, settings: &IntegrationSettings) -> Map<String, Value> {
    let Ok(Value::Object(mut shown)) = serde_json::to_value(settings) else {
        unreachable!("settings are an object with text keys");
    };
    for name in secret_names(provider) {
        if let Some(value) = shown.get_mut(name) {
            *value = MASK.into();
        }
    }
    shown
}

/// Names of a provider's own settings that are sealed in the store.
pub fn secret_names(provider: &dyn Provider) -> impl Iterator<Item = &'static str> {
    provider
        .fields()
        .iter()
        .filter(|field| field.kind == FieldKind::Secret)
        .map(|field| field.name)
}

struct Reader<'a> {
    existing: &'a Existing,
    wrong: Vec<Wrong>,
}

impl Reader<'_> {
    fn refuse(&mut self, field: impl Into<String>, detail: impl Into<String>) {
        self.wrong.push(Wrong {
            field: field.into(),
            detail: detail.into(),
        });
    }

    fn refuse_unknown(&mut self, provider: &dyn Provider, given: &Map<String, Value>) {
        let own = provider.fields().iter().map(|field| field.name);
        let known: Vec<&str> = COMMON.into_iter().chain(own).collect();
        for name in given.keys().filter(|name| !known.contains(&name.as_str())) {
            let list = known.join(", ");
            let title = provider.title();
            self.refuse(name, format!("{title} has no such setting; it has {list}"));
        }
    }

    fn common(&mut self, given: &Map<String, Value>) -> IntegrationSettings {
        let get = |name: &str| given.get(name).filter(|value| !value.is_null());
        let mut settings = IntegrationSettings::default();
        if let Some(value) = get("employee_id") {
            settings.employee_id = self.employee("employee_id", value);
        }
        if let Some(value) = get("default_target") {
            settings.default_target = self.target("default_target", value, &[]);
        }
        if let Some(value) = get("messengers") {
            settings.messengers = self.messengers(value);
        }
        if let Some(value) = get("ignore_visit") {
            settings.ignore_visit = self.flag("ignore_visit", value);
        }
        if let Some(value) = get("tag_ids") {
            settings.tag_ids = self.tags(value);
        }
        if let Some(value) = get("offline_leads") {
            settings.offline_leads = self.flag("offline_leads", value);
        }
        if let Some(value) = get("silence_minutes") {
            settings.silence_minutes = self.silence(value);
        }
        if let Some(value) = get("operators") {
            settings.operators = self.operators(value);
        }
        settings
    }

    fn flag(&mut self, field: &str, value: &Value) -> bool {
        value.as_bool().unwrap_or_else(|| {
            self.refuse(field, "give true or false");
            false
        })
    }

    fn silence(&mut self, value: &Value) -> Option<u32> {
        let minutes = value
            .as_u64()
            .filter(|minutes| (1..=MAX_SILENCE_MINUTES).contains(minutes));
        if minutes.is_none() {
            let detail = format!("give minutes from 1 to {MAX_SILENCE_MINUTES}, or null");
            self.refuse("silence_minutes", detail);
        }
        minutes.and_then(|minutes| u32::try_from(minutes).ok())
    }

    /// An id that must exist among `known`.
    fn id<T: Ord + Copy>(
        &mut self,
        field: &str,
        value: &Value,
        noun: &str,
        make: fn(i64) -> T,
        known: &BTreeSet<T>,
    ) -> Option<T> {
        let Some(number) = value.as_i64() else {
            self.refuse(field, format!("give the id of a {noun}, a number"));
            return None;
        };
        let id = make(number);
        if !known.contains(&id) {
            self.refuse(
                field,
                format!("there is no {noun} {number} in this workspace"),
            );
            return None;
        }
        Some(id)
    }

    fn employee(&mut self, field: &str, value: &Value) -> Option<EmployeeId> {
        self.id(
            field,
            value,
            "employee",
            EmployeeId,
            &self.existing.employees,
        )
    }

    /// A campaign, or a source with its site; `beside` are keys of the row that are not the target's.
    fn target(&mut self, field: &str, value: &Value, beside: &[&str]) -> Option<Target> {
        const SHAPE: &str = "give either campaign_id, or source_id with site_id";
        let Some(object) = value.as_object() else {
            self.refuse(field, SHAPE);
            return None;
        };
        // A form may send the unused half as nulls.
        let keys: BTreeSet<&str> = object
            .iter()
            .filter(|(key, value)| !value.is_null() && !beside.contains(&key.as_str()))
            .map(|(key, _)| key.as_str())
            .collect();
        if keys == BTreeSet::from(["campaign_id"]) {
            let field = format!("{field}.campaign_id");
            let known = &self.existing.campaigns;
            let campaign_id = self.id(
                &field,
                &object["campaign_id"],
                "campaign",
                CampaignId,
                known,
            )?;
            Some(Target::Campaign { campaign_id })
        } else if keys == BTreeSet::from(["source_id", "site_id"]) {
            let (sources, sites) = (&self.existing.sources, &self.existing.sites);
            let at = format!("{field}.source_id");
            let source_id = self.id(&at, &object["source_id"], "source", SourceId, sources);
            let at = format!("{field}.site_id");
            let site_id = self.id(&at, &object["site_id"], "site", SiteId, sites);
            Some(Target::Source {
                source_id: source_id?,
                site_id: site_id?,
            })
        } else {
            self.refuse(field, SHAPE);
            None
        }
    }

    fn rows<'v>(&mut self, field: &str, value: &'v Value) -> &'v [Value] {
        value.as_array().map(Vec::as_slice).unwrap_or_else(|| {
            self.refuse(field, "give a list");
            &[]
        })
    }

    fn messengers(&mut self, value: &Value) -> Vec<MessengerRow> {
        let mut seen = BTreeSet::new();
        let mut rows = Vec::new();
        for (nth, row) in self.rows("messengers", value).iter().enumerate() {
            let field = format!("messengers[{nth}]");
            let channel = row
                .get("channel")
                .and_then(Value::as_str)
                .and_then(Channel::new);
            let Some(channel) = channel else {
                self.refuse(format!("{field}.channel"), "give a channel, like telegram");
                continue;
            };
            if !seen.insert(channel.clone()) {
                let detail = format!("{} stands here twice", channel.as_str());
                self.refuse(format!("{field}.channel"), detail);
            }
            if let Some(target) = self.target(&field, row, &["channel"]) {
                rows.push(MessengerRow { channel, target });
            }
        }
        rows
    }

    fn tags(&mut self, value: &Value) -> Vec<TagId> {
        let known = &self.existing.tags;
        let mut tags = Vec::new();
        for (nth, value) in self.rows("tag_ids", value).iter().enumerate() {
            let tag = self.id(&format!("tag_ids[{nth}]"), value, "tag", TagId, known);
            tags.extend(tag.filter(|tag| !tags.contains(tag)));
        }
        tags
    }

    fn operators(&mut self, value: &Value) -> Vec<OperatorRow> {
        let mut seen = BTreeSet::new();
        let mut rows = Vec::new();
        for (nth, row) in self.rows("operators", value).iter().enumerate() {
            let field = format!("operators[{nth}]");
            self.only_keys(&field, row, &["operator", "employee_id"]);
            let Some(operator) = row.get("operator").and_then(scalar_text) else {
                let detail = "give the operator's id as the provider sends it";
                self.refuse(format!("{field}.operator"), detail);
                continue;
            };
            if !seen.insert(operator.clone()) {
                self.refuse(
                    format!("{field}.operator"),
                    format!("{operator} stands here twice"),
                );
            }
            let value = row.get("employee_id").unwrap_or(&Value::Null);
            if let Some(employee_id) = self.employee(&format!("{field}.employee_id"), value) {
                rows.push(OperatorRow {
                    operator,
                    employee_id,
                });
            }
        }
        rows
    }

    fn only_keys(&mut self, field: &str, row: &Value, known: &[&str]) {
        let keys = row.as_object().into_iter().flat_map(Map::keys);
        for key in keys.filter(|key| !known.contains(&key.as_str())) {
            self.refuse(
                format!("{field}.{key}"),
                format!("a row has only {}", known.join(", ")),
            );
        }
    }

    fn own(
        &mut self,
        provider: &dyn Provider,
        given: &Map<String, Value>,
        before: Option<&IntegrationSettings>,
        is_active: bool,
    ) -> Map<String, Value> {
        let mut own = Map::new();
        for field in provider.fields() {
            let kept = || {
                before
                    .and_then(|settings| settings.own.get(field.name))
                    .cloned()
            };
            let value = match given.get(field.name) {
                Some(Value::String(text)) if field.kind == FieldKind::Secret && text == MASK => {
                    kept()
                }
                Some(value) => self.own_value(field.name, field.kind, value),
                None => None,
            };
            let is_needed = field.required && field.default.is_empty() && is_active;
            if value.is_none() && is_needed {
                let title = provider.title();
                self.refuse(field.name, format!("{title} does not work without it"));
            }
            own.extend(value.map(|value| (field.name.to_string(), value)));
        }
        own
    }

    /// `None` when it is empty, or wrong and refused.
    fn own_value(&mut self, name: &str, kind: FieldKind, value: &Value) -> Option<Value> {
        if value.is_null() {
            return None;
        }
        match kind {
            FieldKind::Rows {
                key,
                value: beside,
                value_is_channel,
            } => Some(self.own_rows(name, value, (key, beside), value_is_channel)),
            FieldKind::FieldMap => Some(self.field_map(name, value)),
            FieldKind::Text | FieldKind::Secret => self.text(name, value).map(Value::String),
            FieldKind::Url => {
                let text = self.text(name, value)?;
                self.check(
                    name,
                    is_web_address(&text),
                    "give an address that begins with https://",
                );
                Some(Value::String(text))
            }
            FieldKind::TimeZone => {
                let text = self.text(name, value)?;
                let is_known = jiff::tz::TimeZone::get(&text).is_ok();
                self.check(
                    name,
                    is_known,
                    "give the name of a time zone, like Europe/Moscow",
                );
                Some(Value::String(text))
            }
            FieldKind::Choice(words) => {
                let text = self.text(name, value)?;
                let is_known = words.contains(&text.as_str());
                self.check(
                    name,
                    is_known,
                    &format!("give one of: {}", words.join(", ")),
                );
                Some(Value::String(text))
            }
        }
    }

    fn check(&mut self, name: &str, holds: bool, detail: &str) {
        if !holds {
            self.refuse(name, detail);
        }
    }

    /// The text of a scalar; `None` when it is empty.
    fn text(&mut self, name: &str, value: &Value) -> Option<String> {
        match value {
            Value::String(text) if text.trim().is_empty() => None,
            value => scalar_text(value).or_else(|| {
                self.refuse(name, "give a text");
                None
            }),
        }
    }

    fn own_rows(
        &mut self,
        name: &str,
        value: &Value,
        (left, right): (&str, &str),
        value_is_channel: bool,
    ) -> Value {
        let mut rows = Vec::new();
        for (nth, row) in self.rows(name, value).iter().enumerate() {
            let field = format!("{name}[{nth}]");
            self.only_keys(&field, row, &[left, right]);
            let text = |key: &str| row.get(key).and_then(scalar_text);
            let (Some(key), Some(value)) = (text(left), text(right)) else {
                self.refuse(&field, format!("give {left} and {right}"));
                continue;
            };
            let value = match value_is_channel {
                true => Channel::new(&value).map_or(value, |channel| channel.as_str().to_string()),
                false => value,
            };
            rows.push(serde_json::json!({ left: key, right: value }));
        }
        Value::Array(rows)
    }

    /// Canonical field to one path or a list of paths; always kept as lists.
    fn field_map(&mut self, name: &str, value: &Value) -> Value {
        let Some(object) = value.as_object() else {
            self.refuse(name, "give an object: field to a list of paths");
            return Value::Null;
        };
        let mut map = Map::new();
        for (field, paths) in object.iter().filter(|(_, paths)| !paths.is_null()) {
            let paths = match paths {
                Value::Array(paths) => paths.iter().map(scalar_text).collect(),
                one => scalar_text(one).map(|path| vec![path]),
            };
            match paths {
                Some(paths) => {
                    map.insert(field.clone(), paths.into());
                }
                None => self.refuse(format!("{name}.{field}"), "give a list of paths"),
            }
        }
        Value::Object(map)
    }
}

fn scalar_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_string()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn is_web_address(text: &str) -> bool {
    url::Url::parse(text)
        .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Field, Normalized, RawEvent, SetAside};
    use crate::providers::Language;
    use serde_json::json;

    struct Sample;

    impl Provider for Sample {
        fn slug(&self) -> &'static str {
            "sample"
        }
        fn title(&self) -> &'static str {
            "Sample"
        }
        fn fields(&self) -> &'static [Field] {
            const fn field(name: &'static str, kind: FieldKind, required: bool) -> Field {
                Field {
                    name,
                    kind,
                    required,
                    default: "",
                }
            }
            const ROWS: FieldKind = FieldKind::Rows {
                key: "widget_id",
                value: "channel",
                value_is_channel: true,
            };
            const FIELDS: [Field; 6] = [
                field("api_key", FieldKind::Secret, true),
                field("api_base", FieldKind::Url, false),
                field("timezone", FieldKind::TimeZone, false),
                field("token_mode", FieldKind::Choice(&["own", "share"]), false),
                field("widgets", ROWS, false),
                field("field_map", FieldKind::FieldMap, false),
            ];
            &FIELDS
        }
        fn setup_guide(&self, _: Language) -> &'static str {
            ""
        }
        fn silence_minutes(&self) -> u32 {
            30
        }
        fn normalize(&self, _: &RawEvent, _: &IntegrationSettings) -> Result<Normalized, SetAside> {
            Ok(Normalized::default())
        }
    }

    fn existing() -> Existing {
        Existing {
            sites: [SiteId(1)].into(),
            campaigns: [CampaignId(2)].into(),
            sources: [SourceId(3)].into(),
            employees: [EmployeeId(4)].into(),
            tags: [TagId(5), TagId(6)].into(),
        }
    }

    fn read_value(given: Value) -> Result<IntegrationSettings, Vec<Wrong>> {
        read(
            &Sample,
            given.as_object().unwrap(),
            None,
            false,
            &existing(),
        )
    }

    #[test]
    fn whole_settings_are_read_and_shown_with_the_secret_masked() {
        let given = json!({
            "employee_id": 4, "default_target": {"source_id": 3, "site_id": 1},
            "messengers": [{"channel": "Telegram", "campaign_id": 2}], "ignore_visit": true,
            "tag_ids": [5, 6, 5], "offline_leads": true, "silence_minutes": 45,
            "operators": [{"operator": 17, "employee_id": 4}], "api_key": " app.1 ",
            "api_base": "https://api.example.com/v1", "timezone": "Europe/Moscow",
            "token_mode": "share", "widgets": [{"widget_id": 9, "channel": "WhatsApp"}],
            "field_map": {"phone": "tel", "name": ["a", "b"]},
        });
        let settings = read(&Sample, given.as_object().unwrap(), None, true, &existing()).unwrap();
        assert_eq!(settings.own_text("api_key"), Some("app.1"));
        assert_eq!(
            Value::Object(show(&Sample, &settings)),
            json!({
                "employee_id": 4, "default_target": {"source_id": 3, "site_id": 1},
                "messengers": [{"channel": "telegram", "campaign_id": 2}], "ignore_visit": true,
                "tag_ids": [5, 6], "offline_leads": true, "silence_minutes": 45,
                "operators": [{"operator": "17", "employee_id": 4}], "api_key": "***",
                "api_base": "https://api.example.com/v1", "timezone": "Europe/Moscow",
                "token_mode": "share", "widgets": [{"widget_id": "9", "channel": "whatsapp"}],
                "field_map": {"phone": ["tel"], "name": ["a", "b"]},
            })
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        let table = [
            (json!({"emploee_id": 4}), "emploee_id"),
            (json!({"employee_id": 99}), "employee_id"),
            (json!({"employee_id": "4"}), "employee_id"),
            (json!({"default_target": {}}), "default_target"),
            (
                json!({"default_target": {"source_id": 3}}),
                "default_target",
            ),
            (
                json!({"default_target": {"campaign_id": 2, "source_id": 3, "site_id": 1}}),
                "default_target",
            ),
            (
                json!({"default_target": {"campaign_id": 99}}),
                "default_target.campaign_id",
            ),
            (
                json!({"default_target": {"source_id": 3, "site_id": 9}}),
                "default_target.site_id",
            ),
            (json!({"messengers": {}}), "messengers"),
            (
                json!({"messengers": [{"campaign_id": 2}]}),
                "messengers[0].channel",
            ),
            (json!({"messengers": [{"channel": "max"}]}), "messengers[0]"),
            (
                json!({"messengers": [{"channel": "max", "campaign_id": 2}, {"channel": "MAX", "campaign_id": 2}]}),
                "messengers[1].channel",
            ),
            (json!({"ignore_visit": 1}), "ignore_visit"),
            (json!({"tag_ids": [5, 7]}), "tag_ids[1]"),
            (json!({"silence_minutes": 0}), "silence_minutes"),
            (json!({"silence_minutes": 1.5}), "silence_minutes"),
            (
                json!({"operators": [{"operator": "a", "employee_id": 99}]}),
                "operators[0].employee_id",
            ),
            (
                json!({"operators": [{"operator": "a", "employee_id": 4, "x": 1}]}),
                "operators[0].x",
            ),
            (json!({"api_base": "api.example.com"}), "api_base"),
            (json!({"api_base": "ftp://example.com"}), "api_base"),
            (json!({"timezone": "Moscow"}), "timezone"),
            (json!({"token_mode": "their"}), "token_mode"),
            (json!({"widgets": [{"widget_id": "1"}]}), "widgets[0]"),
            (json!({"field_map": []}), "field_map"),
            (json!({"field_map": {"phone": [{}]}}), "field_map.phone"),
        ];
        for (given, field) in table {
            let wrong = read_value(given.clone()).unwrap_err();
            let fields: Vec<&str> = wrong.iter().map(|wrong| wrong.field.as_str()).collect();
            assert_eq!(fields, [field], "{given}");
        }
    }

    #[test]
    fn nulls_and_empty_texts_are_absent_settings() {
        let given = json!({"employee_id": null, "default_target": null, "silence_minutes": null,
            "api_key": "", "timezone": " ", "field_map": null,
            "messengers": [{"channel": "max", "campaign_id": 2, "source_id": null, "site_id": null}]});
        let settings = read_value(given).unwrap();
        assert_eq!(settings.messengers.len(), 1);
        assert!(settings.own.is_empty() && settings.default_target.is_none());
    }

    #[test]
    fn a_required_setting_is_asked_for_when_the_integration_is_switched_on() {
        assert!(read_value(json!({})).is_ok());
        let wrong = read(&Sample, &Map::new(), None, true, &existing()).unwrap_err();
        assert_eq!(wrong[0].field, "api_key");
    }

    #[test]
    fn a_masked_secret_keeps_the_old_one_and_an_empty_one_removes_it() {
        let mut before = IntegrationSettings::default();
        before.own.insert("api_key".into(), "old".into());
        let read = |given: Value| {
            read(
                &Sample,
                given.as_object().unwrap(),
                Some(&before),
                false,
                &existing(),
            )
            .unwrap()
        };
        assert_eq!(
            read(json!({"api_key": "***"})).own_text("api_key"),
            Some("old")
        );
        assert_eq!(
            read(json!({"api_key": "new"})).own_text("api_key"),
            Some("new")
        );
        assert_eq!(read(json!({"api_key": ""})).own_text("api_key"), None);
        assert_eq!(read(json!({})).own_text("api_key"), None);
    }
}
