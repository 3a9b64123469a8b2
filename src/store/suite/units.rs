//! Cases of a unit of work: everything or nothing, with expected versions; events known and
//! forgotten.

use super::ground::{Ground, assert_conflict};
use super::values::{at, event, key, linked, need, write};
use crate::model::{
    Communication, CommunicationKind, Key, KeyKind, RawEventId, RawState, Status, StoredEvent,
    Strength, Visit,
};
use crate::store::{CandidateQuery, UnitOfWork, VisitFilter};

pub async fn each_commit_counts_the_version_up(ground: Ground) {
    let first = ground.put(write(ground.own.chat("chat"))).await;
    assert_eq!(first.version, 1);
    let second = ground
        .put(write(Communication {
            status: Status::Active,
            ..first.clone()
        }))
        .await;
    assert_eq!((second.id, second.version), (first.id, 2));
    assert_eq!(second.status, Status::Active);
}

pub async fn a_wrong_version_is_a_conflict(ground: Ground) {
    let first = ground.put(write(ground.own.chat("chat"))).await;
    ground.put(write(first.clone())).await;
    assert_conflict(ground.commit(vec![write(first.clone())]).await);
    let ahead = Communication {
        version: 3,
        ..first
    };
    assert_conflict(ground.commit(vec![write(ahead)]).await);
}

pub async fn of_two_at_once_one_is_refused(ground: Ground) {
    let chat = ground.put(write(ground.own.chat("chat"))).await;
    let write_as = |status| {
        vec![write(Communication {
            status,
            ..chat.clone()
        })]
    };
    let (one, other) = tokio::join!(
        ground.commit(write_as(Status::Active)),
        ground.commit(write_as(Status::Lost)),
    );
    assert_eq!(
        [one.is_ok(), other.is_ok()]
            .iter()
            .filter(|ok| **ok)
            .count(),
        1
    );
    let refused = if one.is_err() { one } else { other };
    assert_conflict(refused);
}

pub async fn a_new_twin_of_a_number_is_a_conflict(ground: Ground) {
    ground.put(write(ground.own.chat("chat"))).await;
    assert_conflict(ground.commit(vec![write(ground.own.chat("chat"))]).await);
}

pub async fn a_refused_unit_leaves_nothing_behind(ground: Ground) {
    let raw = ground.keep(ground.own.raw(0)).await;
    let known = ground.put(write(ground.own.chat("known"))).await;
    let mut good = write(Communication {
        keys: vec![key(KeyKind::Visit, "v1")],
        ..ground.own.chat("good")
    });
    good.new_events = vec![event("good", raw, 0)];
    good.text = Some("searchable".into());
    let stale = write(Communication {
        version: 9,
        ..known.clone()
    });
    let owner = ground.own;
    let work = UnitOfWork {
        now: at(0),
        raw: vec![owner.outcome(raw, RawState::Done)],
        communications: vec![good, stale],
        fetches: vec![(owner.workspace, owner.integration, raw, need("record"))],
    };
    assert_conflict(ground.store.commit(work).await);
    let state = ground
        .numbered(owner, CommunicationKind::Chat, "good")
        .await;
    assert!(state.communication.is_none());
    let row = ground.store.raw_event(owner.workspace, raw).await.unwrap();
    assert_eq!(row.state, RawState::Pending);
    assert_eq!(row.communications, []);
    let jobs = ground.store.claim_fetches(at(9_999), at(9_999), 9).await;
    assert_eq!(jobs.unwrap().len(), 0);
}

pub async fn a_refused_unit_takes_no_other_along(ground: Ground) {
    ground.put(write(ground.own.chat("known"))).await;
    let (refused, one, other) = tokio::join!(
        ground.commit(vec![write(ground.own.chat("known"))]),
        ground.commit(vec![write(ground.own.chat("one"))]),
        ground.commit(vec![write(ground.own.chat("other"))]),
    );
    assert_conflict(refused);
    one.unwrap();
    other.unwrap();
    let state = ground
        .numbered(ground.own, CommunicationKind::Chat, "other")
        .await;
    assert!(state.communication.is_some());
}

pub async fn ids_of_a_refused_unit_and_of_a_later_one_differ_from_all_before(ground: Ground) {
    let first = ground.put(write(ground.own.chat("1"))).await;
    let twins = vec![write(ground.own.chat("2")), write(ground.own.chat("1"))];
    assert_conflict(ground.commit(twins).await);
    let second = ground.put(write(ground.own.chat("2"))).await;
    assert!(second.id > first.id);
}

async fn events(ground: &Ground, external_id: &str) -> Vec<StoredEvent> {
    ground
        .numbered(ground.own, CommunicationKind::Chat, external_id)
        .await
        .events
}

pub async fn an_event_told_again_is_one_as_it_was_told_last(ground: Ground) {
    let mut last = None;
    for (raw, seconds) in [(1, 5), (2, 3), (3, 9)] {
        let known = ground
            .numbered(ground.own, CommunicationKind::Chat, "chat")
            .await
            .communication
            .unwrap_or_else(|| ground.own.chat("chat"));
        let mut told = event("key", RawEventId(raw), seconds);
        told.event.contact.name = Some(format!("name {raw}"));
        last = Some(told.clone());
        let mut again = write(known);
        again.new_events = vec![told];
        ground.put(again).await;
    }
    assert_eq!(events(&ground, "chat").await, [last.unwrap()]);
}

pub async fn an_event_that_turns_out_to_be_anothers_moves_there(ground: Ground) {
    let mut one = write(ground.own.chat("one"));
    one.new_events = vec![event("key", RawEventId(1), 0)];
    ground.put(one).await;
    let mut other = write(ground.own.chat("other"));
    other.new_events = vec![event("key", RawEventId(1), 0)];
    ground.put(other).await;
    assert_eq!(events(&ground, "one").await, []);
    assert_eq!(events(&ground, "other").await.len(), 1);
}

pub async fn equal_event_keys_of_two_integrations_are_two_events(ground: Ground) {
    for owner in [ground.own, ground.foreign] {
        let mut told = write(owner.chat("chat"));
        told.new_events = vec![event("key", RawEventId(1), 0)];
        ground.put(told).await;
    }
    for owner in [ground.own, ground.foreign] {
        let state = ground
            .numbered(owner, CommunicationKind::Chat, "chat")
            .await;
        assert_eq!(state.events.len(), 1);
    }
}

pub async fn a_forgotten_event_is_gone_and_others_stay(ground: Ground) {
    let mut told = write(ground.own.chat("chat"));
    told.new_events = vec![event("a", RawEventId(1), 0), event("b", RawEventId(2), 0)];
    let chat = ground.put(told).await;
    let mut other = write(ground.own.chat("other"));
    other.new_events = vec![event("c", RawEventId(1), 0)];
    ground.put(other).await;
    let mut replayed = write(chat.clone());
    replayed.forget = vec!["a".into(), "c".into(), "unknown".into()];
    ground.put(replayed).await;
    let left = events(&ground, "chat").await;
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].event.dedup_key, "b");
    assert_eq!(events(&ground, "other").await.len(), 1);
    let raw = ground.store.raw_ids(ground.own.workspace, chat.id).await;
    assert_eq!(raw.unwrap(), [RawEventId(2)]);
}

/// The mark of a reading that finds nothing.
async fn seen(ground: &Ground) -> i64 {
    let query = CandidateQuery {
        workspace: ground.own.workspace,
        keys: vec![],
        around: at(0),
        not_before: at(-9_999),
        exclude: None,
    };
    let found = ground.store.candidates(vec![query]).await.unwrap();
    found[0].seen
}

/// A chat with these keys, decided on what was seen.
async fn decided(ground: &Ground, keys: Vec<Key>, seen: i64) -> crate::store::StoreResult<()> {
    let mut chat = write(Communication {
        keys,
        ..ground.own.chat("chat")
    });
    chat.seen = seen;
    ground.commit(vec![chat]).await
}

async fn a_visit(ground: &Ground, keys: Vec<Key>) -> Visit {
    let bind = ground.own.bind("v1", "m1", 0, keys);
    ground.store.record_hit(bind).await.unwrap();
    let filter = VisitFilter::default();
    let page = super::values::everything();
    let visits = ground
        .store
        .visits_page(ground.own.workspace, &filter, &page)
        .await;
    visits.unwrap().items.remove(0)
}

pub async fn a_visit_with_its_key_that_was_not_seen_refuses_a_decision(ground: Ground) {
    let mark = seen(&ground).await;
    a_visit(&ground, vec![key(KeyKind::BoundChat, "jivosite:1")]).await;
    for shared in [
        key(KeyKind::Visit, "v1"),
        key(KeyKind::Visitor, "cAnna"),
        key(KeyKind::BoundChat, "jivosite:1"),
    ] {
        assert_conflict(decided(&ground, vec![shared], mark).await);
    }
    let mark = seen(&ground).await;
    decided(&ground, vec![key(KeyKind::Visit, "v1")], mark)
        .await
        .unwrap();
}

pub async fn a_watched_key_refuses_a_decision_as_a_key_of_evidence_does(ground: Ground) {
    let mark = seen(&ground).await;
    a_visit(&ground, vec![]).await;
    let mut chat = write(ground.own.chat("chat"));
    chat.seen = mark;
    chat.watch = vec![key(KeyKind::Visitor, "cAnna")];
    assert_conflict(ground.commit(vec![chat]).await);
}

pub async fn a_foreign_token_meets_every_alias_that_was_not_seen(ground: Ground) {
    for kind in KeyKind::ALIASES {
        let mark = seen(&ground).await;
        let visit = format!("v{}", kind.as_str());
        let token = format!("token-{}", kind.as_str());
        let bind = ground.own.bind(&visit, &visit, 0, vec![key(*kind, &token)]);
        ground.store.record_hit(bind).await.unwrap();
        let keys = vec![key(KeyKind::Foreign, &token)];
        assert_conflict(decided(&ground, keys, mark).await);
    }
}

pub async fn news_that_share_no_key_refuse_nothing(ground: Ground) {
    let mark = seen(&ground).await;
    a_visit(&ground, vec![key(KeyKind::BoundChat, "jivosite:2")]).await;
    let foreign = ground.foreign.bind("v2", "m2", 0, vec![]);
    ground.store.record_hit(foreign).await.unwrap();
    let keys = vec![
        key(KeyKind::Visit, "v2"),
        key(KeyKind::BoundUser, "jivosite:2"),
        key(KeyKind::Phone, "+79035550142"),
    ];
    decided(&ground, keys, mark).await.unwrap();
}

pub async fn news_of_a_contact_that_were_not_seen_refuse_a_decision(ground: Ground) {
    let phone = key(KeyKind::Phone, "+79035550142");
    let visit = a_visit(&ground, vec![]).await;
    let mark = seen(&ground).await;
    let told = |name: &str, contact_news| {
        let chat = Communication {
            keys: vec![phone.clone()],
            ..ground.own.chat(name)
        };
        let mut told = write(linked(chat, &visit, Strength::Strong));
        told.contact_news = contact_news;
        told
    };
    ground.put(told("no news", false)).await;
    decided(&ground, vec![phone.clone()], mark).await.unwrap();
    ground.put(told("news", true)).await;
    let chat = ground
        .numbered(ground.own, CommunicationKind::Chat, "chat")
        .await
        .communication
        .unwrap();
    let mut stale = write(chat.clone());
    stale.seen = mark;
    assert_conflict(ground.commit(vec![stale]).await);
    let mut fresh = write(chat);
    fresh.seen = seen(&ground).await;
    ground.put(fresh).await;
}

pub async fn its_own_news_do_not_refuse_a_communication(ground: Ground) {
    let visit = a_visit(&ground, vec![]).await;
    let chat = Communication {
        keys: vec![key(KeyKind::Phone, "+79035550142")],
        ..ground.own.chat("chat")
    };
    let mark = seen(&ground).await;
    let mut first = write(linked(chat, &visit, Strength::Exact));
    first.contact_news = true;
    let stored = ground.put(first).await;
    let mut second = write(stored);
    second.seen = mark;
    second.contact_news = true;
    ground.put(second).await;
}

/// What a unit writes itself is looked at after it.
pub async fn two_with_one_contact_go_in_one_unit(ground: Ground) {
    let visit = a_visit(&ground, vec![]).await;
    let mark = seen(&ground).await;
    let both = ["one", "other"].map(|name| {
        let chat = Communication {
            keys: vec![key(KeyKind::Phone, "+79035550142")],
            ..ground.own.chat(name)
        };
        let mut sure = write(linked(chat, &visit, Strength::Exact));
        sure.contact_news = true;
        sure.seen = mark;
        sure
    });
    ground.commit(both.to_vec()).await.unwrap();
}
