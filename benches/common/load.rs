//! A client that keeps 64 connections busy, in a process of its own: the bench runs itself again
//! with `--load`, so that the server's processor time is the server's alone.

use anyhow::{Context, bail, ensure};
use futures_util::future::try_join_all;
use serde::{Deserialize, Serialize};
use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const CONNECTIONS: u64 = 64;

/// What is asked, and for how long.
#[derive(Clone, Serialize, Deserialize)]
pub struct Load {
    pub address: SocketAddr,
    pub path: String,
    pub content_type: String,
    pub seconds: f64,
    /// Number of the first request; each has its own.
    pub first: u64,
    pub body: BodyKind,
}

/// What a request holds.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub enum BodyKind {
    /// A chat event of 600 bytes.
    Webhook,
    /// A page view; four make a visit.
    Hit,
}

/// What came of it.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub struct Report {
    pub requests: u64,
    pub seconds: f64,
    /// Milliseconds.
    pub p50: f64,
    pub p99: f64,
}

impl Report {
    pub fn speed(&self) -> f64 {
        self.requests as f64 / self.seconds
    }
}

/// Runs the load in a process of its own.
pub async fn run(load: &Load) -> anyhow::Result<Report> {
    let output = tokio::process::Command::new(std::env::current_exe()?)
        .arg("--load")
        .arg(serde_json::to_string(load)?)
        .stderr(std::process::Stdio::inherit())
        .output()
        .await?;
    ensure!(output.status.success(), "the load client failed");
    serde_json::from_slice(&output.stdout).context("the load client's report")
}

/// What the process does when it was started by `run`: makes the load and prints the report.
pub fn main(load: &str) -> anyhow::Result<()> {
    let load: Load = serde_json::from_str(load)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let report = runtime.block_on(make(&load))?;
    println!("{}", serde_json::to_string(&report)?);
    Ok(())
}

async fn make(load: &Load) -> anyhow::Result<Report> {
    let next = Rc::new(Cell::new(load.first));
    let start = Instant::now();
    let end = start + Duration::from_secs_f64(load.seconds);
    let connections = (0..CONNECTIONS).map(|_| keep_busy(load, next.clone(), end));
    let mut waits: Vec<f64> = try_join_all(connections).await?.concat();
    let seconds = start.elapsed().as_secs_f64();
    waits.sort_by(f64::total_cmp);
    let at = |share: f64| waits[((waits.len() - 1) as f64 * share) as usize] * 1e3;
    Ok(Report {
        requests: waits.len() as u64,
        seconds,
        p50: at(0.50),
        p99: at(0.99),
    })
}

/// Sends request after request; returns how long each took, in seconds.
async fn keep_busy(load: &Load, next: Rc<Cell<u64>>, end: Instant) -> anyhow::Result<Vec<f64>> {
    let mut stream = TcpStream::connect(load.address).await?;
    stream.set_nodelay(true)?;
    let mut waits = Vec::new();
    let mut answer = Vec::new();
    while Instant::now() < end {
        let number = next.replace(next.get() + 1);
        let request = request(load, number);
        let sent = Instant::now();
        stream.write_all(request.as_bytes()).await?;
        read_answer(&mut stream, &mut answer).await?;
        waits.push(sent.elapsed().as_secs_f64());
    }
    Ok(waits)
}

fn request(load: &Load, number: u64) -> String {
    let body = match load.body {
        BodyKind::Webhook => webhook(number),
        BodyKind::Hit => hit(number),
    };
    format!(
        "POST {} HTTP/1.1\r\nhost: hub.example.org\r\ncontent-type: {}\r\n\
         user-agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
         Chrome/137.0.0.0 Safari/537.36\r\ncontent-length: {}\r\n\r\n{body}",
        load.path,
        load.content_type,
        body.len(),
    )
}

/// 600 bytes whatever the number.
fn webhook(number: u64) -> String {
    let head = format!(
        r#"{{"event_name":"chat_accepted","widget_id":"73015","chat_id":{number:012},"visitor":{{"name":"Irina","number":"4410"}},"page":{{"url":"https://shop.example.org/sofas","title":""#
    );
    let tail = r#""}}"#;
    let filling = 600 - head.len() - tail.len();
    format!("{head}{}{tail}", "x".repeat(filling))
}

fn hit(number: u64) -> String {
    let visit = number / 4;
    format!(
        r#"{{"m":"B{number:012}","k":"bench","t":"pv","c":"c{visit:026}","v":"v{visit:026}","n":1,"u":"https://shop.example.org/sofas?utm_source=yandex&utm_medium=cpc&utm_campaign=campaign-{}&page={}","r":"https://yandex.ru/","ti":"Sofas","w":1280,"tz":-180,"l":"ru","q":{}}}"#,
        visit % 20,
        number % 4,
        number % 4 + 1,
    )
}

/// Reads a whole answer, which must be a success.
async fn read_answer(stream: &mut TcpStream, answer: &mut Vec<u8>) -> anyhow::Result<()> {
    answer.clear();
    loop {
        if stream.read_buf(answer).await? == 0 {
            bail!("the server closed the connection");
        }
        let Some(head) = answer.windows(4).position(|four| four == b"\r\n\r\n") else {
            continue;
        };
        let head_text = std::str::from_utf8(&answer[..head])?;
        ensure!(head_text.starts_with("HTTP/1.1 2"), "{head_text}");
        let length = head_text
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            .map_or(Ok(0), |(_, length)| length.trim().parse::<usize>())?;
        if answer.len() >= head + 4 + length {
            return Ok(());
        }
    }
}
