//! `skvoz init`: a workspace with everything a program needs to begin, without the pages.

use super::Place;
use crate::hub::{Clock, Vault, password};
use crate::model::{Site, SiteId, WorkspaceId};
use crate::store::{NewApiKey, Role, Store};
use anyhow::{Context, bail};
use clap::Args;
use serde::Serialize;

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    place: Place,
    /// Name of the workspace
    #[arg(long)]
    workspace: String,
    /// E-mail of its owner, who signs in with it
    #[arg(long)]
    email: String,
    /// Read the owner's password from standard input
    #[arg(long, required = true)]
    password_stdin: bool,
    /// Host of the site, like example.com
    #[arg(long, value_name = "HOST")]
    site: String,
    /// Time zone of the workspace, like Europe/Moscow
    #[arg(long, value_name = "ZONE", default_value = "Europe/Moscow")]
    timezone: String,
}

pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let Arguments {
        place,
        workspace,
        email,
        site,
        timezone,
        ..
    } = arguments;
    let host = Site::host_of(&site)
        .with_context(|| format!("--site {site:?} is no host; give one like example.com"))?;
    if jiff::tz::TimeZone::get(&timezone).is_err() {
        bail!("--timezone {timezone:?} is unknown; give one like Europe/Moscow");
    }
    let email = super::user::checked_email(&email)?;
    let password = super::password_from_stdin()?;
    let (store, vault) = crate::serve::open(&place.settings()?, &place.data).await?;
    if store.user_by_email(&email).await?.is_some() {
        bail!("there is a user {email} already; change the password with `skvoz user password`");
    }
    let new = NewWorkspace {
        name: &workspace,
        email: &email,
        password,
        host: &host,
        timezone: &timezone,
    };
    let made = make(store.as_ref(), &vault, new).await?;
    println!("{}", serde_json::to_string(&made)?);
    Ok(())
}

/// A workspace to make.
pub(super) struct NewWorkspace<'a> {
    pub(super) name: &'a str,
    pub(super) email: &'a str,
    pub(super) password: String,
    pub(super) host: &'a str,
    pub(super) timezone: &'a str,
}

/// What a program needs to begin.
#[derive(Debug, Serialize)]
pub(super) struct Made {
    workspace_id: WorkspaceId,
    site_id: SiteId,
    site_key: String,
    pub(super) api_key: String,
}

/// Makes a workspace with its owner, a site and an API key with all rights.
pub(super) async fn make(
    store: &dyn Store,
    vault: &Vault,
    new: NewWorkspace<'_>,
) -> anyhow::Result<Made> {
    let now = Clock::System.now();
    let hash = password::hash(new.password).await;
    let workspace_id = store.add_workspace(new.name, new.timezone, now).await?;
    store
        .add_user(workspace_id, new.email, &hash, Role::Owner, now)
        .await?;
    let site_key = Vault::short_key();
    let site_id = store
        .add_site(workspace_id, new.host, new.host, &site_key)
        .await?;
    let api_key = Vault::api_key();
    let key = NewApiKey {
        workspace: workspace_id,
        name: "init".into(),
        hash: vault.hash(&api_key),
        scopes: vec!["read".into(), "write".into()],
        created_at: now,
    };
    store.add_api_key(key).await?;
    Ok(Made {
        workspace_id,
        site_id,
        site_key,
        api_key,
    })
}
