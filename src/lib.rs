//! Skvoz: takes chats, offline leads and callbacks from chat widgets, finds the visit each came
//! from, credits its campaign or source and says why.

pub mod config;
pub mod credit;
pub mod http_error;
pub mod hub;
pub mod model;
pub mod providers;
pub mod store;
