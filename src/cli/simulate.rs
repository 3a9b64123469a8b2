//! `skvoz simulate`: visitors, chats, messenger chats, offline leads and callbacks of all services,
//! sent to a serving hub through its real doors.

use crate::simulate::{self, Options};
use clap::Args;
use std::process::ExitCode;
use std::time::Duration;

#[derive(Debug, Args)]
#[command(after_help = "\
The hub must be allowed to call this machine back, where a stand-in of Carrot quest's API listens:
start it with SKVOZ_OUTBOUND_ALLOW=127.0.0.0/8.

Example:
  skvoz simulate --to http://127.0.0.1:8080 --api-key KEY --visitors 200 --check")]
pub struct Arguments {
    /// Address of the hub
    #[arg(long, value_name = "URL")]
    to: String,
    /// API key with the rights to read and write; `skvoz init` prints one
    #[arg(
        long,
        env = "SKVOZ_API_KEY",
        hide_env_values = true,
        value_name = "KEY"
    )]
    api_key: String,
    /// How many people come
    #[arg(long, default_value_t = 100, value_name = "N")]
    visitors: usize,
    /// Most requests a second; without it as many as the hub takes
    #[arg(long, value_name = "R")]
    rate: Option<f64>,
    /// The same seed plays the same people
    #[arg(long, default_value_t = 1, value_name = "S")]
    seed: u64,
    /// Days of history
    #[arg(long, default_value_t = 1, value_name = "DAYS")]
    days: u64,
    /// Compare what the hub made of it with the truth; exit code 1 when a link is wrong or anything
    /// is lost or doubled
    #[arg(long)]
    check: bool,
    /// Then let a new visitor come every so many seconds, until stopped
    #[arg(long, value_name = "SECONDS")]
    live: Option<u64>,
}

pub async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let report = simulate::run(Options {
        base_url: arguments.to,
        api_key: arguments.api_key,
        visitors: arguments.visitors,
        rate: arguments.rate,
        seed: arguments.seed,
        span: Duration::from_secs(arguments.days * 86_400),
        check: arguments.check,
        keep_alive: arguments.live.map(Duration::from_secs),
    })
    .await?;
    println!("{report}");
    Ok(if report.failed() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}
