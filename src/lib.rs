//! Skvoz: takes chats, offline leads and callbacks from chat widgets, finds the visit each came
//! from, credits its campaign or source and says why.
//!
//! Rooms in reading order.

pub mod model;

pub mod config;
pub mod hub;

pub mod collect;
pub mod receive;
pub mod script;

pub mod providers;

pub mod fetch;
pub mod pipeline;

pub mod credit;
pub mod fold;
pub mod link;
pub mod visits;

pub mod http_error;
pub mod packed;
pub mod store;

pub mod api;
pub mod cli;
pub mod serve;

pub mod locale;
pub mod web;

pub mod simulate;

/// Many small strings are taken and given back by several threads, which the system's allocator does
/// slowly; SQLite's memory comes from here too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
