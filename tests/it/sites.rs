//! One account that serves several sites, several accounts of one vendor, and workspaces that know
//! nothing of each other.

use crate::hub::{TestHub, TestSite, at, evidence, outcome, page_view, visit, with};
use crate::vendors::{PHONE, dialogue, jivo, leadback, talkme};
use http::StatusCode;
use serde_json::json;
use skvoz::model::{CreditStep, Outcome, RawState, Strength};
use skvoz::store::{CommunicationFilter, CommunicationSort, PageRequest, RawSelection};

async fn page_on(hub: &TestHub, site: &TestSite, who: &str, which: &str, address: &str) {
    let view = page_view(who, which, at("10:00"), "");
    hub.hit_on(site, with(view, json!({"u": address}))).await;
}

async fn number_on(hub: &TestHub, site: &TestSite, who: &str, which: &str, number: &str) {
    let told = json!({"provider": "jivosite", "user": number});
    let bound = crate::hub::binding(who, which, at("10:01"), told);
    hub.hit_on(site, bound).await;
}

#[tokio::test]
async fn an_account_without_a_site_finds_the_visit_in_the_whole_workspace() {
    let hub = TestHub::start().await;
    let second = hub.another_site("outlet.test").await;
    page_on(&hub, &second, "ira", "a", "https://outlet.test/sofas").await;
    let jivo = hub
        .integration_in(hub.workspace, None, "jivosite", json!({}))
        .await;
    let body = jivo::finished(7, 4410, &dialogue("10:03"));
    let ours = json!({"user_token": visit("a"), "page": {"url": "https://outlet.test/sofas"}});
    jivo.post(&with(body, ours)).await.assert_ok();
    hub.settle().await;
    let chat = hub.only().await;
    assert_eq!(chat.link.strength, Strength::Exact);
    assert_eq!(chat.credit.site, Some(second.id));
}

#[tokio::test]
async fn without_a_visit_the_page_tells_the_site() {
    let hub = TestHub::start().await;
    let second = hub.another_site("outlet.test").await;
    let jivo = hub
        .integration_in(hub.workspace, None, "jivosite", json!({}))
        .await;
    let body = jivo::finished(7, 4410, &dialogue("10:03"));
    let page = json!({"page": {"url": "https://www.outlet.test/sofas"}});
    jivo.post(&with(body, page)).await.assert_ok();
    hub.settle().await;
    let chat = hub.only().await;
    assert_eq!(chat.credit.step, CreditStep::NoCampaign);
    assert_eq!(chat.credit.site, Some(second.id));
}

#[tokio::test]
async fn a_vendors_number_does_not_cross_sites() {
    let hub = TestHub::start().await;
    let second = hub.another_site("outlet.test").await;
    // Two accounts of the vendor count their visitors from one.
    page_on(&hub, &hub.site, "ira", "a", "https://shop.test/").await;
    number_on(&hub, &hub.site, "ira", "a", "1").await;
    page_on(&hub, &second, "oleg", "x", "https://outlet.test/").await;
    number_on(&hub, &second, "oleg", "x", "1").await;
    for (site, expected) in [(hub.site.id, "a"), (second.id, "x")] {
        let jivo = hub
            .integration_in(hub.workspace, Some(site), "jivosite", json!({}))
            .await;
        let number = site.0 as u64;
        jivo.post(&jivo::finished(number, 1, &dialogue("10:03")))
            .await
            .assert_ok();
        hub.settle().await;
        let chat = hub.communication(&number.to_string()).await;
        assert_eq!(hub.visit_of(&chat).await, Some(visit(expected)));
    }
}

#[tokio::test]
async fn a_number_known_on_several_sites_needs_the_page_to_decide() {
    let hub = TestHub::start().await;
    let second = hub.another_site("outlet.test").await;
    page_on(&hub, &hub.site, "ira", "a", "https://shop.test/").await;
    number_on(&hub, &hub.site, "ira", "a", "1").await;
    page_on(&hub, &second, "oleg", "x", "https://outlet.test/").await;
    number_on(&hub, &second, "oleg", "x", "1").await;
    let jivo = hub
        .integration_in(hub.workspace, None, "jivosite", json!({}))
        .await;
    let body = jivo::finished(7, 1, &dialogue("10:03"));
    let page = json!({"page": {"url": "https://outlet.test/sofas"}});
    jivo.post(&with(body.clone(), page)).await.assert_ok();
    let nowhere = json!({"chat_id": 8, "page": null});
    jivo.post(&with(body, nowhere)).await.assert_ok();
    hub.settle().await;
    let told = hub.communication("7").await;
    assert_eq!(hub.visit_of(&told).await, Some(visit("x")));
    let untold = hub.communication("8").await;
    assert_eq!(outcome(&untold, "link.bound_user"), Outcome::Rejected);
    let reason = &evidence(&untold, "link.bound_user")["reason"];
    assert_eq!(reason, "several_sites");
    assert_eq!(untold.link.visit, None);
}

#[tokio::test]
async fn a_number_seen_on_another_site_only_is_refused() {
    let hub = TestHub::start().await;
    let second = hub.another_site("outlet.test").await;
    page_on(&hub, &second, "oleg", "x", "https://outlet.test/").await;
    number_on(&hub, &second, "oleg", "x", "1").await;
    let jivo = hub.integration("jivosite").await;
    jivo.post(&jivo::finished(7, 1, &dialogue("10:03")))
        .await
        .assert_ok();
    hub.settle().await;
    let chat = hub.only().await;
    assert_eq!(chat.link.visit, None);
    assert_eq!(evidence(&chat, "link.bound_user")["reason"], "another_site");
}

#[tokio::test]
async fn two_accounts_with_the_same_numbers_keep_their_chats_apart() {
    let hub = TestHub::start().await;
    for who in ["first", "second"] {
        let jivo = hub.integration("jivosite").await;
        let told = json!({"visitor": {"name": who}});
        let card = with(
            jivo::card(4410, told.clone()),
            json!({"visitor": {"phone": PHONE}}),
        );
        let body = jivo::finished(7, 4410, &dialogue("10:03"));
        jivo.post(&with(body, told)).await.assert_ok();
        if who == "first" {
            jivo.post(&card).await.assert_ok();
        }
    }
    hub.settle().await;
    let mut chats = hub.communications().await;
    chats.retain(|chat| chat.kind.as_str() == "chat");
    assert_eq!(chats.len(), 2);
    let second = chats
        .iter()
        .find(|chat| chat.contact.name.as_deref() == Some("second"))
        .expect("the chat of the second account");
    assert!(second.contact.phones.is_empty());
}

#[tokio::test]
async fn nothing_of_one_workspace_is_found_from_another() {
    let hub = TestHub::start().await;
    let stranger = hub.another_workspace().await;
    let site = hub.site_in(stranger, "shop.test").await;
    // Everything that could lead to a visit was seen, in the other workspace.
    page_on(&hub, &site, "ira", "a", "https://shop.test/?yclid=AbC7").await;
    number_on(&hub, &site, "ira", "a", "4410").await;
    let theirs = hub
        .integration_in(stranger, Some(site.id), "jivosite", json!({}))
        .await;
    let body = jivo::finished(7, 4410, &dialogue("10:03"));
    let known = json!({"user_token": visit("a"), "visitor": {"phone": PHONE},
        "page": {"url": "https://shop.test/?yclid=AbC7"}});
    let body = with(body, known);
    theirs.post(&body).await.assert_ok();
    let ours = hub.integration("jivosite").await;
    ours.post(&body).await.assert_ok();
    hub.settle().await;
    let chat = hub.only().await;
    assert_eq!(chat.link.visit, None);
    assert_eq!(outcome(&chat, "link.visit_id"), Outcome::NoMatch);
    assert_eq!(outcome(&chat, "link.bound_user"), Outcome::NoMatch);
    assert_eq!(outcome(&chat, "link.alias"), Outcome::NoMatch);
    assert_eq!(outcome(&chat, "link.contact"), Outcome::NoMatch);
    let there = hub.communications_in(stranger).await;
    assert_eq!(there.len(), 1);
    assert_eq!(there[0].link.strength, Strength::Exact);

    let store = &hub.hub.store;
    assert!(
        store
            .communication(hub.workspace, there[0].id)
            .await
            .is_err()
    );
    let visit = there[0].link.visit.expect("it is linked");
    assert!(store.visit(hub.workspace, visit).await.is_err());
    let raw = store.raw_ids(stranger, there[0].id).await.unwrap()[0];
    assert!(store.raw_event(hub.workspace, raw).await.is_err());
    assert!(
        store
            .history(hub.workspace, there[0].id)
            .await
            .unwrap()
            .is_empty()
    );
    let replayed = store
        .replay_raw(hub.workspace, &RawSelection::Ids(vec![raw]))
        .await;
    assert_eq!(replayed.unwrap(), 0);
    let filter = CommunicationFilter {
        text: Some(PHONE.into()),
        ..CommunicationFilter::default()
    };
    let page = PageRequest {
        limit: 500,
        cursor: None,
    };
    let found = store
        .communications_page(stranger, &filter, CommunicationSort::NewestFirst, &page)
        .await
        .unwrap();
    let found: Vec<_> = found.items.iter().map(|one| one.id).collect();
    assert_eq!(found, [there[0].id]);
}

#[tokio::test]
async fn a_token_opens_the_door_of_its_own_provider_and_workspace_only() {
    let hub = TestHub::start().await;
    let stranger = hub.another_workspace().await;
    let theirs = hub
        .integration_in(stranger, None, "jivosite", json!({}))
        .await;
    theirs
        .post(&jivo::finished(7, 4410, &dialogue("10:03")))
        .await
        .assert_ok();
    hub.settle().await;
    assert!(hub.inbox().await.is_empty());
    let mut at_another_door = theirs.clone();
    at_another_door.provider = "talkme";
    let refused = at_another_door
        .post(&talkme::finished(1, "client-1", &dialogue("10:03")))
        .await;
    assert_eq!(refused.status, StatusCode::NOT_FOUND);
    let leadback = hub.integration("leadback").await;
    leadback
        .post(&leadback::callback(1, PHONE, at("10:00")))
        .await
        .assert_ok();
    hub.settle().await;
    assert_eq!(hub.states().await, [(RawState::Done, None)]);
}

#[tokio::test]
async fn the_tracker_key_of_one_workspace_writes_into_that_one_only() {
    let hub = TestHub::start().await;
    let stranger = hub.another_workspace().await;
    let site = hub.site_in(stranger, "shop.test").await;
    // The same ids of the browser: one visitor for each of the two.
    page_on(&hub, &site, "ira", "a", "https://shop.test/theirs").await;
    page_on(&hub, &hub.site, "ira", "a", "https://shop.test/ours").await;
    let page = PageRequest {
        limit: 500,
        cursor: None,
    };
    for (workspace, path) in [(stranger, "theirs"), (hub.workspace, "ours")] {
        let visits = hub
            .hub
            .store
            .visits_page(workspace, &Default::default(), &page)
            .await
            .unwrap();
        assert_eq!(visits.items.len(), 1);
        let entry = visits.items[0].marks.entry_page.clone();
        assert_eq!(entry, Some(format!("https://shop.test/{path}")));
    }
}
