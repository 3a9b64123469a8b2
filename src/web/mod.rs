//! Pages for people. A page is a template with its view struct beside it: `sites.html`, `sites.rs`.
//! View structs hold what is shown, prepared; nothing is decided here, templates only lay out.

pub mod assets;
pub mod login;
mod page;
pub mod parts;

pub use page::{Icon, Menu, Page};
