//! What visitors do on a site: kept once, seen among communications, and a way to the visit for
//! those who leave a contact.

use crate::hub::{TestHub, at, evidence, outcome, visit, visitor, with};
use crate::pages::Browser;
use crate::vendors::{PHONE, dialogue, jivo, leadback, talkme};
use http::Method;
use regex::Regex;
use serde_json::{Value, json};
use skvoz::model::{Outcome, Strength};
use skvoz::store::Role;
use std::collections::BTreeSet;

fn goal(visitor_name: &str, visit_name: &str, when: &str, name: &str, data: Value) -> Value {
    json!({"t": "ev", "c": visitor(visitor_name), "v": visit(visit_name),
        "e": {"name": name, "data": data}, "at": at(when).as_millisecond()})
}

/// Two visitors who left these phones in forms of the site.
async fn hub_with_leads(first_phone: &str, second_phone: &str) -> TestHub {
    let hub = TestHub::start().await;
    for (who, of, when, phone) in [
        ("ira", "a", "09:00", first_phone),
        ("oleg", "x", "09:01", second_phone),
    ] {
        hub.page(who, of, when, "/?utm_campaign=spring").await;
        let lead = json!({"Phone": phone, "name": "Irina"});
        hub.hit(goal(who, of, "09:05", "lead", lead)).await;
    }
    hub
}

/// An offline lead of a writer that nothing but his phone is known of.
async fn offline_lead(hub: &TestHub, phone: &str) {
    let settings = json!({"offline_leads": true});
    let talkme = hub.integration_with("talkme", settings).await;
    let question = talkme::question(20, "client-1", &dialogue("10:00")[0]);
    let known = json!({"data": {"client": {"phone": phone}}});
    let lead = with(question, known);
    talkme.post_to("leads", &lead).await.assert_ok();
    hub.settle().await;
}

#[tokio::test]
async fn an_offline_lead_is_linked_to_the_visit_whose_visitor_left_the_phone() {
    let hub = hub_with_leads("8 (903) 555-01-42", "+7 903 555-01-43").await;
    offline_lead(&hub, PHONE).await;
    let lead = hub.only().await;
    assert_eq!(lead.kind.as_str(), "offline_lead");
    assert_eq!(lead.link.rule, "link.contact");
    assert_eq!(lead.link.strength, Strength::Probable);
    assert_eq!(hub.visit_of(&lead).await, Some(visit("a")));
    assert_eq!(outcome(&lead, "link.contact"), Outcome::Matched);
    let seen = evidence(&lead, "link.contact");
    assert_eq!(
        (&seen["key"], &seen["value"], &seen["visit"]),
        (&json!("phone"), &json!("…0142"), &json!(visit("a")))
    );
    assert_eq!(seen["through_communication"], Value::Null);
    assert_eq!(lead.credit.utm.utm_campaign.as_deref(), Some("spring"));
}

#[tokio::test]
async fn a_phone_that_two_visitors_left_gives_no_link() {
    let hub = hub_with_leads(PHONE, PHONE).await;
    offline_lead(&hub, PHONE).await;
    let lead = hub.only().await;
    assert_eq!(lead.link.strength, Strength::Fallback);
    assert_eq!(outcome(&lead, "link.contact"), Outcome::Rejected);
    let seen = evidence(&lead, "link.contact");
    assert_eq!(seen["reason"], "several_visitors");
}

#[tokio::test]
async fn a_phone_that_is_left_later_leads_an_earlier_callback_to_its_visit() {
    let hub = TestHub::start().await;
    hub.page("ira", "a", "09:00", "/").await;
    let leadback = hub.integration("leadback").await;
    let order = leadback::callback(884, PHONE, at("10:00"));
    leadback.post(&order).await.assert_ok();
    hub.settle().await;
    assert_eq!(hub.only().await.link.strength, Strength::Fallback);
    let lead = json!({"phone": PHONE});
    // The browser could not reach the hub until now.
    hub.hit(goal("ira", "a", "09:50", "lead", lead)).await;
    hub.settle().await;
    let call = hub.only().await;
    assert_eq!(call.link.strength, Strength::Probable);
    assert_eq!(hub.visit_of(&call).await, Some(visit("a")));
}

#[tokio::test]
async fn a_phone_in_another_goal_is_no_evidence() {
    let hub = TestHub::start().await;
    hub.page("ira", "a", "09:00", "/").await;
    let order = json!({"phone": PHONE});
    hub.hit(goal("ira", "a", "09:05", "order", order)).await;
    offline_lead(&hub, PHONE).await;
    assert_eq!(hub.only().await.link.strength, Strength::Fallback);
}

#[tokio::test]
async fn programs_read_goals_with_their_visits() {
    let hub = crate::api::hub::TestHub::start().await;
    let page = json!({"t": "pv", "c": visitor("ira"), "v": visit("a"), "m": "m1",
        "u": "https://shop.example.org/?utm_source=vk", "at": at("08:00").as_millisecond()});
    hub.hit(page).await;
    let data = json!({"price": 24900, "goods": ["sofa"]});
    let order = with(
        goal("ira", "a", "08:05", "order", data.clone()),
        json!({"m": "m2"}),
    );
    let call = with(
        goal("ira", "a", "08:10", "call", json!({})),
        json!({"m": "m3"}),
    );
    for message in [&order, &call, &order] {
        hub.hit(message.clone()).await;
    }
    let goals = hub.items("goals").await;
    let names: Vec<_> = goals.iter().map(|goal| goal["name"].clone()).collect();
    assert_eq!(names, ["call", "order"]);
    let whole = &goals[1];
    assert_eq!(whole["data"], data);
    assert_eq!(whole["at"], "2026-08-06T08:05:00Z");
    assert_eq!(whole["site"]["id"], json!(hub.made.site_id));
    assert_eq!(whole["visit"]["key"], json!(visit("a")));
    let id = whole["visit"]["id"].clone();
    for (query, expected) in [
        ("name=order".to_owned(), vec!["order"]),
        (format!("visit_id={id}"), vec!["call", "order"]),
        (
            format!("site_id={}", hub.made.site_id),
            vec!["call", "order"],
        ),
        ("from=2026-08-06T08:06:00Z".to_owned(), vec!["call"]),
        ("to=2026-08-06T08:06:00Z".to_owned(), vec!["order"]),
        ("visit_id=999".to_owned(), vec![]),
    ] {
        let found = hub.items(&format!("goals?{query}")).await;
        let names: Vec<_> = found.iter().map(|goal| goal["name"].clone()).collect();
        assert_eq!(names, expected, "{query}");
    }
    let first = hub.get("goals?limit=1").await;
    let cursor = first["next_cursor"].as_str().expect("a next page");
    let second = hub.get(&format!("goals?limit=1&cursor={cursor}")).await;
    assert_eq!(second["items"][0], *whole);
    let seen = hub.get(&format!("visits/{id}")).await;
    assert_eq!(seen["hit_count"], 1, "a goal is no page");
    assert_eq!(seen["goals"][0]["name"], "order");
    assert_eq!(seen["goals"][1]["id"], goals[0]["id"]);
}

#[tokio::test]
async fn a_goal_without_a_name_is_refused_with_its_reason() {
    let hub = crate::api::hub::TestHub::start().await;
    let path = format!("/t/{}", hub.made.site_key);
    let nameless = goal("ira", "a", "08:05", " ", json!({})).to_string();
    let sent = hub.request(Method::POST, &path).body(nameless).send();
    let answer = sent.await.expect("an answer");
    assert_eq!(answer.status(), 400);
    let said = answer.text().await.expect("a reason");
    assert!(said.contains("the goal has no name"), "{said}");
    assert_eq!(hub.items("visits").await.len(), 0);
}

/// The rows of the table, as `c7` and the times of goals, page after page.
async fn rows(browser: &Browser, query: &str) -> Vec<String> {
    let row = Regex::new(
        r#"cell-date"><a class="row-link" href="/(communications|visits)/(\d+)">.*?text-secondary">([^<]*)<"#,
    );
    let next = Regex::new(r#"page-link" rel="next" href="(/communications\?[^"]*cursor=[^"]*)""#);
    let (row, next) = (row.expect("a constant"), next.expect("a constant"));
    let mut seen = Vec::new();
    let mut path = format!("/communications{query}");
    loop {
        let (status, _, page) = browser.ask(Method::GET, &path, "").await;
        assert_eq!(status, 200, "{path}");
        assert!(seen.len() < 500, "the pages go in a circle");
        for found in row.captures_iter(&page) {
            seen.push(match &found[1] {
                "communications" => format!("c{}", &found[2]),
                _ => format!("g{}", &found[3]),
            });
        }
        match next.captures(&page) {
            Some(found) => path = found[1].replace("&#38;", "&").replace("&amp;", "&"),
            None => return seen,
        }
    }
}

#[tokio::test]
async fn goals_stand_among_communications_and_pages_lose_and_repeat_nothing() {
    let hub = TestHub::start().await;
    hub.page("ira", "a", "08:00", "/").await;
    let jivo = hub.integration("jivosite").await;
    for minute in 0..60 {
        let when = format!("09:{minute:02}");
        let body = jivo::finished(minute, 4400 + minute, &dialogue(&when));
        jivo.post(&body).await.assert_ok();
        hub.hit(goal("ira", "a", &when, "order", json!({}))).await;
    }
    hub.settle().await;
    let browser = Browser::of(&hub, hub.workspace, "owner@example.com").await;
    let newest_first = rows(&browser, "").await;
    assert_eq!(newest_first.len(), 120);
    let unique: BTreeSet<_> = newest_first.iter().collect();
    assert_eq!(unique.len(), 120);
    for pair in newest_first.chunks(2) {
        assert!(
            pair[0].starts_with('c') && pair[1].starts_with('g'),
            "{pair:?}"
        );
    }
    let mut oldest_first = rows(&browser, "?sort=oldest").await;
    oldest_first.reverse();
    assert_eq!(oldest_first, newest_first);
    assert_eq!(rows(&browser, "?kind=goal").await.len(), 60);
    assert_eq!(rows(&browser, "?kind=chat").await.len(), 60);
    assert_eq!(rows(&browser, "?text=ORDER").await.len(), 60);
    assert_eq!(rows(&browser, "?provider=jivosite").await.len(), 60);
}

#[tokio::test]
async fn the_contact_of_a_lead_is_seen_by_those_who_may_see_contacts() {
    let hub = hub_with_leads(PHONE, "+79035550143").await;
    hub.hit(goal(
        "ira",
        "a",
        "09:10",
        "Calculator",
        json!({"price": 24900}),
    ))
    .await;
    let owner = Browser::of(&hub, hub.workspace, "owner@example.com").await;
    let viewer = Browser::with_role(&hub, hub.workspace, "viewer@example.com", Role::Viewer).await;
    for path in ["/communications", "/visits/1"] {
        let (_, _, seen) = owner.ask(Method::GET, path, "").await;
        assert!(
            seen.contains("Calculator") && seen.contains("24900"),
            "{path}"
        );
        assert!(seen.contains("Irina") && seen.contains("555"), "{path}");
        let (_, _, seen) = viewer.ask(Method::GET, path, "").await;
        assert!(
            seen.contains("Calculator") && seen.contains("24900"),
            "{path}"
        );
        assert!(!seen.contains("Irina") && !seen.contains("555"), "{path}");
    }
    let (_, _, guessed) = viewer
        .ask(Method::GET, "/communications?text=calculator", "")
        .await;
    assert!(guessed.contains("lead"), "a search is none for a viewer");
}
