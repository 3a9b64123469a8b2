//! The one way out to the network: names are resolved once, every address is vetted, the call goes
//! to the vetted addresses and follows no redirect, and no more than a limit is read of the answer.
//!
//! Settings and webhooks name the hosts, so whoever may edit them could otherwise make the hub speak
//! to the machines behind it.

use crate::config;
use crate::model::{OutboundRequest, OutboundResponse};
use async_trait::async_trait;
use ipnet::IpNet;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Mutex;
use std::time::{Duration, Instant};
use url::{Host, Url};

/// How long a host's vetted addresses and open connections are used.
const PINNED_FOR: Duration = Duration::from_secs(60);

/// Hosts with open connections; more than these are forgotten together.
const MAX_HOSTS: usize = 64;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    /// The address must not be called, now or later, unless the settings change.
    #[error("{0}")]
    Forbidden(String),
    /// No answer this time; whether the other side got the request is not known.
    #[error("{0}")]
    Failed(String),
}

/// Finds the addresses of a name.
#[async_trait]
pub trait Resolve: Send + Sync {
    async fn resolve(&self, host: &str, port: u16) -> std::io::Result<Vec<SocketAddr>>;
}

/// The machine's own resolver.
pub struct SystemResolver;

#[async_trait]
impl Resolve for SystemResolver {
    async fn resolve(&self, host: &str, port: u16) -> std::io::Result<Vec<SocketAddr>> {
        Ok(tokio::net::lookup_host((host, port)).await?.collect())
    }
}

/// Makes calls out of the hub.
pub struct Outbound {
    settings: config::Outbound,
    resolver: Box<dyn Resolve>,
    pinned: Mutex<HashMap<String, Pinned>>,
}

#[derive(Clone)]
struct Pinned {
    client: reqwest::Client,
    until: Instant,
}

impl Outbound {
    pub fn new(settings: config::Outbound) -> Outbound {
        Outbound::with_resolver(settings, Box::new(SystemResolver))
    }

    pub fn with_resolver(settings: config::Outbound, resolver: Box<dyn Resolve>) -> Outbound {
        Outbound {
            settings,
            resolver,
            pinned: Mutex::default(),
        }
    }

    /// Makes one call. Any status is an answer, redirects included.
    pub async fn send(&self, request: OutboundRequest) -> Result<OutboundResponse, OutboundError> {
        let url = readable(&request.url)?;
        let client = self.client_for(&url).await?;
        let method = reqwest::Method::from_bytes(request.method.as_bytes())
            .map_err(|_| forbidden(format!("{} is no HTTP method", request.method)))?;
        let mut builder = client.request(method, url).body(request.body);
        for (name, value) in &request.headers {
            builder = builder.header(name, value);
        }
        let response = builder.send().await.map_err(failed)?;
        self.read(response).await
    }

    /// Whether `address` may be written into settings: its form is right and, when the host is an
    /// IP address, that is allowed. Names are vetted at the call.
    pub fn check_url(&self, address: &str) -> Result<(), OutboundError> {
        let url = readable(address)?;
        match url.host() {
            Some(Host::Ipv4(ip)) => self.vet(ip.into(), &url),
            Some(Host::Ipv6(ip)) => self.vet(ip.into(), &url),
            _ => Ok(()),
        }
    }

    async fn client_for(&self, url: &Url) -> Result<reqwest::Client, OutboundError> {
        let key = url.origin().ascii_serialization();
        if let Some(client) = self.kept(&key) {
            return Ok(client);
        }
        let addresses = self.vetted_addresses(url).await?;
        let client = self.client(url, &addresses)?;
        let mut pinned = self
            .pinned
            .lock()
            .expect("nothing panics while it holds the clients");
        if pinned.len() >= MAX_HOSTS {
            pinned.clear();
        }
        let until = Instant::now() + PINNED_FOR;
        pinned.insert(
            key,
            Pinned {
                client: client.clone(),
                until,
            },
        );
        Ok(client)
    }

    fn kept(&self, key: &str) -> Option<reqwest::Client> {
        let pinned = self
            .pinned
            .lock()
            .expect("nothing panics while it holds the clients");
        pinned
            .get(key)
            .filter(|kept| Instant::now() < kept.until)
            .map(|kept| kept.client.clone())
    }

    async fn vetted_addresses(&self, url: &Url) -> Result<Vec<SocketAddr>, OutboundError> {
        let port = url
            .port_or_known_default()
            .expect("http and https have known ports");
        let addresses = match url.host().expect("http and https addresses have a host") {
            Host::Ipv4(ip) => vec![SocketAddr::new(ip.into(), port)],
            Host::Ipv6(ip) => vec![SocketAddr::new(ip.into(), port)],
            Host::Domain(name) => self.look_up(name, port).await?,
        };
        for address in &addresses {
            self.vet(address.ip(), url)?;
        }
        Ok(addresses)
    }

    async fn look_up(&self, name: &str, port: u16) -> Result<Vec<SocketAddr>, OutboundError> {
        let limit = Duration::from_secs(self.settings.connect_timeout_s);
        let found = tokio::time::timeout(limit, self.resolver.resolve(name, port))
            .await
            .map_err(|_| OutboundError::Failed(format!("the name {name} was not found in time")))?
            .map_err(|error| {
                OutboundError::Failed(format!("the name {name} is not found: {error}"))
            })?;
        if found.is_empty() {
            return Err(OutboundError::Failed(format!(
                "the name {name} has no address"
            )));
        }
        Ok(found)
    }

    fn vet(&self, ip: IpAddr, url: &Url) -> Result<(), OutboundError> {
        let inner = embedded(ip);
        let listed = self
            .settings
            .allow
            .iter()
            .any(|net: &IpNet| net.contains(&ip) || net.contains(&inner));
        if listed {
            return Ok(());
        }
        let host = url.host_str().unwrap_or_default();
        if !is_public(inner) {
            return Err(forbidden(format!(
                "{host} leads to {ip}, a private or reserved address; if that is meant, add its network to `outbound.allow`"
            )));
        }
        if url.scheme() == "http" && !self.settings.allow_http {
            return Err(forbidden(format!(
                "{host} would be called without encryption; use https, or set `outbound.allow_http`"
            )));
        }
        Ok(())
    }

    fn client(
        &self,
        url: &Url,
        addresses: &[SocketAddr],
    ) -> Result<reqwest::Client, OutboundError> {
        let mut builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(Duration::from_secs(self.settings.connect_timeout_s))
            .timeout(Duration::from_secs(self.settings.timeout_s))
            .user_agent(concat!("skvoz/", env!("CARGO_PKG_VERSION")));
        if let Some(Host::Domain(name)) = url.host() {
            builder = builder.resolve_to_addrs(name, addresses);
        }
        builder.build().map_err(failed)
    }

    async fn read(
        &self,
        mut response: reqwest::Response,
    ) -> Result<OutboundResponse, OutboundError> {
        let status = response.status().as_u16();
        let retry_after_s = response
            .headers()
            .get(reqwest::header::RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.trim().parse().ok());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > self.settings.max_response_bytes {
                let limit = self.settings.max_response_bytes;
                return Err(OutboundError::Failed(format!(
                    "the answer is longer than {limit} bytes"
                )));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(OutboundResponse {
            status,
            retry_after_s,
            body,
        })
    }
}

fn forbidden(reason: String) -> OutboundError {
    OutboundError::Forbidden(reason)
}

/// The chain of causes without the address, which may hold a secret.
fn failed(error: reqwest::Error) -> OutboundError {
    let error = anyhow::Error::new(error.without_url());
    OutboundError::Failed(format!("{error:#}"))
}

fn readable(address: &str) -> Result<Url, OutboundError> {
    let url = Url::parse(address).map_err(|error| forbidden(format!("not an address: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(forbidden(format!("{}: is not http or https", url.scheme())));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(forbidden(
            "an address with a user name or password in it is not called".into(),
        ));
    }
    Ok(url)
}

/// The IPv4 address that an IPv6 one carries: mapped, NAT64 or 6to4; else itself.
fn embedded(ip: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = ip else {
        return ip;
    };
    let s = v6.segments();
    let v4 = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match s {
        [0, 0, 0, 0, 0, 0xffff, high, low] => v4(high, low),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => v4(high, low),
        [0x2002, high, low, ..] => v4(high, low),
        _ => ip,
    }
}

/// An address of the open internet, by the special-purpose registries of RFC 6890.
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    !(matches!(a, 0 | 10 | 127 | 224..)
        || (a == 100 && (64..128).contains(&b))
        || (a == 169 && b == 254)
        || (a == 172 && (16..32).contains(&b))
        || (a == 192 && b == 168)
        || (a == 192 && b == 0 && matches!(c, 0 | 2))
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && matches!(b, 18 | 19))
        || (a == 198 && b == 51 && c == 100)
        || (a == 203 && b == 0 && c == 113))
}

/// Only global unicast, without protocol assignments (2001::/23, Teredo among them) and the two
/// documentation ranges.
fn is_public_v6(ip: Ipv6Addr) -> bool {
    let s = ip.segments();
    let is_global = s[0] & 0xe000 == 0x2000;
    let is_protocol = s[0] == 0x2001 && s[1] < 0x0200;
    let is_documentation = (s[0] == 0x2001 && s[1] == 0x0db8) || (s[0] == 0x3fff && s[1] < 0x1000);
    is_global && !is_protocol && !is_documentation
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    /// A resolver of made-up names.
    struct Names(HashMap<String, Vec<IpAddr>>);

    #[async_trait]
    impl Resolve for Names {
        async fn resolve(&self, host: &str, port: u16) -> std::io::Result<Vec<SocketAddr>> {
            let found = self.0.get(host).ok_or(std::io::ErrorKind::NotFound)?;
            Ok(found.iter().map(|ip| SocketAddr::new(*ip, port)).collect())
        }
    }

    fn outbound(allow: &[&str], names: &[(&str, &[&str])]) -> Outbound {
        let mut settings = config::Config::default().outbound;
        settings.allow = allow.iter().map(|net| net.parse().unwrap()).collect();
        settings.max_response_bytes = 1000;
        settings.timeout_s = 5;
        let names = names
            .iter()
            .map(|(name, ips)| {
                (
                    name.to_string(),
                    ips.iter().map(|ip| ip.parse().unwrap()).collect(),
                )
            })
            .collect();
        Outbound::with_resolver(settings, Box::new(Names(names)))
    }

    fn get(url: impl Into<String>) -> OutboundRequest {
        OutboundRequest {
            method: "GET",
            url: url.into(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// Answers every connection with the same bytes.
    async fn server(answer: String) -> SocketAddr {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let _ = stream.read(&mut [0; 4096]).await;
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        address
    }

    #[tokio::test]
    async fn no_spelling_of_a_private_address_is_called() {
        let names: &[(&str, &[&str])] = &[
            ("private.test", &["10.0.0.7"]),
            ("half.test", &["93.184.216.34", "127.0.0.1"]),
            ("mapped.test", &["::ffff:192.168.0.1"]),
            ("metadata.test", &["169.254.169.254"]),
        ];
        let outbound = outbound(&[], names);
        let table = [
            "https://127.0.0.1/",
            "https://2130706433/",
            "https://0x7f000001/",
            "https://0x7f.1/",
            "https://0177.0.0.1/",
            "https://127.1/",
            "https://0/",
            "https://10.1.2.3/",
            "https://172.31.255.255/",
            "https://192.168.1.1/",
            "https://169.254.169.254/latest/meta-data",
            "https://100.64.0.1/",
            "https://198.18.0.1/",
            "https://224.0.0.1/",
            "https://255.255.255.255/",
            "https://[::1]/",
            "https://[::]/",
            "https://[::ffff:127.0.0.1]/",
            "https://[::ffff:7f00:1]/",
            "https://[64:ff9b::10.0.0.1]/",
            "https://[2002:7f00:1::]/",
            "https://[2001:0:1::1]/",
            "https://[2001:db8::1]/",
            "https://[fe80::1]/",
            "https://[fc00::1]/",
            "https://[ff02::1]/",
            "https://①②⑦.0.0.1/",
            "https://private.test/",
            "https://half.test/",
            "https://mapped.test/",
            "https://metadata.test/",
        ];
        for url in table {
            let error = outbound.send(get(url)).await.unwrap_err();
            assert!(
                matches!(error, OutboundError::Forbidden(_)),
                "{url}: {error}"
            );
        }
    }

    #[tokio::test]
    async fn other_schemes_credentials_and_plain_http_to_the_public_are_refused() {
        let outbound = outbound(&[], &[("public.test", &["93.184.216.34"])]);
        for url in [
            "ftp://public.test/",
            "file:///etc/passwd",
            "https://me:pw@public.test/",
            "http://public.test/",
            "nothing",
        ] {
            let error = outbound.send(get(url)).await.unwrap_err();
            assert!(
                matches!(error, OutboundError::Forbidden(_)),
                "{url}: {error}"
            );
        }
    }

    #[test]
    fn public_addresses_are_let_through() {
        for ip in [
            "93.184.216.34",
            "8.8.8.8",
            "172.32.0.1",
            "2606:4700::1111",
            "2001:4860:4860::8888",
        ] {
            let ip: IpAddr = ip.parse().unwrap();
            assert!(is_public(embedded(ip)), "{ip}");
        }
    }

    #[tokio::test]
    async fn an_allowed_network_is_called_under_the_pinned_name_and_redirects_are_answers() {
        let address = server(
            "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\nretry-after: 7\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok".into(),
        )
        .await;
        let outbound = outbound(&["127.0.0.0/8"], &[("inside.test", &["127.0.0.1"])]);
        let url = format!("http://inside.test:{}/x", address.port());
        let answer = outbound.send(get(url)).await.unwrap();
        assert_eq!(
            (answer.status, answer.retry_after_s, answer.body),
            (302, Some(7), b"ok".to_vec())
        );
    }

    #[tokio::test]
    async fn an_answer_longer_than_the_limit_is_not_read() {
        let long = "x".repeat(2000);
        let address = server(format!(
            "HTTP/1.1 200 OK\r\ncontent-length: 2000\r\nconnection: close\r\n\r\n{long}"
        ))
        .await;
        let outbound = outbound(&["127.0.0.0/8"], &[]);
        let error = outbound
            .send(get(format!("http://{address}/")))
            .await
            .unwrap_err();
        assert!(
            error.to_string().contains("longer than 1000 bytes"),
            "{error}"
        );
    }
}
