//! What is configured, kept at hand: each workspace's setup as the pipeline and the doors use it,
//! with secrets opened, read again when its version in the store has changed.
//!
//! Another process may change the configuration, so a kept setup is compared with the store's
//! version at most once a second; a change made here is seen at once.

use super::Vault;
use crate::credit::{ChannelRules, Rules};
use crate::model::Timestamp;
use crate::model::{
    Campaign, CampaignId, Employee, EmployeeId, Integration, IntegrationId, Named, Site, SiteId,
    Source, SourceId, Tag, TagId, Workspace, WorkspaceId,
};
use crate::store::{IntegrationRow, Removable, Store, StoreResult, WorkspaceSetup};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};
use tracing::error;

/// How long a setup is used before its version is compared.
const CHECK_EVERY: Duration = Duration::from_secs(1);

/// How long the answer to "whose address is this" is remembered.
const ADDRESS_FOR: Duration = Duration::from_secs(2);

/// Remembered addresses; more than these are forgotten together.
const MAX_ADDRESSES: usize = 10_000;

/// The configuration of a workspace, ready for use.
#[derive(Clone, Debug)]
pub struct LiveSetup {
    pub version: i64,
    pub workspace: Workspace,
    pub sites: Vec<Site>,
    /// In the order of their ids.
    pub integrations: Vec<Arc<Integration>>,
    pub campaigns: Vec<Campaign>,
    pub sources: Vec<Source>,
    pub employees: Vec<Employee>,
    pub tags: Vec<Tag>,
    /// Sites, campaigns, sources and channel groups, compiled.
    pub rules: Arc<Rules>,
    /// Names of removed things, so that old rows still say them.
    pub removed: Vec<(Removable, String)>,
}

impl LiveSetup {
    fn open(setup: WorkspaceSetup, vault: &Vault) -> LiveSetup {
        let integrations = setup
            .integrations
            .into_iter()
            .map(|row| Arc::new(open_integration(row, vault)))
            .collect();
        let rules = Rules::compile(
            setup.sites.clone(),
            setup.campaigns.clone(),
            setup.sources.clone(),
            &channel_rules(&setup.workspace),
        );
        LiveSetup {
            rules: Arc::new(rules),
            version: setup.version,
            workspace: setup.workspace,
            sites: setup.sites,
            integrations,
            campaigns: setup.campaigns,
            sources: setup.sources,
            employees: setup.employees,
            tags: setup.tags,
            removed: setup.removed,
        }
    }

    pub fn integration(&self, id: IntegrationId) -> Option<&Arc<Integration>> {
        self.integrations
            .iter()
            .find(|integration| integration.id == id)
    }

    pub fn site(&self, id: SiteId) -> Option<&Site> {
        self.sites.iter().find(|site| site.id == id)
    }

    pub fn campaign(&self, id: CampaignId) -> Option<&Campaign> {
        self.campaigns.iter().find(|campaign| campaign.id == id)
    }

    pub fn source(&self, id: SourceId) -> Option<&Source> {
        self.sources.iter().find(|source| source.id == id)
    }

    pub fn employee(&self, id: EmployeeId) -> Option<&Employee> {
        self.employees.iter().find(|employee| employee.id == id)
    }

    pub fn tag(&self, id: TagId) -> Option<&Tag> {
        self.tags.iter().find(|tag| tag.id == id)
    }

    /// The name of a thing, also of a removed one.
    pub fn named(&self, what: Removable) -> Option<Named> {
        let (id, living) = match what {
            Removable::Site(id) => (id.0, self.site(id).map(|site| &site.name)),
            Removable::Integration(id) => (id.0, self.integration(id).map(|found| &found.name)),
            Removable::Campaign(id) => (id.0, self.campaign(id).map(|found| &found.name)),
            Removable::Source(id) => (id.0, self.source(id).map(|found| &found.name)),
            Removable::Employee(id) => (id.0, self.employee(id).map(|found| &found.name)),
            Removable::Tag(id) => (id.0, self.tag(id).map(|found| &found.name)),
        };
        let removed = || {
            self.removed
                .iter()
                .find(|(gone, _)| *gone == what)
                .map(|(_, name)| name)
        };
        let name = living.or_else(removed)?.clone();
        Some(Named { id, name })
    }
}

/// The workspace's own order of channel groups; the built-in one when it has none that reads.
fn channel_rules(workspace: &Workspace) -> ChannelRules {
    let own = workspace.channel_rules.clone();
    own.and_then(|rules| serde_json::from_value(rules).ok())
        .unwrap_or_default()
}

fn open_integration(row: IntegrationRow, vault: &Vault) -> Integration {
    let mut settings = row.settings;
    settings.own.retain(|name, value| {
        let Some(sealed) = value.as_str().filter(|text| Vault::is_sealed(text)) else {
            return true;
        };
        match vault.open_text(sealed) {
            Some(clear) => {
                *value = clear.into();
                true
            }
            None => {
                error!(integration.id = %row.id, setting = %name,
                    "A secret of integration {} was sealed with another key and is not used", row.id);
                false
            }
        }
    });
    Integration {
        id: row.id,
        workspace: row.workspace,
        provider: row.provider,
        site: row.site,
        name: row.name,
        active: row.active,
        settings,
        created_at: row.created_at,
    }
}

/// Keeps the setups of all workspaces and the owners of addresses.
pub struct Setups {
    store: Arc<dyn Store>,
    vault: Arc<Vault>,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    /// Counts local changes: what was read before one is not kept after it.
    changes: u64,
    setups: HashMap<WorkspaceId, (Arc<LiveSetup>, Instant)>,
    tokens: HashMap<Vec<u8>, ((WorkspaceId, IntegrationId), Instant)>,
    sites: HashMap<String, ((WorkspaceId, SiteId), Instant)>,
}

impl Setups {
    pub(super) fn new(store: Arc<dyn Store>, vault: Arc<Vault>) -> Setups {
        Setups {
            store,
            vault,
            kept: Mutex::default(),
        }
    }

    /// The setup of a workspace, at most a second old.
    pub async fn of(&self, workspace: WorkspaceId) -> StoreResult<Arc<LiveSetup>> {
        let (changes, kept) = {
            let kept = self.kept();
            (kept.changes, kept.setups.get(&workspace).cloned())
        };
        if let Some((setup, checked)) = kept {
            if checked.elapsed() < CHECK_EVERY {
                return Ok(setup);
            }
            if self.store.setup_version(workspace).await? == setup.version {
                self.keep(changes, workspace, &setup);
                return Ok(setup);
            }
        }
        let read = self.store.workspace_setup(workspace).await?;
        let setup = Arc::new(LiveSetup::open(read, &self.vault));
        self.keep(changes, workspace, &setup);
        Ok(setup)
    }

    /// The configuration was changed here: nothing read before is used again.
    pub fn changed(&self, workspace: WorkspaceId) {
        let mut kept = self.kept();
        kept.changes += 1;
        kept.setups.remove(&workspace);
        kept.tokens.retain(|_, ((owner, _), _)| *owner != workspace);
        kept.sites.retain(|_, ((owner, _), _)| *owner != workspace);
    }

    /// The integration whose address holds this token. Unknown tokens are not remembered, so
    /// guessing fills no memory.
    pub async fn integration_by_token(
        &self,
        token: &str,
        now: Timestamp,
    ) -> StoreResult<Option<(Arc<LiveSetup>, Arc<Integration>)>> {
        let hash = self.vault.hash(token);
        let (changes, kept) = {
            let kept = self.kept();
            (kept.changes, fresh(&kept.tokens, &hash))
        };
        let found = match kept {
            Some(found) => Some(found),
            None => self.store.integration_by_token(&hash, now).await?,
        };
        let Some((workspace, id)) = found else {
            return Ok(None);
        };
        if kept.is_none() {
            let mut kept = self.kept();
            if kept.changes == changes {
                remember(&mut kept.tokens, hash, (workspace, id));
            }
        }
        let setup = self.of(workspace).await?;
        let integration = setup.integration(id).cloned();
        Ok(integration.map(|integration| (setup, integration)))
    }

    /// The site of a tracker key.
    pub async fn site_by_key(&self, key: &str) -> StoreResult<Option<(Arc<LiveSetup>, SiteId)>> {
        let (changes, kept) = {
            let kept = self.kept();
            (kept.changes, fresh(&kept.sites, key))
        };
        let found = match kept {
            Some(found) => Some(found),
            None => self.store.site_by_key(key).await?,
        };
        let Some((workspace, site)) = found else {
            return Ok(None);
        };
        if kept.is_none() {
            let mut kept = self.kept();
            if kept.changes == changes {
                remember(&mut kept.sites, key.to_string(), (workspace, site));
            }
        }
        Ok(Some((self.of(workspace).await?, site)))
    }

    fn keep(&self, changes: u64, workspace: WorkspaceId, setup: &Arc<LiveSetup>) {
        let mut kept = self.kept();
        if kept.changes == changes {
            kept.setups
                .insert(workspace, (setup.clone(), Instant::now()));
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept
            .lock()
            .expect("nothing panics while it holds the kept setups")
    }
}

fn fresh<K, Q, V>(known: &HashMap<K, (V, Instant)>, key: &Q) -> Option<V>
where
    K: std::borrow::Borrow<Q> + std::hash::Hash + Eq,
    Q: std::hash::Hash + Eq + ?Sized,
    V: Copy,
{
    let (value, at) = known.get(key)?;
    (at.elapsed() < ADDRESS_FOR).then_some(*value)
}

fn remember<K: std::hash::Hash + Eq, V>(known: &mut HashMap<K, (V, Instant)>, key: K, value: V) {
    if known.len() >= MAX_ADDRESSES {
        known.clear();
    }
    known.insert(key, (value, Instant::now()));
}
