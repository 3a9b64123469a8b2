//! Cases of finding the visits that share a key with a communication.

use super::ground::Ground;
use super::values::{at, key, linked, write};
use crate::model::{Communication, CommunicationId, Found, Key, KeyKind, Strength, Visit};
use crate::store::CandidateQuery;

async fn found_by(ground: &Ground, query: CandidateQuery) -> Vec<Found> {
    let mut answers = ground.store.candidates(vec![query]).await.unwrap();
    assert_eq!(answers.len(), 1, "one answer for each question");
    answers.remove(0).found
}

fn asking(ground: &Ground, keys: Vec<Key>, around: i64) -> CandidateQuery {
    CandidateQuery {
        workspace: ground.own.workspace,
        keys,
        around: at(around),
        not_before: at(-1_000),
        exclude: None,
    }
}

async fn visit(ground: &Ground, name: &str, seconds: i64, keys: Vec<Key>) -> Visit {
    let bind = ground.own.bind(name, name, seconds, keys);
    ground.store.record_hit(bind).await.unwrap();
    let own_key = vec![key(KeyKind::Visit, name)];
    let mut found = found_by(ground, asking(ground, own_key, seconds)).await;
    found.remove(0).named
}

fn named(found: &[Found]) -> Vec<&str> {
    found.iter().map(|one| one.named.key.as_str()).collect()
}

pub async fn a_visit_is_found_by_each_of_its_keys(ground: Ground) {
    let bound = key(KeyKind::BoundChat, "jivosite:1");
    let expected = visit(&ground, "v1", 0, vec![bound.clone()]).await;
    visit(
        &ground,
        "v2",
        0,
        vec![key(KeyKind::BoundChat, "jivosite:2")],
    )
    .await;
    for own in [bound, key(KeyKind::Visit, "v1")] {
        let found = found_by(&ground, asking(&ground, vec![own.clone()], 5)).await;
        assert_eq!(found.len(), 1, "{own:?}");
        assert_eq!(found[0].named, expected);
        assert_eq!((&found[0].key, found[0].seen_as), (&own, own.kind));
        assert_eq!((found[0].key_at, found[0].through), (at(0), None));
    }
    let other_kind = vec![key(KeyKind::BoundUser, "jivosite:1")];
    assert!(
        found_by(&ground, asking(&ground, other_kind, 5))
            .await
            .is_empty()
    );
    assert!(
        found_by(&ground, asking(&ground, vec![], 5))
            .await
            .is_empty()
    );
}

pub async fn answers_about_visits_come_in_the_order_of_the_questions(ground: Ground) {
    for name in ["v1", "v2"] {
        visit(&ground, name, 0, vec![]).await;
    }
    let queries =
        ["v2", "v9", "v1"].map(|name| asking(&ground, vec![key(KeyKind::Visit, name)], 5));
    let answers = ground.store.candidates(queries.to_vec()).await.unwrap();
    let keys: Vec<_> = answers.iter().map(|one| named(&one.found)).collect();
    assert_eq!(keys, [vec!["v2"], vec![], vec!["v1"]]);
}

pub async fn a_key_on_several_visits_finds_them_all(ground: Ground) {
    let user = key(KeyKind::SiteUser, "77");
    for (name, seconds) in [("v1", 0), ("v2", 100)] {
        visit(&ground, name, seconds, vec![user.clone()]).await;
    }
    let found = found_by(&ground, asking(&ground, vec![user], 50)).await;
    let mut keys = named(&found);
    keys.sort_unstable();
    assert_eq!(keys, ["v1", "v2"]);
}

/// The moment may be within another visit of the same visitor than the one that has the key.
pub async fn beside_the_named_visit_stands_the_latest_one_before_the_moment(ground: Ground) {
    for (name, seconds) in [("v1", 0), ("v2", 100), ("v3", 200)] {
        visit(&ground, name, seconds, vec![]).await;
    }
    let of_first = || vec![key(KeyKind::Visit, "v1")];
    for (around, open) in [
        (-1, None),
        (0, Some("v1")),
        (99, Some("v1")),
        (100, Some("v2")),
        (900, Some("v3")),
    ] {
        let found = found_by(&ground, asking(&ground, of_first(), around)).await;
        let beside = found[0].open.as_ref().map(|visit| visit.key.as_str());
        assert_eq!(beside, open, "around {around}");
    }
    let late = CandidateQuery {
        not_before: at(201),
        ..asking(&ground, of_first(), 900)
    };
    assert_eq!(found_by(&ground, late).await[0].open, None);
}

pub async fn a_foreign_token_finds_visits_by_every_alias(ground: Ground) {
    for kind in KeyKind::ALIASES {
        let name = format!("v-{}", kind.as_str());
        visit(&ground, &name, 0, vec![key(*kind, "token")]).await;
    }
    visit(&ground, "v-click", 0, vec![key(KeyKind::Click, "token")]).await;
    let foreign = key(KeyKind::Foreign, "token");
    let found = found_by(&ground, asking(&ground, vec![foreign.clone()], 5)).await;
    let mut kinds: Vec<_> = found.iter().map(|one| one.seen_as).collect();
    kinds.sort_unstable();
    let mut expected = KeyKind::ALIASES.to_vec();
    expected.sort_unstable();
    assert_eq!(kinds, expected);
    assert!(found.iter().all(|one| one.key == foreign));
}

/// A chat with a phone, tied to a visit.
async fn chat(ground: &Ground, name: &str, visit: &Visit, strength: Strength) -> CommunicationId {
    let chat = Communication {
        keys: vec![phone()],
        first_words_at: at(70),
        ..ground.own.chat(name)
    };
    ground.put(write(linked(chat, visit, strength))).await.id
}

fn phone() -> Key {
    key(KeyKind::Phone, "+79035550142")
}

pub async fn a_contact_leads_through_surely_linked_communications(ground: Ground) {
    let by_exact = visit(&ground, "v1", 0, vec![]).await;
    let by_strong = visit(&ground, "v2", 100, vec![]).await;
    let unsure = visit(&ground, "v3", 200, vec![]).await;
    let exact = chat(&ground, "exact", &by_exact, Strength::Exact).await;
    let strong = chat(&ground, "strong", &by_strong, Strength::Strong).await;
    chat(&ground, "probable", &unsure, Strength::Probable).await;
    ground
        .put(write(Communication {
            keys: vec![phone()],
            ..ground.own.chat("unlinked")
        }))
        .await;
    let found = found_by(&ground, asking(&ground, vec![phone()], 150)).await;
    let mut led: Vec<_> = found
        .iter()
        .map(|one| (one.named.key.as_str(), one.through))
        .collect();
    led.sort_unstable();
    assert_eq!(led, [("v1", Some(exact)), ("v2", Some(strong))]);
    assert_eq!(found[0].key_at, at(70));
    let open = found[0].open.as_ref().map(|visit| visit.key.as_str());
    assert_eq!(open, Some("v2"));
}

pub async fn a_communication_does_not_lead_to_its_own_visit(ground: Ground) {
    let own_visit = visit(&ground, "v1", 0, vec![]).await;
    let id = chat(&ground, "exact", &own_visit, Strength::Exact).await;
    let query = CandidateQuery {
        exclude: Some(id),
        ..asking(&ground, vec![phone()], 5)
    };
    assert!(found_by(&ground, query).await.is_empty());
}

/// Newer code may find that what was read as a phone was none.
pub async fn a_contact_that_was_taken_back_leads_nowhere(ground: Ground) {
    let its_visit = visit(&ground, "v1", 0, vec![]).await;
    chat(&ground, "exact", &its_visit, Strength::Exact).await;
    let stored = ground
        .numbered(ground.own, crate::model::CommunicationKind::Chat, "exact")
        .await
        .communication
        .unwrap();
    let mut replayed = write(Communication {
        keys: vec![key(KeyKind::Email, "anna@example.org")],
        ..stored
    });
    replayed.dropped = vec![phone()];
    ground.put(replayed).await;
    let found = found_by(&ground, asking(&ground, vec![phone()], 5)).await;
    assert_eq!(named(&found), Vec::<&str>::new());
    let email = vec![key(KeyKind::Email, "anna@example.org")];
    let found = found_by(&ground, asking(&ground, email, 5)).await;
    assert_eq!(named(&found), ["v1"]);
}
