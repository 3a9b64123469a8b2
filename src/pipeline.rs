//! The walk of a raw event: read, decide, write (DESIGN.md 4). And the loops that keep it going.
//!
//! Claimed raw events are normalized and parted into batches of some conversations each. A batch is
//! joined with what is known of its conversations, linked, credited and committed in one unit of
//! work. Whoever was overtaken by somebody else reads and decides again, alone this time. The same
//! decision serves communications that are reconsidered because something they share a key with came
//! later, or because silence has ended them.

mod card;
mod consider;
mod gather;
mod normalize;

use crate::hub::{Hub, LiveSetup, Stop};
use crate::model::{CommunicationId, Integration, Timestamp, WorkspaceId};
use crate::store::{ClaimLimit, ConversationState, StoreError, StoreResult, Touched, UnitOfWork};
use consider::{Case, consider};
use jiff::SignedDuration;
use normalize::{Batch, normalize, parted};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{RwLockReadGuard, RwLockWriteGuard};
use tracing::{debug, error, warn};

/// Times a batch is decided again after somebody was faster, before it is taken apart.
const TRIES: u32 = 5;
/// Bodies of raw events claimed in one go, bytes; the last one may go beyond.
const CLAIMED_BYTES: usize = 16 << 20;
/// Communications reconsidered in one go.
const RECONSIDERED: u32 = 256;
/// Changes of the log read in one go.
const CHANGES: u32 = 2_000;
/// The least time between two looks into the log, so that a busy site's hits are taken together.
const RELINK_PACE: Duration = Duration::from_millis(20);
/// Name of the relinking loop's cursor in the change log.
const RELINKER: &str = "relink";
/// A wait after the store refused, so that a full disk is not asked in a tight loop.
const PAUSE: Duration = Duration::from_millis(500);

/// Runs the loops until a stop is asked for.
pub async fn run(hub: Arc<Hub>, stop: Stop) {
    tokio::join!(
        // Two, so that one batch is read and decided while the other is committed. Where they touch
        // the same conversation the later commit is refused and decided again.
        work_loop(&hub, &stop, Work::Inbox),
        work_loop(&hub, &stop, Work::Inbox),
        work_loop(&hub, &stop, Work::Relink),
        work_loop(&hub, &stop, Work::Silence),
    );
}

#[derive(Clone, Copy, Debug)]
enum Work {
    Inbox,
    Relink,
    Silence,
}

/// Does rounds of work; sleeps until it is woken, or the tick, when there is nothing to do.
async fn work_loop(hub: &Arc<Hub>, stop: &Stop, work: Work) {
    let tick = Duration::from_secs(u64::from(hub.config.pipeline.tick_s.max(1)));
    while !stop.is_asked() {
        let round = match work {
            Work::Inbox => process_pending(hub).await,
            Work::Relink => reconsider_touched(hub).await,
            Work::Silence => end_silent_chats(hub).await,
        };
        let wait = match round {
            Ok(true) => continue,
            Ok(false) => tick,
            Err(error) => {
                warn!(%error, "The pipeline's {work:?} round failed; it is tried again");
                PAUSE
            }
        };
        let bell = match work {
            Work::Inbox => &hub.wake.pipeline,
            Work::Relink | Work::Silence => &hub.wake.relink,
        };
        let rung = async {
            match work {
                Work::Silence => std::future::pending().await,
                _ => bell.notified().await,
            }
        };
        tokio::select! {
            () = rung => {}
            () = tokio::time::sleep(wait) => {}
            () = stop.asked() => {}
        }
        if matches!(work, Work::Relink) {
            tokio::time::sleep(RELINK_PACE).await;
        }
    }
}

/// Takes pending raw events through the house. `false`: there were none.
pub async fn process_pending(hub: &Arc<Hub>) -> StoreResult<bool> {
    let now = hub.now();
    let settings = &hub.config.pipeline;
    let lease = SignedDuration::from_secs(i64::from(settings.lease_s));
    let lease_until = now.saturating_add(lease).unwrap_or(Timestamp::MAX);
    let most = ClaimLimit {
        events: settings.claim,
        bytes: CLAIMED_BYTES,
    };
    let claimed = hub.store.claim_raw(now, lease_until, most).await?;
    if claimed.is_empty() {
        return Ok(false);
    }
    for batch in parted(normalize(hub, &claimed).await?, settings.batch as usize) {
        // What is claimed is nobody else's for a while: a store that cannot write is asked again
        // rather than leaving the batch to its lease.
        while let Err(error) = process(hub, &batch).await {
            if hub.now() >= lease_until {
                return Err(error);
            }
            warn!(%error, "A batch waits for the store");
            tokio::time::sleep(PAUSE).await;
        }
        hub.wake.relink.notify_one();
        if hub.now() >= lease_until {
            // What is left is anybody's now, and is claimed anew.
            break;
        }
    }
    Ok(true)
}

/// Processes a batch, and when that does not go, its halves, so that a raw event that cannot be
/// stored holds nobody up. Fails only when the store is unavailable.
async fn process(hub: &Arc<Hub>, batch: &Batch) -> StoreResult<()> {
    match process_together(hub, batch).await {
        Err(StoreError::Unavailable(reason)) => return Err(StoreError::Unavailable(reason)),
        Err(cause) => match batch.halves() {
            Ok(halves) => {
                debug!(%cause, "A batch is taken apart");
                for half in halves {
                    Box::pin(process(hub, &half)).await?;
                }
            }
            Err(id) => {
                error!(raw_event.id = %id, error = %cause, "Raw event {id} could not be processed; it stays pending");
            }
        },
        Ok(()) => {}
    }
    Ok(())
}

async fn process_together(hub: &Arc<Hub>, batch: &Batch) -> StoreResult<()> {
    for attempt in 1.. {
        match decide_and_commit(hub, batch, attempt).await {
            Err(StoreError::Conflict(cause)) if attempt < TRIES => {
                debug!(
                    cause,
                    attempt, "Somebody was faster; the batch is decided again"
                );
            }
            result => return result,
        }
    }
    Ok(())
}

async fn decide_and_commit(hub: &Arc<Hub>, batch: &Batch, attempt: u32) -> StoreResult<()> {
    let _turn = Turn::take(hub, attempt).await;
    let now = hub.now();
    let cases = batch.cases(hub).await?;
    let communications = consider(hub, cases, now).await?;
    let raw = batch.outcomes(&communications);
    let fetches = batch.fetches();
    let asks = !fetches.is_empty();
    hub.store
        .commit(UnitOfWork {
            now,
            raw,
            communications,
            fetches,
        })
        .await?;
    if asks {
        hub.wake.fetch.notify_one();
    }
    Ok(())
}

/// The right to read, decide and commit: together with others at first, alone for whoever was
/// overtaken, so that two who work on the same conversations do not overtake each other for ever.
enum Turn<'a> {
    Together { _guard: RwLockReadGuard<'a, ()> },
    Alone { _guard: RwLockWriteGuard<'a, ()> },
}

impl Turn<'_> {
    async fn take(hub: &Hub, attempt: u32) -> Turn<'_> {
        match attempt {
            1 => Turn::Together {
                _guard: hub.turns.read().await,
            },
            _ => Turn::Alone {
                _guard: hub.turns.write().await,
            },
        }
    }
}

/// Looks again at communications that share a key with something new. `false`: there were none.
pub async fn reconsider_touched(hub: &Arc<Hub>) -> StoreResult<bool> {
    let touched = hub.store.touched(RELINKER, CHANGES).await?;
    for ids in touched.communications.chunks(RECONSIDERED as usize) {
        reconsider(hub, ids.to_vec()).await?;
    }
    confirm(hub, &touched).await
}

/// What was reconsidered may be news for others in its turn.
async fn confirm(hub: &Arc<Hub>, touched: &Touched) -> StoreResult<bool> {
    if touched.is_news {
        hub.store.confirm_touched(RELINKER, touched).await?;
    }
    Ok(touched.is_news || !touched.is_end)
}

/// Ends chats whose silence has lasted long enough. `false`: there were none.
pub async fn end_silent_chats(hub: &Arc<Hub>) -> StoreResult<bool> {
    let silent = hub.store.silent_chats(hub.now(), RECONSIDERED).await?;
    let found = !silent.is_empty();
    if found {
        reconsider(hub, silent).await?;
    }
    Ok(found)
}

/// Decides communications anew from what is stored and writes those that came out otherwise.
async fn reconsider(
    hub: &Arc<Hub>,
    mut ids: Vec<(WorkspaceId, CommunicationId)>,
) -> StoreResult<()> {
    for attempt in 1.. {
        let turn = Turn::take(hub, attempt).await;
        let states = hub.store.conversations_by_id(ids.clone()).await?;
        let mut cases = Vec::with_capacity(states.len());
        for state in states {
            cases.extend(stored_case(hub, state).await?);
        }
        let now = hub.now();
        let communications = consider(hub, cases, now).await?;
        if communications.is_empty() {
            return Ok(());
        }
        let work = UnitOfWork {
            now,
            communications,
            ..UnitOfWork::default()
        };
        let committed = hub.store.commit(work).await;
        drop(turn);
        match committed {
            Err(StoreError::Conflict(_)) if attempt < TRIES => {}
            Err(StoreError::Conflict(cause)) if ids.len() > 1 => {
                // One that is always overtaken must not hold the others up.
                debug!(cause, "Communications are reconsidered one by one");
                let rest = ids.split_off(1);
                for id in rest {
                    Box::pin(reconsider(hub, vec![id])).await?;
                }
            }
            result => return result,
        }
    }
    Ok(())
}

/// The case of a stored communication with nothing new. `None` when its integration is gone.
async fn stored_case(hub: &Arc<Hub>, state: ConversationState) -> StoreResult<Option<Case>> {
    let Some(known) = &state.communication else {
        return Ok(None);
    };
    let setup = hub.setups.of(known.workspace).await?;
    let Some(integration) = setup.integration(known.integration).cloned() else {
        return Ok(None);
    };
    let subject = (known.kind, known.external_id.clone());
    Ok(Some(Case::of_stored(setup, integration, subject, state)))
}

/// Who a raw event belongs to, ready for use.
pub(crate) type Owner = (Arc<LiveSetup>, Arc<Integration>);
