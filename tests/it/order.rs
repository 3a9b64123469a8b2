//! Whatever the order in which pages, bindings and webhooks arrive, and however often, the same
//! conversation ends as the same communication with the same link and credit.
//!
//! Random stories of each provider are told twice: once in the order of time, with all work done
//! after each message, and once shuffled, with repeats and with work done now and then.

mod stories;
mod world;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError};
use stories::{Item, Story};
use world::{Outcome, World};

/// Stories of each provider: enough to go through all kinds of evidence in a few seconds. The
/// variable `PROPTEST_CASES` asks for more.
const CASES: u32 = 30;

/// A way to tell the items of a story: which one comes next, and whether the hub then does its work.
type Telling = Vec<(usize, bool)>;

fn in_order(items: &[Item]) -> Telling {
    (0..items.len()).map(|item| (item, true)).collect()
}

/// Every item at least once, some of them again, in any order.
fn telling(count: usize) -> impl Strategy<Value = Telling> {
    let repeated = proptest::collection::vec(0..count, 0..=count);
    let order = repeated.prop_flat_map(move |repeated| {
        let all: Vec<usize> = (0..count).chain(repeated).collect();
        Just(all).prop_shuffle()
    });
    order.prop_flat_map(|order| {
        let works = proptest::collection::vec(proptest::bool::weighted(0.4), order.len());
        works.prop_map(move |works| order.iter().copied().zip(works).collect())
    })
}

fn told<S: Story>() -> impl Strategy<Value = (S, Telling)> {
    S::any().prop_flat_map(|story| {
        let count = story.items().len();
        telling(count).prop_map(move |telling| (story.clone(), telling))
    })
}

fn check<S: Story>() {
    let world = World::new();
    let asked = std::env::var("PROPTEST_CASES").ok();
    let config = Config {
        cases: asked.and_then(|count| count.parse().ok()).unwrap_or(CASES),
        failure_persistence: None,
        max_shrink_iters: 300,
        ..Config::default()
    };
    proptest::test_runner::TestRunner::new(config)
        .run(&told::<S>(), |(story, telling)| {
            let items = story.items();
            let expected = world.tell(&story, &items, &in_order(&items), None);
            let shuffled = world.tell(&story, &items, &telling, None);
            same(&expected, &shuffled, "shuffled")?;
            if S::VENDOR_GIVES_TIMES {
                // Each message is told a minute after the one before, long after it all happened.
                let late = world.tell(&story, &items, &telling, Some(60));
                same(
                    &expected.without_arrivals(),
                    &late.without_arrivals(),
                    "late",
                )?;
            }
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
    let linked = world.links_seen();
    assert!(linked > CASES as usize / 4, "only {linked} links were seen");
}

fn same(expected: &Outcome, found: &Outcome, how: &str) -> Result<(), TestCaseError> {
    match expected.difference(found) {
        None => Ok(()),
        Some(difference) => Err(TestCaseError::fail(format!("{how}:\n{difference}"))),
    }
}

#[test]
fn any_order_of_a_jivosite_conversation_ends_the_same() {
    check::<stories::Jivo>();
}

#[test]
fn any_order_of_a_talk_me_dialogue_ends_the_same() {
    check::<stories::TalkMe>();
}

#[test]
fn any_order_of_messages_without_a_number_ends_the_same() {
    check::<stories::Flat>();
}

#[test]
fn any_order_of_a_carrot_quest_conversation_ends_the_same() {
    check::<stories::Carrot>();
}

#[test]
fn any_order_of_leadback_orders_ends_the_same() {
    check::<stories::LeadBack>();
}
