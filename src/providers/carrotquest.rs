//! Carrot quest (and Dashly, the same product abroad): webhooks that only name a conversation, and
//! a REST API that tells what was said. Field by field: the wire-format page `carrotquest.md`.
//!
//! The vendor promises neither the moment of a webhook (an hour late by default) nor that a
//! conversation is closed once, so times come from the data and one conversation is one chat.
//! UTM in a visitor's card is of his last or first visit, not of the chat: a fallback, labeled.

mod conversation;
mod feed;
mod fetch;
mod form;
mod part;
mod user;
mod webhook;

use super::{Binder, Fetcher, Language, Provider};
use crate::model::{
    Address, Field, FieldKind, IntegrationSettings, Normalized, RawEvent, SetAside,
};

/// In addresses, tables and keys.
const SLUG: &str = "carrotquest";

/// The provider.
pub struct CarrotQuest;

impl Provider for CarrotQuest {
    fn slug(&self) -> &'static str {
        SLUG
    }

    fn title(&self) -> &'static str {
        "Carrot quest"
    }

    fn fields(&self) -> &'static [Field] {
        FIELDS
    }

    fn setup_guide(&self, language: Language) -> &'static str {
        match language {
            Language::Russian => include_str!("carrotquest/setup.md"),
            Language::English => include_str!("carrotquest/setup.en.md"),
        }
    }

    fn silence_minutes(&self) -> u32 {
        120
    }

    fn has_client_cards(&self) -> bool {
        true
    }

    fn binder(&self, _settings: &IntegrationSettings) -> Option<Binder> {
        Some(Binder::plain("carrotquest"))
    }

    fn normalize(
        &self,
        raw: &RawEvent,
        settings: &IntegrationSettings,
    ) -> Result<Normalized, SetAside> {
        match raw.address {
            Address::Fetched => conversation::normalize(raw),
            _ => webhook::normalize(raw, settings),
        }
    }

    fn fetcher(&self) -> Option<&'static dyn Fetcher> {
        Some(&fetch::Conversations)
    }
}

const FIELDS: &[Field] = &[
    Field {
        name: "api_key",
        kind: FieldKind::Secret,
        required: true,
        default: "",
    },
    Field {
        name: "api_base",
        kind: FieldKind::Url,
        required: false,
        default: fetch::DEFAULT_BASE,
    },
    Field {
        name: "webhook_token",
        kind: FieldKind::Secret,
        required: false,
        default: "",
    },
];
