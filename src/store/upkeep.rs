//! Backup, checks and figures of the store itself.

use super::StoreResult;
use async_trait::async_trait;
use std::path::Path;

#[async_trait]
pub trait Upkeep: Send + Sync {
    /// Writes a consistent copy to a file that does not exist yet, while the hub works, and checks
    /// it. `progress` is told the share done, 0 to 1.
    async fn backup(&self, to: &Path, progress: &(dyn Fn(f64) + Send + Sync)) -> StoreResult<()>;

    /// Checks the store's integrity and describes it.
    async fn report(&self) -> StoreResult<StoreReport>;

    /// A hub starts: leases of a process that is gone end now, where the store can know that it is
    /// gone.
    async fn start(&self) -> StoreResult<()>;

    /// Quick: the store answers a read.
    async fn ping(&self) -> StoreResult<()>;
}

/// What `doctor` prints of a store.
#[derive(Clone, Debug, serde::Serialize)]
pub struct StoreReport {
    /// Engine and version.
    pub engine: String,
    pub size_bytes: u64,
    pub wal_bytes: u64,
    pub schema_version: i64,
    /// Empty when everything is whole.
    pub problems: Vec<String>,
}
