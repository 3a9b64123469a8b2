//! The shared suite on SQLite: how a store is opened.

use super::{FILE, Options, SqliteStore};
use crate::store::Store;
use crate::store::suite::ground::Engine;
use crate::store::suite::suite_for;
use async_trait::async_trait;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

struct Sqlite {
    folder: TempDir,
}

fn engine() -> Sqlite {
    Sqlite {
        folder: tempfile::tempdir().unwrap(),
    }
}

fn open(folder: &Path) -> Arc<dyn Store> {
    Arc::new(SqliteStore::open(folder, Options::default()).unwrap())
}

#[async_trait]
impl Engine for Sqlite {
    async fn open(&self) -> Arc<dyn Store> {
        open(self.folder.path())
    }

    fn backup_path(&self) -> PathBuf {
        self.folder.path().join("copy").with_extension("backup")
    }

    async fn open_backup(&self, file: &Path) -> Arc<dyn Store> {
        let restored = self.folder.path().join("restored");
        std::fs::create_dir(&restored).unwrap();
        std::fs::copy(file, restored.join(FILE)).unwrap();
        open(&restored)
    }
}

suite_for!(engine);
