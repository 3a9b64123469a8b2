//! `skvoz user`: who may sign in, for operators who are locked out or prefer the command line.

use super::Place;
use crate::hub::{Clock, password};
use crate::model::{Email, WorkspaceId};
use crate::store::{Role, Store, UserRow};
use anyhow::{Context, bail};
use clap::{Args, Subcommand, ValueEnum};

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Add a user
    Add {
        #[command(flatten)]
        place: Place,
        #[arg(long)]
        email: String,
        /// What the user may do
        #[arg(long, value_enum, default_value = "admin")]
        role: RoleName,
        /// Workspace, when there are several
        #[arg(long, value_name = "ID")]
        workspace: Option<i64>,
        /// Read the password from standard input
        #[arg(long, required = true)]
        password_stdin: bool,
    },
    /// Set a user's password
    Password {
        #[command(flatten)]
        place: Place,
        #[arg(long)]
        email: String,
        /// Read the password from standard input
        #[arg(long, required = true)]
        password_stdin: bool,
    },
    /// List all users: workspace, role, e-mail
    List {
        #[command(flatten)]
        place: Place,
    },
    /// Remove a user; the last owner of a workspace stays
    Remove {
        #[command(flatten)]
        place: Place,
        #[arg(long)]
        email: String,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum RoleName {
    Owner,
    Admin,
    Analyst,
    Viewer,
}

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Role {
        match name {
            RoleName::Owner => Role::Owner,
            RoleName::Admin => Role::Admin,
            RoleName::Analyst => Role::Analyst,
            RoleName::Viewer => Role::Viewer,
        }
    }
}

pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    match arguments.command {
        Command::Add {
            place,
            email,
            role,
            workspace,
            ..
        } => {
            add(
                &*place.open()?,
                &email,
                role.into(),
                workspace.map(WorkspaceId),
            )
            .await
        }
        Command::Password { place, email, .. } => set_password(&*place.open()?, &email).await,
        Command::List { place } => list(&*place.open()?).await,
        Command::Remove { place, email } => remove(&*place.open()?, &email).await,
    }
}

async fn add(
    store: &dyn Store,
    email: &str,
    role: Role,
    workspace: Option<WorkspaceId>,
) -> anyhow::Result<()> {
    let email = checked_email(email)?;
    let workspace = the_workspace(store, workspace).await?;
    let hash = password::hash(super::password_from_stdin()?).await;
    let now = Clock::System.now();
    store.add_user(workspace, &email, &hash, role, now).await?;
    println!(
        "added {email} to workspace {workspace} as {}",
        role.as_str()
    );
    Ok(())
}

async fn set_password(store: &dyn Store, email: &str) -> anyhow::Result<()> {
    let user = found(store, email).await?;
    let hash = password::hash(super::password_from_stdin()?).await;
    store.set_password(user.id, &hash).await?;
    println!("changed the password of {}", user.email);
    Ok(())
}

async fn list(store: &dyn Store) -> anyhow::Result<()> {
    for workspace in store.workspaces().await? {
        for user in store.users(workspace.id).await? {
            println!("{}\t{}\t{}", workspace.id, user.role.as_str(), user.email);
        }
    }
    Ok(())
}

async fn remove(store: &dyn Store, email: &str) -> anyhow::Result<()> {
    let user = found(store, email).await?;
    let users = store.users(user.workspace).await?;
    let owners = users.iter().filter(|user| user.role == Role::Owner).count();
    if user.role == Role::Owner && owners == 1 {
        bail!(
            "{} is the last owner of workspace {}; add another first",
            user.email,
            user.workspace
        );
    }
    store.remove_user(user.workspace, user.id).await?;
    println!("removed {}", user.email);
    Ok(())
}

async fn found(store: &dyn Store, email: &str) -> anyhow::Result<UserRow> {
    let email = checked_email(email)?;
    let user = store.user_by_email(&email).await?;
    user.with_context(|| format!("there is no user {email}; `skvoz user list` shows them all"))
}

/// An e-mail in the form in which it is stored.
pub fn checked_email(email: &str) -> anyhow::Result<String> {
    let email = Email::parse(email)
        .with_context(|| format!("{email:?} is no e-mail; give one like me@example.com"))?;
    Ok(email.as_str().to_string())
}

/// The named workspace, or the only one.
async fn the_workspace(
    store: &dyn Store,
    asked: Option<WorkspaceId>,
) -> anyhow::Result<WorkspaceId> {
    let all = store.workspaces().await?;
    match (asked, all.as_slice()) {
        (Some(id), all) if all.iter().any(|workspace| workspace.id == id) => Ok(id),
        (Some(id), _) => bail!("there is no workspace {id}"),
        (None, [only]) => Ok(only.id),
        (None, []) => bail!("there is no workspace yet; make one with `skvoz init`"),
        (None, all) => {
            let list: Vec<String> = all
                .iter()
                .map(|one| format!("{} ({})", one.id, one.name))
                .collect();
            bail!(
                "there are several workspaces: {}; name one with --workspace",
                list.join(", ")
            )
        }
    }
}
