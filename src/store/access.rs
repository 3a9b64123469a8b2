//! Who may come in: users, logins, API keys; and who did what.

use super::{Page, PageRequest, StoreResult};
use crate::model::{ApiKeyId, Timestamp, UserId, WorkspaceId};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

/// Keeps users, logins and keys. Secrets come as hashes only.
#[async_trait]
pub trait Access: Send + Sync {
    /// There is at least one user: the first run is over.
    async fn has_users(&self) -> StoreResult<bool>;

    /// `Conflict` when the e-mail is taken.
    async fn add_user(
        &self,
        workspace: WorkspaceId,
        email: &str,
        password_hash: &str,
        role: Role,
        now: Timestamp,
    ) -> StoreResult<UserId>;
    async fn user_by_email(&self, email: &str) -> StoreResult<Option<UserRow>>;
    async fn users(&self, workspace: WorkspaceId) -> StoreResult<Vec<UserRow>>;
    async fn set_password(&self, user: UserId, password_hash: &str) -> StoreResult<()>;
    async fn remove_user(&self, workspace: WorkspaceId, user: UserId) -> StoreResult<()>;

    async fn add_login(
        &self,
        token_hash: &[u8],
        user: UserId,
        expires_at: Timestamp,
    ) -> StoreResult<()>;
    async fn login(&self, token_hash: &[u8], now: Timestamp) -> StoreResult<Option<LoginRow>>;
    async fn end_login(&self, token_hash: &[u8]) -> StoreResult<()>;

    /// Counts a try of `who` (an address or an e-mail) and returns how many were made since
    /// `since`, this one included. `since` is at most a day ago; it may differ for each `who`.
    async fn count_attempt(&self, who: &str, now: Timestamp, since: Timestamp) -> StoreResult<u32>;

    /// A try of `who` that was counted at `at` was right after all and counts no more.
    async fn take_back_attempt(&self, who: &str, at: Timestamp) -> StoreResult<()>;

    async fn add_api_key(&self, key: NewApiKey) -> StoreResult<ApiKeyId>;
    async fn api_key(&self, key_hash: &[u8]) -> StoreResult<Option<ApiKeyRow>>;
    async fn api_keys(&self, workspace: WorkspaceId) -> StoreResult<Vec<ApiKeyRow>>;
    async fn revoke_api_key(&self, workspace: WorkspaceId, key: ApiKeyId) -> StoreResult<()>;

    async fn audit(&self, entry: AuditEntry) -> StoreResult<()>;
    async fn audit_page(
        &self,
        workspace: WorkspaceId,
        page: &PageRequest,
    ) -> StoreResult<Page<AuditEntry>>;
}

/// What a user may do; later variants may do less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Owner,
    Admin,
    Analyst,
    /// Sees everything but contacts.
    Viewer,
}

impl Role {
    pub const ALL: [Role; 4] = [Role::Owner, Role::Admin, Role::Analyst, Role::Viewer];

    pub fn as_str(self) -> &'static str {
        match self {
            Role::Owner => "owner",
            Role::Admin => "admin",
            Role::Analyst => "analyst",
            Role::Viewer => "viewer",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct UserRow {
    pub id: UserId,
    pub workspace: WorkspaceId,
    pub email: String,
    pub password_hash: String,
    pub role: Role,
}

#[derive(Clone, Debug, PartialEq)]
pub struct LoginRow {
    pub user: UserRow,
    pub expires_at: Timestamp,
}

#[derive(Clone, Debug)]
pub struct NewApiKey {
    pub workspace: WorkspaceId,
    pub name: String,
    pub hash: Vec<u8>,
    /// `read`, `write`.
    pub scopes: Vec<String>,
    pub created_at: Timestamp,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ApiKeyRow {
    pub id: ApiKeyId,
    pub workspace: WorkspaceId,
    pub name: String,
    pub scopes: Vec<String>,
    pub created_at: Timestamp,
}

/// Who did what to which thing.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditEntry {
    pub workspace: WorkspaceId,
    pub at: Timestamp,
    /// E-mail of the user, or `key:{name}`.
    pub who: String,
    /// Verb and noun: `integration.rotate_token`.
    pub action: String,
    /// The thing's id or name.
    pub subject: String,
}
