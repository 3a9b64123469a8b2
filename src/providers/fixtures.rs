//! Whole requests as text files, beside each provider, and what becomes of them.
//!
//! `fixtures/<case>.http` is a request line, headers, an empty line and the body; what `normalize`
//! makes of it lies beside it as `<case>.snap`. The path of the request tells the address:
//! `/in/{provider}/{token}`, the same with `/leads` or `/{channel}`, or with `/fetched` for the
//! answer to a question of ours. Three headers are for the test and not a part of the request:
//! `Skvoz-Settings` (the integration's settings, JSON), `Skvoz-Received-At` (RFC 3339) and
//! `Skvoz-Line-Ends: crlf` (for multipart bodies).

use super::{ALL, Language, Provider};
use crate::model::{
    Address, Channel, IntegrationId, IntegrationSettings, Normalized, RawEvent, RawEventId,
    Timestamp, WorkspaceId,
};
use serde_json::{Value, json};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// One fixture: the request and the settings of the integration it came to.
pub struct Fixture {
    pub raw: RawEvent,
    pub settings: IntegrationSettings,
}

impl Fixture {
    /// Reads a request from the text of a fixture file.
    pub fn parse(text: &str) -> Fixture {
        let (head, body) = text.split_once("\n\n").unwrap_or((text.trim_end(), ""));
        let mut lines = head.lines();
        let request_line = lines.next().expect("a fixture has a request line");
        let mut words = request_line.split(' ');
        let method = words.next().expect("a request line has a method");
        let target = words.next().expect("a request line has an address");
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let (provider, address) = address(path);
        let mut headers: Vec<(String, String)> = lines
            .map(|line| line.split_once(':').expect("a header has a colon"))
            .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
            .collect();
        let settings = take(&mut headers, "skvoz-settings").unwrap_or("{}".into());
        let received_at = take(&mut headers, "skvoz-received-at");
        let crlf = take(&mut headers, "skvoz-line-ends").as_deref() == Some("crlf");
        let body = body.strip_suffix('\n').unwrap_or(body);
        Fixture {
            raw: RawEvent {
                id: RawEventId(1),
                workspace: WorkspaceId(1),
                integration: IntegrationId(1),
                provider,
                address,
                method: method.to_owned(),
                query: query.to_owned(),
                headers,
                body: if crlf {
                    body.replace('\n', "\r\n").into_bytes()
                } else {
                    body.as_bytes().to_vec()
                },
                received_at: received_at
                    .unwrap_or("2026-05-01T09:00:00Z".into())
                    .parse::<Timestamp>()
                    .expect("a time of receipt is RFC 3339"),
            },
            settings: serde_json::from_str(&settings).expect("settings are JSON"),
        }
    }

    fn read(path: &Path) -> Fixture {
        Fixture::parse(&std::fs::read_to_string(path).expect("a fixture is readable text"))
    }
}

/// Provider and door of `/in/{provider}/{token}[/{door}]`.
fn address(path: &str) -> (String, Address) {
    let mut steps = path.split('/').filter(|step| !step.is_empty()).skip(1);
    let provider = steps.next().expect("the path names the provider");
    let address = match steps.nth(1) {
        None => Address::Chats,
        Some("leads") => Address::Leads,
        Some("fetched") => Address::Fetched,
        Some(channel) => Address::Channel(Channel::new(channel).expect("a channel has a name")),
    };
    (provider.to_owned(), address)
}

fn take(headers: &mut Vec<(String, String)>, name: &str) -> Option<String> {
    let place = headers.iter().position(|(key, _)| key == name)?;
    Some(headers.remove(place).1)
}

fn folder(provider: &dyn Provider) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("src/providers")
        .join(provider.slug())
        .join("fixtures")
}

/// Files of a provider's fixture folder with this ending, sorted.
fn files(provider: &dyn Provider, ending: &str) -> Vec<PathBuf> {
    let Ok(folder) = std::fs::read_dir(folder(provider)) else {
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = folder
        .map(|entry| entry.expect("the folder is readable").path())
        .filter(|path| path.extension().is_some_and(|found| found == ending))
        .collect();
    files.sort();
    files
}

/// What `normalize` says, as pretty JSON without the empty fields.
fn outcome(provider: &dyn Provider, fixture: &Fixture) -> String {
    let mut shown = match provider.normalize(&fixture.raw, &fixture.settings) {
        Ok(normalized) => json!({
            "events": normalized.events,
            "fetches": normalized.fetches,
            "warnings": normalized.warnings,
        }),
        Err(refused) => json!({"set_aside": refused.reason, "detail": refused.detail}),
    };
    if let Some(kept) = provider.redact(&fixture.raw.body) {
        shown["redacted"] = String::from_utf8_lossy(&kept).into();
    }
    prune(&mut shown);
    serde_json::to_string_pretty(&shown).expect("values of ours are JSON")
}

fn prune(value: &mut Value) {
    let is_empty = |value: &Value| match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    };
    match value {
        Value::Array(items) => items.iter_mut().for_each(prune),
        Value::Object(members) => {
            members.values_mut().for_each(prune);
            members.retain(|_, member| !is_empty(member));
        }
        _ => {}
    }
}

/// Every value a field must survive, whatever it should be.
fn wrong_values() -> [Value; 9] {
    [
        Value::Null,
        json!(true),
        json!(-1),
        json!(1e308),
        json!(u64::MAX),
        json!(""),
        json!("\u{0}<b>'\u{202e}"),
        json!([[null]]),
        json!({"": {}}),
    ]
}

/// The document with one of its values replaced, for each of its values.
fn with_each_value_replaced(document: &Value, by: &Value) -> Vec<Value> {
    let mut results = vec![by.clone()];
    match document {
        Value::Array(items) => {
            for (place, item) in items.iter().enumerate() {
                for changed in with_each_value_replaced(item, by) {
                    let mut copy = items.clone();
                    copy[place] = changed;
                    results.push(copy.into());
                }
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                for changed in with_each_value_replaced(member, by) {
                    let mut copy = members.clone();
                    copy.insert(name.clone(), changed);
                    results.push(copy.into());
                }
            }
        }
        _ => {}
    }
    results
}

#[test]
fn fixtures_are_understood_as_their_snapshots_say() {
    let mut failed = Vec::new();
    for provider in ALL {
        for path in files(*provider, "http") {
            let case = path
                .file_stem()
                .expect("a file has a name")
                .to_string_lossy();
            let mut settings = insta::Settings::clone_current();
            settings.set_snapshot_path(folder(*provider));
            settings.set_prepend_module_to_snapshot(false);
            settings.set_omit_expression(true);
            let fixture = Fixture::read(&path);
            let shown = outcome(*provider, &fixture);
            let check = || settings.bind(|| insta::assert_snapshot!(case.as_ref(), shown));
            if catch_unwind(AssertUnwindSafe(check)).is_err() {
                failed.push(format!("{}/{case}", provider.slug()));
            }
        }
    }
    assert!(failed.is_empty(), "these fixtures changed: {failed:?}");
}

#[test]
fn every_provider_has_fixtures_and_a_guide_in_both_languages() {
    let mut missing = Vec::new();
    for provider in ALL {
        let slug = provider.slug();
        if files(*provider, "http").is_empty() {
            missing.push(format!("{slug} has no fixtures"));
        }
        let russian = provider.setup_guide(Language::Russian);
        let english = provider.setup_guide(Language::English);
        for (guide, name) in [(russian, "setup.md"), (english, "setup.en.md")] {
            if !guide.starts_with("# ") || guide.lines().count() < 5 {
                missing.push(format!("{slug} has no guide in {name}"));
            }
        }
        if russian == english {
            missing.push(format!("{slug} has one guide for two languages"));
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn every_snapshot_has_its_request() {
    for provider in ALL {
        for snapshot in files(*provider, "snap") {
            let request = snapshot.with_extension("http");
            assert!(request.exists(), "{} has no request", snapshot.display());
        }
    }
}

#[test]
fn no_fixture_with_a_wrong_value_or_cut_short_brings_a_provider_down() {
    for provider in ALL {
        for path in files(*provider, "http") {
            let Fixture { mut raw, settings } = Fixture::read(&path);
            let whole = raw.body.clone();
            if let Ok(document) = serde_json::from_slice::<Value>(&whole) {
                for wrong in wrong_values() {
                    for changed in with_each_value_replaced(&document, &wrong) {
                        raw.body = changed.to_string().into_bytes();
                        let _ = provider.normalize(&raw, &settings);
                        let _ = provider.redact(&raw.body);
                    }
                }
            }
            for length in (0..whole.len()).step_by(7) {
                raw.body = whole[..length].to_vec();
                let _ = provider.normalize(&raw, &settings);
                let _ = provider.redact(&raw.body);
            }
        }
    }
}

#[test]
fn keys_and_remarks_hold_no_contacts() {
    for provider in ALL {
        for path in files(*provider, "http") {
            let fixture = Fixture::read(&path);
            let (texts, contacts) = match provider.normalize(&fixture.raw, &fixture.settings) {
                Ok(read) => remarks_and_contacts(read),
                Err(refused) => (vec![refused.detail], Vec::new()),
            };
            for text in texts {
                let holds = |contact: &String| text.contains(contact.trim_start_matches('+'));
                let contact = contacts.iter().find(|contact| holds(contact));
                assert_eq!(contact, None, "{}: {text}", path.display());
                assert!(!text.contains('@'), "{}: {text}", path.display());
            }
        }
    }
}

fn remarks_and_contacts(read: Normalized) -> (Vec<String>, Vec<String>) {
    let keys = read.events.iter().map(|event| event.dedup_key.clone());
    let contacts = read.events.iter().flat_map(|event| {
        let phones = event.contact.phones.iter().map(|phone| phone.as_str());
        let emails = event.contact.emails.iter().map(|email| email.as_str());
        phones.chain(emails)
    });
    let contacts = contacts.map(str::to_owned).collect();
    (keys.chain(read.warnings).collect(), contacts)
}

#[test]
fn a_request_is_read_with_its_address_headers_and_body() {
    let text = "POST /in/x/T/telegram?a=1 HTTP/1.1\nContent-Type: text/plain\n\
                Skvoz-Settings: {\"secret_key\":\"s\"}\nSkvoz-Line-Ends: crlf\n\nfirst\nsecond\n";
    let Fixture { raw, settings } = Fixture::parse(text);
    assert_eq!(
        raw.address,
        Address::Channel(Channel::new("telegram").unwrap())
    );
    assert_eq!((raw.provider.as_str(), raw.query.as_str()), ("x", "a=1"));
    assert_eq!(raw.headers, [("content-type".into(), "text/plain".into())]);
    assert_eq!(raw.body, b"first\r\nsecond");
    assert_eq!(settings.own_text("secret_key"), Some("s"));
}
