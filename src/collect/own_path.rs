//! A site that passes a path of its own on to the hub: its pages and the hub then share an origin,
//! and the hub can keep the visitor's id in a cookie that outlasts what scripts may keep
//! (tracking.md 5 and 7.2). Safari forgets the script's own record after seven days.

use crate::hub::{Hub, visitor_cookie};
use crate::model::Site;
use crate::visits;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use std::net::SocketAddr;
use url::Url;

/// Browsers keep a cookie for 400 days at most.
const KEPT_S: u32 = 400 * 86_400;

static SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// A message that a page of the site sent to its own origin.
pub(super) struct OwnPath {
    /// Name of the cookie.
    name: String,
    /// The visitor that the cookie remembers, `c…`.
    pub(super) visitor: Option<String>,
    /// Where the cookie holds. `None` when the browser does not tell which page it is.
    place: Option<Place>,
}

struct Place {
    /// The site's own host, so that all hosts below it share the cookie. `None`: the host asked.
    domain: Option<String>,
    is_secure: bool,
}

impl OwnPath {
    /// `None` when the message came from another site's page, or nobody knows from where.
    pub(super) fn read(
        hub: &Hub,
        site: &Site,
        headers: &HeaderMap,
        peer: SocketAddr,
    ) -> Option<OwnPath> {
        let page = text(headers, &header::ORIGIN)
            .and_then(|origin| Url::parse(origin).ok())
            .filter(|origin| matches!(origin.scheme(), "https" | "http"));
        let asked = hub.asked_host(headers, peer.ip());
        let is_own = match text(headers, &SEC_FETCH_SITE) {
            Some(relation) => matches!(relation, "same-origin" | "same-site"),
            None => {
                let host = page.as_ref().and_then(Url::host_str);
                host.is_some() && host == asked.as_deref()
            }
        };
        if !is_own {
            return None;
        }
        let name = visitor_cookie(&site.key);
        Some(OwnPath {
            visitor: remembered(headers, &name),
            place: match page {
                Some(page) => Some(Place::of(&page, &site.host)),
                None => asked.and_then(|host| Place::of_hidden_page(&host, &site.host)),
            },
            name,
        })
    }

    /// The `Set-Cookie` that remembers a visitor for 400 days or, of nobody, forgets whom it
    /// remembered. `None` where no cookie can be set.
    pub(super) fn cookie(&self, visitor: Option<&str>) -> Option<HeaderValue> {
        let place = self.place.as_ref()?;
        let seconds = visitor.map_or(0, |_| KEPT_S);
        let mut text = format!(
            "{}={}; Max-Age={seconds}; Path=/; HttpOnly; SameSite=Lax",
            self.name,
            visitor.unwrap_or_default()
        );
        if let Some(domain) = &place.domain {
            text += &format!("; Domain={domain}");
        }
        if place.is_secure {
            text += "; Secure";
        }
        HeaderValue::try_from(text).ok()
    }
}

impl Place {
    fn of(page: &Url, site_host: &str) -> Place {
        let is_of_site = is_of(page.host_str().unwrap_or_default(), site_host);
        Place {
            domain: is_of_site.then(|| site_host.to_owned()),
            is_secure: page.scheme() == "https",
        }
    }

    /// A page may hide its address from a beacon. Browsers that say how near it is say so on https
    /// alone.
    fn of_hidden_page(asked_host: &str, site_host: &str) -> Option<Place> {
        is_of(asked_host, site_host).then(|| Place {
            domain: Some(site_host.to_owned()),
            is_secure: true,
        })
    }
}

fn is_of(host: &str, site_host: &str) -> bool {
    let below = host.strip_suffix(site_host);
    below.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// Anybody may have written the cookie: what has not the form of our ids is none.
fn remembered(headers: &HeaderMap, name: &str) -> Option<String> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(known, value)| *known == name && visits::is_own_id(value, "c"))
        .map(|(_, value)| value.to_owned())
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cookie(page: &str, visitor: Option<&str>) -> String {
        let own = OwnPath {
            name: "sv1f3an".into(),
            visitor: None,
            place: Some(Place::of(&page.parse().unwrap(), "shop.test")),
        };
        let value = own.cookie(visitor).unwrap();
        value.to_str().unwrap().to_owned()
    }

    #[test]
    fn the_cookie_holds_for_the_site_and_what_is_below_it() {
        for (page, expected) in [
            ("https://shop.test", "; Domain=shop.test; Secure"),
            ("https://www.shop.test:8443", "; Domain=shop.test; Secure"),
            ("http://m.shop.test", "; Domain=shop.test"),
            ("https://myshop.test", "; Secure"),
            ("http://other.test", ""),
        ] {
            let told = cookie(page, Some("c1"));
            let rest =
                told.strip_prefix("sv1f3an=c1; Max-Age=34560000; Path=/; HttpOnly; SameSite=Lax");
            assert_eq!(rest, Some(expected), "{told}");
        }
    }

    #[test]
    fn a_cookie_of_nobody_is_over_at_once() {
        let told = cookie("https://shop.test", None);
        let expected =
            "sv1f3an=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax; Domain=shop.test; Secure";
        assert_eq!(told, expected);
    }

    #[test]
    fn only_well_formed_ids_are_read() {
        for (told, expected) in [
            (&["sv1=c01"][..], Some("c01")),
            (&["a=b; sv1=c01;c=d"], Some("c01")),
            (&["a=b", "sv1=c01"], Some("c01")),
            (&["sv1=; sv1=v01; sv1=c01"], Some("c01")),
            (&["sv1=\"c01\""], None),
            (&["sv1=c"], None),
            (&["sv1=C01"], None),
            (&["sv1=c01%20"], None),
            (&["sv1n=c01; xsv1=c01"], None),
            (&["sv1"], None),
            (&[], None),
        ] {
            let mut headers = HeaderMap::new();
            for value in told {
                headers.append(header::COOKIE, HeaderValue::from_static(value));
            }
            assert_eq!(remembered(&headers, "sv1").as_deref(), expected, "{told:?}");
        }
    }
}
