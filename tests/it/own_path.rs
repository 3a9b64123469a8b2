//! Sites that pass a path of their own on to the hub: the cookie that remembers the visitor when
//! the browser has forgotten the script's own record, and addresses that proxies forward.

use crate::hub::{Answer, TestHub, at, binding, page_view, visit, visitor, with};
use crate::vendors::{dialogue, talkme};
use http::header;
use serde_json::{Value, json};
use skvoz::model::{Strength, Visit};
use skvoz::store::{PageRequest, VisitFilter};

const OWN: [(&str, &str); 2] = [
    ("sec-fetch-site", "same-origin"),
    ("origin", "https://www.shop.test"),
];

async fn visits(hub: &TestHub) -> Vec<Visit> {
    let page = PageRequest {
        limit: 500,
        cursor: None,
    };
    let store = &hub.hub.store;
    let all = VisitFilter::default();
    let found = store.visits_page(hub.workspace, &all, &page);
    found.await.expect("a list").items
}

fn view(who: &str, which: &str) -> Value {
    page_view(who, which, at("10:00"), "/")
}

/// What the answer wants the browser to remember, with its attributes.
fn set_cookie(answer: &Answer) -> Option<&str> {
    let told = answer.headers.get(header::SET_COOKIE)?;
    Some(told.to_str().expect("ASCII"))
}

/// The browser's cookie after this answer.
fn cookie(answer: &Answer) -> String {
    let told = set_cookie(answer).expect("a cookie is set");
    told.split(';').next().expect("a name").to_owned()
}

/// Sends a message from a page of the site, with the cookie that the browser has.
async fn send(hub: &TestHub, message: Value, cookie: &str) -> Answer {
    let headers = [&OWN[..], &[("cookie", cookie)]].concat();
    hub.hit_with(message, &headers).await
}

#[tokio::test]
async fn a_page_of_the_own_origin_gets_a_cookie_that_only_the_hub_can_read() {
    let hub = TestHub::start().await;
    let answer = hub.hit_with(view("ira", "a"), &OWN).await;
    assert_eq!(answer.status.as_u16(), 204);
    let told = set_cookie(&answer).expect("a cookie is set");
    let (pair, attributes) = told.split_once("; ").expect("attributes");
    let (name, value) = pair.split_once('=').expect("a value");
    assert_eq!(value, visitor("ira"));
    assert!(name.starts_with("sv") && !name.contains(&hub.site.key));
    let expected = "Max-Age=34560000; Path=/; HttpOnly; SameSite=Lax; Domain=shop.test; Secure";
    assert_eq!(attributes, expected);
    let again = send(&hub, view("ira", "a"), pair).await;
    assert_eq!(again.status.as_u16(), 204);
    assert_eq!(set_cookie(&again), Some(told), "each message refreshes it");
}

#[tokio::test]
async fn pages_of_other_sites_get_none() {
    let hub = TestHub::start().await;
    for headers in [
        &[][..],
        &[("origin", "https://shop.test")],
        &[
            ("sec-fetch-site", "cross-site"),
            ("origin", "https://shop.test"),
        ],
        // Whatever the hosts are, the browser's word counts.
        &[
            ("sec-fetch-site", "cross-site"),
            ("origin", "https://shop.test"),
            ("host", "shop.test"),
        ],
        &[("sec-fetch-site", "none"), ("host", "shop.test")],
        // A host that is forwarded by nobody we know.
        &[
            ("origin", "https://shop.test"),
            ("x-forwarded-host", "shop.test"),
        ],
        &[("origin", "null"), ("host", "null")],
        &[("origin", "file://shop.test"), ("host", "shop.test")],
        // It is the own origin; but nobody knows where the cookie would hold.
        &[("sec-fetch-site", "same-origin"), ("origin", "null")],
    ] {
        let answer = hub.hit_with(view("ira", "a"), headers).await;
        assert_eq!(set_cookie(&answer), None, "{headers:?}");
    }
}

#[tokio::test]
async fn a_browser_that_does_not_tell_is_believed_by_its_hosts() {
    let hub = TestHub::start_with(trusting).await;
    for headers in [
        &[("origin", "https://shop.test:8443"), ("host", "Shop.Test")][..],
        &[
            ("origin", "https://shop.test"),
            ("host", "hub.example"),
            ("x-forwarded-host", "shop.test:443, hub.example"),
        ],
    ] {
        let answer = hub.hit_with(view("ira", "a"), headers).await;
        let told = set_cookie(&answer).expect("a cookie is set");
        assert!(told.ends_with("; Domain=shop.test; Secure"), "{headers:?}");
    }
    let elsewhere = [("origin", "http://other.test"), ("host", "other.test")];
    let answer = hub.hit_with(view("ira", "a"), &elsewhere).await;
    let told = set_cookie(&answer).expect("a cookie is set");
    assert!(
        told.ends_with("; SameSite=Lax"),
        "the host's own, open: {told}"
    );
}

/// Safari removes what scripts have kept after seven days; the browser makes a new visitor.
#[tokio::test]
async fn a_visitor_whom_the_browser_forgot_comes_back() {
    let hub = TestHub::start().await;
    hub.set_clock(at("12:00"));
    let first = hub.hit_with(view("ira", "a"), &OWN).await;
    let cookie = cookie(&first);
    let back = page_view("forgetful", "b", at("11:00"), "/");
    let told = send(&hub, back.clone(), &cookie).await;
    assert_eq!(told.status.as_u16(), 200);
    assert_eq!(told.json(), json!({"v": visit("b"), "c": visitor("ira")}));
    assert!(set_cookie(&told).expect("refreshed").starts_with(&cookie));
    // What the page had sent before it heard the answer.
    let early = json!({"provider": "jivosite", "user": "4410"});
    let bound = binding("forgetful", "b", at("11:01"), early);
    assert_eq!(send(&hub, bound, &cookie).await.json()["c"], visitor("ira"));
    let adopted = page_view("ira", "b", at("11:02"), "/sofas");
    assert_eq!(send(&hub, adopted, &cookie).await.status.as_u16(), 204);

    let found = visits(&hub).await;
    let seen: Vec<_> = found
        .iter()
        .map(|one| (&*one.key, &*one.visitor_key, one.hits))
        .collect();
    let (a, b, ira) = (visit("a"), visit("b"), visitor("ira"));
    assert_eq!(seen, [(&*b, &*ira, 2), (&*a, &*ira, 1)]);
}

#[tokio::test]
async fn a_widget_that_was_told_the_forgotten_visitors_new_id_leads_to_the_visit() {
    let hub = TestHub::start().await;
    hub.set_clock(at("12:00"));
    let cookie = cookie(&hub.hit_with(view("ira", "a"), &OWN).await);
    send(&hub, page_view("forgetful", "b", at("11:00"), "/"), &cookie).await;
    let talkme = hub.integration("talkme").await;
    let body = talkme::finished(7, "client-1", &dialogue("11:03"));
    let ours = json!({"data": {"client": {"customData": {"skvoz_visitor": visitor("forgetful")}}}});
    talkme.post(&with(body, ours)).await.assert_ok();
    hub.settle().await;
    let chat = hub.only().await;
    assert_eq!(chat.link.strength, Strength::Exact);
    assert_eq!(hub.visit_of(&chat).await, Some(visit("b")));
}

#[tokio::test]
async fn messages_in_any_order_make_the_same_visits_of_the_same_visitor() {
    let page = |who, which, when| page_view(who, which, at(when), "/");
    let told = [
        with(page("forgetful", "b", "11:00"), json!({"m": "first"})),
        with(page("forgetful", "b", "11:01"), json!({"m": "second"})),
        with(page("ira", "b", "11:02"), json!({"m": "third"})),
        with(page("ira", "a", "10:00"), json!({"m": "before"})),
    ];
    let mut outcomes = Vec::new();
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]] {
        let hub = TestHub::start().await;
        hub.set_clock(at("12:00"));
        let warm = hub.hit_with(view("ira", "z"), &OWN).await;
        let cookie = cookie(&warm);
        for place in order {
            send(&hub, told[place].clone(), &cookie).await;
            send(&hub, told[place].clone(), &cookie).await;
        }
        let found = visits(&hub).await.into_iter();
        let told = found.map(|one| (one.key, one.visitor_key, one.hits, one.started_at));
        outcomes.push(told.collect::<Vec<_>>());
    }
    assert_eq!(outcomes[0].len(), 3);
    assert!(outcomes[0].iter().all(|one| one.1 == visitor("ira")));
    assert_eq!(outcomes[0], outcomes[1]);
    assert_eq!(outcomes[0], outcomes[2]);
}

#[tokio::test]
async fn a_cookie_that_is_no_id_of_ours_or_is_another_sites_is_not_believed() {
    let hub = TestHub::start().await;
    let pair = cookie(&hub.hit_with(view("ira", "a"), &OWN).await);
    let (name, _) = pair.split_once('=').expect("a pair");
    let long = format!("c{}", "0".repeat(41));
    for value in ["", "c", "v01", "C01", "c01'", "c 01", "\"c01\"", &*long] {
        let told = send(&hub, view("oleg", "b"), &format!("{name}={value}")).await;
        assert_eq!(told.status.as_u16(), 204, "{value}");
        assert_eq!(cookie(&told), format!("{name}={}", visitor("oleg")));
    }
    let other = hub.another_site("outlet.test").await;
    let message = with(view("oleg", "c"), json!({"m": "there"}));
    let headers = [&OWN[..], &[("cookie", &*pair)]].concat();
    let told = hub.hit_on_with(&other, message, &headers).await;
    assert_eq!(told.status.as_u16(), 204);
}

#[tokio::test]
async fn a_page_of_another_site_does_not_use_the_cookie_either() {
    let hub = TestHub::start().await;
    let pair = cookie(&hub.hit_with(view("ira", "a"), &OWN).await);
    let from_afar = [("sec-fetch-site", "cross-site"), ("cookie", &*pair)];
    let told = hub.hit_with(view("oleg", "b"), &from_afar).await;
    assert_eq!(told.status.as_u16(), 204);
    let mut seen: Vec<_> = visits(&hub)
        .await
        .into_iter()
        .map(|one| one.visitor_key)
        .collect();
    seen.sort();
    assert_eq!(seen, [visitor("ira"), visitor("oleg")]);
}

#[tokio::test]
async fn a_visitor_who_refuses_is_remembered_no_more() {
    let hub = TestHub::start().await;
    let pair = cookie(&hub.hit_with(view("ira", "a"), &OWN).await);
    let (name, _) = pair.split_once('=').expect("a pair");
    let refused = json!({"t": "st", "p": {"": "refused"}});
    let expected = "=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax; Domain=shop.test; Secure";
    let told = send(&hub, refused.clone(), &pair).await;
    assert_eq!(set_cookie(&told), Some(&*format!("{name}{expected}")));
    // The site hides the addresses of its pages from beacons.
    let hidden = [
        ("sec-fetch-site", "same-origin"),
        ("origin", "null"),
        ("host", "www.shop.test"),
    ];
    let told = hub.hit_with(refused, &hidden).await;
    assert_eq!(set_cookie(&told), Some(&*format!("{name}{expected}")));
    let other = json!({"t": "st", "p": {"jivosite": "absent"}});
    assert_eq!(set_cookie(&send(&hub, other, &pair).await), None);
}

#[tokio::test]
async fn a_forwarded_address_of_a_stranger_is_ignored() {
    let hub = TestHub::start().await;
    let forwarded = [("x-forwarded-for", "203.0.113.7")];
    hub.hit_with(view("ira", "a"), &forwarded).await;
    assert_eq!(visits(&hub).await[0].ip.as_deref(), Some("127.0.0.1"));
}

/// What stands before it anybody may have written.
#[tokio::test]
async fn a_listed_proxys_word_is_taken_and_the_last_address_that_is_no_proxys() {
    let hub = TestHub::start_with(trusting).await;
    for (which, forwarded, expected) in [
        ("a", "203.0.113.7", "203.0.113.7"),
        ("b", "198.51.100.1, 203.0.113.7", "203.0.113.7"),
        ("c", "203.0.113.7, 127.0.0.9", "203.0.113.7"),
        ("d", "nobody", "127.0.0.1"),
    ] {
        hub.hit_with(view("ira", which), &[("x-forwarded-for", forwarded)])
            .await;
        let found = visits(&hub).await;
        let one = found.iter().find(|one| one.key == visit(which));
        assert_eq!(one.expect("the visit").ip.as_deref(), Some(expected));
    }
}

fn trusting(config: &mut skvoz::config::Config) {
    config.server.trusted_proxies = vec!["127.0.0.0/8".parse().expect("a network")];
}
