//! What one id of a browser holds: usually one visit, and when that cannot be, several.

use crate::hub::{TestHub, at, page_view, visit, with};
use crate::vendors::{Line, jivo};
use serde_json::{Value, json};
use skvoz::model::Visit;
use skvoz::store::{PageRequest, VisitFilter};
use std::collections::BTreeSet;

/// Visits in the order of time.
async fn visits(hub: &TestHub) -> Vec<Visit> {
    let page = PageRequest {
        limit: 500,
        cursor: None,
    };
    let store = &hub.hub.store;
    let all = VisitFilter::default();
    let found = store.visits_page(hub.workspace, &all, &page);
    let mut visits = found.await.expect("a list").items;
    visits.reverse();
    visits
}

fn campaign(one: &Visit) -> Option<&str> {
    one.marks.utm.utm_campaign.as_deref()
}

fn landing(when: &str, campaign: &str) -> Value {
    let path = format!("/?utm_source=yandex&utm_campaign={campaign}");
    page_view("ira", "a", at(when), &path)
}

#[tokio::test]
async fn the_browser_is_told_the_visit_of_its_message_and_may_go_on_with_it() {
    let hub = TestHub::start().await;
    hub.set_clock(at("12:00"));
    let first = hub.hit(landing("10:00", "spring")).await;
    assert_eq!(first.status.as_u16(), 204);
    let second = hub.hit(landing("10:10", "autumn")).await.json();
    let told = second["v"].as_str().expect("an id").to_owned();
    assert_ne!(told, visit("a"));
    let inner = page_view("ira", "a", at("10:11"), "/sofas");
    let adopted = with(inner, json!({"v": told}));
    assert_eq!(hub.hit(adopted).await.status.as_u16(), 204);
    let found = visits(&hub).await;
    let seen: Vec<_> = found.iter().map(|one| (campaign(one), one.hits)).collect();
    assert_eq!(seen, [(Some("spring"), 1), (Some("autumn"), 2)]);
    assert_eq!(found[1].key, told);
}

#[tokio::test]
async fn a_repeated_message_is_told_where_its_visit_went_meanwhile() {
    let hub = TestHub::start().await;
    hub.set_clock(at("12:00"));
    let later = with(landing("10:10", "autumn"), json!({"m": "later"}));
    assert_eq!(hub.hit(later.clone()).await.status.as_u16(), 204);
    hub.hit(landing("10:00", "spring")).await;
    let again = hub.hit(later).await.json();
    assert_eq!(again["v"].as_str(), Some(&*visits(&hub).await[1].key));
}

#[tokio::test]
async fn messages_of_one_id_that_come_together_are_cut_as_one_by_one() {
    let hub = TestHub::start().await;
    hub.set_clock(at("12:00"));
    let campaigns = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let told = (0..8).map(|nth| hub.hit(landing(&format!("10:0{nth}"), campaigns[nth])));
    let told = futures_util::future::join_all(told).await;
    assert!(told.iter().all(|answer| answer.status.is_success()));
    let found = visits(&hub).await;
    let seen: Vec<_> = found.iter().filter_map(campaign).collect();
    assert_eq!(seen, campaigns);
    assert_eq!(found[0].key, visit("a"));
    let keys: BTreeSet<_> = found.iter().map(|one| &one.key).collect();
    assert_eq!(keys.len(), 8);
}

#[tokio::test]
async fn a_chat_goes_with_its_visit_when_an_earlier_arrival_comes_late() {
    let hub = TestHub::start().await;
    hub.set_clock(at("12:00"));
    hub.hit(landing("10:10", "autumn")).await;
    let jivo = hub.integration("jivosite").await;
    let ours = json!({"user_token": visit("a")});
    let lines = |when: &str| -> [Line<'static>; 1] { [(at(when), true, "Good day")] };
    for (number, when) in [(7, "10:12"), (8, "10:05")] {
        let body = jivo::finished(number, 4410, &lines(when));
        jivo.post(&with(body, ours.clone())).await.assert_ok();
    }
    hub.settle().await;
    let credited = async |number: &str| {
        let chat = hub.communication(number).await;
        chat.credit.utm.utm_campaign
    };
    assert_eq!(credited("7").await.as_deref(), Some("autumn"));
    let before = hub.communication("7").await.link.visit;
    hub.hit(landing("10:00", "spring")).await;
    hub.settle().await;
    assert_eq!(credited("7").await.as_deref(), Some("autumn"));
    assert_eq!(credited("8").await.as_deref(), Some("spring"));
    let after = hub.communication("7").await.link.visit;
    assert_eq!(after, before, "the visit stays with its source");
}

/// The browser knows clicks of the visits before this one, and reloads; the hub takes its word.
#[tokio::test]
async fn an_old_click_opened_again_stays_in_the_visit_when_the_browser_says_so() {
    let hub = TestHub::start().await;
    hub.set_clock(at("12:00"));
    hub.hit(landing("10:00", "spring")).await;
    let again = with(landing("10:10", "autumn"), json!({"g": true}));
    assert_eq!(hub.hit(again).await.status.as_u16(), 204);
    hub.hit(landing("10:20", "winter")).await;
    let found = visits(&hub).await;
    let seen: Vec<_> = found.iter().map(|one| (campaign(one), one.hits)).collect();
    assert_eq!(seen, [(Some("spring"), 2), (Some("winter"), 1)]);
}

/// `files/places.mmdb` says that this machine stands in Moscow.
#[tokio::test]
async fn where_the_visitor_is_comes_from_the_operators_file() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/files/places.mmdb");
    let hub = TestHub::start_with(|config| config.geo.mmdb = file.into()).await;
    hub.page("ira", "a", "10:00", "/").await;
    let found = visits(&hub).await.remove(0);
    let place = (found.country.as_deref(), found.city.as_deref());
    assert_eq!(place, (Some("RU"), Some("Москва")));
}
