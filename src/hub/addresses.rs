//! The secret addresses of an integration (DESIGN.md 4.1): making their token, hiding it in the
//! store, showing it again.

use super::{Hub, Vault};
use crate::model::{Integration, Site, Timestamp};
use crate::store::{StoreResult, TokenRow};
use serde::Serialize;
use std::collections::BTreeMap;

/// Channels that get an address of their own, where the provider does not name the messenger.
const CHANNELS: [&str; 9] = [
    "telegram",
    "whatsapp",
    "vkontakte",
    "viber",
    "max",
    "avito",
    "instagram",
    "facebook",
    "odnoklassniki",
];

/// Absolute addresses to give to the provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Addresses {
    /// For chats, and for everything where there is no other.
    pub chats: String,
    /// For offline leads; null when they are off, or come to the address for chats.
    pub leads: Option<String>,
    /// Messenger to address, where the provider does not name the messenger.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub channels: BTreeMap<String, String>,
}

/// What addresses a provider has beside the one for chats.
#[derive(Clone, Copy, Debug)]
pub struct Doors {
    pub leads: bool,
    pub channels: bool,
}

impl Hub {
    /// A new token for an integration's addresses, as the store keeps it.
    pub fn new_token(&self) -> TokenRow {
        let token = Vault::token();
        TokenRow {
            hash: self.vault.hash(&token),
            sealed: self.vault.seal(&token),
            created_at: self.now(),
            expires_at: None,
        }
    }

    /// The addresses of an integration, `None` when its token was sealed with another key; and until
    /// when addresses with an older token work, if there are any.
    pub async fn addresses(
        &self,
        integration: &Integration,
        doors: Doors,
    ) -> StoreResult<(Option<Addresses>, Option<Timestamp>)> {
        let tokens = self
            .store
            .tokens(integration.workspace, integration.id, self.now())
            .await?;
        let (old, living): (Vec<_>, Vec<_>) =
            tokens.iter().partition(|token| token.expires_at.is_some());
        let newest = living.first().or(old.first());
        let token = newest.and_then(|token| self.vault.open_text(&token.sealed));
        let addresses = token.map(|token| {
            let base = self.url(&format!("/in/{}/{token}", integration.provider));
            below(base, integration.settings.offline_leads, doors)
        });
        let old_until = old.iter().filter_map(|token| token.expires_at).max();
        Ok((addresses, old_until))
    }

    /// Where hits of a site are sent.
    pub fn hits_url(&self, site: &Site) -> String {
        self.url(&format!("{}/{}", self.config.tracker.path, site.key))
    }

    /// Where the script of a site is.
    pub fn script_url(&self, site: &Site) -> String {
        self.hits_url(site) + ".js"
    }

    /// Seals the secrets among an integration's own settings, before they go to the store.
    pub fn seal_secrets(
        &self,
        own: &mut serde_json::Map<String, serde_json::Value>,
        names: impl Iterator<Item = &'static str>,
    ) {
        for name in names {
            if let Some(value) = own.get_mut(name) {
                let clear = value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_string);
                *value = self.vault.seal(&clear).into();
            }
        }
    }
}

fn below(base: String, offline_leads: bool, doors: Doors) -> Addresses {
    let address = |door: &str| format!("{base}/{door}");
    let channels = CHANNELS.iter().filter(|_| doors.channels);
    Addresses {
        leads: (doors.leads && offline_leads).then(|| address("leads")),
        channels: channels
            .map(|name| (name.to_string(), address(name)))
            .collect(),
        chats: base,
    }
}
