//! Cases of the questions to providers' REST APIs and of the budgets of their calls.

use super::ground::{Ground, Owner};
use super::values::{at, everything, need};
use crate::model::{Address, RawEventId, RawState, SetAsideReason};
use crate::store::{FetchJob, FetchOutcome, NewRawEvent, RawFilter, Store, UnitOfWork};
use jiff::ToSpan;

/// A raw event that needs an answer, and its question.
async fn asked(ground: &Ground, owner: Owner, text: &str, seconds: i64) -> RawEventId {
    let raw = ground.keep(owner.raw(0)).await;
    let work = UnitOfWork {
        now: at(seconds),
        raw: vec![owner.outcome(raw, RawState::Done)],
        fetches: vec![(owner.workspace, owner.integration, raw, need(text))],
        ..UnitOfWork::default()
    };
    ground.store.commit(work).await.unwrap();
    raw
}

/// Takes due questions with a lease of a minute.
async fn claimed(store: &dyn Store, seconds: i64) -> Vec<FetchJob> {
    store
        .claim_fetches(at(seconds), at(seconds + 60), 10)
        .await
        .unwrap()
}

fn answer(owner: Owner) -> FetchOutcome {
    FetchOutcome::Answered(NewRawEvent {
        address: Address::Fetched,
        body: b"an answer".to_vec(),
        ..owner.raw(9)
    })
}

/// Bodies of the raw events that are answers.
async fn answers(ground: &Ground, owner: Owner) -> Vec<Vec<u8>> {
    let (store, filter) = (&ground.store, RawFilter::default());
    let page = store
        .raw_page(owner.workspace, &filter, &everything())
        .await
        .unwrap();
    let mut bodies = vec![];
    for row in page.items {
        if row.event.address == Address::Fetched {
            assert_eq!(row.state, RawState::Pending);
            let whole = store.raw_event(owner.workspace, row.event.id).await;
            bodies.push(whole.unwrap().event.body);
        }
    }
    bodies
}

pub async fn a_need_that_waits_is_asked_once(ground: Ground) {
    asked(&ground, ground.own, "conversation:1", 0).await;
    asked(&ground, ground.own, "conversation:1", 1).await;
    asked(&ground, ground.own, "conversation:2", 2).await;
    asked(&ground, ground.foreign, "conversation:1", 3).await;
    let jobs = claimed(&*ground.store, 10).await;
    let mut asked: Vec<_> = jobs
        .iter()
        .map(|job| (job.integration, job.need.clone()))
        .collect();
    asked.sort_by(|one, other| (one.0, &one.1.key).cmp(&(other.0, &other.1.key)));
    let (own, foreign) = (ground.own.integration, ground.foreign.integration);
    let expected = [
        (own, need("conversation:1")),
        (own, need("conversation:2")),
        (foreign, need("conversation:1")),
    ];
    assert_eq!(asked, expected);
}

pub async fn a_claimed_question_is_nobody_elses_before_its_lease_ends(ground: Ground) {
    let raw = asked(&ground, ground.own, "conversation:1", 5).await;
    assert_eq!(claimed(&*ground.store, 4).await.len(), 0);
    let jobs = claimed(&*ground.store, 5).await;
    assert_eq!(jobs.len(), 1);
    assert_eq!(jobs[0].workspace, ground.own.workspace);
    assert_eq!(jobs[0].raw_event, raw);
    assert_eq!(claimed(&*ground.store, 64).await.len(), 0);
    assert_eq!(claimed(&*ground.store, 65).await.len(), 1);
}

pub async fn a_postponed_question_comes_back_at_its_time_and_counts_its_tries(ground: Ground) {
    asked(&ground, ground.own, "conversation:1", 0).await;
    for (tries, seconds) in [(0, 0), (1, 300), (2, 600)] {
        assert_eq!(claimed(&*ground.store, seconds - 1).await.len(), 0);
        let jobs = claimed(&*ground.store, seconds).await;
        assert_eq!((jobs.len(), jobs[0].attempts), (1, tries));
        let later = FetchOutcome::Retry {
            at: at(seconds + 300),
            reason: "429".into(),
        };
        ground.store.settle_fetch(&jobs[0], later).await.unwrap();
    }
}

pub async fn an_answer_becomes_a_raw_event_and_ends_the_question(ground: Ground) {
    asked(&ground, ground.own, "conversation:1", 0).await;
    let jobs = claimed(&*ground.store, 0).await;
    ground
        .store
        .settle_fetch(&jobs[0], answer(ground.own))
        .await
        .unwrap();
    assert_eq!(answers(&ground, ground.own).await, [b"an answer"]);
    assert_eq!(claimed(&*ground.store, 9_999).await.len(), 0);
    asked(&ground, ground.own, "conversation:1", 0).await;
    assert_eq!(claimed(&*ground.store, 9_999).await.len(), 1);
}

/// A lease that ended too early makes two ask the same.
pub async fn an_answer_told_twice_is_kept_once(ground: Ground) {
    let raw = asked(&ground, ground.own, "conversation:1", 0).await;
    let slow = claimed(&*ground.store, 0).await.remove(0);
    let quick = claimed(&*ground.store, 60).await.remove(0);
    let store = &ground.store;
    store
        .settle_fetch(&quick, answer(ground.own))
        .await
        .unwrap();
    store.settle_fetch(&slow, answer(ground.own)).await.unwrap();
    let too_late = FetchOutcome::GaveUp {
        at: at(70),
        reason: "404".into(),
    };
    store.settle_fetch(&slow, too_late).await.unwrap();
    assert_eq!(answers(&ground, ground.own).await.len(), 1);
    let row = store.raw_event(ground.own.workspace, raw).await.unwrap();
    assert_eq!(row.state, RawState::Done);
}

pub async fn a_question_given_up_sets_its_raw_event_aside(ground: Ground) {
    let raw = asked(&ground, ground.own, "conversation:1", 0).await;
    let jobs = claimed(&*ground.store, 0).await;
    let gave_up = FetchOutcome::GaveUp {
        at: at(77),
        reason: "404".into(),
    };
    ground.store.settle_fetch(&jobs[0], gave_up).await.unwrap();
    let row = ground
        .store
        .raw_event(ground.own.workspace, raw)
        .await
        .unwrap();
    assert_eq!(row.state, RawState::SetAside);
    assert_eq!(row.reason, Some(SetAsideReason::FetchFailed));
    assert_eq!(row.detail.as_deref(), Some("404"));
    assert_eq!(row.processed_at, Some(at(77)));
    assert_eq!(claimed(&*ground.store, 9_999).await.len(), 0);
}

/// The answer under way may be older than what the second raw event tells of.
pub async fn a_need_that_comes_while_it_is_asked_is_asked_again(ground: Ground) {
    asked(&ground, ground.own, "conversation:1", 0).await;
    let first = claimed(&*ground.store, 0).await.remove(0);
    let later = asked(&ground, ground.own, "conversation:1", 5).await;
    ground
        .store
        .settle_fetch(&first, answer(ground.own))
        .await
        .unwrap();
    let again = claimed(&*ground.store, 5).await;
    assert_eq!(again.len(), 1);
    assert_eq!(again[0].raw_event, later);
    ground
        .store
        .settle_fetch(&again[0], answer(ground.own))
        .await
        .unwrap();
    assert_eq!(answers(&ground, ground.own).await.len(), 2);
    assert_eq!(claimed(&*ground.store, 9_999).await.len(), 0);
}

pub async fn a_start_frees_questions_under_way_and_leaves_postponed_ones(ground: Ground) {
    asked(&ground, ground.own, "postponed", 0).await;
    let job = claimed(&*ground.store, 0).await.remove(0);
    let later = FetchOutcome::Retry {
        at: at(300),
        reason: "429".into(),
    };
    ground.store.settle_fetch(&job, later).await.unwrap();
    asked(&ground, ground.own, "under way", 0).await;
    claimed(&*ground.store, 0).await;
    let ground = ground.reopen().await;
    ground.store.start().await.unwrap();
    let jobs = claimed(&*ground.store, 1).await;
    assert_eq!(jobs.len(), 1);
    assert_eq!(jobs[0].need.key, "under way");
}

pub async fn calls_of_one_budget_keep_their_distance(ground: Ground) {
    let store = &ground.store;
    let now = at(0);
    let mut turns = vec![];
    for _ in 0..3 {
        turns.push(store.reserve_call("key", now, 1_500).await.unwrap());
    }
    assert_eq!(turns, [now, now + 1_500.milliseconds(), now + 3.seconds()]);
    let much_later = at(600);
    let turn = store.reserve_call("key", much_later, 1_500).await.unwrap();
    assert_eq!(turn, much_later);
}

pub async fn budgets_do_not_wait_for_each_other(ground: Ground) {
    let store = &ground.store;
    store.reserve_call("one", at(0), 60_000).await.unwrap();
    let turn = store.reserve_call("other", at(0), 60_000).await.unwrap();
    assert_eq!(turn, at(0));
}

pub async fn a_reserved_call_is_remembered_after_reopening(ground: Ground) {
    ground
        .store
        .reserve_call("key", at(0), 60_000)
        .await
        .unwrap();
    let ground = ground.reopen().await;
    ground.store.start().await.unwrap();
    let turn = ground.store.reserve_call("key", at(1), 60_000).await;
    assert_eq!(turn.unwrap(), at(60));
}
