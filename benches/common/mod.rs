//! What the benches share: a hub without doors over a folder, the work to give it, and what the
//! system says a process has used.

#![allow(dead_code, reason = "each bench uses a part of it")]

pub mod grown;
pub mod load;
pub mod process;
pub mod traffic;

use skvoz::config::Config;
use skvoz::hub::{Clock, Hub, Outbound, Places, Vault};
use skvoz::model::{
    Address, Condition, ConditionGroup, ConditionOperator, Conditions, IntegrationId,
    IntegrationSettings, Parameter, RawState, SiteId, Timestamp, WorkspaceId,
};
use skvoz::store::sqlite::{Options, SqliteStore};
use skvoz::store::{NewIntegration, NewRawEvent, TokenRow};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use traffic::{Message, Origin};

/// Campaigns of the site; marks of visits name one of them.
pub const CAMPAIGNS: u64 = 20;
pub const SITE_KEY: &str = "benchsite000";
pub const SITE_HOST: &str = "shop.example.org";

/// A hub with one workspace, one site and an integration of each provider.
pub struct Bench {
    pub hub: Arc<Hub>,
    /// The hub's store, as what it is.
    pub engine: Arc<SqliteStore>,
    pub workspace: WorkspaceId,
    pub site: SiteId,
    integrations: HashMap<&'static str, IntegrationId>,
}

/// The token of a provider's address.
pub fn token(provider: &str) -> String {
    format!("token-of-{provider}-sample")
}

impl Bench {
    /// Opens the folder's store, and sets a new one up.
    pub async fn open(folder: &Path, clock: Clock) -> anyhow::Result<Bench> {
        let config = Config::default();
        let engine = Arc::new(SqliteStore::open(folder, Options::default())?);
        let vault = Vault::open(folder, true)?;
        let outbound = Outbound::new(config.outbound.clone());
        let listening = config.server.listen;
        let places = Places::default();
        let store = engine.clone();
        let hub = Hub::new(config, store, vault, clock, outbound, places, listening);
        if hub.store.workspaces().await?.is_empty() {
            set_up(&hub).await?;
        }
        let workspace = hub.store.workspaces().await?[0].id;
        let setup = hub.setups.of(workspace).await?;
        let integrations = traffic::PROVIDERS
            .into_iter()
            .zip(setup.integrations.iter().map(|integration| integration.id))
            .collect();
        Ok(Bench {
            site: setup.sites[0].id,
            hub,
            engine,
            workspace,
            integrations,
        })
    }

    /// A message as the doors would keep it.
    pub fn raw(&self, message: Message, received_at: Timestamp) -> NewRawEvent {
        let is_fetched = message.origin == Origin::Fetched;
        NewRawEvent {
            workspace: self.workspace,
            integration: self.integrations[message.provider],
            provider: message.provider.to_owned(),
            address: if is_fetched {
                Address::Fetched
            } else {
                Address::Chats
            },
            method: if is_fetched { "GET" } else { "POST" }.to_owned(),
            query: String::new(),
            headers: vec![
                ("content-type".to_owned(), message.content_type.to_owned()),
                ("user-agent".to_owned(), "ExampleHook/1.0".to_owned()),
            ],
            body: message.body.into_bytes(),
            received_at,
            state: RawState::Pending,
            reason: None,
            detail: None,
        }
    }
}

async fn set_up(hub: &Hub) -> anyhow::Result<()> {
    let store = &hub.store;
    let now = hub.now();
    let workspace = store.add_workspace("Bench", "Europe/Moscow", now).await?;
    let site = store
        .add_site(workspace, SITE_HOST, SITE_HOST, SITE_KEY)
        .await?;
    for number in 0..CAMPAIGNS {
        let condition = Condition {
            parameter: Parameter::UtmCampaign,
            operator: ConditionOperator::Equals,
            value: traffic::campaign(number),
            exclude: false,
        };
        let group = ConditionGroup {
            conditions: vec![condition],
        };
        let conditions = Conditions {
            groups: vec![group],
        };
        store
            .add_campaign(workspace, site, &format!("Campaign {number}"), &conditions)
            .await?;
    }
    for provider in traffic::PROVIDERS {
        let token = token(provider);
        let new = NewIntegration {
            workspace,
            provider: provider.to_owned(),
            site: Some(site),
            name: provider.to_owned(),
            active: true,
            settings: IntegrationSettings::default(),
            token: TokenRow {
                hash: hub.vault.hash(&token),
                sealed: hub.vault.seal(&token),
                created_at: now,
                expires_at: None,
            },
            created_at: now,
        };
        store.add_integration(new).await?;
    }
    Ok(())
}

/// The value of `--name value`; other arguments, such as cargo's own, are passed over.
pub fn argument(name: &str) -> Option<String> {
    std::env::args().skip_while(|word| word != name).nth(1)
}

/// A whole number given as `--name value`.
pub fn number(name: &str, default: u64) -> u64 {
    argument(name).map_or(default, |text| {
        text.replace('_', "")
            .parse()
            .unwrap_or_else(|_| panic!("{name} {text:?} is no whole number"))
    })
}

pub fn has_flag(name: &str) -> bool {
    std::env::args().any(|word| word == name)
}

/// The middle one.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 {
        values[middle]
    } else {
        (values[middle - 1] + values[middle]) / 2.0
    }
}
