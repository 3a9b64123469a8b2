//! Making a workspace with everything a person or a program needs to begin.

use super::{Vault, password};
use crate::model::{SiteId, Timestamp, UserId, WorkspaceId};
use crate::store::{NewApiKey, Role, Store, StoreResult};
use serde::Serialize;

/// A workspace to make. Its parts were checked.
pub struct NewWorkspace<'a> {
    pub name: &'a str,
    /// E-mail of the owner, folded.
    pub email: &'a str,
    pub password: String,
    /// Host of its site.
    pub host: &'a str,
    /// IANA name.
    pub timezone: &'a str,
}

/// A workspace that was made, as `skvoz init` prints it.
#[derive(Debug, Serialize)]
pub struct MadeWorkspace {
    pub workspace_id: WorkspaceId,
    pub site_id: SiteId,
    pub site_key: String,
    /// With all rights.
    pub api_key: String,
    #[serde(skip)]
    pub owner: UserId,
}

/// Makes a workspace with its owner, a site and an API key. `Conflict` when the e-mail is taken.
pub async fn make_workspace(
    store: &dyn Store,
    vault: &Vault,
    new: NewWorkspace<'_>,
    now: Timestamp,
) -> StoreResult<MadeWorkspace> {
    let hash = password::hash(new.password).await;
    let workspace = store.add_workspace(new.name, new.timezone, now).await?;
    let owner = store
        .add_user(workspace, new.email, &hash, Role::Owner, now)
        .await?;
    let site_key = Vault::short_key();
    let site_id = store
        .add_site(workspace, new.host, new.host, &site_key)
        .await?;
    let api_key = Vault::api_key();
    let key = NewApiKey {
        workspace,
        name: "init".into(),
        hash: vault.hash(&api_key),
        scopes: vec!["read".into(), "write".into()],
        created_at: now,
    };
    store.add_api_key(key).await?;
    Ok(MadeWorkspace {
        workspace_id: workspace,
        site_id,
        site_key,
        api_key,
        owner,
    })
}
