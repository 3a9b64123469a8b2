//! Fields of a provider's own settings: the form and the check are made from this list.

use serde::Serialize;

/// One own setting of a provider.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Field {
    /// Key inside the integration's `settings`; interface texts are `field.{provider}.{name}` or,
    /// when that is absent, `field.{name}`.
    pub name: &'static str,
    pub kind: FieldKind,
    pub required: bool,
    /// Shown in an empty form and used when the setting is absent; empty when there is none.
    pub default: &'static str,
}

/// How a field is edited, checked and stored.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldKind {
    Text,
    /// Encrypted at rest, shown masked.
    Secret,
    /// An absolute http or https address.
    Url,
    /// IANA name of a time zone.
    TimeZone,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Rows of `{key: …, value: …}` objects with these two names.
    Rows {
        key: &'static str,
        value: &'static str,
        /// The value is a channel of a chat.
        value_is_channel: bool,
    },
    /// Canonical field to a list of paths (LeadBack).
    FieldMap,
}
