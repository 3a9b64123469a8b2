//! Stories: the real server on a free port, a temporary data directory, a clock in hand. They speak
//! through the doors only.

mod hub;
mod samples;

mod command_line;
mod configuration;
mod conversations;
mod integrations;
mod raw_events;
mod safety;
