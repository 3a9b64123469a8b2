//! One integration: its addresses, the settings of the help pages, the guide. The form of a new one
//! is the same page without addresses.

use askama::Template;

use super::Page;
use super::communication::RawLine;
use super::parts::{Address, Choice};

#[derive(Template)]
#[template(path = "integration.html")]
pub struct IntegrationPage {
    pub page: Page,
    /// `None`: a new one, not yet saved.
    pub id: Option<i64>,
    pub provider: String,
    pub provider_title: String,
    pub about: String,
    pub addresses: Vec<Address>,
    /// The addresses of an older token work until then; empty when there is none.
    pub old_until: String,
    pub form: SettingsForm,
    /// HTML made from the provider's own guide.
    pub guide: String,
    pub raw_events: Vec<RawLine>,
    /// What was just done, or why saving failed.
    pub notice: Option<Notice>,
}

/// A line above the form.
#[derive(Clone, Debug)]
pub struct Notice {
    pub good: bool,
    pub text: String,
}

/// Settings that every provider has, then its own.
#[derive(Clone, Debug, Default)]
pub struct SettingsForm {
    pub active: bool,
    pub name: String,
    pub sites: Vec<Choice>,
    pub own: Vec<OwnField>,
    /// The provider sends leads to an address of their own, so there is a switch for it.
    pub has_leads_address: bool,
    pub offline_leads: bool,
    /// `campaign` or `source`: the switch «Рекламная кампания / Источник».
    pub target_kind: String,
    pub campaigns: Vec<Choice>,
    pub sources: Vec<Choice>,
    pub target_sites: Vec<Choice>,
    pub target_error: String,
    pub messengers: Vec<MessengerRow>,
    /// Options of a row that is added.
    pub empty_messenger: MessengerRow,
    pub messengers_error: String,
    pub ignore_visit: bool,
    pub employees: Vec<Choice>,
    pub operators: Vec<OperatorRow>,
    pub empty_operator: OperatorRow,
    pub tags: Vec<Choice>,
    pub silence_minutes: String,
    pub silence_error: String,
    /// The provider's own silence, shown in the empty field.
    pub silence_default: u32,
}

/// Messenger → campaign or source.
#[derive(Clone, Debug, Default)]
pub struct MessengerRow {
    pub channels: Vec<Choice>,
    /// Values `campaign:1`.
    pub campaigns: Vec<Choice>,
    /// Values `source:1`; a source needs its site.
    pub sources: Vec<Choice>,
    pub sites: Vec<Choice>,
}

/// Provider's operator → employee.
#[derive(Clone, Debug, Default)]
pub struct OperatorRow {
    pub operator: String,
    pub employees: Vec<Choice>,
}

/// One own setting of the provider.
#[derive(Clone, Debug)]
pub struct OwnField {
    pub name: String,
    pub title: String,
    pub hint: String,
    pub error: String,
    pub required: bool,
    pub kind: OwnKind,
}

#[derive(Clone, Debug)]
pub enum OwnKind {
    /// Text, address, zone; the second is the type of the input.
    Text {
        value: String,
        input: &'static str,
        default: String,
    },
    /// A secret is never sent back to the page; `kept` says that there is one.
    Secret {
        kept: bool,
    },
    Choice {
        options: Vec<Choice>,
    },
    /// Rows of a key and a value; the value may be one of a list.
    Rows {
        key_title: String,
        value_title: String,
        rows: Vec<PairRow>,
        empty: PairRow,
    },
    /// Field of ours → places in the body where to look for it.
    FieldMap {
        rows: Vec<MapRow>,
    },
}

#[derive(Clone, Debug, Default)]
pub struct PairRow {
    pub key: String,
    pub value: String,
    /// Not empty: the value is chosen from these.
    pub options: Vec<Choice>,
}

#[derive(Clone, Debug)]
pub struct MapRow {
    pub field: String,
    pub title: String,
    /// Paths, separated by commas.
    pub paths: String,
    /// The provider's usual ones, used when `paths` is empty.
    pub default: String,
}

/// The guide of a provider as HTML. Markup inside the Markdown is shown as text.
pub fn guide_html(markdown: &str) -> String {
    use pulldown_cmark::{Event, Options, Parser, html};
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH;
    let events = Parser::new_ext(markdown, options).map(|event| match event {
        Event::Html(text) | Event::InlineHtml(text) => Event::Text(text),
        other => other,
    });
    let mut page = String::new();
    html::push_html(&mut page, events);
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_in_a_guide_is_shown_and_not_obeyed() {
        let html = guide_html("# Title\n\n<script>x</script>\n\n1. Open **Settings**");
        assert!(html.contains("<h1>Title</h1>"));
        assert!(html.contains("&lt;script&gt;"));
        assert!(html.contains("<strong>Settings</strong>"));
    }
}
