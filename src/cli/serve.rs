//! `skvoz serve`: runs until it is told to stop.

use super::Place;
use crate::hub::Clock;
use clap::Args;
use std::io::Write;
use std::net::SocketAddr;
use tokio::signal::unix::{SignalKind, signal};
use tracing::info;

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    place: Place,
    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<SocketAddr>,
}

pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let mut config = arguments.place.settings()?;
    if let Some(listen) = arguments.listen {
        config.server.listen = listen;
    }
    super::start_log(&config)?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let running = crate::serve::start(config, &arguments.place.data, Clock::System).await?;
    println!("listening on http://{}", running.address);
    std::io::stdout().flush()?;
    if !running.hub.store.has_users().await? {
        info!("Open {} to make the owner", running.hub.url("/"));
    }
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    info!("Stopping");
    tokio::select! {
        () = running.stop() => {}
        // Asked twice: at once.
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
