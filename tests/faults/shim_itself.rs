//! The shim proves itself, without a hub: on a SQLite store and on plain files.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tempfile::TempDir;

use crate::hub::temp_dir;
use crate::shim::{Disk, copy_folder};
use crate::shim_child::{DATABASE, ENTRY, ROLE, SYNCHRONOUS, payload};

const LIMIT: Duration = Duration::from_secs(30);
const IOERR_FSYNC: &str = "failed Some(1034)";

/// A process of this test program on a disk of its own. Killed by its id when dropped.
struct Player {
    root: TempDir,
    disk: Disk,
    child: Child,
    lines: Receiver<String>,
    heard: Vec<String>,
}

impl Player {
    fn start(role: &str, synchronous: &str, prepare: impl Fn(&Disk)) -> Self {
        let root = temp_dir();
        let (folder, mirror) = (root.path().join("folder"), root.path().join("mirror"));
        std::fs::create_dir(&folder).expect("a folder");
        copy_folder(&folder, &mirror);
        let disk = Disk::new(&folder, &mirror, &root.path().join("control"));
        prepare(&disk);
        let mut child = Command::new(std::env::current_exe().expect("this program has a path"))
            .args(["--ignored", "--exact", ENTRY, "--nocapture"])
            .envs(disk.env())
            .env(ROLE, role)
            .env(SYNCHRONOUS, synchronous)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program starts once more");
        let stdout = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let (tell, lines) = channel();
        std::thread::spawn(move || {
            stdout
                .lines()
                .map_while(Result::ok)
                .try_for_each(|line| tell.send(line))
        });
        Self {
            root,
            disk,
            child,
            lines,
            heard: Vec::new(),
        }
    }

    /// Listens until the number of lines that begin so, over the whole life, is reached.
    fn hear(&mut self, beginning: &str, times: usize) {
        let deadline = Instant::now() + LIMIT;
        while self
            .heard
            .iter()
            .filter(|line| line.starts_with(beginning))
            .count()
            < times
        {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => self.heard.push(line),
                Err(RecvTimeoutError::Timeout) => panic!("no {times} × {beginning} in {LIMIT:?}"),
                Err(RecvTimeoutError::Disconnected) => {
                    panic!("ended before {times} × {beginning}: {:?}", self.heard)
                }
            }
        }
    }

    fn kill(&mut self) {
        self.child.kill().expect("it can be killed");
        self.ended();
    }

    fn ended(&mut self) -> ExitStatus {
        let status = self.child.wait().expect("it can be waited for");
        self.heard.extend(self.lines.iter());
        status
    }

    fn acked(&self) -> BTreeSet<i64> {
        self.heard
            .iter()
            .filter_map(|line| line.strip_prefix("acked ")?.parse().ok())
            .collect()
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Rows of a sound store below the folder.
fn rows_in(folder: &Path) -> BTreeSet<i64> {
    let store = Connection::open(folder.join(DATABASE)).expect("the store opens");
    let check: String = store
        .query_row("pragma integrity_check", [], |row| row.get(0))
        .expect("readable");
    assert_eq!(check, "ok");
    let mut query = store
        .prepare("select id, payload from rows")
        .expect("the table is there");
    let rows = query
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .expect("readable");
    rows.map(|row| {
        let (id, bytes): (i64, Vec<u8>) = row.expect("readable");
        assert_eq!(bytes, payload(id), "row {id}");
        id
    })
    .collect()
}

fn lost(acked: &BTreeSet<i64>, folder: &Path) -> Vec<i64> {
    let rows = rows_in(folder);
    acked
        .iter()
        .filter(|id| !rows.contains(id))
        .copied()
        .collect()
}

#[test]
fn a_power_cut_keeps_every_row_committed_with_full_sync() {
    for (commits, leak) in [(150, 0), (400, 300), (1_000, 0), (1_000, 300)] {
        let mut player = Player::start("rows", "full", |disk| disk.control.leak_permille(leak));
        player.hear("acked", commits);
        player.kill();
        let wal = std::fs::metadata(player.root.path().join("folder/rows.db-wal"))
            .expect("a WAL")
            .len();
        let acked = player.acked();
        assert!(
            commits < 1_000 || acked.len() as u64 * 4_096 > 2 * wal,
            "the WAL never started over: {wal} bytes"
        );
        assert_eq!(
            lost(&acked, &player.disk.mirror),
            [0; 0],
            "{commits} commits, leak {leak}"
        );
    }
}

#[test]
fn a_power_cut_loses_rows_committed_without_sync() {
    let lost_in_all: usize = (1..=5)
        .map(|round| {
            let mut player = Player::start("rows", "normal", |_| ());
            player.hear("acked", 300 * round);
            player.kill();
            lost(&player.acked(), &player.disk.mirror).len()
        })
        .sum();
    assert!(lost_in_all > 0, "five cuts lost nothing");
}

#[test]
fn a_full_disk_refuses_commits_serves_reads_and_recovers() {
    let ways: [fn(&Disk); 2] = [
        |disk| disk.control.full_after_written(500_000),
        |disk| disk.control.full_after_grown(300_000),
    ];
    for fill in ways {
        let mut player = Player::start("rows", "full", |_| ());
        player.hear("acked", 10);
        fill(&player.disk);
        player.hear("full", 3);
        assert!(player.disk.control.refused() > 0);
        let before = player.acked().len();
        player.disk.control.free_space();
        player.hear("acked", before + 50);
        player.kill();
        assert_eq!(
            lost(&player.acked(), &player.root.path().join("folder")),
            [0; 0]
        );
        assert_eq!(lost(&player.acked(), &player.disk.mirror), [0; 0]);
    }
}

#[test]
fn a_failed_sync_is_seen_by_the_store_and_costs_nothing_committed_before() {
    let mut player = Player::start("rows", "full", |_| ());
    player.hear("acked", 50);
    player.disk.control.fail_syncs(i64::MAX / 2);
    let status = player.ended();
    assert_eq!(status.code(), Some(3), "{:?}", player.heard);
    assert!(
        player.heard.iter().any(|line| line == IOERR_FSYNC),
        "{:?}",
        player.heard
    );
    assert!(player.disk.control.failed_syncs() > 0);
    assert_eq!(lost(&player.acked(), &player.disk.mirror), [0; 0]);
}

#[test]
fn a_failed_sync_forgets_the_bytes_and_the_next_one_does_not_bring_them() {
    let player = assert_plays("failed_sync", |disk| disk.control.fail_syncs(1));
    assert_eq!(player.disk.control.syncs_after_failure(), 1);
}

#[test]
fn names_become_durable_with_the_file_or_its_folder() {
    assert_plays("names", |_| ());
}

#[test]
fn bytes_and_lengths_become_durable_with_a_sync() {
    assert_plays("bytes", |_| ());
}

#[test]
fn threads_that_share_a_file_each_find_their_bytes_durable() {
    let player = assert_plays("threads", |_| ());
    assert!(player.disk.control.syncs() >= 800);
}

/// Runs a role that checks everything itself.
fn assert_plays(role: &str, prepare: impl Fn(&Disk)) -> Player {
    let mut player = Player::start(role, "full", prepare);
    let status = player.ended();
    assert!(
        status.success(),
        "{role}: {status}\n{}",
        player.heard.join("\n")
    );
    player
}
