//! The command line: what an operator does with a data directory. Results go to standard output,
//! everything else to standard error; 0 is success, 1 a failure, 2 a wrong argument.

mod backup;
mod demo;
mod doctor;
mod init;
mod replay;
mod serve;
mod simulate;
mod user;

use crate::config::{Config, LogFormat};
use crate::store::Store;
use anyhow::{Context, bail};
use clap::{Args, Parser, Subcommand};
use std::io::{IsTerminal, Read};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use tracing_subscriber::EnvFilter;

/// Takes chats, offline leads and callbacks from chat widgets, finds the visit each came from,
/// credits its campaign or source and says why.
#[derive(Debug, Parser)]
#[command(name = "skvoz", version, after_help = BEGIN_HERE)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const BEGIN_HERE: &str = "\
Begin here:
  skvoz demo                             a hub with simulated history, to look around
  skvoz serve --data ./data              then open the printed address and follow the first run
  skvoz doctor --data ./data             says what is wrong with a hub and what to do
  skvoz backup --data ./data --to b.db   a whole copy while the hub works

Settings come from `skvoz.toml` in the data directory (or --config FILE) and from variables like
SKVOZ_SERVER_LISTEN; `skvoz check-config` prints those in force.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the hub: webhooks, tracker, API and pages
    Serve(serve::Arguments),
    /// Make a workspace with its owner, a site and an API key, and print their ids and keys as JSON
    Init(init::Arguments),
    /// Add, list and remove the users of a workspace, and set their passwords
    User(user::Arguments),
    /// Make stored raw events be worked on again; a serving hub takes them up within seconds
    Replay(replay::Arguments),
    /// Copy the store into a file while the hub works, and check the copy
    Backup(backup::BackupArguments),
    /// Make a data directory from a backup; an existing store is never overwritten
    Restore(backup::RestoreArguments),
    /// Check settings, key, store, versions, clock and disk
    Doctor(doctor::Arguments),
    /// Play visitors and chat services against a serving hub, in the vendors' own formats
    Simulate(simulate::Arguments),
    /// Serve a hub with a few weeks of simulated history, and new visitors as time goes by
    Demo(demo::Arguments),
    /// Print the settings in force, or say what is wrong with them
    CheckConfig(Place),
}

/// Where the hub lives.
#[derive(Clone, Debug, Args)]
struct Place {
    /// Data directory
    #[arg(long, env = "SKVOZ_DATA", default_value = "data", value_name = "DIR")]
    data: PathBuf,
    /// Settings file instead of `skvoz.toml` in the data directory
    #[arg(long, env = "SKVOZ_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Place {
    fn settings(&self) -> anyhow::Result<Config> {
        Config::load(self.config.as_deref(), Some(&self.data), std::env::vars())
    }

    /// Opens the store of a hub that was made before.
    fn open(&self) -> anyhow::Result<Arc<dyn Store>> {
        self.check_exists()?;
        crate::serve::open_store(&self.settings()?, &self.data)
    }

    fn check_exists(&self) -> anyhow::Result<()> {
        if !self.data.join(crate::store::sqlite::FILE).is_file() {
            bail!(
                "there is no hub in {}; make one with `skvoz init` or `skvoz serve`, or name its \
                 directory with --data",
                self.data.display()
            );
        }
        Ok(())
    }
}

/// Does what the arguments say.
pub fn main(arguments: Arguments) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("the operating system gives threads");
    match runtime.block_on(run(arguments.command)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("skvoz: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Serve(arguments) => serve::run(arguments).await?,
        Command::Init(arguments) => init::run(arguments).await?,
        Command::User(arguments) => user::run(arguments).await?,
        Command::Replay(arguments) => replay::run(arguments).await?,
        Command::Backup(arguments) => backup::backup(arguments).await?,
        Command::Restore(arguments) => backup::restore(arguments).await?,
        Command::Doctor(arguments) => return doctor::run(arguments).await,
        Command::Simulate(arguments) => return simulate::run(arguments).await,
        Command::Demo(arguments) => demo::run(arguments).await?,
        Command::CheckConfig(place) => check_config(&place)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn check_config(place: &Place) -> anyhow::Result<()> {
    print!("{}", toml::to_string(&place.settings()?)?);
    Ok(())
}

/// Starts the log on standard error.
fn start_log(config: &Config) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&config.log.level).with_context(|| {
        format!(
            "config: `log.level` is {:?}; give a level like info",
            config.log.level
        )
    })?;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    match config.log.format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
    Ok(())
}

/// A password from standard input, without the end of its line.
fn password_from_stdin() -> anyhow::Result<String> {
    let mut text = String::new();
    std::io::stdin()
        .read_to_string(&mut text)
        .context("the password on standard input cannot be read")?;
    let password = text.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        bail!("the password is empty; write it to standard input");
    }
    if password.chars().count() < crate::hub::password::MIN_LENGTH {
        eprintln!("skvoz: this password is short and easy to guess");
    }
    Ok(password.to_string())
}
