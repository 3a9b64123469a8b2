//! What every page needs: language, workspace, the person signed in, the place in the menu.

use std::fmt;

use askama::filters::HtmlSafe;
use jiff::tz::TimeZone;

use super::assets;
use crate::locale::Locale;
use crate::model::Timestamp;

/// The frame of a page. Templates reach all texts, icons and assets through it.
#[derive(Clone, Debug)]
pub struct Page {
    pub locale: Locale,
    /// Zone of the workspace: all times are shown in it.
    pub zone: TimeZone,
    /// Name of the workspace; empty on pages before the login.
    pub workspace: String,
    /// E-mail of the person signed in.
    pub person: String,
    /// Owners and admins: the others see no buttons that change things.
    pub may_write: bool,
    pub here: Menu,
    /// Path and query of this view: the language switch comes back to it.
    pub address: String,
}

impl Page {
    pub fn text<'a>(&self, key: &'a str) -> &'a str {
        self.locale.text(key)
    }

    /// A text with one parameter filled in.
    pub fn fill(&self, key: &str, name: &str, value: impl fmt::Display) -> String {
        self.locale.fill(key, &[(name, &value)])
    }

    pub fn count(&self, key: &str, n: impl TryInto<u64>) -> String {
        self.locale.count(key, n)
    }

    pub fn number(&self, n: impl TryInto<u64>) -> String {
        self.locale.number(n.try_into().unwrap_or(u64::MAX))
    }

    pub fn date_time(&self, at: Timestamp) -> String {
        self.locale.date_time(at, &self.zone)
    }

    pub fn date(&self, at: Timestamp) -> String {
        self.locale.date(at, &self.zone)
    }

    pub fn time(&self, at: Timestamp) -> String {
        self.locale.time(at, &self.zone)
    }

    pub fn asset(&self, name: &str) -> String {
        assets::url(name)
    }

    pub fn icon(&self, name: &'static str) -> Icon {
        Icon(name)
    }

    pub fn logo(&self, provider: &str) -> String {
        assets::logo_url(provider)
    }

    /// Title of this place of the menu.
    pub fn title(&self) -> &'static str {
        self.locale.find(self.here.title()).unwrap_or_default()
    }

    /// The other language, offered by the switch.
    pub fn other_locale(&self) -> Locale {
        match self.locale {
            Locale::Ru => Locale::En,
            Locale::En => Locale::Ru,
        }
    }

    pub fn menu(&self) -> &'static [(&'static str, &'static [Menu])] {
        MENU
    }
}

/// An icon of the sprite, as markup.
#[derive(Clone, Copy, Debug)]
pub struct Icon(&'static str);

impl fmt::Display for Icon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sprite = assets::url("icons.svg");
        let name = self.0;
        write!(
            f,
            r##"<svg class="icon" aria-hidden="true"><use href="{sprite}#{name}"/></svg>"##
        )
    }
}

// The name is a constant of ours and the address a hash: nothing in it needs escaping.
impl HtmlSafe for Icon {}

/// A place of the side menu.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Menu {
    Communications,
    Visits,
    Inbox,
    Integrations,
    Sites,
    Campaigns,
    Sources,
    Employees,
    Tags,
    Settings,
}

/// Headings of the side menu (keys of texts) with their places.
const MENU: &[(&str, &[Menu])] = &[
    (
        "menu.raw_data",
        &[Menu::Communications, Menu::Visits, Menu::Inbox],
    ),
    ("menu.connections", &[Menu::Integrations, Menu::Sites]),
    (
        "menu.directories",
        &[Menu::Campaigns, Menu::Sources, Menu::Employees, Menu::Tags],
    ),
    ("menu.workspace", &[Menu::Settings]),
];

impl Menu {
    pub fn address(self) -> &'static str {
        match self {
            Self::Communications => "/communications",
            Self::Visits => "/visits",
            Self::Inbox => "/inbox",
            Self::Integrations => "/integrations",
            Self::Sites => "/sites",
            Self::Campaigns => "/campaigns",
            Self::Sources => "/sources",
            Self::Employees => "/employees",
            Self::Tags => "/tags",
            Self::Settings => "/settings",
        }
    }

    /// Key of its title.
    pub fn title(self) -> &'static str {
        match self {
            Self::Communications => "menu.communications",
            Self::Visits => "menu.visits",
            Self::Inbox => "menu.inbox",
            Self::Integrations => "menu.integrations",
            Self::Sites => "menu.sites",
            Self::Campaigns => "menu.campaigns",
            Self::Sources => "menu.sources",
            Self::Employees => "menu.employees",
            Self::Tags => "menu.tags",
            Self::Settings => "menu.settings",
        }
    }

    pub fn icon(self) -> Icon {
        Icon(match self {
            Self::Communications => "messages",
            Self::Visits => "eye",
            Self::Inbox => "inbox",
            Self::Integrations => "plug",
            Self::Sites => "world-www",
            Self::Campaigns => "ad-2",
            Self::Sources => "route",
            Self::Employees => "users",
            Self::Tags => "tag",
            Self::Settings => "settings",
        })
    }
}
