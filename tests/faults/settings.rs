//! What can be set from outside, with defaults small enough for every run of the tests. Besides:
//! `SKVOZ_FAULT_KEEP` keeps the folders of the stories.

use std::path::PathBuf;
use std::str::FromStr;

/// Cycles of each story; some cap it: `SKVOZ_FAULT_CYCLES`.
pub fn cycles() -> usize {
    number("SKVOZ_FAULT_CYCLES", 3)
}

/// Copies sent of the 100 events: `SKVOZ_FAULT_COPIES`.
pub fn copies() -> usize {
    number("SKVOZ_FAULT_COPIES", 5_000)
}

/// Malformed requests sent, drawn from the whole corpus: `SKVOZ_FAULT_CORPUS`, 0 for all of it.
pub fn corpus_size() -> usize {
    number("SKVOZ_FAULT_CORPUS", 3_000)
}

/// Seed of everything random: `SKVOZ_FAULT_SEED`, otherwise a new one for each story.
pub fn seed() -> u64 {
    let seed = number("SKVOZ_FAULT_SEED", rand::random::<u32>() as u64);
    eprintln!("SKVOZ_FAULT_SEED={seed}");
    seed
}

/// The hub under test: `SKVOZ_FAULT_BIN` (a release build, say), otherwise the one just built.
pub fn binary() -> PathBuf {
    std::env::var_os("SKVOZ_FAULT_BIN")
        .map_or_else(|| env!("CARGO_BIN_EXE_skvoz").into(), PathBuf::from)
}

fn number<T: FromStr>(name: &str, default: T) -> T {
    match std::env::var(name) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("{name}={text} is not a number")),
        Err(_) => default,
    }
}
