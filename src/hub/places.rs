//! Country and city by address, when the operator gives a database file (mmdb).

use anyhow::Context;
use maxminddb::{Reader, geoip2};
use std::net::IpAddr;
use std::path::Path;

/// Looks addresses up; knows nothing without a file.
#[derive(Default)]
pub struct Places {
    reader: Option<Reader<Vec<u8>>>,
}

impl Places {
    /// Reads the file; an empty path is none.
    pub fn open(file: &Path) -> anyhow::Result<Places> {
        if file.as_os_str().is_empty() {
            return Ok(Places::default());
        }
        let reader = Reader::open_readfile(file).with_context(|| {
            format!(
                "config: `geo.mmdb` names {}, which cannot be read",
                file.display()
            )
        })?;
        Ok(Places {
            reader: Some(reader),
        })
    }

    /// Country (ISO 3166 code) and city, Russian name first.
    pub fn find(&self, ip: IpAddr) -> (Option<String>, Option<String>) {
        let Some(reader) = &self.reader else {
            return (None, None);
        };
        let found = reader
            .lookup(ip)
            .ok()
            .and_then(|hit| hit.decode::<geoip2::City>().ok());
        let Some(Some(place)) = found else {
            return (None, None);
        };
        let country = place.country.iso_code.map(str::to_owned);
        let names = &place.city.names;
        let city = names.russian.or(names.english).map(str::to_owned);
        (country, city)
    }
}
