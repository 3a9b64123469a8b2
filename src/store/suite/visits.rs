//! Cases of visits: the fold of tracker messages, and the lists of visits.

use super::ground::{Ground, assert_conflict, assert_not_found};
use super::values::{after, at, everything, first, key, write};
use crate::model::{
    CampaignId, ChannelGroup, Communication, Device, Key, KeyKind, Marks, SiteId, SourceId, Visit,
    VisitId,
};
use crate::store::{Division, HitFacts, PageFacts, Recorded, VisitFilter, VisitPart, VisitView};
use std::collections::BTreeSet;

/// `true` when the message is new.
async fn told(ground: &Ground, facts: HitFacts) -> bool {
    match ground.store.record_hit(facts).await.unwrap() {
        Recorded::Kept { is_new, .. } => is_new,
        Recorded::Mixed(facts) => panic!("{} is mixed", facts.visit),
    }
}

async fn visit_by_key(ground: &Ground, visit: &str) -> Visit {
    let filter = VisitFilter {
        key: Some(visit.into()),
        ..VisitFilter::default()
    };
    let mut found = listed(ground, filter).await;
    assert_eq!(found.len(), 1, "{visit}");
    found.remove(0)
}

async fn view(ground: &Ground, visit: &str) -> VisitView {
    let id = visit_by_key(ground, visit).await.id;
    let view = ground.store.visit(ground.own.workspace, id).await;
    view.unwrap()
}

async fn listed(ground: &Ground, filter: VisitFilter) -> Vec<Visit> {
    let page = ground
        .store
        .visits_page(ground.own.workspace, &filter, &everything())
        .await;
    page.unwrap().items
}

fn keys_of(visits: &[Visit]) -> Vec<&str> {
    visits.iter().map(|visit| visit.key.as_str()).collect()
}

/// With a page of its own.
fn of_page(facts: HitFacts, change: impl FnOnce(&mut PageFacts)) -> HitFacts {
    let mut facts = facts;
    change(facts.page.as_mut().unwrap());
    facts
}

fn of_visitor(facts: HitFacts, visitor: &str) -> HitFacts {
    HitFacts {
        visitor: visitor.into(),
        ..facts
    }
}

pub async fn a_page_view_makes_a_visit_with_all_it_tells(ground: Ground) {
    let facts = HitFacts {
        device: Device {
            browser: Some("Firefox".into()),
            screen_width: Some(1_280),
            ..Device::default()
        },
        country: Some("RU".into()),
        city: Some("Tver".into()),
        is_robot: true,
        keys: vec![key(KeyKind::MetricaClient, "17")],
        ..of_page(ground.own.page("v1", "m1", 10), |page| {
            page.campaign = Some(CampaignId(4));
            page.source = Some(SourceId(5));
        })
    };
    let page = facts.page.clone().unwrap();
    assert!(told(&ground, facts.clone()).await);
    let ground = ground.reopen().await;
    let VisitView {
        visit,
        visitor_key,
        hits,
        keys,
        ..
    } = view(&ground, "v1").await;
    let expected = Visit {
        id: visit.id,
        visitor: visit.visitor,
        visitor_key: "cAnna".into(),
        site: ground.own.site,
        key: "v1".into(),
        started_at: at(10),
        last_hit_at: at(10),
        marks: page.marks,
        channel_group: ChannelGroup::Search,
        campaign: Some(CampaignId(4)),
        source: Some(SourceId(5)),
        device: facts.device,
        ip: facts.ip,
        country: facts.country,
        city: facts.city,
        is_robot: true,
        hits: 1,
    };
    assert_eq!(visit, expected);
    assert_eq!(visitor_key, "cAnna");
    assert_eq!(hits.len(), 1);
    assert_eq!((hits[0].visit, hits[0].at), (visit.id, at(10)));
    assert_eq!((&hits[0].url, &hits[0].title), (&page.url, &page.title));
    assert_eq!(
        sorted(keys),
        sorted(vec![
            key(KeyKind::MetricaClient, "17"),
            key(KeyKind::Visit, "v1"),
            key(KeyKind::Visitor, "cAnna"),
        ])
    );
}

fn sorted(mut keys: Vec<Key>) -> Vec<Key> {
    keys.sort();
    keys
}

pub async fn a_repeated_message_is_known_and_changes_nothing(ground: Ground) {
    let page = ground.own.page("v1", "m1", 10);
    let bind = ground
        .own
        .bind("v1", "m2", 20, vec![key(KeyKind::BoundChat, "jivosite:1")]);
    for facts in [&page, &bind] {
        assert!(told(&ground, facts.clone()).await);
    }
    let before = view(&ground, "v1").await;
    for facts in [&page, &bind, &page] {
        assert!(!told(&ground, facts.clone()).await);
    }
    let after = view(&ground, "v1").await;
    assert_eq!(after.visit, before.visit);
    assert_eq!(after.hits, before.hits);
    assert_eq!(after.keys, before.keys);
}

pub async fn a_visit_lasts_from_its_earliest_to_its_latest_message(ground: Ground) {
    for (message, seconds) in [("m1", 50), ("m2", 10), ("m3", 90), ("m4", 30)] {
        told(&ground, ground.own.page("v1", message, seconds)).await;
    }
    let view = view(&ground, "v1").await;
    assert_eq!(view.visit.started_at, at(10));
    assert_eq!(view.visit.last_hit_at, at(90));
    assert_eq!(view.visit.hits, 4);
    let times: Vec<_> = view.hits.iter().map(|hit| hit.at).collect();
    assert_eq!(times, [at(10), at(30), at(50), at(90)]);
}

pub async fn the_earliest_page_gives_the_marks(ground: Ground) {
    for (message, seconds) in [("late", 50), ("early", 10), ("later", 90)] {
        told(&ground, ground.own.page("v1", message, seconds)).await;
    }
    let visit = visit_by_key(&ground, "v1").await;
    assert_eq!(visit.marks.utm.utm_source.as_deref(), Some("early"));
    assert_eq!(visit.ip.as_deref(), Some("192.0.2.5"));
}

pub async fn of_two_pages_of_one_moment_the_smaller_message_gives_the_marks(ground: Ground) {
    for (visit, messages) in [("v1", ["a", "b"]), ("v2", ["b2", "a2"])] {
        for message in messages {
            told(&ground, ground.own.page(visit, message, 10)).await;
        }
    }
    let one = visit_by_key(&ground, "v1").await;
    let other = visit_by_key(&ground, "v2").await;
    assert_eq!(one.marks.utm.utm_source.as_deref(), Some("a"));
    assert_eq!(other.marks.utm.utm_source.as_deref(), Some("a2"));
}

pub async fn a_bind_before_the_page_opens_a_visit_without_marks(ground: Ground) {
    told(
        &ground,
        ground
            .own
            .bind("v1", "m1", 5, vec![key(KeyKind::BoundUser, "jivosite:7")]),
    )
    .await;
    let visit = visit_by_key(&ground, "v1").await;
    assert_eq!(visit.hits, 0);
    assert!(visit.marks.is_empty());
    told(&ground, ground.own.page("v1", "m2", 9)).await;
    let view = view(&ground, "v1").await;
    assert_eq!(view.visit.started_at, at(5));
    assert_eq!(view.visit.channel_group, ChannelGroup::Search);
    assert_eq!(view.visit.marks.utm.utm_source.as_deref(), Some("m2"));
    assert_eq!(view.visit.hits, 1);
    assert!(view.keys.contains(&key(KeyKind::BoundUser, "jivosite:7")));
}

const ORDERS: [[usize; 3]; 6] = [
    [0, 1, 2],
    [0, 2, 1],
    [1, 0, 2],
    [1, 2, 0],
    [2, 0, 1],
    [2, 1, 0],
];

/// Tells the messages in each order, each as a visit of its own, and compares what came out.
async fn same_in_any_order(ground: &Ground, messages: impl Fn(&str) -> [HitFacts; 3]) {
    let mut expected = None;
    for (number, order) in ORDERS.into_iter().enumerate() {
        let name = format!("v{number}");
        let told_now = messages(&name);
        for place in order {
            told(ground, told_now[place].clone()).await;
        }
        let VisitView {
            mut visit,
            mut keys,
            hits,
            ..
        } = view(ground, &name).await;
        visit.id = VisitId(0);
        visit.key = String::new();
        keys.retain(|key| key.kind != KeyKind::Visit);
        let times: Vec<_> = hits.into_iter().map(|hit| (hit.at, hit.url)).collect();
        let result = (visit, sorted(keys), times);
        assert_eq!(&result, expected.get_or_insert(result.clone()), "{order:?}");
    }
}

/// One message id for each visit, equal in length.
fn of(visit: &str, message: &str) -> String {
    format!("{visit}-{message}")
}

pub async fn pages_and_a_bind_give_the_same_visit_in_any_order(ground: Ground) {
    let own = ground.own;
    same_in_any_order(&ground, |visit| {
        let page = |message: &str, seconds| {
            of_page(own.page(visit, &of(visit, message), seconds), |page| {
                page.url = format!("https://own.example.com/{message}");
                page.marks.utm.utm_source = Some(message.into());
            })
        };
        [
            HitFacts {
                is_robot: true,
                ..page("a", 30)
            },
            HitFacts {
                city: Some("Tver".into()),
                ..page("b", 20)
            },
            HitFacts {
                ip: Some("192.0.2.99".into()),
                ..own.bind(
                    visit,
                    &of(visit, "c"),
                    10,
                    vec![key(KeyKind::BoundChat, "jivosite:1")],
                )
            },
        ]
    })
    .await;
}

pub async fn binds_alone_give_the_same_visit_in_any_order(ground: Ground) {
    let (own, foreign_site) = (ground.own, SiteId(ground.own.site.0 + 7));
    same_in_any_order(&ground, |visit| {
        let bind = |message: &str, seconds| HitFacts {
            ip: Some(format!("192.0.2.{seconds}")),
            ..own.bind(
                visit,
                &of(visit, message),
                seconds,
                vec![key(KeyKind::BoundUser, message)],
            )
        };
        [
            bind("a", 30),
            HitFacts {
                site: foreign_site,
                device: Device {
                    os: Some("Linux".into()),
                    ..Device::default()
                },
                ..bind("b", 10)
            },
            bind("c", 20),
        ]
    })
    .await;
}

/// A visitor who clears his cookies in the middle of a visit.
pub async fn the_visitor_of_the_earliest_message_is_the_visits_in_any_order(ground: Ground) {
    let own = ground.own;
    same_in_any_order(&ground, |visit| {
        let page = |message: &str, seconds| own.page(visit, &of(visit, message), seconds);
        [
            of_page(page("a", 30), |page| page.url = "a".into()),
            of_visitor(
                of_page(page("b", 10), |page| page.url = "b".into()),
                "cBoris",
            ),
            of_page(page("c", 20), |page| page.url = "c".into()),
        ]
        .map(|facts| of_page(facts, |page| page.marks.utm.utm_source = None))
    })
    .await;
}

pub async fn a_key_keeps_the_time_at_which_it_was_seen_first(ground: Ground) {
    let bound = key(KeyKind::BoundChat, "jivosite:1");
    for (message, seconds) in [("m1", 30), ("m2", 10), ("m3", 20)] {
        told(
            &ground,
            ground.own.bind("v1", message, seconds, vec![bound.clone()]),
        )
        .await;
    }
    let query = crate::store::CandidateQuery {
        workspace: ground.own.workspace,
        keys: vec![bound],
        around: at(60),
        not_before: at(0),
        exclude: None,
    };
    let candidates = ground.store.candidates(vec![query]).await.unwrap();
    assert_eq!(candidates[0].found[0].key_at, at(10));
}

/// A page view of an advertising arrival, named for both.
pub fn arrival(ground: &Ground, visit: &str, name: &str, seconds: i64) -> HitFacts {
    of_page(ground.own.page(visit, &of(visit, name), seconds), |page| {
        page.arrival = name[..1].into();
        page.url = name.into();
        page.marks.utm.utm_source = Some(name.into());
    })
}

/// Tells a message, cutting at each arrival that is another than the one before.
pub async fn told_or_cut(ground: &Ground, facts: HitFacts) {
    let recorded = ground.store.record_hit(facts).await.unwrap();
    if let Recorded::Mixed(facts) = recorded {
        let division = cut(ground, *facts).await;
        ground.store.divide_visit(division).await.unwrap();
    }
}

async fn cut(ground: &Ground, facts: HitFacts) -> Division {
    let workspace = ground.own.workspace;
    let family = ground
        .store
        .visit_family(workspace, &facts.visit)
        .await
        .unwrap();
    let seen = family.len();
    let letter = |marks: &Marks| marks.utm.utm_source.clone().unwrap()[..1].to_owned();
    let known = family.iter().map(|hit| {
        let page = hit.marks.as_ref().map(letter);
        (hit.at, Some(hit.id), Some(hit.visit), page)
    });
    let page = facts.page.as_ref().map(|page| letter(&page.marks));
    let mut all: Vec<_> = known.chain([(facts.at, None, None, page)]).collect();
    all.sort();
    let mut parts: Vec<(Option<String>, VisitPart)> = vec![];
    for (_, message, visit, page) in all {
        let last = parts.last().map(|(of, _)| of);
        if last.is_none_or(|of| page.is_some() && *of != page) {
            let alias = format!("{}-{}", facts.visit, page.as_deref().unwrap_or("none"));
            let key = match parts.is_empty() {
                true => facts.visit.clone(),
                false => alias.clone(),
            };
            let messages = vec![];
            let part = VisitPart {
                key,
                alias,
                visit,
                messages,
            };
            parts.push((page, part));
        }
        parts.last_mut().unwrap().1.messages.push(message);
    }
    Division {
        facts,
        seen,
        parts: parts.into_iter().map(|(_, part)| part).collect(),
    }
}

pub async fn a_message_that_mixes_a_visit_is_left_out(ground: Ground) {
    told(&ground, arrival(&ground, "v1", "a", 0)).await;
    told(&ground, arrival(&ground, "v1", "a2", 50)).await;
    told(&ground, ground.own.bind("v1", "bind", 86_399, vec![])).await;
    let before = view(&ground, "v1").await;
    for mixing in [
        arrival(&ground, "v1", "b", 60),
        ground.own.page("v1", "late", 86_400),
        ground.own.page("v1", "early", -1),
    ] {
        let recorded = ground.store.record_hit(mixing.clone()).await.unwrap();
        let Recorded::Mixed(facts) = recorded else {
            panic!("{} was kept", mixing.message);
        };
        assert_eq!(facts.message, mixing.message);
    }
    let after = view(&ground, "v1").await;
    assert_eq!((after.visit, after.hits), (before.visit, before.hits));
    told_or_cut(&ground, arrival(&ground, "v1", "b", 60)).await;
    let inner = ground.own.bind("v1", "inner", 70, vec![]);
    let recorded = ground.store.record_hit(inner).await.unwrap();
    assert!(matches!(recorded, Recorded::Mixed(_)), "it is several now");
}

pub async fn a_message_for_a_visit_that_is_no_more_is_refused(ground: Ground) {
    let facts = HitFacts {
        known: Some(VisitId(9_999)),
        ..ground.own.page("v1", "m1", 0)
    };
    assert_conflict(ground.store.record_hit(facts).await);
    assert_eq!(listed(&ground, VisitFilter::default()).await, []);
}

pub async fn a_division_gives_the_same_visits_in_any_order(ground: Ground) {
    let mut expected = None;
    for (number, order) in ORDERS.into_iter().enumerate() {
        let name = format!("v{number}");
        let bound = vec![key(KeyKind::BoundChat, "jivosite:1")];
        let bind = ground.own.bind(&name, &of(&name, "m"), 25, bound);
        let other = of_visitor(arrival(&ground, &name, "b", 20), "cBoris");
        let messages = [
            arrival(&ground, &name, "a", 10),
            other,
            HitFacts {
                is_robot: true,
                ..arrival(&ground, &name, "c", 30)
            },
        ];
        told_or_cut(&ground, bind).await;
        for place in order {
            told_or_cut(&ground, messages[place].clone()).await;
        }
        let mut seen = vec![];
        for suffix in ["", "-b", "-c"] {
            let VisitView {
                mut visit,
                hits,
                keys,
                ..
            } = view(&ground, &format!("{name}{suffix}")).await;
            visit.id = VisitId(0);
            visit.key = String::new();
            let keys = keys
                .into_iter()
                .map(|key| (key.kind, key.value.replace(&name, "v")));
            let keys: BTreeSet<_> = keys.collect();
            let pages: Vec<_> = hits.into_iter().map(|hit| (hit.at, hit.url)).collect();
            seen.push((visit, pages, keys));
        }
        assert_eq!(&seen, expected.get_or_insert(seen.clone()), "{order:?}");
        let bound = (KeyKind::BoundChat, "jivosite:1".to_owned());
        let has: Vec<_> = seen
            .iter()
            .map(|(.., keys)| keys.contains(&bound))
            .collect();
        assert_eq!(has, [false, true, false]);
    }
}

pub async fn a_division_that_was_overtaken_is_refused(ground: Ground) {
    told(&ground, arrival(&ground, "v1", "a", 0)).await;
    let division = cut(&ground, arrival(&ground, "v1", "b", 20)).await;
    told(&ground, ground.own.bind("v1", "bind", 10, vec![])).await;
    assert_conflict(ground.store.divide_visit(division).await);
    assert_eq!(listed(&ground, VisitFilter::default()).await.len(), 1);
}

pub async fn a_division_of_a_known_message_changes_nothing(ground: Ground) {
    told(&ground, arrival(&ground, "v1", "a", 0)).await;
    let division = cut(&ground, arrival(&ground, "v1", "b", 20)).await;
    for _ in 0..2 {
        let visit = ground.store.divide_visit(division.clone()).await;
        assert_eq!(visit.unwrap(), "v1-b");
    }
    assert!(!told(&ground, arrival(&ground, "v1", "b", 20)).await);
    assert_eq!(visit_by_key(&ground, "v1-b").await.hits, 1);
}

pub async fn a_visit_keeps_its_row_when_its_key_goes_to_another(ground: Ground) {
    told(&ground, arrival(&ground, "v1", "b", 20)).await;
    let before = visit_by_key(&ground, "v1").await;
    told_or_cut(&ground, arrival(&ground, "v1", "a", 0)).await;
    let expected = Visit {
        key: "v1-b".into(),
        ..before
    };
    assert_eq!(visit_by_key(&ground, "v1-b").await, expected);
    let first = visit_by_key(&ground, "v1").await;
    assert_eq!(first.marks.utm.utm_source.as_deref(), Some("a"));
    // A later message finds its way, and the others stay as they are.
    told_or_cut(&ground, ground.own.bind("v1", "bind", 10, vec![])).await;
    assert_eq!(visit_by_key(&ground, "v1").await.last_hit_at, at(10));
    assert_eq!(visit_by_key(&ground, "v1-b").await, expected);
}

pub async fn a_visit_left_without_messages_is_no_more(ground: Ground) {
    told(&ground, arrival(&ground, "v1", "a", 0)).await;
    told_or_cut(&ground, arrival(&ground, "v1", "b", 20)).await;
    let gone = visit_by_key(&ground, "v1-b").await.id;
    let mut division = cut(&ground, ground.own.bind("v1", "bind", 30, vec![])).await;
    let messages: Vec<_> = division
        .parts
        .drain(1..)
        .flat_map(|part| part.messages)
        .collect();
    division.parts[0].messages.extend(messages);
    ground.store.divide_visit(division).await.unwrap();
    assert_not_found(ground.store.visit(ground.own.workspace, gone).await);
    let only = view(&ground, "v1").await;
    assert_eq!((only.visit.hits, only.visit.last_hit_at), (2, at(30)));
    let keys = ["v1", "v1-a"].map(|name| key(KeyKind::Visit, name));
    let expected = keys.into_iter().chain([key(KeyKind::Visitor, "cAnna")]);
    assert_eq!(sorted(only.keys), sorted(expected.collect()));
}

pub async fn a_division_touches_those_who_share_a_key(ground: Ground) {
    let bound = key(KeyKind::BoundChat, "jivosite:1");
    told(&ground, arrival(&ground, "v1", "b", 20)).await;
    told(
        &ground,
        ground.own.bind("v1", "bind", 25, vec![bound.clone()]),
    )
    .await;
    let mut chats = vec![];
    for shared in [
        bound,
        key(KeyKind::Visit, "v1"),
        key(KeyKind::Visitor, "cAnna"),
    ] {
        let chat = Communication {
            keys: vec![shared.clone()],
            ..ground.own.chat(&shared.value)
        };
        chats.push((ground.own.workspace, ground.put(write(chat)).await.id));
    }
    let read = ground.store.touched("relink", 1_000).await.unwrap();
    ground.store.confirm_touched("relink", &read).await.unwrap();
    told_or_cut(&ground, arrival(&ground, "v1", "a", 0)).await;
    let touched = ground.store.touched("relink", 1_000).await.unwrap();
    assert_eq!(touched.communications, chats);
}

pub async fn message_ids_are_of_their_site(ground: Ground) {
    let other_site = HitFacts {
        site: SiteId(ground.own.site.0 + 7),
        ..ground.own.page("v2", "m1", 0)
    };
    assert!(told(&ground, ground.own.page("v1", "m1", 0)).await);
    assert!(told(&ground, other_site).await);
    assert_eq!(visit_by_key(&ground, "v2").await.hits, 1);
}

pub async fn visit_keys_are_of_their_workspace(ground: Ground) {
    told(&ground, ground.own.page("v1", "m1", 0)).await;
    told(&ground, ground.foreign.page("v1", "m1", 50)).await;
    let visit = visit_by_key(&ground, "v1").await;
    assert_eq!((visit.hits, visit.last_hit_at), (1, at(0)));
}

pub async fn visits_of_a_visitor_are_those_open_in_the_span(ground: Ground) {
    for (visit, from, to) in [("v1", 0, 10), ("v2", 100, 110), ("v3", 200, 210)] {
        told(&ground, ground.own.page(visit, &of(visit, "a"), from)).await;
        told(&ground, ground.own.page(visit, &of(visit, "b"), to)).await;
    }
    let stranger = of_visitor(ground.own.page("v4", "m", 100), "cBoris");
    told(&ground, stranger).await;
    for (from, to, expected) in [
        (-9, 999, vec!["v1", "v2", "v3"]),
        (10, 100, vec!["v1", "v2"]),
        (105, 106, vec!["v2"]),
        (11, 99, vec![]),
    ] {
        let visits = ground
            .store
            .visits_of(ground.own.workspace, "cAnna", at(from), at(to))
            .await
            .unwrap();
        let mut keys = keys_of(&visits);
        keys.sort_unstable();
        assert_eq!(keys, expected, "{from}–{to}");
    }
}

pub async fn earlier_visits_are_the_visitors_own_newest_first(ground: Ground) {
    for (visit, seconds) in [("v1", 0), ("v2", 100), ("v3", 200), ("v4", 300)] {
        told(&ground, ground.own.page(visit, visit, seconds)).await;
    }
    let stranger = of_visitor(ground.own.page("v5", "m", 100), "cBoris");
    told(&ground, stranger).await;
    let third = visit_by_key(&ground, "v3").await.id;
    let own = ground.own.workspace;
    let earlier = ground.store.earlier_visits(own, third, 9).await.unwrap();
    assert_eq!(keys_of(&earlier), ["v2", "v1"]);
    let latest = ground.store.earlier_visits(own, third, 1).await.unwrap();
    assert_eq!(keys_of(&latest), ["v2"]);
}

pub async fn each_filter_of_visits_narrows_the_list(ground: Ground) {
    told(&ground, ground.own.page("v1", "m1", 0)).await;
    told(
        &ground,
        of_visitor(ground.own.page("v2", "m2", 100), "cBoris"),
    )
    .await;
    let elsewhere = HitFacts {
        site: SiteId(ground.own.site.0 + 7),
        ..of_page(ground.own.page("v3", "m3", 200), |page| {
            page.channel_group = ChannelGroup::Direct;
        })
    };
    told(&ground, elsewhere).await;
    let any = VisitFilter::default;
    let table = [
        (any(), vec!["v3", "v2", "v1"]),
        (
            VisitFilter {
                from: Some(at(100)),
                ..any()
            },
            vec!["v3", "v2"],
        ),
        (
            VisitFilter {
                to: Some(at(100)),
                ..any()
            },
            vec!["v1"],
        ),
        (
            VisitFilter {
                site: Some(ground.own.site),
                ..any()
            },
            vec!["v2", "v1"],
        ),
        (
            VisitFilter {
                key: Some("v1".into()),
                ..any()
            },
            vec!["v1"],
        ),
        (
            VisitFilter {
                visitor: Some("cBoris".into()),
                ..any()
            },
            vec!["v2"],
        ),
        (
            VisitFilter {
                channel_group: Some(ChannelGroup::Direct),
                ..any()
            },
            vec!["v3"],
        ),
        (
            VisitFilter {
                visitor: Some("cAnna".into()),
                site: Some(ground.own.site),
                ..any()
            },
            vec!["v1"],
        ),
    ];
    for (filter, expected) in table {
        let visits = listed(&ground, filter.clone()).await;
        assert_eq!(keys_of(&visits), expected, "{filter:?}");
    }
}

pub async fn pages_of_visits_stay_in_step_while_more_come(ground: Ground) {
    for number in 0..5 {
        let visit = format!("v{number}");
        told(&ground, ground.own.page(&visit, &visit, number / 2)).await;
    }
    let (store, own) = (&ground.store, ground.own.workspace);
    let filter = VisitFilter::default();
    let expected: Vec<_> = listed(&ground, filter.clone())
        .await
        .into_iter()
        .map(|visit| visit.id)
        .collect();
    let mut seen = vec![];
    let mut page = store.visits_page(own, &filter, &first(2)).await.unwrap();
    loop {
        seen.extend(page.items.iter().map(|visit| visit.id));
        let newer = format!("new{}", seen.len());
        told(&ground, ground.own.page(&newer, &newer, 500)).await;
        let Some(cursor) = page.next else { break };
        let request = after(2, Some(cursor));
        page = store.visits_page(own, &filter, &request).await.unwrap();
    }
    assert_eq!(seen, expected);
    assert_not_found(
        store
            .visits_page(own, &filter, &after(2, Some("1".into())))
            .await,
    );
}

pub async fn of_visits_asked_by_id_those_that_exist_are_told(ground: Ground) {
    let mut expected = vec![];
    for name in ["v1", "v2"] {
        told(&ground, ground.own.page(name, name, 0)).await;
        expected.push(visit_by_key(&ground, name).await);
    }
    told(&ground, ground.foreign.page("v1", "m1", 0)).await;
    let ids = (0..10).map(VisitId).collect();
    let found = ground.store.visits_by_id(ground.own.workspace, ids).await;
    assert_eq!(found.unwrap(), expected);
}

pub async fn a_visit_that_does_not_exist_is_not_found(ground: Ground) {
    let own = ground.own.workspace;
    assert_not_found(ground.store.visit(own, VisitId(9_999)).await);
    let earlier = ground.store.earlier_visits(own, VisitId(9_999), 9).await;
    assert_eq!(earlier.unwrap(), []);
}
