//! Skvoz: takes chats, offline leads and callbacks from chat widgets, finds the visit each came
//! from, credits its campaign or source and says why.

pub mod credit;
pub mod model;
pub mod providers;
pub mod simulate;
pub mod store;
