//! Channel groups (attribution.md 3): an ordered list of rules, the first that holds decides. The
//! list is data: standard rules may be moved or left out, own rules put anywhere between them.

use super::conditions::{self, Compiled};
use super::hosts::Kind;
use super::utm;
use super::view::{Facts, Geo, View};
use crate::model::{ChannelGroup, Conditions, Marks, Parameter};
use serde::{Deserialize, Serialize};

/// The rules of one workspace, in order. What no rule takes is Direct.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChannelRules(pub Vec<ChannelRule>);

/// One rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ChannelRule {
    Standard {
        standard: Standard,
    },
    /// A rule of the workspace's own; its conditions cannot look at the channel.
    Own {
        name: String,
        group: ChannelGroup,
        conditions: Conditions,
    },
}

impl Default for ChannelRules {
    fn default() -> Self {
        ChannelRules(
            Standard::ALL
                .iter()
                .map(|&standard| ChannelRule::Standard { standard })
                .collect(),
        )
    }
}

impl ChannelRules {
    /// Says what is wrong with the own rules, naming the rule.
    pub fn validate(&self) -> Result<(), String> {
        for rule in &self.0 {
            let ChannelRule::Own {
                name, conditions, ..
            } = rule
            else {
                continue;
            };
            conditions::validate(conditions)
                .map_err(|wrong| format!("rule \"{name}\": {wrong}"))?;
            let mut all = conditions.groups.iter().flat_map(|group| &group.conditions);
            if all.any(|condition| condition.parameter == Parameter::Channel) {
                return Err(format!(
                    "rule \"{name}\": a rule that decides the channel cannot look at it"
                ));
            }
        }
        Ok(())
    }
}

/// The channel group of an arrival by these rules, without geography. `own_site`: the referrer in
/// force is one of the workspace's sites.
pub fn classify(marks: &Marks, own_site: bool, rules: &Channels) -> ChannelGroup {
    let view = View::new(marks, own_site);
    let facts = Facts::new(&view, Geo::default());
    rules.group(&view, &facts)
}

/// `ChannelRules` made ready for use.
#[derive(Debug)]
pub struct Channels(Vec<Step>);

#[derive(Debug)]
enum Step {
    Standard(Standard),
    Own(ChannelGroup, Compiled),
}

impl Channels {
    pub fn compile(rules: &ChannelRules) -> Channels {
        let compile = |rule: &ChannelRule| match rule {
            ChannelRule::Standard { standard } => Step::Standard(*standard),
            ChannelRule::Own {
                group, conditions, ..
            } => Step::Own(*group, Compiled::new(conditions)),
        };
        Channels(rules.0.iter().map(compile).collect())
    }

    /// `facts` are those of `view`, without the channel.
    pub fn group(&self, view: &View<'_>, facts: &Facts) -> ChannelGroup {
        self.0
            .iter()
            .find_map(|step| match step {
                Step::Standard(standard) => standard.holds(view).then(|| standard.group()),
                Step::Own(group, conditions) => conditions.matched(facts).map(|_| *group),
            })
            .unwrap_or(ChannelGroup::Direct)
    }
}

macro_rules! standard_rules {
    ($($(#[$doc:meta])* $name:ident => $group:ident),+ $(,)?) => {
        /// The standard rules in their standard order; Direct is what remains.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Standard {
            $($(#[$doc])* $name),+
        }

        impl Standard {
            pub const ALL: &'static [Standard] = &[$(Standard::$name),+];

            pub fn group(self) -> ChannelGroup {
                match self { $(Standard::$name => ChannelGroup::$group),+ }
            }
        }
    };
}

standard_rules! {
    Internal => Internal,
    CrossNetwork => CrossNetwork,
    /// Media `cpm`, `display`, `banner` whatever the source, and ad clicks placed in context.
    DisplayMedium => Display,
    PaidMarketplaces => PaidMarketplaces,
    PaidSearch => PaidSearch,
    PaidSocial => PaidSocial,
    PaidMessengers => PaidMessengers,
    PaidVideo => PaidVideo,
    Display => Display,
    PaidOther => PaidOther,
    Marketplaces => Marketplaces,
    Maps => Maps,
    Social => Social,
    Messengers => Messengers,
    Video => Video,
    Recommendations => Recommendations,
    Assistants => Assistants,
    Search => Search,
    Email => Email,
    Affiliates => Affiliates,
    Audio => Audio,
    Sms => Sms,
    Push => Push,
    QrOffline => QrOffline,
    Referral => Referral,
}

impl Standard {
    fn holds(self, view: &View<'_>) -> bool {
        let medium = view.medium.as_deref().unwrap_or("");
        let source = view.source.as_deref().unwrap_or("");
        let kind = view.kind();
        let paid = is_paid_medium(medium);
        let is = |words: &[&str]| words.contains(&medium);
        match self {
            Standard::Internal => view.returned && !utm::has_mark(view.marks),
            Standard::CrossNetwork => campaign(view).contains("cross-network"),
            Standard::DisplayMedium => {
                is(&["cpm", "display", "banner"])
                    || (view.placed_in_context() && (paid || view.has_click("yclid")))
            }
            Standard::PaidMarketplaces => {
                view.has_click("ymclid")
                    || (paid && (kind == Some(Kind::Marketplace) || names_a_shop(campaign(view))))
            }
            Standard::PaidSearch => {
                (paid && kind == Some(Kind::Search))
                    || view.has_click("yclid")
                    || (has_any(view, GOOGLE_SEARCH) && names(view, "google"))
                    || (view.has_click("msclkid") && names(view, "bing"))
            }
            Standard::PaidSocial => {
                (paid && kind == Some(Kind::Social)) || has_any(view, SOCIAL_CLICKS)
            }
            Standard::PaidMessengers => {
                (paid && kind == Some(Kind::Messenger)) || view.has_click("ctwa_clid")
            }
            Standard::PaidVideo => paid && kind == Some(Kind::Video),
            Standard::Display => {
                is(&["display", "banner", "expandable", "interstitial", "cpm"])
                    || view.has_click("dclid")
                    || (has_any(view, GOOGLE_SEARCH) && kind != Some(Kind::Search))
            }
            Standard::PaidOther => paid || utm::has_paid_click(view.marks),
            Standard::Marketplaces => kind == Some(Kind::Marketplace),
            Standard::Maps => kind == Some(Kind::Maps),
            Standard::Social => kind == Some(Kind::Social) || is(SOCIAL_MEDIA),
            Standard::Messengers => kind == Some(Kind::Messenger) || is(&["messenger", "chat"]),
            Standard::Video => kind == Some(Kind::Video) || medium.contains("video"),
            Standard::Recommendations => kind == Some(Kind::Recommendation),
            Standard::Assistants => kind == Some(Kind::Assistant),
            Standard::Search => {
                kind == Some(Kind::Search) || medium == "organic" || view.has_click("ysclid")
            }
            Standard::Email => kind == Some(Kind::Mail) || is(EMAIL) || EMAIL.contains(&source),
            Standard::Affiliates => is(&["affiliate", "affiliates", "partner", "partnership"]),
            Standard::Audio => medium == "audio",
            Standard::Sms => medium == "sms" || source == "sms",
            Standard::Push => {
                medium.ends_with("push")
                    || medium.contains("mobile")
                    || medium.contains("notification")
            }
            Standard::QrOffline => is(&["qr", "qrcode", "offline", "print"]),
            Standard::Referral => {
                is(&["referral", "app", "link"])
                    || view.foreign_host.is_some()
                    || view.has_readable_utm()
            }
        }
    }
}

/// Google clicks that come from search unless the source says otherwise; `dclid` is of display
/// by its nature.
const GOOGLE_SEARCH: &[&str] = &["gclid", "gbraid", "wbraid", "gad_source"];
const SOCIAL_CLICKS: &[&str] = &[
    "rb_clickid",
    "ttclid",
    "twclid",
    "li_fat_id",
    "epik",
    "rdt_cid",
    "ScCid",
];
const SOCIAL_MEDIA: &[&str] = &[
    "social",
    "social-network",
    "social-media",
    "sm",
    "social network",
    "social media",
];
const EMAIL: &[&str] = &["email", "e-mail", "e_mail", "e mail", "newsletter"];

/// `^(.*cp.*|ppc|retargeting|paid.*)$`; `medium` folded.
pub fn is_paid_medium(medium: &str) -> bool {
    medium.contains("cp")
        || medium == "ppc"
        || medium == "retargeting"
        || medium.starts_with("paid")
}

/// A medium that plainly says the click was not bought; `medium` folded.
pub fn is_free_medium(medium: &str) -> bool {
    EMAIL.contains(&medium)
        || SOCIAL_MEDIA.contains(&medium)
        || [
            "organic",
            "referral",
            "sms",
            "messenger",
            "chat",
            "push",
            "qr",
            "link",
        ]
        .contains(&medium)
}

fn campaign<'v>(view: &'v View<'_>) -> &'v str {
    view.campaign.as_deref().unwrap_or("")
}

fn has_any(view: &View<'_>, clicks: &[&str]) -> bool {
    clicks.iter().any(|name| view.has_click(name))
}

fn names(view: &View<'_>, system: &str) -> bool {
    view.system.is_some_and(|known| known.name == system)
}

/// `^(.*(([^a-df-z]|^)shop|shopping).*)$`: "shop" as a word of its own or after an `e`.
fn names_a_shop(campaign: &str) -> bool {
    campaign.match_indices("shop").any(|(at, _)| {
        let before = campaign[..at].chars().next_back();
        let inside_a_word = before.is_some_and(|c| c.is_ascii_lowercase() && c != 'e');
        !inside_a_word || campaign[at..].starts_with("shopping")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Condition, ConditionGroup, ConditionOperator};

    fn standard() -> Channels {
        Channels::compile(&ChannelRules::default())
    }

    fn own(host: &str) -> bool {
        host == "own.test"
    }

    /// Marks and group of an arrival; the address may be only a query.
    fn arrive(page: &str, referrer: &str) -> (Marks, ChannelGroup) {
        let page = format!("https://own.test/{page}");
        let marks = utm::read(Some(&page), Some(referrer), &own);
        let own_site = marks.referrer_host.as_deref().is_some_and(own);
        let group = classify(&marks, own_site, &standard());
        (marks, group)
    }

    #[test]
    fn golden() {
        use ChannelGroup::*;
        let table = [
            ("?yclid=1", "https://yandex.ru/", PaidSearch),
            ("?ysclid=x", "https://yandex.ru/", Search),
            ("", "https://mail.yandex.ru/", Email),
            ("", "https://dzen.ru/", Recommendations),
            ("", "https://away.vk.com/", Social),
            (
                "?utm_source=vk&utm_medium=cpc&rb_clickid=AbC",
                "",
                PaidSocial,
            ),
            ("?utm_source=google&utm_medium=cpc&gclid=X", "", PaidSearch),
            ("?utm_source=google", "", Search),
            ("?gbraid=Y", "", PaidSearch),
            ("?utm_source=tg_channel&utm_medium=post", "", Referral),
            ("", "https://t.me/", Messengers),
            ("", "https://2gis.ru/", Maps),
            ("", "https://avito.ru/", Marketplaces),
            ("?utm_source=Yandex&utm_medium=CPM", "", Display),
            ("?utm_source=adnet&utm_medium=cpm", "", Display),
            ("?yclid=1&source_type=context", "", Display),
            ("?utm_medium=email", "", Email),
            ("", "https://securepayments.sberbank.ru/", Internal),
            ("", "https://own.test/a", Internal),
            ("", "", Direct),
            ("?utm_source=%FF%FE", "", Direct),
            ("?utm_source=%FF%FE", "https://2gis.ru/", Maps),
        ];
        for (page, referrer, expected) in table {
            assert_eq!(arrive(page, referrer).1, expected, "{page} {referrer}");
        }
    }

    #[test]
    fn golden_marks() {
        let (direct, _) = arrive("?yclid=1", "https://yandex.ru/");
        assert_eq!(direct.inferred_source.as_deref(), Some("yandex"));
        assert_eq!(direct.inferred_medium.as_deref(), Some("cpc"));
        let (organic, _) = arrive("?ysclid=x", "https://yandex.ru/");
        assert_eq!(organic.inferred_medium, None);
        assert_eq!(View::new(&organic, false).system.unwrap().name, "yandex");
        let (vk, _) = arrive("?utm_source=vk&utm_medium=cpc&rb_clickid=AbC", "");
        assert_eq!(vk.click_ids["rb_clickid"], "AbC");
        let (social, _) = arrive("", "https://away.vk.com/");
        assert_eq!(View::new(&social, false).system.unwrap().name, "vk");
        let (google, _) = arrive("?utm_source=google", "");
        assert_eq!(View::new(&google, false).medium, None);
        let (ios, _) = arrive("?gbraid=Y", "");
        assert_eq!(ios.inferred_source.as_deref(), Some("google"));
        let (cpm, _) = arrive("?utm_source=Yandex&utm_medium=CPM", "");
        assert_eq!(cpm.utm.utm_source.as_deref(), Some("Yandex"));
        assert_eq!(View::new(&cpm, false).source.as_deref(), Some("yandex"));
        let (broken, _) = arrive("?utm_source=%FF%FE", "");
        assert_eq!(broken.utm.utm_source.as_deref(), Some("%FF%FE"));
    }

    #[test]
    fn each_group_has_an_arrival() {
        use ChannelGroup::*;
        let table = [
            (
                "?utm_campaign=x-cross-network-y&utm_medium=cpm",
                "",
                CrossNetwork,
            ),
            ("?ymclid=1", "", PaidMarketplaces),
            ("?utm_source=ozon&utm_medium=cpc", "", PaidMarketplaces),
            ("?utm_campaign=eshop&utm_medium=cpc", "", PaidMarketplaces),
            ("?utm_campaign=workshop&utm_medium=cpc", "", PaidOther),
            ("?utm_source=youtube&utm_medium=cpv", "", PaidVideo),
            ("?utm_source=youtube&utm_medium=cpc", "", PaidVideo),
            ("?utm_source=tg&utm_medium=cpc", "", PaidMessengers),
            ("?ctwa_clid=1", "", PaidMessengers),
            ("?msclkid=1", "", PaidSearch),
            ("?utm_source=adnet&msclkid=1", "", PaidOther),
            ("?utm_source=newsletter&gclid=1", "", Display),
            ("?dclid=1", "", Display),
            ("?_openstat=begun.test;1;2;3", "", PaidOther),
            ("?_openstat=direct.yandex.ru;1;2;3", "", PaidSearch),
            ("?ef_id=1", "", PaidOther),
            ("?utm_medium=retargeting", "", PaidOther),
            ("?utm_medium=cpa&utm_source=adnet", "", PaidOther),
            ("?fbclid=1", "", Social),
            ("?utm_medium=social", "", Social),
            ("?utm_medium=chat", "", Messengers),
            ("", "https://rutube.ru/", Video),
            ("", "https://alice.yandex.ru/", Assistants),
            ("?utm_medium=organic", "", Search),
            ("?utm_source=newsletter", "", Email),
            ("?utm_medium=partner", "", Affiliates),
            ("?utm_medium=audio", "", Audio),
            ("?utm_source=sms", "", Sms),
            ("?utm_medium=web-push", "", Push),
            ("?utm_medium=qr", "", QrOffline),
            ("", "https://example.org/", Referral),
            ("", "https://disk.yandex.ru/", Referral),
            ("?utm_source=vk", "https://own.test/a", Social),
            ("?from=catalog", "https://own.test/a", Internal),
            ("?from=catalog", "", Direct),
            (
                "?utm_source=Newsletter&utm_medium=email&yclid=1",
                "",
                PaidSearch,
            ),
        ];
        for (page, referrer, expected) in table {
            assert_eq!(arrive(page, referrer).1, expected, "{page} {referrer}");
        }
    }

    #[test]
    fn the_standard_order_names_every_group_but_the_rest() {
        for &group in ChannelGroup::ALL {
            let named = Standard::ALL.iter().any(|rule| rule.group() == group);
            assert_eq!(named, group != ChannelGroup::Direct, "{group:?}");
        }
    }

    #[test]
    fn own_rules_go_anywhere_and_standard_ones_can_be_moved() {
        let marks = utm::read(Some("/?utm_source=tg_channel&utm_medium=cpa"), None, &own);
        let mut rules = ChannelRules::default();
        let rule = |parameter| ChannelRule::Own {
            name: "Partners".into(),
            group: ChannelGroup::Affiliates,
            conditions: Conditions {
                groups: vec![ConditionGroup {
                    conditions: vec![Condition {
                        parameter,
                        operator: ConditionOperator::Equals,
                        value: "CPA".into(),
                        exclude: false,
                    }],
                }],
            },
        };
        let group = |rules: &ChannelRules| classify(&marks, false, &Channels::compile(rules));
        rules.0.push(rule(Parameter::UtmMedium));
        assert_eq!(group(&rules), ChannelGroup::PaidOther);
        rules.0.rotate_right(1);
        assert_eq!(group(&rules), ChannelGroup::Affiliates);
        assert_eq!(rules.validate(), Ok(()));
        let stored = serde_json::to_string(&rules).unwrap();
        assert_eq!(
            serde_json::from_str::<ChannelRules>(&stored).unwrap(),
            rules
        );
        rules.0[0] = rule(Parameter::Channel);
        assert!(rules.validate().unwrap_err().contains("Partners"));
        let none = ChannelRules(Vec::new());
        assert_eq!(group(&none), ChannelGroup::Direct);
    }
}
