//! The login page.

use askama::Template;

use super::Page;

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
