//! Identifiers as browsers and vendors make them, from a given moment and a seeded source of chance.

use jiff::Timestamp;
use rand::{Rng, RngExt};

const CROCKFORD: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const ALPHANUMERIC: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// A visitor (`c`) or visit (`v`) id: a letter and a UUIDv7 in base 32.
pub fn letter_id(letter: char, at: Timestamp, rng: &mut impl Rng) -> String {
    let millis = u64::try_from(at.as_millisecond()).unwrap_or(0);
    let uuid = uuid::Builder::from_unix_timestamp_millis(millis, &rng.random()).into_uuid();
    let bits = uuid.as_u128();
    let digits = (0..26).rev().map(|place| crockford(bits >> (5 * place)));
    std::iter::once(letter).chain(digits).collect()
}

/// A message id: ten characters, upper case.
pub fn message_id(rng: &mut impl Rng) -> String {
    let digits = (0..10).map(|_| crockford(rng.random::<u128>()).to_ascii_uppercase());
    digits.collect()
}

/// Letters and digits of both cases, as click ids and Talk-me's visitor ids have them.
pub fn mixed_case(length: usize, rng: &mut impl Rng) -> String {
    let letters = (0..length).map(|_| ALPHANUMERIC[rng.random_range(0..ALPHANUMERIC.len())]);
    letters.map(char::from).collect()
}

/// Decimal digits that do not begin with a zero.
pub fn digits(length: usize, rng: &mut impl Rng) -> String {
    let first = rng.random_range(b'1'..=b'9');
    let rest = (1..length).map(|_| rng.random_range(b'0'..=b'9'));
    std::iter::once(first)
        .chain(rest.collect::<Vec<_>>())
        .map(char::from)
        .collect()
}

fn crockford(bits: u128) -> char {
    let low = usize::try_from(bits & 31).expect("five bits fit");
    char::from(CROCKFORD[low])
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::StdRng};

    use super::*;

    #[test]
    fn ids_made_later_sort_later_and_begin_with_their_letter() {
        let mut rng = StdRng::seed_from_u64(1);
        let early: Timestamp = "2026-03-01T10:00:00Z".parse().unwrap();
        let late: Timestamp = "2026-03-01T10:00:01Z".parse().unwrap();
        let (a, b) = (
            letter_id('v', early, &mut rng),
            letter_id('v', late, &mut rng),
        );
        assert!(a < b && a.starts_with('v') && a.len() == 27, "{a} {b}");
    }

    #[test]
    fn digits_have_the_length_asked_for() {
        let mut rng = StdRng::seed_from_u64(1);
        let made = digits(19, &mut rng);
        assert!(made.len() == 19 && !made.starts_with('0') && made.parse::<u64>().is_ok());
    }
}
