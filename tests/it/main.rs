//! Stories of a hub: the real server, vendors' requests, visitors' pages, a clock in hand.

mod hub;
mod logs;
mod vendors;

mod links;
mod moment;
mod receive;
