//! Asks providers' REST APIs what `normalize` needs to know. Jobs are leased, so several hubs may
//! share the work and a restart loses none; the answer becomes a raw event and walks as all do.
//!
//! Each account has one queue: its calls are spaced by a budget that is kept in the store, so that a
//! restart does not forget what was already asked in this minute (carrotquest.md 5).

use crate::hub::{Hub, OutboundError, Stop};
use crate::model::{Address, OutboundResponse, RawState, Timestamp};
use crate::providers::{self, FetchStep, Fetcher};
use crate::store::{FetchJob, FetchOutcome, NewRawEvent, StoreResult};
use jiff::SignedDuration;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tracing::{info, warn};

/// Jobs taken in one go.
const BATCH: u32 = 32;
/// Answers needed for one record; more means that the provider's paging does not end.
const MAX_QUESTIONS: usize = 200;
/// Waits after failures, seconds; the last one repeats.
const RETRY_SCHEDULE_S: [i64; 6] = [5, 30, 120, 600, 1_800, 7_200];
/// After so many failed tries somebody must look (about four days).
const MAX_ATTEMPTS: u32 = 50;
/// A job's lease; its calls wait for their budget, so it is long and renewed by retrying.
const LEASE: SignedDuration = SignedDuration::from_mins(10);

/// Works on due questions until a stop is asked for.
pub async fn run(hub: Arc<Hub>, stop: Stop) {
    let tick = Duration::from_secs(u64::from(hub.config.pipeline.tick_s.max(1)));
    while !stop.is_asked() {
        let wait = match fetch_due(&hub).await {
            Ok(0) => tick,
            Ok(_) => continue,
            Err(error) => {
                warn!(%error, "Questions to providers could not be read; they are tried again");
                tick
            }
        };
        tokio::select! {
            () = hub.wake.fetch.notified() => {}
            () = tokio::time::sleep(wait) => {}
            () = stop.asked() => {}
        }
    }
}

/// Works on what is due now and returns how many jobs that were. Jobs of one account go one after
/// another, accounts beside each other.
pub async fn fetch_due(hub: &Arc<Hub>) -> StoreResult<usize> {
    let now = hub.now();
    let lease_until = now.saturating_add(LEASE).unwrap_or(Timestamp::MAX);
    let jobs = hub.store.claim_fetches(now, lease_until, BATCH).await?;
    let count = jobs.len();
    let mut accounts: HashMap<_, Vec<FetchJob>> = HashMap::new();
    for job in jobs {
        accounts
            .entry((job.workspace, job.integration))
            .or_default()
            .push(job);
    }
    let mut queues = JoinSet::new();
    for jobs in accounts.into_values() {
        let hub = hub.clone();
        queues.spawn(async move {
            for job in jobs {
                work_on(&hub, &job).await;
            }
        });
    }
    while queues.join_next().await.is_some() {}
    Ok(count)
}

async fn work_on(hub: &Arc<Hub>, job: &FetchJob) {
    let outcome = match ask_all(hub, job).await {
        Ok(outcome) => outcome,
        Err(error) => retry(hub, job, None, error.to_string()),
    };
    if let FetchOutcome::GaveUp { reason, .. } = &outcome {
        info!(raw_event.id = %job.raw_event, reason,
            "The record that raw event {} needs cannot be had", job.raw_event);
    }
    if let Err(error) = hub.store.settle_fetch(job, outcome).await {
        warn!(%error, "The end of a question could not be stored; it is asked again");
    }
    hub.wake.pipeline.notify_one();
}

/// Asks question after question until the record is complete.
async fn ask_all(hub: &Arc<Hub>, job: &FetchJob) -> StoreResult<FetchOutcome> {
    let setup = hub.setups.of(job.workspace).await?;
    let gave_up = |reason: &str| FetchOutcome::GaveUp {
        at: hub.now(),
        reason: reason.into(),
    };
    let Some(integration) = setup.integration(job.integration) else {
        return Ok(gave_up("the integration was removed"));
    };
    let fetcher = providers::find(&integration.provider).and_then(|known| known.fetcher());
    let Some(fetcher) = fetcher else {
        return Ok(gave_up("the provider has no API to ask"));
    };
    let mut answers: Vec<OutboundResponse> = Vec::new();
    while answers.len() < MAX_QUESTIONS {
        match fetcher.step(&job.need, &integration.settings, &answers) {
            FetchStep::Ask(question) => {
                wait_for_turn(hub, fetcher, &integration.settings).await?;
                match hub.outbound.send(question).await {
                    Ok(answer) => answers.push(answer),
                    // A person must change the settings; then it is replayed.
                    Err(OutboundError::Forbidden(reason)) => return Ok(gave_up(&reason)),
                    Err(error) => return Ok(retry(hub, job, None, error.to_string())),
                }
            }
            FetchStep::Retry { after_s, reason } => return Ok(retry(hub, job, after_s, reason)),
            FetchStep::GiveUp { reason } => return Ok(gave_up(&reason)),
            FetchStep::Done { body } => {
                return Ok(FetchOutcome::Answered(NewRawEvent {
                    workspace: job.workspace,
                    integration: job.integration,
                    provider: integration.provider.clone(),
                    address: Address::Fetched,
                    method: "GET".into(),
                    query: String::new(),
                    headers: vec![("content-type".into(), "application/json".into())],
                    body,
                    received_at: hub.now(),
                    state: RawState::Pending,
                    reason: None,
                    detail: None,
                }));
            }
        }
    }
    Ok(gave_up("the provider's answer does not end"))
}

async fn wait_for_turn(
    hub: &Arc<Hub>,
    fetcher: &dyn Fetcher,
    settings: &crate::model::IntegrationSettings,
) -> StoreResult<()> {
    let budget = fetcher.budget(settings);
    let interval_ms = 60_000 / budget.per_minute.max(1);
    let now = hub.now();
    let turn = hub
        .store
        .reserve_call(&budget.key, now, interval_ms)
        .await?;
    let wait = turn.duration_since(now);
    tokio::time::sleep(Duration::try_from(wait).unwrap_or_default()).await;
    Ok(())
}

fn retry(hub: &Arc<Hub>, job: &FetchJob, after_s: Option<u32>, reason: String) -> FetchOutcome {
    let now = hub.now();
    if job.attempts >= MAX_ATTEMPTS {
        return FetchOutcome::GaveUp { at: now, reason };
    }
    let step = (job.attempts as usize).min(RETRY_SCHEDULE_S.len() - 1);
    let wait_s = after_s.map_or(RETRY_SCHEDULE_S[step], i64::from);
    let at = now
        .saturating_add(SignedDuration::from_secs(wait_s))
        .unwrap_or(Timestamp::MAX);
    FetchOutcome::Retry { at, reason }
}
