use super::*;
use crate::model::{ChannelGroup, Device, SiteId, VisitorId};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const NOBODY: &dyn Fn(&str) -> bool = &|_| false;

/// One message of a journey: when, in which visit by the browser, on which page.
#[derive(Clone, Debug)]
struct Sent {
    message: String,
    /// Minutes from the start.
    minute: i64,
    visit: Option<&'static str>,
    /// Query and referrer; `None` is a message without a page.
    page: Option<(&'static str, &'static str)>,
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
        visit,
        page: Some((query, referrer)),
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
}

impl Kept {
    fn of<'s>(sent: impl IntoIterator<Item = &'s Sent>) -> Kept {
        let mut kept = Kept::default();
        sent.into_iter().for_each(|sent| kept.take(sent));
        kept
    }

    fn take(&mut self, sent: &Sent) {
        let known = self.messages.values().any(|of| of.contains(&sent.message));
        if known {
            return;
        }
        let marks = sent.page.map(|(query, referrer)| marks(query, referrer));
        let at = time(sent.minute);
        let arrival = Arrival {
            message: &sent.message,
            visitor: "c1",
            visit: sent.visit,
            at,
            page: marks.as_ref(),
        };
        let placement = place(&arrival, &self.visits, &|host| host == "own.test");
        let key = placement.key().to_owned();
        if matches!(placement, Placement::New { .. }) {
            self.visits.push(empty(&key, at));
        }
        let visit = self.visits.iter_mut().find(|visit| visit.key == key);
        let visit = visit.expect("placed in a known visit");
        visit.started_at = visit.started_at.min(at);
        visit.last_hit_at = visit.last_hit_at.max(at);
        if let Some(marks) = marks {
            let first = (at, sent.message.clone());
            if self.first_page.get(&key).is_none_or(|known| first < *known) {
                self.first_page.insert(key.clone(), first);
                visit.marks = marks;
            }
        }
        self.messages
            .entry(key)
            .or_default()
            .insert(sent.message.clone());
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
    let kept = Kept::of(&[
        page(0, v, "?yclid=A"),
        page(10, v, "?yclid=B"),
        page(11, v, ""),
    ]);
    let second = &kept.visits[1];
    let told = format!(r#"{{"t":"pv","c":"c1","v":"{}","u":"/"}}"#, second.key);
    let adopted = read_message(told.as_bytes()).unwrap();
    assert_eq!(
        adopted.visit.as_ref(),
        Some(&second.key),
        "a script may adopt it"
    );
    assert_eq!(second.last_hit_at, time(11), "the later visit goes on");
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

/// Journeys as a browser makes them: up to four visits, each with its landing page, inner pages,
/// reloads of the landing page and messages without a page, minutes or hours apart.
fn journey() -> impl Strategy<Value = Vec<Sent>> {
    let landing = prop::sample::select(vec![
        ("", ""),
        ("?yclid=A", "https://yandex.ru/"),
        ("?yclid=B&utm_source=yandex&utm_medium=cpc", ""),
        ("?utm_source=vk&utm_medium=cpc", "https://vk.com/"),
        ("", "https://www.google.com/"),
    ]);
    let step = (0..3_u8, 0..80_i64);
    let visit = (landing, 1..400_i64, prop::collection::vec(step, 0..6));
    prop::collection::vec(visit, 1..4).prop_map(|visits| {
        let mut minute = 0;
        let mut journey: Vec<Sent> = Vec::new();
        for ((query, referrer), pause, steps) in visits {
            let key = ["v1", "v2", "v3", "v4"][journey
                .iter()
                .filter_map(|sent| sent.visit)
                .collect::<BTreeSet<_>>()
                .len()];
            minute += pause;
            let mut pages = vec![Some((query, referrer))];
            let mut minutes = vec![minute];
            for (kind, gap) in steps {
                minute += gap;
                minutes.push(minute);
                pages.push(match kind {
                    0 => Some(("inner", "https://own.test/")),
                    1 => Some((query, referrer)),
                    _ => None,
                });
            }
            for (page, minute) in pages.into_iter().zip(minutes) {
                journey.push(Sent {
                    message: format!("m{:02}", journey.len()),
                    minute,
                    visit: Some(key),
                    page,
                });
            }
        }
        journey
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
