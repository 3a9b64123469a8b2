//! A store that grows: conversations are kept as raw events, half of them with their visits, and the
//! hub's own loops make communications of them.

use super::traffic::Conversation;
use super::{Bench, process};
use futures_util::{StreamExt, TryStreamExt, stream};
use skvoz::hub::{Clock, Stopper};
use skvoz::model::{RawState, Strength, Timestamp};
use skvoz::pipeline;
use skvoz::store::{CommunicationFilter, CommunicationSort, PageRequest, RawFilter};
use std::path::Path;
use std::time::{Duration, Instant};

/// Raw events kept at the same time, so that one commit takes many.
const TOGETHER: usize = 512;
/// Conversations of one filling step.
const STEP: u64 = 20_000;
/// Between two looks whether a backlog is drained.
const LOOK_EVERY: Duration = Duration::from_millis(10);
const FIRST: PageRequest = PageRequest {
    limit: 1,
    cursor: None,
};

/// A store with some communications in it.
pub struct Grown {
    pub bench: Bench,
    clock: Clock,
    /// Conversations so far; the number of the next one.
    pub stored: u64,
}

impl Grown {
    /// Opens a store and lets it grow to so many communications.
    pub async fn open(folder: &Path, size: u64) -> anyhow::Result<Grown> {
        let clock = Clock::by_hand(Conversation(0).begins_at());
        let bench = Bench::open(folder, clock.clone()).await?;
        let stored = newest(&bench).await?;
        let mut grown = Grown {
            bench,
            clock,
            stored,
        };
        grown.pass_to(Conversation(stored).begins_at());
        while grown.stored < size {
            grown.keep(STEP.min(size - grown.stored)).await?;
            grown.drain().await?;
            eprintln!("{}: {} of {size}", folder.display(), grown.stored);
        }
        Ok(grown)
    }

    /// A backlog of about so many raw events, drained.
    pub async fn round(&mut self, events: u64) -> anyhow::Result<Round> {
        let stored = self.stored;
        // Five conversations make six raw events.
        let kept = self.keep(events * 5 / 6).await?;
        let cpu = process::cpu(std::process::id());
        let start = Instant::now();
        self.drain().await?;
        Ok(Round {
            stored,
            events: kept,
            wall: start.elapsed(),
            cpu: process::cpu(std::process::id()) - cpu,
        })
    }

    /// Keeps the visits and raw events of the next conversations; returns how many raw events.
    async fn keep(&mut self, conversations: u64) -> anyhow::Result<u64> {
        let numbers = self.stored..self.stored + conversations;
        self.stored += conversations;
        self.pass_to(Conversation(self.stored).begins_at());
        let bench = &self.bench;
        let store = &bench.hub.store;
        stream::iter(
            numbers
                .clone()
                .map(Conversation)
                .filter(|c| c.is_linkable()),
        )
        .map(|conversation| store.record_hit(conversation.hit(bench)))
        .buffer_unordered(TOGETHER)
        .try_for_each(|_| async { Ok(()) })
        .await?;
        while pipeline::reconsider_touched(&bench.hub).await? {}
        let raw = numbers.map(Conversation).flat_map(|conversation| {
            let at = conversation.begins_at();
            let messages = conversation.messages();
            messages.into_iter().map(move |message| (message, at))
        });
        let kept = stream::iter(raw)
            .map(|(message, at)| store.keep_raw(bench.raw(message, at)))
            .buffered(TOGETHER)
            .try_fold(0, |count, _| async move { Ok(count + 1) })
            .await?;
        Ok(kept)
    }

    /// Lets the hub's own loops work until nothing is pending and the log is read to its end.
    async fn drain(&self) -> anyhow::Result<()> {
        let stopper = Stopper::new();
        let loops = tokio::spawn(pipeline::run(self.bench.hub.clone(), stopper.listener()));
        while !self.is_drained().await? {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        stopper.stop();
        Ok(loops.await?)
    }

    async fn is_drained(&self) -> anyhow::Result<bool> {
        let store = &self.bench.hub.store;
        let pending = RawFilter {
            state: Some(RawState::Pending),
            ..RawFilter::default()
        };
        let pending = store
            .raw_page(self.bench.workspace, &pending, &FIRST)
            .await?;
        if !pending.items.is_empty() {
            return Ok(false);
        }
        let touched = store.touched("relink", u32::MAX).await?;
        Ok(touched.is_end && touched.communications.is_empty())
    }

    fn pass_to(&self, at: Timestamp) {
        let wait = at.duration_since(self.clock.now());
        self.clock.advance(wait.try_into().unwrap_or_default());
    }
}

/// The number after that of the newest conversation of a store. It is also seen that the store is
/// what a bench believes it to be: half of its communications are linked.
async fn newest(bench: &Bench) -> anyhow::Result<u64> {
    let page = bench
        .hub
        .store
        .communications_page(
            bench.workspace,
            &CommunicationFilter::default(),
            CommunicationSort::NewestFirst,
            &PageRequest {
                limit: 500,
                ..FIRST
            },
        )
        .await?;
    let Some(newest) = page.items.first() else {
        return Ok(0);
    };
    let start = Conversation(0).begins_at();
    let passed = newest.first_words_at.duration_since(start).as_secs();
    let sure = |strength| matches!(strength, Strength::Exact | Strength::Strong);
    let linked = page.items.iter().filter(|one| sure(one.link.strength));
    let share = linked.count() as f64 / page.items.len() as f64;
    anyhow::ensure!((0.4..0.6).contains(&share), "{share} of them are linked");
    Ok(u64::try_from(passed)? / 10 + 1)
}

/// One drained backlog.
pub struct Round {
    stored: u64,
    events: u64,
    wall: Duration,
    cpu: Duration,
}

impl Round {
    pub fn speed(&self) -> f64 {
        self.events as f64 / self.wall.as_secs_f64()
    }

    /// Microseconds.
    pub fn cpu_an_event(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.events as f64
    }
}

impl std::fmt::Display for Round {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            out,
            "{} events after {} communications: {:.0} events/s, {:.0} us of CPU an event",
            self.events,
            self.stored,
            self.speed(),
            self.cpu_an_event()
        )
    }
}
