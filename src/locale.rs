//! Interface text in Russian and English: words by key, plural forms, numbers, dates.
//!
//! Texts stand in `locales/`, keys by page, and are built into the binary. What language a person
//! reads is decided by the caller. Vendors' own names and customers' data are never translated.

use std::collections::HashMap;
use std::fmt::Display;
use std::sync::LazyLock;

use icu_locale_core::locale;
use icu_plurals::{PluralCategory, PluralRules, PluralRulesOptions};
use jiff::{Timestamp, tz::TimeZone};

/// A language of the interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Locale {
    #[default]
    Ru,
    En,
}

impl Locale {
    pub const ALL: [Self; 2] = [Self::Ru, Self::En];

    /// The tag of the language, as in `lang="ru"`.
    pub fn tag(self) -> &'static str {
        match self {
            Self::Ru => "ru",
            Self::En => "en",
        }
    }

    /// The name of the language in itself.
    pub fn title(self) -> &'static str {
        match self {
            Self::Ru => "Русский",
            Self::En => "English",
        }
    }

    /// Reads a tag written by [`Locale::tag`].
    pub fn from_tag(tag: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|locale| locale.tag() == tag)
    }

    /// The first language of an `Accept-Language` header that we speak. Its order is taken as the
    /// preference: browsers write it so.
    pub fn from_accept_language(header: &str) -> Option<Self> {
        header
            .split(',')
            .find_map(|part| Self::from_tag(part.trim().get(..2)?))
    }

    /// The text of a key, or the key itself when there is none: a hole is seen and breaks nothing.
    pub fn text(self, key: &str) -> &str {
        self.find(key).unwrap_or(key)
    }

    /// The text of a key that may be absent, such as a provider's own wording.
    pub fn find(self, key: &str) -> Option<&'static str> {
        texts(self).get(key).map(String::as_str)
    }

    /// The text of a key with its `{name}` parameters filled in.
    pub fn fill(self, key: &str, parameters: &[(&str, &dyn Display)]) -> String {
        fill(self.text(key), parameters)
    }

    /// The form of a key that agrees with the number; `{n}` in it becomes the number.
    pub fn count(self, key: &str, n: impl TryInto<u64>) -> String {
        let n = n.try_into().unwrap_or(u64::MAX);
        let form = match self.plurals().category_for(n) {
            PluralCategory::One => "one",
            PluralCategory::Few => "few",
            PluralCategory::Many => "many",
            PluralCategory::Zero | PluralCategory::Two | PluralCategory::Other => "other",
        };
        fill(
            self.text(&format!("{key}.{form}")),
            &[("n", &self.number(n))],
        )
    }

    /// The rules are built-in data that is not `Sync`; taking them anew costs a lookup.
    fn plurals(self) -> PluralRules {
        let language = match self {
            Self::Ru => locale!("ru"),
            Self::En => locale!("en"),
        };
        PluralRules::try_new(language.into(), PluralRulesOptions::default())
            .expect("the rules of both languages are built in")
    }

    /// A whole number with its thousands grouped.
    pub fn number(self, n: u64) -> String {
        let separator = match self {
            Self::Ru => '\u{a0}',
            Self::En => ',',
        };
        let digits = n.to_string();
        let mut grouped = String::with_capacity(digits.len() * 2);
        for (at, digit) in digits.char_indices() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                grouped.push(separator);
            }
            grouped.push(digit);
        }
        grouped
    }

    /// Day and minute in the zone given: `21.11.2026 14:05`, `21 Nov 2026, 14:05`.
    pub fn date_time(self, at: Timestamp, zone: &TimeZone) -> String {
        let format = match self {
            Self::Ru => "%d.%m.%Y %H:%M",
            Self::En => "%-d %b %Y, %H:%M",
        };
        at.to_zoned(zone.clone()).strftime(format).to_string()
    }

    /// The day in the zone given: `21.11.2026`, `21 Nov 2026`.
    pub fn date(self, at: Timestamp, zone: &TimeZone) -> String {
        let format = match self {
            Self::Ru => "%d.%m.%Y",
            Self::En => "%-d %b %Y",
        };
        at.to_zoned(zone.clone()).strftime(format).to_string()
    }

    /// Hour and minute in the zone given: `14:05`.
    pub fn time(self, at: Timestamp, zone: &TimeZone) -> String {
        at.to_zoned(zone.clone()).strftime("%H:%M").to_string()
    }

    /// A length of time in its two greatest units: `1 ч 5 мин`, `40 s`.
    pub fn duration(self, seconds: u64) -> String {
        let units = [
            (86_400, "day"),
            (3_600, "hour"),
            (60, "minute"),
            (1, "second"),
        ];
        let first = units
            .iter()
            .position(|(size, _)| seconds >= *size)
            .unwrap_or(3);
        let mut rest = seconds;
        let mut parts = Vec::new();
        for (size, unit) in units.iter().skip(first).take(2) {
            let n = rest / size;
            rest %= size;
            if n > 0 || parts.is_empty() {
                parts.push(format!("{n}\u{a0}{}", self.text(&format!("unit.{unit}"))));
            }
        }
        parts.join(" ")
    }
}

type Texts = HashMap<String, String>;

fn texts(locale: Locale) -> &'static Texts {
    static RU: LazyLock<Texts> = LazyLock::new(|| read(include_str!("../locales/ru.toml")));
    static EN: LazyLock<Texts> = LazyLock::new(|| read(include_str!("../locales/en.toml")));
    match locale {
        Locale::Ru => &RU,
        Locale::En => &EN,
    }
}

/// Nested tables become keys with dots.
fn read(toml: &str) -> Texts {
    let table: toml::Table = toml.parse().expect("a test reads every locale file");
    let mut texts = Texts::new();
    flatten(String::new(), table, &mut texts);
    texts
}

fn flatten(prefix: String, table: toml::Table, texts: &mut Texts) {
    for (name, value) in table {
        let key = if prefix.is_empty() {
            name
        } else {
            format!("{prefix}.{name}")
        };
        match value {
            toml::Value::Table(inner) => flatten(key, inner, texts),
            toml::Value::String(text) => drop(texts.insert(key, text)),
            other => drop(texts.insert(key, other.to_string())),
        }
    }
}

fn fill(text: &str, parameters: &[(&str, &dyn Display)]) -> String {
    let mut filled = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let Some((name, tail)) = after.split_once('}') else {
            rest = &rest[before.len()..];
            break;
        };
        match parameters.iter().find(|(known, _)| *known == name) {
            Some((_, value)) => filled.push_str(&value.to_string()),
            None => filled.extend(["{", name, "}"]),
        }
        rest = tail;
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use regex::Regex;

    use super::*;

    const FORMS: [&str; 4] = [".one", ".few", ".many", ".other"];

    fn stem(key: &str) -> &str {
        FORMS
            .iter()
            .find_map(|form| key.strip_suffix(form))
            .unwrap_or(key)
    }

    fn stems(locale: Locale) -> BTreeSet<&'static str> {
        texts(locale).keys().map(|key| stem(key)).collect()
    }

    fn parameters(locale: Locale, wanted: &str) -> BTreeSet<String> {
        let name = Regex::new(r"\{(\w+)\}").expect("a constant");
        let texts = texts(locale);
        let of_key = texts.iter().filter(|(key, _)| stem(key) == wanted);
        of_key
            .flat_map(|(_, text)| name.captures_iter(text).map(|found| found[1].to_owned()))
            .collect()
    }

    #[test]
    fn both_languages_have_the_same_keys() {
        let (ru, en) = (stems(Locale::Ru), stems(Locale::En));
        let only_one: Vec<_> = ru.symmetric_difference(&en).collect();
        assert!(only_one.is_empty(), "in one language only: {only_one:?}");
    }

    #[test]
    fn both_languages_fill_the_same_parameters() {
        for key in stems(Locale::Ru) {
            assert_eq!(
                parameters(Locale::Ru, key),
                parameters(Locale::En, key),
                "{key}"
            );
        }
    }

    #[test]
    fn every_counted_text_has_all_forms_of_its_language() {
        for (locale, forms) in [
            (Locale::Ru, &FORMS[..]),
            (Locale::En, &[".one", ".other"][..]),
        ] {
            let texts = texts(locale);
            let counted = texts.keys().filter_map(|key| key.strip_suffix(".other"));
            for key in counted.filter(|key| texts.contains_key(&format!("{key}.one"))) {
                for form in forms {
                    assert!(
                        texts.contains_key(&format!("{key}{form}")),
                        "{key}{form} {locale:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn every_key_that_pages_use_exists() {
        // Called by name, or any dotted word whose first part is a section of the texts.
        let used =
            Regex::new(r#"(?:text|fill|count|find)\(\s*"([^"]+)"|"([a-z0-9_]+\.[a-z0-9_.]+)""#)
                .expect("a constant");
        let is_file = Regex::new(r"\.(html|svg|css|js|toml)$").expect("a constant");
        let known = stems(Locale::Ru);
        let sections: BTreeSet<_> = known
            .iter()
            .filter_map(|key| key.split('.').next())
            .collect();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/web");
        let mut missing = Vec::new();
        for entry in fs::read_dir(folder).expect("the pages") {
            let path = entry.expect("a file").path();
            if path.is_dir() || path.ends_with("samples.rs") {
                continue;
            }
            let text = fs::read_to_string(&path).expect("UTF-8");
            let text = text.split("#[cfg(test)]").next().unwrap_or_default();
            for found in used.captures_iter(text) {
                let named = found.get(1).is_some();
                let key = found
                    .get(1)
                    .or(found.get(2))
                    .expect("one of the two")
                    .as_str();
                let section = key.split('.').next().unwrap_or_default();
                let is_key = named || (sections.contains(section) && !is_file.is_match(key));
                // Actions of the audit log stand in a section of their own.
                let audit = format!("audit.{key}");
                let is_known = known.contains(key) || known.contains(audit.as_str());
                if is_key && !key.ends_with('.') && !is_known {
                    missing.push(format!("{}: {key}", path.display()));
                }
            }
        }
        assert!(missing.is_empty(), "{missing:#?}");
    }

    #[test]
    fn numbers_agree_with_their_words() {
        let ru = [1, 2, 5, 11, 21, 1_002].map(|n: u64| Locale::Ru.count("count.message", n));
        assert_eq!(
            ru,
            [
                "1 сообщение",
                "2 сообщения",
                "5 сообщений",
                "11 сообщений",
                "21 сообщение",
                "1\u{a0}002 сообщения",
            ]
        );
        let en = [1, 2, 1_000_000].map(|n: u64| Locale::En.count("count.message", n));
        assert_eq!(en, ["1 message", "2 messages", "1,000,000 messages"]);
    }

    #[test]
    fn moments_are_shown_in_the_zone_given() {
        let at: Timestamp = "2026-03-01T21:30:00Z".parse().expect("a moment");
        let zone = TimeZone::get("Europe/Moscow").expect("a zone");
        assert_eq!(Locale::Ru.date_time(at, &zone), "02.03.2026 00:30");
        assert_eq!(Locale::En.date_time(at, &zone), "2 Mar 2026, 00:30");
        assert_eq!(Locale::Ru.time(at, &zone), "00:30");
    }

    #[test]
    fn lengths_of_time_keep_their_two_greatest_units() {
        let table = [
            (0, "0 с"),
            (59, "59 с"),
            (65, "1 мин 5 с"),
            (3_600, "1 ч"),
            (93_784, "1 д 2 ч"),
        ];
        for (seconds, expected) in table {
            let shown = Locale::Ru.duration(seconds).replace('\u{a0}', " ");
            assert_eq!(shown, expected);
        }
    }

    #[test]
    fn unknown_keys_and_parameters_are_shown_as_they_are() {
        assert_eq!(Locale::En.text("no.such_key"), "no.such_key");
        assert_eq!(fill("{a} {b} {", &[("a", &1)]), "1 {b} {");
    }

    #[test]
    fn the_first_language_we_speak_is_taken() {
        assert_eq!(
            Locale::from_accept_language("de-DE,en;q=0.8,ru;q=0.5"),
            Some(Locale::En)
        );
        assert_eq!(
            Locale::from_accept_language("ru-RU,ru;q=0.9"),
            Some(Locale::Ru)
        );
        assert_eq!(Locale::from_accept_language("я, fr"), None);
    }
}
