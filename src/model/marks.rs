//! Marks of an arrival: UTM, click ids and their kin, as read from an address
//! (attribution.md 1 and 2). Reading them is the work of `credit::utm`.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The UTM fields, raw: trimmed at most, letter case kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct Utm {
    pub utm_source: Option<String>,
    pub utm_medium: Option<String>,
    pub utm_campaign: Option<String>,
    pub utm_content: Option<String>,
    pub utm_term: Option<String>,
    pub utm_id: Option<String>,
    pub utm_referrer: Option<String>,
}

impl Utm {
    /// No field that names a source is set (`utm_referrer` alone does not count).
    pub fn is_empty(&self) -> bool {
        [
            &self.utm_source,
            &self.utm_medium,
            &self.utm_campaign,
            &self.utm_content,
            &self.utm_term,
            &self.utm_id,
        ]
        .iter()
        .all(|field| field.is_none())
    }
}

/// Everything an arrival's address and referrer say about its source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Marks {
    #[serde(flatten)]
    pub utm: Utm,
    /// Parameter name to value, letter case kept: `yclid`, `gclid`, `rb_clickid`, …
    pub click_ids: BTreeMap<String, String>,
    /// Parsed `_openstat`: `service`, `campaign`, `ad`, `source`.
    pub openstat: BTreeMap<String, String>,
    /// Other marks with a meaning: `from`, `ef_id`, `cm_id`, `placement_type`.
    pub other: BTreeMap<String, String>,
    /// Source implied by a click id when `utm_source` is absent (attribution.md 2, rule 3).
    pub inferred_source: Option<String>,
    /// Medium implied by a click id when `utm_medium` is absent.
    pub inferred_medium: Option<String>,
    /// Referrer as received, unless empty.
    pub referrer: Option<String>,
    /// Host of the referrer in force, lower case, without `www.`.
    pub referrer_host: Option<String>,
    /// Address of the first page with its query.
    pub entry_page: Option<String>,
}

impl Marks {
    /// Nothing that tells a source: no UTM, click id, openstat, other mark or referrer.
    pub fn is_empty(&self) -> bool {
        self.utm.is_empty()
            && self.click_ids.is_empty()
            && self.openstat.is_empty()
            && self.other.is_empty()
            && self.referrer_host.is_none()
    }
}
