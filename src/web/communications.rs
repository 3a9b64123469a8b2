//! Raw data → Communications and goals: the table of all communications.

use askama::Template;

use super::parts::{Badge, Choice, Pager};
use super::{Page, show};
use crate::model::{Communication, CommunicationKind, CreditStep, MessageAuthor, Named};

#[derive(Template)]
#[template(path = "communications.html", blocks = ["list"])]
pub struct CommunicationsPage {
    pub page: Page,
    pub filters: Filters,
    pub sort: Sort,
    pub rows: Vec<Row>,
    pub pager: Pager,
    /// There is an active integration; without one the empty page says how to make one.
    pub has_integrations: bool,
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

/// Names of what a communication points to.
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
            contacts: contacts(of),
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
pub fn contacts(of: &Communication) -> Vec<String> {
    let phones = of
        .contact
        .phones
        .iter()
        .map(|phone| show::phone(phone.as_str()));
    phones
        .chain(
            of.contact
                .emails
                .iter()
                .map(|email| email.as_str().to_owned()),
        )
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
