//! What the shared parts of `parts.html` are filled with.

use super::Page;

/// One option of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    pub value: String,
    pub title: String,
    pub chosen: bool,
}

impl Choice {
    pub fn new(value: impl Into<String>, title: impl Into<String>, chosen: bool) -> Self {
        Self {
            value: value.into(),
            title: title.into(),
            chosen,
        }
    }
}

/// A short word on a colored ground.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Badge {
    pub text: String,
    /// A color name of the kit: `green`, `azure`, `yellow`, `orange`, `red`, `secondary`.
    pub tone: &'static str,
    /// Shown on hover; may be empty.
    pub hint: String,
}

/// The way through a long list. Lists are read by cursor, so there is a first page and a next one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pager {
    /// How many rows this page has, in words.
    pub shown: String,
    /// Address of the first page, when this is not it.
    pub first: Option<String>,
    /// Address of the next page, when there is one.
    pub next: Option<String>,
}

/// An address people copy into another system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Unique on the page.
    pub id: String,
    pub title: String,
    pub url: String,
    pub hint: String,
}

/// The script of a site, in the two forms in which people put it on pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snippet {
    /// Unique on the page.
    pub id: i64,
    pub host: String,
    /// HTML, for the head of each page.
    pub tag: String,
    /// JavaScript without a tag, for fields that take code alone.
    pub code: String,
}

impl Snippet {
    /// `url` is the address of the site's script.
    pub fn new(id: i64, host: &str, url: &str) -> Self {
        let code = format!(
            r#"(function(d,s){{s=d.createElement("script");s.async=1;s.src="{url}";d.head.appendChild(s)}})(document)"#
        );
        Self {
            id,
            host: host.to_owned(),
            tag: format!(r#"<script async src="{url}"></script>"#),
            code,
        }
    }
}

/// A line above a page: what was just done, or why it was not.
#[derive(Clone, Debug)]
pub struct Notice {
    pub good: bool,
    pub text: String,
}

impl Notice {
    /// What was just done, by the word in the address; unknown words say nothing.
    pub fn done(page: &Page, section: &str, word: &str) -> Option<Self> {
        let key = format!("{section}.done_{word}");
        page.locale.find(&key).map(|text| Notice {
            good: true,
            text: text.to_owned(),
        })
    }
}
