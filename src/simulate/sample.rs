//! The words of simulated people, read from `sample.toml`, and how vendors write phones and times.

use std::sync::LazyLock;

use jiff::{
    Timestamp,
    tz::{Offset, TimeZone},
};
use serde::Deserialize;

/// Everything that simulated people say and are called.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    generated_name: String,
    months: Vec<String>,
    pub country: String,
    pub city: String,
    pub trigger: String,
    pub note: String,
    pub questions: Vec<String>,
    pub follow_ups: Vec<String>,
    pub answers: Vec<String>,
    pub offline: Vec<String>,
    phone_line: String,
    pub people: Vec<Name>,
    pub surnames: Vec<Name>,
    pub operators: Vec<Operator>,
    pub pages: Vec<Page>,
}

/// A name in both letters.
#[derive(Debug, Deserialize)]
pub struct Name {
    pub name: String,
    pub latin: String,
}

/// An operator as the vendors know one.
#[derive(Debug, Deserialize)]
pub struct Operator {
    pub name: String,
    pub login: String,
    pub id: u64,
    pub phone: String,
}

/// A page of the simulated sites.
#[derive(Debug, Deserialize)]
pub struct Page {
    pub path: String,
    pub title: String,
}

/// The sample, read once.
pub fn sample() -> &'static Sample {
    static SAMPLE: LazyLock<Sample> = LazyLock::new(|| {
        toml::from_str(include_str!("sample.toml")).expect("sample.toml is checked by a test")
    });
    &SAMPLE
}

impl Sample {
    /// The name that Talk-me makes up for a visitor without one.
    pub fn generated_name(&self, at: Timestamp) -> String {
        let date = moscow(at).date();
        let month = &self.months[usize::from(date.month().unsigned_abs()) - 1];
        self.generated_name
            .replace("{day}", &date.day().to_string())
            .replace("{month}", month)
            .replace("{year}", &date.year().to_string())
    }

    /// A line in which a visitor writes a phone.
    pub fn phone_line(&self, phone: &str) -> String {
        self.phone_line.replace("{phone}", phone)
    }
}

/// `YYYY-MM-DD HH:MM:SS` in Moscow, as Russian vendors write account time.
pub fn moscow_text(at: Timestamp) -> String {
    moscow(at).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// The same in UTC.
pub fn utc_text(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// Moscow has kept one offset since 2014, so no zone database is asked.
fn moscow(at: Timestamp) -> jiff::Zoned {
    at.to_zoned(TimeZone::fixed(Offset::constant(3)))
}

/// One of the ways people and vendors write the same Russian phone (eleven digits, `7…`).
pub fn spell_phone(digits: &str, way: u32) -> String {
    let (code, a, b, c) = (&digits[1..4], &digits[4..7], &digits[7..9], &digits[9..11]);
    match way % 5 {
        0 => digits.to_owned(),
        1 => format!("+{digits}"),
        2 => format!("8{}", &digits[1..]),
        3 => format!("+7 ({code}) {a}-{b}-{c}"),
        _ => format!("8 {code} {a} {b} {c}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_is_well_formed_and_has_twelve_months() {
        assert_eq!(sample().months.len(), 12);
        assert!(!sample().people.is_empty() && !sample().operators.is_empty());
    }

    #[test]
    fn a_generated_name_holds_the_day_month_and_year_of_moscow() {
        let at: Timestamp = "2026-03-13T22:00:00Z".parse().unwrap();
        assert_eq!(
            sample().generated_name(at),
            "14 посетитель в марте 2026 года"
        );
        assert_eq!(moscow_text(at), "2026-03-14 01:00:00");
        assert_eq!(utc_text(at), "2026-03-13 22:00:00");
    }

    #[test]
    fn every_spelling_of_a_phone_has_the_same_last_ten_digits() {
        for way in 0..5 {
            let spelt = spell_phone("79165550142", way);
            let digits: String = spelt.chars().filter(char::is_ascii_digit).collect();
            assert_eq!(&digits[1..], "9165550142", "{spelt}");
        }
    }
}
