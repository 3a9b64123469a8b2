//! One integration: its addresses, the settings of the help pages, the guide. The form of a new one
//! is the same page without addresses. What the form holds is `integration_form`'s.

use super::communication::RawLine;
use super::form::{Form, html, to};
use super::integration_form::{Draft, Errors, OwnKind, Preview, SettingsForm};
use super::parts::{Address, Badge, Notice, Snippet};
use super::{Editor, Menu, Page, Person};
use crate::http_error::{HttpError, HttpResult};
use crate::hub::{Addresses, Doors, Hub};
use crate::locale::Locale;
use crate::model::{
    Integration, IntegrationId, IntegrationSettings, RawEventId, SignWord, Timestamp,
};
use crate::providers::{self, Language, Provider, settings};
use crate::store::{IntegrationRow, NewIntegration, PageRequest, RawFilter, RawRow, Removable};
use askama::Template;
use axum::Router;
use axum::extract::{Path, Query};
use axum::response::Response;
use axum::routing::{get, post};
use jiff::{SignedDuration, ToSpan};
use std::sync::Arc;

/// Requests of the integration that its page shows and a preview can be made of.
const RECENT: u32 = 10;
/// What pages told longer ago is not shown.
const SIGNS_SHOWN: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Hosts shown for one word.
const HOSTS_SHOWN: usize = 5;

#[derive(Template)]
#[template(path = "integration.html")]
pub struct IntegrationPage {
    pub page: Page,
    /// `None`: a new one, not yet saved.
    pub id: Option<i64>,
    pub provider: String,
    pub provider_title: String,
    pub about: String,
    pub addresses: Vec<Address>,
    /// One for each messenger, when the provider does not name the messenger itself.
    pub channel_addresses: Vec<Address>,
    /// The script of its site, or of every site when it serves all.
    pub scripts: Vec<Snippet>,
    /// What pages told of the script and of this widget; empty when nothing was told for a month.
    pub signs: Vec<SignGroup>,
    /// The addresses of an older token work until then; empty when there is none.
    pub old_until: String,
    /// Days that the old addresses go on working after new ones were made.
    pub overlap: String,
    pub form: SettingsForm,
    pub preview: Preview,
    /// HTML made from the provider's own guide.
    pub guide: String,
    pub raw_events: Vec<RawLine>,
    /// What was just done, or why saving failed.
    pub notice: Option<Notice>,
}

pub fn router() -> Router<Arc<Hub>> {
    Router::new()
        .route("/integrations/new/{provider}", get(blank).post(create))
        .route("/integrations/{id}", get(show).post(save))
        .route("/integrations/{id}/preview", post(preview))
        .route("/integrations/{id}/switch", post(switch))
        .route("/integrations/{id}/rotate", post(rotate))
        .route("/integrations/{id}/remove", post(remove))
}

#[derive(serde::Deserialize)]
struct Asked {
    #[serde(default)]
    done: String,
}

async fn blank(Editor(person): Editor, Path(slug): Path<String>) -> HttpResult<Response> {
    let provider = found_provider(&slug)?;
    let draft = Draft::new(provider, &person.setup);
    html(&new_page(&person, provider, &draft, &Errors::default()))
}

fn new_page(
    person: &Person,
    provider: &dyn Provider,
    draft: &Draft,
    errors: &Errors,
) -> IntegrationPage {
    let page = person.page(Menu::Integrations);
    IntegrationPage {
        id: None,
        provider: provider.slug().to_owned(),
        provider_title: provider.title().to_owned(),
        about: page.word("about", provider.slug()),
        addresses: Vec::new(),
        channel_addresses: Vec::new(),
        scripts: Vec::new(),
        signs: Vec::new(),
        old_until: String::new(),
        overlap: String::new(),
        form: SettingsForm::new(&page, provider, &person.setup, draft, errors),
        preview: Preview::default(),
        guide: guide_html(provider.setup_guide(language(page.locale))),
        raw_events: Vec::new(),
        notice: errors.notice(&page),
        page,
    }
}

async fn create(
    Editor(person): Editor,
    Path(slug): Path<String>,
    form: Form,
) -> HttpResult<Response> {
    let provider = found_provider(&slug)?;
    let draft = Draft::sent(provider, &form, None);
    let settings = match draft.checked(provider, &person.setup, None) {
        Ok(settings) => settings,
        Err(errors) => return html(&new_page(&person, provider, &draft, &errors)),
    };
    let hub = &person.hub;
    let new = NewIntegration {
        workspace: person.workspace(),
        provider: provider.slug().to_owned(),
        site: draft.site,
        name: draft.name.clone(),
        active: draft.active,
        settings: sealed(hub, provider, settings),
        token: hub.new_token(),
        created_at: hub.now(),
    };
    let id = hub.store.add_integration(new).await?;
    person.changed("integration.create", id, false).await?;
    Ok(to(format!("/integrations/{id}?done=created#addresses")))
}

async fn show(
    person: Person,
    Path(id): Path<i64>,
    Query(asked): Query<Asked>,
) -> HttpResult<Response> {
    let (integration, provider) = found(&person, id)?;
    let draft = Draft::stored(provider, &integration);
    let errors = Errors::default();
    let mut shown = existing_page(&person, &integration, provider, &draft, &errors).await?;
    shown.notice = Notice::done(&shown.page, "integration", &asked.done);
    html(&shown)
}

async fn existing_page(
    person: &Person,
    integration: &Integration,
    provider: &dyn Provider,
    draft: &Draft,
    errors: &Errors,
) -> HttpResult<IntegrationPage> {
    let mut shown = new_page(person, provider, draft, errors);
    let recent = recent(person, integration.id).await?;
    let page = &shown.page;
    shown.raw_events = recent.iter().map(|row| RawLine::of(page, row)).collect();
    shown.id = Some(integration.id.0);
    let sites = person.setup.sites.iter();
    shown.scripts = sites
        .filter(|site| integration.site.is_none_or(|of| of == site.id))
        .map(|site| Snippet::new(site.id.0, &site.host, &person.hub.script_url(site)))
        .collect();
    shown.signs = signs(person, page, integration).await?;
    if !person.may_write() {
        return Ok(shown);
    }
    let hub = &person.hub;
    let doors = Doors {
        leads: provider.has_leads_address(),
        channels: provider.has_channel_addresses(),
    };
    let (found, old_until) = hub.addresses(integration, doors).await?;
    let old_until = old_until.map(|at| page.date_time(at));
    shown.old_until = old_until.unwrap_or_default();
    if let Some(found) = found {
        shown.channel_addresses = channel_addresses(page, &found);
        shown.addresses = addresses(page, provider, found);
    }
    shown.overlap = page.count("count.day", hub.config.intake.token_overlap_days);
    shown.preview.events = Preview::events(page, provider, &recent, None);
    Ok(shown)
}

/// One thing that pages told, with the pages that did.
#[derive(Clone, Debug)]
pub struct SignGroup {
    pub word: Badge,
    pub hint: String,
    /// Host and time, the latest first.
    pub hosts: Vec<(String, String)>,
}

/// What pages of the integration's site told in the last month: of the script, and of this widget.
async fn signs(
    person: &Person,
    page: &Page,
    integration: &Integration,
) -> HttpResult<Vec<SignGroup>> {
    let since = person.hub.now().saturating_sub(SIGNS_SHOWN);
    let since = since.unwrap_or(Timestamp::MIN);
    let mut rows = person.hub.store.signs(person.workspace(), since).await?;
    rows.retain(|row| {
        let of = &row.sign;
        let is_of_widget = of.provider.is_empty() || of.provider == integration.provider;
        is_of_widget && integration.site.is_none_or(|site| site == of.site)
    });
    let groups = SignWord::ALL.iter().map(|word| {
        let told = rows.iter().filter(|row| row.sign.word == *word);
        SignGroup {
            word: page.sign(*word),
            hint: page.hint("script_sign", word.as_str()),
            hosts: told
                .take(HOSTS_SHOWN)
                .map(|row| (row.sign.host.clone(), page.date_time(row.last_at)))
                .collect(),
        }
    });
    Ok(groups.filter(|group| !group.hosts.is_empty()).collect())
}

fn addresses(page: &Page, provider: &dyn Provider, found: Addresses) -> Vec<Address> {
    let address = |id: &str, key: &str, url: String| Address {
        id: id.to_owned(),
        title: page.text(key).to_owned(),
        url,
        hint: String::new(),
    };
    let chats = match provider.has_leads_address() {
        true => "integration.chats_url",
        false => "integration.one_url",
    };
    let leads = found.leads;
    let leads = leads.map(|url| address("address-leads", "integration.leads_url", url));
    let chats = address("address", chats, found.chats);
    std::iter::once(chats).chain(leads).collect()
}

fn channel_addresses(page: &Page, found: &Addresses) -> Vec<Address> {
    let address = |(channel, url): (&String, &String)| Address {
        id: format!("address-{channel}"),
        title: page.word("channel", channel),
        url: url.clone(),
        hint: String::new(),
    };
    found.channels.iter().map(address).collect()
}

async fn recent(person: &Person, id: IntegrationId) -> HttpResult<Vec<RawRow>> {
    let filter = RawFilter {
        integration: Some(id),
        ..RawFilter::default()
    };
    let request = PageRequest {
        limit: RECENT,
        cursor: None,
    };
    let store = &person.hub.store;
    Ok(store
        .raw_page(person.workspace(), &filter, &request)
        .await?
        .items)
}

async fn save(Editor(person): Editor, Path(id): Path<i64>, form: Form) -> HttpResult<Response> {
    let (integration, provider) = found(&person, id)?;
    let before = &integration.settings;
    let draft = Draft::sent(provider, &form, Some(before));
    let settings = match draft.checked(provider, &person.setup, Some(before)) {
        Ok(settings) => settings,
        Err(errors) => {
            return html(&existing_page(&person, &integration, provider, &draft, &errors).await?);
        }
    };
    let row = IntegrationRow {
        site: draft.site,
        name: draft.name.clone(),
        active: draft.active,
        settings: sealed(&person.hub, provider, settings),
        ..row_of(&integration)
    };
    person.hub.store.save_integration(&row).await?;
    let recredit = form.has("recredit");
    person.changed("integration.change", id, recredit).await?;
    Ok(to(format!("/integrations/{id}?done=saved")))
}

fn row_of(integration: &Integration) -> IntegrationRow {
    IntegrationRow {
        id: integration.id,
        workspace: integration.workspace,
        provider: integration.provider.clone(),
        site: integration.site,
        name: integration.name.clone(),
        active: integration.active,
        settings: integration.settings.clone(),
        created_at: integration.created_at,
    }
}

/// The settings as typed, not saved, tried on a request that came.
async fn preview(Editor(person): Editor, Path(id): Path<i64>, form: Form) -> HttpResult<Response> {
    let (integration, provider) = found(&person, id)?;
    let draft = Draft::sent(provider, &form, Some(&integration.settings));
    let errors = Errors::default();
    let mut shown = existing_page(&person, &integration, provider, &draft, &errors).await?;
    let Some(event) = form.id("preview_event").map(RawEventId) else {
        return html(&shown);
    };
    let store = &person.hub.store;
    let raw = store.raw_event(person.workspace(), event).await?.event;
    let fields = provider.preview(&raw, &draft.own_settings(provider));
    shown.preview.found = fields
        .into_iter()
        .map(|(field, path, value)| (shown.page.word("mapped", field), path, value))
        .collect();
    shown.preview.asked = true;
    for choice in &mut shown.preview.events {
        choice.chosen = choice.value == event.to_string();
    }
    html(&shown)
}

/// Switches an integration on or off; on only when nothing it needs is missing.
async fn switch(Editor(person): Editor, Path(id): Path<i64>, form: Form) -> HttpResult<Response> {
    let (integration, provider) = found(&person, id)?;
    let mut draft = Draft::stored(provider, &integration);
    draft.active = form.get("active") == "on";
    let before = &integration.settings;
    let settings = match draft.checked(provider, &person.setup, Some(before)) {
        Ok(settings) => settings,
        // What is wrong in it keeps nobody from switching it off.
        Err(_) if !draft.active => before.clone(),
        Err(errors) => {
            return html(&existing_page(&person, &integration, provider, &draft, &errors).await?);
        }
    };
    let row = IntegrationRow {
        active: draft.active,
        settings: sealed(&person.hub, provider, settings),
        ..row_of(&integration)
    };
    person.hub.store.save_integration(&row).await?;
    let done = if draft.active {
        "switched_on"
    } else {
        "switched_off"
    };
    let action = format!("integration.{done}");
    person.changed(&action, id, false).await?;
    Ok(to(format!("/integrations/{id}?done={done}")))
}

async fn rotate(Editor(person): Editor, Path(id): Path<i64>) -> HttpResult<Response> {
    let (integration, _) = found(&person, id)?;
    let hub = &person.hub;
    let days = i64::from(hub.config.intake.token_overlap_days);
    let old_until: Timestamp = hub.now() + (days * 24).hours();
    hub.store
        .rotate_token(
            person.workspace(),
            integration.id,
            hub.new_token(),
            old_until,
        )
        .await?;
    person
        .changed("integration.rotate_token", id, false)
        .await?;
    Ok(to(format!("/integrations/{id}?done=rotated#addresses")))
}

async fn remove(Editor(person): Editor, Path(id): Path<i64>) -> HttpResult<Response> {
    let (integration, _) = found(&person, id)?;
    let what = Removable::Integration(integration.id);
    person.hub.store.remove(person.workspace(), what).await?;
    person
        .changed("integration.remove", &integration.name, false)
        .await?;
    Ok(to("/integrations?done=removed"))
}

fn found_provider(slug: &str) -> HttpResult<&'static dyn Provider> {
    providers::find(slug).ok_or_else(|| HttpError::not_found("this service"))
}

fn found(person: &Person, id: i64) -> HttpResult<(Arc<Integration>, &'static dyn Provider)> {
    let integration = person.setup.integration(IntegrationId(id));
    let integration = integration.ok_or_else(|| HttpError::not_found("this integration"))?;
    Ok((integration.clone(), found_provider(&integration.provider)?))
}

/// Settings as they are stored: secrets sealed.
fn sealed(
    hub: &Hub,
    provider: &dyn Provider,
    mut settings: IntegrationSettings,
) -> IntegrationSettings {
    hub.seal_secrets(&mut settings.own, settings::secret_names(provider));
    settings
}

fn language(locale: Locale) -> Language {
    match locale {
        Locale::Ru => Language::Russian,
        Locale::En => Language::English,
    }
}

/// The guide of a provider as HTML. Markup inside the Markdown is shown as text.
pub fn guide_html(markdown: &str) -> String {
    use pulldown_cmark::{Event, Options, Parser, html};
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH;
    let events = Parser::new_ext(markdown, options).map(|event| match event {
        Event::Html(text) | Event::InlineHtml(text) => Event::Text(text),
        other => other,
    });
    let mut page = String::new();
    html::push_html(&mut page, events);
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_in_a_guide_is_shown_and_not_obeyed() {
        let html = guide_html("# Title\n\n<script>x</script>\n\n1. Open **Settings**");
        assert!(html.contains("<h1>Title</h1>"));
        assert!(html.contains("&lt;script&gt;"));
        assert!(html.contains("<strong>Settings</strong>"));
    }
}
