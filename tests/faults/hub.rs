//! A hub as a process: a fresh data folder, a start, a kill, its log. Never outlives its owner.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde::Deserialize;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};

use crate::api::Api;
use crate::settings;

const START_LIMIT: Duration = Duration::from_secs(30);

/// A data folder with an owner, a site and an API key, inside a folder that goes away with it.
pub struct Install {
    root: TempDir,
    pub data: PathBuf,
    pub printed: Printed,
}

/// What `skvoz init` prints.
#[derive(Debug, Clone, Deserialize)]
pub struct Printed {
    pub site_id: i64,
    pub site_key: String,
    pub api_key: String,
}

impl Install {
    pub async fn init() -> Self {
        let root = temp_dir();
        let data = root.path().join("data");
        let mut child = command()
            .arg("init")
            .arg("--data")
            .arg(&data)
            .args([
                "--workspace",
                "Faults",
                "--email",
                "owner@example.org",
                "--password-stdin",
            ])
            .args(["--site", "shop.example.org", "--timezone", "Europe/Moscow"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("skvoz init starts");
        let mut stdin = child.stdin.take().expect("stdin is piped");
        stdin
            .write_all(b"a long sample password\n")
            .await
            .expect("init reads the password");
        drop(stdin);
        let output = child.wait_with_output().await.expect("init ends");
        let stdout = String::from_utf8_lossy(&output.stdout);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "skvoz init: {}\n{stdout}\n{stderr}",
            output.status
        );
        let line = stdout
            .lines()
            .find(|line| line.starts_with('{'))
            .unwrap_or_default();
        let printed = serde_json::from_str(line).unwrap_or_else(|e| {
            panic!("skvoz init printed no JSON object: {e}\n{stdout}\n{stderr}")
        });
        Self {
            root,
            data,
            printed,
        }
    }

    /// A new place inside the install's own folder.
    pub fn place(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// Starts a hub on the data folder and waits until it listens.
    pub async fn serve(&self, env: &[(&str, String)]) -> Hub {
        Hub::start(&self.data, &self.printed, env).await
    }

    /// Starts a hub and does not wait: for kills in the middle of a start.
    pub fn spawn(&self) -> Hub {
        Hub::spawn(&self.data, &self.printed, &[])
    }
}

/// A running hub. Killed by its id when dropped.
pub struct Hub {
    child: Child,
    stdout: PathBuf,
    stderr: PathBuf,
    pub api: Api,
}

impl Hub {
    fn spawn(data: &Path, printed: &Printed, env: &[(&str, String)]) -> Self {
        let logs = data.parent().expect("data lies in a folder").join("logs");
        std::fs::create_dir_all(&logs).expect("a folder for logs");
        let run = std::fs::read_dir(&logs).expect("logs are readable").count();
        let (stdout, stderr) = (
            logs.join(format!("{run:05}.out")),
            logs.join(format!("{run:05}.err")),
        );
        let file = |path: &Path| Stdio::from(std::fs::File::create(path).expect("a log file"));
        let child = command()
            .arg("serve")
            .arg("--data")
            .arg(data)
            .args(["--listen", "127.0.0.1:0"])
            .envs(env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(file(&stdout))
            .stderr(file(&stderr))
            .spawn()
            .expect("skvoz serve starts");
        Self {
            child,
            stdout,
            stderr,
            api: Api::new(String::new(), &printed.api_key),
        }
    }

    async fn start(data: &Path, printed: &Printed, env: &[(&str, String)]) -> Self {
        let mut hub = Self::spawn(data, printed, env);
        let deadline = Instant::now() + START_LIMIT;
        loop {
            let printed = std::fs::read_to_string(&hub.stdout).unwrap_or_default();
            if let Some(base) = printed.lines().find_map(address) {
                hub.api.base = base;
                return hub;
            }
            if let Some(status) = hub.child.try_wait().expect("the hub can be asked") {
                panic!("the hub stopped at start: {status}\n{}", hub.log());
            }
            assert!(
                Instant::now() < deadline,
                "the hub does not listen after 30 s\n{}",
                hub.log()
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// kill -9.
    pub async fn kill(mut self) {
        self.child.kill().await.expect("the hub can be killed");
    }

    /// Waits until the hub stops by itself.
    pub async fn stopped(&mut self, limit: Duration) -> ExitStatus {
        match tokio::time::timeout(limit, self.child.wait()).await {
            Ok(status) => status.expect("the hub can be waited for"),
            Err(_) => panic!("the hub still runs after {limit:?}\n{}", self.log()),
        }
    }

    /// Fails when the hub has stopped or has panicked anywhere in its log.
    pub fn assert_well(&mut self) {
        let ended = self.child.try_wait().expect("the hub can be asked");
        assert!(
            ended.is_none(),
            "the hub stopped: {ended:?}\n{}",
            self.log()
        );
        let log = self.log();
        assert!(!log.contains("panicked"), "the hub panicked:\n{log}");
    }

    /// The end of what the hub wrote.
    pub fn log(&self) -> String {
        let read = |path: &Path| {
            String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned()
        };
        let whole = read(&self.stdout) + &read(&self.stderr);
        let panics: Vec<&str> = whole
            .lines()
            .filter(|line| line.contains("panicked"))
            .take(20)
            .collect();
        let tail: Vec<&str> = whole.lines().rev().take(40).collect();
        let tail: Vec<&str> = tail.into_iter().rev().collect();
        format!("{}\n…\n{}", panics.join("\n"), tail.join("\n"))
    }
}

fn address(line: &str) -> Option<String> {
    let (_, rest) = line.split_once("listening on ")?;
    Some(
        rest.split_whitespace()
            .next()?
            .trim_end_matches('/')
            .to_owned(),
    )
}

/// The binary without the settings of whoever runs the tests.
fn command() -> Command {
    let mut command = Command::new(settings::binary());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("SKVOZ_") {
            command.env_remove(name);
        }
    }
    command.kill_on_drop(true);
    command
}

/// A folder for one story on the disk of the build; kept when `SKVOZ_FAULT_KEEP` is set.
pub fn temp_dir() -> TempDir {
    let mut dir = tempfile::Builder::new()
        .prefix("faults-")
        .tempdir_in(env!("CARGO_TARGET_TMPDIR"))
        .expect("a temporary folder");
    if std::env::var_os("SKVOZ_FAULT_KEEP").is_some() {
        dir.disable_cleanup(true);
        eprintln!("kept: {}", dir.path().display());
    }
    dir
}
