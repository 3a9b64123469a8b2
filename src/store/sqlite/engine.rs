//! Threads of the engine: the writer, which commits whatever waits in one transaction; the
//! checkpointer, which moves the WAL into the file beside it; the pool of readers.

use super::Options;
use crate::store::{StoreError, StoreResult};
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use rusqlite::{Connection, ErrorCode, ffi};
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// With more waiting jobs than this the store says that it cannot write now.
const QUEUE: usize = 4_096;
/// A transaction takes no more jobs than this, so that the first of them need not wait long.
const BATCH: usize = 1_024;
/// The log, the file, and the log's header when it begins again.
const SYNCS_OF_CHECKPOINT: u64 = 3;
/// Exit code after an I/O error: the state of the file is no longer known to us (EX_IOERR).
const EXIT_IO_ERROR: i32 = 74;

/// Set by the thread that was told of an I/O error, so that the others begin nothing more.
static DISK_FAILED: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// Frames in the WAL after the latest commit of this thread.
    static WAL_FRAMES: Cell<u32> = const { Cell::new(0) };
}

/// Work for the writer. `run` is called inside the transaction, `finish` after its end.
trait Job: Send {
    /// It may be run once more after what it wrote was taken back.
    fn is_repeatable(&self) -> bool;
    fn run(&mut self, connection: &Connection) -> Result<(), StoreError>;
    fn finish(self: Box<Self>, committed: Result<(), StoreError>);
}

struct Work<T, F> {
    work: Option<F>,
    result: Option<T>,
    answer: oneshot::Sender<StoreResult<T>>,
}

impl<T: Send, F> Job for Work<T, F>
where
    F: FnOnce(&Connection) -> StoreResult<T> + Send,
{
    fn is_repeatable(&self) -> bool {
        false
    }

    fn run(&mut self, connection: &Connection) -> Result<(), StoreError> {
        let work = self.work.take().expect("a job runs once");
        self.result = Some(work(connection)?);
        Ok(())
    }

    fn finish(self: Box<Self>, committed: Result<(), StoreError>) {
        let Work { result, answer, .. } = *self;
        // The asker may have gone away; the work is done all the same.
        let _ = answer.send(committed.map(|()| result.expect("a committed job has run")));
    }
}

struct RepeatableWork<T, F> {
    work: F,
    result: Option<T>,
    answer: oneshot::Sender<StoreResult<T>>,
}

impl<T: Send, F> Job for RepeatableWork<T, F>
where
    F: Fn(&Connection) -> StoreResult<T> + Send,
{
    fn is_repeatable(&self) -> bool {
        true
    }

    fn run(&mut self, connection: &Connection) -> Result<(), StoreError> {
        self.result = Some((self.work)(connection)?);
        Ok(())
    }

    fn finish(self: Box<Self>, committed: Result<(), StoreError>) {
        let RepeatableWork { result, answer, .. } = *self;
        let _ = answer.send(committed.map(|()| result.expect("a committed job has run")));
    }
}

/// The one thread that writes.
pub(super) struct Writer {
    jobs: Option<Sender<Box<dyn Job>>>,
    threads: Vec<JoinHandle<()>>,
    syncs: Arc<AtomicU64>,
}

impl Writer {
    pub(super) fn start(
        connection: Connection,
        checkpointer: Connection,
        options: Options,
    ) -> Writer {
        let (jobs, waiting) = bounded(QUEUE);
        let (wake, woken) = bounded(1);
        connection.wal_hook(Some(|_, frames| {
            WAL_FRAMES.set(frames.unsigned_abs());
            Ok(())
        }));
        let syncs = Arc::new(AtomicU64::new(0));
        let (of_writer, of_checkpoints) = (syncs.clone(), syncs.clone());
        let writer = spawn("store-writer", move || {
            write_loop(&connection, &waiting, &wake, options, &of_writer)
        });
        let checkpoints = spawn("store-checkpoint", move || {
            for () in woken {
                checkpoint(&checkpointer, &of_checkpoints);
            }
        });
        Writer {
            jobs: Some(jobs),
            threads: vec![writer, checkpoints],
            syncs,
        }
    }

    /// How often the disk was told to make sure, counted upwards: once a transaction, and at a
    /// checkpoint for the log, for the file and for the log's new beginning.
    pub(super) fn syncs(&self) -> u64 {
        self.syncs.load(Ordering::Relaxed)
    }

    /// Runs `work` in the next transaction and returns when it is on disk.
    pub(super) async fn write<T, F>(&self, work: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> StoreResult<T> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        self.queue(Box::new(Work {
            work: Some(work),
            result: None,
            answer,
        }))?;
        result_of(answered).await
    }

    /// The same for work that may be done twice: it shares a savepoint with others of its kind, which
    /// is what small writes cost most.
    pub(super) async fn write_repeatable<T, F>(&self, work: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: Fn(&Connection) -> StoreResult<T> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        self.queue(Box::new(RepeatableWork {
            work,
            result: None,
            answer,
        }))?;
        result_of(answered).await
    }

    fn queue(&self, job: Box<dyn Job>) -> StoreResult<()> {
        let jobs = self
            .jobs
            .as_ref()
            .expect("the sender lives as long as the writer");
        match jobs.try_send(job) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(_)) => Err(StoreError::Unavailable(
                "too many writes are waiting".into(),
            )),
            Err(TrySendError::Disconnected(_)) => Err(is_closed()),
        }
    }
}

async fn result_of<T>(answered: oneshot::Receiver<StoreResult<T>>) -> StoreResult<T> {
    answered.await.map_err(|_| is_closed())?
}

fn is_closed() -> StoreError {
    StoreError::Unavailable("the store is closed".into())
}

impl Drop for Writer {
    /// Lets the queue run empty, so that nothing accepted is left behind.
    fn drop(&mut self) {
        self.jobs = None;
        for thread in self.threads.drain(..) {
            if thread.thread().id() != std::thread::current().id() {
                let _ = thread.join();
            }
        }
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
    std::thread::Builder::new()
        .name(name.into())
        .spawn(work)
        .expect("the system can start two threads")
}

fn write_loop(
    connection: &Connection,
    waiting: &Receiver<Box<dyn Job>>,
    wake: &Sender<()>,
    options: Options,
    syncs: &AtomicU64,
) {
    while let Ok(first) = waiting.recv() {
        let mut batch = vec![first];
        batch.extend(waiting.try_iter().take(BATCH - 1));
        commit_batch(connection, batch);
        syncs.fetch_add(1, Ordering::Relaxed);
        let frames = WAL_FRAMES.get();
        if frames > options.wal_limit_frames {
            checkpoint(connection, syncs);
            WAL_FRAMES.set(0);
        } else if frames > options.checkpoint_frames {
            // A wake-up that is already waiting is enough.
            let _ = wake.try_send(());
        }
    }
}

/// Runs the jobs in one transaction, in savepoints, so that a refused one takes nobody along.
fn commit_batch(connection: &Connection, mut batch: Vec<Box<dyn Job>>) {
    let mut refused: Vec<Option<StoreError>> = Vec::with_capacity(batch.len());
    let outcome = run_batch(connection, &mut batch, &mut refused);
    if let Err(error) = &outcome {
        stop_on_io_error(error);
        if !connection.is_autocommit() {
            let _ = connection.execute_batch("rollback");
        }
    }
    let mut refused = refused.into_iter();
    for job in batch {
        let own = refused.next().flatten();
        job.finish(match (own, &outcome) {
            (Some(error), _) => Err(error),
            (None, Ok(())) => Ok(()),
            (None, Err(error)) => Err(store_error(error)),
        });
    }
}

fn run_batch(
    connection: &Connection,
    batch: &mut [Box<dyn Job>],
    refused: &mut Vec<Option<StoreError>>,
) -> rusqlite::Result<()> {
    connection.prepare_cached("begin immediate")?.execute([])?;
    let mut rest = batch;
    while !rest.is_empty() {
        let together = rest.iter().take_while(|job| job.is_repeatable()).count();
        let (jobs, later) = rest.split_at_mut(together.max(1));
        if together > 1 && run_in_savepoint(connection, jobs)?.is_none() {
            refused.extend(jobs.iter().map(|_| None));
        } else {
            // One of them is refused, or it is one alone: each for itself.
            for job in jobs {
                let job = std::slice::from_mut(job);
                refused.push(run_in_savepoint(connection, job)?);
            }
        }
        rest = later;
    }
    let mut commit = connection.prepare_cached("commit")?;
    wait_if_disk_failed();
    commit.execute([])?;
    Ok(())
}

/// What the first refused job says; then nothing of any of them is written.
fn run_in_savepoint(
    connection: &Connection,
    jobs: &mut [Box<dyn Job>],
) -> rusqlite::Result<Option<StoreError>> {
    connection.prepare_cached("savepoint job")?.execute([])?;
    let error = jobs.iter_mut().find_map(|job| job.run(connection).err());
    if error.is_some() {
        if connection.is_autocommit() {
            // The engine gave the whole transaction up (disk full): nobody was written.
            return Err(rusqlite::Error::SqliteFailure(
                ffi::Error::new(ffi::SQLITE_FULL),
                Some("the transaction was given up".into()),
            ));
        }
        connection.prepare_cached("rollback to job")?.execute([])?;
    }
    connection.prepare_cached("release job")?.execute([])?;
    Ok(error)
}

/// Moves what it can of the WAL into the file without stopping anybody.
fn checkpoint(connection: &Connection, syncs: &AtomicU64) {
    wait_if_disk_failed();
    syncs.fetch_add(SYNCS_OF_CHECKPOINT, Ordering::Relaxed);
    let result = connection
        .prepare_cached("pragma wal_checkpoint(passive)")
        .and_then(|mut statement| statement.query_row([], |_| Ok(())));
    if let Err(error) = result {
        stop_on_io_error(&error);
        tracing::warn!(%error, "The store's checkpoint did not finish; it is tried again later");
    }
}

/// After a failed write or sync nobody knows what is on disk, and a second sync may lie: the
/// process stops, and the next start reads what is really there.
pub(super) fn stop_on_io_error(error: &rusqlite::Error) {
    if error.sqlite_error_code() == Some(ErrorCode::SystemIoFailure) {
        DISK_FAILED.store(true, Ordering::SeqCst);
        tracing::error!(%error, "The disk failed; the hub stops so that nothing is acknowledged that is not there");
        std::process::exit(EXIT_IO_ERROR);
    }
}

/// The process is about to end by the hand of another thread: nothing is synced or answered any more.
fn wait_if_disk_failed() {
    while DISK_FAILED.load(Ordering::SeqCst) {
        std::thread::park();
    }
}

/// What the engine's error means for the one who asked.
pub(super) fn store_error(error: &rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::Unavailable("the disk is full".into()),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            StoreError::Unavailable("the store is locked by another process".into())
        }
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen) => {
            StoreError::Unavailable(error.to_string())
        }
        Some(ErrorCode::ConstraintViolation) => StoreError::Conflict(error.to_string()),
        _ => StoreError::Other(anyhow::anyhow!(error.to_string())),
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> StoreError {
        stop_on_io_error(&error);
        match error {
            rusqlite::Error::QueryReturnedNoRows => StoreError::NotFound("the row"),
            other => store_error(&other),
        }
    }
}

/// Read-only connections, lent one at a time to blocking threads.
pub(super) struct Readers {
    free: Receiver<Connection>,
    give_back: Sender<Connection>,
}

impl Readers {
    pub(super) fn open(
        count: usize,
        open: impl Fn() -> anyhow::Result<Connection>,
    ) -> anyhow::Result<Readers> {
        let (give_back, free) = bounded(count);
        for _ in 0..count {
            give_back
                .send(open()?)
                .expect("the pool holds its own connections");
        }
        Ok(Readers { free, give_back })
    }

    /// Runs `work` on one snapshot.
    pub(super) async fn read<T, F>(&self, work: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> StoreResult<T> + Send + 'static,
    {
        let (free, give_back) = (self.free.clone(), self.give_back.clone());
        tokio::task::spawn_blocking(move || {
            let connection = free
                .recv()
                .map_err(|_| StoreError::Unavailable("the store is closed".into()))?;
            let lent = Lent {
                connection: Some(connection),
                give_back,
            };
            snapshot(lent.connection.as_ref().expect("lent until dropped"), work)
        })
        .await
        .map_err(|error| StoreError::Other(anyhow::anyhow!("a read was broken off: {error}")))?
    }
}

/// A connection that goes back to the pool even when its user panics.
struct Lent {
    connection: Option<Connection>,
    give_back: Sender<Connection>,
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            let _ = self.give_back.try_send(connection);
        }
    }
}

fn snapshot<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> StoreResult<T>,
) -> StoreResult<T> {
    connection.prepare_cached("begin")?.execute([])?;
    let result = work(connection);
    connection.prepare_cached("commit")?.execute([])?;
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    type Answer = oneshot::Receiver<StoreResult<i64>>;

    fn job(number: i64, is_repeatable: bool) -> (Box<dyn Job>, Answer) {
        let write = move |connection: &Connection| {
            connection.execute("insert into numbers values (?1)", [number])?;
            match number {
                3 => Err(StoreError::Conflict("three".into())),
                _ => Ok(number),
            }
        };
        let (answer, answered) = oneshot::channel();
        let job: Box<dyn Job> = match is_repeatable {
            true => Box::new(RepeatableWork {
                work: write,
                result: None,
                answer,
            }),
            false => Box::new(Work {
                work: Some(write),
                result: None,
                answer,
            }),
        };
        (job, answered)
    }

    #[test]
    fn a_refused_job_takes_nobody_along_alone_or_among_others() {
        for kinds in [[true; 5], [false; 5], [true, true, true, false, true]] {
            let connection = Connection::open_in_memory().unwrap();
            connection
                .execute_batch("create table numbers (n integer primary key)")
                .unwrap();
            // The fifth finds its place taken.
            let numbers = [1, 2, 3, 4, 4];
            let (batch, answers): (Vec<_>, Vec<_>) = numbers
                .iter()
                .zip(kinds)
                .map(|(number, is_repeatable)| job(*number, is_repeatable))
                .unzip();
            commit_batch(&connection, batch);
            let told: Vec<Option<i64>> = answers
                .into_iter()
                .map(|mut answer| answer.try_recv().unwrap().ok())
                .collect();
            assert_eq!(told, [Some(1), Some(2), None, Some(4), None], "{kinds:?}");
            let mut kept = connection.prepare("select n from numbers").unwrap();
            let kept: Vec<i64> = kept
                .query_map([], |row| row.get(0))
                .unwrap()
                .collect::<Result<_, _>>()
                .unwrap();
            assert_eq!(kept, [1, 2, 4], "{kinds:?}");
        }
    }
}
