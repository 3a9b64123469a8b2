//! Plays the visitors of a site and the chat services that they write to: a client of the hub that
//! knows the truth about each communication and can compare it with what the hub says.
//!
//! `journeys` plans, purely and from a seed; `wire` turns plans into requests in the vendors' own
//! formats; `runner` sends them; `check` compares. The simulator talks to the hub only over HTTP
//! and uses none of its rooms.

mod arrivals;
mod carrotquest;
mod check;
mod hub;
mod ids;
mod jivosite;
mod journeys;
mod leadback;
mod people;
mod plan;
mod runner;
mod sample;
mod story;
mod talkme;
mod tracker;
mod vendor;
mod wire;
mod workspace;

use crate::hub::Clock;
use std::{
    collections::HashMap,
    fmt,
    time::{Duration, Instant},
};

use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};
use jiff::{SignedDuration, Timestamp};

pub use check::{Score, Verdict};
pub use plan::Provider;

use hub::Hub;
use plan::{Journey, Scope};
use runner::{Live, Sent};
use vendor::Vendor;
use workspace::Workspace;

/// Journeys need room for pauses between visits.
const SHORTEST_SPAN: SignedDuration = SignedDuration::from_hours(24);
/// Carrot quest's API answers 60 questions a minute, and a chat costs about six.
const CARROTQUEST_LIMIT: usize = 40;
const POLL: Duration = Duration::from_millis(500);

/// What to simulate, and against which hub.
#[derive(Debug, Clone)]
pub struct Options {
    /// Base address of the hub, such as `http://127.0.0.1:8080`.
    pub base_url: String,
    /// A key with all rights; the workspace must have a site.
    pub api_key: String,
    /// Visitors in the past.
    pub visitors: usize,
    /// Most requests a second; `None` sends as fast as the hub takes them.
    pub rate: Option<f64>,
    /// The same seed plans the same people, pages and words.
    pub seed: u64,
    /// How far back the journeys reach; at least a day is taken.
    pub span: Duration,
    /// Compare the outcome with the truth.
    pub check: bool,
    /// After that, let a new visitor come at each such gap, for ever.
    pub keep_alive: Option<Duration>,
}

/// How a run went.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Requests that the hub took.
    pub taken: usize,
    /// Requests that it refused or never answered.
    pub refused: usize,
    /// Whether the hub came to rest in time.
    pub settled: bool,
    /// The comparison with the truth, when asked for.
    pub verdict: Option<Verdict>,
}

impl Report {
    /// Whether the run shows a fault of the hub: a refusal, a wrong link, a loss, a doubled row or
    /// work that does not end.
    pub fn failed(&self) -> bool {
        let faulty =
            |verdict: &Verdict| verdict.wrong() + verdict.missing() + verdict.unplanned > 0;
        self.refused > 0 || !self.settled || self.verdict.as_ref().is_some_and(faulty)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "requests taken {}, refused {}", self.taken, self.refused)?;
        if !self.settled {
            writeln!(f, "the hub was still at work when the wait ended")?;
        }
        match &self.verdict {
            Some(verdict) => write!(f, "{verdict}"),
            None => Ok(()),
        }
    }
}

/// Sets the workspace up, sends the journeys, waits until the hub has done its work and compares.
/// With `keep_alive` it returns only on an error.
///
/// # Errors
/// When the hub cannot be reached, refuses the key, or has no site.
pub async fn run(options: Options) -> anyhow::Result<Report> {
    let now = Clock::System.now();
    let hub = Hub::new(&options.base_url, &options.api_key)?;
    let vendor = Vendor::start(Some(60)).await?;
    let sites = workspace::sites(&hub).await?;
    let workspace = workspace::prepare(&hub, sites, &vendor.base()).await?;
    let scope = scope(&options, now, &workspace)?;
    let journeys = journeys::journeys(&scope);
    vendor.learn(&journeys, &scope.sites);
    let sent = send(&hub, &workspace, &scope, &journeys, options.rate).await;
    // An endless run keeps the vendor's stand-in alive, so nobody need wait for the hub.
    let (settled, verdict) = match options.check || options.keep_alive.is_none() {
        true => settle(&hub, &workspace, &journeys, now, &options).await?,
        false => (true, None),
    };
    let report = Report {
        taken: sent.taken,
        refused: sent.refused,
        settled,
        verdict,
    };
    if let Some(gap) = options.keep_alive {
        tracing::info!("The simulated past is told: {report}");
        let live = Live {
            hub: &hub,
            workspace: &workspace,
            vendor: &vendor,
            scope: &scope,
        };
        live.keep_alive(options.visitors, gap).await;
    }
    Ok(report)
}

fn scope(options: &Options, now: Timestamp, workspace: &Workspace) -> anyhow::Result<Scope> {
    const YEAR_2025: i64 = 1_735_689_600;
    let asked = SignedDuration::try_from(options.span).context("the span is too long")?;
    let span = asked.max(SHORTEST_SPAN);
    Ok(Scope {
        seed: options.seed,
        run: u64::try_from(now.as_second() - YEAR_2025).context("the clock is before 2025")?,
        visitors: options.visitors,
        start: now - span,
        span,
        sites: workspace.sites.clone(),
        carrotquest_limit: CARROTQUEST_LIMIT,
        live: false,
    })
}

async fn send(
    hub: &Hub,
    workspace: &Workspace,
    scope: &Scope,
    journeys: &[Journey],
    rate: Option<f64>,
) -> Sent {
    let planned = journeys
        .iter()
        .flat_map(|journey| wire::requests(journey, &scope.sites));
    let requests: Vec<_> = planned.chain(wire::noise(scope.start)).collect();
    let progress = ProgressBar::new(requests.len() as u64).with_message("requests sent");
    if let Ok(style) =
        ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}, {per_sec}, {eta} left")
    {
        progress.set_style(style);
    }
    let sent = runner::send(hub, workspace, requests, rate, &progress).await;
    progress.finish_and_clear();
    sent
}

/// Waits until every planned communication is there, nothing is pending and two looks in a row
/// see the same; for a bounded time. Gives whether that came, and the last comparison.
async fn settle(
    hub: &Hub,
    workspace: &Workspace,
    journeys: &[Journey],
    since: Timestamp,
    options: &Options,
) -> anyhow::Result<(bool, Option<Verdict>)> {
    let progress =
        ProgressBar::new_spinner().with_message("waiting for the hub to finish its work");
    progress.enable_steady_tick(Duration::from_millis(120));
    let deadline = Instant::now() + patience(journeys);
    let integrations: HashMap<Provider, i64> = workspace
        .integrations
        .iter()
        .map(|(provider, one)| (*provider, one.id))
        .collect();
    let mut before: Option<Verdict> = None;
    loop {
        let drained = drained(hub).await?;
        let late = Instant::now() > deadline;
        if drained || late {
            let items = hub.items("communications").await?;
            let verdict = check::compare(journeys, &workspace.sites, &integrations, since, &items);
            progress.set_message(format!(
                "{} communications still to come",
                verdict.missing()
            ));
            let at_rest = drained && verdict.missing() == 0 && before.as_ref() == Some(&verdict);
            if at_rest || late {
                progress.finish_and_clear();
                return Ok((at_rest, options.check.then_some(verdict)));
            }
            before = Some(verdict);
        }
        tokio::time::sleep(POLL).await;
    }
}

async fn drained(hub: &Hub) -> anyhow::Result<bool> {
    let pending = hub.get("raw-events?state=pending&limit=1").await?;
    Ok(pending["items"].as_array().is_none_or(Vec::is_empty))
}

/// A minute, the pace of the slow vendor's API, and some for the amount.
fn patience(journeys: &[Journey]) -> Duration {
    let all = journeys.iter().flat_map(|journey| &journey.communications);
    let slow = all
        .filter(|one| one.provider == Provider::CarrotQuest)
        .count();
    Duration::from_secs(60 + 8 * slow as u64 + journeys.len() as u64 / 20)
}
