//! The transcript: lines of all events, each once, in order.

use crate::model::{Event, Message};
use std::collections::HashMap;

/// Lines united by id. Of two lines with one id the fuller text is kept. Lines of one moment keep
/// the order of the longest transcript that has them.
pub(super) fn unite(ordered: &[&Event]) -> Vec<Message> {
    let mut longest_first: Vec<&Event> = ordered.to_vec();
    longest_first.sort_by_key(|event| (usize::MAX - event.messages.len(), &event.dedup_key));
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut lines: Vec<(usize, Message)> = Vec::new();
    for event in longest_first {
        for (position, message) in event.messages.iter().enumerate() {
            match places.get(message.id.as_str()) {
                Some(place) => keep_fuller(&mut lines[*place].1, message),
                None => {
                    places.insert(&message.id, lines.len());
                    lines.push((position, message.clone()));
                }
            }
        }
    }
    lines.sort_by(|(left_position, left), (right_position, right)| {
        (left.at, left_position, &left.id).cmp(&(right.at, right_position, &right.id))
    });
    lines.into_iter().map(|(_, message)| message).collect()
}

fn keep_fuller(kept: &mut Message, other: &Message) {
    let weight = |message: &Message| {
        (
            message.text.chars().count(),
            message.attachments.len(),
            message.author.is_some(),
        )
    };
    let fuller =
        (weight(other), &other.text, &other.author) > (weight(kept), &kept.text, &kept.author);
    let at = kept.at.min(other.at);
    if fuller {
        *kept = other.clone();
    }
    kept.at = at;
}
