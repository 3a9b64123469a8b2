//! `skvoz init`: a workspace with everything a program needs to begin, without the pages.

use super::Place;
use crate::hub::{Clock, NewWorkspace, make_workspace};
use crate::model::Site;
use anyhow::{Context, bail};
use clap::Args;

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
    let made = make_workspace(store.as_ref(), &vault, new, Clock::System.now()).await?;
    println!("{}", serde_json::to_string(&made)?);
    Ok(())
}
