//! The fields of a sent form. Names may repeat: rows of a table come as lists of equal length.

use crate::http_error::{HttpError, HttpResult};
use askama::Template;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::response::{Html, IntoResponse, Redirect, Response};

/// Longest name a person gives to a thing, characters.
pub const NAME_LENGTH: usize = 200;

#[derive(Clone, Debug, Default)]
pub struct Form(Vec<(String, String)>);

impl Form {
    #[cfg(test)]
    pub fn from_pairs(pairs: Vec<(String, String)>) -> Self {
        Form(pairs)
    }

    /// The trimmed text of a field; empty when there is none.
    pub fn get(&self, name: &str) -> &str {
        self.raw(name).trim()
    }

    /// The text of a field as it was typed, for passwords.
    pub fn raw(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(key, _)| key == name);
        found.map_or("", |(_, value)| value)
    }

    /// All values of a field, trimmed, in their order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(key, _)| key == name)
            .map(|(_, value)| value.trim())
    }

    /// A switch or a button that was sent.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(key, _)| key == name)
    }

    /// The number in a field, when there is one.
    pub fn id(&self, name: &str) -> Option<i64> {
        self.get(name).parse().ok()
    }

    /// A name a person typed; `None` when it is empty or too long.
    pub fn name(&self, field: &str) -> Option<&str> {
        let name = self.get(field);
        (!name.is_empty() && name.chars().count() <= NAME_LENGTH).then_some(name)
    }
}

impl<S: Send + Sync> FromRequest<S> for Form {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let body = Bytes::from_request(request, state)
            .await
            .map_err(IntoResponse::into_response)?;
        Ok(Form(form_urlencoded::parse(&body).into_owned().collect()))
    }
}

/// A page as an answer.
pub fn html(page: &impl Template) -> HttpResult<Response> {
    let body = page.render().map_err(HttpError::internal)?;
    Ok(Html(body).into_response())
}

/// After a change: the browser gets the page anew, so a reload repeats nothing.
pub fn to(address: impl AsRef<str>) -> Response {
    Redirect::to(address.as_ref()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_trimmed_and_may_repeat() {
        let fields = [("a", " 1 "), ("a", "2"), ("on", "")];
        let form = Form(fields.map(|(k, v)| (k.to_owned(), v.to_owned())).to_vec());
        assert_eq!(form.id("a"), Some(1));
        assert_eq!(form.all("a").collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(form.raw("a"), " 1 ");
        assert!(form.has("on") && !form.has("off"));
        assert_eq!(form.name("on"), None);
    }
}
