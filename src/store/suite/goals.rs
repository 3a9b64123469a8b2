//! Cases of goals: kept with their messages, listed alone and among communications.

use super::ground::{Ground, assert_not_found};
use super::values::{after, at, everything, first, write};
use super::visits::{arrival, told_or_cut};
use crate::model::{CampaignId, Communication, SiteId, SourceId, VisitId};
use crate::store::{
    CommunicationFilter, GoalFilter, GoalOfVisit, HitFacts, PageRequest, RawData, RawDataFilter,
    RawDataOrder, Recorded, VisitFilter, VisitView,
};
use serde_json::json;

/// `true` when the message is new.
async fn told(ground: &Ground, facts: HitFacts) -> bool {
    match ground.store.record_hit(facts).await.unwrap() {
        Recorded::Kept { is_new, .. } => is_new,
        Recorded::Mixed(facts) => panic!("{} is mixed", facts.visit),
    }
}

async fn listed(ground: &Ground, filter: GoalFilter) -> Vec<GoalOfVisit> {
    let (store, workspace) = (&ground.store, ground.own.workspace);
    let page = store.goals_page(workspace, &filter, &everything()).await;
    page.unwrap().items
}

fn names(goals: &[GoalOfVisit]) -> Vec<&str> {
    goals.iter().map(|one| one.goal.name.as_str()).collect()
}

async fn view(ground: &Ground, key: &str) -> VisitView {
    let (store, workspace) = (&ground.store, ground.own.workspace);
    let filter = VisitFilter {
        key: Some(key.into()),
        ..VisitFilter::default()
    };
    let page = store.visits_page(workspace, &filter, &everything()).await;
    let id = page.unwrap().items[0].id;
    store.visit(workspace, id).await.unwrap()
}

pub async fn a_goal_is_kept_once_with_its_message_and_is_no_page(ground: Ground) {
    let mut facts = ground.own.goal("v1", "g1", 20, "Заказ");
    let data = json!({"price": 24_900.5, "goods": [{"id": 7}], "note": "белый \u{0} \"цвет\""});
    facts.goal.as_mut().unwrap().data = data.as_object().unwrap().clone();
    told(&ground, ground.own.page("v1", "m1", 10)).await;
    assert!(told(&ground, facts.clone()).await);
    assert!(!told(&ground, facts.clone()).await);
    let ground = ground.reopen().await;
    assert!(!told(&ground, facts.clone()).await);
    let VisitView {
        visit, hits, goals, ..
    } = view(&ground, "v1").await;
    assert_eq!((visit.hits, hits.len()), (1, 1));
    assert_eq!(visit.last_hit_at, at(20));
    let [goal] = &goals[..] else {
        panic!("{goals:?}");
    };
    assert_eq!(
        (goal.visit, goal.site, goal.at),
        (visit.id, ground.own.site, at(20))
    );
    assert_eq!(
        (goal.name.as_str(), &goal.data),
        ("Заказ", &facts.goal.unwrap().data)
    );
    let expected = GoalOfVisit {
        goal: goal.clone(),
        visit,
    };
    assert_eq!(listed(&ground, GoalFilter::default()).await, [expected]);
}

pub async fn goals_of_a_visit_come_oldest_first_whatever_came_first(ground: Ground) {
    for (message, seconds) in [("g3", 30), ("g1", 10), ("g2", 20)] {
        told(&ground, ground.own.goal("v1", message, seconds, message)).await;
    }
    let goals = view(&ground, "v1").await.goals;
    let names: Vec<_> = goals.iter().map(|goal| goal.name.as_str()).collect();
    assert_eq!(names, ["g1", "g2", "g3"]);
}

pub async fn a_goal_goes_where_its_message_goes(ground: Ground) {
    told_or_cut(&ground, arrival(&ground, "v1", "b", 20)).await;
    told_or_cut(&ground, ground.own.goal("v1", "g1", 25, "order")).await;
    let before = listed(&ground, GoalFilter::default()).await;
    told_or_cut(&ground, arrival(&ground, "v1", "a", 10)).await;
    told_or_cut(&ground, arrival(&ground, "v1", "c", 22)).await;
    let late = ground.own.goal("v1", "g2", 23, "late");
    told_or_cut(&ground, late.clone()).await;
    told_or_cut(&ground, late).await;
    let after = listed(&ground, GoalFilter::default()).await;
    assert_eq!(names(&after), ["order", "late"]);
    assert_eq!(after[0].goal.id, before[0].goal.id);
    for goal in &after {
        assert_eq!(goal.visit.marks.utm.utm_source.as_deref(), Some("c"));
    }
    let third = view(&ground, "v1-c").await;
    assert_eq!(third.goals.len(), 2);
    assert_eq!(third.goals[0].visit, third.visit.id);
    for other in ["v1", "v1-b"] {
        assert_eq!(view(&ground, other).await.goals, []);
    }
}

pub async fn each_filter_of_goals_narrows_the_list(ground: Ground) {
    told(&ground, ground.own.goal("v1", "g1", 0, "plain")).await;
    let mut page = ground.own.page("v2", "m2", 90);
    let facts = page.page.as_mut().unwrap();
    (facts.campaign, facts.source) = (Some(CampaignId(4)), Some(SourceId(5)));
    told(&ground, page).await;
    let (store, workspace) = (&ground.store, ground.own.workspace);
    let site = store.add_site(workspace, "b.example.com", "b", "b-key");
    let site = site.await.unwrap();
    let rich = HitFacts {
        site,
        ..ground.own.goal("v2", "g2", 100, "Заказ Окна")
    };
    told(&ground, rich).await;
    let visit = view(&ground, "v2").await.visit.id;
    let any = GoalFilter::default;
    assert_eq!(
        names(&listed(&ground, any()).await),
        ["Заказ Окна", "plain"]
    );
    for filter in [
        GoalFilter {
            from: Some(at(100)),
            ..any()
        },
        GoalFilter {
            name: Some("Заказ Окна".into()),
            ..any()
        },
        GoalFilter {
            site: Some(site),
            ..any()
        },
        GoalFilter {
            visit: Some(visit),
            ..any()
        },
        GoalFilter {
            campaign: Some(CampaignId(4)),
            ..any()
        },
        GoalFilter {
            source: Some(SourceId(5)),
            ..any()
        },
        GoalFilter {
            text: Some("окн% ЗАКАЗ".into()),
            ..any()
        },
    ] {
        assert_eq!(
            names(&listed(&ground, filter.clone()).await),
            ["Заказ Окна"],
            "{filter:?}"
        );
    }
    for filter in [
        GoalFilter {
            to: Some(at(0)),
            ..any()
        },
        GoalFilter {
            name: Some("заказ окна".into()),
            ..any()
        },
        GoalFilter {
            site: Some(SiteId(999)),
            ..any()
        },
        GoalFilter {
            visit: Some(VisitId(999)),
            ..any()
        },
        GoalFilter {
            text: Some("заказ дверь".into()),
            ..any()
        },
    ] {
        assert_eq!(listed(&ground, filter.clone()).await, [], "{filter:?}");
    }
}

pub async fn pages_of_goals_stay_in_step_while_more_come(ground: Ground) {
    for (number, seconds) in [10, 20, 20, 20, 30].into_iter().enumerate() {
        let name = format!("g{number}");
        told(&ground, ground.own.goal("v1", &name, seconds, &name)).await;
    }
    let (store, workspace) = (&ground.store, ground.own.workspace);
    let any = GoalFilter::default();
    let mut seen = vec![];
    let mut request = first(2);
    loop {
        let page = store.goals_page(workspace, &any, &request).await.unwrap();
        seen.extend(names(&page.items).into_iter().map(str::to_owned));
        let Some(next) = page.next else {
            break;
        };
        assert!(seen.len() < 100, "the pages go in a circle");
        let newer = format!("newer {}", seen.len());
        told(&ground, ground.own.goal("v1", &newer, 40, &newer)).await;
        request = after(2, Some(next));
    }
    assert_eq!(seen, ["g4", "g3", "g2", "g1", "g0"]);
    assert_not_found(
        store
            .goals_page(workspace, &any, &after(2, Some("1".into())))
            .await,
    );
}

/// Kind and id of each row, page by page.
async fn raw_data(ground: &Ground, filter: &RawDataFilter, limit: u32) -> Vec<(char, i64)> {
    let (store, workspace) = (&ground.store, ground.own.workspace);
    let mut seen = vec![];
    let mut request = first(limit);
    loop {
        let page = store.raw_data_page(workspace, filter, &request).await;
        let page = page.unwrap();
        assert!(page.items.len() <= limit as usize);
        assert!(seen.len() < 100, "the pages go in a circle");
        assert!(page.next.is_none() || page.items.len() == limit as usize);
        seen.extend(page.items.iter().map(|row| match row {
            RawData::Communication(one) => ('c', one.id.0),
            RawData::Goal(one) => ('g', one.goal.id.0),
        }));
        match page.next {
            Some(next) => request = after(limit, Some(next)),
            None => return seen,
        }
    }
}

/// Communications and goals, many of them of one moment, in the order of the list.
async fn mixed(ground: &Ground) -> Vec<(char, i64)> {
    let mut all = vec![];
    for (number, seconds) in [10, 20, 20, 20, 30, 40, 40, 50].into_iter().enumerate() {
        let chat = Communication {
            started_at: at(seconds),
            ..ground.own.chat(&format!("chat {number}"))
        };
        let chat = ground.put(write(chat)).await;
        all.push((seconds, true, chat.id.0));
    }
    for (number, seconds) in [5, 20, 20, 30, 30, 30, 35, 40, 60, 60]
        .into_iter()
        .enumerate()
    {
        let name = format!("g{number}");
        told(ground, ground.own.goal("v1", &name, seconds, &name)).await;
    }
    for goal in listed(ground, GoalFilter::default()).await {
        let seconds = goal.goal.at.duration_since(at(0)).as_secs();
        all.push((seconds, false, goal.goal.id.0));
    }
    all.sort_by(|one, other| other.cmp(one));
    let kind = |is_communication| if is_communication { 'c' } else { 'g' };
    all.into_iter()
        .map(|(_, is_communication, id)| (kind(is_communication), id))
        .collect()
}

fn both(order: RawDataOrder) -> RawDataFilter {
    RawDataFilter {
        communications: Some(CommunicationFilter::default()),
        goals: Some(GoalFilter::default()),
        order,
    }
}

pub async fn pages_of_raw_data_lose_and_repeat_nothing(ground: Ground) {
    let mut expected = mixed(&ground).await;
    assert_eq!(expected.len(), 18);
    for order in [RawDataOrder::NewestFirst, RawDataOrder::OldestFirst] {
        for limit in 1..=19 {
            let seen = raw_data(&ground, &both(order), limit).await;
            assert_eq!(seen, expected, "{order:?} by {limit}");
        }
        expected.reverse();
    }
}

pub async fn raw_data_has_what_is_asked_for(ground: Ground) {
    let all = mixed(&ground).await;
    let of = |kind| all.iter().copied().filter(move |(of, _)| *of == kind);
    let newest_first = both(RawDataOrder::NewestFirst);
    let goals = RawDataFilter {
        communications: None,
        ..newest_first.clone()
    };
    assert_eq!(
        raw_data(&ground, &goals, 3).await,
        of('g').collect::<Vec<_>>()
    );
    let communications = RawDataFilter {
        goals: None,
        ..newest_first
    };
    let seen = raw_data(&ground, &communications, 3).await;
    assert_eq!(seen, of('c').collect::<Vec<_>>());
    assert_eq!(raw_data(&ground, &RawDataFilter::default(), 3).await, []);
    let narrowed = RawDataFilter {
        communications: Some(CommunicationFilter {
            from: Some(at(50)),
            ..CommunicationFilter::default()
        }),
        goals: Some(GoalFilter {
            name: Some("g0".into()),
            ..GoalFilter::default()
        }),
        ..RawDataFilter::default()
    };
    let kinds: Vec<_> = raw_data(&ground, &narrowed, 1).await;
    assert_eq!(kinds.iter().map(|row| row.0).collect::<String>(), "cg");
}

pub async fn a_cursor_of_another_list_is_refused_by_raw_data(ground: Ground) {
    for cursor in ["", "1_2", "1_2_3_4", "a_1_2"] {
        let request = PageRequest {
            limit: 2,
            cursor: Some(cursor.into()),
        };
        let filter = both(RawDataOrder::NewestFirst);
        let workspace = ground.own.workspace;
        let page = ground.store.raw_data_page(workspace, &filter, &request);
        assert_not_found(page.await.map(|_| ()));
    }
}
