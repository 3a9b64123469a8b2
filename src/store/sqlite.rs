//! The embedded store: SQLite in WAL mode, one writer thread with group commit, a read-only pool,
//! checkpoints off the commit path (DESIGN.md 11).

mod access;
mod conversations;
mod engine;
mod goals;
mod intake;
mod leases;
mod rows;
mod setup;
#[cfg(test)]
mod tests;
mod upkeep;
mod visits;

use anyhow::{Context, bail};
use engine::{Readers, Writer};
use leases::Leases;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use rusqlite_migration::{M, Migrations};
use std::path::{Path, PathBuf};

/// Older ones can corrupt the file when a checkpoint meets a WAL reset (DESIGN.md 11).
const OLDEST_GOOD_VERSION: i32 = 3_051_003;
/// Name of the file in the data directory.
pub const FILE: &str = "skvoz.sqlite";
const READERS: usize = 4;

static MIGRATIONS: &[M<'static>] = &[M::up(include_str!(
    "../../migrations/sqlite/0001_start.sql"
))];

/// How the engine works.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    pub synchronous: Synchronous,
    /// WAL frames of 4 KiB after which the background checkpoint runs.
    pub checkpoint_frames: u32,
    /// WAL frames after which the writer itself checkpoints between two commits.
    pub wal_limit_frames: u32,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            synchronous: Synchronous::Full,
            checkpoint_frames: 12_000,
            wal_limit_frames: 32_000,
        }
    }
}

/// `Normal` breaks the promise "2xx means on disk"; it exists to prove that the power-loss harness
/// can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Synchronous {
    Full,
    Normal,
}

/// A store in one folder.
pub struct SqliteStore {
    file: PathBuf,
    writer: Writer,
    readers: Readers,
    leases: Leases,
}

impl SqliteStore {
    /// Opens or creates the store of a folder and brings its schema up to date.
    pub fn open(folder: &Path, options: Options) -> anyhow::Result<SqliteStore> {
        if rusqlite::version_number() < OLDEST_GOOD_VERSION {
            bail!(
                "store: SQLite {} is too old; build with 3.51.3 or newer",
                rusqlite::version()
            );
        }
        std::fs::create_dir_all(folder)
            .with_context(|| format!("store: cannot make the folder {}", folder.display()))?;
        let file = folder.join(FILE);
        let mut connection = open_writer(&file, options)
            .with_context(|| format!("store: cannot open {}", file.display()))?;
        Migrations::from_slice(MIGRATIONS)
            .to_latest(&mut connection)
            .with_context(|| format!("store: cannot migrate {}", file.display()))?;
        let checkpointer = open_writer(&file, options)?;
        let readers = Readers::open(READERS, || open_reader(&file))?;
        let writer = Writer::start(connection, checkpointer, options);
        Ok(SqliteStore {
            file,
            writer,
            readers,
            leases: Leases::default(),
        })
    }

    /// How often the disk was told to make sure since the store was opened, at most.
    pub fn syncs(&self) -> u64 {
        self.writer.syncs()
    }

    /// The file with the truth in it.
    pub fn file(&self) -> &Path {
        &self.file
    }
}

fn open_writer(file: &Path, options: Options) -> anyhow::Result<Connection> {
    let connection = Connection::open(file)?;
    let synchronous = match options.synchronous {
        Synchronous::Full => "full",
        Synchronous::Normal => "normal",
    };
    let mode: String = connection.query_row("pragma journal_mode = wal", [], |row| row.get(0))?;
    if mode != "wal" {
        bail!(
            "store: {} does not support WAL (journal mode stays {mode})",
            file.display()
        );
    }
    connection.execute_batch(&format!(
        "pragma synchronous = {synchronous};
         pragma wal_autocheckpoint = 0;
         pragma foreign_keys = on;
         pragma busy_timeout = 10000;
         pragma temp_store = memory;
         pragma cache_size = -16384;"
    ))?;
    prepare_once(&connection)?;
    Ok(connection)
}

fn open_reader(file: &Path) -> anyhow::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags)?;
    connection.execute_batch(
        "pragma busy_timeout = 10000; pragma temp_store = memory; pragma cache_size = -4096;",
    )?;
    prepare_once(&connection)?;
    Ok(connection)
}

/// Statements are planned once and for any values. Without the planner's stability guarantee those
/// with a bound limit are planned anew each time.
fn prepare_once(connection: &Connection) -> anyhow::Result<()> {
    connection.set_prepared_statement_cache_capacity(256);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}
