//! A fresh store with two workspaces, so that every case can also show that it leaves the other
//! one alone.

use super::values::{at, token};
use crate::model::{
    Communication, CommunicationKind, IntegrationId, IntegrationSettings, SiteId, Subject,
    WorkspaceId,
};
use crate::store::{
    CommunicationWrite, ConversationQuery, ConversationState, NewIntegration, NewRawEvent, Store,
    StoreError, StoreResult, UnitOfWork,
};
use async_trait::async_trait;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How an engine is opened. Each value stands for one place with one store.
#[async_trait]
pub trait Engine: Send + Sync {
    /// Opens the store; a later opening finds what an earlier one left.
    async fn open(&self) -> Arc<dyn Store>;

    /// A path where a backup may be written.
    fn backup_path(&self) -> PathBuf;

    /// Opens what `Upkeep::backup` wrote.
    async fn open_backup(&self, file: &Path) -> Arc<dyn Store>;
}

/// Where a case stands.
pub struct Ground {
    pub engine: Box<dyn Engine>,
    pub store: Arc<dyn Store>,
    pub own: Owner,
    /// Another customer on the same store.
    pub foreign: Owner,
}

/// A workspace with a site and an integration.
#[derive(Clone, Copy, Debug)]
pub struct Owner {
    pub workspace: WorkspaceId,
    pub site: SiteId,
    pub integration: IntegrationId,
}

impl Ground {
    pub async fn on(engine: impl Engine + 'static) -> Ground {
        let store = engine.open().await;
        let own = owner(&*store, "own").await;
        let foreign = owner(&*store, "foreign").await;
        Ground {
            engine: Box::new(engine),
            store,
            own,
            foreign,
        }
    }

    /// Closes the store and opens it again.
    pub async fn reopen(self) -> Ground {
        let Ground {
            engine,
            store,
            own,
            foreign,
        } = self;
        drop(store);
        let store = engine.open().await;
        Ground {
            engine,
            store,
            own,
            foreign,
        }
    }

    /// Keeps a raw event.
    pub async fn keep(&self, raw: NewRawEvent) -> crate::model::RawEventId {
        self.store.keep_raw(raw).await.unwrap()
    }

    /// Commits one communication and reads it back.
    pub async fn put(&self, write: CommunicationWrite) -> Communication {
        let (owner, kind, external_id) = (
            Owner {
                workspace: write.communication.workspace,
                integration: write.communication.integration,
                ..self.own
            },
            write.communication.kind,
            write.communication.external_id.clone(),
        );
        self.commit(vec![write]).await.unwrap();
        self.numbered(owner, kind, &external_id)
            .await
            .communication
            .unwrap()
    }

    pub async fn commit(&self, communications: Vec<CommunicationWrite>) -> StoreResult<()> {
        self.store
            .commit(UnitOfWork {
                now: at(1_000),
                communications,
                ..UnitOfWork::default()
            })
            .await
    }

    /// What is known of a conversation with a number.
    pub async fn numbered(
        &self,
        owner: Owner,
        kind: CommunicationKind,
        external_id: &str,
    ) -> ConversationState {
        let subject = Subject::Numbered {
            kind,
            external_id: external_id.into(),
        };
        self.asked(owner, subject, None).await
    }

    /// The same of a chat whose client (`{integration}:{client}`) is known.
    pub async fn numbered_with(
        &self,
        owner: Owner,
        external_id: &str,
        client: &str,
    ) -> ConversationState {
        let subject = Subject::Numbered {
            kind: CommunicationKind::Chat,
            external_id: external_id.into(),
        };
        self.asked(owner, subject, Some(client)).await
    }

    pub async fn asked(
        &self,
        owner: Owner,
        subject: Subject,
        client: Option<&str>,
    ) -> ConversationState {
        let query = ConversationQuery {
            workspace: owner.workspace,
            integration: owner.integration,
            subject,
            at: at(0),
            client: client.map(Into::into),
            dedup_key: String::new(),
        };
        let mut states = self.store.conversations(vec![query]).await.unwrap();
        assert_eq!(states.len(), 1, "one answer for each question");
        states.remove(0)
    }
}

async fn owner(store: &dyn Store, name: &str) -> Owner {
    let workspace = store
        .add_workspace(name, "Europe/Moscow", at(0))
        .await
        .unwrap();
    let host = format!("{name}.example.com");
    let site = store
        .add_site(workspace, &host, name, &format!("{name}-key"))
        .await
        .unwrap();
    let integration = store
        .add_integration(NewIntegration {
            workspace,
            provider: "jivosite".into(),
            site: Some(site),
            name: name.into(),
            active: true,
            settings: IntegrationSettings::default(),
            token: token(name),
            created_at: at(0),
        })
        .await
        .unwrap();
    Owner {
        workspace,
        site,
        integration,
    }
}

/// The thing is not there, or not there for the one who asks.
pub fn assert_not_found<T: std::fmt::Debug>(result: StoreResult<T>) {
    assert!(
        matches!(result, Err(StoreError::NotFound(_))),
        "expected NotFound, got {result:?}"
    );
}

/// Somebody else was first.
pub fn assert_conflict<T: std::fmt::Debug>(result: StoreResult<T>) {
    assert!(
        matches!(result, Err(StoreError::Conflict(_))),
        "expected Conflict, got {result:?}"
    );
}
