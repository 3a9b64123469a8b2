//! The switch of the language: a cookie, so that it works before the login too.

use super::form::{Form, to};
use super::person::{LANGUAGE_COOKIE, local_path, set_cookie};
use crate::hub::Hub;
use crate::locale::Locale;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::post;
use http::header;
use std::sync::Arc;

/// A year.
const LASTS_S: u64 = 365 * 86_400;

pub fn router() -> Router<Arc<Hub>> {
    Router::new().route("/language", post(choose))
}

async fn choose(State(hub): State<Arc<Hub>>, form: Form) -> Response {
    let mut response = to(local_path(form.get("back")));
    let chosen = Locale::from_tag(form.get("language")).unwrap_or_default();
    let cookie = set_cookie(&hub, LANGUAGE_COOKIE, chosen.tag(), LASTS_S);
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    response
}
