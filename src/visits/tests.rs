use super::*;
use crate::model::{ChannelGroup, Device, SiteId, VisitId, VisitorId};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const NOBODY: &dyn Fn(&str) -> bool = &|_| false;

/// One message of a journey: when, in which visit by the browser, on which page.
#[derive(Clone, Debug)]
struct Sent {
    message: String,
    /// Minutes from the start.
    minute: i64,
    visit: Option<String>,
    /// Query and referrer; `None` is a message without a page.
    page: Option<(&'static str, &'static str)>,
}

impl Sent {
    fn marks(&self) -> Option<Marks> {
        self.page.map(|(query, referrer)| marks(query, referrer))
    }
}

fn page(minute: i64, visit: Option<&'static str>, query: &'static str) -> Sent {
    from(minute, visit, query, "")
}

fn from(
    minute: i64,
    visit: Option<&'static str>,
    query: &'static str,
    referrer: &'static str,
) -> Sent {
    Sent {
        message: format!("{minute}{visit:?}{query}{referrer}"),
        minute,
        visit: visit.map(Into::into),
        page: Some((query, referrer)),
    }
}

fn bind(minute: i64, visit: &'static str) -> Sent {
    Sent {
        page: None,
        ..page(minute, Some(visit), "bind")
    }
}

fn time(minute: i64) -> Timestamp {
    Timestamp::from_second(1_786_000_000 + minute * 60).unwrap()
}

fn marks(query: &str, referrer: &str) -> Marks {
    let address = format!("https://own.test/{query}");
    utm::read(Some(&address), Some(referrer), &|host| host == "own.test")
}

/// A store in miniature: visits as folds of their messages.
#[derive(Default)]
struct Kept {
    visits: Vec<Visit>,
    first_page: BTreeMap<String, (Timestamp, String)>,
    messages: BTreeMap<String, BTreeSet<String>>,
    /// Messages with an id of the browser, and the visits they are in.
    families: BTreeMap<String, Vec<(Sent, Option<VisitId>)>>,
    ids: i64,
}

impl Kept {
    fn of<'s>(sent: impl IntoIterator<Item = &'s Sent>) -> Kept {
        let mut kept = Kept::default();
        for sent in sent {
            kept.take(sent);
        }
        kept
    }

    /// The key of the message's visit.
    fn take(&mut self, sent: &Sent) -> String {
        let known = self
            .messages
            .iter()
            .find(|(_, of)| of.contains(&sent.message));
        if let Some((key, _)) = known {
            return key.clone();
        }
        match &sent.visit {
            Some(id) => self.divide(family_key(id).to_owned(), sent),
            None => {
                let marks = sent.marks();
                let arrival = Arrival {
                    message: &sent.message,
                    visitor: "c1",
                    at: time(sent.minute),
                    page: marks.as_ref(),
                };
                let placement = place(&arrival, &self.visits, &|host| host == "own.test");
                let key = placement.key().to_owned();
                self.unite(&key, VisitId(1), sent);
                key
            }
        }
    }

    fn divide(&mut self, key: String, sent: &Sent) -> String {
        let family = self.families.entry(key.clone()).or_default();
        family.push((sent.clone(), None));
        let marks: Vec<_> = family.iter().map(|(sent, _)| sent.marks()).collect();
        let told: Vec<_> = family
            .iter()
            .zip(&marks)
            .map(|((sent, visit), marks)| Told {
                message: &sent.message,
                site: SiteId(1),
                at: time(sent.minute),
                page: marks.as_ref(),
                visit: *visit,
            })
            .collect();
        let parts = divide(&key, &told);
        let family = family.clone();
        self.visits.retain(|visit| family_key(&visit.key) != key);
        self.messages.retain(|visit, _| family_key(visit) != key);
        self.first_page.retain(|visit, _| family_key(visit) != key);
        for part in &parts {
            self.ids += 1;
            let id = part.visit.unwrap_or(VisitId(self.ids));
            for place in &part.messages {
                self.unite(&part.key, id, &family[*place].0);
                self.families.get_mut(&key).unwrap()[*place].1 = Some(id);
            }
        }
        let of = parts
            .iter()
            .find(|part| part.messages.contains(&(family.len() - 1)));
        of.expect("every message is in a part").key.clone()
    }

    fn unite(&mut self, key: &str, id: VisitId, sent: &Sent) {
        let at = time(sent.minute);
        if !self.visits.iter().any(|visit| visit.key == key) {
            self.visits.push(Visit {
                id,
                ..empty(key, at)
            });
        }
        let visit = self
            .visits
            .iter_mut()
            .find(|visit| visit.key == key)
            .unwrap();
        visit.started_at = visit.started_at.min(at);
        visit.last_hit_at = visit.last_hit_at.max(at);
        if let Some(marks) = sent.marks() {
            let first = (at, sent.message.clone());
            if self.first_page.get(key).is_none_or(|known| first < *known) {
                self.first_page.insert(key.to_owned(), first);
                visit.marks = marks;
            }
        }
        let messages = self.messages.entry(key.to_owned()).or_default();
        messages.insert(sent.message.clone());
    }

    fn visit(&self, key: &str) -> &Visit {
        self.visits
            .iter()
            .find(|visit| visit.key == key)
            .expect(key)
    }

    /// Key to minutes of start and end, first page and messages.
    fn seen(&self) -> BTreeMap<String, (i64, i64, Option<String>, BTreeSet<String>)> {
        let minute = |at: Timestamp| (at.as_second() - 1_786_000_000) / 60;
        self.visits
            .iter()
            .map(|visit| {
                let facts = (
                    minute(visit.started_at),
                    minute(visit.last_hit_at),
                    visit.marks.entry_page.clone(),
                    self.messages[&visit.key].clone(),
                );
                (visit.key.clone(), facts)
            })
            .collect()
    }
}

fn empty(key: &str, at: Timestamp) -> Visit {
    Visit {
        id: VisitId(1),
        visitor: VisitorId(1),
        visitor_key: "c1".into(),
        site: SiteId(1),
        key: key.into(),
        started_at: at,
        last_hit_at: at,
        marks: Marks::default(),
        channel_group: ChannelGroup::Direct,
        campaign: None,
        source: None,
        device: Device::default(),
        ip: None,
        country: None,
        city: None,
        is_robot: false,
        hits: 0,
    }
}

/// How many visits the messages make, in this order.
fn count(sent: &[Sent]) -> usize {
    Kept::of(sent).visits.len()
}

#[test]
fn without_an_id_the_rules_decide() {
    let ad = "?yclid=A";
    let organic = "https://www.google.com/";
    let table: [(&str, Vec<Sent>, usize); 12] = [
        ("29 minutes", vec![page(0, None, ad), page(29, None, "")], 1),
        ("30 minutes", vec![page(0, None, ad), page(30, None, "")], 2),
        ("same click", vec![page(0, None, ad), page(5, None, ad)], 1),
        (
            "another click",
            vec![page(0, None, ad), page(5, None, "?yclid=a")],
            2,
        ),
        (
            "click after direct",
            vec![page(0, None, ""), page(5, None, ad)],
            2,
        ),
        (
            "remembered click",
            vec![
                page(0, None, ad),
                page(5, None, "?yclid=B"),
                page(9, None, ad),
            ],
            2,
        ),
        (
            "same UTM, other letters",
            vec![
                page(0, None, "?utm_source=Vk"),
                page(5, None, "?utm_source=vk"),
            ],
            1,
        ),
        (
            "other UTM",
            vec![
                page(0, None, "?utm_source=vk"),
                page(5, None, "?utm_source=ok"),
            ],
            2,
        ),
        (
            "search",
            vec![page(0, None, ad), from(5, None, "", organic)],
            2,
        ),
        (
            "search that the visit came from",
            vec![
                from(0, None, "?gclid=A", organic),
                from(5, None, "", organic),
            ],
            1,
        ),
        (
            "plain site, messenger, payment, own page",
            vec![
                page(0, None, ad),
                from(1, None, "", "https://example.org/"),
                from(2, None, "", "https://t.me/"),
                from(3, None, "", "https://securepayments.sberbank.ru/"),
                from(4, None, "", "https://own.test/"),
            ],
            1,
        ),
        (
            "a day of clicking",
            (0..100).map(|step| page(step * 20, None, "")).collect(),
            2,
        ),
    ];
    for (name, sent, expected) in table {
        assert_eq!(count(&sent), expected, "{name}");
    }
}

#[test]
fn without_an_id_an_older_page_moves_the_start_and_decides_the_marks() {
    let kept = Kept::of(&[page(10, None, ""), page(0, None, "?yclid=A")]);
    assert_eq!(kept.visits.len(), 1);
    assert_eq!(kept.visits[0].marks.click_ids["yclid"], "A");
    assert_eq!(kept.visits[0].started_at, time(0));
}

#[test]
fn the_browsers_id_decides_whatever_the_silence() {
    let v = Some("v1");
    assert_eq!(count(&[page(0, v, "?yclid=A"), page(90, v, "")]), 1);
    assert_eq!(count(&[page(0, v, ""), page(1, Some("v2"), "")]), 2);
}

#[test]
fn one_id_never_holds_two_ad_arrivals_or_two_days() {
    let v = Some("v1");
    for sent in [
        [page(0, v, "?yclid=A"), page(10, v, "?yclid=B")],
        [page(0, v, "?utm_source=vk"), page(10, v, "?utm_source=ok")],
        [page(0, v, ""), page(24 * 60, v, "")],
    ] {
        let [first, second] = &sent;
        assert_eq!(Kept::of([first, second, first, second]).visits.len(), 2);
        assert_eq!(Kept::of([second, first, second, first]).visits.len(), 2);
    }
    let mut kept = Kept::of(&[page(0, v, "?yclid=A")]);
    let second = kept.take(&page(10, v, "?yclid=B"));
    let told = format!(r#"{{"t":"pv","c":"c1","v":"{second}","u":"/"}}"#);
    let Ok(Incoming::Message(message)) = read_message(told.as_bytes()) else {
        panic!("no message");
    };
    let adopted = message.visit;
    assert_eq!(adopted.as_ref(), Some(&second), "a script may adopt it");
    let after = Sent {
        visit: adopted,
        ..page(12, v, "")
    };
    assert_eq!(kept.take(&page(11, v, "")), second);
    assert_eq!(kept.take(&after), second);
    assert_eq!(kept.visit(&second).last_hit_at, time(12), "it goes on");
}

#[test]
fn an_earlier_arrival_that_comes_late_takes_the_id_and_the_visits_stay_with_their_sources() {
    let v = Some("v1");
    let mut kept = Kept::of(&[page(10, v, "?yclid=B"), bind(12, "v1")]);
    let of_b = kept.visit("v1").id;
    assert_eq!(kept.take(&page(0, v, "?yclid=A")), "v1");
    assert_eq!(kept.visit("v1").marks.click_ids["yclid"], "A");
    let later = kept.visits.iter().find(|visit| visit.key != "v1").unwrap();
    assert_eq!(later.marks.click_ids["yclid"], "B");
    assert_eq!((later.id, later.last_hit_at), (of_b, time(12)));
}

#[test]
fn what_an_id_holds_is_cut_by_time() {
    let v = Some("v1");
    let (day, utm) = (24 * 60, "?utm_source=vk");
    let table: [(&str, Vec<Sent>, Vec<usize>); 8] = [
        (
            "pages and binds go with the arrival before them",
            vec![
                page(0, v, "?yclid=A"),
                bind(1, "v1"),
                page(10, v, "?yclid=B"),
                page(11, v, "inner"),
                bind(12, "v1"),
            ],
            vec![2, 3],
        ),
        (
            "a page loaded again is no arrival",
            vec![
                page(0, v, "?yclid=A"),
                page(5, v, "?yclid=B"),
                page(9, v, "?yclid=A"),
            ],
            vec![1, 2],
        ),
        (
            "nor is one that lost its click",
            vec![page(0, v, "?utm_source=vk&yclid=A"), page(5, v, utm)],
            vec![2],
        ),
        (
            "an arrival agrees with pages without a source",
            vec![
                page(0, v, ""),
                page(5, v, utm),
                page(6, v, "?utm_source=ok"),
            ],
            vec![2, 1],
        ),
        (
            "less than a day",
            vec![page(0, v, utm), page(day - 1, v, "")],
            vec![2],
        ),
        ("a day", vec![page(0, v, utm), page(day, v, "")], vec![1, 1]),
        (
            "a day counts from the arrival that opened the visit",
            vec![
                page(0, v, utm),
                page(600, v, "?yclid=B"),
                page(day, v, ""),
                page(day + 600, v, utm),
            ],
            vec![1, 2, 1],
        ),
        (
            "three days",
            (0..7).map(|half| page(half * day / 2, v, "")).collect(),
            vec![2, 2, 2, 1],
        ),
    ];
    for (name, sent, expected) in table {
        let mut seen: Vec<_> = Kept::of(&sent).seen().into_values().collect();
        seen.sort();
        let sizes: Vec<usize> = seen.iter().map(|(.., messages)| messages.len()).collect();
        assert_eq!(sizes, expected, "{name}");
    }
}

#[test]
fn a_key_leads_back_to_the_id_it_was_derived_from() {
    let id = "v01km2v7q1e8s4zcb5p7jx9w3kf";
    let cut = Kept::of(&[page(0, Some(id), ""), page(9_999, Some(id), "")]);
    for visit in &cut.visits {
        assert_eq!(family_key(&visit.key), id);
    }
    for own in ["v1", "vuabcdefgh", "v01ku1234567", "v01kuABCDEFGH"] {
        assert_eq!(family_key(own), own);
    }
    let by_rules = Kept::of(&(0..200).map(|n| page(n * 40, None, "")).collect::<Vec<_>>());
    for visit in &by_rules.visits {
        assert_eq!(family_key(&visit.key), visit.key);
    }
}

#[test]
fn a_visit_takes_the_marks_of_its_first_page_by_time() {
    let v = Some("v1");
    let kept = Kept::of(&[
        from(5, v, "", "https://own.test/"),
        page(0, v, "?utm_source=vk&yclid=A"),
    ]);
    assert_eq!(kept.visits.len(), 1);
    assert_eq!(kept.visits[0].marks.click_ids["yclid"], "A");
    assert_eq!(kept.visits[0].started_at, time(0));
}

/// Messages of two browser ids: arrivals of a few sources, pages without one and messages without
/// a page, minutes, hours or days apart, some at one moment.
fn journey() -> impl Strategy<Value = Vec<Sent>> {
    let pages = vec![
        None,
        Some(("", "")),
        Some(("inner", "https://own.test/")),
        Some(("?yclid=A", "https://yandex.ru/")),
        Some(("?yclid=B&utm_source=yandex&utm_medium=cpc", "")),
        Some(("?utm_source=vk&utm_medium=cpc", "https://vk.com/")),
        Some(("?utm_source=yandex&utm_medium=cpc", "")),
        Some(("", "https://www.google.com/")),
    ];
    let gap = prop_oneof![3 => 0..3_i64, 4 => 3..80_i64, 2 => 80..3_000_i64];
    let step = (prop::sample::select(pages), gap, any::<bool>());
    prop::collection::vec(step, 1..14).prop_map(|steps| {
        let mut minute = 0;
        let numbered = steps.into_iter().enumerate();
        numbered
            .map(|(nth, (page, gap, is_first))| {
                minute += gap;
                Sent {
                    message: format!("m{nth:02}"),
                    minute,
                    visit: Some(if is_first { "v1" } else { "v2" }.into()),
                    page,
                }
            })
            .collect()
    })
}

proptest! {
    #[test]
    fn any_order_and_repetition_gives_the_same_visits(
        (in_order, mixed) in journey().prop_flat_map(|journey| {
            let repeated: Vec<Sent> = journey.iter().chain(&journey).cloned().collect();
            (Just(journey), Just(repeated).prop_shuffle())
        })
    ) {
        let expected = Kept::of(&in_order).seen();
        prop_assert_eq!(Kept::of(&mixed).seen(), expected);
    }

    #[test]
    fn visits_of_one_id_follow_each_other_and_last_less_than_a_day(journey in journey()) {
        let kept = Kept::of(&journey);
        let ids: BTreeSet<_> = kept.visits.iter().map(|visit| visit.id).collect();
        prop_assert_eq!(ids.len(), kept.visits.len());
        for id in ["v1", "v2"] {
            let of_id = kept.visits.iter().filter(|visit| family_key(&visit.key) == id);
            let mut visits: Vec<_> = of_id.collect();
            visits.sort_by_key(|visit| (visit.started_at, visit.last_hit_at));
            for pair in visits.windows(2) {
                prop_assert!(pair[0].last_hit_at <= pair[1].started_at);
            }
            for visit in visits {
                prop_assert!(visit.last_hit_at.duration_since(visit.started_at) < LONGEST_VISIT);
            }
        }
    }

    #[test]
    fn arrivals_with_different_clicks_never_share_a_visit(
        clicks in prop::collection::vec(prop::sample::select(vec!["?yclid=A", "?yclid=B", "?yclid=C"]), 1..8),
        with_id in any::<bool>(),
    ) {
        let sent: Vec<Sent> = clicks
            .iter()
            .enumerate()
            .map(|(minute, query)| page(minute as i64, with_id.then_some("v1"), query))
            .collect();
        let kinds: BTreeSet<_> = clicks.iter().collect();
        prop_assert_eq!(count(&sent), kinds.len());
    }

    #[test]
    fn reading_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200), text in ".{0,120}") {
        let _ = read_message(&bytes);
        let read = utm::read(Some(&format!("https://own.test/?{text}#{text}")), Some(&text), NOBODY);
        let _ = click_keys(&read);
        let _ = device(&text);
        let _ = utm::fold(&text);
    }
}
