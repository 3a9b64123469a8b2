//! Integrations: the configured accounts, and the catalogue of services to connect.

use super::form::html;
use super::parts::{Badge, Notice};
use super::{Menu, Page, Person};
use crate::http_error::HttpResult;
use crate::hub::Hub;
use crate::model::Integration;
use crate::providers::{self, Provider};
use crate::store::{PageRequest, RawFilter};
use askama::Template;
use axum::Router;
use axum::extract::Query;
use axum::response::Response;
use axum::routing::get;
use std::sync::Arc;

#[derive(Template)]
#[template(path = "integrations.html")]
pub struct IntegrationsPage {
    pub page: Page,
    pub integrations: Vec<IntegrationLine>,
    pub providers: Vec<ProviderCard>,
    pub notice: Option<Notice>,
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

pub fn router() -> Router<Arc<Hub>> {
    Router::new().route("/integrations", get(show))
}

#[derive(serde::Deserialize)]
struct Asked {
    #[serde(default)]
    done: String,
}

async fn show(person: Person, Query(asked): Query<Asked>) -> HttpResult<Response> {
    let page = person.page(Menu::Integrations);
    let mut integrations = Vec::new();
    for one in &person.setup.integrations {
        integrations.push(line(&person, &page, one).await?);
    }
    let cards = providers::ALL.iter();
    html(&IntegrationsPage {
        integrations,
        providers: cards.map(|one| card(&person, &page, *one)).collect(),
        notice: Notice::done(&page, "integrations", &asked.done),
        page,
    })
}

async fn line(person: &Person, page: &Page, one: &Integration) -> HttpResult<IntegrationLine> {
    let filter = RawFilter {
        integration: Some(one.id),
        ..RawFilter::default()
    };
    let newest = PageRequest {
        limit: 1,
        cursor: None,
    };
    let store = &person.hub.store;
    let came = store.raw_page(one.workspace, &filter, &newest).await?;
    let last = came.items.first().map(|row| row.event.received_at);
    let site = one.site.and_then(|site| person.setup.site(site));
    Ok(IntegrationLine {
        id: one.id.0,
        name: one.name.clone(),
        provider: one.provider.clone(),
        provider_title: provider_title(&one.provider),
        site: site.map(|site| site.name.clone()).unwrap_or_default(),
        active: one.active,
        last_event: last.map(|at| page.date_time(at)).unwrap_or_default(),
    })
}

/// Name of a provider for people.
pub fn provider_title(slug: &str) -> String {
    providers::find(slug)
        .map_or(slug, |provider| provider.title())
        .to_owned()
}

fn card(person: &Person, page: &Page, provider: &dyn Provider) -> ProviderCard {
    let slug = provider.slug();
    let of_it = person.setup.integrations.iter();
    let words = page
        .locale
        .find(&format!("brings.{slug}"))
        .unwrap_or_default();
    let badge = |word: &str| Badge {
        text: word.to_owned(),
        tone: "secondary",
        hint: String::new(),
    };
    ProviderCard {
        slug: slug.to_owned(),
        title: provider.title().to_owned(),
        about: page.word("about", slug),
        brings: words
            .split(" · ")
            .filter(|word| !word.is_empty())
            .map(badge)
            .collect(),
        connected: of_it.filter(|one| one.provider == slug).count(),
    }
}
