//! What keeping a webhook costs beside the same route that keeps nothing, and what a hit costs.
//!
//! Both routes are served by this process on two ports and loaded in turn by a client process. The
//! pipeline is off. `--seconds S` a round, `--rounds N`; `--full` takes longer rounds.

mod common;

use axum::Router;
use axum::serve::ListenerExt;
use common::load::{self, BodyKind, Load, Report};
use common::{Bench, argument, has_flag, median, number, process};
use skvoz::collect::Record;
use skvoz::hub::Clock;
use skvoz::receive::Keep;
use skvoz::store::Recorded;
use skvoz::{collect, receive};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

fn main() -> anyhow::Result<()> {
    if let Some(load) = argument("--load") {
        return load::main(&load);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(figures())
}

async fn figures() -> anyhow::Result<()> {
    let is_full = has_flag("--full");
    let seconds = number("--seconds", if is_full { 10 } else { 3 }) as f64;
    let rounds = number("--rounds", if is_full { 7 } else { 5 });
    let folder = tempfile::tempdir()?;
    let bench = Bench::open(folder.path(), Clock::System).await?;
    webhooks(&bench, seconds, rounds).await?;
    hits(&bench, seconds, rounds.max(3)).await
}

/// Rounds of both routes in turn.
async fn webhooks(bench: &Bench, seconds: f64, rounds: u64) -> anyhow::Result<()> {
    let nowhere: Keep = Arc::new(|raw| {
        Box::pin(async move {
            drop(raw);
            Ok(())
        })
    });
    let keeping = serve(receive::router(bench.hub.clone())).await?;
    let dropping = serve(receive::router_keeping(bench.hub.clone(), nowhere)).await?;
    let load = |address| Load {
        address,
        path: format!("/in/jivosite/{}", common::token("jivosite")),
        content_type: "application/json".into(),
        seconds,
        first: 0,
        body: BodyKind::Webhook,
    };
    let mut speeds = Vec::new();
    let mut costs = Vec::new();
    let mut syncs = Vec::new();
    let mut slowest = Vec::new();
    for round in 1..=rounds {
        let without = measure(bench, &load(dropping)).await?;
        let with = measure(bench, &load(keeping)).await?;
        println!("round {round}: without the store {without}\n         with the store    {with}");
        speeds.push(with.report.speed() / without.report.speed());
        costs.push(with.cpu_a_request() / without.cpu_a_request());
        syncs.push(with.syncs as f64 / with.report.requests as f64);
        slowest.push(with.report.p99);
    }
    println!(
        "intake: {:.2} of the speed without the store (promise: 0.50 or more), {:.3} syncs an event \
         (promise: at most 0.10), {:.2} x the CPU (promise: at most 2.5), p99 {:.1} ms",
        median(speeds),
        median(syncs),
        median(costs),
        median(slowest),
    );
    Ok(())
}

/// Rounds of page views, each with visits of its own, and the same on the route that records nothing.
async fn hits(bench: &Bench, seconds: f64, rounds: u64) -> anyhow::Result<()> {
    let nowhere: Record = Arc::new(|facts| {
        Box::pin(async move {
            Ok(Recorded::Kept {
                visit: facts.visit,
                is_new: true,
            })
        })
    });
    let recording = serve(collect::router(bench.hub.clone())).await?;
    let dropping = serve(collect::router_recording(bench.hub.clone(), nowhere)).await?;
    let load = |address, first| Load {
        address,
        path: format!("/t/{}", common::SITE_KEY),
        content_type: "text/plain".into(),
        seconds,
        first,
        body: BodyKind::Hit,
    };
    let mut first = 0;
    let mut speeds = Vec::new();
    let mut kept = Vec::new();
    for round in 1..=rounds {
        let without = measure(bench, &load(dropping, first)).await?;
        let with = measure(bench, &load(recording, first)).await?;
        println!(
            "round {round}: hits without the store {without}\n         hits with the store    {with}"
        );
        speeds.push(with.report.speed() / without.report.speed());
        first += with.report.requests + 1_000;
        kept.push(with);
    }
    println!(
        "collect: {:.2} of the speed without the store (promise: 0.50 or more), {:.3} ms of CPU a hit \
         (promise: at most 0.3); the third round has {:.2} of the first's speed (promise: 0.9 or more)",
        median(speeds),
        median(
            kept.iter()
                .map(|round| round.cpu_a_request() / 1e3)
                .collect()
        ),
        kept[2].report.speed() / kept[0].report.speed(),
    );
    Ok(())
}

/// A round: what the client saw and what it cost this process.
struct Measured {
    report: Report,
    cpu: Duration,
    syncs: u64,
}

impl Measured {
    /// Microseconds.
    fn cpu_a_request(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.report.requests as f64
    }
}

impl std::fmt::Display for Measured {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            out,
            "{:.0} requests/s, {:.0} us of CPU, {:.3} syncs each, p50 {:.1} ms, p99 {:.1} ms",
            self.report.speed(),
            self.cpu_a_request(),
            self.syncs as f64 / self.report.requests as f64,
            self.report.p50,
            self.report.p99
        )
    }
}

async fn measure(bench: &Bench, load: &Load) -> anyhow::Result<Measured> {
    let own = std::process::id();
    let (cpu, syncs) = (process::cpu(own), bench.engine.syncs());
    let report = load::run(load).await?;
    Ok(Measured {
        report,
        cpu: process::cpu(own) - cpu,
        syncs: bench.engine.syncs() - syncs,
    })
}

/// Serves doors on a free port, as `skvoz serve` does.
async fn serve(router: Router) -> anyhow::Result<SocketAddr> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await });
    Ok(address)
}
