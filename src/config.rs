//! Settings of the process: built-in defaults, then the user's file, then `SKVOZ_…` variables.
//!
//! `config.default.toml` is the one list of keys: a key that is not in it is refused, with the
//! nearest one that is. What people change in the interface (sites, integrations) is data and lives
//! in the store.

use anyhow::{Context, bail};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// The defaults, with a comment for each.
pub const DEFAULTS: &str = include_str!("../config.default.toml");

/// Name of the settings file looked for in the data directory.
pub const FILE_NAME: &str = "skvoz.toml";

const PREFIX: &str = "SKVOZ_";

/// Variables that stand for arguments of the command line and name no setting.
const ARGUMENTS: [&str; 3] = ["SKVOZ_DATA", "SKVOZ_CONFIG", "SKVOZ_API_KEY"];

/// All settings, a struct for each room.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Config {
    pub server: Server,
    pub store: Store,
    pub intake: Intake,
    pub tracker: Tracker,
    pub pipeline: Pipeline,
    pub link: Link,
    pub outbound: Outbound,
    pub login: Login,
    pub log: Log,
    pub geo: Geo,
}

/// `[server]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Server {
    pub listen: SocketAddr,
    /// Without a slash at the end; empty: derived from the address listened on.
    pub public_url: String,
    pub trusted_proxies: Vec<IpNet>,
    pub shutdown_s: u64,
}

/// `[store]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Store {
    pub synchronous: Synchronous,
    pub checkpoint_pages: u32,
    pub wal_limit_pages: u32,
}

/// How sure a commit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Synchronous {
    /// On disk before the answer.
    Full,
    /// On disk some time later; a power failure may take acknowledged events.
    Normal,
}

/// `[intake]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Intake {
    pub max_body_bytes: usize,
    pub max_unpacked_bytes: usize,
    pub body_timeout_s: u64,
    pub token_overlap_days: u32,
}

/// `[tracker]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tracker {
    /// Begins with a slash and does not end with one.
    pub path: String,
    /// Paths of earlier times, which go on working.
    pub former_paths: Vec<String>,
}

impl Tracker {
    /// Every path on which the script is served and messages are taken, each once; the one of now
    /// comes first.
    pub fn paths(&self) -> Vec<&str> {
        let mut paths: Vec<&str> = Vec::new();
        for (_, path) in self.named_paths() {
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
        paths
    }

    fn named_paths(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let former = self.former_paths.iter();
        let former = former.map(|path| ("tracker.former_paths", path.as_str()));
        std::iter::once(("tracker.path", self.path.as_str())).chain(former)
    }
}

/// `[pipeline]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pipeline {
    /// Raw events.
    pub claim: u32,
    /// Conversations.
    pub batch: u32,
    pub lease_s: u32,
    pub tick_s: u32,
}

/// `[link]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Link {
    pub window_days: u32,
}

/// `[outbound]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outbound {
    pub allow: Vec<IpNet>,
    pub allow_http: bool,
    pub connect_timeout_s: u64,
    pub timeout_s: u64,
    pub max_response_bytes: usize,
}

/// `[login]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Login {
    pub lasts_days: u32,
    pub attempts: u32,
}

/// `[log]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Log {
    pub level: String,
    pub format: LogFormat,
}

/// How a log line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    Text,
    Json,
}

/// `[geo]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Geo {
    /// Empty: no file.
    pub mmdb: PathBuf,
}

impl Default for Config {
    fn default() -> Self {
        Config::from_table(defaults()).expect("the built-in defaults are valid")
    }
}

impl Config {
    /// Reads the settings of a process. `file` is the one named by the user and must exist; without
    /// it `skvoz.toml` of the data directory is read if it is there. `variables` is the environment.
    pub fn load(
        file: Option<&Path>,
        data: Option<&Path>,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> anyhow::Result<Config> {
        let mut table = defaults();
        let found = match file {
            Some(path) => Some(path.to_path_buf()),
            None => data
                .map(|dir| dir.join(FILE_NAME))
                .filter(|path| path.is_file()),
        };
        if let Some(path) = found {
            let text = std::fs::read_to_string(&path)
                .with_context(|| format!("config: cannot read {}", path.display()))?;
            lay_file(&mut table, &text)
                .with_context(|| format!("config: {} is not usable", path.display()))?;
        }
        lay_variables(&mut table, variables)?;
        Config::from_table(table)
    }

    fn from_table(table: Table) -> anyhow::Result<Config> {
        let mut config: Config = Value::Table(table)
            .try_into()
            .map_err(|error: toml::de::Error| anyhow::anyhow!("config: {}", one_line(&error)))?;
        config.server.public_url = config.server.public_url.trim_end_matches('/').to_string();
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> anyhow::Result<()> {
        let url = &self.server.public_url;
        let is_web = url.starts_with("https://") || url.starts_with("http://");
        let is_readable = is_web && url::Url::parse(url).is_ok();
        if !url.is_empty() && !is_readable {
            bail!(
                "config: `server.public_url` is {url:?}; give an address like https://hub.example.com"
            );
        }
        for (name, path) in self.tracker.named_paths() {
            let is_plain = |byte: u8| {
                byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_' | b'.')
            };
            let is_whole = path.len() >= 2 && path.starts_with('/') && !path.ends_with('/');
            if !is_whole || !path.bytes().all(is_plain) {
                bail!(
                    "config: `{name}` has {path:?}; begin it with a slash, end it without one, and use letters, digits, `-`, `_`, `.` only, like /t"
                );
            }
        }
        positive("store.checkpoint_pages", self.store.checkpoint_pages)?;
        positive("store.wal_limit_pages", self.store.wal_limit_pages)?;
        positive("pipeline.claim", self.pipeline.claim)?;
        positive("pipeline.batch", self.pipeline.batch)?;
        positive("pipeline.lease_s", self.pipeline.lease_s)?;
        positive("pipeline.tick_s", self.pipeline.tick_s)?;
        positive("login.lasts_days", self.login.lasts_days)?;
        positive("login.attempts", self.login.attempts)?;
        if !(1..=365).contains(&self.link.window_days) {
            bail!(
                "config: `link.window_days` is {}; give 1 to 365",
                self.link.window_days
            );
        }
        Ok(())
    }
}

fn positive(key: &str, value: u32) -> anyhow::Result<()> {
    if value == 0 {
        bail!("config: `{key}` is 0; give at least 1");
    }
    Ok(())
}

fn one_line(error: &toml::de::Error) -> String {
    error
        .to_string()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

fn defaults() -> Table {
    DEFAULTS.parse().expect("config.default.toml is valid TOML")
}

fn lay_file(table: &mut Table, text: &str) -> anyhow::Result<()> {
    let file: Table = text.parse()?;
    for (section, value) in file {
        let Value::Table(keys) = value else {
            bail!("`{section}` stands outside of a section; write it under [section]");
        };
        for (key, value) in keys {
            *slot(table, &section, &key)? = value;
        }
    }
    Ok(())
}

fn lay_variables(
    table: &mut Table,
    variables: impl IntoIterator<Item = (String, String)>,
) -> anyhow::Result<()> {
    for (name, text) in variables {
        let is_argument = ARGUMENTS.contains(&name.as_str());
        let Some(path) = name.strip_prefix(PREFIX).filter(|_| !is_argument) else {
            continue;
        };
        let path = path.to_lowercase();
        let (section, key) = path.split_once('_').with_context(|| {
            format!("config: variable {name} names no key; write {PREFIX}<SECTION>_<KEY>")
        })?;
        let slot = slot(table, section, key).with_context(|| format!("config: variable {name}"))?;
        *slot = value_like(slot, &text)
            .with_context(|| format!("config: variable {name} is {text:?}"))?;
    }
    Ok(())
}

/// Reads the text of a variable as the kind of value its default is.
fn value_like(default: &Value, text: &str) -> anyhow::Result<Value> {
    let text = text.trim();
    Ok(match default {
        Value::Integer(_) => Value::Integer(text.replace('_', "").parse().context("not a number")?),
        Value::Boolean(_) => Value::Boolean(text.parse().context("write true or false")?),
        Value::Array(_) => Value::Array(
            text.split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty())
                .map(|item| Value::String(item.to_string()))
                .collect(),
        ),
        _ => Value::String(text.to_string()),
    })
}

/// The place of a key; refuses what the defaults do not have.
fn slot<'a>(table: &'a mut Table, section: &str, key: &str) -> anyhow::Result<&'a mut Value> {
    let unknown_section = no_such("section", section, table.keys());
    let Some(Value::Table(keys)) = table.get_mut(section) else {
        bail!(unknown_section);
    };
    let unknown_key = no_such(&format!("key in [{section}]:"), key, keys.keys());
    keys.get_mut(key).with_context(|| unknown_key)
}

fn no_such<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a String>) -> String {
    let nearest = known
        .max_by(|a, b| strsim::jaro_winkler(a, name).total_cmp(&strsim::jaro_winkler(b, name)));
    match nearest {
        Some(nearest) => format!("unknown {what} `{name}`; the nearest is `{nearest}`"),
        None => format!("unknown {what} `{name}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(file: &str, variables: &[(&str, &str)]) -> anyhow::Result<Config> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(FILE_NAME), file).unwrap();
        let variables = variables
            .iter()
            .map(|(name, text)| (name.to_string(), text.to_string()));
        Config::load(None, Some(dir.path()), variables)
    }

    fn refusal(file: &str, variables: &[(&str, &str)]) -> String {
        format!("{:#}", load(file, variables).unwrap_err())
    }

    #[test]
    fn every_default_is_read() {
        let config = Config::default();
        assert_eq!(config.server.listen.port(), 8080);
        assert_eq!(config.store.synchronous, Synchronous::Full);
        assert_eq!(config.intake.max_body_bytes, 1 << 20);
        assert_eq!(config.intake.max_unpacked_bytes, 8 << 20);
        assert_eq!(config.tracker.path, "/t");
    }

    #[test]
    fn a_variable_outranks_the_file_and_the_file_the_default() {
        let file = "[server]\nlisten = \"127.0.0.1:1\"\nshutdown_s = 3\n";
        let config = load(file, &[("SKVOZ_SERVER_LISTEN", "127.0.0.1:2")]).unwrap();
        assert_eq!(config.server.listen.port(), 2);
        assert_eq!(config.server.shutdown_s, 3);
    }

    #[test]
    fn a_variable_is_split_at_the_first_underscore_only() {
        let variables = [
            ("SKVOZ_INTAKE_MAX_BODY_BYTES", "2_000"),
            ("SKVOZ_OUTBOUND_ALLOW", "127.0.0.0/8, 10.0.0.0/8"),
            ("SKVOZ_OUTBOUND_ALLOW_HTTP", "true"),
            ("SKVOZ_SERVER_PUBLIC_URL", "https://hub.example.com/"),
            ("HOME", "/nowhere"),
            ("SKVOZ_DATA", "/nowhere"),
        ];
        let config = load("", &variables).unwrap();
        assert_eq!(config.intake.max_body_bytes, 2000);
        assert_eq!(config.outbound.allow.len(), 2);
        assert!(config.outbound.allow_http);
        assert_eq!(config.server.public_url, "https://hub.example.com");
    }

    #[test]
    fn unknown_keys_are_refused_with_the_nearest_known_one() {
        let table = [
            (
                "[server]\nlissten = \"x\"",
                "`lissten`; the nearest is `listen`",
            ),
            (
                "[sever]\nlisten = \"x\"",
                "`sever`; the nearest is `server`",
            ),
            ("listen = \"x\"", "`listen` stands outside of a section"),
        ];
        for (file, part) in table {
            let text = refusal(file, &[]);
            assert!(text.contains(part), "{text}");
        }
        let text = refusal("", &[("SKVOZ_STORE_SYNCRONOUS", "full")]);
        assert!(
            text.contains("SKVOZ_STORE_SYNCRONOUS") && text.contains("`synchronous`"),
            "{text}"
        );
    }

    #[test]
    fn wrong_values_are_refused_naming_the_key() {
        let table = [
            ("[server]\nlisten = \"nowhere\"", "listen"),
            (
                "[server]\npublic_url = \"hub.example.com\"",
                "server.public_url",
            ),
            ("[store]\nsynchronous = \"off\"", "synchronous"),
            ("[pipeline]\nclaim = 0", "pipeline.claim"),
            ("[pipeline]\nbatch = 0", "pipeline.batch"),
            ("[pipeline]\nbatch = -1", "batch"),
            ("[tracker]\npath = \"t/\"", "tracker.path"),
            ("[tracker]\npath = \"/{t}\"", "tracker.path"),
            ("[tracker]\nformer_paths = [\"s\"]", "former_paths"),
            ("[outbound]\nallow = [\"10.0.0.0/99\"]", "allow"),
        ];
        for (file, part) in table {
            let text = refusal(file, &[]);

            assert!(text.contains(part), "{part}: {text}");
        }
        let text = refusal("", &[("SKVOZ_PIPELINE_BATCH", "many")]);
        assert!(text.contains("SKVOZ_PIPELINE_BATCH"), "{text}");
    }
}
