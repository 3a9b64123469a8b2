//! Cases of the tokens in integrations' addresses.

use super::ground::{Ground, assert_conflict, assert_not_found};
use super::values::{at, token};
use crate::model::{IntegrationId, IntegrationSettings};
use crate::store::{NewIntegration, Removable, TokenRow};

/// Who comes in with a token at a moment.
async fn lets_in(ground: &Ground, name: &str, seconds: i64) -> Option<IntegrationId> {
    let found = ground
        .store
        .integration_by_token(name.as_bytes(), at(seconds))
        .await
        .unwrap();
    found.map(|(_, integration)| integration)
}

async fn rotate(ground: &Ground, new: TokenRow, old_until: i64) {
    let own = ground.own;
    ground
        .store
        .rotate_token(own.workspace, own.integration, new, at(old_until))
        .await
        .unwrap();
}

async fn live(ground: &Ground, seconds: i64) -> Vec<TokenRow> {
    let own = ground.own;
    let tokens = ground
        .store
        .tokens(own.workspace, own.integration, at(seconds))
        .await;
    tokens.unwrap()
}

fn later(name: &str, seconds: i64) -> TokenRow {
    TokenRow {
        created_at: at(seconds),
        ..token(name)
    }
}

pub async fn a_token_leads_to_its_integration(ground: Ground) {
    let found = ground.store.integration_by_token(b"own", at(0)).await;
    let (own, foreign) = (ground.own, ground.foreign);
    assert_eq!(found.unwrap(), Some((own.workspace, own.integration)));
    assert_eq!(
        lets_in(&ground, "foreign", 0).await,
        Some(foreign.integration)
    );
    assert_eq!(lets_in(&ground, "nobody", 0).await, None);
    assert_eq!(live(&ground, 0).await, [token("own")]);
}

pub async fn after_a_rotation_both_tokens_work_until_the_old_one_ends(ground: Ground) {
    rotate(&ground, later("new", 100), 500).await;
    let own = Some(ground.own.integration);
    for (name, seconds, expected) in [
        ("own", 499, own),
        ("own", 500, None),
        ("new", 499, own),
        ("new", 500, own),
        ("new", 999_999, own),
    ] {
        assert_eq!(
            lets_in(&ground, name, seconds).await,
            expected,
            "{name} {seconds}"
        );
    }
    let old = TokenRow {
        expires_at: Some(at(500)),
        ..token("own")
    };
    assert_eq!(live(&ground, 499).await, [later("new", 100), old]);
    assert_eq!(live(&ground, 500).await, [later("new", 100)]);
}

pub async fn a_second_rotation_does_not_lengthen_the_first_tokens_life(ground: Ground) {
    rotate(&ground, later("second", 100), 500).await;
    rotate(&ground, later("third", 200), 900).await;
    let own = Some(ground.own.integration);
    assert_eq!(lets_in(&ground, "own", 500).await, None);
    assert_eq!(lets_in(&ground, "second", 899).await, own);
    assert_eq!(lets_in(&ground, "second", 900).await, None);
    let ground = ground.reopen().await;
    assert_eq!(lets_in(&ground, "third", 900).await, own);
}

pub async fn a_second_rotation_may_shorten_the_first_tokens_life(ground: Ground) {
    rotate(&ground, later("second", 100), 500).await;
    rotate(&ground, later("third", 200), 200).await;
    assert_eq!(lets_in(&ground, "own", 200).await, None);
    assert_eq!(lets_in(&ground, "second", 200).await, None);
}

pub async fn live_tokens_come_newest_first(ground: Ground) {
    rotate(&ground, later("second", 100), 900).await;
    rotate(&ground, later("third", 200), 900).await;
    let hashes: Vec<_> = live(&ground, 300)
        .await
        .into_iter()
        .map(|token| token.hash)
        .collect();
    assert_eq!(
        hashes,
        [b"third".to_vec(), b"second".to_vec(), b"own".to_vec()]
    );
}

pub async fn a_rotation_counts_the_version_up(ground: Ground) {
    let store = &ground.store;
    let before = store.setup_version(ground.own.workspace).await.unwrap();
    rotate(&ground, token("new"), 0).await;
    let after = store.setup_version(ground.own.workspace).await.unwrap();
    assert!(after > before);
}

pub async fn a_token_belongs_to_one_integration(ground: Ground) {
    let twin = NewIntegration {
        workspace: ground.own.workspace,
        provider: "verbox".into(),
        site: None,
        name: "twin".into(),
        active: true,
        settings: IntegrationSettings::default(),
        token: token("foreign"),
        created_at: at(0),
    };
    assert_conflict(ground.store.add_integration(twin).await);
    let setup = ground.store.workspace_setup(ground.own.workspace).await;
    assert_eq!(setup.unwrap().integrations.len(), 1);
    let own = ground.own;
    let taken = ground
        .store
        .rotate_token(own.workspace, own.integration, token("foreign"), at(0))
        .await;
    assert_conflict(taken);
    assert_eq!(lets_in(&ground, "own", 9).await, Some(own.integration));
}

pub async fn a_removed_integration_lets_nobody_in(ground: Ground) {
    let own = ground.own;
    let what = Removable::Integration(own.integration);
    ground.store.remove(own.workspace, what).await.unwrap();
    assert_eq!(lets_in(&ground, "own", 0).await, None);
    let rotated = ground
        .store
        .rotate_token(own.workspace, own.integration, token("new"), at(0))
        .await;
    assert_not_found(rotated);
    assert_eq!(lets_in(&ground, "new", 0).await, None);
}
