//! Sites: domains with their tracker keys.

use super::form::{Form, html, to};
use super::own_path::OwnPath;
use super::parts::{Notice, Snippet};
use super::{Editor, Menu, Page, Person};
use crate::http_error::{HttpError, HttpResult};
use crate::hub::{Hub, Vault};
use crate::model::{Site, SiteId};
use askama::Template;
use axum::Router;
use axum::extract::{Path, Query};
use axum::response::Response;
use axum::routing::{get, post};
use std::sync::Arc;

#[derive(Template)]
#[template(path = "sites.html")]
pub struct SitesPage {
    pub page: Page,
    pub sites: Vec<SiteLine>,
    /// What was typed into the form of a new site, and what is wrong with it.
    pub host: String,
    pub name: String,
    pub error: String,
    pub notice: Option<Notice>,
}

#[derive(Clone, Debug)]
pub struct SiteLine {
    pub id: i64,
    pub host: String,
    pub name: String,
    pub key: String,
    pub script: Snippet,
    pub own_path: OwnPath,
    /// Where hits of the site are sent.
    pub collect_url: String,
}

pub fn router() -> Router<Arc<Hub>> {
    Router::new()
        .route("/sites", get(list).post(add))
        .route("/sites/{id}", post(rename))
}

#[derive(serde::Deserialize)]
struct Asked {
    #[serde(default)]
    done: String,
}

async fn list(person: Person, Query(asked): Query<Asked>) -> HttpResult<Response> {
    let mut shown = page(&person);
    shown.notice = Notice::done(&shown.page, "sites", &asked.done);
    html(&shown)
}

fn page(person: &Person) -> SitesPage {
    let hub = &person.hub;
    let line = |site: &Site| SiteLine {
        id: site.id.0,
        host: site.host.clone(),
        name: site.name.clone(),
        key: site.key.clone(),
        script: Snippet::new(site.id.0, &site.host, &hub.script_url(site)),
        own_path: OwnPath::new(&site.key, &hub.hits_url(site)),
        collect_url: hub.hits_url(site),
    };
    SitesPage {
        sites: person.setup.sites.iter().map(line).collect(),
        host: String::new(),
        name: String::new(),
        error: String::new(),
        notice: None,
        page: person.page(Menu::Sites),
    }
}

async fn add(Editor(person): Editor, form: Form) -> HttpResult<Response> {
    let host = Site::host_of(form.get("host"));
    let is_known = |host: &String| person.setup.sites.iter().any(|site| site.host == *host);
    let error = match &host {
        None => "error.host",
        Some(host) if is_known(host) => "sites.known",
        Some(_) => "",
    };
    let (Some(host), true) = (host, error.is_empty()) else {
        let mut shown = page(&person);
        shown.error = shown.page.text(error).to_owned();
        shown.host = form.get("host").to_owned();
        shown.name = form.get("name").to_owned();
        return html(&shown);
    };
    let name = form.name("name").unwrap_or(&host);
    let store = &person.hub.store;
    let id = store
        .add_site(person.workspace(), &host, name, &Vault::short_key())
        .await?;
    person.changed("site.create", id, false).await?;
    Ok(to("/sites?done=added"))
}

async fn rename(Editor(person): Editor, Path(id): Path<i64>, form: Form) -> HttpResult<Response> {
    let site = person.setup.site(SiteId(id));
    let site = site.ok_or_else(|| HttpError::not_found("this site"))?;
    let renamed = Site {
        name: form.name("name").unwrap_or(&site.host).to_owned(),
        ..site.clone()
    };
    person.hub.store.save_site(&renamed).await?;
    person.changed("site.rename", id, false).await?;
    Ok(to("/sites?done=renamed"))
}
