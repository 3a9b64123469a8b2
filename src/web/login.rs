//! The login: e-mail and password for a cookie. Tries are counted by person and by address.

use super::form::{Form, html, to};
use super::person::{LOGIN_COOKIE, cookie, local_path, set_cookie};
use super::{Guest, Page};
use crate::http_error::HttpResult;
use crate::hub::{Hub, Vault, password};
use crate::model::{Email, Timestamp, UserId};
use crate::store::AuditEntry;
use askama::Template;
use axum::Router;
use axum::extract::{ConnectInfo, Query};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::{HeaderMap, StatusCode, header};
use jiff::ToSpan;
use std::net::SocketAddr;
use std::sync::Arc;

/// Minutes in which tries are counted together.
const COUNTED_MINUTES: i64 = 15;

#[derive(Template)]
#[template(path = "login.html")]
pub struct LoginPage {
    pub page: Page,
    pub email: String,
    /// Where to go after the login, a path of ours.
    pub back: String,
    /// Why the last try failed; empty at first.
    pub error: String,
}

pub fn router() -> Router<Arc<Hub>> {
    Router::new()
        .route("/login", get(show).post(enter))
        .route("/logout", post(leave))
}

#[derive(serde::Deserialize)]
struct Asked {
    #[serde(default)]
    back: String,
}

async fn show(guest: Guest, Query(asked): Query<Asked>) -> HttpResult<Response> {
    if !guest.hub.store.has_users().await? {
        return Ok(to("/first-run"));
    }
    html(&LoginPage {
        page: guest.page(),
        email: String::new(),
        back: local_path(&asked.back).to_owned(),
        error: String::new(),
    })
}

async fn enter(
    guest: Guest,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    form: Form,
) -> HttpResult<Response> {
    let hub = &guest.hub;
    let again = |error: String| {
        html(&LoginPage {
            page: guest.page(),
            email: form.get("email").to_owned(),
            back: local_path(form.get("back")).to_owned(),
            error,
        })
    };
    let email = Email::parse(form.get("email"));
    let who = email.as_ref().map_or("", Email::as_str);
    let ip = hub.client_ip(&headers, peer.ip());
    let now = hub.now();
    let names = [format!("email {who}"), format!("address {ip}")];
    if is_too_often(hub, &names, now).await? {
        let page = again(
            guest
                .locale
                .fill("login.too_often", &[("n", &COUNTED_MINUTES)]),
        )?;
        return Ok((StatusCode::TOO_MANY_REQUESTS, page).into_response());
    }
    let user = hub.store.user_by_email(who).await?;
    let stored = user.as_ref().map(|user| user.password_hash.clone());
    if !password::is_right(form.raw("password").to_owned(), stored).await {
        return again(guest.page().text("login.wrong").to_owned());
    }
    let Some(user) = user else {
        return again(guest.page().text("login.wrong").to_owned());
    };
    for name in &names {
        hub.store.take_back_attempt(name, now).await?;
    }
    hub.store
        .audit(AuditEntry {
            workspace: user.workspace,
            at: now,
            who: user.email.clone(),
            action: "user.login".into(),
            subject: ip.to_string(),
        })
        .await?;
    signed_in(hub, user.id, to(local_path(form.get("back")))).await
}

/// Counts the try for each name; whether one of them had too many.
async fn is_too_often(hub: &Hub, names: &[String], now: Timestamp) -> HttpResult<bool> {
    let since = now - COUNTED_MINUTES.minutes();
    let mut is_too_often = false;
    for name in names {
        let tries = hub.store.count_attempt(name, now, since).await?;
        is_too_often |= tries > hub.config.login.attempts;
    }
    Ok(is_too_often)
}

/// Makes a login and gives its token to the browser with the answer.
pub async fn signed_in(hub: &Hub, user: UserId, mut answer: Response) -> HttpResult<Response> {
    let token = Vault::token();
    let lasts_s = u64::from(hub.config.login.lasts_days) * 86_400;
    let expires_at = hub.now() + jiff::SignedDuration::from_secs(lasts_s.cast_signed());
    hub.store
        .add_login(&hub.vault.hash(&token), user, expires_at)
        .await?;
    let cookie = set_cookie(hub, LOGIN_COOKIE, &token, lasts_s);
    answer.headers_mut().append(header::SET_COOKIE, cookie);
    Ok(answer)
}

async fn leave(guest: Guest, headers: HeaderMap) -> HttpResult<Response> {
    let hub = &guest.hub;
    if let Some(token) = cookie(&headers, LOGIN_COOKIE) {
        hub.store.end_login(&hub.vault.hash(token)).await?;
    }
    let mut answer = to("/login");
    let gone = set_cookie(hub, LOGIN_COOKIE, "", 0);
    answer.headers_mut().insert(header::SET_COOKIE, gone);
    Ok(answer)
}
