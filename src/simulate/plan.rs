//! The words of a planned journey: a person, the browsers and visits of that person, and the
//! communications with the visit each of them truly came from. Data only: `journeys` makes plans,
//! the wire modules turn them into requests, `check` compares them with what the hub says.

use jiff::{SignedDuration, Timestamp};

/// A chat service that the simulator can speak for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Provider {
    JivoSite,
    TalkMe,
    Verbox,
    CarrotQuest,
    LeadBack,
}

impl Provider {
    pub const ALL: [Self; 5] = [
        Self::JivoSite,
        Self::TalkMe,
        Self::Verbox,
        Self::CarrotQuest,
        Self::LeadBack,
    ];

    /// The name in addresses and in the API.
    pub fn slug(self) -> &'static str {
        match self {
            Self::JivoSite => "jivosite",
            Self::TalkMe => "talkme",
            Self::Verbox => "verbox",
            Self::CarrotQuest => "carrotquest",
            Self::LeadBack => "leadback",
        }
    }
}

/// Which of the vendor's stories a communication is told by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Form {
    /// A dialogue with messages.
    Chat,
    /// The form shown when nobody is online.
    Offline,
    /// Contacts left in a pop-up window: JivoSite's `client_updated`, without page or visit.
    Popup,
    /// A callback ordered on the page.
    Callback,
}

/// Where a chat was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Channel {
    Site,
    Telegram,
    WhatsApp,
    Instagram,
}

impl Channel {
    /// The hub's spelling.
    pub fn slug(self) -> &'static str {
        match self {
            Self::Site => "site",
            Self::Telegram => "telegram",
            Self::WhatsApp => "whatsapp",
            Self::Instagram => "instagram",
        }
    }
}

/// The strongest trace of the visit that reaches the hub, by which it can be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Evidence {
    /// The visit id came back with the event.
    Token,
    /// The tracker reported the vendor's chat or visitor number together with the visit.
    Bind,
    /// A counter's client id seen on the visit.
    ClientId,
    /// A click id of the visit in a page address of the event.
    ClickId,
    /// The tracker saw the order of a call; the event brings no id (LeadBack).
    Mark,
    /// A phone that an earlier communication of the same person tied to a visit.
    Contact,
    /// Such a phone, but two people share it: only a careful hub may link it, and it need not.
    SharedContact,
    /// Nothing: no honest rule can find the visit.
    Nothing,
}

impl Evidence {
    /// Whether a hub that does its work should find a visit.
    pub fn should_link(self) -> bool {
        !matches!(self, Self::SharedContact | Self::Nothing)
    }

    /// Whether the trace names one visit, not just the person.
    pub fn names_visit(self) -> bool {
        self.should_link() && self != Self::Contact
    }
}

/// Who wrote a line of a chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaker {
    Visitor,
    Operator,
    /// A trigger or a bot.
    Robot,
    /// An operator's note to colleagues, which must never be shown.
    Note,
}

/// One line of a chat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub at: Timestamp,
    pub from: Speaker,
    pub text: String,
}

/// The human behind a journey.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    pub name: String,
    /// E.164 digits without the plus.
    pub phone: String,
    pub email: String,
    /// Whether somebody else gives the same phone.
    pub shares_phone: bool,
}

/// One browser of a person, with the numbers that trackers and widgets gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Browser {
    /// Our visitor id, `c…`.
    pub visitor: String,
    pub user_agent: String,
    pub ip: String,
    pub width_px: u32,
    pub ym_client_id: Option<String>,
    pub ga_client_id: Option<String>,
    pub jivo_number: u64,
    pub talkme_client: String,
    pub carrot_user: u64,
    /// False when a blocker keeps the tracker out: the hub never sees its visits.
    pub tracked: bool,
}

/// One page view, with the moment its message leaves the browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageView {
    pub message: String,
    pub at: Timestamp,
    pub sent: Timestamp,
    /// Whether the browser sends it a second time after a lost answer.
    pub repeated: bool,
    pub url: String,
    pub title: String,
    pub referrer: String,
}

/// One stay on a site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visit {
    /// Our visit id, `v…`.
    pub token: String,
    /// Index into the journey's browsers.
    pub browser: usize,
    /// Index into the sites of the scope.
    pub site: usize,
    /// Number of the visit of this browser, from 1.
    pub number: u32,
    pub views: Vec<PageView>,
    /// The click id of the landing page, as it stands in the address.
    pub click_id: Option<String>,
    pub utm: Utm,
}

impl Visit {
    pub fn started(&self) -> Timestamp {
        self.views[0].at
    }

    /// The page open at a moment: the last one viewed not later than it.
    pub fn view_at(&self, at: Timestamp) -> &PageView {
        let seen = self.views.iter().rev().find(|view| view.at <= at);
        seen.unwrap_or(&self.views[0])
    }
}

/// UTM marks of a landing page; an absent mark is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Utm {
    pub source: &'static str,
    pub medium: &'static str,
    pub campaign: &'static str,
    pub content: &'static str,
    pub term: &'static str,
}

impl Utm {
    /// The marks that are there, under their names without the `utm_` prefix.
    pub fn pairs(&self) -> Vec<(&'static str, &'static str)> {
        let all = [
            ("source", self.source),
            ("medium", self.medium),
            ("campaign", self.campaign),
            ("content", self.content),
            ("term", self.term),
        ];
        all.into_iter()
            .filter(|(_, value)| !value.is_empty())
            .collect()
    }
}

/// One appeal of the person, with its truth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Communication {
    /// Unique within the run; the vendor's numbers are made from it.
    pub number: u64,
    pub provider: Provider,
    pub form: Form,
    pub channel: Channel,
    /// The visit it came from (index into the journey's visits); `None` when it came past the site.
    pub visit: Option<usize>,
    /// The visit whose id the widget holds when the webhook leaves: later than `visit` when the
    /// visitor came back in between.
    pub visit_when_reported: Option<usize>,
    /// The browser whose vendor numbers the event carries; messengers have one of their own.
    pub browser: usize,
    pub evidence: Evidence,
    /// Whether the tracker's bind message is sent as well.
    pub bound: bool,
    pub started: Timestamp,
    /// The last message.
    pub finished: Timestamp,
    /// When the vendor sends its final webhook.
    pub reported: Timestamp,
    pub lines: Vec<Line>,
    pub gives_name: bool,
    pub gives_phone: bool,
    pub gives_email: bool,
    /// Whether one of the lines holds the phone.
    pub phone_in_text: bool,
    /// Index into the operators of the sample.
    pub operator: usize,
    /// Picks among the vendor's ways to write the same thing.
    pub quirk: u32,
}

impl Communication {
    /// Whether the lines hold one of the operator.
    pub fn answered(&self) -> bool {
        self.lines.iter().any(|line| line.from == Speaker::Operator)
    }

    /// The first thing the visitor wrote, or an empty text.
    pub fn first_text(&self) -> &str {
        let mut written = self
            .lines
            .iter()
            .filter(|line| line.from == Speaker::Visitor);
        written.next().map_or("", |line| &line.text)
    }

    /// Whether the vendor's habit number `habit` of `of` applies here.
    pub fn habit(&self, habit: u32, of: u32) -> bool {
        self.quirk % of == habit
    }
}

/// Everything one person does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Journey {
    pub person: Person,
    pub browsers: Vec<Browser>,
    pub visits: Vec<Visit>,
    pub communications: Vec<Communication>,
}

/// A site of the workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    pub id: i64,
    pub key: String,
    pub host: String,
}

/// What to plan.
#[derive(Debug, Clone)]
pub struct Scope {
    pub seed: u64,
    /// Vendors' numbers and phones of the run begin from it: two runs into one workspace with
    /// different ones have nobody in common.
    pub run: u64,
    pub visitors: usize,
    pub start: Timestamp,
    pub span: SignedDuration,
    /// At least one.
    pub sites: Vec<Site>,
    /// The most chats of Carrot quest: its API answers 60 questions a minute, so each costs seconds.
    pub carrotquest_limit: usize,
    /// Journeys begin at `start` and go on at their natural pace; otherwise they fill the span.
    pub live: bool,
}

impl Scope {
    pub fn end(&self) -> Timestamp {
        self.start + self.span
    }
}

#[cfg(test)]
pub mod testing {
    //! A plan that the tests of all wire formats read.

    use super::*;
    use crate::simulate::journeys::journeys;

    /// Twenty days on two sites.
    pub fn scope(visitors: usize) -> Scope {
        let site = |id, key: &str, host: &str| Site {
            id,
            key: key.to_owned(),
            host: host.to_owned(),
        };
        Scope {
            seed: 11,
            run: 40_000_000,
            visitors,
            start: "2026-03-01T00:00:00Z".parse().unwrap(),
            span: SignedDuration::from_hours(20 * 24),
            sites: vec![
                site(1, "s7d2", "shop.example.org"),
                site(2, "k2p9", "tile.example"),
            ],
            carrotquest_limit: 1_000,
            live: false,
        }
    }

    /// Journeys enough for every story and every habit of a vendor.
    pub fn plan() -> (Scope, Vec<Journey>) {
        let scope = scope(2_000);
        let journeys = journeys(&scope);
        (scope, journeys)
    }
}
