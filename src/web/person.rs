//! Who asks: anyone (`Guest`), a person signed in (`Person`), one who may change things (`Editor`).
//! A page takes one of them as its first argument, so none can be reached without its check.

use super::{Menu, Page};
use crate::http_error::{HttpError, HttpResult};
use crate::hub::{Hub, LiveSetup};
use crate::locale::Locale;
use crate::model::WorkspaceId;
use crate::store::{AuditEntry, Role, UserRow};
use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Redirect, Response};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Uri, header};
use jiff::tz::TimeZone;
use std::fmt::Display;
use std::sync::Arc;

/// Holds the login's token.
pub const LOGIN_COOKIE: &str = "skvoz_login";
/// Holds the chosen language.
pub const LANGUAGE_COOKIE: &str = "skvoz_language";

/// Anyone, with the language of his pages.
#[derive(Clone)]
pub struct Guest {
    pub hub: Arc<Hub>,
    pub locale: Locale,
    /// Path and query asked for.
    pub address: String,
}

impl Guest {
    pub fn of(hub: &Arc<Hub>, headers: &HeaderMap, uri: &Uri) -> Self {
        let address = uri.path_and_query().map_or("/", |path| path.as_str());
        Self {
            hub: hub.clone(),
            locale: locale(headers),
            address: address.to_owned(),
        }
    }

    /// The frame of a page before the login.
    pub fn page(&self) -> Page {
        Page {
            locale: self.locale,
            zone: TimeZone::UTC,
            workspace: String::new(),
            person: String::new(),
            may_write: false,
            here: Menu::Communications,
            address: self.address.clone(),
        }
    }
}

/// The chosen language, else the browser's, else Russian.
fn locale(headers: &HeaderMap) -> Locale {
    let chosen = cookie(headers, LANGUAGE_COOKIE).and_then(Locale::from_tag);
    let asked = || {
        let header = headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok()?;
        Locale::from_accept_language(header)
    };
    chosen.or_else(asked).unwrap_or_default()
}

/// A person signed in, with the configuration of the workspace.
#[derive(Clone)]
pub struct Person {
    pub hub: Arc<Hub>,
    pub user: UserRow,
    pub setup: Arc<LiveSetup>,
    guest: Guest,
}

impl Person {
    pub fn workspace(&self) -> WorkspaceId {
        self.user.workspace
    }

    pub fn locale(&self) -> Locale {
        self.guest.locale
    }

    /// The frame of a page at a place of the menu.
    pub fn page(&self, here: Menu) -> Page {
        Page {
            workspace: self.setup.workspace.name.clone(),
            person: self.user.email.clone(),
            zone: self.zone(),
            may_write: self.may_write(),
            here,
            ..self.guest.page()
        }
    }

    pub fn zone(&self) -> TimeZone {
        TimeZone::get(&self.setup.workspace.timezone).unwrap_or(TimeZone::UTC)
    }

    /// Owners and admins change things, the others look.
    pub fn may_write(&self) -> bool {
        matches!(self.user.role, Role::Owner | Role::Admin)
    }

    /// Viewers see everything but contacts.
    pub fn sees_contacts(&self) -> bool {
        self.user.role != Role::Viewer
    }

    /// Writes down who did what; `action` is a noun and a verb, `site.rename`.
    pub async fn audit(&self, action: &str, subject: impl Display) -> HttpResult<()> {
        let entry = AuditEntry {
            workspace: self.workspace(),
            at: self.hub.now(),
            who: self.user.email.clone(),
            action: action.to_owned(),
            subject: subject.to_string(),
        };
        Ok(self.hub.store.audit(entry).await?)
    }

    /// The configuration was changed: written down, and seen at once by all rooms. With `recredit`
    /// the past is considered again.
    pub async fn changed(
        &self,
        action: &str,
        subject: impl Display,
        recredit: bool,
    ) -> HttpResult<()> {
        self.hub.setups.changed(self.workspace());
        self.audit(action, subject).await?;
        if recredit {
            self.hub.store.touch_all(self.workspace()).await?;
            self.hub.wake.relink.notify_one();
        }
        Ok(())
    }

    /// The configuration as it is now, after a change of ours.
    pub async fn fresh(mut self) -> HttpResult<Self> {
        self.setup = self.hub.setups.of(self.workspace()).await?;
        Ok(self)
    }
}

impl FromRequestParts<Arc<Hub>> for Guest {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(
        parts: &mut Parts,
        hub: &Arc<Hub>,
    ) -> Result<Self, Self::Rejection> {
        Ok(Guest::of(hub, &parts.headers, &parts.uri))
    }
}

impl FromRequestParts<Arc<Hub>> for Person {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, hub: &Arc<Hub>) -> Result<Self, Response> {
        let guest = Guest::of(hub, &parts.headers, &parts.uri);
        match find(guest.clone(), &parts.headers).await {
            Ok(Some(person)) => Ok(person),
            Ok(None) => Err(to_the_door(&guest, &parts.method).await),
            Err(error) => Err(error.into_response()),
        }
    }
}

async fn find(guest: Guest, headers: &HeaderMap) -> HttpResult<Option<Person>> {
    let hub = guest.hub.clone();
    let Some(token) = cookie(headers, LOGIN_COOKIE) else {
        return Ok(None);
    };
    let Some(login) = hub.store.login(&hub.vault.hash(token), hub.now()).await? else {
        return Ok(None);
    };
    let setup = hub.setups.of(login.user.workspace).await?;
    Ok(Some(Person {
        hub,
        user: login.user,
        setup,
        guest,
    }))
}

/// The login, or the first run while there is nobody who could sign in.
async fn to_the_door(guest: &Guest, method: &Method) -> Response {
    match guest.hub.store.has_users().await {
        Ok(false) => Redirect::to("/first-run").into_response(),
        Ok(true) if *method == Method::GET && guest.address != "/" => {
            let back: String = form_urlencoded::byte_serialize(guest.address.as_bytes()).collect();
            Redirect::to(&format!("/login?back={back}")).into_response()
        }
        Ok(true) => Redirect::to("/login").into_response(),
        Err(error) => HttpError::from(error).into_response(),
    }
}

/// A person who may change things.
pub struct Editor(pub Person);

impl FromRequestParts<Arc<Hub>> for Editor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, hub: &Arc<Hub>) -> Result<Self, Response> {
        let person = Person::from_request_parts(parts, hub).await?;
        match person.may_write() {
            true => Ok(Editor(person)),
            false => Err(HttpError::forbidden("only owners and admins do this").into_response()),
        }
    }
}

/// The value of a cookie.
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

/// A cookie of ours: for this site alone and out of scripts' reach. Zero seconds remove it.
pub fn set_cookie(hub: &Hub, name: &str, value: &str, lasts_s: u64) -> HeaderValue {
    let secure = match hub.public_url.starts_with("https://") {
        true => "; Secure",
        false => "",
    };
    let text = format!("{name}={value}; Path=/; Max-Age={lasts_s}; HttpOnly; SameSite=Lax{secure}");
    HeaderValue::from_str(&text).expect("names and values of our cookies are plain ASCII")
}

/// The path when it is one of ours, so that nobody is led away after the login.
pub fn local_path(path: &str) -> &str {
    let is_local = path.starts_with('/')
        && !path.starts_with("//")
        && !path.contains('\\')
        && !path.chars().any(char::is_control);
    if is_local { path } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        let value = HeaderValue::from_static("a=1; skvoz_login=abc; xskvoz_login=no");
        headers.insert(header::COOKIE, value);
        assert_eq!(cookie(&headers, LOGIN_COOKIE), Some("abc"));
        assert_eq!(cookie(&headers, "b"), None);
    }

    #[test]
    fn the_language_is_chosen_then_asked_for_then_russian() {
        let table = [
            ("skvoz_language=en", "ru", Locale::En),
            ("", "en-US,ru;q=0.5", Locale::En),
            ("", "de", Locale::Ru),
            ("skvoz_language=xx", "", Locale::Ru),
        ];
        for (cookie, accept, expected) in table {
            let mut headers = HeaderMap::new();
            headers.insert(header::COOKIE, HeaderValue::from_static(cookie));
            headers.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_static(accept));
            assert_eq!(locale(&headers), expected, "{cookie} {accept}");
        }
    }

    #[test]
    fn nobody_is_led_to_another_site() {
        assert_eq!(local_path("/inbox?state=done"), "/inbox?state=done");
        for bad in [
            "//example.org",
            "https://example.org",
            "/\\example.org",
            "",
            "/\n",
        ] {
            assert_eq!(local_path(bad), "/", "{bad:?}");
        }
    }
}
