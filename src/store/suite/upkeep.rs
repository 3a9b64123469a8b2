//! Cases of backup, checks and figures.

use super::ground::{Ground, Owner, assert_conflict};
use super::values::{at, event, everything, key, token, write};
use crate::model::{Communication, KeyKind};
use crate::store::{CommunicationFilter, CommunicationSort, RawFilter, Role, Store, VisitFilter};
use std::sync::Mutex;

async fn backed_up(ground: &Ground) -> Vec<f64> {
    let told = Mutex::new(vec![]);
    ground
        .store
        .backup(&ground.engine.backup_path(), &|share| {
            told.lock().unwrap().push(share);
        })
        .await
        .unwrap();
    told.into_inner().unwrap()
}

/// A little of everything.
async fn filled(ground: &Ground) {
    let own = ground.own;
    let raw = ground.keep(own.raw(0)).await;
    ground
        .store
        .record_hit(own.page("v1", "m1", 0))
        .await
        .unwrap();
    let mut chat = write(Communication {
        keys: vec![key(KeyKind::Visit, "v1")],
        ..own.chat("chat")
    });
    chat.new_events = vec![event("a", raw, 0)];
    chat.text = Some("слово".into());
    ground.put(chat).await;
    ground
        .store
        .add_user(
            own.workspace,
            "anna@example.org",
            "hash",
            Role::Owner,
            at(0),
        )
        .await
        .unwrap();
}

/// All that the lists of a store tell, as text.
async fn told(store: &dyn Store, owner: Owner) -> String {
    let (workspace, all) = (owner.workspace, everything());
    let text = CommunicationFilter {
        text: Some("слово".into()),
        ..CommunicationFilter::default()
    };
    let sort = CommunicationSort::NewestFirst;
    let chats = store
        .communications_page(workspace, &text, sort, &all)
        .await
        .unwrap();
    let mut raw_events = vec![];
    for row in store
        .raw_page(workspace, &RawFilter::default(), &all)
        .await
        .unwrap()
        .items
    {
        raw_events.push(store.raw_event(workspace, row.event.id).await.unwrap());
    }
    let ids = chats.items.iter().map(|chat| (workspace, chat.id));
    format!(
        "{:?} {raw_events:?} {:?} {:?} {:?} {:?} {chats:?}",
        store.conversations_by_id(ids.collect()).await.unwrap(),
        store
            .visits_page(workspace, &VisitFilter::default(), &all)
            .await
            .unwrap(),
        store.workspace_setup(workspace).await.unwrap(),
        store.users(workspace).await.unwrap(),
        store
            .tokens(workspace, owner.integration, at(0))
            .await
            .unwrap(),
    )
}

pub async fn a_backup_opens_and_holds_the_same(ground: Ground) {
    filled(&ground).await;
    let shares = backed_up(&ground).await;
    let expected = told(&*ground.store, ground.own).await;
    ground.keep(ground.own.raw(9)).await;
    let copy = ground
        .engine
        .open_backup(&ground.engine.backup_path())
        .await;
    assert_eq!(told(&*copy, ground.own).await, expected);
    assert_eq!(copy.report().await.unwrap().problems, [""; 0]);
    assert!(shares.is_sorted(), "{shares:?}");
    assert_eq!(shares.last(), Some(&1.0));
}

pub async fn a_backup_goes_on_living_where_it_was_taken(ground: Ground) {
    filled(&ground).await;
    backed_up(&ground).await;
    let copy = ground
        .engine
        .open_backup(&ground.engine.backup_path())
        .await;
    let in_copy = copy.keep_raw(ground.own.raw(9)).await.unwrap();
    let here = ground.keep(ground.own.raw(9)).await;
    assert_eq!(in_copy, here);
    let own = ground.own;
    copy.rotate_token(own.workspace, own.integration, token("new"), at(0))
        .await
        .unwrap();
    let unchanged = ground.store.integration_by_token(b"own", at(9)).await;
    assert!(unchanged.unwrap().is_some());
}

pub async fn a_backup_never_replaces_a_file(ground: Ground) {
    backed_up(&ground).await;
    let path = ground.engine.backup_path();
    let before = std::fs::read(&path).unwrap();
    filled(&ground).await;
    assert_conflict(ground.store.backup(&path, &|_| {}).await);
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

pub async fn a_backup_is_taken_while_the_hub_works(ground: Ground) {
    let path = ground.engine.backup_path();
    let work = async {
        for seconds in 0..50 {
            ground.keep(ground.own.raw(seconds)).await;
        }
    };
    let (backup, ()) = tokio::join!(ground.store.backup(&path, &|_| {}), work);
    backup.unwrap();
    let copy = ground.engine.open_backup(&path).await;
    let page = copy
        .raw_page(ground.own.workspace, &RawFilter::default(), &everything())
        .await
        .unwrap();
    let times: Vec<_> = page.items.iter().map(|row| row.event.received_at).collect();
    let expected: Vec<_> = (0..times.len() as i64).rev().map(at).collect();
    assert_eq!(times, expected, "what is in the copy has no holes");
    let counts = ground.store.raw_counts(ground.own.workspace).await;
    assert_eq!(counts.unwrap().pending, 50);
}

pub async fn a_report_describes_a_whole_store(ground: Ground) {
    filled(&ground).await;
    let report = ground.store.report().await.unwrap();
    assert!(!report.engine.is_empty());
    assert!(report.schema_version > 0);
    assert!(report.size_bytes + report.wal_bytes > 0);
    assert_eq!(report.problems, [""; 0]);
    ground.store.ping().await.unwrap();
}

pub async fn a_start_changes_nothing_in_a_store_at_rest(ground: Ground) {
    filled(&ground).await;
    let before = told(&*ground.store, ground.own).await;
    ground.store.start().await.unwrap();
    ground.store.start().await.unwrap();
    assert_eq!(told(&*ground.store, ground.own).await, before);
}
