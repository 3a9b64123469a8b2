//! Which campaign of a site an arrival belongs to: the one whose matched condition is heaviest
//! (comagic-cabinet.md 2.3).

use super::Matched;
use super::conditions::Compiled;
use super::view::Facts;
use crate::model::{Campaign, CampaignId, SiteId};
use std::collections::HashMap;

/// All campaigns of a workspace, ready for comparing.
#[derive(Debug, Default)]
pub struct Campaigns {
    /// By position, then the older first, so that of equal weights the first one met wins.
    all: Vec<(Campaign, Compiled)>,
    by_id: HashMap<CampaignId, usize>,
    by_site: HashMap<SiteId, Vec<usize>>,
}

impl Campaigns {
    pub fn compile(mut campaigns: Vec<Campaign>) -> Campaigns {
        campaigns.sort_by_key(|campaign| (campaign.position, campaign.id));
        let mut compiled = Campaigns::default();
        for (place, campaign) in campaigns.into_iter().enumerate() {
            compiled.by_id.insert(campaign.id, place);
            compiled
                .by_site
                .entry(campaign.site)
                .or_default()
                .push(place);
            let conditions = Compiled::new(&campaign.conditions);
            compiled.all.push((campaign, conditions));
        }
        compiled
    }

    pub fn get(&self, id: CampaignId) -> Option<&Campaign> {
        self.by_id.get(&id).map(|&place| &self.all[place].0)
    }

    /// Looks among the campaigns of `site`, or among all when the site is not known.
    pub fn best(&self, site: Option<SiteId>, facts: &Facts) -> Option<Matched<CampaignId>> {
        match site {
            Some(site) => {
                let places = self.by_site.get(&site)?;
                heaviest(places.iter().map(|&place| &self.all[place]), facts)
            }
            None => heaviest(self.all.iter(), facts),
        }
    }
}

fn heaviest<'c>(
    campaigns: impl Iterator<Item = &'c (Campaign, Compiled)>,
    facts: &Facts,
) -> Option<Matched<CampaignId>> {
    let mut best = None;
    for (campaign, conditions) in campaigns {
        let Some(hit) = conditions.matched(facts) else {
            continue;
        };
        if best.is_none_or(|(_, weight)| hit.weight > weight) {
            best = Some(((campaign, hit), hit.weight));
        }
    }
    best.map(|((campaign, hit), _)| Matched::new(campaign.id, &campaign.name, hit))
}
