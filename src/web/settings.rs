//! Settings: the workspace, who may come in, keys of programs, one's own password, the audit log.

use super::first_run::{password_error, zones};
use super::form::{Form, html, to};
use super::login::signed_in;
use super::parts::{Choice, Notice, Pager};
use super::{Editor, Menu, Page, Person};
use crate::http_error::{HttpError, HttpResult};
use crate::hub::{Hub, Vault, password};
use crate::model::{ApiKeyId, Email, UserId, Workspace};
use crate::store::{AuditEntry, NewApiKey, PageRequest, Role, StoreError, UserRow};
use askama::Template;
use axum::Router;
use axum::extract::{Path, Query};
use axum::response::Response;
use axum::routing::{get, post};
use jiff::tz::TimeZone;
use std::sync::Arc;

/// Rows of the audit log on a page.
const AUDIT_ROWS: u32 = 100;

#[derive(Template)]
#[template(path = "settings.html")]
pub struct SettingsPage {
    pub page: Page,
    pub notice: Option<Notice>,
    /// Characters a password needs.
    pub min_length: usize,
    pub name: String,
    pub zones: Vec<Choice>,
    pub currency: String,
    pub users: Vec<UserLine>,
    pub roles: Vec<Choice>,
    pub keys: Vec<KeyLine>,
    /// A key just made: it is shown this once.
    pub new_key: String,
    pub errors: SettingsErrors,
    /// What was typed for a new user.
    pub email: String,
}

/// A text under each field that cannot be taken; empty when it can.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SettingsErrors {
    pub name: String,
    pub currency: String,
    pub email: String,
    pub password: String,
    pub key: String,
    pub old_password: String,
    pub own_password: String,
}

#[derive(Clone, Debug)]
pub struct UserLine {
    pub id: i64,
    pub email: String,
    pub role: String,
    /// Not oneself, not the last owner, and no owner by an admin.
    pub can_remove: bool,
}

#[derive(Clone, Debug)]
pub struct KeyLine {
    pub id: i64,
    pub name: String,
    pub scopes: String,
    pub created: String,
}

#[derive(Template)]
#[template(path = "audit.html")]
pub struct AuditPage {
    pub page: Page,
    pub rows: Vec<AuditLine>,
    pub pager: Pager,
}

#[derive(Clone, Debug)]
pub struct AuditLine {
    pub at: String,
    pub who: String,
    pub action: String,
    pub subject: String,
}

pub fn router() -> Router<Arc<Hub>> {
    Router::new()
        .route("/settings", get(show).post(save))
        .route("/settings/password", post(change_password))
        .route("/settings/users", post(add_user))
        .route("/settings/users/{id}/remove", post(remove_user))
        .route("/settings/keys", post(add_key))
        .route("/settings/keys/{id}/revoke", post(revoke_key))
        .route("/settings/audit", get(audit))
}

#[derive(serde::Deserialize)]
struct Asked {
    #[serde(default)]
    done: String,
    #[serde(default)]
    cursor: String,
}

async fn show(person: Person, Query(asked): Query<Asked>) -> HttpResult<Response> {
    let mut shown = page(&person, SettingsErrors::default()).await?;
    shown.notice = Notice::done(&shown.page, "settings", &asked.done);
    html(&shown)
}

async fn page(person: &Person, errors: SettingsErrors) -> HttpResult<SettingsPage> {
    let page = person.page(Menu::Settings);
    let workspace = &person.setup.workspace;
    let (mut users, mut keys) = (Vec::new(), Vec::new());
    if person.may_write() {
        let store = &person.hub.store;
        users = store.users(person.workspace()).await?;
        keys = store.api_keys(person.workspace()).await?;
    }
    let user = |one: &UserRow| UserLine {
        id: one.id.0,
        email: one.email.clone(),
        role: page.word("role", one.role.as_str()),
        can_remove: can_remove(person, &users, one),
    };
    let key = |one: &crate::store::ApiKeyRow| KeyLine {
        id: one.id.0,
        name: one.name.clone(),
        scopes: one
            .scopes
            .iter()
            .map(|scope| page.word("scope", scope))
            .collect::<Vec<_>>()
            .join(", "),
        created: page.date_time(one.created_at),
    };
    let may_give = Role::ALL.into_iter().filter(|role| may_give(person, *role));
    let role = |role: Role| {
        let title = page.word("role_long", role.as_str());
        Choice::new(role.as_str(), title, role == Role::Analyst)
    };
    Ok(SettingsPage {
        notice: None,
        min_length: password::MIN_LENGTH,
        name: workspace.name.clone(),
        zones: zones(&workspace.timezone),
        currency: workspace.currency.clone(),
        users: users.iter().map(user).collect(),
        roles: may_give.map(role).collect(),
        keys: keys.iter().map(key).collect(),
        new_key: String::new(),
        errors,
        email: String::new(),
        page,
    })
}

/// Only an owner makes owners.
fn may_give(person: &Person, role: Role) -> bool {
    role != Role::Owner || person.user.role == Role::Owner
}

fn can_remove(person: &Person, users: &[UserRow], one: &UserRow) -> bool {
    let owners = users.iter().filter(|user| user.role == Role::Owner).count();
    let is_last_owner = one.role == Role::Owner && owners == 1;
    one.id != person.user.id && !is_last_owner && may_give(person, one.role)
}

async fn save(Editor(person): Editor, form: Form) -> HttpResult<Response> {
    let texts = person.page(Menu::Settings);
    let currency = form.get("currency").to_uppercase();
    let is_code = currency.len() == 3 && currency.bytes().all(|c| c.is_ascii_uppercase());
    let zone = form.get("timezone");
    let name = form.name("name");
    let errors = SettingsErrors {
        name: wrong(&texts, name.is_none(), "error.name"),
        currency: wrong(&texts, !is_code, "error.currency"),
        ..SettingsErrors::default()
    };
    let (Some(name), true) = (name, errors == SettingsErrors::default()) else {
        return html(&page(&person, errors).await?);
    };
    let before = &person.setup.workspace;
    let workspace = Workspace {
        name: name.to_owned(),
        timezone: match TimeZone::get(zone) {
            Ok(_) => zone.to_owned(),
            Err(_) => before.timezone.clone(),
        },
        currency,
        ..before.clone()
    };
    person.hub.store.save_workspace(&workspace).await?;
    person
        .changed("workspace.change", workspace.id, false)
        .await?;
    Ok(to("/settings?done=saved"))
}

fn wrong(page: &Page, is_wrong: bool, key: &str) -> String {
    match is_wrong {
        true => page.text(key).to_owned(),
        false => String::new(),
    }
}

async fn change_password(person: Person, form: Form) -> HttpResult<Response> {
    let hub = person.hub.clone();
    let texts = person.page(Menu::Settings);
    let stored = Some(person.user.password_hash.clone());
    let is_right = password::is_right(form.raw("old_password").to_owned(), stored).await;
    let errors = SettingsErrors {
        old_password: wrong(&texts, !is_right, "settings.old_password_wrong"),
        own_password: password_error(&texts, form.raw("new_password")),
        ..SettingsErrors::default()
    };
    if errors != SettingsErrors::default() {
        return html(&page(&person, errors).await?);
    }
    let hash = password::hash(form.raw("new_password").to_owned()).await;
    // All logins of the person end with it; this browser gets a new one.
    hub.store.set_password(person.user.id, &hash).await?;
    person.audit("user.password", &person.user.email).await?;
    signed_in(&hub, person.user.id, to("/settings?done=password")).await
}

async fn add_user(Editor(person): Editor, form: Form) -> HttpResult<Response> {
    let hub = &person.hub;
    let texts = person.page(Menu::Settings);
    let role = Role::parse(form.get("role")).filter(|role| may_give(&person, *role));
    let role = role.ok_or_else(|| HttpError::forbidden("this role cannot be given"))?;
    let email = Email::parse(form.get("email"));
    let mut errors = SettingsErrors {
        email: wrong(&texts, email.is_none(), "error.email"),
        password: password_error(&texts, form.raw("password")),
        ..SettingsErrors::default()
    };
    if let Some(email) = email.filter(|_| errors == SettingsErrors::default()) {
        let hash = password::hash(form.raw("password").to_owned()).await;
        let added = hub
            .store
            .add_user(person.workspace(), email.as_str(), &hash, role, hub.now())
            .await;
        match added {
            Ok(_) => {
                let subject = format!("{} {}", email.as_str(), role.as_str());
                person.audit("user.create", subject).await?;
                return Ok(to("/settings?done=user_added#users"));
            }
            Err(StoreError::Conflict(_)) => {
                errors.email = texts.text("settings.email_taken").to_owned();
            }
            Err(error) => return Err(error.into()),
        }
    }
    let mut shown = page(&person, errors).await?;
    shown.email = form.get("email").to_owned();
    html(&shown)
}

async fn remove_user(Editor(person): Editor, Path(id): Path<i64>) -> HttpResult<Response> {
    let store = &person.hub.store;
    let users = store.users(person.workspace()).await?;
    let user = users.iter().find(|user| user.id == UserId(id));
    let user = user.ok_or_else(|| HttpError::not_found("this user"))?;
    if !can_remove(&person, &users, user) {
        return Err(HttpError::forbidden("this user cannot be removed"));
    }
    store.remove_user(person.workspace(), user.id).await?;
    person.audit("user.remove", &user.email).await?;
    Ok(to("/settings?done=user_removed#users"))
}

async fn add_key(Editor(person): Editor, form: Form) -> HttpResult<Response> {
    let hub = &person.hub;
    let Some(name) = form.name("key_name") else {
        let texts = person.page(Menu::Settings);
        let errors = SettingsErrors {
            key: texts.text("error.name").to_owned(),
            ..SettingsErrors::default()
        };
        return html(&page(&person, errors).await?);
    };
    let key = Vault::api_key();
    let scopes: &[&str] = match form.get("scope") {
        "write" => &["read", "write"],
        _ => &["read"],
    };
    hub.store
        .add_api_key(NewApiKey {
            workspace: person.workspace(),
            name: name.to_owned(),
            hash: hub.vault.hash(&key),
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            created_at: hub.now(),
        })
        .await?;
    person.audit("api_key.create", name).await?;
    let mut shown = page(&person, SettingsErrors::default()).await?;
    shown.new_key = key;
    html(&shown)
}

async fn revoke_key(Editor(person): Editor, Path(id): Path<i64>) -> HttpResult<Response> {
    let store = &person.hub.store;
    store
        .revoke_api_key(person.workspace(), ApiKeyId(id))
        .await?;
    person.audit("api_key.revoke", id).await?;
    Ok(to("/settings?done=key_revoked#keys"))
}

async fn audit(Editor(person): Editor, Query(asked): Query<Asked>) -> HttpResult<Response> {
    let page = person.page(Menu::Settings);
    let request = PageRequest {
        limit: AUDIT_ROWS,
        cursor: Some(asked.cursor).filter(|cursor| !cursor.is_empty()),
    };
    let store = &person.hub.store;
    let found = store.audit_page(person.workspace(), &request).await?;
    let line = |entry: &AuditEntry| AuditLine {
        at: page.date_time(entry.at),
        who: entry.who.clone(),
        action: page.word("audit", &entry.action),
        subject: entry.subject.clone(),
    };
    let rows: Vec<AuditLine> = found.items.iter().map(line).collect();
    html(&AuditPage {
        pager: Pager {
            shown: page.fill(
                "communications.found_on_page",
                "n",
                page.number(rows.len() as u64),
            ),
            first: request
                .cursor
                .is_some()
                .then(|| "/settings/audit".to_owned()),
            next: found
                .next
                .map(|next| format!("/settings/audit?cursor={next}")),
        },
        rows,
        page,
    })
}
