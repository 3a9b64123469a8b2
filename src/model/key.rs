//! Keys: what a visit and a communication may have in common (DESIGN.md 5.1 "Keys").

use serde::{Deserialize, Serialize};

/// A kind and a value. Two subjects with an equal key are reconsidered together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Key {
    pub kind: KeyKind,
    /// At most 255 characters; longer values are cut by `Key::new`.
    pub value: String,
}

impl Key {
    pub fn new(kind: KeyKind, value: impl Into<String>) -> Self {
        let mut value = value.into();
        if let Some((at, _)) = value.char_indices().nth(255) {
            value.truncate(at);
        }
        Key { kind, value }
    }

    /// A key that belongs to one provider's account space: `{provider}:{value}`.
    pub fn of_provider(kind: KeyKind, provider: &str, value: &str) -> Self {
        Key::new(kind, format!("{provider}:{value}"))
    }
}

macro_rules! key_kinds {
    ($($(#[$doc:meta])* $name:ident = $text:literal),+ $(,)?) => {
        /// What a key is. The text form is stored and shown.
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(rename_all = "snake_case")]
        pub enum KeyKind {
            $($(#[$doc])* $name),+
        }

        impl KeyKind {
            pub const ALL: &'static [KeyKind] = &[$(KeyKind::$name),+];

            pub fn as_str(self) -> &'static str {
                match self { $(KeyKind::$name => $text),+ }
            }

            pub fn parse(text: &str) -> Option<Self> {
                match text { $($text => Some(KeyKind::$name),)+ _ => None }
            }
        }
    };
}

key_kinds! {
    /// Our visit id, `v…` (tracking.md 7.1).
    Visit = "visit",
    /// Our visitor id, `c…`.
    Visitor = "visitor",
    /// The visit code a visitor dictates or sends.
    Code = "code",
    /// `{provider}:{chat}`: the tracker saw this chat begin.
    BoundChat = "bound_chat",
    /// `{provider}:{user}`: the vendor's own number of the visitor.
    BoundUser = "bound_user",
    /// `{provider}:{site id}`: the tracker saw that something was ordered, with no number (LeadBack).
    ClientMark = "client_mark",
    /// Metrica ClientID.
    MetricaClient = "metrica_client",
    /// Google Analytics client id.
    GoogleClient = "google_client",
    /// Roistat visit number.
    RoistatVisit = "roistat_visit",
    /// Calltouch session id.
    CalltouchSession = "calltouch_session",
    /// CoMagic visit id.
    ComagicVisit = "comagic_visit",
    /// CoMagic visitor id.
    ComagicVisitor = "comagic_visitor",
    /// The site's own id of the user.
    SiteUser = "site_user",
    /// `{parameter}:{value}` of an advertising click, letter case kept.
    Click = "click",
    /// A value found where our visit id is expected, of an unknown system: it is compared with
    /// every alias of a visit.
    Foreign = "foreign",
    /// Phone, E.164.
    Phone = "phone",
    /// E-mail, folded.
    Email = "email",
    /// `{integration}:{vendor's client}`: communications of one client of one account.
    Client = "client",
    /// `{integration}:{who}`: joins events without an id that are near in time.
    Near = "near",
}

impl KeyKind {
    /// Kinds of other systems' ids that a visit may carry and a foreign token is compared with.
    pub const ALIASES: &'static [KeyKind] = &[
        KeyKind::RoistatVisit,
        KeyKind::MetricaClient,
        KeyKind::GoogleClient,
        KeyKind::ComagicVisit,
        KeyKind::ComagicVisitor,
        KeyKind::CalltouchSession,
        KeyKind::SiteUser,
    ];
}
