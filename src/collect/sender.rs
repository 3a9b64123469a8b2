//! Who sent a message: address, browser, place.

use crate::credit::Geo;
use crate::hub::Hub;
use crate::model::Device;
use crate::visits;
use http::{HeaderMap, header};
use std::net::{IpAddr, SocketAddr};

/// What the connection tells of a visitor.
pub(super) struct Sender {
    pub(super) ip: IpAddr,
    pub(super) device: Device,
    pub(super) is_robot: bool,
    pub(super) country: Option<String>,
    pub(super) city: Option<String>,
}

impl Sender {
    pub(super) fn read(hub: &Hub, headers: &HeaderMap, peer: SocketAddr) -> Sender {
        let ip = hub.client_ip(headers, peer.ip());
        let user_agent = headers
            .get(header::USER_AGENT)
            .and_then(|value| value.to_str().ok())
            .unwrap_or("");
        let (device, is_robot) = visits::device(user_agent);
        let (country, city) = hub.places.find(ip);
        Sender {
            ip,
            device,
            is_robot,
            country,
            city,
        }
    }

    pub(super) fn geo(&self) -> Geo<'_> {
        Geo {
            country: self.country.as_deref(),
            region: None,
            city: self.city.as_deref(),
        }
    }
}
