//! How fast a backlog drains, and what an event costs when much is stored already.
//!
//! Two stores, one small and one large, get the same backlogs in turn, so that the machine's mood
//! falls on both. `--events N` a round, `--rounds N`, `--large N` communications in the large store,
//! `--full` for the sizes of the promise; `--keep DIR` keeps the stores there and goes on with them.

mod common;

use common::grown::Grown;
use common::{argument, has_flag, median, number};
use std::path::PathBuf;

/// Communications in the small store of the promise.
const SMALL: u64 = 10_000;

#[tokio::main(worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    let is_full = has_flag("--full");
    let events = number("--events", if is_full { 100_000 } else { 20_000 });
    let rounds = number("--rounds", if is_full { 1 } else { 3 });
    let large = number("--large", if is_full { 1_000_000 } else { 200_000 });
    let temporary = tempfile::tempdir()?;
    let folder = argument("--keep").map_or(temporary.path().to_owned(), PathBuf::from);
    let mut small = Grown::open(&folder.join("small"), SMALL).await?;
    let mut large = Grown::open(&folder.join("large"), large).await?;
    let mut ratios = Vec::new();
    let mut speeds = Vec::new();
    for round in 1..=rounds {
        let [before, after] = [small.round(events).await?, large.round(events).await?];
        println!("round {round}: {before}\n         {after}");
        ratios.push(after.cpu_an_event() / before.cpu_an_event());
        speeds.push([before.speed(), after.speed()]);
    }
    let drains = |place: usize| median(speeds.iter().map(|speed| speed[place]).collect());
    println!(
        "pipeline: drains {:.0} events/s, in the large store {:.0} (promise: 5,000 or more); an event costs {:.2} x as much CPU \
         with {} communications as with {} (promise: at most 1.5 from 10,000 to 1,000,000)",
        drains(0),
        drains(1),
        median(ratios),
        large.stored,
        small.stored,
    );
    Ok(())
}
