//! Cases of users, logins, attempts, API keys and the audit log.

use super::ground::{Ground, assert_conflict, assert_not_found};
use super::values::{after, at, everything, first};
use crate::model::{ApiKeyId, UserId, WorkspaceId};
use crate::store::{ApiKeyRow, AuditEntry, LoginRow, NewApiKey, Role, UserRow};

async fn add_user(ground: &Ground, email: &str, role: Role) -> UserId {
    let own = ground.own.workspace;
    let added = ground.store.add_user(own, email, "hash", role, at(0)).await;
    added.unwrap()
}

pub async fn the_first_run_is_over_with_the_first_user(ground: Ground) {
    assert!(!ground.store.has_users().await.unwrap());
    add_user(&ground, "anna@example.org", Role::Owner).await;
    let ground = ground.reopen().await;
    assert!(ground.store.has_users().await.unwrap());
}

pub async fn users_are_found_by_email_and_listed_by_workspace(ground: Ground) {
    let mut expected = vec![];
    for role in Role::ALL {
        let email = format!("{}@example.org", role.as_str());
        expected.push(UserRow {
            id: add_user(&ground, &email, role).await,
            workspace: ground.own.workspace,
            email,
            password_hash: "hash".into(),
            role,
        });
    }
    let store = &ground.store;
    assert_eq!(store.users(ground.own.workspace).await.unwrap(), expected);
    assert_eq!(store.users(ground.foreign.workspace).await.unwrap(), []);
    let found = store.user_by_email("analyst@example.org").await.unwrap();
    assert_eq!(found.as_ref(), Some(&expected[2]));
    assert_eq!(store.user_by_email("none@example.org").await.unwrap(), None);
}

pub async fn an_email_is_one_users_in_all_workspaces(ground: Ground) {
    add_user(&ground, "anna@example.org", Role::Owner).await;
    for workspace in [ground.own.workspace, ground.foreign.workspace] {
        let twin = ground
            .store
            .add_user(workspace, "anna@example.org", "other", Role::Viewer, at(0))
            .await;
        assert_conflict(twin);
    }
    let found = ground.store.user_by_email("anna@example.org").await;
    assert_eq!(found.unwrap().unwrap().role, Role::Owner);
}

pub async fn a_login_lasts_until_it_expires_or_ends(ground: Ground) {
    let user = add_user(&ground, "anna@example.org", Role::Owner).await;
    let store = &ground.store;
    for token in [b"one", b"two"] {
        store.add_login(token, user, at(100)).await.unwrap();
    }
    let row = store.user_by_email("anna@example.org").await.unwrap();
    let login = LoginRow {
        user: row.unwrap(),
        expires_at: at(100),
    };
    assert_eq!(store.login(b"one", at(99)).await.unwrap(), Some(login));
    assert_eq!(store.login(b"one", at(100)).await.unwrap(), None);
    assert_eq!(store.login(b"none", at(0)).await.unwrap(), None);
    store.end_login(b"one").await.unwrap();
    store.end_login(b"one").await.unwrap();
    assert_eq!(store.login(b"one", at(0)).await.unwrap(), None);
    assert!(store.login(b"two", at(0)).await.unwrap().is_some());
}

pub async fn a_new_password_ends_every_login_of_the_user(ground: Ground) {
    let anna = add_user(&ground, "anna@example.org", Role::Owner).await;
    let boris = add_user(&ground, "boris@example.org", Role::Admin).await;
    let store = &ground.store;
    store.add_login(b"anna", anna, at(100)).await.unwrap();
    store.add_login(b"boris", boris, at(100)).await.unwrap();
    store.set_password(anna, "new hash").await.unwrap();
    assert_eq!(store.login(b"anna", at(0)).await.unwrap(), None);
    assert!(store.login(b"boris", at(0)).await.unwrap().is_some());
    let users = store.users(ground.own.workspace).await.unwrap();
    let hashes: Vec<_> = users.iter().map(|user| &*user.password_hash).collect();
    assert_eq!(hashes, ["new hash", "hash"]);
    assert_not_found(store.set_password(UserId(9_999), "hash").await);
}

pub async fn a_removed_user_is_out_and_his_id_is_not_used_again(ground: Ground) {
    let anna = add_user(&ground, "anna@example.org", Role::Owner).await;
    let (store, own) = (&ground.store, ground.own.workspace);
    store.add_login(b"anna", anna, at(100)).await.unwrap();
    store.remove_user(own, anna).await.unwrap();
    assert_eq!(store.login(b"anna", at(0)).await.unwrap(), None);
    assert_eq!(store.users(own).await.unwrap(), []);
    assert_not_found(store.remove_user(own, anna).await);
    assert!(store.add_login(b"late", anna, at(100)).await.is_err());
    let again = add_user(&ground, "anna@example.org", Role::Owner).await;
    assert!(again > anna);
}

async fn attempts(ground: &Ground, who: &str, now: i64, since: i64) -> u32 {
    let count = ground.store.count_attempt(who, at(now), at(since)).await;
    count.unwrap()
}

pub async fn a_try_that_was_right_counts_no_more(ground: Ground) {
    assert_eq!(attempts(&ground, "anna", 0, -60).await, 1);
    assert_eq!(attempts(&ground, "anna", 30, -60).await, 2);
    for _ in 0..2 {
        let store = &ground.store;
        store.take_back_attempt("anna", at(30)).await.unwrap();
    }
    assert_eq!(attempts(&ground, "anna", 60, -60).await, 2);
}

pub async fn attempts_are_counted_within_the_span_for_each_one_alone(ground: Ground) {
    assert_eq!(attempts(&ground, "anna", 0, -60).await, 1);
    assert_eq!(attempts(&ground, "anna", 30, -30).await, 2);
    assert_eq!(attempts(&ground, "192.0.2.1", 30, -30).await, 1);
    let ground = ground.reopen().await;
    assert_eq!(attempts(&ground, "anna", 60, 0).await, 3);
    assert_eq!(attempts(&ground, "anna", 61, 1).await, 3);
    assert_eq!(attempts(&ground, "anna", 500, 440).await, 1);
}

/// An address may be given an hour, an e-mail a quarter of it.
pub async fn a_shorter_span_of_one_takes_nothing_from_another(ground: Ground) {
    for seconds in 0..3 {
        attempts(&ground, "192.0.2.1", seconds, seconds - 3_600).await;
    }
    attempts(&ground, "anna", 1_000, 940).await;
    assert_eq!(attempts(&ground, "192.0.2.1", 1_001, -2_599).await, 4);
}

async fn add_key(ground: &Ground, workspace: WorkspaceId, name: &str) -> ApiKeyId {
    let key = NewApiKey {
        workspace,
        name: name.into(),
        hash: name.as_bytes().to_vec(),
        scopes: vec!["read".into(), "write".into()],
        created_at: at(5),
    };
    ground.store.add_api_key(key).await.unwrap()
}

pub async fn an_api_key_is_found_by_its_hash_until_it_is_revoked(ground: Ground) {
    let own = ground.own.workspace;
    let id = add_key(&ground, own, "crm").await;
    let other = add_key(&ground, own, "other").await;
    let expected = ApiKeyRow {
        id,
        workspace: own,
        name: "crm".into(),
        scopes: vec!["read".into(), "write".into()],
        created_at: at(5),
    };
    let ground = ground.reopen().await;
    let store = &ground.store;
    assert_eq!(store.api_key(b"crm").await.unwrap(), Some(expected));
    assert_eq!(store.api_key(b"none").await.unwrap(), None);
    assert_eq!(store.api_keys(own).await.unwrap().len(), 2);
    store.revoke_api_key(own, id).await.unwrap();
    assert_eq!(store.api_key(b"crm").await.unwrap(), None);
    let left: Vec<_> = store.api_keys(own).await.unwrap();
    assert_eq!(left.iter().map(|key| key.id).collect::<Vec<_>>(), [other]);
    assert_not_found(store.revoke_api_key(own, id).await);
}

pub async fn a_hash_of_a_revoked_key_cannot_come_back(ground: Ground) {
    let own = ground.own.workspace;
    let id = add_key(&ground, own, "crm").await;
    ground.store.revoke_api_key(own, id).await.unwrap();
    let again = NewApiKey {
        workspace: ground.foreign.workspace,
        name: "crm".into(),
        hash: b"crm".to_vec(),
        scopes: vec![],
        created_at: at(0),
    };
    assert_conflict(ground.store.add_api_key(again).await);
}

pub async fn the_audit_log_is_read_newest_first_and_in_pages(ground: Ground) {
    let entry = |workspace, number: i64| AuditEntry {
        workspace,
        at: at(number),
        who: "anna@example.org".into(),
        action: "integration.rotate_token".into(),
        subject: number.to_string(),
    };
    let (store, own) = (&ground.store, ground.own.workspace);
    let mut expected = vec![];
    for number in 0..5 {
        store.audit(entry(own, number)).await.unwrap();
        expected.insert(0, entry(own, number));
    }
    let foreign = ground.foreign.workspace;
    store.audit(entry(foreign, 7)).await.unwrap();
    let all = store.audit_page(own, &everything()).await.unwrap();
    assert_eq!((all.items, all.next), (expected.clone(), None));
    let mut seen = vec![];
    let mut request = first(2);
    loop {
        let page = store.audit_page(own, &request).await.unwrap();
        seen.extend(page.items);
        store.audit(entry(own, 99)).await.unwrap();
        let Some(cursor) = page.next else { break };
        request = after(2, Some(cursor));
    }
    assert_eq!(seen, expected);
}
