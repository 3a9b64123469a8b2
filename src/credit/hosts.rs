//! Who stands behind a host or a `utm_source`: kind and name, from the list in `hosts.toml`
//! (attribution.md 5 and 6). Splitting addresses into host and path is here too.

use serde::Deserialize;
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

/// What a system is for an arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Search,
    Mail,
    Social,
    Messenger,
    Recommendation,
    Video,
    Maps,
    Marketplace,
    Assistant,
    /// Payment, sign-in and service pages: a return from there opens no new source.
    Ignored,
    /// A plain site, listed to keep it out of a wider entry.
    Other,
}

/// One entry of the list.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct System {
    pub name: String,
    pub kind: Kind,
    hosts: Vec<String>,
    #[serde(default)]
    aliases: Vec<String>,
    #[serde(default)]
    first_labels: Vec<String>,
}

/// The system of a host; `host` in lower case, `path` begins with `/` or is empty. The longest
/// entry wins.
pub fn by_host(host: &str, path: &str) -> Option<&'static System> {
    let table = &*TABLE;
    let host = host.strip_prefix("www.").unwrap_or(host);
    let mut rest = Some(host);
    while let Some(suffix) = rest {
        if let Some(system) = table.entry(suffix, path) {
            return Some(&table.systems[system]);
        }
        rest = suffix.split_once('.').map(|(_, parent)| parent);
    }
    let first_label = host.split_once('.')?.0;
    let system = table.first_labels.get(first_label)?;
    Some(&table.systems[*system])
}

/// The system that a `utm_source` means, by name, alias or host; `source` folded. Never one of
/// the kinds `Ignored` and `Other`.
pub fn by_name(source: &str) -> Option<&'static System> {
    let table = &*TABLE;
    if let Some(system) = table.names.get(source) {
        return Some(&table.systems[*system]);
    }
    let (host, path) = split(source).filter(|(host, _)| host.contains('.'))?;
    by_host(&host, path).filter(|system| !matches!(system.kind, Kind::Ignored | Kind::Other))
}

/// A return from this host opens no new source.
pub fn is_ignored(host: &str) -> bool {
    by_host(host, "").is_some_and(|system| system.kind == Kind::Ignored)
}

/// Host and path of an address. The host is in lower case, without `www.` and port, international
/// names in their ASCII form. Addresses without a scheme are read when they begin with a host
/// that has a dot; `android-app://` names the app. `None` when there is no host.
pub fn split(address: &str) -> Option<(Cow<'_, str>, &str)> {
    let address = address.trim();
    let (scheme, rest) = match address.split_once("://") {
        Some((scheme, rest)) if is_scheme(scheme) => (scheme, rest),
        _ => ("", address.strip_prefix("//").unwrap_or(address)),
    };
    let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(end);
    let path = &tail[..tail.find(['?', '#']).unwrap_or(tail.len())];
    let host = host_of_authority(authority)?;
    (!scheme.is_empty() || host.contains('.')).then_some((host, path))
}

/// The form in which hosts are compared: lower case, ASCII, without `www.`.
pub fn canonical(host: &str) -> Option<String> {
    host_of_authority(host.trim()).map(Cow::into_owned)
}

fn is_scheme(scheme: &str) -> bool {
    ["http", "https", "android-app", "ios-app"]
        .iter()
        .any(|known| known.eq_ignore_ascii_case(scheme))
}

fn host_of_authority(authority: &str) -> Option<Cow<'_, str>> {
    let host = authority.rsplit_once('@').map_or(authority, |(_, h)| h);
    let host = match host.strip_prefix('[') {
        Some(v6) => v6.split_once(']')?.0,
        None => host.split_once(':').map_or(host, |(h, _)| h),
    };
    let host = host.strip_suffix('.').unwrap_or(host);
    let host: Cow<'_, str> = if !host.is_ascii() {
        Cow::Owned(url::Host::parse(host).ok()?.to_string())
    } else if host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(host.to_ascii_lowercase())
    } else {
        Cow::Borrowed(host)
    };
    let well_formed = !host.is_empty()
        && host.len() <= 253
        && host
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b".-_:".contains(&byte));
    well_formed.then(|| without_www(host))
}

fn without_www(host: Cow<'_, str>) -> Cow<'_, str> {
    match host {
        Cow::Borrowed(host) => Cow::Borrowed(host.strip_prefix("www.").unwrap_or(host)),
        Cow::Owned(host) => match host.strip_prefix("www.") {
            Some(rest) => Cow::Owned(rest.to_owned()),
            None => Cow::Owned(host),
        },
    }
}

static TABLE: LazyLock<Table> =
    LazyLock::new(|| Table::read(include_str!("hosts.toml")).expect("hosts.toml is well-formed"));

/// The list, turned over for look-up. Numbers are places in `systems`.
#[derive(Default)]
struct Table {
    systems: Vec<System>,
    exact: HashMap<String, Entry>,
    /// Keys without their country part.
    any_country: HashMap<String, Entry>,
    names: HashMap<String, usize>,
    first_labels: HashMap<String, usize>,
}

#[derive(Default)]
struct Entry {
    whole: Option<usize>,
    under_path: Vec<(String, usize)>,
}

impl Entry {
    fn find(&self, path: &str) -> Option<usize> {
        self.under_path
            .iter()
            .find(|(prefix, _)| {
                path.strip_prefix(prefix.as_str())
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            })
            .map(|(_, system)| *system)
            .or(self.whole)
    }
}

impl Table {
    fn read(text: &str) -> Result<Table, toml::de::Error> {
        #[derive(Deserialize)]
        struct File {
            system: Vec<System>,
        }
        let mut table = Table {
            systems: toml::from_str::<File>(text)?.system,
            ..Table::default()
        };
        for number in 0..table.systems.len() {
            table.index(number);
        }
        Ok(table)
    }

    fn index(&mut self, number: usize) {
        let system = &self.systems[number];
        for pattern in &system.hosts {
            let (host, path) = pattern
                .find('/')
                .map_or((pattern.as_str(), ""), |at| pattern.split_at(at));
            let entry = match host.strip_suffix(".*") {
                Some(base) => self.any_country.entry(base.to_owned()).or_default(),
                None => self.exact.entry(host.to_owned()).or_default(),
            };
            if path.is_empty() {
                entry.whole = Some(number);
            } else {
                entry.under_path.push((path.to_owned(), number));
            }
        }
        for label in &system.first_labels {
            self.first_labels.insert(label.clone(), number);
        }
        if !matches!(system.kind, Kind::Ignored | Kind::Other) {
            self.names.insert(system.name.clone(), number);
            for alias in &system.aliases {
                self.names.insert(alias.clone(), number);
            }
        }
    }

    fn entry(&self, suffix: &str, path: &str) -> Option<usize> {
        if let Some(system) = self.exact.get(suffix).and_then(|entry| entry.find(path)) {
            return Some(system);
        }
        let (base, last) = suffix.rsplit_once('.')?;
        let of = |base: &str| self.any_country.get(base)?.find(path);
        if last.len() == 2 || ["com", "net", "org"].contains(&last) {
            if let Some(system) = of(base) {
                return Some(system);
            }
            if let Some((base, second)) = base.rsplit_once('.')
                && ["com", "co", "net", "org"].contains(&second)
            {
                return of(base);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(address: &str) -> Option<(Kind, &'static str)> {
        let (host, path) = split(address)?;
        by_host(&host, path).map(|system| (system.kind, system.name.as_str()))
    }

    #[test]
    fn the_longest_host_wins_and_paths_before_hosts() {
        let table = [
            ("https://yandex.ru/", Some((Kind::Search, "yandex"))),
            (
                "https://www.yandex.com.tr/search/",
                Some((Kind::Search, "yandex")),
            ),
            ("https://mail.yandex.ru/", Some((Kind::Mail, "yandex_mail"))),
            (
                "https://yandex.ru/maps/213",
                Some((Kind::Maps, "yandex_maps")),
            ),
            ("https://yandex.ru/mapsy", Some((Kind::Search, "yandex"))),
            (
                "https://realty.yandex.ru/x",
                Some((Kind::Marketplace, "realty_yandex")),
            ),
            (
                "https://zen.yandex.ru",
                Some((Kind::Recommendation, "dzen")),
            ),
            ("https://away.vk.com/away.php", Some((Kind::Social, "vk"))),
            ("https://www.google.co.uk/", Some((Kind::Search, "google"))),
            (
                "https://drive.google.com/",
                Some((Kind::Other, "google_other")),
            ),
            (
                "android-app://org.telegram.messenger/",
                Some((Kind::Messenger, "telegram")),
            ),
            ("https://novosibirsk.2gis.ru/", Some((Kind::Maps, "2gis"))),
            ("https://acs1.bank.test/", Some((Kind::Ignored, "payment"))),
            ("https://google.evil.test/", None),
            ("https://notyandex.ru/", None),
            ("about:blank", None),
        ];
        for (address, expected) in table {
            assert_eq!(kind(address), expected, "{address}");
        }
    }

    #[test]
    fn a_utm_source_is_a_name_an_alias_or_a_host() {
        for (source, name) in [
            ("vk", "vk"),
            ("tg", "telegram"),
            ("yandex.direct", "yandex"),
            ("m.vk.com", "vk"),
            ("2gis.ru", "2gis"),
        ] {
            assert_eq!(by_name(source).map(|s| s.name.as_str()), Some(name));
        }
        for source in ["tg_channel", "adnet", "passport.yandex.ru", ""] {
            assert_eq!(by_name(source), None, "{source}");
        }
    }

    #[test]
    fn hosts_are_split_from_any_address() {
        let host = |text: &str| split(text).map(|(host, _)| host.into_owned());
        for (address, expected) in [
            ("HTTPS://WWW.Example.ORG:8443/a?b", Some("example.org")),
            ("example.org/okna", Some("example.org")),
            ("//example.org", Some("example.org")),
            ("http://user:pw@example.org/", Some("example.org")),
            ("https://окна.example.org/", Some("xn--80atjc.example.org")),
            ("http://localhost:3000/", Some("localhost")),
            ("http://[::1]:80/", Some("::1")),
            ("/okna", None),
            ("", None),
            ("http://", None),
            ("file:///etc/hosts", None),
            ("http://a b/", None),
        ] {
            assert_eq!(host(address).as_deref(), expected, "{address}");
        }
    }

    #[test]
    fn no_host_or_name_stands_twice_in_the_list() {
        let mut seen = std::collections::HashSet::new();
        for system in &TABLE.systems {
            for host in &system.hosts {
                assert!(seen.insert(host), "{host} stands twice");
            }
        }
        for (name, number) in &TABLE.names {
            let system = &TABLE.systems[*number];
            assert!(
                &system.name == name || system.aliases.contains(name),
                "{name} is claimed by two systems"
            );
        }
    }
}
