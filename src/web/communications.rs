//! Raw data → Communications and goals: the table of all of them in the order of time. The address
//! holds the whole state of the view.

use super::form::html;
use super::goals::GoalRow;
use super::integration_form::{Lists, with_none};
use super::integrations::provider_title;
use super::mask::{mask, mask_goal};
use super::parts::{Badge, Choice, Pager};
use super::{Menu, Page, Person, show};
use crate::http_error::HttpResult;
use crate::hub::{Hub, LiveSetup};
use crate::model::{
    CampaignId, Channel, Communication, CommunicationKind, Contact, CreditStep, IntegrationId,
    MessageAuthor, Named, SourceId, Status, Strength, Timestamp,
};
use crate::providers;
use crate::store::{
    CommunicationFilter, GoalFilter, GoalOfVisit, PageRequest, RawData, RawDataFilter,
    RawDataOrder, Removable,
};
use askama::Template;
use axum::Router;
use axum::extract::{Query, RawQuery};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use http::{HeaderName, HeaderValue};
use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Deserialize;
use std::sync::Arc;

/// The kind that is no communication's.
const GOAL: &str = "goal";

/// Rows of a page.
const ROWS: u32 = 50;

/// Tells htmx which address to show, so that it holds no empty filters.
pub static SHOWN_ADDRESS: HeaderName = HeaderName::from_static("hx-push-url");

pub fn router() -> Router<Arc<Hub>> {
    Router::new().route("/communications", get(list))
}

/// The state of the view, as it stands in the address.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    kind: String,
    text: String,
    from: String,
    to: String,
    provider: String,
    integration: String,
    channel: String,
    status: String,
    strength: String,
    campaign: String,
    source: String,
    sort: String,
    cursor: String,
}

impl Asked {
    fn parts(&self) -> [(&'static str, &str); 13] {
        [
            ("kind", &self.kind),
            ("text", &self.text),
            ("from", &self.from),
            ("to", &self.to),
            ("provider", &self.provider),
            ("integration", &self.integration),
            ("channel", &self.channel),
            ("status", &self.status),
            ("strength", &self.strength),
            ("campaign", &self.campaign),
            ("source", &self.source),
            ("sort", &self.sort),
            ("cursor", &self.cursor),
        ]
    }

    /// The address of this view, without what is not set.
    fn address(&self) -> String {
        address("/communications", &self.parts())
    }

    fn with_sort(&self, sort: &str) -> Self {
        Self {
            sort: sort.to_owned(),
            cursor: String::new(),
            ..self.clone()
        }
    }

    fn with_cursor(&self, cursor: &str) -> Self {
        Self {
            cursor: cursor.to_owned(),
            ..self.clone()
        }
    }

    /// A filter is set; the order and the page are none.
    fn any(&self) -> bool {
        let parts = self.parts();
        parts[..11].iter().any(|(_, value)| !value.is_empty())
    }

    /// What the store is asked for. A value that is none of the offered ones filters nothing; one that
    /// goals have nothing of leaves them out.
    fn filter(&self, zone: &TimeZone, sees_contacts: bool) -> RawDataFilter {
        let of = self.of_communications(zone, sees_contacts);
        let is_of_communications = of.kind.is_some()
            || of.provider.is_some()
            || of.integration.is_some()
            || of.channel.is_some()
            || of.status.is_some()
            || of.strength.is_some();
        let goals = GoalFilter {
            from: of.from,
            to: of.to,
            campaign: of.campaign,
            source: of.source,
            text: of.text.clone(),
            ..GoalFilter::default()
        };
        RawDataFilter {
            goals: (!is_of_communications).then_some(goals),
            communications: (self.kind != GOAL).then_some(of),
            order: match self.sort.as_str() {
                "oldest" => RawDataOrder::OldestFirst,
                _ => RawDataOrder::NewestFirst,
            },
        }
    }

    fn of_communications(&self, zone: &TimeZone, sees_contacts: bool) -> CommunicationFilter {
        let word = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        CommunicationFilter {
            from: day_start(&self.from, zone, 0),
            to: day_start(&self.to, zone, 1),
            kind: CommunicationKind::parse(&self.kind),
            provider: word(&self.provider),
            integration: self.integration.parse().ok().map(IntegrationId),
            channel: word(&self.channel),
            status: Status::parse(&self.status),
            strength: Strength::parse(&self.strength),
            campaign: self.campaign.parse().ok().map(CampaignId),
            source: self.source.parse().ok().map(SourceId),
            external_id: None,
            // A search could be used to guess at contacts.
            text: word(self.text.trim()).filter(|_| sees_contacts),
        }
    }
}

/// An address with the parameters that are not empty.
pub fn address(path: &str, parts: &[(&str, &str)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in parts.iter().filter(|(_, value)| !value.is_empty()) {
        query.append_pair(name, value);
    }
    match query.finish() {
        query if query.is_empty() => path.to_owned(),
        query => format!("{path}?{query}"),
    }
}

/// The beginning of a day of the zone, or of one some days later.
pub fn day_start(text: &str, zone: &TimeZone, days_later: i32) -> Option<Timestamp> {
    let day: Date = text.parse().ok()?;
    let day = day.checked_add(days_later.days()).ok()?;
    let start = day.to_zoned(zone.clone()).ok()?;
    Some(start.timestamp())
}

async fn list(
    person: Person,
    Query(asked): Query<Asked>,
    RawQuery(query): RawQuery,
) -> HttpResult<Response> {
    let clean = asked.address();
    let query = query.unwrap_or_default();
    if query.contains("=&") || query.ends_with('=') {
        return Ok(Redirect::to(&clean).into_response());
    }
    let page = person.page(Menu::Communications);
    let filter = asked.filter(&page.zone, person.sees_contacts());
    let oldest_first = filter.order == RawDataOrder::OldestFirst;
    let request = PageRequest {
        limit: ROWS,
        cursor: Some(asked.cursor.clone()).filter(|cursor| !cursor.is_empty()),
    };
    let store = &person.hub.store;
    let found = store
        .raw_data_page(person.workspace(), &filter, &request)
        .await?;
    let rows: Vec<Line> = found
        .items
        .into_iter()
        .map(|one| line(&person, &page, one))
        .collect();
    let view = CommunicationsPage {
        filters: filters(&person, &page, &asked),
        sort: Sort {
            oldest_first,
            turned: asked
                .with_sort(if oldest_first { "" } else { "oldest" })
                .address(),
        },
        pager: Pager {
            shown: page.fill(
                "communications.found_on_page",
                "n",
                page.number(rows.len() as u64),
            ),
            first: request
                .cursor
                .is_some()
                .then(|| asked.with_cursor("").address()),
            next: found.next.map(|next| asked.with_cursor(&next).address()),
        },
        rows,
        has_integrations: person.setup.integrations.iter().any(|one| one.active),
        may_search: person.sees_contacts(),
        page,
    };
    let mut answer = html(&view)?;
    if let Ok(value) = HeaderValue::from_str(&clean) {
        answer.headers_mut().insert(SHOWN_ADDRESS.clone(), value);
    }
    Ok(answer)
}

fn line(person: &Person, page: &Page, of: RawData) -> Line {
    match of {
        RawData::Communication(one) => {
            let one = mask(person, *one);
            Line::Communication(Box::new(Row::new(
                page,
                &one,
                &Names::of(&person.setup, &one),
            )))
        }
        RawData::Goal(one) => {
            let GoalOfVisit { goal, visit } = *one;
            let goal = mask_goal(person, goal);
            let one = GoalOfVisit { goal, visit };
            let names = Names::of_goal(&person.setup, &one);
            Line::Goal(Box::new(GoalRow::new(page, &one, &names)))
        }
    }
}

fn filters(person: &Person, page: &Page, asked: &Asked) -> Filters {
    let any = page.text("communications.any_of_list");
    let lists = Lists {
        page,
        setup: &person.setup,
    };
    let list = |name: &'static str, options: Vec<Choice>| FilterList {
        name,
        title: page.word("filter", name),
        options: with_none(any, options),
    };
    let id = |text: &str| text.parse::<i64>().ok();
    let providers = providers::ALL.iter();
    let integrations = person.setup.integrations.iter();
    let kinds = CommunicationKind::ALL.map(|kind| {
        Choice::new(
            kind.as_str(),
            page.word("kinds", kind.as_str()),
            asked.kind == kind.as_str(),
        )
    });
    let goals = Choice::new(GOAL, page.word("kinds", GOAL), asked.kind == GOAL);
    let kinds = kinds.into_iter().chain([goals]).collect();
    Filters {
        text: asked.text.clone(),
        from: asked.from.clone(),
        to: asked.to.clone(),
        kinds: with_none(page.text("communications.any"), kinds),
        lists: vec![
            list(
                "provider",
                providers
                    .map(|one| Choice::new(one.slug(), one.title(), asked.provider == one.slug()))
                    .collect(),
            ),
            list(
                "integration",
                integrations
                    .map(|one| {
                        let chosen = id(&asked.integration) == Some(one.id.0);
                        Choice::new(one.id.to_string(), &one.name, chosen)
                    })
                    .collect(),
            ),
            list(
                "channel",
                Channel::KNOWN
                    .iter()
                    .map(|name| {
                        Choice::new(*name, page.word("channel", name), asked.channel == *name)
                    })
                    .collect(),
            ),
            list(
                "strength",
                Strength::ALL
                    .map(|one| {
                        Choice::new(
                            one.as_str(),
                            page.strength(one).text,
                            asked.strength == one.as_str(),
                        )
                    })
                    .to_vec(),
            ),
            list(
                "status",
                Status::ALL
                    .map(|one| {
                        Choice::new(
                            one.as_str(),
                            page.status(one).text,
                            asked.status == one.as_str(),
                        )
                    })
                    .to_vec(),
            ),
            list("campaign", lists.campaigns(id(&asked.campaign))),
            list("source", lists.sources(id(&asked.source))),
        ],
        any: asked.any(),
    }
}

#[derive(Template)]
#[template(path = "communications.html", blocks = ["list"])]
pub struct CommunicationsPage {
    pub page: Page,
    pub filters: Filters,
    pub sort: Sort,
    pub rows: Vec<Line>,
    pub pager: Pager,
    /// There is an active integration; without one the empty page says how to make one.
    pub has_integrations: bool,
    /// Those who see no contacts cannot search by them.
    pub may_search: bool,
}

/// What the form above the table holds.
#[derive(Clone, Debug, Default)]
pub struct Filters {
    pub text: String,
    /// Days of the workspace's zone, `2026-11-21`, or empty.
    pub from: String,
    pub to: String,
    /// Offered as buttons; the empty value means all.
    pub kinds: Vec<Choice>,
    /// The folded part: name of the parameter, title, options.
    pub lists: Vec<FilterList>,
    /// Some filter is set: "reset" is offered and an empty table says so.
    pub any: bool,
}

#[derive(Clone, Debug)]
pub struct FilterList {
    pub name: &'static str,
    pub title: String,
    pub options: Vec<Choice>,
}

impl Filters {
    /// How many filters of the folded part are set.
    pub fn folded(&self) -> usize {
        let chosen =
            |list: &&FilterList| list.options.iter().any(|o| o.chosen && !o.value.is_empty());
        self.lists.iter().filter(chosen).count()
    }
}

/// The order of the rows: by date, newest first unless turned.
#[derive(Clone, Debug, Default)]
pub struct Sort {
    pub oldest_first: bool,
    /// Address of the same view in the other order.
    pub turned: String,
}

/// One row of the table.
#[derive(Clone, Debug)]
pub enum Line {
    Communication(Box<Row>),
    Goal(Box<GoalRow>),
}

/// One communication in the table.
#[derive(Clone, Debug)]
pub struct Row {
    pub id: i64,
    pub date: String,
    pub time: String,
    pub kind: CommunicationKind,
    pub provider: String,
    pub provider_title: String,
    pub channel: Option<String>,
    pub name: String,
    pub contacts: Vec<String>,
    /// First words of the visitor.
    pub words: String,
    pub messages: u64,
    pub status: Badge,
    pub strength: Badge,
    pub credited: Credited,
    pub channel_group: String,
    pub utm: Vec<String>,
    pub site: String,
    pub employee: String,
    pub tags: Vec<String>,
}

/// The campaign or source that got a communication.
#[derive(Clone, Debug)]
pub struct Credited {
    pub campaign: String,
    pub source: String,
    pub step: Badge,
    /// A visit or a person decided; rows of the other steps are drawn apart.
    pub measured: bool,
}

/// Names of what a communication or a goal points to.
#[derive(Clone, Debug, Default)]
pub struct Names {
    pub provider_title: String,
    pub campaign: Option<Named>,
    pub source: Option<Named>,
    pub site: Option<Named>,
    pub employee: Option<Named>,
    pub tags: Vec<Named>,
}

impl Names {
    /// The names in force now; a removed thing keeps its last one.
    pub fn of(setup: &LiveSetup, of: &Communication) -> Self {
        let credit = &of.credit;
        Self {
            provider_title: provider_title(&of.provider),
            campaign: credit
                .campaign
                .and_then(|id| setup.named(Removable::Campaign(id))),
            source: credit
                .source
                .and_then(|id| setup.named(Removable::Source(id))),
            site: credit.site.and_then(|id| setup.named(Removable::Site(id))),
            employee: of
                .employee
                .and_then(|id| setup.named(Removable::Employee(id))),
            tags: of
                .tags
                .iter()
                .filter_map(|id| setup.named(Removable::Tag(*id)))
                .collect(),
        }
    }

    /// The same of a goal, by its visit.
    pub fn of_goal(setup: &LiveSetup, of: &GoalOfVisit) -> Self {
        let visit = &of.visit;
        Self {
            campaign: visit
                .campaign
                .and_then(|id| setup.named(Removable::Campaign(id))),
            source: visit
                .source
                .and_then(|id| setup.named(Removable::Source(id))),
            site: setup.named(Removable::Site(of.goal.site)),
            ..Self::default()
        }
    }

    pub fn tag_names(&self) -> Vec<String> {
        self.tags.iter().map(|tag| tag.name.clone()).collect()
    }
}

/// Whether a visit was measured or a person chose, as opposed to a fallback (DESIGN.md 5).
pub fn is_measured(step: CreditStep) -> bool {
    matches!(step, CreditStep::Visit | CreditStep::ByHand)
}

impl Credited {
    pub fn new(page: &Page, step: CreditStep, names: &Names) -> Self {
        let name =
            |named: &Option<Named>| named.as_ref().map(|n| n.name.clone()).unwrap_or_default();
        Self {
            campaign: name(&names.campaign),
            source: name(&names.source),
            step: page.credit_step(step),
            measured: is_measured(step),
        }
    }
}

impl Row {
    pub fn new(page: &Page, of: &Communication, names: &Names) -> Self {
        let credit = &of.credit;
        let utm = [
            &credit.utm.utm_source,
            &credit.utm.utm_medium,
            &credit.utm.utm_campaign,
        ];
        Self {
            id: of.id.0,
            date: page.date(of.started_at),
            time: page.time(of.started_at),
            kind: of.kind,
            provider: of.provider.clone(),
            provider_title: names.provider_title.clone(),
            channel: (!of.channel.is_site()).then(|| page.channel(&of.channel)),
            name: of.contact.name.clone().unwrap_or_default(),
            contacts: reached_by(&of.contact),
            words: first_words(of),
            messages: of.messages.len() as u64,
            status: page.status(of.status),
            strength: page.strength(of.link.strength),
            credited: Credited::new(page, credit.step, names),
            channel_group: credit
                .channel_group
                .map(|g| page.channel_group(g))
                .unwrap_or_default(),
            utm: utm.into_iter().flatten().cloned().collect(),
            site: names
                .site
                .as_ref()
                .map(|site| site.name.clone())
                .unwrap_or_default(),
            employee: names
                .employee
                .as_ref()
                .map(|one| one.name.clone())
                .unwrap_or_default(),
            tags: names.tag_names(),
        }
    }
}

/// Phones as people read them, then e-mails.
pub fn reached_by(contact: &Contact) -> Vec<String> {
    let phones = contact.phones.iter();
    let emails = contact.emails.iter();
    phones
        .map(|phone| show::phone(phone.as_str()))
        .chain(emails.map(|email| email.as_str().to_owned()))
        .collect()
}

fn first_words(of: &Communication) -> String {
    let said = of
        .messages
        .iter()
        .find(|m| m.from == MessageAuthor::Visitor && !m.text.is_empty());
    said.map(|message| message.text.chars().take(120).collect())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_holds_what_is_set_and_nothing_else() {
        let asked = Asked {
            kind: "chat".into(),
            text: "окна & двери".into(),
            cursor: "1_2".into(),
            ..Asked::default()
        };
        let sorted = asked.with_sort("oldest");
        assert_eq!(Asked::default().address(), "/communications");
        assert!(
            sorted.address().ends_with("&sort=oldest"),
            "{}",
            sorted.address()
        );
        assert!(!sorted.address().contains("cursor") && sorted.any());
        assert!(!Asked::default().with_sort("oldest").any());
    }

    #[test]
    fn days_are_of_the_workspaces_zone_and_the_last_one_is_whole() {
        let zone = TimeZone::get("Europe/Moscow").unwrap();
        let asked = Asked {
            from: "2026-11-20".into(),
            to: "2026-11-20".into(),
            ..Asked::default()
        };
        let RawDataFilter {
            communications: Some(communications),
            goals: Some(goals),
            ..
        } = asked.filter(&zone, true)
        else {
            panic!("time is no reason to leave anything out");
        };
        for (from, to) in [
            (communications.from, communications.to),
            (goals.from, goals.to),
        ] {
            assert_eq!(from.unwrap().to_string(), "2026-11-19T21:00:00Z");
            assert_eq!(to.unwrap().to_string(), "2026-11-20T21:00:00Z");
        }
        assert_eq!(day_start("today", &zone, 0), None);
    }

    #[test]
    fn filters_that_goals_have_no_answer_to_leave_them_out() {
        let shown = |query: &str| {
            let asked = asked(query);
            let filter = asked.filter(&TimeZone::UTC, true);
            (filter.communications.is_some(), filter.goals.is_some())
        };
        for of_both in [
            "",
            "campaign=1",
            "source=2",
            "text=a",
            "from=2026-11-20",
            "status=x",
        ] {
            assert_eq!(shown(of_both), (true, true), "{of_both}");
        }
        for of_communications in [
            "kind=chat",
            "provider=jivosite",
            "integration=1",
            "channel=telegram",
            "status=new",
            "strength=exact",
        ] {
            assert_eq!(
                shown(of_communications),
                (true, false),
                "{of_communications}"
            );
        }
        assert_eq!(shown("kind=goal"), (false, true));
        assert_eq!(shown("kind=goal&status=new"), (false, false));
        let guessed = Asked {
            text: "903".into(),
            ..Asked::default()
        };
        let filter = guessed.filter(&TimeZone::UTC, false);
        assert_eq!(filter.goals.unwrap().text, None);
    }

    fn asked(query: &str) -> Asked {
        let address = format!("/communications?{query}").parse().unwrap();
        Query::try_from_uri(&address).unwrap().0
    }
}
