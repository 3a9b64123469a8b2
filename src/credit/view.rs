//! One arrival as the rules look at it: folded once, then asked many times.

use super::{click_ids, hosts, utm};
use crate::model::{ChannelGroup, Marks, Parameter};
use percent_encoding::percent_decode_str;

/// Where the visitor is by the address of his connection, as far as known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Geo<'a> {
    pub country: Option<&'a str>,
    pub region: Option<&'a str>,
    pub city: Option<&'a str>,
}

/// What the channel rules see.
pub struct View<'a> {
    pub marks: &'a Marks,
    /// Folded `utm_source`, or the source a click id implies.
    pub source: Option<String>,
    /// Folded `utm_medium`, or the medium a click id implies.
    pub medium: Option<String>,
    pub campaign: Option<String>,
    /// By the source or, when that is nobody known, by the foreign referrer.
    pub system: Option<&'static hosts::System>,
    /// Referrer host that is neither an own site nor ignored.
    pub foreign_host: Option<&'a str>,
    /// The referrer is an own site or an ignored page.
    pub returned: bool,
}

impl<'a> View<'a> {
    /// `own_site`: the referrer in force is one of the workspace's own sites.
    pub fn new(marks: &'a Marks, own_site: bool) -> Self {
        let host = marks.referrer_host.as_deref();
        let returned = host.is_some_and(|host| own_site || hosts::is_ignored(host));
        let foreign_host = host.filter(|_| !returned);
        let source = readable(&marks.utm.utm_source).or_else(|| marks.inferred_source.clone());
        let system = source
            .as_deref()
            .and_then(hosts::by_name)
            .or_else(|| referring_system(marks, foreign_host));
        View {
            marks,
            medium: readable(&marks.utm.utm_medium).or_else(|| marks.inferred_medium.clone()),
            campaign: readable(&marks.utm.utm_campaign),
            source,
            system,
            foreign_host,
            returned,
        }
    }

    pub fn kind(&self) -> Option<hosts::Kind> {
        self.system.map(|system| system.kind)
    }

    pub fn has_click(&self, name: &str) -> bool {
        self.marks.click_ids.contains_key(name)
    }

    pub fn placed_in_context(&self) -> bool {
        self.marks
            .other
            .get("placement_type")
            .is_some_and(|word| word == "context")
    }

    /// A UTM field that names a source and can be read.
    pub fn has_readable_utm(&self) -> bool {
        let utm = &self.marks.utm;
        [
            &utm.utm_source,
            &utm.utm_medium,
            &utm.utm_campaign,
            &utm.utm_content,
            &utm.utm_term,
            &utm.utm_id,
        ]
        .into_iter()
        .flatten()
        .any(|value| !utm::is_undecodable(value))
    }
}

fn readable(value: &Option<String>) -> Option<String> {
    let value = value.as_deref()?;
    (!utm::is_undecodable(value)).then(|| utm::fold(value))
}

fn referring_system(marks: &Marks, host: Option<&str>) -> Option<&'static hosts::System> {
    let host = host?;
    let path = utm::referrer_in_force(marks)
        .and_then(hosts::split)
        .map_or("", |(_, path)| path);
    hosts::by_host(host, path)
}

/// What the conditions compare: for each parameter the texts it may be compared as, folded, but
/// click ids in their own letters.
pub struct Facts {
    texts: [Vec<String>; PARAMETERS],
}

const PARAMETERS: usize = Parameter::From as usize + 1;

impl Facts {
    /// Everything but the channel, which is decided from these facts.
    pub fn new(view: &View<'_>, geo: Geo<'_>) -> Self {
        let mut facts = Facts {
            texts: std::array::from_fn(|_| Vec::new()),
        };
        facts.add_address_and_referrer(view);
        facts.add_marks(view.marks);
        for (parameter, value) in [
            (Parameter::Country, geo.country),
            (Parameter::Region, geo.region),
            (Parameter::City, geo.city),
        ] {
            facts.add(parameter, value.map(utm::fold));
        }
        facts
    }

    pub fn texts(&self, parameter: Parameter) -> &[String] {
        &self.texts[parameter as usize]
    }

    /// The group by its own name and, where it differs, by the word of the CoMagic reports.
    pub fn set_channel(&mut self, group: ChannelGroup) {
        let wider = wider_channel(group).map(str::to_owned);
        self.texts[Parameter::Channel as usize].clear();
        self.add(
            Parameter::Channel,
            [Some(group.as_str().to_owned()), wider]
                .into_iter()
                .flatten(),
        );
    }

    fn add(&mut self, parameter: Parameter, texts: impl IntoIterator<Item = String>) {
        self.texts[parameter as usize].extend(texts);
    }

    fn add_address_and_referrer(&mut self, view: &View<'_>) {
        let marks = view.marks;
        if let Some(page) = &marks.entry_page {
            self.add(Parameter::EntrancePage, spellings(page));
        }
        let referrer = utm::referrer_in_force(marks);
        if let Some(referrer) = referrer {
            self.add(Parameter::Referrer, spellings(referrer));
        }
        self.add(Parameter::ReferrerDomain, marks.referrer_host.clone());
        let engine = referring_system(marks, view.foreign_host)
            .filter(|system| system.kind == hosts::Kind::Search);
        if let Some(engine) = engine {
            self.add(Parameter::SearchEngine, Some(engine.name.clone()));
            self.add(Parameter::SearchEngine, marks.referrer_host.clone());
            self.add(
                Parameter::SearchQuery,
                referrer.and_then(search_query).as_deref().map(utm::fold),
            );
        }
        self.add(Parameter::AdSystem, ad_system(view).map(str::to_owned));
    }

    fn add_marks(&mut self, marks: &Marks) {
        let utm = &marks.utm;
        for (parameter, value) in [
            (Parameter::UtmSource, utm.utm_source.as_ref()),
            (Parameter::UtmMedium, utm.utm_medium.as_ref()),
            (Parameter::UtmCampaign, utm.utm_campaign.as_ref()),
            (Parameter::UtmTerm, utm.utm_term.as_ref()),
            (Parameter::UtmContent, utm.utm_content.as_ref()),
            (Parameter::OpenstatService, marks.openstat.get("service")),
            (Parameter::OpenstatCampaign, marks.openstat.get("campaign")),
            (Parameter::OpenstatAd, marks.openstat.get("ad")),
            (Parameter::OpenstatSource, marks.openstat.get("source")),
            (Parameter::CmId, marks.other.get("cm_id")),
            (Parameter::From, marks.other.get("from")),
        ] {
            self.add(parameter, value.map(|text| utm::fold(text)));
        }
        for (parameter, value) in [
            (Parameter::EfId, marks.other.get("ef_id")),
            (Parameter::Yclid, marks.click_ids.get("yclid")),
            (Parameter::Gclid, marks.click_ids.get("gclid")),
            (Parameter::Ymclid, marks.click_ids.get("ymclid")),
        ] {
            self.add(parameter, value.cloned());
        }
    }
}

/// Parameters whose values are compared letter by letter.
pub fn keeps_letter_case(parameter: Parameter) -> bool {
    matches!(
        parameter,
        Parameter::EfId | Parameter::Yclid | Parameter::Gclid | Parameter::Ymclid
    )
}

/// The one spelling of an advertising system's name in the condition `ad_system`.
pub fn canonical_ad_system(folded: &str) -> Option<&'static str> {
    const SPELLINGS: &[(&str, &str)] = &[
        ("google.adwords", "google.ads"),
        ("google.adwords.com", "google.ads"),
        ("mytarget.ads", "vk.ads"),
        ("mytarget", "vk.ads"),
        ("vk_new.ads", "vk.ads"),
        ("яндекс.маркет", "yandex.market"),
        ("яндекс маркет", "yandex.market"),
    ];
    if let Some((_, canonical)) = SPELLINGS.iter().find(|(spelling, _)| *spelling == folded) {
        return Some(canonical);
    }
    if let Some(known) = click_ids::ALL
        .iter()
        .filter_map(|click| click.ad_system)
        .find(|known| *known == folded)
    {
        return Some(known);
    }
    ad_system_of_source(&hosts::by_name(folded)?.name)
}

/// The system whose advertising brought the visitor.
fn ad_system(view: &View<'_>) -> Option<&'static str> {
    if let Some(click) = utm::paid_click(view.marks) {
        return click.ad_system;
    }
    let paid = view
        .medium
        .as_deref()
        .is_some_and(super::channels::is_paid_medium);
    ad_system_of_source(&view.system.filter(|_| paid)?.name)
}

fn ad_system_of_source(name: &str) -> Option<&'static str> {
    click_ids::ALL
        .iter()
        .find(|click| click.paid && click.source == name)
        .and_then(|click| click.ad_system)
}

/// CoMagic's word for a group (attribution.md 4), where it is not also the name of a group.
fn wider_channel(group: ChannelGroup) -> Option<&'static str> {
    use ChannelGroup::*;
    Some(match group {
        PaidMarketplaces | PaidSearch | PaidSocial | PaidMessengers | PaidVideo | PaidOther => {
            "paid"
        }
        Search => "organic",
        Messengers => "messenger",
        Recommendations => "recommendation",
        Affiliates => "affiliate",
        QrOffline => "qrcode",
        _ => return None,
    })
}

/// An address as people may write it in a condition: whole, without query, without the slash at
/// the end; each also decoded.
fn spellings(address: &str) -> Vec<String> {
    let decoded = address
        .contains('%')
        .then(|| percent_decode_str(address).decode_utf8().ok())
        .flatten();
    let mut texts = Vec::with_capacity(6);
    for form in [Some(address), decoded.as_deref()].into_iter().flatten() {
        let whole = utm::fold(form);
        let bare = &whole[..whole.find(['?', '#']).unwrap_or(whole.len())];
        texts.push(bare.trim_end_matches('/').to_owned());
        texts.push(bare.to_owned());
        texts.push(whole);
    }
    texts.dedup();
    texts
}

fn search_query(referrer: &str) -> Option<String> {
    const NAMES: [&str; 5] = ["text", "q", "query", "p", "wd"];
    utm::parameters(referrer)
        .find(|(name, value)| NAMES.contains(&name.as_ref()) && !value.is_empty())
        .map(|(_, value)| utm::decode(value).into_owned())
}
