//! `skvoz backup` and `skvoz restore`: a backup is one file; the encryption key goes beside it only
//! when asked for, so that a copy in the wrong hands opens no provider's account.

use super::Place;
use crate::hub::{KEY_FILE, Vault};
use crate::store::sqlite;
use anyhow::{Context, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub struct BackupArguments {
    #[command(flatten)]
    place: Place,
    /// File to write; it must not exist yet
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// Copy the encryption key too, to FILE.key. Without it a restored hub cannot open the secrets
    /// of its integrations, and their addresses stop working
    #[arg(long)]
    with_key: bool,
}

#[derive(Debug, Args)]
pub struct RestoreArguments {
    #[command(flatten)]
    place: Place,
    /// File that `skvoz backup` wrote; FILE.key beside it is taken too
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
}

pub async fn backup(arguments: BackupArguments) -> anyhow::Result<()> {
    let BackupArguments {
        place,
        to,
        with_key,
    } = arguments;
    let key = key_of(&to);
    if with_key && key.exists() {
        bail!("{} exists already; give another file", key.display());
    }
    let store = place.open()?;
    let bar = bar();
    let copied = store
        .backup(&to, &|share| bar.set_position((share * 100.0) as u64))
        .await;
    bar.finish_and_clear();
    copied.with_context(|| format!("cannot back up to {}", to.display()))?;
    println!("the store is in {}, checked", to.display());
    if with_key {
        copy_private(&place.data.join(KEY_FILE), &key)?;
        println!(
            "the encryption key is in {}; keep it apart from the store",
            key.display()
        );
    }
    Ok(())
}

pub async fn restore(arguments: RestoreArguments) -> anyhow::Result<()> {
    let RestoreArguments { place, from } = arguments;
    let data = &place.data;
    let store = data.join(sqlite::FILE);
    if store.exists() || data.join(KEY_FILE).exists() {
        bail!(
            "there is a hub in {} already; give an empty directory",
            data.display()
        );
    }
    if !from.is_file() {
        bail!("there is no backup {}", from.display());
    }
    crate::serve::make_directory(data)
        .with_context(|| format!("cannot make {}", data.display()))?;
    let half = store.with_extension("half");
    let checked = copy_checked(&place, &from, &half).await;
    if checked.is_err() {
        let _ = std::fs::remove_file(&half);
    }
    checked?;
    std::fs::rename(&half, &store)?;
    std::fs::File::open(data)?.sync_all()?;
    println!("the store is in {}, checked", store.display());
    restore_key(&key_of(&from), data)
}

/// Copies the backup and makes sure that it is whole before it becomes a store.
async fn copy_checked(place: &Place, from: &Path, half: &Path) -> anyhow::Result<()> {
    let (source, target) = (from.to_owned(), half.to_owned());
    let copied = tokio::task::spawn_blocking(move || {
        std::fs::copy(&source, &target)?;
        std::fs::File::open(&target)?.sync_all()
    });
    copied
        .await?
        .with_context(|| format!("cannot copy {}", from.display()))?;
    // A store of its own for the look, so that nothing of it stays beside the copy.
    let room = tempdir_in(&place.data)?;
    let trial = room.join(sqlite::FILE);
    std::fs::hard_link(half, &trial)
        .or_else(|_| std::fs::copy(half, &trial).map(|_| ()))
        .context("cannot check the copy")?;
    let report = async {
        let store = crate::serve::open_store(&place.settings()?, &room)
            .with_context(|| format!("{} is no backup of a hub", from.display()))?;
        anyhow::Ok(store.report().await?)
    };
    let report = report.await;
    let _ = std::fs::remove_dir_all(&room);
    match report?.problems.first() {
        None => Ok(()),
        Some(first) => bail!("{} is damaged: {first}", from.display()),
    }
}

fn tempdir_in(data: &Path) -> anyhow::Result<PathBuf> {
    let room = data.join(format!("restore-{}", std::process::id()));
    std::fs::create_dir(&room).with_context(|| format!("cannot make {}", room.display()))?;
    Ok(room)
}

fn restore_key(key: &Path, data: &Path) -> anyhow::Result<()> {
    if !key.is_file() {
        println!(
            "the backup has no key; put the {KEY_FILE} of the old hub into {} before serving",
            data.display()
        );
        return Ok(());
    }
    copy_private(key, &data.join(KEY_FILE))?;
    Vault::open(data, false)?;
    println!("the encryption key is in {}", data.join(KEY_FILE).display());
    Ok(())
}

/// `FILE.key`
fn key_of(backup: &Path) -> PathBuf {
    let mut name = backup.as_os_str().to_owned();
    name.push(".key");
    name.into()
}

/// Copies a file that only its owner may read; the permissions are copied with it.
fn copy_private(from: &Path, to: &Path) -> anyhow::Result<()> {
    std::fs::copy(from, to)
        .and_then(|_| std::fs::File::open(to)?.sync_all())
        .with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))
}

fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {percent}% copied, {eta} left")
        .expect("the template is valid");
    ProgressBar::new(100).with_style(style)
}
