//! The malformed corpus goes through the real doors: no panic, no 5xx, every taken body kept.

use std::collections::{BTreeMap, HashSet};
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::{StreamExt, stream};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::api::{Addresses, Api};
use crate::corpus::{self, PROVIDERS, Request};
use crate::hub::{Hub, Install};
use crate::ledger::{Burst, Ledger};
use crate::settings;

const CONNECTIONS: usize = 16;
const MIB: usize = 1 << 20;
const MAX_BODY: usize = MIB;
const MAX_UNPACKED: usize = 8 * MIB;
/// The variants of a fixture are events of one conversation: hundreds, folded anew with each claim.
const SETTLE_LIMIT: Duration = Duration::from_secs(120);

/// A hub with an active integration of every provider.
struct Doors {
    install: Install,
    hub: Hub,
    integrations: BTreeMap<&'static str, (i64, Addresses)>,
}

impl Doors {
    async fn open() -> Self {
        let install = Install::init().await;
        let hub = install.serve(&[]).await;
        let mut integrations = BTreeMap::new();
        for provider in PROVIDERS {
            let mut settings = json!({"offline_leads": true});
            if provider == "carrotquest" {
                settings["api_key"] = json!("sample-key");
                settings["api_base"] = json!("https://api.carrotquest.example");
            }
            let made = hub
                .api
                .integration(provider, install.printed.site_id, settings)
                .await;
            integrations.insert(provider, made);
        }
        Self {
            install,
            hub,
            integrations,
        }
    }

    fn path(&self, provider: &str, door: &str) -> String {
        let (_, addresses) = &self.integrations[provider];
        match (door, addresses.get(door)) {
            ("", _) => addresses["chats"].clone(),
            (_, Some(address)) => address.clone(),
            (door, None) => format!("{}/{door}", addresses["chats"]),
        }
    }

    /// The second stage takes everything but what waits for Carrot quest, who does not answer here.
    async fn assert_settles(&self) {
        let (carrotquest, _) = self.integrations["carrotquest"];
        let counts = |event: &Value| event["integration_id"] != carrotquest;
        assert_eq!(
            self.hub.api.settle(SETTLE_LIMIT, counts).await,
            0,
            "raw events left pending"
        );
    }

    /// A good message after all that still becomes a communication.
    async fn assert_works(&mut self) {
        let ledger = Ledger::default();
        ledger
            .load(
                &self.hub.api,
                &self.path("jivosite", ""),
                &Burst::new(2, 10),
            )
            .await;
        self.assert_settles().await;
        let missing = ledger.missing(&self.hub.api).await;
        assert!(
            missing.is_empty(),
            "good messages without communications: {missing:?}"
        );
        self.hub.assert_well();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn malformed_bodies_are_kept_and_hurt_nobody() {
    let mut random = StdRng::seed_from_u64(settings::seed());
    let fixtures = corpus::fixtures(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/providers"));
    for provider in PROVIDERS {
        assert!(
            fixtures.iter().any(|f| f.provider == provider),
            "no fixtures of {provider}"
        );
    }
    let mut requests: Vec<Request> = fixtures.iter().flat_map(corpus::spoiled).collect();
    requests.extend(corpus::broken());
    let whole = requests.len();
    requests.shuffle(&mut random);
    if settings::corpus_size() > 0 {
        requests.truncate(settings::corpus_size());
    }
    eprintln!(
        "{} of {whole} malformed requests from {} fixtures",
        requests.len(),
        fixtures.len()
    );

    let mut doors = Doors::open().await;
    let failures = send_all(&doors, &requests).await;
    assert!(
        failures.is_empty(),
        "{} failures, among them:\n{}\n{}",
        failures.len(),
        failures[..failures.len().min(20)].join("\n"),
        doors.hub.log()
    );
    doors.assert_settles().await;
    assert_kept(
        &doors.hub.api,
        requests.iter().map(|r| (r.label.as_str(), &r.body)),
    )
    .await;
    doors.assert_works().await;
}

/// Requests that were answered with anything but 200, or not at all.
async fn send_all(doors: &Doors, requests: &[Request]) -> Vec<String> {
    let answers = stream::iter(requests).map(|request| async move {
        let mut path = doors.path(&request.provider, &request.door);
        if !request.query.is_empty() {
            path = format!("{path}?{}", request.query);
        }
        let method = Method::from_bytes(request.method.as_bytes()).expect("a method");
        match doors
            .hub
            .api
            .send(method, &path, &request.headers, request.body.clone())
            .await
        {
            Ok(answer) if answer.status == 200 => None,
            Ok(answer) => Some(format!(
                "{}: {} {}",
                request.label,
                answer.status,
                String::from_utf8_lossy(&answer.body)
            )),
            Err(error) => Some(format!("{}: {error:?}", request.label)),
        }
    });
    answers
        .buffer_unordered(CONNECTIONS)
        .filter_map(|failure| async { failure })
        .collect()
        .await
}

/// Every body is found among the raw events, byte for byte, but those of a custom bot: they hold a
/// credential, of which nothing is kept (talk-me.md 2).
async fn assert_kept(api: &Api, sent: impl Iterator<Item = (&str, &Vec<u8>)>) {
    let kept = kept_bodies(api).await;
    let lost: Vec<&str> = sent
        .filter(|(label, _)| !label.contains("/custom_bot"))
        .filter(|(_, body)| !kept.contains(*body))
        .map(|(label, _)| label)
        .collect();
    assert!(
        lost.is_empty(),
        "{} bodies not kept, among them:\n{}",
        lost.len(),
        lost[..lost.len().min(20)].join("\n")
    );
}

async fn kept_bodies(api: &Api) -> HashSet<Vec<u8>> {
    let events = api.list("/api/v1/raw-events").await;
    let bodies = stream::iter(events).map(|event| async move { api.raw_body(&event["id"]).await });
    bodies.buffer_unordered(CONNECTIONS).collect().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_at_the_limits_are_kept_and_above_them_refused_and_recorded() {
    let mut doors = Doors::open().await;
    let path = doors.path("jivosite", "");
    let gzip = [("content-encoding".to_owned(), "gzip".to_owned())];
    let text =
        |size: usize, fill: u8| [b"{\"filling\":\"", &vec![fill; size - 14][..], b"\"}"].concat();

    let taken = [
        ("a whole MiB", text(MAX_BODY, b'a'), None),
        (
            "8 MiB unpacked",
            packed(&text(MAX_UNPACKED, b'b')),
            Some(text(MAX_UNPACKED, b'b')),
        ),
        ("an empty gzip", packed(b""), Some(Vec::new())),
        (
            "two gzip members",
            [packed(b"{\"a\":"), packed(b"1}")].concat(),
            Some(b"{\"a\":1}".to_vec()),
        ),
    ];
    for (label, body, unpacked) in taken {
        let headers = if unpacked.is_some() { &gzip[..] } else { &[] };
        let answer = doors
            .hub
            .api
            .send(Method::POST, &path, headers, body.clone())
            .await
            .expect("an answer");
        assert_eq!(
            answer.status,
            200,
            "{label}: {}",
            String::from_utf8_lossy(&answer.body)
        );
        assert_kept(
            &doors.hub.api,
            [(label, &unpacked.unwrap_or(body))].into_iter(),
        )
        .await;
    }

    let refused = [
        ("a byte more than a MiB", text(MAX_BODY + 1, b'a'), &[][..]),
        ("3 MiB", text(3 * MIB, b'a'), &[][..]),
        (
            "a byte more than 8 MiB unpacked",
            packed(&text(MAX_UNPACKED + 1, b'b')),
            &gzip[..],
        ),
        ("a bomb of 256 MiB", packed(&vec![0; 256 * MIB]), &gzip[..]),
    ];
    for (label, body, headers) in &refused {
        let before = too_large(&doors.hub.api).await;
        match doors
            .hub
            .api
            .send(Method::POST, &path, headers, body.clone())
            .await
        {
            Ok(answer) => assert_eq!(answer.status, 413, "{label}"),
            // The hub may answer and hang up before it has read all of it.
            Err(error) => assert!(body.len() > 2 * MAX_BODY, "{label}: {error}"),
        }
        assert_eq!(
            too_large(&doors.hub.api).await,
            before + 1,
            "{label} is not recorded"
        );
    }

    let whole = packed(&text(10_000, b'c'));
    let broken = [
        whole[..whole.len() / 2].to_vec(),
        whole[..5].to_vec(),
        b"{\"not\":\"gzip\"}".to_vec(),
        [&whole[..], b"leftover"].concat(),
        packed(&whole),
    ];
    for body in broken {
        for coding in ["gzip", "deflate", "br", "gzip, gzip", "unheard-of"] {
            let headers = [("content-encoding".to_owned(), coding.to_owned())];
            let answer = doors
                .hub
                .api
                .send(Method::POST, &path, &headers, body.clone())
                .await
                .expect("an answer");
            assert!(answer.status.as_u16() < 500, "{coding}: {}", answer.status);
            if answer.status.is_success() && coding != "gzip" && coding != "gzip, gzip" {
                assert_kept(&doors.hub.api, [(coding, &body)].into_iter()).await;
            }
        }
    }
    doors.assert_works().await;
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder
        .write_all(bytes)
        .and_then(|()| encoder.finish())
        .expect("memory does not fail")
}

/// Requests recorded as refused for their size.
async fn too_large(api: &Api) -> usize {
    let events = api.list("/api/v1/raw-events?state=set_aside").await;
    events
        .iter()
        .filter(|event| event.to_string().contains("\"too_large\""))
        .count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn broken_connections_and_tracker_messages_hurt_nobody() {
    let mut doors = Doors::open().await;
    let path = doors.path("leadback", "");
    let head =
        |rest: &str| format!("POST {path} HTTP/1.1\r\nHost: hub.example.org\r\n{rest}\r\n\r\n");
    let cut_short = [
        head("Content-Length: 1000") + "phone=",
        head("Transfer-Encoding: chunked") + "5\r\nphone",
        head("Transfer-Encoding: chunked") + "zz\r\nphone\r\n0\r\n\r\n",
        head("Content-Length: 5\r\nContent-Length: 6") + "phone",
        head("Content-Length: -1") + "phone",
        head("Content-Length: 99999999999999999999") + "phone",
        "POST ".to_owned(),
        "\u{0}\u{1}\u{2}\r\n\r\n".to_owned(),
    ];
    for request in cut_short {
        let answer = raw(&doors.hub.api.base, request.as_bytes()).await;
        let status = answer.split(' ').nth(1).unwrap_or_default();
        assert!(
            !status.starts_with('5') && !status.starts_with('2'),
            "{request:?}: {answer}"
        );
    }
    let hits = format!("/t/{}", doors.install.printed.site_key);
    for (label, body) in corpus::broken_bodies() {
        let headers = [("content-type".to_owned(), "text/plain".to_owned())];
        let answer = doors
            .hub
            .api
            .send(Method::POST, &hits, &headers, body)
            .await;
        let status = answer.unwrap_or_else(|e| panic!("hit {label}: {e}")).status;
        assert!(status.as_u16() < 500, "hit {label}: {status}");
    }
    doors.assert_works().await;
}

/// Sends bytes, ends the sending side and reads the answer.
async fn raw(base: &str, bytes: &[u8]) -> String {
    let address = base.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.expect("the hub listens");
    stream.write_all(bytes).await.expect("the hub reads");
    stream.shutdown().await.expect("the sending side ends");
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(40), stream.read_to_end(&mut answer)).await;
    assert!(
        read.is_ok(),
        "the hub keeps a connection whose sender is gone"
    );
    String::from_utf8_lossy(&answer).into_owned()
}
