//! Pages for people. A page is a template with its view struct beside it: `sites.html`, `sites.rs`.
//! View structs hold what is shown, prepared; nothing is decided here, templates only lay out.

pub mod assets;
pub mod communication;
pub mod communications;
pub mod first_run;
pub mod inbox;
pub mod integration;
pub mod integrations;
pub mod login;
mod page;
pub mod parts;
pub mod raw_event;
mod receipt;
#[cfg(test)]
mod samples;
mod show;
pub mod sites;

pub use page::{Icon, Menu, Page};
