//! Conditions of campaigns, sources and own channel rules: checked when they are saved, compiled
//! once, then asked of every arrival (comagic-cabinet.md 2.3).

use super::hosts;
use super::utm::fold;
use super::view::{Facts, canonical_ad_system, keeps_letter_case};
use crate::model::{Condition, ConditionOperator, Conditions, Parameter};
use regex::{Regex, RegexBuilder};

/// Most groups of one set.
pub const MAX_GROUPS: usize = 30;
/// Most conditions of one group.
pub const MAX_CONDITIONS: usize = 50;
/// Longest value of a condition, characters.
pub const MAX_VALUE: usize = 1000;

/// Bytes a compiled regular expression may take: ordinary ones need some thousands.
const REGEX_SIZE: usize = 1 << 20;

/// Says what is wrong with the conditions a person wrote, naming group and condition from 1.
pub fn validate(conditions: &Conditions) -> Result<(), String> {
    if conditions.groups.len() > MAX_GROUPS {
        return Err(format!("more than {MAX_GROUPS} groups"));
    }
    for (group, of) in (1..).zip(&conditions.groups) {
        if of.conditions.is_empty() {
            return Err(format!("group {group} has no conditions"));
        }
        if of.conditions.len() > MAX_CONDITIONS {
            return Err(format!(
                "group {group} has more than {MAX_CONDITIONS} conditions"
            ));
        }
        for (number, condition) in (1..).zip(&of.conditions) {
            validate_one(condition)
                .map_err(|wrong| format!("group {group}, condition {number}: {wrong}"))?;
        }
    }
    Ok(())
}

fn validate_one(condition: &Condition) -> Result<(), String> {
    if condition.value.trim().is_empty() {
        return Err("the value is empty".into());
    }
    if condition.value.chars().count() > MAX_VALUE {
        return Err(format!("the value is longer than {MAX_VALUE} characters"));
    }
    if condition.operator == ConditionOperator::Matches {
        regex(condition).map_err(|wrong| {
            let reason = match &wrong {
                regex::Error::CompiledTooBig(_) => "it is too large".to_owned(),
                other => other.to_string().lines().last().unwrap_or("").to_owned(),
            };
            format!(
                "\"{}\" is not a usable regular expression: {reason}",
                condition.value
            )
        })?;
    }
    Ok(())
}

fn regex(condition: &Condition) -> Result<Regex, regex::Error> {
    RegexBuilder::new(condition.value.trim())
        .case_insensitive(!keeps_letter_case(condition.parameter))
        .size_limit(REGEX_SIZE)
        .build()
}

/// How much a matched condition counts, 0–100 (comagic-cabinet.md 2.3).
pub fn weight(parameter: Parameter) -> u8 {
    use Parameter::*;
    match parameter {
        UtmSource | UtmMedium | UtmCampaign | UtmTerm | UtmContent => 60,
        EfId | Yclid | Gclid | Ymclid | CmId | From => 60,
        OpenstatService | OpenstatCampaign | OpenstatAd | OpenstatSource => 50,
        SearchQuery => 40,
        Referrer => 30,
        AdSystem => 25,
        ReferrerDomain | SearchEngine => 20,
        Channel => 15,
        EntrancePage => 10,
        Country | Region | City => 5,
    }
}

/// Conditions made ready for comparing.
#[derive(Debug)]
pub struct Compiled {
    groups: Vec<Vec<Test>>,
}

#[derive(Debug)]
struct Test {
    parameter: Parameter,
    comparison: Comparison,
    exclude: bool,
    /// As shown in a receipt: `utm_campaign sub spring`.
    text: String,
}

#[derive(Debug)]
enum Comparison {
    Equals(String),
    Contains(String),
    Matches(Regex),
    /// A value that `validate` refuses: holds neither as it is nor excluded.
    Broken,
}

/// The condition by which a set matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit<'c> {
    pub text: &'c str,
    pub weight: u8,
}

impl Compiled {
    /// Never fails: what `validate` would refuse never holds.
    pub fn new(conditions: &Conditions) -> Compiled {
        let compile = |group: &crate::model::ConditionGroup| {
            group.conditions.iter().map(Test::new).collect::<Vec<_>>()
        };
        Compiled {
            groups: conditions
                .groups
                .iter()
                .map(compile)
                .filter(|group| !group.is_empty())
                .collect(),
        }
    }

    /// The heaviest condition of the groups that hold. An exclusion only narrows a group, so it
    /// counts 0.
    pub fn matched(&self, facts: &Facts) -> Option<Hit<'_>> {
        let mut best: Option<Hit<'_>> = None;
        for group in &self.groups {
            if !group.iter().all(|test| test.holds(facts)) {
                continue;
            }
            for hit in group.iter().map(Test::as_hit) {
                if best.is_none_or(|best| hit.weight > best.weight) {
                    best = Some(hit);
                }
            }
        }
        best
    }
}

impl Test {
    fn new(condition: &Condition) -> Test {
        Test {
            parameter: condition.parameter,
            comparison: Comparison::new(condition),
            exclude: condition.exclude,
            text: shown(condition),
        }
    }

    fn holds(&self, facts: &Facts) -> bool {
        let texts = facts.texts(self.parameter);
        let compares = match &self.comparison {
            Comparison::Equals(value) => texts.contains(value),
            Comparison::Contains(part) => texts.iter().any(|text| text.contains(part.as_str())),
            Comparison::Matches(regex) => texts.iter().any(|text| regex.is_match(text)),
            Comparison::Broken => return false,
        };
        compares != self.exclude
    }

    fn as_hit(&self) -> Hit<'_> {
        Hit {
            text: &self.text,
            weight: if self.exclude {
                0
            } else {
                weight(self.parameter)
            },
        }
    }
}

impl Comparison {
    fn new(condition: &Condition) -> Comparison {
        if validate_one(condition).is_err() {
            return Comparison::Broken;
        }
        let value = condition.value.trim();
        match condition.operator {
            ConditionOperator::Matches => {
                regex(condition).map_or(Comparison::Broken, Comparison::Matches)
            }
            ConditionOperator::Equals => Comparison::Equals(canonical(condition.parameter, value)),
            ConditionOperator::Contains if keeps_letter_case(condition.parameter) => {
                Comparison::Contains(value.to_owned())
            }
            ConditionOperator::Contains => Comparison::Contains(fold(value)),
        }
    }
}

/// The value in the spelling that the facts have.
fn canonical(parameter: Parameter, value: &str) -> String {
    if keeps_letter_case(parameter) {
        return value.to_owned();
    }
    let folded = fold(value);
    match parameter {
        Parameter::ReferrerDomain => hosts::canonical(&folded).unwrap_or(folded),
        Parameter::SearchEngine => {
            hosts::by_name(&folded).map_or(folded, |system| system.name.clone())
        }
        Parameter::AdSystem => canonical_ad_system(&folded).map_or(folded, str::to_owned),
        _ => folded,
    }
}

fn shown(condition: &Condition) -> String {
    format!(
        "{}{} {} {}",
        if condition.exclude { "not " } else { "" },
        spelled(&condition.parameter),
        spelled(&condition.operator),
        condition.value.trim()
    )
}

/// The word by which a parameter or operator is stored.
fn spelled(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credit::utm;
    use crate::credit::view::{Geo, View};
    use crate::model::{ChannelGroup, ConditionGroup};

    fn condition(
        parameter: Parameter,
        operator: ConditionOperator,
        value: &str,
        exclude: bool,
    ) -> Condition {
        Condition {
            parameter,
            operator,
            value: value.into(),
            exclude,
        }
    }

    fn set(groups: Vec<Vec<Condition>>) -> Conditions {
        Conditions {
            groups: groups
                .into_iter()
                .map(|conditions| ConditionGroup { conditions })
                .collect(),
        }
    }

    fn facts(page: &str, referrer: &str) -> Facts {
        let marks = utm::read(Some(page), Some(referrer), &|_| false);
        let geo = Geo {
            country: Some("RU"),
            region: None,
            city: Some("Тверь"),
        };
        let mut facts = Facts::new(&View::new(&marks, false), geo);
        facts.set_channel(ChannelGroup::PaidSearch);
        facts
    }

    #[test]
    fn every_parameter_is_compared_in_the_spellings_people_use() {
        use ConditionOperator::{Contains, Equals, Matches};
        use Parameter::*;
        let page = "https://example.org/%D0%BE%D0%BA%D0%BD%D0%B0/?utm_source=Yandex&utm_medium=cpc\
            &utm_campaign=Spring+Sale&utm_term=a&utm_content=b&yclid=AbC&from=Mail&ef_id=Ef:1&cm_id=Cm1\
            &_openstat=direct.yandex.ru;77;88;x";
        let facts = facts(
            page,
            "https://www.Google.com/search?q=%D0%BE%D0%BA%D0%BD%D0%B0+%D0%BF%D0%B2%D1%85",
        );
        let table = [
            (UtmSource, Equals, " yandex ", true),
            (UtmCampaign, Equals, "spring sale", true),
            (UtmCampaign, Contains, "SALE", true),
            (UtmCampaign, Matches, "^spring (sale|fair)$", true),
            (UtmCampaign, Matches, "^sale", false),
            (UtmTerm, Equals, "A", true),
            (UtmContent, Equals, "c", false),
            (Yclid, Equals, "AbC", true),
            (Yclid, Equals, "abc", false),
            (Yclid, Matches, "^A", true),
            (Yclid, Matches, "^a", false),
            (Gclid, Matches, ".", false),
            (EfId, Equals, "Ef:1", true),
            (CmId, Equals, "cm1", true),
            (From, Equals, "mail", true),
            (OpenstatCampaign, Equals, "77", true),
            (OpenstatService, Contains, "yandex", true),
            (EntrancePage, Equals, "https://example.org/окна", true),
            (EntrancePage, Contains, "/окна/", true),
            (Referrer, Contains, "google.com/search", true),
            (ReferrerDomain, Equals, "www.google.com", true),
            (SearchEngine, Equals, "google", true),
            (SearchEngine, Equals, "google.com", true),
            (SearchEngine, Equals, "yandex", false),
            (SearchQuery, Equals, "окна пвх", true),
            (AdSystem, Equals, "yandex.direct", true),
            (AdSystem, Equals, "Яндекс.Директ", true),
            (AdSystem, Equals, "google.adwords", false),
            (Channel, Equals, "paid_search", true),
            (Channel, Equals, "paid", true),
            (Country, Equals, "ru", true),
            (Region, Equals, "", false),
            (City, Equals, "тверь", true),
        ];
        for (parameter, operator, value, expected) in table {
            let one = condition(parameter, operator, value, false);
            let shown = shown(&one);
            let compiled = Compiled::new(&set(vec![vec![one]]));
            assert_eq!(compiled.matched(&facts).is_some(), expected, "{shown}");
        }
    }

    #[test]
    fn a_group_needs_all_and_a_set_any_and_the_heaviest_is_told() {
        use ConditionOperator::Equals;
        let facts = facts("https://example.org/?utm_source=vk&utm_medium=cpc", "");
        let source = |value: &str| condition(Parameter::UtmSource, Equals, value, false);
        let channel = condition(Parameter::Channel, Equals, "paid", false);
        let not_vk = condition(Parameter::UtmSource, Equals, "vk", true);
        let not_ok = condition(Parameter::UtmSource, Equals, "ok", true);
        let matched = |groups| {
            Compiled::new(&set(groups))
                .matched(&facts)
                .map(|hit| (hit.text.to_owned(), hit.weight))
        };
        assert_eq!(matched(vec![vec![source("vk"), source("ok")]]), None);
        assert_eq!(
            matched(vec![vec![channel.clone()], vec![source("vk")]]),
            Some(("utm_source = vk".into(), 60))
        );
        assert_eq!(matched(vec![vec![channel.clone(), not_vk]]), None);
        assert_eq!(
            matched(vec![vec![not_ok.clone(), channel]]),
            Some(("channel = paid".into(), 15))
        );
        assert_eq!(
            matched(vec![vec![not_ok]]),
            Some(("not utm_source = ok".into(), 0))
        );
        assert_eq!(matched(vec![vec![]]), None);
        assert_eq!(matched(vec![]), None);
    }

    #[test]
    fn what_validation_refuses_never_holds_and_never_panics() {
        use ConditionOperator::{Equals, Matches};
        let facts = facts("https://example.org/?utm_source=(", "");
        for (operator, value, exclude, complaint) in [
            (Matches, "(", false, "is not a usable regular expression"),
            (Matches, "(", true, "is not a usable regular expression"),
            (Matches, "(\\w{1000}){1000}", false, "too large"),
            (Equals, "  ", true, "the value is empty"),
        ] {
            let conditions = set(vec![vec![condition(
                Parameter::UtmSource,
                operator,
                value,
                exclude,
            )]]);
            let wrong = validate(&conditions).unwrap_err();
            assert!(wrong.starts_with("group 1, condition 1: "), "{wrong}");
            assert!(wrong.contains(complaint), "{wrong}");
            assert_eq!(Compiled::new(&conditions).matched(&facts), None);
        }
        assert!(validate(&set(vec![vec![]])).is_err());
        let many = vec![vec![condition(Parameter::Yclid, Equals, "1", false)]; MAX_GROUPS + 1];
        assert!(validate(&set(many)).is_err());
        assert_eq!(validate(&Conditions::default()), Ok(()));
    }
}
