//! Backup and checks of the SQLite file.

use super::SqliteStore;
use crate::store::{StoreError, StoreReport, StoreResult, Upkeep};
use anyhow::Context;
use async_trait::async_trait;
use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

/// Pages of one step; between steps writers have their way.
const PAGES_A_STEP: i32 = 1_000;

#[async_trait]
impl Upkeep for SqliteStore {
    async fn backup(&self, to: &Path, progress: &(dyn Fn(f64) + Send + Sync)) -> StoreResult<()> {
        let (from, to) = (self.file.clone(), to.to_owned());
        let (told, heard) = mpsc::channel();
        let copy = tokio::task::spawn_blocking(move || copy_and_check(&from, &to, &told));
        let copied = async {
            copy.await
                .map_err(|error| StoreError::Other(error.into()))?
        };
        tokio::pin!(copied);
        loop {
            for share in heard.try_iter() {
                progress(share);
            }
            let wait = tokio::time::timeout(Duration::from_millis(100), &mut copied);
            if let Ok(result) = wait.await {
                progress(1.0);
                return result;
            }
        }
    }

    async fn report(&self) -> StoreResult<StoreReport> {
        let file = self.file.clone();
        self.readers
            .read(move |connection| {
                let schema_version =
                    connection.query_row("pragma user_version", [], |row| row.get(0))?;
                Ok(StoreReport {
                    engine: format!("SQLite {}", rusqlite::version()),
                    size_bytes: size(&file),
                    wal_bytes: size(&file.with_extension("sqlite-wal")),
                    schema_version,
                    problems: problems(connection)?,
                })
            })
            .await
    }

    /// One hub at a time serves a data directory, so a question under way is of a former one.
    async fn start(&self) -> StoreResult<()> {
        self.writer
            .write(|connection| {
                connection.execute(
                    "update fetches set due_at = 0 where last_reason is null",
                    [],
                )?;
                Ok(())
            })
            .await
    }

    async fn ping(&self) -> StoreResult<()> {
        self.readers
            .read(|connection| {
                connection
                    .prepare_cached("select 1")?
                    .query_row([], |_| Ok(()))?;
                Ok(())
            })
            .await
    }
}

fn size(file: &Path) -> u64 {
    std::fs::metadata(file).map_or(0, |meta| meta.len())
}

fn copy_and_check(from: &Path, to: &Path, told: &mpsc::Sender<f64>) -> StoreResult<()> {
    if to.exists() {
        return Err(StoreError::Conflict(format!(
            "{} exists already",
            to.display()
        )));
    }
    let source = super::open_reader(from)?;
    let mut copy =
        Connection::open(to).with_context(|| format!("cannot make the file {}", to.display()))?;
    copy_pages(&source, &mut copy, told)?;
    copy.execute_batch("pragma journal_mode = delete")?;
    match problems(&copy)?.as_slice() {
        [] => Ok(()),
        [first, ..] => Err(StoreError::Other(anyhow::anyhow!(
            "the copy is not whole: {first}"
        ))),
    }
}

fn copy_pages(
    source: &Connection,
    copy: &mut Connection,
    told: &mpsc::Sender<f64>,
) -> StoreResult<()> {
    // One read transaction, so that writers do not make the copy begin again.
    source.execute_batch("begin; select 1 from sqlite_schema")?;
    let backup = Backup::new(source, copy)?;
    while backup.step(PAGES_A_STEP)? != StepResult::Done {
        let progress = backup.progress();
        let all = f64::from(progress.pagecount.max(1));
        // Nobody listens any more when the asker went away; the copy is finished all the same.
        let _ = told.send(1.0 - f64::from(progress.remaining) / all);
    }
    Ok(())
}

fn problems(connection: &Connection) -> StoreResult<Vec<String>> {
    let lines: Vec<String> = connection
        .prepare("pragma quick_check(10)")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    Ok(lines.into_iter().filter(|line| line != "ok").collect())
}
