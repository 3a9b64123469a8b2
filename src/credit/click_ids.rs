//! Click ids: which address parameters are put there by advertising and search systems, and what
//! each of them says (attribution.md 2). Reading addresses is the work of `utm`.

/// One parameter that names a click.
#[derive(Debug, PartialEq, Eq)]
pub struct ClickId {
    /// As the system spells it; the key in `Marks::click_ids`.
    pub name: &'static str,
    /// Source implied when nothing else names one; a name of `hosts.toml`.
    pub source: &'static str,
    /// Proof of an advertising click.
    pub paid: bool,
    /// Medium implied by an advertising click: clicks of Google's display network are bought by
    /// impressions, all others by clicks.
    pub medium: &'static str,
    /// The value differs from click to click. `gad_source` is a small number shared by everybody,
    /// so it neither joins a visit to anything nor opens a new one.
    pub unique: bool,
    /// Advertising system, in the words of the condition `ad_system`.
    pub ad_system: Option<&'static str>,
}

/// Every known parameter; where several stand in one address, the earlier one names the source.
pub const ALL: &[ClickId] = &[
    ad("yclid", "yandex", "yandex.direct"),
    ad("ymclid", "yandex_market", "yandex.market"),
    ad("gclid", "google", "google.ads"),
    ad("gbraid", "google", "google.ads"),
    ad("wbraid", "google", "google.ads"),
    ClickId {
        medium: "cpm",
        ..ad("dclid", "google", "google.ads")
    },
    ClickId {
        unique: false,
        ..ad("gad_source", "google", "google.ads")
    },
    ad("rb_clickid", "vk", "vk.ads"),
    ad("msclkid", "bing", "microsoft.ads"),
    ad("ttclid", "tiktok", "tiktok.ads"),
    ad("twclid", "twitter", "twitter.ads"),
    ad("li_fat_id", "linkedin", "linkedin.ads"),
    ad("epik", "pinterest", "pinterest.ads"),
    ad("rdt_cid", "reddit", "reddit.ads"),
    ad("ScCid", "snapchat", "snapchat.ads"),
    ad("ctwa_clid", "whatsapp", "facebook.ads"),
    hint("ysclid", "yandex"),
    hint("fbclid", "facebook"),
];

const fn ad(name: &'static str, source: &'static str, ad_system: &'static str) -> ClickId {
    ClickId {
        name,
        source,
        paid: true,
        medium: "cpc",
        unique: true,
        ad_system: Some(ad_system),
    }
}

const fn hint(name: &'static str, source: &'static str) -> ClickId {
    ClickId {
        name,
        source,
        paid: false,
        medium: "",
        unique: true,
        ad_system: None,
    }
}

/// The click id of this parameter; the case of the name does not matter, as people retype it.
pub fn find(parameter: &str) -> Option<&'static ClickId> {
    ALL.iter()
        .find(|click| click.name.eq_ignore_ascii_case(parameter))
}

/// The value can be a click id. An unfilled macro (`{{clickid}}`) is the same for everybody who
/// opens the address by hand and would tie strangers together.
pub fn is_value(value: &str) -> bool {
    !value.is_empty() && !value.contains(['{', '}'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credit::hosts;

    #[test]
    fn every_source_of_a_click_id_is_a_known_system() {
        for click in ALL {
            assert!(hosts::by_name(click.source).is_some(), "{}", click.name);
        }
    }

    #[test]
    fn names_are_found_in_any_case_and_keep_their_own_spelling() {
        assert_eq!(find("sccid").map(|click| click.name), Some("ScCid"));
        assert_eq!(find("etext"), None);
        assert!(!is_value("{{clickid}}"));
    }
}
