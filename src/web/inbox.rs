//! Inbox: every raw event with what became of it.

use askama::Template;

use super::Page;
use super::parts::{Badge, Choice, Pager};

#[derive(Template)]
#[template(path = "inbox.html", blocks = ["list"])]
pub struct InboxPage {
    pub page: Page,
    /// Offered as buttons; the empty value means all.
    pub states: Vec<Choice>,
    pub integrations: Vec<Choice>,
    pub reasons: Vec<Choice>,
    pub any_filter: bool,
    pub rows: Vec<InboxRow>,
    pub pager: Pager,
    /// The filters of this view, for "replay all of these".
    pub replay_query: String,
    /// What a replay has just started, in words.
    pub notice: String,
}

#[derive(Clone, Debug)]
pub struct InboxRow {
    pub id: i64,
    pub at: String,
    pub provider: String,
    pub integration: String,
    /// By which door it came: chats, leads, a channel, fetched.
    pub door: String,
    pub size: String,
    pub state: Badge,
    pub reason: String,
    pub detail: String,
}
