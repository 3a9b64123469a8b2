//! Joins the doors and the loops into a running hub, and stops them in order: first the doors, then
//! the loops.

mod layers;
mod machines;

use crate::api;
use crate::collect;
use crate::config::{self, Config};
use crate::fetch;
use crate::hub::{Clock, Hub, Outbound, Places, Stop, Stopper, Vault};
use crate::pipeline;
use crate::receive;
use crate::script;
use crate::store::Store;
use crate::store::sqlite::{self, SqliteStore};
use crate::web;
use anyhow::{Context, bail};
use axum::Router;
use axum::serve::ListenerExt;
use futures_util::future::BoxFuture;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tracing::{info, warn};

/// Name of the file whose lock says that a hub serves this data directory.
const LOCK_FILE: &str = "skvoz.lock";

/// A hub at work.
pub struct Running {
    pub hub: Arc<Hub>,
    /// The address really listened on.
    pub address: SocketAddr,
    stopper: Stopper,
    tasks: JoinSet<()>,
    /// Held for as long as the hub works.
    _lock: std::fs::File,
}

/// Opens the data directory, listens and starts the loops.
pub async fn start(config: Config, data: &Path, clock: Clock) -> anyhow::Result<Running> {
    let (store, vault) = open(&config, data).await?;
    let lock = lock(data)?;
    store.start().await?;
    let listener = tokio::net::TcpListener::bind(config.server.listen)
        .await
        .with_context(|| format!("cannot listen on {}", config.server.listen))?;
    let address = listener.local_addr()?;
    let outbound = Outbound::new(config.outbound.clone());
    let places = Places::open(&config.geo.mmdb)?;
    let hub = Hub::new(config, store, vault, clock, outbound, places, address);
    let stopper = Stopper::new();
    let mut tasks = JoinSet::new();
    tasks.spawn(doors(listener, hub.clone(), stopper.listener()));
    for work in loops(&hub, &stopper) {
        tasks.spawn(work);
    }
    info!(address = %address, "Serving {} on {address}", data.display());
    Ok(Running {
        hub,
        address,
        stopper,
        tasks,
        _lock: lock,
    })
}

impl Running {
    /// Ends what is under way, for at most as long as the settings say, and stops.
    pub async fn stop(mut self) {
        self.stopper.stop();
        let limit = Duration::from_secs(self.hub.config.server.shutdown_s);
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(limit, ended).await.is_err() {
            warn!("Some work did not end in {limit:?} and was cut off; it will be taken up again");
        }
    }
}

/// The full list of doors.
fn router(hub: Arc<Hub>) -> Router {
    let for_people_and_programs = layers::careful(api::router().merge(web::router(&hub)));
    Router::new()
        .merge(machines::router())
        .merge(for_people_and_programs)
        .with_state(hub.clone())
        .merge(receive::router(hub.clone()))
        .merge(collect::router(hub.clone()))
        .merge(script::router(hub))
}

/// The full list of loops.
fn loops(hub: &Arc<Hub>, stopper: &Stopper) -> Vec<BoxFuture<'static, ()>> {
    vec![
        Box::pin(pipeline::run(hub.clone(), stopper.listener())),
        Box::pin(fetch::run(hub.clone(), stopper.listener())),
        Box::pin(machines::upkeep(stopper.listener())),
    ]
}

async fn doors(listener: tokio::net::TcpListener, hub: Arc<Hub>, stop: Stop) {
    let listener = listener.tap_io(|stream| {
        // Answers are small and written whole; waiting to fill a packet only delays them.
        let _ = stream.set_nodelay(true);
    });
    let service = router(hub).into_make_service_with_connect_info::<SocketAddr>();
    let served = axum::serve(listener, service)
        .with_graceful_shutdown(async move { stop.asked().await })
        .await;
    if let Err(error) = served {
        tracing::error!("The doors closed by themselves: {error}");
    }
}

/// Opens the store and the vault of a data directory, making both in a new one.
pub async fn open(config: &Config, data: &Path) -> anyhow::Result<(Arc<dyn Store>, Vault)> {
    make_directory(data)
        .with_context(|| format!("cannot make the data directory {}", data.display()))?;
    let store = open_store(config, data)?;
    let is_new = store.workspaces().await?.is_empty();
    let vault = Vault::open(data, is_new)?;
    Ok((store, vault))
}

/// Makes a directory that only its owner can enter: it holds what people wrote and who they are.
pub fn make_directory(data: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(data)
}

/// Opens the store alone.
pub fn open_store(config: &Config, data: &Path) -> anyhow::Result<Arc<dyn Store>> {
    let options = sqlite::Options {
        synchronous: match config.store.synchronous {
            config::Synchronous::Full => sqlite::Synchronous::Full,
            config::Synchronous::Normal => sqlite::Synchronous::Normal,
        },
        checkpoint_frames: config.store.checkpoint_pages,
        wal_limit_frames: config.store.wal_limit_pages,
    };
    Ok(Arc::new(SqliteStore::open(data, options)?))
}

/// Makes sure that nobody else serves this directory. The lock goes away with the process.
fn lock(data: &Path) -> anyhow::Result<std::fs::File> {
    let path = data.join(LOCK_FILE);
    let file =
        std::fs::File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => bail!(
            "{} is served by another process already; stop it first or give another --data",
            data.display()
        ),
        Err(std::fs::TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("cannot lock {}", path.display()))
        }
    }
}

/// Whether a hub serves this directory now.
pub fn is_served(data: &Path) -> bool {
    data.join(LOCK_FILE).exists() && lock(data).is_err()
}
