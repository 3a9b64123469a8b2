//! First run: the owner of the hub, the workspace and its first site.

use super::form::{Form, html, to};
use super::parts::Choice;
use super::{Guest, Page, login};
use crate::http_error::HttpResult;
use crate::hub::{Hub, Vault, password};
use crate::model::{Email, Site};
use crate::store::{AuditEntry, Role};
use askama::Template;
use axum::Router;
use axum::response::Response;
use axum::routing::get;
use jiff::tz::TimeZone;
use std::sync::Arc;
use tokio::sync::Mutex;

/// Offered first: most of the workspaces are there.
const USUAL_ZONE: &str = "Europe/Moscow";
/// Zones that the database keeps under former names too.
const OLD_NAMES: [&str; 7] = [
    "Etc/", "posix/", "US/", "Canada/", "Brazil/", "Chile/", "Mexico/",
];

#[derive(Template)]
#[template(path = "first_run.html")]
pub struct FirstRunPage {
    pub page: Page,
    pub form: FirstRunForm,
    pub errors: FirstRunErrors,
    /// Characters a password needs.
    pub min_length: usize,
    /// Offered zones; the chosen one is marked.
    pub zones: Vec<Choice>,
}

/// What was typed so far, without the password.
#[derive(Clone, Debug, Default)]
pub struct FirstRunForm {
    pub email: String,
    pub workspace: String,
    pub site: String,
    pub timezone: String,
}

/// A text under each field that cannot be taken; empty when it can.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FirstRunErrors {
    pub email: String,
    pub password: String,
    pub workspace: String,
    pub site: String,
}

pub fn router() -> Router<Arc<Hub>> {
    Router::new().route("/first-run", get(show).post(create))
}

async fn show(guest: Guest) -> HttpResult<Response> {
    if guest.hub.store.has_users().await? {
        return Ok(to("/login"));
    }
    html(&page(
        &guest,
        FirstRunForm::default(),
        FirstRunErrors::default(),
    ))
}

fn page(guest: &Guest, form: FirstRunForm, errors: FirstRunErrors) -> FirstRunPage {
    FirstRunPage {
        page: guest.page(),
        zones: zones(&form.timezone),
        form,
        errors,
        min_length: password::MIN_LENGTH,
    }
}

/// All zones by name, the usual one chosen unless another was.
pub fn zones(chosen: &str) -> Vec<Choice> {
    let chosen = match TimeZone::get(chosen) {
        Ok(_) => chosen,
        Err(_) => USUAL_ZONE,
    };
    let mut names: Vec<String> = jiff::tz::db()
        .available()
        .map(|name| name.to_string())
        .filter(|name| name.contains('/') || name == "UTC")
        .filter(|name| !OLD_NAMES.iter().any(|old| name.starts_with(old)))
        .collect();
    names.sort_unstable();
    names.dedup();
    let choice = |name: String| Choice::new(name.clone(), &name, name == chosen);
    names.into_iter().map(choice).collect()
}

async fn create(guest: Guest, sent: Form) -> HttpResult<Response> {
    // Two browsers at once would make two owners.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());
    let _alone = ONE_AT_A_TIME.lock().await;
    let hub = &guest.hub;
    if hub.store.has_users().await? {
        return Ok(to("/login"));
    }
    let form = FirstRunForm {
        email: sent.get("email").to_owned(),
        workspace: sent.get("workspace").to_owned(),
        site: sent.get("site").to_owned(),
        timezone: sent.get("timezone").to_owned(),
    };
    let email = Email::parse(&form.email);
    let host = Site::host_of(&form.site);
    let zone = TimeZone::get(&form.timezone).map_or(USUAL_ZONE, |_| form.timezone.as_str());
    let errors = FirstRunErrors {
        email: wrong(&guest, email.is_none(), "error.email"),
        password: password_error(&guest.page(), sent.raw("password")),
        workspace: wrong(&guest, sent.name("workspace").is_none(), "error.name"),
        site: wrong(&guest, host.is_none(), "error.host"),
    };
    let (Some(email), Some(host), true) = (email, host, errors == FirstRunErrors::default()) else {
        return html(&page(&guest, form, errors));
    };
    let now = hub.now();
    let hash = password::hash(sent.raw("password").to_owned()).await;
    let workspace = hub.store.add_workspace(&form.workspace, zone, now).await?;
    hub.store
        .add_site(workspace, &host, &host, &Vault::short_key())
        .await?;
    let user = hub
        .store
        .add_user(workspace, email.as_str(), &hash, Role::Owner, now)
        .await?;
    hub.store
        .audit(AuditEntry {
            workspace,
            at: now,
            who: email.as_str().to_owned(),
            action: "workspace.create".into(),
            subject: form.workspace.clone(),
        })
        .await?;
    login::signed_in(hub, user, to("/integrations?done=welcome")).await
}

fn wrong(guest: &Guest, is_wrong: bool, key: &str) -> String {
    match is_wrong {
        true => guest.page().text(key).to_owned(),
        false => String::new(),
    }
}

/// Why a password cannot be taken; empty when it can.
pub fn password_error(page: &Page, password: &str) -> String {
    match password.chars().count() < password::MIN_LENGTH {
        true => page.fill("first_run.password_hint", "n", password::MIN_LENGTH),
        false => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_zones_hold_the_usual_one_and_it_is_chosen() {
        for (asked, expected) in [
            ("", USUAL_ZONE),
            ("nowhere", USUAL_ZONE),
            ("Asia/Omsk", "Asia/Omsk"),
        ] {
            let zones = zones(asked);
            let chosen: Vec<_> = zones.iter().filter(|zone| zone.chosen).collect();
            assert_eq!(chosen.len(), 1, "{asked}");
            assert_eq!(chosen[0].value, expected);
        }
    }
}
