//! What the rooms share: settings, store, vault, clock, prepared configuration, the way out and the
//! bells that wake the loops. It decides nothing itself.

mod addresses;
mod clock;
mod neutral;
mod outbound;
pub mod password;
mod places;
mod setups;
mod stop;
mod vault;
mod workspace;

pub use addresses::{Addresses, Doors};
pub use clock::Clock;
pub use neutral::{neutral_name, own_path, visitor_cookie};
pub use outbound::{Outbound, OutboundError, Resolve, SystemResolver};
pub use places::Places;
pub use setups::{LiveSetup, Setups};
pub use stop::{Stop, Stopper};
pub use vault::{KEY_FILE, Vault};
pub use workspace::{MadeWorkspace, NewWorkspace, make_workspace};

use crate::config::Config;
use crate::model::Timestamp;
use crate::store::Store;
use std::net::IpAddr;
use std::sync::Arc;
use tokio::sync::{Notify, RwLock};

/// What every room is given.
pub struct Hub {
    pub config: Arc<Config>,
    pub store: Arc<dyn Store>,
    pub vault: Arc<Vault>,
    pub clock: Clock,
    pub setups: Setups,
    pub outbound: Outbound,
    pub wake: Wake,
    /// Held by whoever of the pipeline reads, decides and commits: shared, or alone after a conflict.
    pub turns: RwLock<()>,
    pub places: Places,
    /// How the hub is reached from outside, without a slash at the end.
    pub public_url: String,
}

/// Bells for the loops. A ring is never lost: one that nobody waits for is kept.
#[derive(Default)]
pub struct Wake {
    /// A raw event was kept or made pending again.
    pub pipeline: Notify,
    /// Something was committed whose keys other communications may share.
    pub relink: Notify,
    /// A question to a provider's REST API waits.
    pub fetch: Notify,
}

impl Hub {
    /// Joins the parts. `listening` is the address really listened on, for example
    /// `127.0.0.1:8080`; it makes the public address when the settings name none.
    pub fn new(
        config: Config,
        store: Arc<dyn Store>,
        vault: Vault,
        clock: Clock,
        outbound: Outbound,
        places: Places,
        listening: std::net::SocketAddr,
    ) -> Arc<Hub> {
        let vault = Arc::new(vault);
        let public_url = match config.server.public_url.as_str() {
            "" => format!("http://{}", reachable(listening)),
            url => url.to_string(),
        };
        Arc::new(Hub {
            setups: Setups::new(store.clone(), vault.clone()),
            config: Arc::new(config),
            store,
            vault,
            clock,
            outbound,
            wake: Wake::default(),
            turns: RwLock::default(),
            places,
            public_url,
        })
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The absolute address of a path that begins with a slash.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.public_url)
    }

    /// Who asks. The forwarded address is believed only from listed proxies, and then the last one
    /// that is not itself a proxy: what stands before it anybody may have written.
    pub fn client_ip(&self, headers: &http::HeaderMap, peer: IpAddr) -> IpAddr {
        let peer = peer.to_canonical();
        if !self.is_proxy(&peer) {
            return peer;
        }
        headers
            .get_all("x-forwarded-for")
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .filter_map(|text| text.trim().parse::<IpAddr>().ok())
            .map(|ip| ip.to_canonical())
            .rfind(|ip| !self.is_proxy(ip))
            .unwrap_or(peer)
    }

    /// The host that the browser asked, in lower case and without its port. The forwarded host is
    /// believed only from listed proxies, and then the first one: each further proxy adds its own.
    pub fn asked_host(&self, headers: &http::HeaderMap, peer: IpAddr) -> Option<String> {
        let forwarded = headers
            .get("x-forwarded-host")
            .filter(|_| self.is_proxy(&peer.to_canonical()));
        let text = forwarded
            .or(headers.get(http::header::HOST))?
            .to_str()
            .ok()?;
        let first = text.split(',').next().unwrap_or_default().trim();
        let authority = first.parse::<http::uri::Authority>().ok()?;
        Some(authority.host().to_ascii_lowercase())
    }

    fn is_proxy(&self, ip: &IpAddr) -> bool {
        let proxies = &self.config.server.trusted_proxies;
        proxies.iter().any(|net| net.contains(ip))
    }
}

/// "All addresses" is nothing a browser can open: the machine's own stands for it.
fn reachable(mut listening: std::net::SocketAddr) -> std::net::SocketAddr {
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
    match listening.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => listening.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => listening.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    listening
}
