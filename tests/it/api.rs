//! What programs meet: the API and the command line. These stories speak through the doors only.

pub mod hub;
mod samples;
mod vendor;

mod command_line;
mod configuration;
mod conversations;
mod fetches;
mod integrations;
mod raw_events;
mod safety;
