//! The program itself: what an operator does.

use serde_json::Value;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use tokio::io::{AsyncBufReadExt, BufReader};

fn skvoz(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_skvoz"));
    command.args(arguments);
    command
}

fn run(arguments: &[&str], input: &str) -> Output {
    let mut command = skvoz(arguments);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A command that reads nothing may be gone already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

/// What a command prints, which must succeed.
#[track_caller]
fn ok(arguments: &[&str], input: &str) -> String {
    let output = run(arguments, input);
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// The complaint of a command, which must fail.
#[track_caller]
fn refused(arguments: &[&str], input: &str) -> String {
    let output = run(arguments, input);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}");
    String::from_utf8(output.stderr).unwrap()
}

fn init(data: &Path) -> Value {
    let arguments = [
        "init",
        "--workspace",
        "Sample",
        "--email",
        "Owner@Example.com",
        "--password-stdin",
    ];
    let place = [
        "--site",
        "shop.example.org",
        "--timezone",
        "Europe/Moscow",
        "--data",
        data.to_str().unwrap(),
    ];
    serde_json::from_str(&ok(
        &[&arguments[..], &place].concat(),
        "a sample password\n",
    ))
    .unwrap()
}

/// A served data directory; killed when it goes away.
struct Served {
    child: tokio::process::Child,
    base: String,
}

impl Served {
    async fn start(data: &Path) -> Served {
        let arguments = [
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--data",
            data.to_str().unwrap(),
        ];
        let mut command = tokio::process::Command::from(skvoz(&arguments));
        command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = lines
            .next_line()
            .await
            .unwrap()
            .expect("it says where it listens");
        let base = line.strip_prefix("listening on ").expect(&line).to_string();
        Served { child, base }
    }

    async fn sites(&self, key: &str) -> reqwest::Response {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        http.get(format!("{}/api/v1/sites", self.base))
            .bearer_auth(key)
            .send()
            .await
            .unwrap()
    }

    /// Asks it to stop and gives its exit code.
    async fn stop(mut self) -> Option<i32> {
        let id = rustix::process::Pid::from_raw(self.child.id().unwrap() as i32).unwrap();
        rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
        self.child.wait().await.unwrap().code()
    }
}

#[tokio::test]
async fn init_prints_what_a_program_needs_and_serve_takes_its_key_and_stops_when_told() {
    let dir = tempfile::tempdir().unwrap();
    let made = init(dir.path());
    let names: Vec<&String> = made.as_object().unwrap().keys().collect();
    assert_eq!(names, ["api_key", "site_id", "site_key", "workspace_id"]);
    let served = Served::start(dir.path()).await;
    assert!(served.base.starts_with("http://127.0.0.1:") && !served.base.ends_with(":0"));
    let answer = served.sites(made["api_key"].as_str().unwrap()).await;
    let sites: Value = answer.json().await.unwrap();
    assert_eq!(sites["items"][0]["id"], made["site_id"]);
    assert_eq!(sites["items"][0]["key"], made["site_key"]);
    let data = dir.path().to_str().unwrap();
    let second = refused(&["serve", "--listen", "127.0.0.1:0", "--data", data], "");
    assert!(second.contains("served by another process"), "{second}");
    assert_eq!(served.stop().await, Some(0));
}

#[tokio::test]
async fn a_fresh_directory_is_served_too() {
    let dir = tempfile::tempdir().unwrap();
    let served = Served::start(&dir.path().join("new")).await;
    assert_eq!(served.sites("none").await.status(), 401);
    assert_eq!(served.stop().await, Some(0));
}

#[tokio::test]
async fn a_backup_of_a_working_hub_is_restored_with_its_keys() {
    let dir = tempfile::tempdir().unwrap();
    let (old, new) = (dir.path().join("old"), dir.path().join("new"));
    let made = init(&old);
    let served = Served::start(&old).await;
    let text = |path: &Path| path.to_str().unwrap().to_string();
    let (old, new, file) = (text(&old), text(&new), text(&dir.path().join("backup.db")));
    let printed = ok(&["backup", "--data", &old, "--to", &file, "--with-key"], "");
    assert!(printed.contains("checked"), "{printed}");
    let again = refused(&["backup", "--data", &old, "--to", &file], "");
    assert!(again.contains("exists already"), "{again}");
    served.stop().await;
    ok(&["restore", "--data", &new, "--from", &file], "");
    let twice = refused(&["restore", "--data", &new, "--from", &file], "");
    assert!(twice.contains("there is a hub in"), "{twice}");
    let served = Served::start(Path::new(&new)).await;
    assert_eq!(
        served
            .sites(made["api_key"].as_str().unwrap())
            .await
            .status(),
        200
    );
    served.stop().await;
}

#[tokio::test]
async fn a_backup_without_its_key_is_not_served_and_says_what_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_string();
    init(&dir.path().join("old"));
    ok(
        &["backup", "--data", &path("old"), "--to", &path("b.db")],
        "",
    );
    let printed = ok(
        &["restore", "--data", &path("new"), "--from", &path("b.db")],
        "",
    );
    assert!(printed.contains("has no key"), "{printed}");
    let complaint = refused(
        &["serve", "--listen", "127.0.0.1:0", "--data", &path("new")],
        "",
    );
    assert!(complaint.contains("skvoz.key is missing"), "{complaint}");
    std::fs::copy(
        dir.path().join("old/skvoz.key"),
        dir.path().join("new/skvoz.key"),
    )
    .unwrap();
    Served::start(&dir.path().join("new")).await.stop().await;
}

#[test]
fn a_file_that_is_no_backup_becomes_no_hub() {
    let dir = tempfile::tempdir().unwrap();
    let (data, file) = (dir.path().join("new"), dir.path().join("b.db"));
    std::fs::write(&file, "certainly no database".repeat(1000)).unwrap();
    let (data, file) = (data.to_str().unwrap(), file.to_str().unwrap());
    refused(&["restore", "--data", data, "--from", file], "");
    refused(&["restore", "--data", data, "--from", "/nowhere/b.db"], "");
    let left: Vec<_> = std::fs::read_dir(data).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn users_are_added_listed_and_removed_but_not_the_last_owner() {
    let dir = tempfile::tempdir().unwrap();
    init(dir.path());
    let data = dir.path().to_str().unwrap();
    let user = |arguments: &[&str], input: &str| {
        let all = [&["user"], arguments, &["--data", data]].concat();
        ok(&all, input)
    };
    user(
        &[
            "add",
            "--email",
            "a@example.com",
            "--role",
            "viewer",
            "--password-stdin",
        ],
        "a sample password",
    );
    let listed = user(&["list"], "");
    assert_eq!(
        listed,
        "1\towner\towner@example.com\n1\tviewer\ta@example.com\n"
    );
    user(
        &["password", "--email", "A@example.com", "--password-stdin"],
        "another password",
    );
    user(&["remove", "--email", "a@example.com"], "");
    let last = refused(
        &[
            "user",
            "remove",
            "--email",
            "owner@example.com",
            "--data",
            data,
        ],
        "",
    );
    assert!(last.contains("last owner"), "{last}");
    let gone = refused(
        &["user", "remove", "--email", "a@example.com", "--data", data],
        "",
    );
    assert!(gone.contains("there is no user"), "{gone}");
}

#[test]
fn the_doctor_finds_a_whole_hub_whole_and_names_what_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().to_str().unwrap();
    let nothing = run(&["doctor", "--data", data], "");
    assert_eq!(nothing.status.code(), Some(1));
    init(dir.path());
    assert!(!ok(&["doctor", "--data", data], "").contains("PROBLEM"));
    std::fs::write(dir.path().join("skvoz.toml"), "[server]\nlissten = \"x\"\n").unwrap();
    std::fs::remove_file(dir.path().join("skvoz.key")).unwrap();
    let sick = run(&["doctor", "--data", data], "");
    let told = String::from_utf8(sick.stdout).unwrap();
    assert_eq!(sick.status.code(), Some(1));
    assert!(
        told.contains("`lissten`") && told.contains("skvoz.key is missing"),
        "{told}"
    );
}

#[test]
fn settings_in_force_are_printed_and_wrong_ones_refused() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().to_str().unwrap();
    let check = |name: &str, value: &str| {
        skvoz(&["check-config", "--data", data])
            .env(name, value)
            .output()
            .unwrap()
    };
    let right = check("SKVOZ_OUTBOUND_ALLOW", "127.0.0.0/8");
    assert!(
        String::from_utf8(right.stdout)
            .unwrap()
            .contains("allow = [\"127.0.0.0/8\"]")
    );
    let wrong = check("SKVOZ_OUTBOUND_ALOW", "127.0.0.0/8");
    assert_eq!(wrong.status.code(), Some(1));
    assert!(String::from_utf8(wrong.stderr).unwrap().contains("`allow`"));
}

#[test]
fn commands_for_a_hub_say_when_there_is_none_and_replay_asks_which() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().to_str().unwrap();
    let none = refused(&["replay", "--all", "--data", data], "");
    assert!(none.contains("skvoz init"), "{none}");
    init(dir.path());
    assert!(refused(&["replay", "--data", data], "").contains("--state"));
    assert!(
        ok(&["replay", "--state", "set_aside", "--data", data], "").starts_with("0 raw events")
    );
    let usage = run(&["replay", "--state", "lost", "--data", data], "");
    assert_eq!(usage.status.code(), Some(2));
}
