//! What pages tell of the script that stands on them.

use super::{SiteId, Timestamp};

macro_rules! sign_words {
    ($($(#[$doc:meta])* $name:ident = $text:literal),+ $(,)?) => {
        /// What the script did or could not do. The text form is stored and shown.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum SignWord {
            $($(#[$doc])* $name),+
        }

        impl SignWord {
            pub const ALL: &'static [SignWord] = &[$(SignWord::$name),+];

            pub fn as_str(self) -> &'static str {
                match self { $(SignWord::$name => $text),+ }
            }

            pub fn parse(text: &str) -> Option<Self> {
                match text { $($text => Some(SignWord::$name),)+ _ => None }
            }
        }
    };
}

sign_words! {
    /// It counted a page.
    Seen = "seen",
    /// It reported a chat or a visitor of the widget.
    Found = "found",
    /// The widget did not appear within fifteen seconds.
    Absent = "absent",
    /// Another system writes into the widget's slot for ids.
    Taken = "taken",
    /// A visitor refused to be counted.
    Refused = "refused",
}

/// One word on one host of a site.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sign {
    pub site: SiteId,
    /// Host of the page, with its port when it has one.
    pub host: String,
    /// Slug of the provider whose widget it is about; empty when it is about none.
    pub provider: String,
    pub word: SignWord,
}

/// A sign with the times at which it was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignRow {
    pub sign: Sign,
    pub first_at: Timestamp,
    /// To the minute.
    pub last_at: Timestamp,
}
