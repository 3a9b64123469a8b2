//! Which campaign or source gets a communication, and why. Only computes: no clock, store or
//! network. In the order of the walk: `utm` reads an arrival's marks, `Rules::classify` finds
//! channel group, campaign and source for them, `decide` goes down the ladder of one
//! communication and writes the receipt. Which visit a communication came from is decided in
//! `link`.

mod campaigns;
pub mod channels;
pub mod click_ids;
mod conditions;
pub mod hosts;
mod ladder;
mod rules;
mod sources;
pub mod utm;
mod view;

pub use channels::{ChannelRule, ChannelRules};
pub use conditions::{validate, weight};
pub use ladder::{Input, decide};
pub use rules::{Classified, Matched, Rules};
pub use view::Geo;
