//! `skvoz demo`: a hub on a fresh data directory, filled and kept alive by the simulator.

use crate::config::Config;
use crate::hub::{Clock, NewWorkspace, Vault, make_workspace};
use crate::serve;
use crate::simulate::{self, Options};
use anyhow::{Context, bail};
use clap::Args;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

const EMAIL: &str = "owner@demo.example";
const SITE: &str = "shop.example";
/// A new visitor comes at this pace after the history is told.
const GAP: Duration = Duration::from_secs(20);

#[derive(Debug, Args)]
pub struct Arguments {
    /// Data directory to make; without it a temporary one, removed at the end
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// How many people came in the past weeks
    #[arg(long, default_value_t = 400, value_name = "N")]
    visitors: usize,
    /// Weeks of history
    #[arg(long, default_value_t = 3, value_name = "WEEKS")]
    weeks: u64,
    /// The same seed plays the same people
    #[arg(long, default_value_t = 1, value_name = "S")]
    seed: u64,
}

pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let temporary = tempfile::tempdir().context("cannot make a temporary directory")?;
    let data = arguments
        .data
        .clone()
        .unwrap_or_else(|| temporary.path().join("hub"));
    let mut config = Config::load(None, Some(&data), std::env::vars())?;
    config.server.listen = arguments.listen;
    // The stand-in of Carrot quest's API listens on this machine.
    config
        .outbound
        .allow
        .push("127.0.0.0/8".parse().expect("a net"));
    super::start_log(&config)?;
    let password = Vault::short_key();
    let api_key = fill(&config, &data, password.clone()).await?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let running = serve::start(config, &data, Clock::System).await?;
    println!("listening on http://{}", running.address);
    println!("sign in as {EMAIL} with the password {password}");
    std::io::stdout().flush()?;
    let visitors = simulate::run(Options {
        base_url: format!("http://{}", running.address),
        api_key,
        visitors: arguments.visitors,
        rate: None,
        seed: arguments.seed,
        span: Duration::from_secs(arguments.weeks * 7 * 86_400),
        check: false,
        keep_alive: Some(GAP),
    });
    let outcome = tokio::select! {
        ended = visitors => ended.map(|_| ()),
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
    };
    running.stop().await;
    outcome
}

/// Makes the workspace and returns its API key.
async fn fill(config: &Config, data: &Path, password: String) -> anyhow::Result<String> {
    let (store, vault) = serve::open(config, data).await?;
    if store.has_users().await? {
        bail!(
            "there is a hub in {} already; name a new directory, or serve that one with \
             `skvoz serve --data {}`",
            data.display(),
            data.display()
        );
    }
    let new = NewWorkspace {
        name: "Demo",
        email: EMAIL,
        password,
        host: SITE,
        timezone: "Europe/Moscow",
    };
    let made = make_workspace(store.as_ref(), &vault, new, Clock::System.now()).await?;
    Ok(made.api_key)
}
