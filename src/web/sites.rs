//! Sites: domains with their tracker keys.

use askama::Template;

use super::Page;

#[derive(Template)]
#[template(path = "sites.html")]
pub struct SitesPage {
    pub page: Page,
    pub sites: Vec<SiteLine>,
    /// What was typed into the form of a new site, and what is wrong with it.
    pub host: String,
    pub name: String,
    pub error: String,
}

#[derive(Clone, Debug)]
pub struct SiteLine {
    pub id: i64,
    pub host: String,
    pub name: String,
    pub key: String,
    /// Where hits of the site are sent.
    pub collect_url: String,
}
