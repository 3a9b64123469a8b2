//! The rules of one workspace, compiled once and asked of every arrival.

use super::campaigns::Campaigns;
use super::channels::{ChannelRules, Channels};
use super::conditions::Hit;
use super::hosts;
use super::sources::Sources;
use super::view::{Facts, Geo, View};
use crate::model::{
    Campaign, CampaignId, ChannelGroup, Marks, Site, SiteId, Source, SourceId, Target,
};
use std::collections::HashMap;

/// Sites, campaigns, sources and channel rules of one workspace.
#[derive(Debug)]
pub struct Rules {
    sites: HashMap<SiteId, Site>,
    site_hosts: HashMap<String, SiteId>,
    campaigns: Campaigns,
    sources: Sources,
    channels: Channels,
}

/// What the rules say about one arrival.
#[derive(Clone, Debug, PartialEq)]
pub struct Classified {
    pub channel_group: ChannelGroup,
    /// `None`: «Посетители без рекламной кампании».
    pub campaign: Option<Matched<CampaignId>>,
    pub source: Option<Matched<SourceId>>,
}

/// A campaign or source and the condition that brought it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matched<Id> {
    pub id: Id,
    pub name: String,
    /// The heaviest condition that held: `utm_campaign sub spring`.
    pub condition: String,
    /// Weight of that condition, 0–100.
    pub weight: u8,
}

impl<Id> Matched<Id> {
    pub(super) fn new(id: Id, name: &str, hit: Hit<'_>) -> Self {
        Matched {
            id,
            name: name.to_owned(),
            condition: hit.text.to_owned(),
            weight: hit.weight,
        }
    }
}

impl Rules {
    /// Never fails: conditions that `validate` would refuse never hold.
    pub fn compile(
        sites: Vec<Site>,
        campaigns: Vec<Campaign>,
        sources: Vec<Source>,
        channel_rules: &ChannelRules,
    ) -> Rules {
        let host = |site: &Site| hosts::canonical(&site.host).unwrap_or(site.host.clone());
        Rules {
            site_hosts: sites.iter().map(|site| (host(site), site.id)).collect(),
            sites: sites.into_iter().map(|site| (site.id, site)).collect(),
            campaigns: Campaigns::compile(campaigns),
            sources: Sources::compile(sources),
            channels: Channels::compile(channel_rules),
        }
    }

    /// Channel group, campaign and source of an arrival. A visit gives its site and is compared
    /// with that site's campaigns only; marks of an unknown site are compared with all.
    pub fn classify(&self, site: Option<SiteId>, marks: &Marks, geo: Geo<'_>) -> Classified {
        let own_site = marks
            .referrer_host
            .as_deref()
            .is_some_and(|host| self.is_own(host));
        let view = View::new(marks, own_site);
        let mut facts = Facts::new(&view, geo);
        let channel_group = self.channels.group(&view, &facts);
        facts.set_channel(channel_group);
        Classified {
            channel_group,
            campaign: self.campaigns.best(site, &facts),
            source: self.sources.best(&facts),
        }
    }

    /// The host belongs to a site of the workspace; the argument `own_hosts` of `utm::read`.
    pub fn is_own(&self, host: &str) -> bool {
        self.site_of_host(host).is_some()
    }

    /// The site that has this host or the nearest one above it; `host` in lower case.
    pub fn site_of_host(&self, host: &str) -> Option<SiteId> {
        let mut rest = Some(host.strip_prefix("www.").unwrap_or(host));
        while let Some(suffix) = rest {
            if let Some(site) = self.site_hosts.get(suffix) {
                return Some(*site);
            }
            rest = suffix.split_once('.').map(|(_, parent)| parent);
        }
        None
    }

    /// The site that a page, or a bare host as providers name it, belongs to.
    pub fn site_of_page(&self, address: &str) -> Option<SiteId> {
        let (host, _) = hosts::split(address)?;
        self.site_of_host(&host)
    }

    pub fn site(&self, id: SiteId) -> Option<&Site> {
        self.sites.get(&id)
    }

    pub fn campaign(&self, id: CampaignId) -> Option<&Campaign> {
        self.campaigns.get(id)
    }

    pub fn source(&self, id: SourceId) -> Option<&Source> {
        self.sources.get(id)
    }

    /// What of a target does not exist in this workspace (any more): `campaign`, `source` or
    /// `site`.
    pub fn missing_of(&self, target: Target) -> Option<&'static str> {
        match target {
            Target::Campaign { campaign_id } => {
                self.campaign(campaign_id).is_none().then_some("campaign")
            }
            Target::Source { source_id, .. } if self.source(source_id).is_none() => Some("source"),
            Target::Source { site_id, .. } => self.site(site_id).is_none().then_some("site"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credit::utm;
    use crate::model::{
        Condition, ConditionGroup, ConditionOperator, Conditions, Parameter, WorkspaceId,
    };

    fn site(id: i64, host: &str) -> Site {
        Site {
            id: SiteId(id),
            workspace: WorkspaceId(1),
            host: host.into(),
            name: host.into(),
            key: format!("k{id}"),
        }
    }

    fn when(parameter: Parameter, value: &str) -> Conditions {
        Conditions {
            groups: vec![ConditionGroup {
                conditions: vec![Condition {
                    parameter,
                    operator: ConditionOperator::Contains,
                    value: value.into(),
                    exclude: false,
                }],
            }],
        }
    }

    fn campaign(id: i64, on: i64, position: i64, conditions: Conditions) -> Campaign {
        Campaign {
            id: CampaignId(id),
            site: SiteId(on),
            name: format!("Campaign {id}"),
            conditions,
            position,
        }
    }

    fn source(id: i64, priority: i64, conditions: Conditions) -> Source {
        Source {
            id: SourceId(id),
            name: format!("Source {id}"),
            channel_group: None,
            conditions,
            priority,
        }
    }

    fn compile(campaigns: Vec<Campaign>, sources: Vec<Source>) -> Rules {
        let sites = vec![
            site(1, "own.test"),
            site(2, "shop.own.test"),
            site(3, "окна.test"),
        ];
        Rules::compile(sites, campaigns, sources, &ChannelRules::default())
    }

    fn spring_ad() -> Marks {
        let page = "https://own.test/?utm_source=yandex&utm_medium=cpc&utm_campaign=spring_sale";
        utm::read(Some(page), Some("https://yandex.ru/"), &|_| false)
    }

    #[test]
    fn the_heaviest_condition_decides_between_campaigns() {
        let rules = compile(
            vec![
                campaign(1, 1, 0, when(Parameter::Channel, "paid")),
                campaign(2, 1, 9, when(Parameter::UtmCampaign, "spring")),
            ],
            vec![],
        );
        let decided = rules.classify(Some(SiteId(1)), &spring_ad(), Geo::default());
        let matched = decided.campaign.unwrap();
        assert_eq!(matched.id, CampaignId(2));
        assert_eq!(matched.condition, "utm_campaign sub spring");
        assert_eq!(matched.weight, 60);
        assert_eq!(decided.channel_group, ChannelGroup::PaidSearch);
    }

    #[test]
    fn equal_weights_go_to_the_smaller_position_then_to_the_older() {
        let spring = || when(Parameter::UtmCampaign, "spring");
        let winner = |campaigns| {
            let rules = compile(campaigns, vec![]);
            let decided = rules.classify(Some(SiteId(1)), &spring_ad(), Geo::default());
            decided.campaign.unwrap().id
        };
        let by_position = vec![campaign(1, 1, 5, spring()), campaign(2, 1, 4, spring())];
        assert_eq!(winner(by_position), CampaignId(2));
        let by_age = vec![campaign(8, 1, 5, spring()), campaign(7, 1, 5, spring())];
        assert_eq!(winner(by_age), CampaignId(7));
    }

    #[test]
    fn a_visit_sees_only_the_campaigns_of_its_site() {
        let rules = compile(
            vec![campaign(1, 2, 0, when(Parameter::UtmCampaign, "spring"))],
            vec![],
        );
        let of = |site| rules.classify(site, &spring_ad(), Geo::default()).campaign;
        assert_eq!(of(Some(SiteId(1))), None);
        assert!(of(Some(SiteId(2))).is_some());
        assert!(of(None).is_some());
    }

    #[test]
    fn the_source_of_the_highest_priority_wins_whatever_the_weights() {
        let rules = compile(
            vec![],
            vec![
                source(1, 1, when(Parameter::UtmCampaign, "spring")),
                source(2, 7, when(Parameter::Channel, "paid")),
                source(3, 7, when(Parameter::Channel, "paid")),
                source(4, 9, when(Parameter::UtmSource, "vk")),
            ],
        );
        let decided = rules.classify(Some(SiteId(1)), &spring_ad(), Geo::default());
        assert_eq!(decided.source.unwrap().id, SourceId(2));
        assert_eq!(decided.campaign, None);
    }

    #[test]
    fn hosts_lead_to_the_nearest_site() {
        let rules = compile(vec![], vec![]);
        for (address, expected) in [
            ("https://www.own.test/a", Some(1)),
            ("https://spb.own.test/", Some(1)),
            ("https://www.shop.own.test:8080/", Some(2)),
            ("own.test", Some(1)),
            ("https://xn--80atjc.test/", Some(3)),
            ("https://notown.test/", None),
            ("/a", None),
        ] {
            assert_eq!(
                rules.site_of_page(address),
                expected.map(SiteId),
                "{address}"
            );
        }
    }

    #[test]
    fn a_campaign_may_look_at_where_the_visitor_is() {
        let rules = compile(
            vec![campaign(1, 1, 0, when(Parameter::City, "тверь"))],
            vec![],
        );
        let geo = Geo {
            city: Some("Тверь"),
            ..Geo::default()
        };
        let decided = rules.classify(Some(SiteId(1)), &Marks::default(), geo);
        assert_eq!(decided.campaign.unwrap().weight, 5);
    }
}
