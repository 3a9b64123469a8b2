//! The secret addresses of an integration (DESIGN.md 4.1): making their token, hiding it in the
//! store, showing it again.

use super::{Hub, Vault};
use crate::model::{Integration, Timestamp};
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
    /// Addresses with an older token work until then; null when there is none.
    pub old_until: Option<Timestamp>,
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

    /// The addresses of an integration. `None` when its token was sealed with another key.
    pub async fn addresses(
        &self,
        integration: &Integration,
        doors: Doors,
    ) -> StoreResult<Option<Addresses>> {
        let tokens = self
            .store
            .tokens(integration.workspace, integration.id, self.now())
            .await?;
        let (old, living): (Vec<_>, Vec<_>) =
            tokens.iter().partition(|token| token.expires_at.is_some());
        let newest = living.first().or(old.first());
        let Some(token) = newest.and_then(|token| self.vault.open_text(&token.sealed)) else {
            return Ok(None);
        };
        let base = self.url(&format!("/in/{}/{token}", integration.provider));
        let below = |door: &str| format!("{base}/{door}");
        let has_leads = doors.leads && integration.settings.offline_leads;
        let channels = CHANNELS.iter().filter(|_| doors.channels);
        Ok(Some(Addresses {
            leads: has_leads.then(|| below("leads")),
            channels: channels
                .map(|name| (name.to_string(), below(name)))
                .collect(),
            old_until: old.iter().filter_map(|token| token.expires_at).max(),
            chats: base,
        }))
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
