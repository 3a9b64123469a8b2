//! Reads the marks of an arrival from its address and referrer (attribution.md 2). What the marks
//! mean for the channel is decided in `channels`.

use super::click_ids;
use super::hosts;
use crate::model::{Marks, Touch, Utm};
use percent_encoding::percent_decode_str;
use std::borrow::Cow;
use unicode_normalization::UnicodeNormalization;

/// Longest value kept, characters: an address of Yandex Direct has at most 4096 bytes.
const MAX_VALUE: usize = 4096;

/// Marks of an arrival on `page` from `referrer`. `own_hosts` says whether a host (lower case,
/// without `www.`) is one of the workspace's sites. Never fails: what cannot be decoded is kept as
/// it came.
pub fn read(page: Option<&str>, referrer: Option<&str>, own_hosts: &dyn Fn(&str) -> bool) -> Marks {
    let mut marks = Marks {
        entry_page: page.and_then(clean),
        referrer: referrer.and_then(clean),
        ..Marks::default()
    };
    if let Some(page) = page {
        read_address(&mut marks, page);
    }
    settle(&mut marks, own_hosts);
    marks
}

/// Marks of the provider's own data: its UTM fields first, then those of the entry page or, when
/// that has none, of the page of the event.
pub fn read_touch(touch: &Touch, own_hosts: &dyn Fn(&str) -> bool) -> Marks {
    let entry = touch.entry_page.as_deref();
    let page = touch.page.as_deref();
    let mut marks = Marks {
        entry_page: entry.and_then(clean).or_else(|| page.and_then(clean)),
        referrer: touch.referrer.as_deref().and_then(clean),
        ..Marks::default()
    };
    for address in [entry, page].into_iter().flatten() {
        if !has_mark(&marks) {
            read_address(&mut marks, address);
        }
    }
    for (name, value) in &touch.utm {
        if !is_placeholder(value) {
            take(&mut marks, name, || Cow::Borrowed(value));
        }
    }
    settle(&mut marks, own_hosts);
    marks
}

/// The form in which values are compared and grouped: trimmed, NFC, lower case, `+` and `%20` as
/// a space.
pub fn fold(text: &str) -> String {
    let spaced: Cow<'_, str> = if text.contains("%20") {
        Cow::Owned(text.replace("%20", " "))
    } else {
        Cow::Borrowed(text)
    };
    let mut folded: String = if spaced.is_ascii() {
        spaced.to_ascii_lowercase()
    } else {
        spaced.to_lowercase().nfc().collect()
    };
    if folded.contains('+') {
        folded = folded.replace('+', " ");
    }
    match folded.trim() {
        trimmed if trimmed.len() == folded.len() => folded,
        trimmed => trimmed.to_owned(),
    }
}

/// The value holds percent-encoded bytes that are no text. It is kept, but says nothing.
pub fn is_undecodable(value: &str) -> bool {
    value.contains('%') && percent_decode_str(value).decode_utf8().is_err()
}

/// Something names a source on purpose: UTM, click id, openstat, `ef_id` or `cm_id`. `from` is not
/// counted, since sites use that name for anything.
pub fn has_mark(marks: &Marks) -> bool {
    !marks.utm.is_empty() || !marks.click_ids.is_empty() || is_paid_elsewhere(marks)
}

/// A click id of an advertising system, or another proof of an advertising click.
pub fn has_paid_click(marks: &Marks) -> bool {
    paid_click(marks).is_some() || is_paid_elsewhere(marks)
}

/// The first advertising click id, in the order of `click_ids::ALL`.
pub fn paid_click(marks: &Marks) -> Option<&'static click_ids::ClickId> {
    if marks.click_ids.is_empty() {
        return None;
    }
    click_ids::ALL
        .iter()
        .find(|click| click.paid && marks.click_ids.contains_key(click.name))
}

/// Where a click id and the UTM disagree, in one short English sentence (rule 4): the click id
/// decides the channel, the UTM names the rest.
pub fn conflict(marks: &Marks) -> Option<String> {
    let click = paid_click(marks)?;
    if let Some(source) = marks.utm.utm_source.as_deref() {
        let named = hosts::by_name(&fold(source));
        if named.is_some_and(|system| system.name != click.source) {
            return Some(format!(
                "{} is of {}, utm_source says {source}",
                click.name, click.source
            ));
        }
    }
    let medium = marks.utm.utm_medium.as_deref()?;
    let free = super::channels::is_free_medium(&fold(medium));
    free.then(|| format!("{} is an ad click, utm_medium says {medium}", click.name))
}

/// Address of the referrer in force: the real one, or `utm_referrer` in its place (rule 6).
pub fn referrer_in_force(marks: &Marks) -> Option<&str> {
    let host = marks.referrer_host.as_deref()?;
    [&marks.referrer, &marks.utm.utm_referrer]
        .into_iter()
        .flatten()
        .map(String::as_str)
        .find(|address| hosts::split(address).is_some_and(|(of, _)| of == host))
}

/// Decodes one query value. Bytes that are no UTF-8 leave the value as it came.
pub fn decode(raw: &str) -> Cow<'_, str> {
    let spaced: Cow<'_, str> = if raw.contains('+') {
        Cow::Owned(raw.replace('+', " "))
    } else {
        Cow::Borrowed(raw)
    };
    if !spaced.contains('%') {
        return spaced;
    }
    match percent_decode_str(&spaced).decode_utf8() {
        Ok(text) => Cow::Owned(text.into_owned()),
        Err(_) => Cow::Borrowed(raw),
    }
}

/// Name and raw value of each parameter: those of the fragment first, so that the query, read
/// later, outranks it.
pub fn parameters(address: &str) -> impl Iterator<Item = (Cow<'_, str>, &str)> {
    let (before, fragment) = address.split_once('#').unwrap_or((address, ""));
    let query = before.split_once('?').map_or("", |(_, query)| query);
    let fragment = fragment.split_once('?').map_or(fragment, |(_, rest)| rest);
    fragment
        .split('&')
        .chain(query.split('&'))
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| {
            let name = decode(name);
            // Addresses copied from page source come with `&amp;`.
            let name = match name.strip_prefix("amp;") {
                Some(rest) => Cow::Owned(rest.to_owned()),
                None => name,
            };
            (name, value)
        })
}

fn read_address(marks: &mut Marks, address: &str) {
    for (name, raw) in parameters(address) {
        take(marks, &name, || decode(raw));
    }
}

/// Puts one parameter where it belongs; the last non-empty value stays.
fn take<'v>(marks: &mut Marks, name: &str, value: impl FnOnce() -> Cow<'v, str>) {
    let lower = name.trim().to_ascii_lowercase();
    if let Some(field) = utm_field(&mut marks.utm, &lower) {
        if let Some(value) = clean(&value()) {
            *field = Some(value);
        }
        return;
    }
    match lower.as_str() {
        "_openstat" => {
            if let Some(value) = clean(&value()) {
                marks.openstat = read_openstat(&value);
            }
        }
        "from" | "ef_id" | "cm_id" => {
            if let Some(value) = clean(&value()) {
                marks.other.insert(lower, value);
            }
        }
        // The macro {source_type} of Yandex Direct under the names people give it.
        "source_type" | "placement_type" | "type" | "placement" | "network_type" => {
            if let Some(value) = placement_word(&fold(&value())) {
                marks.other.insert("placement_type".into(), value.into());
            }
        }
        _ => {
            if let Some(click) = click_ids::find(&lower)
                && let Some(value) = clean(&value()).filter(|value| click_ids::is_value(value))
            {
                marks.click_ids.insert(click.name.into(), value);
            }
        }
    }
}

fn utm_field<'m>(utm: &'m mut Utm, name: &str) -> Option<&'m mut Option<String>> {
    Some(match name {
        "utm_source" => &mut utm.utm_source,
        "utm_medium" => &mut utm.utm_medium,
        "utm_campaign" => &mut utm.utm_campaign,
        "utm_content" => &mut utm.utm_content,
        "utm_term" => &mut utm.utm_term,
        "utm_id" => &mut utm.utm_id,
        "utm_referrer" => &mut utm.utm_referrer,
        _ => return None,
    })
}

/// Trimmed, without control characters (stores refuse NUL), cut to `MAX_VALUE`; `None` when
/// nothing is left.
fn clean(value: &str) -> Option<String> {
    let kept: String = value
        .chars()
        .filter(|c| !c.is_control())
        .take(MAX_VALUE)
        .collect();
    let kept = kept.trim();
    (!kept.is_empty()).then(|| kept.to_owned())
}

/// What vendors write where they know nothing.
fn is_placeholder(value: &str) -> bool {
    const NOTHING: [&str; 7] = [
        "null",
        "undefined",
        "none",
        "(none)",
        "(not set)",
        "(direct)",
        "not set",
    ];
    NOTHING.contains(&fold(value).as_str())
}

/// `service;campaign;ad;source`, plain or in base64.
fn read_openstat(value: &str) -> std::collections::BTreeMap<String, String> {
    let plain = if value.contains(';') {
        value.to_owned()
    } else {
        from_base64(value).unwrap_or_else(|| value.to_owned())
    };
    ["service", "campaign", "ad", "source"]
        .into_iter()
        .zip(plain.splitn(4, ';'))
        .filter_map(|(part, text)| Some((part.to_owned(), clean(text)?)))
        .collect()
}

fn from_base64(value: &str) -> Option<String> {
    use base64::Engine;
    let sextets: String = value
        .trim_end_matches('=')
        .chars()
        .map(|c| match c {
            // `+` became a space when the query was decoded.
            ' ' | '-' => '+',
            '_' => '/',
            other => other,
        })
        .collect();
    let bytes = base64::engine::general_purpose::STANDARD_NO_PAD
        .decode(sextets)
        .ok()?;
    String::from_utf8(bytes)
        .ok()
        .filter(|text| text.contains(';'))
}

fn placement_word(word: &str) -> Option<&'static str> {
    ["search", "context"]
        .into_iter()
        .find(|known| *known == word)
}

/// What follows from all parameters together: referrer in force, placement, inferred source and
/// medium.
fn settle(marks: &mut Marks, own_hosts: &dyn Fn(&str) -> bool) {
    marks.referrer_host = host_in_force(marks, own_hosts);
    if !marks.other.contains_key("placement_type")
        && let Some(word) = placement_inside(marks)
    {
        marks.other.insert("placement_type".into(), word.into());
    }
    if marks.utm.utm_source.is_none() {
        marks.inferred_source = implied_source(marks, own_hosts);
    }
    if marks.utm.utm_medium.is_none() && has_paid_click(marks) {
        let medium = paid_click(marks).map_or("cpc", |click| click.medium);
        marks.inferred_medium = Some(medium.into());
    }
}

fn host_in_force(marks: &Marks, own_hosts: &dyn Fn(&str) -> bool) -> Option<String> {
    let host = |address: &Option<String>| {
        let (host, _) = hosts::split(address.as_deref()?)?;
        Some(host.into_owned())
    };
    match host(&marks.referrer) {
        Some(real) if !own_hosts(&real) => Some(real),
        own => host(&marks.utm.utm_referrer).or(own),
    }
}

/// The placement type inside `cm_id` (`…_context_…`) or in a composed `utm_content`
/// (`…|src|context_site.test|…`, `…type:context…`).
fn placement_inside(marks: &Marks) -> Option<&'static str> {
    fn words(text: &str) -> impl Iterator<Item = &str> {
        text.split(|c: char| !c.is_ascii_alphanumeric())
    }
    if let Some(cm_id) = marks.other.get("cm_id")
        && let Some(word) = words(cm_id).find_map(placement_word)
    {
        return Some(word);
    }
    let content = marks.utm.utm_content.as_deref()?;
    words(content)
        .zip(words(content).skip(1))
        .find(|(before, _)| ["src", "type", "st"].contains(before))
        .and_then(|(_, word)| placement_word(word))
}

/// An advertising click names its system. A free one (`ysclid`, `fbclid`) does so only where no
/// foreign referrer knows better.
fn implied_source(marks: &Marks, own_hosts: &dyn Fn(&str) -> bool) -> Option<String> {
    if let Some(click) = paid_click(marks) {
        return Some(click.source.into());
    }
    if let Some(service) = marks.openstat.get("service") {
        let service = fold(service);
        let known = hosts::split(&service).and_then(|(host, path)| hosts::by_host(&host, path));
        return Some(known.map_or(service, |system| system.name.clone()));
    }
    let foreign = marks
        .referrer_host
        .as_deref()
        .is_some_and(|host| !own_hosts(host) && !hosts::is_ignored(host));
    if foreign {
        return None;
    }
    click_ids::ALL
        .iter()
        .find(|click| marks.click_ids.contains_key(click.name))
        .map(|click| click.source.into())
}

fn is_paid_elsewhere(marks: &Marks) -> bool {
    !marks.openstat.is_empty()
        || marks.other.contains_key("ef_id")
        || marks.other.contains_key("cm_id")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(page: &str, referrer: &str) -> Marks {
        read(Some(page), Some(referrer), &|host| host == "own.test")
    }

    #[test]
    fn click_ids_keep_their_letters_and_imply_source_and_medium() {
        let marks = of("https://own.test/?yclid=AbC9", "https://yandex.ru/");
        assert_eq!(marks.click_ids["yclid"], "AbC9");
        assert_eq!(marks.inferred_source.as_deref(), Some("yandex"));
        assert_eq!(marks.inferred_medium.as_deref(), Some("cpc"));
        assert_eq!(marks.utm, Utm::default());
    }

    #[test]
    fn the_last_non_empty_value_of_a_repeated_parameter_wins() {
        let marks = of("/?utm_source=a&utm_source=b&utm_source=&UTM_Medium=cpc", "");
        assert_eq!(marks.utm.utm_source.as_deref(), Some("b"));
        assert_eq!(marks.utm.utm_medium.as_deref(), Some("cpc"));
    }

    #[test]
    fn broken_encoding_is_kept_as_it_came() {
        let marks = of(
            "/?utm_source=%FF%FE&utm_term=%D0%BE%D0%BA%D0%BD%D0%B0+a&utm_content=50%",
            "",
        );
        assert_eq!(marks.utm.utm_source.as_deref(), Some("%FF%FE"));
        assert!(is_undecodable("%FF%FE"));
        assert_eq!(marks.utm.utm_term.as_deref(), Some("окна a"));
        assert_eq!(marks.utm.utm_content.as_deref(), Some("50%"));
    }

    #[test]
    fn values_lose_control_characters_and_unfilled_macros() {
        let marks = of(
            "/?utm_source=a%00b&rb_clickid={{clickid}}&yclid={yclid}",
            "",
        );
        assert_eq!(marks.utm.utm_source.as_deref(), Some("ab"));
        assert!(marks.click_ids.is_empty());
    }

    #[test]
    fn utm_referrer_replaces_only_an_empty_or_own_referrer() {
        let page = "https://own.test/?utm_referrer=https%3A%2F%2Fya.ru%2F";
        for (referrer, expected) in [
            ("", "ya.ru"),
            ("https://own.test/a", "ya.ru"),
            ("https://www.Example.org/x", "example.org"),
        ] {
            let marks = of(page, referrer);
            assert_eq!(marks.referrer_host.as_deref(), Some(expected), "{referrer}");
        }
        let kept = of("https://own.test/", "https://own.test/a");
        assert_eq!(kept.referrer_host.as_deref(), Some("own.test"));
    }

    #[test]
    fn openstat_is_read_plain_and_in_base64() {
        let plain = of("/?_openstat=direct.yandex.ru;77;88;yandex.ru:premium", "");
        let coded = of(
            "/?_openstat=ZGlyZWN0LnlhbmRleC5ydTs3Nzs4ODt5YW5kZXgucnU6cHJlbWl1bQ%3D%3D",
            "",
        );
        assert_eq!(plain.openstat, coded.openstat);
        assert_eq!(plain.openstat["campaign"], "77");
        assert_eq!(plain.openstat["source"], "yandex.ru:premium");
        assert_eq!(plain.inferred_source.as_deref(), Some("yandex"));
        assert_eq!(plain.inferred_medium.as_deref(), Some("cpc"));
    }

    #[test]
    fn the_placement_type_is_found_under_its_names_and_inside_composed_marks() {
        for page in [
            "/?yclid=1&source_type=context",
            "/?yclid=1&type=Context",
            "/?cm_id=12_34_56_78_context_site.test",
            "/?yclid=1&utm_content=cid|5|src|context_site.test|dvc|mobile",
        ] {
            let marks = of(page, "");
            let placement = marks.other.get("placement_type").map(String::as_str);
            assert_eq!(placement, Some("context"), "{page}");
        }
        let none = of("/?type=sofa&utm_content=context", "");
        assert!(!none.other.contains_key("placement_type"));
    }

    #[test]
    fn marks_after_the_hash_and_with_html_escapes_are_read() {
        let marks = of("/#/okna?utm_source=vk&amp;utm_medium=cpc", "");
        assert_eq!(marks.utm.utm_source.as_deref(), Some("vk"));
        assert_eq!(marks.utm.utm_medium.as_deref(), Some("cpc"));
        let both = of("/?utm_source=query#utm_source=hash", "");
        assert_eq!(both.utm.utm_source.as_deref(), Some("query"));
    }

    #[test]
    fn folding_joins_spellings() {
        for (raw, folded) in [
            (" Yandex ", "yandex"),
            ("Осень%20Окна", "осень окна"),
            ("a+B", "a b"),
            ("\u{0418}\u{0306}од", "йод"),
            ("", ""),
        ] {
            assert_eq!(fold(raw), folded);
        }
    }

    #[test]
    fn a_click_id_that_contradicts_the_utm_is_told() {
        let told = |page: &str| conflict(&of(page, ""));
        assert!(told("/?utm_source=google&utm_medium=cpc&yclid=1").is_some());
        assert!(told("/?utm_source=yandex&utm_medium=email&yclid=1").is_some());
        assert_eq!(told("/?utm_source=yandex&utm_medium=cpc&yclid=1"), None);
        assert_eq!(told("/?utm_source=google&utm_medium=email"), None);
    }

    #[test]
    fn the_providers_utm_fields_outrank_its_pages() {
        let touch = Touch {
            utm: [
                ("utm_source".to_owned(), "vk".to_owned()),
                ("utm_campaign".to_owned(), "(not set)".to_owned()),
            ]
            .into(),
            page: Some("https://own.test/b?utm_campaign=page".into()),
            entry_page: Some("https://own.test/a?utm_source=x&utm_campaign=entry".into()),
            referrer: Some("https://vk.com/".into()),
            ..Touch::default()
        };
        let marks = read_touch(&touch, &|_| false);
        assert_eq!(marks.utm.utm_source.as_deref(), Some("vk"));
        assert_eq!(marks.utm.utm_campaign.as_deref(), Some("entry"));
        let late = Touch {
            entry_page: Some("https://own.test/a".into()),
            ..touch
        };
        let marks = read_touch(&late, &|_| false);
        assert_eq!(marks.utm.utm_campaign.as_deref(), Some("page"));
        assert_eq!(marks.entry_page.as_deref(), Some("https://own.test/a"));
        assert!(read_touch(&Touch::default(), &|_| false).is_empty());
    }
}
