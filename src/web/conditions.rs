//! The builder of conditions of campaigns and sources. Rows and groups are added by buttons of the
//! form, which comes back from the server with them, so no script is needed.

use super::Page;
use super::form::Form;
use super::parts::Choice;
use crate::credit;
use crate::model::{Condition, ConditionGroup, ConditionOperator, Conditions, Parameter};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// What a condition can look at, in the order of the list.
const PARAMETERS: [Parameter; 25] = [
    Parameter::UtmSource,
    Parameter::UtmMedium,
    Parameter::UtmCampaign,
    Parameter::UtmContent,
    Parameter::UtmTerm,
    Parameter::EntrancePage,
    Parameter::Referrer,
    Parameter::ReferrerDomain,
    Parameter::SearchEngine,
    Parameter::SearchQuery,
    Parameter::AdSystem,
    Parameter::Channel,
    Parameter::Country,
    Parameter::Region,
    Parameter::City,
    Parameter::Yclid,
    Parameter::Ymclid,
    Parameter::Gclid,
    Parameter::CmId,
    Parameter::EfId,
    Parameter::From,
    Parameter::OpenstatService,
    Parameter::OpenstatCampaign,
    Parameter::OpenstatAd,
    Parameter::OpenstatSource,
];

const OPERATORS: [ConditionOperator; 3] = [
    ConditionOperator::Equals,
    ConditionOperator::Contains,
    ConditionOperator::Matches,
];

/// The form's rows, by groups.
#[derive(Clone, Debug, Default)]
pub struct Builder {
    pub groups: Vec<Vec<ConditionRow>>,
    pub error: String,
}

/// One row.
#[derive(Clone, Debug)]
pub struct ConditionRow {
    pub parameters: Vec<Choice>,
    pub operators: Vec<Choice>,
    pub exclude: bool,
    pub value: String,
}

/// The stored word of a parameter or an operator.
fn word(value: impl serde::Serialize) -> String {
    let value = serde_json::to_value(value).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
}

fn parse<T: DeserializeOwned>(word: &str) -> Option<T> {
    serde_json::from_value(Value::String(word.to_owned())).ok()
}

/// Key of an operator's text.
fn operator_key(operator: ConditionOperator) -> &'static str {
    match operator {
        ConditionOperator::Equals => "condition.equals",
        ConditionOperator::Contains => "condition.contains",
        ConditionOperator::Matches => "condition.matches",
    }
}

/// What was sent: the conditions as typed, empty values too.
pub fn sent(form: &Form) -> Conditions {
    let rows = form
        .all("condition_group")
        .zip(form.all("condition_parameter"))
        .zip(form.all("condition_exclude"))
        .zip(form.all("condition_operator"))
        .zip(form.all("condition_value"));
    let mut conditions = Conditions::default();
    let mut last = "";
    for ((((group, parameter), exclude), operator), value) in rows {
        if group != last || conditions.groups.is_empty() {
            conditions.groups.push(ConditionGroup::default());
        }
        last = group;
        let condition = Condition {
            parameter: parse(parameter).unwrap_or(Parameter::UtmCampaign),
            operator: parse(operator).unwrap_or(ConditionOperator::Equals),
            value: value.to_owned(),
            exclude: exclude == "not",
        };
        if let Some(group) = conditions.groups.last_mut() {
            group.conditions.push(condition);
        }
    }
    conditions
}

/// Does what a button of the builder asks: `row:0`, `group`, `remove:0:1`.
pub fn edited(mut conditions: Conditions, edit: &str) -> Conditions {
    let mut parts = edit.split(':');
    let verb = parts.next().unwrap_or_default();
    let mut number = || parts.next().and_then(|text| text.parse::<usize>().ok());
    match (verb, number(), number()) {
        ("row", Some(group), _) => {
            if let Some(group) = conditions.groups.get_mut(group) {
                group.conditions.push(empty());
            }
        }
        ("group", ..) => conditions.groups.push(ConditionGroup {
            conditions: vec![empty()],
        }),
        ("remove", Some(group), Some(row)) => {
            if let Some(group) = conditions.groups.get_mut(group)
                && row < group.conditions.len()
            {
                group.conditions.remove(row);
            }
            conditions
                .groups
                .retain(|group| !group.conditions.is_empty());
        }
        _ => {}
    }
    conditions
}

fn empty() -> Condition {
    Condition {
        parameter: Parameter::UtmCampaign,
        operator: ConditionOperator::Equals,
        value: String::new(),
        exclude: false,
    }
}

/// The conditions to store, without empty rows; or what is wrong with them, in words.
pub fn checked(page: &Page, mut conditions: Conditions) -> Result<Conditions, String> {
    for group in &mut conditions.groups {
        group
            .conditions
            .retain(|condition| !condition.value.is_empty());
    }
    conditions
        .groups
        .retain(|group| !group.conditions.is_empty());
    match credit::validate(&conditions) {
        Ok(()) => Ok(conditions),
        Err(_) => Err(page.text("condition.wrong").to_owned()),
    }
}

impl Builder {
    /// An empty set begins with one empty row.
    pub fn new(page: &Page, conditions: &Conditions, error: String) -> Self {
        let mut groups: Vec<Vec<ConditionRow>> = conditions
            .groups
            .iter()
            .map(|group| group.conditions.iter().map(|one| row(page, one)).collect())
            .collect();
        if groups.is_empty() {
            groups.push(vec![row(page, &empty())]);
        }
        Self { groups, error }
    }
}

fn row(page: &Page, condition: &Condition) -> ConditionRow {
    let parameter = |one: Parameter| {
        let name = word(one);
        let title = page.word("parameter", &name);
        Choice::new(name, title, one == condition.parameter)
    };
    let operator = |one: ConditionOperator| {
        Choice::new(
            word(one),
            page.text(operator_key(one)),
            one == condition.operator,
        )
    };
    ConditionRow {
        parameters: PARAMETERS.map(parameter).to_vec(),
        operators: OPERATORS.map(operator).to_vec(),
        exclude: condition.exclude,
        value: condition.value.clone(),
    }
}

/// The conditions in one line for each group.
pub fn told(page: &Page, conditions: &Conditions) -> Vec<String> {
    let one = |condition: &Condition| {
        let not = match condition.exclude {
            true => format!("{} ", page.text("condition.not")),
            false => String::new(),
        };
        let parameter = page.word("parameter", &word(condition.parameter));
        let operator = page.text(operator_key(condition.operator));
        format!("{not}{parameter} {operator} «{}»", condition.value)
    };
    let and = format!(" {} ", page.text("condition.and"));
    let group = |group: &ConditionGroup| {
        let parts: Vec<String> = group.conditions.iter().map(one).collect();
        parts.join(&and)
    };
    conditions.groups.iter().map(group).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::locale::Locale;
    use crate::web::samples;

    #[test]
    fn rows_are_read_by_groups_and_empty_ones_left_out() {
        let rows = [
            ("0", "utm_source", "is", "=", "yandex"),
            ("0", "city", "not", "sub", "Тула"),
            ("1", "utm_medium", "is", "~", "^cpc$"),
            ("1", "from", "is", "=", ""),
        ];
        let names = [
            "condition_group",
            "condition_parameter",
            "condition_exclude",
            "condition_operator",
            "condition_value",
        ];
        let pairs = rows.iter().flat_map(|row| {
            let values = [row.0, row.1, row.2, row.3, row.4];
            names
                .into_iter()
                .zip(values)
                .map(|(k, v)| (k.to_owned(), v.to_owned()))
        });
        let sent = sent(&Form::from_pairs(pairs.collect()));
        assert_eq!(sent.groups.len(), 2);
        assert!(sent.groups[0].conditions[1].exclude);
        let page = samples::page(Locale::En);
        let kept = checked(&page, sent).unwrap();
        assert_eq!(kept.groups[1].conditions.len(), 1);
        let told = told(&page, &kept);
        assert_eq!(
            told[0],
            "utm_source is «yandex» and except City contains «Тула»"
        );
    }

    #[test]
    fn buttons_add_and_remove() {
        let one = edited(Conditions::default(), "group");
        let two = edited(one, "row:0");
        assert_eq!(two.groups[0].conditions.len(), 2);
        let gone = edited(edited(two, "remove:0:1"), "remove:0:0");
        assert!(gone.groups.is_empty());
        assert!(edited(gone, "remove:7:7").groups.is_empty());
    }

    #[test]
    fn a_broken_expression_is_refused() {
        let mut bad = empty();
        bad.operator = ConditionOperator::Matches;
        bad.value = "(".into();
        let bad = Conditions {
            groups: vec![ConditionGroup {
                conditions: vec![bad],
            }],
        };
        assert!(checked(&samples::page(Locale::Ru), bad).is_err());
    }

    #[test]
    fn every_parameter_has_a_text() {
        for parameter in PARAMETERS {
            for locale in Locale::ALL {
                let key = format!("parameter.{}", word(parameter));
                assert!(locale.find(&key).is_some(), "{key}");
            }
        }
    }
}
