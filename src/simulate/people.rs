//! Makes simulated people and their browsers.

use jiff::Timestamp;
use rand::{Rng, RngExt, seq::IndexedRandom};

use super::{
    ids,
    plan::{Browser, Person},
    sample::sample,
};

const USER_AGENTS: [(&str, u32); 4] = [
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/137.0.0.0 Safari/537.36",
        1920,
    ),
    (
        "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/137.0.0.0 Mobile Safari/537.36",
        412,
    ),
    (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
        390,
    ),
    (
        "Mozilla/5.0 (X11; Linux x86_64; rv:139.0) Gecko/20100101 Firefox/139.0",
        1440,
    ),
];

/// The person number `index` of a run. `phone` is the number of the phone, by default the same:
/// two people with one phone number share it. Neighbors never have the same name.
pub fn person(run: u64, index: usize, phone: usize) -> Person {
    let words = sample();
    let first = &words.people[index % words.people.len()];
    let last = &words.surnames[(index / words.people.len()) % words.surnames.len()];
    Person {
        name: format!("{} {}", first.name, last.name),
        phone: phone_digits(run, phone),
        email: format!(
            "{}.{}.{run:x}.{index}@mail.example",
            first.latin, last.latin
        ),
        shares_phone: phone != index,
    }
}

/// Eleven digits of a mobile phone with the fictitious exchange 555. A run takes a million of
/// numbers in order, from a place of its own.
fn phone_digits(run: u64, index: usize) -> String {
    let place =
        (run.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20).wrapping_add(index as u64) % 1_000_000;
    format!("79{:02}555{:04}", place / 10_000, place % 10_000)
}

/// A browser first seen at a moment. `number` is unique within the run and becomes the numbers
/// that the vendors give.
pub fn browser(number: u64, at: Timestamp, rng: &mut impl Rng) -> Browser {
    let (user_agent, width_px) = USER_AGENTS.choose(rng).unwrap_or(&USER_AGENTS[0]);
    let seconds = at.as_second();
    let counters = rng.random_bool(0.8);
    let ym = format!("{seconds}{}", ids::digits(9, rng));
    let ga = format!("{}.{seconds}", ids::digits(9, rng));
    Browser {
        visitor: ids::letter_id('c', at, rng),
        user_agent: (*user_agent).to_owned(),
        ip: format!("203.0.113.{}", rng.random_range(1..255)),
        width_px: *width_px,
        ym_client_id: counters.then_some(ym),
        ga_client_id: counters.then_some(ga),
        jivo_number: number,
        talkme_client: ids::mixed_case(32, rng),
        carrot_user: 1_700_000_000_000_000_000 + number,
        tracked: true,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn people_of_a_run_have_phones_and_mails_of_their_own_unless_told_to_share() {
        let people: Vec<Person> = (0..2_000).map(|index| person(7, index, index)).collect();
        let phones: HashSet<&str> = people.iter().map(|person| person.phone.as_str()).collect();
        let mails: HashSet<&str> = people.iter().map(|person| person.email.as_str()).collect();
        assert_eq!((phones.len(), mails.len()), (2_000, 2_000));
        let (owner, sharer) = (person(7, 5, 5), person(7, 6, 5));
        assert!(owner.phone == sharer.phone && owner.name != sharer.name && sharer.shares_phone);
    }
}
