//! The ladder of credit (DESIGN.md 5): a person's own choice, "ignore visit", the linked visit,
//! the messenger's row, the provider's marks, the default, no campaign. Every step leaves an entry
//! in the receipt, those after the deciding one too.

use super::rules::{Classified, Rules};
use super::utm;
use super::view::Geo;
use crate::model::{
    Channel, Credit, CreditStep, IntegrationSettings, Marks, Outcome, ReceiptStep, SiteId, Target,
    Utm, Visit,
};
use serde_json::{Map, Value};

/// Everything the credit of one communication depends on.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    pub rules: &'a Rules,
    pub settings: &'a IntegrationSettings,
    /// Channel of the chat.
    pub channel: &'a Channel,
    /// Site of the integration, when it serves one.
    pub integration_site: Option<SiteId>,
    /// Site by the host of the page or by the provider's own word (`Rules::site_of_page`).
    pub page_site: Option<SiteId>,
    /// The linked visit; campaign and source are computed from its marks anew.
    pub visit: Option<&'a Visit>,
    /// The provider's own marks (`utm::read_touch`).
    pub marks: &'a Marks,
    /// Where the provider says the visitor is.
    pub geo: Geo<'a>,
    /// A person's own choice, in force until undone.
    pub by_hand: Option<Target>,
}

/// Who gets the communication, and what was tried, in the order of the ladder.
pub fn decide(input: &Input<'_>) -> (Credit, Vec<ReceiptStep>) {
    let steps: [Rung; 7] = [
        (CreditStep::ByHand, by_hand),
        (CreditStep::IgnoreVisit, ignore_visit),
        (CreditStep::Visit, visit),
        (CreditStep::Messenger, messenger),
        (CreditStep::ProviderMarks, provider_marks),
        (CreditStep::Default, default_target),
        (CreditStep::NoCampaign, no_campaign),
    ];
    let mut decided: Option<Credit> = None;
    let mut receipt = Vec::with_capacity(steps.len());
    for (step, try_step) in steps {
        let tried = match &decided {
            Some(credit) => {
                Tried::skipped("decided_before").with("decided_by", credit.step.as_str())
            }
            None => try_step(input),
        };
        let name = format!("credit.{}", step.as_str());
        receipt.push(ReceiptStep::new(
            name,
            tried.outcome,
            Value::Object(tried.evidence),
        ));
        decided = decided.or(tried.credit);
    }
    (decided.expect("the last step always decides"), receipt)
}

/// A step of the ladder and the function that tries it.
type Rung = (CreditStep, fn(&Input<'_>) -> Tried);

/// How one step went.
struct Tried {
    outcome: Outcome,
    evidence: Map<String, Value>,
    credit: Option<Credit>,
}

impl Tried {
    fn new(outcome: Outcome) -> Self {
        Tried {
            outcome,
            evidence: Map::new(),
            credit: None,
        }
    }

    fn skipped(reason: &str) -> Self {
        Tried::new(Outcome::Skipped).with("reason", reason)
    }

    fn no_match(reason: &str) -> Self {
        Tried::new(Outcome::NoMatch).with("reason", reason)
    }

    fn matched(credit: Credit) -> Self {
        Tried {
            credit: Some(credit),
            ..Tried::new(Outcome::Matched)
        }
    }

    fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.evidence.insert(name.to_owned(), value.into());
        self
    }

    fn with_some(self, name: &str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }
}

fn by_hand(input: &Input<'_>) -> Tried {
    let Some(target) = input.by_hand else {
        return Tried::skipped("no_choice");
    };
    let mut tried = to_target(input.rules, CreditStep::ByHand, target);
    // The choice names the target; where the visitor came from stays what was measured.
    if let (Some(credit), Some(visit)) = (&mut tried.credit, input.visit) {
        let classified = classify_visit(input.rules, visit);
        credit.channel_group = Some(classified.channel_group);
        credit.utm = visit.marks.utm.clone();
    }
    tried
}

fn ignore_visit(input: &Input<'_>) -> Tried {
    if !input.settings.ignore_visit {
        return Tried::skipped("switched_off");
    }
    match input.settings.default_target {
        Some(target) => to_target(input.rules, CreditStep::IgnoreVisit, target),
        None => Tried::no_match("no_default"),
    }
    .with_some("ignored_visit_id", input.visit.map(|visit| visit.id.0))
}

/// A linked visit always decides; without a matching campaign the credit is "no campaign", never
/// the default.
fn visit(input: &Input<'_>) -> Tried {
    if input.settings.ignore_visit {
        return Tried::skipped("visit_ignored");
    }
    let Some(visit) = input.visit else {
        return Tried::skipped("no_visit");
    };
    let classified = classify_visit(input.rules, visit);
    let tried = Tried::matched(Credit {
        step: CreditStep::Visit,
        campaign: classified.campaign.as_ref().map(|matched| matched.id),
        source: classified.source.as_ref().map(|matched| matched.id),
        site: Some(visit.site),
        channel_group: Some(classified.channel_group),
        utm: visit.marks.utm.clone(),
    })
    .with("visit_id", visit.id.0)
    .with("visit", visit.key.as_str())
    .with("visit_started_at", visit.started_at.to_string())
    .with("no_campaign", classified.campaign.is_none());
    let tried = tell_site(tried, input.rules, Some(visit.site));
    tell_marks(tell_classified(tried, &classified), &visit.marks)
}

fn messenger(input: &Input<'_>) -> Tried {
    if input.settings.ignore_visit {
        return Tried::skipped("visit_ignored");
    }
    let channel = input.channel.as_str();
    let mut rows = input.settings.messengers.iter();
    let Some(row) = rows.find(|row| row.channel == *input.channel) else {
        return if input.channel.is_site() {
            Tried::skipped("site_widget")
        } else {
            Tried::no_match("no_row")
        }
        .with("channel", channel);
    };
    to_target(input.rules, CreditStep::Messenger, row.target).with("channel", channel)
}

/// The provider's marks count only when a configured campaign or source claims them.
fn provider_marks(input: &Input<'_>) -> Tried {
    if input.settings.ignore_visit {
        return Tried::skipped("visit_ignored");
    }
    if input.marks.is_empty() {
        return Tried::skipped("no_marks");
    }
    let site = input.page_site.or(input.integration_site);
    let classified = input.rules.classify(site, input.marks, input.geo);
    let campaign = classified.campaign.as_ref();
    let source = classified.source.as_ref().filter(|_| campaign.is_none());
    let credited_site = campaign
        .and_then(|matched| input.rules.campaign(matched.id))
        .map(|campaign| campaign.site)
        .or(site);
    let tried = if campaign.is_none() && source.is_none() {
        Tried::no_match("nothing_configured_matches")
    } else {
        Tried::matched(Credit {
            step: CreditStep::ProviderMarks,
            campaign: campaign.map(|matched| matched.id),
            source: source.map(|matched| matched.id),
            site: credited_site,
            channel_group: Some(classified.channel_group),
            utm: input.marks.utm.clone(),
        })
    };
    let tried = tell_site(tried, input.rules, credited_site);
    tell_marks(tell_classified(tried, &classified), input.marks)
}

fn default_target(input: &Input<'_>) -> Tried {
    match input.settings.default_target {
        None => Tried::skipped("no_default"),
        // Already refused as the target of "ignore visit".
        Some(_) if input.settings.ignore_visit => Tried::skipped("visit_ignored"),
        Some(target) => to_target(input.rules, CreditStep::Default, target),
    }
}

fn no_campaign(input: &Input<'_>) -> Tried {
    let site = input
        .integration_site
        .or(input.page_site)
        .or(input.visit.map(|visit| visit.site));
    let tried = Tried::matched(Credit {
        step: CreditStep::NoCampaign,
        campaign: None,
        source: None,
        site,
        channel_group: None,
        utm: Utm::default(),
    });
    tell_site(tried, input.rules, site)
}

fn classify_visit(rules: &Rules, visit: &Visit) -> Classified {
    let geo = Geo {
        country: visit.country.as_deref(),
        region: None,
        city: visit.city.as_deref(),
    };
    rules.classify(Some(visit.site), &visit.marks, geo)
}

/// Credits a configured target, or rejects it when something of it is gone.
fn to_target(rules: &Rules, step: CreditStep, target: Target) -> Tried {
    if let Some(missing) = rules.missing_of(target) {
        let tried = Tried::new(Outcome::Rejected).with("reason", format!("unknown_{missing}"));
        return tell_target(tried, rules, target);
    }
    let (campaign, source, site) = match target {
        Target::Campaign { campaign_id } => (
            Some(campaign_id),
            None,
            rules.campaign(campaign_id).map(|campaign| campaign.site),
        ),
        Target::Source { source_id, site_id } => (None, Some(source_id), Some(site_id)),
    };
    let tried = Tried::matched(Credit {
        step,
        campaign,
        source,
        site,
        channel_group: None,
        utm: Utm::default(),
    });
    tell_site(tell_target(tried, rules, target), rules, site)
}

fn tell_target(tried: Tried, rules: &Rules, target: Target) -> Tried {
    match target {
        Target::Campaign { campaign_id } => {
            let campaign = rules.campaign(campaign_id);
            tried
                .with("campaign_id", campaign_id.0)
                .with_some("campaign", campaign.map(|campaign| campaign.name.as_str()))
        }
        Target::Source { source_id, site_id } => {
            let source = rules.source(source_id);
            tried
                .with("source_id", source_id.0)
                .with_some("source", source.map(|source| source.name.as_str()))
                .with("site_id", site_id.0)
        }
    }
}

fn tell_site(tried: Tried, rules: &Rules, site: Option<SiteId>) -> Tried {
    let name = site
        .and_then(|id| rules.site(id))
        .map(|site| site.name.as_str());
    tried
        .with_some("site_id", site.map(|id| id.0))
        .with_some("site", name)
}

fn tell_classified(mut tried: Tried, classified: &Classified) -> Tried {
    tried = tried.with("channel_group", classified.channel_group.as_str());
    if let Some(campaign) = &classified.campaign {
        tried = tried
            .with("campaign_id", campaign.id.0)
            .with("campaign", campaign.name.as_str())
            .with("campaign_condition", campaign.condition.as_str())
            .with("campaign_weight", campaign.weight);
    }
    if let Some(source) = &classified.source {
        tried = tried
            .with("source_id", source.id.0)
            .with("source", source.name.as_str())
            .with("source_condition", source.condition.as_str());
    }
    tried
}

fn tell_marks(mut tried: Tried, marks: &Marks) -> Tried {
    let utm = &marks.utm;
    for (name, value) in [
        ("utm_source", &utm.utm_source),
        ("utm_medium", &utm.utm_medium),
        ("utm_campaign", &utm.utm_campaign),
        ("utm_content", &utm.utm_content),
        ("utm_term", &utm.utm_term),
        ("utm_id", &utm.utm_id),
        ("inferred_source", &marks.inferred_source),
        ("inferred_medium", &marks.inferred_medium),
        ("referrer_host", &marks.referrer_host),
        ("entry_page", &marks.entry_page),
    ] {
        tried = tried.with_some(name, value.as_deref());
    }
    for (name, value) in marks.click_ids.iter().chain(&marks.other) {
        tried = tried.with(name, value.as_str());
    }
    for (part, value) in &marks.openstat {
        tried = tried.with(&format!("openstat_{part}"), value.as_str());
    }
    tried.with_some("conflict", utm::conflict(marks))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credit::ChannelRules;
    use crate::model::{
        Campaign, CampaignId, ChannelGroup, Condition, ConditionGroup, ConditionOperator,
        Conditions, Device, MessengerRow, Parameter, Site, Source, SourceId, VisitId, VisitorId,
        WorkspaceId,
    };

    const SPRING: Target = Target::Campaign {
        campaign_id: CampaignId(10),
    };
    const VK: Target = Target::Source {
        source_id: SourceId(20),
        site_id: SiteId(2),
    };
    const DELETED: Target = Target::Campaign {
        campaign_id: CampaignId(99),
    };

    fn when(value: &str, parameter: Parameter) -> Conditions {
        Conditions {
            groups: vec![ConditionGroup {
                conditions: vec![Condition {
                    parameter,
                    operator: ConditionOperator::Equals,
                    value: value.into(),
                    exclude: false,
                }],
            }],
        }
    }

    fn rules() -> Rules {
        let site = |id, host: &str| Site {
            id: SiteId(id),
            workspace: WorkspaceId(1),
            host: host.into(),
            name: format!("Site {id}"),
            key: format!("k{id}"),
        };
        Rules::compile(
            vec![site(1, "one.test"), site(2, "two.test")],
            vec![Campaign {
                id: CampaignId(10),
                site: SiteId(1),
                name: "Spring".into(),
                conditions: when("spring", Parameter::UtmCampaign),
                position: 0,
            }],
            vec![Source {
                id: SourceId(20),
                name: "VK".into(),
                channel_group: None,
                conditions: when("vk", Parameter::UtmSource),
                priority: 0,
            }],
            &ChannelRules::default(),
        )
    }

    fn marks(query: &str) -> Marks {
        utm::read(Some(&format!("https://one.test/?{query}")), None, &|_| {
            false
        })
    }

    fn visit_with(query: &str) -> Visit {
        Visit {
            id: VisitId(5),
            visitor: VisitorId(4),
            visitor_key: "c4".into(),
            site: SiteId(1),
            key: "v5".into(),
            started_at: "2026-08-01T10:00:00Z".parse().unwrap(),
            last_hit_at: "2026-08-01T10:05:00Z".parse().unwrap(),
            marks: marks(query),
            channel_group: ChannelGroup::Direct,
            campaign: None,
            source: None,
            device: Device::default(),
            ip: None,
            country: None,
            city: None,
            is_robot: false,
            hits: 1,
        }
    }

    /// A case, told as the differences from an empty one.
    #[derive(Default)]
    struct Case {
        by_hand: Option<Target>,
        ignore: bool,
        default: Option<Target>,
        visit: Option<&'static str>,
        channel: Option<&'static str>,
        row: Option<Target>,
        provider: Option<&'static str>,
        page_site: Option<i64>,
    }

    fn run(case: &Case) -> (Credit, Vec<ReceiptStep>) {
        let telegram = || Channel::new("telegram").unwrap();
        let settings = IntegrationSettings {
            ignore_visit: case.ignore,
            default_target: case.default,
            messengers: case
                .row
                .map(|target| MessengerRow {
                    channel: telegram(),
                    target,
                })
                .into_iter()
                .collect(),
            ..IntegrationSettings::default()
        };
        let channel = Channel::new(case.channel.unwrap_or("site")).unwrap();
        let visit = case.visit.map(visit_with);
        let marks = case.provider.map(marks).unwrap_or_default();
        decide(&Input {
            rules: &rules(),
            settings: &settings,
            channel: &channel,
            integration_site: Some(SiteId(2)),
            page_site: case.page_site.map(SiteId),
            visit: visit.as_ref(),
            marks: &marks,
            geo: Geo::default(),
            by_hand: case.by_hand,
        })
    }

    /// Step, campaign, source and site of the credit.
    fn got(case: Case) -> (CreditStep, Option<i64>, Option<i64>, Option<i64>) {
        let (credit, receipt) = run(&case);
        assert_eq!(receipt.len(), 7);
        let matched: Vec<_> = receipt
            .iter()
            .filter(|step| step.outcome == Outcome::Matched)
            .collect();
        assert_eq!(matched.len(), 1);
        assert_eq!(matched[0].step, format!("credit.{}", credit.step.as_str()));
        (
            credit.step,
            credit.campaign.map(|id| id.0),
            credit.source.map(|id| id.0),
            credit.site.map(|id| id.0),
        )
    }

    fn outcome(receipt: &[ReceiptStep], name: &str) -> (Outcome, String) {
        let step = receipt.iter().find(|step| step.step == name).unwrap();
        let reason = step.evidence["reason"].as_str().unwrap_or_default();
        (step.outcome, reason.to_owned())
    }

    #[test]
    fn a_visit_credits_both_its_campaign_and_its_source_and_outranks_all_but_a_person() {
        let full = || Case {
            visit: Some("utm_source=vk&utm_campaign=spring"),
            default: Some(VK),
            row: Some(VK),
            channel: Some("telegram"),
            provider: Some("utm_source=vk"),
            ..Case::default()
        };
        assert_eq!(
            got(full()),
            (CreditStep::Visit, Some(10), Some(20), Some(1))
        );
        let chosen = Case {
            by_hand: Some(VK),
            ignore: true,
            ..full()
        };
        assert_eq!(got(chosen), (CreditStep::ByHand, None, Some(20), Some(2)));
    }

    #[test]
    fn a_visit_without_a_campaign_is_no_campaign_and_never_the_default() {
        let case = || Case {
            visit: Some("utm_source=adnet"),
            default: Some(VK),
            ..Case::default()
        };
        assert_eq!(got(case()), (CreditStep::Visit, None, None, Some(1)));
        let (credit, _) = run(&case());
        assert_eq!(credit.utm.utm_source.as_deref(), Some("adnet"));
        assert_eq!(credit.channel_group, Some(ChannelGroup::Referral));
    }

    #[test]
    fn ignore_visit_goes_to_the_default_and_to_nothing_else() {
        let case = |default| Case {
            ignore: true,
            default,
            visit: Some("utm_campaign=spring"),
            row: Some(VK),
            channel: Some("telegram"),
            provider: Some("utm_source=vk"),
            ..Case::default()
        };
        assert_eq!(
            got(case(Some(VK))),
            (CreditStep::IgnoreVisit, None, Some(20), Some(2))
        );
        assert_eq!(
            got(case(None)),
            (CreditStep::NoCampaign, None, None, Some(2))
        );
        let (credit, receipt) = run(&case(Some(DELETED)));
        assert_eq!(credit.step, CreditStep::NoCampaign);
        assert_eq!(
            outcome(&receipt, "credit.ignore_visit"),
            (Outcome::Rejected, "unknown_campaign".into())
        );
    }

    #[test]
    fn without_a_visit_the_ladder_goes_down_step_by_step() {
        let case = || Case {
            channel: Some("telegram"),
            row: Some(SPRING),
            provider: Some("utm_source=vk&utm_campaign=spring"),
            page_site: Some(1),
            default: Some(VK),
            ..Case::default()
        };
        assert_eq!(
            got(case()),
            (CreditStep::Messenger, Some(10), None, Some(1))
        );
        let no_row = || Case {
            row: None,
            ..case()
        };
        assert_eq!(
            got(no_row()),
            (CreditStep::ProviderMarks, Some(10), None, Some(1))
        );
        let foreign_site = || Case {
            page_site: None,
            ..no_row()
        };
        assert_eq!(
            got(foreign_site()),
            (CreditStep::ProviderMarks, None, Some(20), Some(2))
        );
        let unclaimed = || Case {
            provider: Some("utm_source=adnet"),
            ..no_row()
        };
        assert_eq!(
            got(unclaimed()),
            (CreditStep::Default, None, Some(20), Some(2))
        );
        let nothing = Case {
            default: None,
            ..unclaimed()
        };
        assert_eq!(got(nothing), (CreditStep::NoCampaign, None, None, Some(2)));
    }

    #[test]
    fn what_is_gone_is_rejected_with_its_reason_and_the_ladder_goes_on() {
        let foreign_site = Target::Source {
            source_id: SourceId(20),
            site_id: SiteId(77),
        };
        let (credit, receipt) = run(&Case {
            by_hand: Some(DELETED),
            channel: Some("telegram"),
            row: Some(foreign_site),
            default: Some(DELETED),
            ..Case::default()
        });
        assert_eq!(credit.step, CreditStep::NoCampaign);
        for (step, reason) in [
            ("credit.by_hand", "unknown_campaign"),
            ("credit.messenger", "unknown_site"),
            ("credit.default", "unknown_campaign"),
        ] {
            assert_eq!(
                outcome(&receipt, step),
                (Outcome::Rejected, reason.into()),
                "{step}"
            );
        }
    }

    #[test]
    fn the_receipt_tells_the_story_in_scalars() {
        let (_, receipt) = run(&Case {
            visit: Some("utm_source=vk&utm_medium=cpc&utm_campaign=spring&rb_clickid=AbC"),
            ..Case::default()
        });
        let visit = &receipt[2];
        assert_eq!(visit.step, "credit.visit");
        for (name, expected) in [
            ("visit_id", Value::from(5)),
            ("campaign_id", 10.into()),
            ("campaign", "Spring".into()),
            ("campaign_condition", "utm_campaign = spring".into()),
            ("campaign_weight", 60.into()),
            ("source", "VK".into()),
            ("site", "Site 1".into()),
            ("channel_group", "paid_social".into()),
            ("utm_medium", "cpc".into()),
            ("rb_clickid", "AbC".into()),
            ("no_campaign", false.into()),
        ] {
            assert_eq!(visit.evidence[name], expected, "{name}");
        }
        for step in &receipt {
            let facts = step.evidence.as_object().unwrap();
            assert!(facts.values().all(|v| !v.is_object() && !v.is_array()));
        }
        assert_eq!(
            receipt[6].evidence["decided_by"],
            Value::from("visit"),
            "later steps name the one that decided"
        );
    }

    #[test]
    fn a_choice_by_hand_keeps_what_was_measured() {
        let (credit, _) = run(&Case {
            by_hand: Some(VK),
            visit: Some("utm_source=adnet&utm_medium=cpc"),
            ..Case::default()
        });
        assert_eq!(credit.channel_group, Some(ChannelGroup::PaidOther));
        assert_eq!(credit.utm.utm_source.as_deref(), Some("adnet"));
    }
}
