//! How visitors come to a site: marks, click ids and referrers of the landing page.

use rand::{Rng, RngExt, seq::IndexedRandom};
use url::Url;

use super::{ids, plan::Utm};

/// One way to arrive.
pub struct Arrival {
    pub utm: Utm,
    /// Name of the click id in the address.
    click: Option<&'static str>,
    referrer: &'static str,
    /// Marks that no campaign or source reads.
    extra: &'static str,
}

/// Campaigns that the workspace gets, as (name, `utm_campaign`).
pub const CAMPAIGNS: [(&str, &str); 4] = [
    ("Spring, Yandex search", "spring"),
    ("Kitchens, Google search", "kitchens"),
    ("Autumn, VK", "autumn_vk"),
    ("Newsletter, March", "news_march"),
];

const fn utm(
    source: &'static str,
    medium: &'static str,
    campaign: &'static str,
    content: &'static str,
    term: &'static str,
) -> Utm {
    Utm {
        source,
        medium,
        campaign,
        content,
        term,
    }
}

const fn arrival(
    utm: Utm,
    click: Option<&'static str>,
    referrer: &'static str,
    extra: &'static str,
) -> Arrival {
    Arrival {
        utm,
        click,
        referrer,
        extra,
    }
}

const NO_UTM: Utm = utm("", "", "", "", "");

/// Arrivals with an advertising click id, which always begins a visit.
static PAID: [Arrival; 4] = [
    arrival(
        utm("yandex", "cpc", "spring", "b1", "sofa"),
        Some("yclid"),
        "https://yandex.ru/",
        "",
    ),
    arrival(
        utm("google", "cpc", "kitchens", "", "kitchen"),
        Some("gclid"),
        "https://www.google.com/",
        "",
    ),
    arrival(
        utm("vk", "cpc", "autumn_vk", "video1", ""),
        Some("rb_clickid"),
        "https://away.vk.com/",
        "",
    ),
    arrival(NO_UTM, Some("yclid"), "https://yandex.ru/", ""),
];

/// All others.
static UNPAID: [Arrival; 13] = [
    arrival(NO_UTM, None, "", ""),
    arrival(NO_UTM, None, "", ""),
    arrival(NO_UTM, None, "https://ya.ru/", "ysclid=lz81kq"),
    arrival(NO_UTM, None, "https://www.google.com/", ""),
    arrival(NO_UTM, None, "https://www.bing.com/", ""),
    arrival(NO_UTM, None, "https://dzen.ru/", ""),
    arrival(NO_UTM, None, "https://2gis.ru/", ""),
    arrival(NO_UTM, None, "https://www.avito.ru/", ""),
    arrival(NO_UTM, None, "https://t.me/", ""),
    arrival(NO_UTM, None, "https://catalog.example.org/list", ""),
    arrival(
        utm("newsletter", "email", "news_march", "", ""),
        None,
        "",
        "",
    ),
    arrival(utm("tg_channel", "post", "", "", ""), None, "", ""),
    arrival(
        utm("Yandex", "CPM", "spring", "banner_7", ""),
        None,
        "https://smi2.ru/",
        "",
    ),
];

/// Any arrival; two of five are paid, as on a site that advertises.
pub fn any(rng: &mut impl Rng) -> &'static Arrival {
    if rng.random_bool(0.4) {
        paid(rng)
    } else {
        UNPAID.choose(rng).unwrap_or(&UNPAID[0])
    }
}

/// An arrival by an advertisement, with a click id.
pub fn paid(rng: &mut impl Rng) -> &'static Arrival {
    PAID.choose(rng).unwrap_or(&PAID[0])
}

/// The address that a visitor lands on.
pub struct Landing {
    pub url: String,
    pub referrer: String,
    pub click_id: Option<String>,
}

impl Arrival {
    /// The landing address on a page of a site, with a click id of its own.
    ///
    /// `page` is an absolute address without a query.
    pub fn land(&self, page: &str, rng: &mut impl Rng) -> Landing {
        let click_id = self.click.map(|name| match name {
            "yclid" => ids::digits(19, rng),
            _ => ids::mixed_case(28, rng),
        });
        let mut pairs: Vec<(String, &str)> = Vec::new();
        for (name, value) in self.utm.pairs() {
            pairs.push((format!("utm_{name}"), value));
        }
        if let (Some(name), Some(value)) = (self.click, &click_id) {
            pairs.push((name.to_owned(), value));
        }
        pairs.extend(
            self.extra
                .split_once('=')
                .map(|(name, value)| (name.to_owned(), value)),
        );
        let url = match pairs.is_empty() {
            true => page.to_owned(),
            false => {
                Url::parse_with_params(page, &pairs).map_or_else(|_| page.to_owned(), String::from)
            }
        };
        Landing {
            url,
            referrer: self.referrer.to_owned(),
            click_id,
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::StdRng};

    use super::*;

    #[test]
    fn a_paid_landing_holds_its_marks_and_its_own_click_id() {
        let mut rng = StdRng::seed_from_u64(3);
        let first = PAID[0].land("https://shop.example.org/sofas", &mut rng);
        let second = PAID[0].land("https://shop.example.org/sofas", &mut rng);
        assert!(
            first
                .url
                .contains("utm_campaign=spring&utm_content=b1&utm_term=sofa&yclid=")
        );
        assert!(first.url.ends_with(first.click_id.as_deref().unwrap()));
        assert_ne!(first.click_id, second.click_id);
    }

    #[test]
    fn every_campaign_of_the_workspace_is_advertised_by_some_arrival() {
        for (name, mark) in CAMPAIGNS {
            let mut all = PAID.iter().chain(&UNPAID);
            assert!(all.any(|arrival| arrival.utm.campaign == mark), "{name}");
        }
    }
}
