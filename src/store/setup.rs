//! What people configure, and the addresses' tokens.

use super::StoreResult;
use crate::model::{
    Campaign, CampaignId, ChannelGroup, Conditions, Employee, EmployeeId, IntegrationId,
    IntegrationSettings, Site, SiteId, Source, SourceId, Tag, TagId, Timestamp, Workspace,
    WorkspaceId,
};
use async_trait::async_trait;

/// Keeps the configuration of workspaces. What stands on a site (an integration, a campaign) is
/// `NotFound` when the site is another workspace's.
#[async_trait]
pub trait Setup: Send + Sync {
    async fn add_workspace(
        &self,
        name: &str,
        timezone: &str,
        now: Timestamp,
    ) -> StoreResult<WorkspaceId>;

    async fn workspaces(&self) -> StoreResult<Vec<Workspace>>;

    async fn save_workspace(&self, workspace: &Workspace) -> StoreResult<()>;

    /// Everything configured in a workspace; secrets are sealed.
    async fn workspace_setup(&self, workspace: WorkspaceId) -> StoreResult<WorkspaceSetup>;

    /// Grows with every change of the workspace's configuration.
    async fn setup_version(&self, workspace: WorkspaceId) -> StoreResult<i64>;

    async fn add_site(
        &self,
        workspace: WorkspaceId,
        host: &str,
        name: &str,
        key: &str,
    ) -> StoreResult<SiteId>;
    async fn save_site(&self, site: &Site) -> StoreResult<()>;

    /// The site of a tracker key.
    async fn site_by_key(&self, key: &str) -> StoreResult<Option<(WorkspaceId, SiteId)>>;

    async fn add_integration(&self, new: NewIntegration) -> StoreResult<IntegrationId>;
    async fn save_integration(&self, row: &IntegrationRow) -> StoreResult<()>;

    /// The integration of an address's token, by the token's keyed hash; expired ones are none.
    async fn integration_by_token(
        &self,
        token_hash: &[u8],
        now: Timestamp,
    ) -> StoreResult<Option<(WorkspaceId, IntegrationId)>>;

    /// Live tokens, newest first.
    async fn tokens(
        &self,
        workspace: WorkspaceId,
        integration: IntegrationId,
        now: Timestamp,
    ) -> StoreResult<Vec<TokenRow>>;

    /// Adds a token; those there were end at `old_until`.
    async fn rotate_token(
        &self,
        workspace: WorkspaceId,
        integration: IntegrationId,
        token: TokenRow,
        old_until: Timestamp,
    ) -> StoreResult<()>;

    async fn add_campaign(
        &self,
        workspace: WorkspaceId,
        site: SiteId,
        name: &str,
        conditions: &Conditions,
    ) -> StoreResult<CampaignId>;
    async fn save_campaign(&self, workspace: WorkspaceId, campaign: &Campaign) -> StoreResult<()>;

    /// Without a priority it gets the greatest + 1.
    async fn add_source(
        &self,
        workspace: WorkspaceId,
        name: &str,
        channel_group: Option<ChannelGroup>,
        conditions: &Conditions,
        priority: Option<i64>,
    ) -> StoreResult<SourceId>;
    async fn save_source(&self, workspace: WorkspaceId, source: &Source) -> StoreResult<()>;

    async fn add_employee(&self, workspace: WorkspaceId, name: &str) -> StoreResult<EmployeeId>;
    async fn save_employee(&self, workspace: WorkspaceId, employee: &Employee) -> StoreResult<()>;

    async fn add_tag(&self, workspace: WorkspaceId, name: &str) -> StoreResult<TagId>;
    async fn save_tag(&self, workspace: WorkspaceId, tag: &Tag) -> StoreResult<()>;

    /// Hides it from lists; what it was credited with keeps its name.
    async fn remove(&self, workspace: WorkspaceId, what: Removable) -> StoreResult<()>;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removable {
    Site(SiteId),
    Integration(IntegrationId),
    Campaign(CampaignId),
    Source(SourceId),
    Employee(EmployeeId),
    Tag(TagId),
}

/// The configuration of a workspace. `removed_*` names what old rows still speak of.
#[derive(Clone, Debug)]
pub struct WorkspaceSetup {
    pub version: i64,
    pub workspace: Workspace,
    pub sites: Vec<Site>,
    pub integrations: Vec<IntegrationRow>,
    pub campaigns: Vec<Campaign>,
    pub sources: Vec<Source>,
    pub employees: Vec<Employee>,
    pub tags: Vec<Tag>,
    /// Names of removed things, so that old rows still say them.
    pub removed: Vec<(Removable, String)>,
}

/// An integration as stored: secrets in `settings.own` are sealed texts.
#[derive(Clone, Debug, PartialEq)]
pub struct IntegrationRow {
    pub id: IntegrationId,
    pub workspace: WorkspaceId,
    pub provider: String,
    pub site: Option<SiteId>,
    pub name: String,
    pub active: bool,
    pub settings: IntegrationSettings,
    pub created_at: Timestamp,
}

#[derive(Clone, Debug)]
pub struct NewIntegration {
    pub workspace: WorkspaceId,
    pub provider: String,
    pub site: Option<SiteId>,
    pub name: String,
    pub active: bool,
    pub settings: IntegrationSettings,
    pub token: TokenRow,
    pub created_at: Timestamp,
}

/// A token of an integration's addresses.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenRow {
    /// Keyed hash, by which it is found.
    pub hash: Vec<u8>,
    /// The token itself, sealed, to be shown again.
    pub sealed: String,
    pub created_at: Timestamp,
    /// `None`: until it is rotated.
    pub expires_at: Option<Timestamp>,
}
