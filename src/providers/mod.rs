//! Vendors of chat and callback widgets: one file and one folder each, and the one list.
//!
//! A provider only computes. It never asks the store, the clock or the network: what it needs to
//! know comes in, and what it would like to ask goes out as a `FetchNeed`.

pub mod carrotquest;
#[cfg(test)]
pub mod fixtures;
pub mod free_text;
pub mod jivosite;
pub mod leadback;
pub mod lenient;
pub mod returned;
pub mod settings;
pub mod talkme;
pub mod verbox;

use crate::model::{
    FetchNeed, Field, IntegrationSettings, Normalized, OutboundRequest, OutboundResponse, RawEvent,
    SetAside,
};

/// Every provider, in the order people see them.
pub const ALL: &[&dyn Provider] = &[
    &jivosite::JivoSite,
    &talkme::TALK_ME,
    &verbox::VERBOX,
    &carrotquest::CarrotQuest,
    &leadback::LeadBack,
];

/// The provider of a slug.
pub fn find(slug: &str) -> Option<&'static dyn Provider> {
    ALL.iter().copied().find(|provider| provider.slug() == slug)
}

/// A vendor of a chat or callback widget.
pub trait Provider: Sync {
    /// In addresses, tables and JSON.
    fn slug(&self) -> &'static str;

    /// For people.
    fn title(&self) -> &'static str;

    /// Its own settings, beside those that every integration has.
    fn fields(&self) -> &'static [Field];

    /// The set-up guide in Markdown, with the vendor's own menu names.
    fn setup_guide(&self, language: Language) -> &'static str;

    /// Minutes of silence that end a chat (DESIGN.md 5.1 "Silence").
    fn silence_minutes(&self) -> u32;

    /// The provider sends offline leads to an address of their own.
    fn has_leads_address(&self) -> bool {
        false
    }

    /// The provider does not name the messenger, so each channel has an address of its own.
    fn has_channel_addresses(&self) -> bool {
        false
    }

    /// It tells of changes of a client's card outside any chat (`Subject::Client`).
    fn has_client_cards(&self) -> bool {
        false
    }

    /// No id of ours comes back, so the tracker only marks the moment something was ordered.
    fn links_by_mark(&self) -> bool {
        false
    }

    /// What stands on the site's pages to tie its chats to visits; `None`: nothing.
    fn binder(&self, _settings: &IntegrationSettings) -> Option<Binder> {
        None
    }

    /// Turns a raw event into events. What cannot be used is set aside with a reason.
    fn normalize(
        &self,
        raw: &RawEvent,
        settings: &IntegrationSettings,
    ) -> Result<Normalized, SetAside>;

    /// The body to answer with; the status is 200.
    fn reply(&self) -> Reply {
        Reply {
            content_type: "application/json",
            body: r#"{"ok":true}"#,
        }
    }

    /// What may be kept of a body that holds a credential which must not be stored; `None`: all.
    fn redact(&self, _body: &[u8]) -> Option<Vec<u8>> {
        None
    }

    /// What a field mapping finds in a request, for the page that edits it; nothing for providers
    /// whose format is known.
    fn preview(&self, _raw: &RawEvent, _settings: &IntegrationSettings) -> Vec<FoundField> {
        Vec::new()
    }

    /// Fields of a mapping that people may change, each with the places where it is looked for
    /// unless they do.
    fn mapped_fields(&self) -> &'static [MappedField] {
        &[]
    }

    /// How its REST API is asked, when `normalize` may need that.
    fn fetcher(&self) -> Option<&'static dyn Fetcher> {
        None
    }
}

/// The piece of the site's script that talks to a provider's widget.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binder {
    /// File in `tracker/binders/`, without its ending.
    pub name: &'static str,
    /// What it is told of the settings; the file says what it means.
    pub option: String,
}

impl Binder {
    /// A binder that needs no settings.
    pub fn plain(name: &'static str) -> Binder {
        Binder {
            name,
            option: String::new(),
        }
    }
}

/// A canonical field, the path where it was found, and its value as text.
pub type FoundField = (&'static str, String, String);

/// A canonical field with the paths that are tried for it, in order.
pub type MappedField = (&'static str, &'static [&'static str]);

/// Language of a guide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    Russian,
    English,
}

/// What the provider wants to hear; the same for every request, so nothing can leak through it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply {
    pub content_type: &'static str,
    pub body: &'static str,
}

/// Reads records over a provider's REST API, one question at a time. Pure: the answers so far come
/// in, the next step goes out, so a job can go on after a restart from the beginning.
pub trait Fetcher: Sync {
    /// Jobs with an equal key share the vendor's limit.
    fn budget(&self, settings: &IntegrationSettings) -> Budget;

    /// The next question, or the end.
    fn step(
        &self,
        need: &FetchNeed,
        settings: &IntegrationSettings,
        answers: &[OutboundResponse],
    ) -> FetchStep;
}

/// A vendor's limit and whom it binds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Names the account without revealing its key (a hash of it).
    pub key: String,
    pub per_minute: u32,
}

/// What a fetch job does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FetchStep {
    Ask(OutboundRequest),
    /// Ask again from the beginning, not earlier than in so many seconds.
    Retry {
        after_s: Option<u32>,
        reason: String,
    },
    /// The record is complete: this becomes the body of a raw event at `Address::Fetched`.
    Done {
        body: Vec<u8>,
    },
    /// It cannot be had; a person must act or it does not exist.
    GiveUp {
        reason: String,
    },
}
