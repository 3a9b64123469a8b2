//! Verbox: the engine of `talkme` under another name (verbox.md). No body captured from a Verbox
//! account has been seen, so its own fixtures will settle each field again.

use super::talkme::Engine;

/// The brand Verbox.
pub const VERBOX: Engine = Engine {
    slug: "verbox",
    title: "Verbox",
    guide: include_str!("verbox/setup.md"),
    guide_in_english: include_str!("verbox/setup.en.md"),
};
