//! Integrations: the configured accounts, and the catalogue of services to connect.

use askama::Template;

use super::Page;
use super::parts::Badge;

#[derive(Template)]
#[template(path = "integrations.html")]
pub struct IntegrationsPage {
    pub page: Page,
    pub integrations: Vec<IntegrationLine>,
    pub providers: Vec<ProviderCard>,
}

/// A configured account.
#[derive(Clone, Debug)]
pub struct IntegrationLine {
    pub id: i64,
    pub name: String,
    pub provider: String,
    pub provider_title: String,
    pub site: String,
    pub active: bool,
    /// When its last event came; empty when none has.
    pub last_event: String,
}

/// A service of the catalogue.
#[derive(Clone, Debug)]
pub struct ProviderCard {
    pub slug: String,
    pub title: String,
    pub about: String,
    /// What it brings: chats, leads, callbacks.
    pub brings: Vec<Badge>,
    /// How many accounts of it are connected.
    pub connected: usize,
}
