//! Cases of the inbox: keeping, claiming, listing, replaying.

use super::ground::{Ground, Owner, assert_not_found};
use super::values::{after, at, event, everything, first, write};
use crate::model::{Address, Channel, RawEventId, RawState, SetAsideReason};
use crate::store::{
    ClaimLimit, NewRawEvent, RawCounts, RawFilter, RawOutcome, RawSelection, Store, UnitOfWork,
};

/// Ids of a claim with a lease of a minute.
async fn claimed(store: &dyn Store, seconds: i64, events: u32) -> Vec<RawEventId> {
    claimed_of(store, seconds, up_to(events)).await
}

async fn claimed_of(store: &dyn Store, seconds: i64, most: ClaimLimit) -> Vec<RawEventId> {
    let claims = store
        .claim_raw(at(seconds), at(seconds + 60), most)
        .await
        .unwrap();
    claims.iter().map(|claim| claim.event.id).collect()
}

/// So many raw events of any size.
fn up_to(events: u32) -> ClaimLimit {
    ClaimLimit {
        events,
        bytes: usize::MAX,
    }
}

async fn end(ground: &Ground, outcome: RawOutcome) {
    let work = UnitOfWork {
        now: at(500),
        raw: vec![outcome],
        ..UnitOfWork::default()
    };
    ground.store.commit(work).await.unwrap();
}

async fn listed(ground: &Ground, filter: RawFilter) -> Vec<RawEventId> {
    let page = ground
        .store
        .raw_page(ground.own.workspace, &filter, &everything())
        .await
        .unwrap();
    page.items.iter().map(|row| row.event.id).collect()
}

pub async fn what_is_kept_is_there_byte_for_byte(ground: Ground) {
    let raw = NewRawEvent {
        address: Address::Channel(Channel::new("telegram").unwrap()),
        query: "a=1&b=%20".into(),
        headers: vec![
            ("content-type".into(), "text/plain".into()),
            ("content-type".into(), "again".into()),
        ],
        body: vec![0, 159, 146, 150, b'"', 0],
        ..ground.own.raw(7)
    };
    let id = ground.keep(raw.clone()).await;
    let ground = ground.reopen().await;
    let row = ground
        .store
        .raw_event(ground.own.workspace, id)
        .await
        .unwrap();
    let event = row.event;
    assert_eq!(event.id, id);
    assert_eq!(event.integration, raw.integration);
    assert_eq!(event.provider, raw.provider);
    assert_eq!(event.address, raw.address);
    assert_eq!(event.method, raw.method);
    assert_eq!(event.query, raw.query);
    assert_eq!(event.headers, raw.headers);
    assert_eq!(event.body, raw.body);
    assert_eq!(event.received_at, raw.received_at);
    assert_eq!((row.state, row.size_bytes), (RawState::Pending, 6));
    assert_eq!((row.reason, row.processed_at), (None, None));
}

pub async fn what_is_only_recorded_is_never_claimed(ground: Ground) {
    ground
        .keep(NewRawEvent {
            state: RawState::Probe,
            ..ground.own.raw(0)
        })
        .await;
    let aside = ground
        .keep(NewRawEvent {
            detail: Some("2097152 bytes".into()),
            ..ground.own.raw_aside(SetAsideReason::TooLarge)
        })
        .await;
    assert_eq!(claimed(&*ground.store, 1, 10).await, []);
    let row = ground
        .store
        .raw_event(ground.own.workspace, aside)
        .await
        .unwrap();
    assert_eq!(row.state, RawState::SetAside);
    assert_eq!(row.reason, Some(SetAsideReason::TooLarge));
    assert_eq!(row.detail.as_deref(), Some("2097152 bytes"));
}

pub async fn claims_come_oldest_first_and_no_more_than_asked(ground: Ground) {
    let mut ids = vec![];
    for owner in [ground.own, ground.foreign, ground.own] {
        ids.push(ground.keep(owner.raw(0)).await);
    }
    assert_eq!(claimed(&*ground.store, 1, 2).await, ids[..2]);
    assert_eq!(claimed(&*ground.store, 1, 2).await, ids[2..]);
}

pub async fn a_claimed_raw_event_is_nobody_elses_before_its_lease_ends(ground: Ground) {
    let id = ground.keep(ground.own.raw(0)).await;
    assert_eq!(claimed(&*ground.store, 0, 10).await, [id]);
    assert_eq!(claimed(&*ground.store, 59, 10).await, []);
    assert_eq!(claimed(&*ground.store, 60, 10).await, [id]);
    end(&ground, ground.own.outcome(id, RawState::Done)).await;
    assert_eq!(claimed(&*ground.store, 999, 10).await, []);
}

pub async fn two_claims_at_once_share_no_raw_event(ground: Ground) {
    for _ in 0..20 {
        ground.keep(ground.own.raw(0)).await;
    }
    let store = &*ground.store;
    let (one, other) = tokio::join!(claimed(store, 0, 15), claimed(store, 0, 15));
    let mut all = [one, other].concat();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 20);
}

pub async fn a_start_ends_the_leases_of_a_process_that_is_gone(ground: Ground) {
    let id = ground.keep(ground.own.raw(0)).await;
    claimed(&*ground.store, 0, 10).await;
    let ground = ground.reopen().await;
    ground.store.start().await.unwrap();
    assert_eq!(claimed(&*ground.store, 1, 10).await, [id]);
}

pub async fn a_processed_raw_event_says_what_became_of_it(ground: Ground) {
    let id = ground.keep(ground.own.raw(0)).await;
    let mut told = write(ground.own.chat("chat"));
    told.new_events = vec![event("a", id, 0), event("b", id, 0)];
    let chat = ground.put(told).await;
    end(
        &ground,
        RawOutcome {
            warnings: vec!["phone is not a number".into()],
            detail: Some("a remark".into()),
            ..ground.own.outcome(id, RawState::Done)
        },
    )
    .await;
    let row = ground
        .store
        .raw_event(ground.own.workspace, id)
        .await
        .unwrap();
    assert_eq!(row.state, RawState::Done);
    assert_eq!(row.warnings, ["phone is not a number"]);
    assert_eq!(row.detail.as_deref(), Some("a remark"));
    assert_eq!(row.processed_at, Some(at(500)));
    assert_eq!(row.communications, [chat.id]);
    let filter = RawFilter::default();
    let page = ground
        .store
        .raw_page(ground.own.workspace, &filter, &everything())
        .await
        .unwrap();
    assert_eq!(page.items[0].communications, [chat.id]);
}

pub async fn a_claim_ends_when_its_bodies_are_many_bytes(ground: Ground) {
    let mut ids = vec![];
    for second in 0..5 {
        let raw = NewRawEvent {
            body: vec![b'x'; 100],
            ..ground.own.raw(second)
        };
        ids.push(ground.keep(raw).await);
    }
    let most = ClaimLimit {
        events: 9,
        bytes: 150,
    };
    let store = &*ground.store;
    assert_eq!(claimed_of(store, 10, most).await, ids[..2]);
    // What was left out is not leased.
    assert_eq!(claimed_of(store, 10, most).await, ids[2..4]);
    assert_eq!(claimed_of(store, 10, most).await, ids[4..]);
}

pub async fn a_replayed_raw_event_is_claimed_as_seen_before(ground: Ground) {
    let old = ground.keep(ground.own.raw(0)).await;
    end(&ground, ground.own.outcome(old, RawState::Done)).await;
    let new = ground.keep(ground.own.raw(0)).await;
    replay(&ground, ground.own, vec![old]).await;
    let claims = ground
        .store
        .claim_raw(at(600), at(660), up_to(9))
        .await
        .unwrap();
    let again: Vec<_> = claims
        .iter()
        .map(|claim| (claim.event.id, claim.again))
        .collect();
    assert_eq!(again, [(old, true), (new, false)]);
}

async fn replay(ground: &Ground, owner: Owner, ids: Vec<RawEventId>) -> u64 {
    ground
        .store
        .replay_raw(owner.workspace, &RawSelection::Ids(ids))
        .await
        .unwrap()
}

pub async fn a_replay_takes_the_named_raw_events_only(ground: Ground) {
    let mut ids = vec![];
    for _ in 0..3 {
        let id = ground
            .keep(ground.own.raw_aside(SetAsideReason::UnknownEvent))
            .await;
        ids.push(id);
    }
    let named = vec![ids[0], ids[2], RawEventId(9_999)];
    assert_eq!(replay(&ground, ground.own, named).await, 2);
    assert_eq!(claimed(&*ground.store, 600, 9).await, [ids[0], ids[2]]);
    let row = ground
        .store
        .raw_event(ground.own.workspace, ids[0])
        .await
        .unwrap();
    assert_eq!((row.state, row.reason), (RawState::Pending, None));
}

pub async fn probes_and_what_was_too_large_are_not_replayed(ground: Ground) {
    let probe = ground
        .keep(NewRawEvent {
            state: RawState::Probe,
            ..ground.own.raw(0)
        })
        .await;
    let large = ground
        .keep(ground.own.raw_aside(SetAsideReason::TooLarge))
        .await;
    assert_eq!(replay(&ground, ground.own, vec![probe, large]).await, 0);
    let all = RawSelection::Filter(RawFilter::default());
    let count = ground
        .store
        .replay_raw(ground.own.workspace, &all)
        .await
        .unwrap();
    assert_eq!(count, 0);
    assert_eq!(claimed(&*ground.store, 700, 9).await, []);
}

pub async fn a_replay_by_filter_takes_what_the_filter_shows(ground: Ground) {
    let wrong = ground
        .keep(ground.own.raw_aside(SetAsideReason::WrongShape))
        .await;
    ground
        .keep(ground.own.raw_aside(SetAsideReason::NotALead))
        .await;
    ground
        .keep(ground.foreign.raw_aside(SetAsideReason::WrongShape))
        .await;
    let filter = RawFilter {
        state: Some(RawState::SetAside),
        reason: Some(SetAsideReason::WrongShape),
        ..RawFilter::default()
    };
    let count = ground
        .store
        .replay_raw(ground.own.workspace, &RawSelection::Filter(filter))
        .await
        .unwrap();
    assert_eq!(count, 1);
    assert_eq!(claimed(&*ground.store, 600, 9).await, [wrong]);
}

pub async fn a_list_row_has_the_size_and_not_the_body(ground: Ground) {
    ground
        .keep(NewRawEvent {
            body: vec![b'x'; 3_000],
            ..ground.own.raw(0)
        })
        .await;
    let page = ground
        .store
        .raw_page(ground.own.workspace, &RawFilter::default(), &everything())
        .await
        .unwrap();
    assert_eq!(page.items[0].size_bytes, 3_000);
    assert!(page.items[0].event.body.is_empty());
}

pub async fn each_filter_narrows_the_list(ground: Ground) {
    let plain = ground.keep(ground.own.raw(0)).await;
    let aside = ground
        .keep(ground.own.raw_aside(SetAsideReason::NotALead))
        .await;
    let other = ground
        .keep(NewRawEvent {
            provider: "verbox".into(),
            ..ground.own.raw(0)
        })
        .await;
    let mut told = write(ground.own.chat("chat"));
    told.new_events = vec![event("a", aside, 0)];
    let chat = ground.put(told).await;
    let any = RawFilter::default;
    assert_eq!(listed(&ground, any()).await, [other, aside, plain]);
    let table = [
        (
            RawFilter {
                state: Some(RawState::Pending),
                ..any()
            },
            vec![other, plain],
        ),
        (
            RawFilter {
                reason: Some(SetAsideReason::NotALead),
                ..any()
            },
            vec![aside],
        ),
        (
            RawFilter {
                provider: Some("verbox".into()),
                ..any()
            },
            vec![other],
        ),
        (
            RawFilter {
                integration: Some(ground.foreign.integration),
                ..any()
            },
            vec![],
        ),
        (
            RawFilter {
                communication: Some(chat.id),
                ..any()
            },
            vec![aside],
        ),
        (
            RawFilter {
                state: Some(RawState::Pending),
                communication: Some(chat.id),
                ..any()
            },
            vec![],
        ),
    ];
    for (filter, expected) in table {
        assert_eq!(
            listed(&ground, filter.clone()).await,
            expected,
            "{filter:?}"
        );
    }
}

pub async fn pages_go_on_where_the_last_one_ended_while_more_arrives(ground: Ground) {
    let mut ids = vec![];
    for _ in 0..5 {
        ids.push(ground.keep(ground.own.raw(0)).await);
    }
    ids.reverse();
    let (store, workspace) = (&ground.store, ground.own.workspace);
    let filter = RawFilter::default();
    let mut seen = vec![];
    let mut page = store.raw_page(workspace, &filter, &first(2)).await.unwrap();
    loop {
        assert!(page.items.len() <= 2);
        seen.extend(page.items.iter().map(|row| row.event.id));
        ground.keep(ground.own.raw(0)).await;
        let Some(cursor) = page.next else { break };
        page = store
            .raw_page(workspace, &filter, &after(2, Some(cursor)))
            .await
            .unwrap();
    }
    assert_eq!(seen, ids);
}

pub async fn a_cursor_of_somewhere_else_is_refused(ground: Ground) {
    let page = after(2, Some("no cursor".into()));
    let result = ground
        .store
        .raw_page(ground.own.workspace, &RawFilter::default(), &page)
        .await;
    assert_not_found(result);
}

pub async fn counts_say_how_many_stand_where(ground: Ground) {
    let workspace = ground.own.workspace;
    let counts = |ground: &Ground| {
        let store = ground.store.clone();
        async move { store.raw_counts(workspace).await.unwrap() }
    };
    assert_eq!(counts(&ground).await, RawCounts::default());
    let states = [
        RawState::Pending,
        RawState::Done,
        RawState::Done,
        RawState::Duplicate,
        RawState::SetAside,
        RawState::Probe,
    ];
    for state in states {
        ground
            .keep(NewRawEvent {
                state,
                ..ground.own.raw(0)
            })
            .await;
    }
    ground.keep(ground.foreign.raw(0)).await;
    let expected = RawCounts {
        pending: 1,
        done: 2,
        duplicate: 1,
        set_aside: 1,
        probe: 1,
    };
    assert_eq!(counts(&ground).await, expected);
}
