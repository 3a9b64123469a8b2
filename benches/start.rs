//! How much memory the program takes when nothing happens, and how soon it answers after its start
//! on a store with much in it.
//!
//! `--keep DIR` takes the large store that the pipeline's bench kept there, or makes it; `--stored N`
//! communications, `--full` for a store of 5 GB and more.

mod common;

use anyhow::{Context, ensure};
use common::grown::Grown;
use common::{argument, has_flag, median, number, process};
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Communications that make a store of 5 GB.
const FULL: u64 = 1_000_000;
const IDLE: Duration = Duration::from_secs(10);
const STARTS: usize = 5;

#[tokio::main(worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    let size = number("--stored", if has_flag("--full") { FULL } else { 20_000 });
    let temporary = tempfile::tempdir()?;
    let folder = argument("--keep").map_or(temporary.path().to_owned(), PathBuf::from);
    let folder = folder.join("large");
    drop(Grown::open(&folder, size).await?);
    let mut starts = Vec::new();
    for _ in 0..STARTS {
        let (hub, wait) = Hub::start(&folder)?;
        starts.push(wait.as_secs_f64());
        hub.stop()?;
    }
    let bytes = std::fs::metadata(folder.join(skvoz::store::sqlite::FILE))?.len();
    println!(
        "start: answers after {:.2} s on a store of {:.1} GB (promise: at most 1 s on 5 GB)",
        median(starts),
        bytes as f64 / 1e9,
    );
    let (hub, _) = Hub::start(&folder)?;
    tokio::time::sleep(IDLE).await;
    let memory = process::resident_mib(hub.child.id());
    hub.stop()?;
    println!("start: {memory:.0} MB of memory after {IDLE:?} of nothing (promise: at most 60)");
    Ok(())
}

/// A running `skvoz serve`.
struct Hub {
    child: Child,
}

impl Hub {
    /// Starts it; returns also how long it took until it answered.
    fn start(data: &Path) -> anyhow::Result<(Hub, Duration)> {
        let start = Instant::now();
        let mut child = Command::new(env!("CARGO_BIN_EXE_skvoz"))
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let output = child.stdout.take().context("its output is a pipe")?;
        let hub = Hub { child };
        let address = BufReader::new(output)
            .lines()
            .map_while(Result::ok)
            .find_map(|line| Some(line.rsplit_once("listening on http://")?.1.to_owned()))
            .context("the hub did not start")?;
        ask(&address)?;
        Ok((hub, start.elapsed()))
    }

    fn stop(mut self) -> anyhow::Result<()> {
        let id = Pid::from_child(&self.child);
        kill_process(id, Signal::TERM)?;
        let status = self.child.wait()?;
        ensure!(status.success(), "the hub ended with {status}");
        Ok(())
    }
}

fn ask(address: &str) -> anyhow::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    ensure!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    Ok(())
}
