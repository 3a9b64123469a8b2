//! The form of an integration's settings: what is typed, what is wrong with it, what is shown.
//!
//! Own settings come from `Provider::fields`; no provider is known by name. What is right is decided
//! by `providers::settings`, the words for what is wrong are chosen here.

use super::Page;
use super::form::{Form, NAME_LENGTH};
use super::parts::{Choice, Notice};
use crate::hub::LiveSetup;
use crate::model::{Channel, Field, FieldKind, Integration, IntegrationSettings, SiteId, Target};
use crate::providers::Provider;
use crate::providers::settings::{self, Existing, MASK, Wrong};
use crate::store::RawRow;
use serde_json::{Map, Value, json};

/// What a person typed, or what is stored, in the shape of the API.
#[derive(Clone, Debug)]
pub struct Draft {
    pub name: String,
    pub site: Option<SiteId>,
    pub active: bool,
    /// `campaign` or `source`: the position of the switch.
    pub target_kind: String,
    /// Secrets are masked, or newly typed.
    pub settings: Map<String, Value>,
}

impl Draft {
    /// A new integration, switched on, named so that it can be told from the others.
    pub fn new(provider: &dyn Provider, setup: &LiveSetup) -> Self {
        let title = provider.title();
        let others = setup.integrations.iter();
        let others = others.filter(|one| one.provider == provider.slug()).count();
        Self {
            name: match others {
                0 => title.to_owned(),
                n => format!("{title} {}", n + 1),
            },
            site: match setup.sites.as_slice() {
                [only] => Some(only.id),
                _ => None,
            },
            active: true,
            target_kind: "campaign".into(),
            settings: Map::new(),
        }
    }

    pub fn stored(provider: &dyn Provider, integration: &Integration) -> Self {
        let is_source = matches!(
            integration.settings.default_target,
            Some(Target::Source { .. })
        );
        Self {
            name: integration.name.clone(),
            site: integration.site,
            active: integration.active,
            target_kind: if is_source { "source" } else { "campaign" }.into(),
            settings: settings::show(provider, &integration.settings),
        }
    }

    /// `before` are the settings in force, for secrets that were left alone.
    pub fn sent(
        provider: &dyn Provider,
        form: &Form,
        before: Option<&IntegrationSettings>,
    ) -> Self {
        let by_source = form.get("target_kind") == "source";
        let mut settings = Map::new();
        let mut set = |name: &str, value: Value| settings.insert(name.to_owned(), value);
        set("employee_id", number(form.get("employee")));
        set("default_target", sent_default(form, by_source));
        set("messengers", sent_messengers(form, by_source));
        set("ignore_visit", form.has("ignore_visit").into());
        set("tag_ids", form.all("tag").map(number).collect());
        set("offline_leads", form.has("offline_leads").into());
        set("silence_minutes", number(form.get("silence_minutes")));
        set("operators", sent_operators(form));
        for field in provider.fields() {
            set(field.name, sent_own(field, form, before));
        }
        let name: String = form.get("name").chars().take(NAME_LENGTH).collect();
        Self {
            name: match name.is_empty() {
                true => provider.title().to_owned(),
                false => name,
            },
            site: form.id("site").map(SiteId),
            active: form.has("active"),
            target_kind: if by_source { "source" } else { "campaign" }.into(),
            settings,
        }
    }

    /// The settings to store, or everything that is wrong with them.
    pub fn checked(
        &self,
        provider: &dyn Provider,
        setup: &LiveSetup,
        before: Option<&IntegrationSettings>,
    ) -> Result<IntegrationSettings, Errors> {
        let read = settings::read(
            provider,
            &self.settings,
            before,
            self.active,
            &existing(setup),
        );
        let mut wrong = read.as_ref().err().cloned().unwrap_or_default();
        if self.site.is_some_and(|site| setup.site(site).is_none()) {
            wrong.push(Wrong {
                field: "site".into(),
                detail: String::new(),
            });
        }
        match (read, wrong.is_empty()) {
            (Ok(settings), true) => Ok(settings),
            _ => Err(Errors(wrong)),
        }
    }

    /// The own settings as typed, unchecked, for a preview.
    pub fn own_settings(&self, provider: &dyn Provider) -> IntegrationSettings {
        let names = provider.fields().iter().map(|field| field.name);
        let own = names.filter_map(|name| {
            let value = self.settings.get(name).filter(|value| !value.is_null())?;
            Some((name.to_owned(), value.clone()))
        });
        IntegrationSettings {
            own: own.collect(),
            ..IntegrationSettings::default()
        }
    }

    fn get(&self, name: &str) -> &Value {
        self.settings.get(name).unwrap_or(&Value::Null)
    }
}

fn existing(setup: &LiveSetup) -> Existing {
    Existing {
        sites: setup.sites.iter().map(|site| site.id).collect(),
        campaigns: setup.campaigns.iter().map(|one| one.id).collect(),
        sources: setup.sources.iter().map(|one| one.id).collect(),
        employees: setup.employees.iter().map(|one| one.id).collect(),
        tags: setup.tags.iter().map(|one| one.id).collect(),
    }
}

/// A number; the text when it is none, so that it is refused; null when nothing was typed.
fn number(text: &str) -> Value {
    match text.parse::<i64>() {
        Ok(number) => number.into(),
        Err(_) if text.is_empty() => Value::Null,
        Err(_) => text.into(),
    }
}

fn sent_default(form: &Form, by_source: bool) -> Value {
    let (campaign, source) = (form.get("campaign"), form.get("source"));
    match by_source {
        true if source.is_empty() => Value::Null,
        true => json!({"source_id": number(source), "site_id": number(form.get("target_site"))}),
        false if campaign.is_empty() => Value::Null,
        false => json!({"campaign_id": number(campaign)}),
    }
}

/// Rows with a messenger and a target. The switch decides which of the two is meant when both are
/// chosen; a row that has only the other one keeps it.
fn sent_messengers(form: &Form, by_source: bool) -> Value {
    let rows = form
        .all("messenger_channel")
        .zip(form.all("messenger_campaign"))
        .zip(form.all("messenger_source"))
        .zip(form.all("messenger_site"));
    rows.filter_map(|(((channel, campaign), source), site)| {
        if channel.is_empty() {
            return None;
        }
        let is_source = match (campaign.is_empty(), source.is_empty()) {
            (true, true) => return None,
            (false, true) => false,
            (true, false) => true,
            (false, false) => by_source,
        };
        Some(match is_source {
            true => {
                json!({"channel": channel, "source_id": number(source), "site_id": number(site)})
            }
            false => json!({"channel": channel, "campaign_id": number(campaign)}),
        })
    })
    .collect()
}

fn sent_operators(form: &Form) -> Value {
    form.all("operator")
        .zip(form.all("operator_employee"))
        .filter(|(operator, employee)| !operator.is_empty() || !employee.is_empty())
        .map(|(operator, employee)| json!({"operator": operator, "employee_id": number(employee)}))
        .collect()
}

fn sent_own(field: &Field, form: &Form, before: Option<&IntegrationSettings>) -> Value {
    let name = format!("own.{}", field.name);
    match field.kind {
        FieldKind::Secret => {
            let is_kept = before.is_some_and(|settings| settings.own_text(field.name).is_some());
            let is_cleared = form.has(&format!("{name}.clear"));
            match form.get(&name) {
                "" if is_kept && !is_cleared => MASK.into(),
                text => text.into(),
            }
        }
        FieldKind::Rows { key, value, .. } => {
            let (keys, values) = (format!("{name}.key"), format!("{name}.value"));
            form.all(&keys)
                .zip(form.all(&values))
                .filter(|(left, right)| !left.is_empty() || !right.is_empty())
                .map(|(left, right)| json!({ key: left, value: right }))
                .collect()
        }
        FieldKind::FieldMap => {
            let mut map = Map::new();
            let names = form.all("mapped_field").zip(form.all("mapped_paths"));
            for (field, paths) in names {
                let paths = paths.split(',').map(str::trim);
                let paths: Vec<&str> = paths.filter(|path| !path.is_empty()).collect();
                if !paths.is_empty() {
                    map.insert(field.to_owned(), paths.into());
                }
            }
            match map.is_empty() {
                true => Value::Null,
                false => Value::Object(map),
            }
        }
        FieldKind::Text | FieldKind::Url | FieldKind::TimeZone | FieldKind::Choice(_) => {
            form.get(&name).into()
        }
    }
}

/// What is wrong, by field.
#[derive(Clone, Debug, Default)]
pub struct Errors(Vec<Wrong>);

impl Errors {
    /// What is wrong in a field or in a part of it.
    fn at(&self, field: &str) -> Option<&Wrong> {
        self.0.iter().find(|wrong| {
            let rest = wrong.field.strip_prefix(field);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['[', '.']))
        })
    }

    fn text(&self, page: &Page, field: &str, key: &str) -> String {
        match self.at(field) {
            Some(_) => page.text(key).to_owned(),
            None => String::new(),
        }
    }

    pub fn notice(&self, page: &Page) -> Option<Notice> {
        (!self.0.is_empty()).then(|| Notice {
            good: false,
            text: page.text("integration.not_saved").to_owned(),
        })
    }

    fn messengers(&self, page: &Page) -> String {
        let is_twice = |wrong: &Wrong| wrong.field.ends_with(".channel");
        match self.at("messengers").map(is_twice) {
            None => String::new(),
            Some(true) => page.text("integration.messenger_twice").to_owned(),
            Some(false) => page.text("integration.target_needed").to_owned(),
        }
    }

    fn own(&self, page: &Page, field: &Field, value: &Value) -> String {
        if self.at(field.name).is_none() {
            return String::new();
        }
        let key = match field.kind {
            _ if is_empty(value) => "error.required",
            FieldKind::Url => "error.url",
            FieldKind::TimeZone => "error.timezone",
            FieldKind::Rows { .. } => "error.rows",
            _ => "error.value",
        };
        page.text(key).to_owned()
    }
}

fn is_empty(value: &Value) -> bool {
    value.is_null() || value.as_str().is_some_and(str::is_empty)
}

/// Settings that every provider has, then its own.
#[derive(Clone, Debug, Default)]
pub struct SettingsForm {
    pub active: bool,
    pub name: String,
    pub sites: Vec<Choice>,
    pub own: Vec<OwnField>,
    /// The provider sends leads to an address of their own, so there is a switch for it.
    pub has_leads_address: bool,
    pub offline_leads: bool,
    /// `campaign` or `source`: the switch «Рекламная кампания / Источник».
    pub target_kind: String,
    pub campaigns: Vec<Choice>,
    pub sources: Vec<Choice>,
    pub target_sites: Vec<Choice>,
    pub target_error: String,
    pub messengers: Vec<MessengerRow>,
    /// Options of a row that is added.
    pub empty_messenger: MessengerRow,
    pub messengers_error: String,
    pub ignore_visit: bool,
    pub employees: Vec<Choice>,
    pub operators: Vec<OperatorRow>,
    pub empty_operator: OperatorRow,
    pub operators_error: String,
    pub tags: Vec<Choice>,
    pub silence_minutes: String,
    pub silence_error: String,
    /// The provider's own silence, shown in the empty field.
    pub silence_default: u32,
}

/// Messenger → campaign, or source with its site.
#[derive(Clone, Debug, Default)]
pub struct MessengerRow {
    pub channels: Vec<Choice>,
    pub campaigns: Vec<Choice>,
    pub sources: Vec<Choice>,
    pub sites: Vec<Choice>,
    /// Shown in the empty list of campaigns: the source chosen for this row, and the other way round.
    pub other: String,
}

/// Provider's operator → employee.
#[derive(Clone, Debug, Default)]
pub struct OperatorRow {
    pub operator: String,
    pub employees: Vec<Choice>,
}

/// One own setting of the provider.
#[derive(Clone, Debug)]
pub struct OwnField {
    pub name: String,
    pub title: String,
    pub hint: String,
    pub error: String,
    pub required: bool,
    pub kind: OwnKind,
}

#[derive(Clone, Debug)]
pub enum OwnKind {
    /// Text, address, zone; the second is the type of the input.
    Text {
        value: String,
        input: &'static str,
        default: String,
    },
    /// A secret is never sent back to the page; `kept` says that there is one.
    Secret {
        kept: bool,
    },
    Choice {
        options: Vec<Choice>,
    },
    /// Rows of a key and a value; the value may be one of a list.
    Rows {
        key_title: String,
        value_title: String,
        rows: Vec<PairRow>,
        empty: PairRow,
    },
    /// Field of ours → places in the body where to look for it.
    FieldMap {
        rows: Vec<MapRow>,
        /// Some field is looked for elsewhere than usual; the list is unfolded then.
        changed: bool,
    },
}

#[derive(Clone, Debug, Default)]
pub struct PairRow {
    pub key: String,
    pub value: String,
    /// Not empty: the value is chosen from these.
    pub options: Vec<Choice>,
}

#[derive(Clone, Debug)]
pub struct MapRow {
    pub field: String,
    pub title: String,
    /// Paths, separated by commas.
    pub paths: String,
    /// The provider's usual ones, used when `paths` is empty.
    pub default: String,
}

/// What the field map, as typed, finds in a request that came.
#[derive(Clone, Debug, Default)]
pub struct Preview {
    /// Requests to choose from; empty: nothing to try it on.
    pub events: Vec<Choice>,
    pub asked: bool,
    /// Field, place where it was found, value.
    pub found: Vec<(String, String, String)>,
}

impl Preview {
    /// Requests that a provider with a field map can be tried on.
    pub fn events(
        page: &Page,
        provider: &dyn Provider,
        recent: &[RawRow],
        chosen: Option<i64>,
    ) -> Vec<Choice> {
        let has_map = provider.fields().iter();
        if !has_map
            .clone()
            .any(|field| field.kind == FieldKind::FieldMap)
        {
            return Vec::new();
        }
        recent
            .iter()
            .filter(|row| row.size_bytes > 0 || !row.event.query.is_empty())
            .map(|row| {
                let (id, at) = (row.event.id, page.date_time(row.event.received_at));
                Choice::new(
                    id.to_string(),
                    format!("№ {id}, {at}"),
                    chosen == Some(id.0),
                )
            })
            .collect()
    }
}

impl SettingsForm {
    pub fn new(
        page: &Page,
        provider: &dyn Provider,
        setup: &LiveSetup,
        draft: &Draft,
        errors: &Errors,
    ) -> Self {
        let lists = Lists { page, setup };
        let target = draft.get("default_target");
        let flag = |name: &str| draft.get(name) == &Value::Bool(true);
        let own = provider.fields().iter();
        Self {
            active: draft.active,
            name: draft.name.clone(),
            sites: with_none(
                page.text("integration.site_any"),
                lists.sites(draft.site.map(|site| site.0)),
            ),
            own: own
                .map(|field| lists.own(provider, field, draft, errors))
                .collect(),
            has_leads_address: provider.has_leads_address(),
            offline_leads: flag("offline_leads"),
            target_kind: draft.target_kind.clone(),
            campaigns: with_none(
                lists.none(),
                lists.campaigns(target["campaign_id"].as_i64()),
            ),
            sources: with_none(lists.none(), lists.sources(target["source_id"].as_i64())),
            target_sites: with_none(lists.none(), lists.sites(target["site_id"].as_i64())),
            target_error: errors.text(page, "default_target", "integration.target_needed"),
            messengers: rows(draft.get("messengers"))
                .map(|row| lists.messenger(row))
                .collect(),
            empty_messenger: lists.messenger(&Value::Null),
            messengers_error: errors.messengers(page),
            ignore_visit: flag("ignore_visit"),
            employees: with_none(
                lists.none(),
                lists.employees(draft.get("employee_id").as_i64()),
            ),
            operators: rows(draft.get("operators"))
                .map(|row| lists.operator(row))
                .collect(),
            empty_operator: lists.operator(&Value::Null),
            operators_error: errors.text(page, "operators", "integration.operator_needed"),
            tags: lists.tags(draft.get("tag_ids")),
            silence_minutes: plain(draft.get("silence_minutes")),
            silence_error: errors.text(page, "silence_minutes", "integration.silence_wrong"),
            silence_default: provider.silence_minutes(),
        }
    }
}

fn rows(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// A scalar as text; empty for null.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

pub fn with_none(title: &str, mut choices: Vec<Choice>) -> Vec<Choice> {
    let is_none = !choices.iter().any(|choice| choice.chosen);
    choices.insert(0, Choice::new("", title, is_none));
    choices
}

/// Lists to choose from.
pub struct Lists<'a> {
    pub page: &'a Page,
    pub setup: &'a LiveSetup,
}

impl Lists<'_> {
    fn none(&self) -> &str {
        self.page.text("integration.not_chosen")
    }

    pub fn sites(&self, chosen: Option<i64>) -> Vec<Choice> {
        let sites = self.setup.sites.iter();
        choices(sites.map(|site| (site.id.0, &site.name)), chosen)
    }

    /// Campaigns with their sites, when there are several.
    pub fn campaigns(&self, chosen: Option<i64>) -> Vec<Choice> {
        let title = |one: &crate::model::Campaign| match self.setup.site(one.site) {
            Some(site) if self.setup.sites.len() > 1 => format!("{} ({})", one.name, site.name),
            _ => one.name.clone(),
        };
        let titles = self
            .setup
            .campaigns
            .iter()
            .map(|one| (one.id.0, title(one)));
        choices(titles, chosen)
    }

    pub fn sources(&self, chosen: Option<i64>) -> Vec<Choice> {
        let sources = self.setup.sources.iter();
        choices(sources.map(|one| (one.id.0, &one.name)), chosen)
    }

    fn employees(&self, chosen: Option<i64>) -> Vec<Choice> {
        let employees = self.setup.employees.iter();
        choices(employees.map(|one| (one.id.0, &one.name)), chosen)
    }

    fn tags(&self, chosen: &Value) -> Vec<Choice> {
        let chosen: Vec<i64> = rows(chosen).filter_map(Value::as_i64).collect();
        let tags = self.setup.tags.iter();
        tags.map(|tag| Choice::new(tag.id.to_string(), &tag.name, chosen.contains(&tag.id.0)))
            .collect()
    }

    /// Channels by their names, and the chosen one even when we do not know it.
    fn channels(&self, chosen: Option<&str>, with_site: bool) -> Vec<Choice> {
        let known = Channel::KNOWN.iter().copied();
        let known = known.filter(|name| with_site || *name != "site");
        let foreign = chosen.filter(|name| !Channel::KNOWN.contains(name));
        known
            .chain(foreign)
            .map(|name| {
                let title = self.page.word("channel", name);
                Choice::new(name, title, chosen == Some(name))
            })
            .collect()
    }

    fn messenger(&self, row: &Value) -> MessengerRow {
        let campaigns = self.campaigns(row["campaign_id"].as_i64());
        let sources = self.sources(row["source_id"].as_i64());
        let chosen = |list: &[Choice]| {
            let found = list.iter().find(|choice| choice.chosen);
            found.map(|choice| choice.title.clone())
        };
        MessengerRow {
            channels: self.channels(row["channel"].as_str(), false),
            other: chosen(&campaigns)
                .or_else(|| chosen(&sources))
                .unwrap_or_default(),
            sites: self.sites(row["site_id"].as_i64()),
            campaigns,
            sources,
        }
    }

    fn operator(&self, row: &Value) -> OperatorRow {
        OperatorRow {
            operator: plain(&row["operator"]),
            employees: self.employees(row["employee_id"].as_i64()),
        }
    }

    fn own(
        &self,
        provider: &dyn Provider,
        field: &Field,
        draft: &Draft,
        errors: &Errors,
    ) -> OwnField {
        let value = draft.get(field.name);
        let own = |section: &str| {
            let of_provider = format!("{section}.{}.{}", provider.slug(), field.name);
            let shared = format!("{section}.{}", field.name);
            let locale = self.page.locale;
            locale.find(&of_provider).or_else(|| locale.find(&shared))
        };
        OwnField {
            name: field.name.to_owned(),
            title: own("field").unwrap_or(field.name).to_owned(),
            hint: own("field_hint").unwrap_or_default().to_owned(),
            error: errors.own(self.page, field, value),
            required: field.required && field.default.is_empty(),
            kind: self.own_kind(provider, field, value),
        }
    }

    fn own_kind(&self, provider: &dyn Provider, field: &Field, value: &Value) -> OwnKind {
        match field.kind {
            FieldKind::Text | FieldKind::Url | FieldKind::TimeZone => OwnKind::Text {
                value: plain(value),
                input: match field.kind {
                    FieldKind::Url => "url",
                    _ => "text",
                },
                default: field.default.to_owned(),
            },
            FieldKind::Secret => OwnKind::Secret {
                kept: value.as_str() == Some(MASK),
            },
            FieldKind::Choice(words) => {
                let chosen = value.as_str().filter(|text| !text.is_empty());
                let chosen = chosen.unwrap_or(field.default);
                let option = |word: &&str| {
                    let key = format!("option.{}.{}", provider.slug(), field.name);
                    Choice::new(*word, self.page.word(&key, word), *word == chosen)
                };
                OwnKind::Choice {
                    options: words.iter().map(option).collect(),
                }
            }
            FieldKind::Rows {
                key,
                value: beside,
                value_is_channel,
            } => {
                let pair = |row: &Value| PairRow {
                    key: plain(&row[key]),
                    value: plain(&row[beside]),
                    options: match value_is_channel {
                        true => self.channels(row[beside].as_str(), true),
                        false => Vec::new(),
                    },
                };
                OwnKind::Rows {
                    key_title: self.page.word("field", key),
                    value_title: self.page.word("field", beside),
                    rows: rows(value).map(pair).collect(),
                    empty: pair(&Value::Null),
                }
            }
            FieldKind::FieldMap => {
                let rows = self.map_rows(provider, value);
                OwnKind::FieldMap {
                    changed: rows.iter().any(|row| !row.paths.is_empty()),
                    rows,
                }
            }
        }
    }

    fn map_rows(&self, provider: &dyn Provider, value: &Value) -> Vec<MapRow> {
        let row = |(field, usual): &(&str, &[&str])| {
            let paths: Vec<String> = rows(&value[*field]).map(plain).collect();
            MapRow {
                field: (*field).to_owned(),
                title: self.page.word("mapped", field),
                paths: paths.join(", "),
                default: usual.join(", "),
            }
        };
        provider.mapped_fields().iter().map(row).collect()
    }
}

fn choices<T: Into<String>>(
    list: impl Iterator<Item = (i64, T)>,
    chosen: Option<i64>,
) -> Vec<Choice> {
    list.map(|(id, title)| Choice::new(id.to_string(), title, chosen == Some(id)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers;

    fn form(fields: &[(&str, &str)]) -> Form {
        let pairs = fields.iter().map(|(k, v)| (k.to_string(), v.to_string()));
        Form::from_pairs(pairs.collect())
    }

    #[test]
    fn every_own_setting_of_every_provider_has_texts_in_both_languages() {
        use crate::locale::Locale;
        for provider in providers::ALL {
            for field in provider.fields() {
                for locale in Locale::ALL {
                    let own = format!("field.{}.{}", provider.slug(), field.name);
                    let shared = format!("field.{}", field.name);
                    let found = locale.find(&own).or_else(|| locale.find(&shared));
                    assert!(found.is_some(), "{own} in {locale:?}");
                }
            }
            for (field, _) in provider.mapped_fields() {
                let key = format!("mapped.{field}");
                assert!(Locale::Ru.find(&key).is_some(), "{key}");
            }
        }
    }

    #[test]
    fn the_switch_decides_between_two_targets_and_a_lone_one_is_kept() {
        let two = [
            ("messenger_channel", "telegram"),
            ("messenger_campaign", "1"),
            ("messenger_source", "2"),
            ("messenger_site", "3"),
        ];
        assert_eq!(sent_messengers(&form(&two), false)[0]["campaign_id"], 1);
        assert_eq!(sent_messengers(&form(&two), true)[0]["source_id"], 2);
        let lone = [
            ("messenger_channel", "telegram"),
            ("messenger_campaign", ""),
            ("messenger_source", "2"),
            ("messenger_site", "3"),
        ];
        assert_eq!(sent_messengers(&form(&lone), false)[0]["source_id"], 2);
        let none = [
            ("messenger_channel", "telegram"),
            ("messenger_campaign", ""),
            ("messenger_source", ""),
            ("messenger_site", "3"),
        ];
        assert_eq!(sent_messengers(&form(&none), false), json!([]));
    }

    #[test]
    fn a_secret_left_alone_is_kept_and_one_cleared_is_not() {
        let field = Field {
            name: "key",
            kind: FieldKind::Secret,
            required: false,
            default: "",
        };
        let mut before = IntegrationSettings::default();
        before.own.insert("key".into(), "old".into());
        let sent = |fields: &[(&str, &str)], before| sent_own(&field, &form(fields), before);
        assert_eq!(sent(&[("own.key", "")], Some(&before)), MASK);
        assert_eq!(sent(&[("own.key", "new")], Some(&before)), "new");
        assert_eq!(
            sent(&[("own.key", ""), ("own.key.clear", "on")], Some(&before)),
            ""
        );
        assert_eq!(sent(&[("own.key", "")], None), "");
    }
}
