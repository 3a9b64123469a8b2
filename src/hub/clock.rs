//! The one place that reads the clock of the machine.

use crate::model::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// Tells the time, to the microsecond.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// The machine's.
    #[default]
    System,
    /// Moved by hand; microseconds since 1970.
    ByHand(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that stands still until it is moved.
    pub fn by_hand(start: Timestamp) -> Clock {
        Clock::ByHand(Arc::new(AtomicI64::new(start.as_microsecond())))
    }

    #[allow(clippy::disallowed_methods)] // The signpost points here.
    pub fn now(&self) -> Timestamp {
        let micros = match self {
            Clock::System => Timestamp::now().as_microsecond(),
            Clock::ByHand(micros) => micros.load(Ordering::SeqCst),
        };
        Timestamp::from_microsecond(micros).expect("a clock shows times that exist")
    }

    /// Moves a clock kept by hand; the machine's clock cannot be moved and stays.
    pub fn advance(&self, by: std::time::Duration) {
        if let Clock::ByHand(micros) = self {
            let by = i64::try_from(by.as_micros()).unwrap_or(i64::MAX / 4);
            micros.fetch_add(by, Ordering::SeqCst);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_kept_by_hand_stands_still_until_moved() {
        let start: Timestamp = "2026-08-06T08:40:00Z".parse().unwrap();
        let clock = Clock::by_hand(start);
        let same = clock.clone();
        same.advance(std::time::Duration::from_secs(90));
        assert_eq!(clock.now().to_string(), "2026-08-06T08:41:30Z");
    }
}
