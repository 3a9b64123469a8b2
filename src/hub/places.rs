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

#[cfg(test)]
mod tests {
    use super::*;

    /// Loopback addresses are in Moscow, 203.0.113.0/24 in a city with an English name only.
    const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/files/places.mmdb");

    #[test]
    fn an_address_has_the_country_and_city_that_the_file_knows() {
        let places = Places::open(Path::new(SAMPLE)).unwrap();
        let find = |ip: &str| places.find(ip.parse().unwrap());
        let known = |country: &str, city: &str| (Some(country.into()), Some(city.into()));
        assert_eq!(find("127.0.0.1"), known("RU", "Москва"));
        assert_eq!(find("203.0.113.9"), known("KZ", "Almaty"));
        assert_eq!(find("198.51.100.1"), (None, None));
        assert_eq!(find("2001:db8::1"), (None, None));
    }

    #[test]
    fn without_a_file_nothing_is_known_and_a_wrong_one_is_named() {
        let places = Places::open(Path::new("")).unwrap();
        assert_eq!(places.find("127.0.0.1".parse().unwrap()), (None, None));
        let refused = Places::open(Path::new("no/such.mmdb")).map(|_| ());
        let said = refused.unwrap_err().to_string();
        assert!(
            said.contains("geo.mmdb") && said.contains("no/such.mmdb"),
            "{said}"
        );
    }
}
