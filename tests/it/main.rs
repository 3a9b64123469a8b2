//! Stories of a hub: the real server, vendors' requests, visitors' pages, a clock in hand.

mod api;
mod hub;
mod logs;
mod vendor;
mod vendors;

mod backlog;
mod carrotquest;
mod contacts;
mod goals;
mod later;
mod links;
mod moment;
mod order;
mod own_path;
mod pages;
mod popup;
mod receive;
mod replay;
mod script;
mod settings;
mod silence;
mod sites;
mod visits;
