//! When a message happened: the browser's clock is wrong on many machines, and messages wait in
//! the browser's queue.

use crate::model::{TimeOrigin, Timestamp};
use jiff::SignedDuration;

/// Older messages are taken as just happened: the browser's queue is never that old, a wrong
/// clock is.
const OLDEST: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Time of a message and where it comes from. `at_ms` and `sent_ms` are Unix milliseconds of the
/// browser's clock at the event and at sending. With both, the clock's error cancels out and the
/// time is as good as the vendor's own; with `at_ms` alone the clock is believed (`Inferred`).
/// Times in the future and older than seven days become the time of receipt.
pub fn corrected_time(
    at_ms: Option<i64>,
    sent_ms: Option<i64>,
    received_at: Timestamp,
) -> (Timestamp, TimeOrigin) {
    let received = (received_at, TimeOrigin::Received);
    let Some(at_ms) = at_ms else {
        return received;
    };
    let (at, origin) = match sent_ms {
        Some(sent_ms) => {
            let age = SignedDuration::from_millis(sent_ms.saturating_sub(at_ms));
            (received_at.checked_sub(age).ok(), TimeOrigin::Vendor)
        }
        None => (
            Timestamp::from_millisecond(at_ms).ok(),
            TimeOrigin::Inferred,
        ),
    };
    match at {
        Some(at) if at <= received_at && received_at.duration_since(at) <= OLDEST => (at, origin),
        _ => received,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_of_the_browser_is_corrected_clamped_or_believed() {
        let received: Timestamp = "2026-08-01T12:00:00Z".parse().unwrap();
        let now = received.as_millisecond();
        let (minute, day) = (60_000, 86_400_000);
        let inferred = TimeOrigin::Inferred;
        let table = [
            (Some(now - minute), None, -minute, inferred),
            // The clock is five days ahead; the message waited a minute.
            (
                Some(now + 5 * day - minute),
                Some(now + 5 * day),
                -minute,
                TimeOrigin::Vendor,
            ),
            (Some(now + 1), None, 0, TimeOrigin::Received),
            (Some(now + 1), Some(now), 0, TimeOrigin::Received),
            (Some(now - 7 * day), None, -7 * day, inferred),
            (Some(now - 7 * day - 1), None, 0, TimeOrigin::Received),
            (Some(i64::MIN), None, 0, TimeOrigin::Received),
            (Some(i64::MIN), Some(i64::MAX), 0, TimeOrigin::Received),
            (Some(i64::MAX), Some(i64::MIN), 0, TimeOrigin::Received),
            (None, Some(now), 0, TimeOrigin::Received),
        ];
        for (at, sent, shift, origin) in table {
            let expected = Timestamp::from_millisecond(now + shift).unwrap();
            let corrected = corrected_time(at, sent, received);
            assert_eq!(corrected, (expected, origin), "{at:?} {sent:?}");
        }
    }
}
