//! First run: the owner of the hub, the workspace and its first site.

use askama::Template;

use super::Page;
use super::parts::Choice;

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

/// What was typed so far.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default)]
pub struct FirstRunForm {
    pub email: String,
    pub password: String,
    pub workspace: String,
    pub site: String,
    pub timezone: String,
}

/// A text under each field that cannot be taken; empty when it can.
#[derive(Clone, Debug, Default)]
pub struct FirstRunErrors {
    pub email: String,
    pub password: String,
    pub workspace: String,
    pub site: String,
}
