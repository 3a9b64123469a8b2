//! What people configure: workspace, sites, integrations, campaigns, sources, employees, tags.

use super::{
    CampaignId, Channel, ChannelGroup, EmployeeId, IntegrationId, SiteId, SourceId, TagId,
    Timestamp, WorkspaceId,
};
use serde::{Deserialize, Serialize};

/// One customer's data; everything belongs to exactly one.
#[derive(Clone, Debug, PartialEq)]
pub struct Workspace {
    pub id: WorkspaceId,
    pub name: String,
    /// IANA name.
    pub timezone: String,
    /// ISO 4217 code.
    pub currency: String,
    /// The workspace's own `credit::ChannelRules`; `None`: the built-in ones.
    pub channel_rules: Option<serde_json::Value>,
}

/// A domain with a tracker key.
#[derive(Clone, Debug, PartialEq)]
pub struct Site {
    pub id: SiteId,
    pub workspace: WorkspaceId,
    /// Lower case, without `www.`.
    pub host: String,
    pub name: String,
    /// Part of the tracker's address.
    pub key: String,
}

impl Site {
    /// The host of what a person types for a site: a host, or an address of a page. `None` when
    /// there is none in it. Letters of other alphabets become punycode, as browsers send them.
    pub fn host_of(text: &str) -> Option<String> {
        let text = text.trim();
        let address = match text.contains("://") {
            true => text.to_string(),
            false => format!("https://{text}"),
        };
        let url = url::Url::parse(&address).ok()?;
        let host = url.host_str()?.trim_end_matches('.');
        let host = host.strip_prefix("www.").unwrap_or(host);
        (!host.is_empty()).then(|| host.to_string())
    }

    /// The host is this site's own or one of its sub-domains.
    pub fn covers(&self, host: &str) -> bool {
        let host = host.strip_prefix("www.").unwrap_or(host);
        host == self.host
            || host
                .strip_suffix(&self.host)
                .is_some_and(|left| left.ends_with('.'))
    }
}

/// One configured account of a provider.
#[derive(Clone, Debug, PartialEq)]
pub struct Integration {
    pub id: IntegrationId,
    pub workspace: WorkspaceId,
    /// Slug of the provider.
    pub provider: String,
    /// `None`: one account serves several sites.
    pub site: Option<SiteId>,
    pub name: String,
    pub active: bool,
    pub settings: IntegrationSettings,
    pub created_at: Timestamp,
}

/// Settings that every provider has, and beside them the provider's own.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct IntegrationSettings {
    pub employee_id: Option<EmployeeId>,
    pub default_target: Option<Target>,
    pub messengers: Vec<MessengerRow>,
    pub ignore_visit: bool,
    pub tag_ids: Vec<TagId>,
    /// The second address is open.
    pub offline_leads: bool,
    /// Minutes of silence that end a chat; `None`: the provider's default.
    pub silence_minutes: Option<u32>,
    pub operators: Vec<OperatorRow>,
    /// The provider's own settings by the names of `Provider::fields`; secrets in clear.
    #[serde(flatten)]
    pub own: serde_json::Map<String, serde_json::Value>,
}

impl IntegrationSettings {
    /// A text of the provider's own settings; `None` when absent or empty.
    pub fn own_text(&self, name: &str) -> Option<&str> {
        self.own
            .get(name)
            .and_then(serde_json::Value::as_str)
            .map(str::trim)
            .filter(|text| !text.is_empty())
    }
}

/// A campaign, or a source with its site; exactly one of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(untagged)]
pub enum Target {
    Campaign {
        campaign_id: CampaignId,
    },
    Source {
        source_id: SourceId,
        site_id: SiteId,
    },
}

/// A row of «Соответствие мессенджеров и источников».
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct MessengerRow {
    pub channel: Channel,
    #[serde(flatten)]
    pub target: Target,
}

/// A row of the table operators → employees.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct OperatorRow {
    /// The operator's id as the provider sends it.
    pub operator: String,
    pub employee_id: EmployeeId,
}

/// A named set of conditions on a site.
#[derive(Clone, Debug, PartialEq)]
pub struct Campaign {
    pub id: CampaignId,
    pub site: SiteId,
    pub name: String,
    pub conditions: Conditions,
    /// Decides between equal weights: the smaller wins.
    pub position: i64,
}

/// A source of the workspace.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    pub id: SourceId,
    pub name: String,
    pub channel_group: Option<ChannelGroup>,
    pub conditions: Conditions,
    /// The higher wins.
    pub priority: i64,
}

/// Any group suffices; inside a group all must hold (comagic-cabinet.md 2.3). Without a group
/// nothing matches.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Conditions {
    #[serde(default)]
    pub groups: Vec<ConditionGroup>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConditionGroup {
    pub conditions: Vec<Condition>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    pub parameter: Parameter,
    pub operator: Operator,
    pub value: String,
    /// Holds when the comparison does not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub exclude: bool,
}

/// How a condition compares; letter case and space at the ends do not matter, but in click ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub enum Operator {
    #[serde(rename = "=")]
    Equals,
    #[serde(rename = "sub")]
    Contains,
    #[serde(rename = "~")]
    Matches,
}

/// What a condition looks at (comagic-cabinet.md 2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Parameter {
    EntrancePage,
    Referrer,
    ReferrerDomain,
    SearchEngine,
    SearchQuery,
    AdSystem,
    Channel,
    Country,
    Region,
    City,
    UtmSource,
    UtmMedium,
    UtmCampaign,
    UtmTerm,
    UtmContent,
    OpenstatService,
    OpenstatCampaign,
    OpenstatAd,
    OpenstatSource,
    EfId,
    Yclid,
    Gclid,
    Ymclid,
    CmId,
    From,
}

/// A person of the staff.
#[derive(Clone, Debug, PartialEq)]
pub struct Employee {
    pub id: EmployeeId,
    pub name: String,
}

/// A label on a communication.
#[derive(Clone, Debug, PartialEq)]
pub struct Tag {
    pub id: TagId,
    pub name: String,
}

/// What a list shows of a thing inside another: `{"id","name"}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Named {
    pub id: i64,
    pub name: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_is_named_by_host_or_by_any_of_its_addresses() {
        let table = [
            ("example.com", Some("example.com")),
            (" WWW.Example.com ", Some("example.com")),
            (
                "https://shop.example.com/cart?x=1",
                Some("shop.example.com"),
            ),
            ("example.com:8080/a", Some("example.com")),
            ("пример.test", Some("xn--e1afmkfd.test")),
            ("", None),
            ("два слова", None),
        ];
        for (text, host) in table {
            assert_eq!(Site::host_of(text).as_deref(), host, "{text}");
        }
    }
}
