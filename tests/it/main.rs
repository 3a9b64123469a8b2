//! Stories of a hub: the real server, vendors' requests, visitors' pages, a clock in hand.

mod api;
mod hub;
mod logs;
mod vendors;

mod later;
mod links;
mod moment;
mod pages;
mod popup;
mod receive;
mod replay;
mod silence;
