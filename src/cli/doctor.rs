//! `skvoz doctor`: looks at everything a hub stands on and says what is wrong and what to do.

use super::Place;
use crate::hub::{Clock, Vault};
use crate::model::Timestamp;
use crate::store::StoreReport;
use crate::store::sqlite;
use clap::Args;
use std::path::Path;
use std::process::ExitCode;

/// Below this the store may soon be unable to write.
const LITTLE_SPACE: u64 = 1 << 30;
/// Below this it is.
const NO_SPACE: u64 = 100 << 20;
/// A write-ahead log that long is not being written back.
const LONG_WAL: u64 = 512 << 20;
/// No hub is older than this.
const OLDEST: &str = "2026-01-01T00:00:00Z";

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    place: Place,
}

/// What a look found.
#[derive(Debug, PartialEq, Eq)]
enum Finding {
    Good(String),
    Warning(String),
    Problem(String),
}

use Finding::{Good, Problem, Warning};

pub async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let place = &arguments.place;
    let mut findings = vec![Good(format!("skvoz {}", env!("CARGO_PKG_VERSION")))];
    findings.push(match place.settings() {
        Ok(_) => Good("the settings are right".into()),
        Err(error) => Problem(format!("{error:#}")),
    });
    findings.push(clock(Clock::System.now(), newest_change(&place.data)));
    match place.check_exists() {
        Ok(()) => {
            findings.push(key(&place.data));
            findings.push(space(&place.data));
            findings.extend(store(place).await);
            findings.push(serving(&place.data));
        }
        Err(error) => findings.push(Problem(format!("{error:#}"))),
    }
    Ok(tell(&findings))
}

fn tell(findings: &[Finding]) -> ExitCode {
    for finding in findings {
        match finding {
            Good(text) => println!("ok       {text}"),
            Warning(text) => println!("warning  {text}"),
            Problem(text) => println!("PROBLEM  {text}"),
        }
    }
    match findings.iter().any(|finding| matches!(finding, Problem(_))) {
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    }
}

fn key(data: &Path) -> Finding {
    match Vault::open(data, false) {
        Ok(_) => Good("the encryption key is readable, by its owner alone".into()),
        Err(error) => Problem(format!("{error:#}")),
    }
}

async fn store(place: &Place) -> Vec<Finding> {
    let report = async {
        let store = crate::serve::open_store(&place.settings()?, &place.data)?;
        anyhow::Ok(store.report().await?)
    };
    match report.await {
        Ok(report) => judge_store(&report),
        Err(error) => vec![Problem(format!("the store does not open: {error:#}"))],
    }
}

fn judge_store(report: &StoreReport) -> Vec<Finding> {
    let StoreReport {
        engine,
        size_bytes,
        wal_bytes,
        schema_version,
        problems,
    } = report;
    let size = mib(*size_bytes);
    let mut findings = vec![Good(format!(
        "the store is {engine}, schema {schema_version}, {size} MiB"
    ))];
    if *wal_bytes > LONG_WAL {
        findings.push(Warning(format!(
            "the write-ahead log is {} MiB long; is the disk slow, or a reader stuck?",
            mib(*wal_bytes)
        )));
    }
    match problems.is_empty() {
        true => findings.push(Good("the store is whole".into())),
        false => {
            findings.extend(problems.iter().map(|problem| {
                Problem(format!("the store is damaged, restore a backup: {problem}"))
            }))
        }
    }
    findings
}

/// A clock before the last change of the store has gone back.
fn clock(now: Timestamp, newest: Option<Timestamp>) -> Finding {
    let oldest: Timestamp = OLDEST.parse().expect("a date");
    if now < oldest {
        return Problem(format!("the clock of this machine shows {now}; set it"));
    }
    match newest.filter(|newest| *newest > now) {
        Some(newest) => Problem(format!(
            "the clock shows {now}, but the store was changed at {newest}; set the clock"
        )),
        None => Good(format!("the clock shows {now}")),
    }
}

fn newest_change(data: &Path) -> Option<Timestamp> {
    let wal = format!("{}-wal", sqlite::FILE);
    [sqlite::FILE, &wal]
        .into_iter()
        .filter_map(|name| std::fs::metadata(data.join(name)).ok()?.modified().ok())
        .filter_map(|time| Timestamp::try_from(time).ok())
        .max()
}

fn space(data: &Path) -> Finding {
    let Ok(disk) = rustix::fs::statvfs(data) else {
        return Warning(format!(
            "the free space of {} cannot be told",
            data.display()
        ));
    };
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let text = format!(
        "{} MiB are free on the disk of {}",
        mib(free),
        data.display()
    );
    if free < NO_SPACE {
        Problem(format!("only {text}; webhooks are about to be refused"))
    } else if free < LITTLE_SPACE {
        Warning(format!("only {text}"))
    } else {
        Good(text)
    }
}

fn serving(data: &Path) -> Finding {
    match crate::serve::is_served(data) {
        true => Good("a hub serves this directory".into()),
        false => Warning("no hub serves this directory now".into()),
    }
}

fn mib(bytes: u64) -> u64 {
    bytes >> 20
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_went_back_is_a_problem() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let now = at("2026-08-06T10:00:00Z");
        assert!(matches!(
            clock(now, Some(at("2026-08-06T09:00:00Z"))),
            Good(_)
        ));
        assert!(matches!(
            clock(now, Some(at("2026-08-06T11:00:00Z"))),
            Problem(_)
        ));
        assert!(matches!(
            clock(at("1970-01-01T00:00:07Z"), None),
            Problem(_)
        ));
    }

    #[test]
    fn a_damaged_store_is_a_problem_and_a_long_log_a_warning() {
        let mut report = StoreReport {
            engine: "SQLite".into(),
            size_bytes: 1,
            wal_bytes: LONG_WAL + 1,
            schema_version: 1,
            problems: vec![],
        };
        assert!(
            judge_store(&report)
                .iter()
                .any(|finding| matches!(finding, Warning(_)))
        );
        report.problems.push("row 7 missing from index".into());
        assert!(
            judge_store(&report)
                .iter()
                .any(|finding| matches!(finding, Problem(_)))
        );
    }
}
