//! The visit that was open at the visitor's first message is the one, whatever came later and
//! whenever the webhook arrived.

use crate::hub::{TestHub, at, outcome, page_view, visit, with};
use crate::vendors::{Line, dialogue, jivo, talkme};
use serde_json::json;
use skvoz::model::{Outcome, Strength};

#[tokio::test]
async fn a_second_visit_between_chat_and_webhook_does_not_take_the_chat() {
    let hub = TestHub::start().await;
    hub.page(
        "ira",
        "a",
        "10:00",
        "/?utm_source=yandex&utm_campaign=spring",
    )
    .await;
    hub.page("ira", "b", "11:00", "/?utm_source=vk&utm_campaign=autumn")
        .await;
    let jivo = hub.integration("jivosite").await;
    hub.set_clock(at("11:30"));
    // By now the page has handed the id of the second visit to the widget.
    let body = jivo::finished(7, 4410, &dialogue("10:03"));
    jivo.post(&with(body, json!({"user_token": visit("b")})))
        .await
        .assert_ok();
    hub.settle().await;
    let chat = hub.only().await;
    assert_eq!(hub.visit_of(&chat).await, Some(visit("a")));
    assert_eq!(chat.link.strength, Strength::Exact);
    assert_eq!(chat.credit.utm.utm_campaign.as_deref(), Some("spring"));
}

#[tokio::test]
async fn a_webhook_that_is_an_hour_late_is_dated_by_its_messages() {
    let hub = TestHub::start().await;
    hub.page("ira", "a", "09:00", "/").await;
    hub.page("ira", "b", "10:00", "/").await;
    hub.page("ira", "c", "10:40", "/").await;
    let talkme = hub.integration("talkme").await;
    hub.set_clock(at("11:05"));
    let body = talkme::finished(20, "client-1", &dialogue("10:03"));
    let ours = json!({"data": {"client": {"customData": {"skvoz_visit": visit("c")}}}});
    talkme.post(&with(body, ours)).await.assert_ok();
    hub.settle().await;
    let chat = hub.only().await;
    assert_eq!(hub.visit_of(&chat).await, Some(visit("b")));
    assert_eq!(chat.started_at, at("10:03"));
    assert_eq!(chat.received_at, at("11:05"));
}

#[tokio::test]
async fn an_operators_invitation_before_the_visit_does_not_move_the_moment() {
    let hub = TestHub::start().await;
    hub.page("ira", "a", "10:00", "/").await;
    hub.page("ira", "b", "11:00", "/").await;
    let jivo = hub.integration("jivosite").await;
    let lines: [Line<'_>; 2] = [
        (at("10:01"), false, "May I help?"),
        (at("11:02"), true, "Yes, please"),
    ];
    let body = jivo::finished(7, 4410, &lines);
    jivo.post(&with(body, json!({"user_token": visit("b")})))
        .await
        .assert_ok();
    hub.settle().await;
    let chat = hub.only().await;
    assert_eq!(chat.started_at, at("10:01"));
    assert_eq!(chat.first_words_at, at("11:02"));
    assert_eq!(hub.visit_of(&chat).await, Some(visit("b")));
}

#[tokio::test]
async fn a_time_cut_to_the_second_still_finds_the_visit_begun_in_that_second() {
    let hub = TestHub::start().await;
    hub.page("ira", "a", "09:00", "/").await;
    hub.page("ira", "b", "10:00:00.700", "/").await;
    let jivo = hub.integration("jivosite").await;
    let lines = [(at("10:00:00"), true, "Is it in stock?")];
    let body = jivo::finished(7, 4410, &lines);
    jivo.post(&with(body, json!({"user_token": visit("b")})))
        .await
        .assert_ok();
    hub.settle().await;
    let chat = hub.only().await;
    assert_eq!(hub.visit_of(&chat).await, Some(visit("b")));
}

#[tokio::test]
async fn a_visit_that_only_the_clocks_put_after_the_message_is_the_one() {
    let hub = TestHub::start().await;
    hub.page("ira", "a", "10:02", "/").await;
    let jivo = hub.integration("jivosite").await;
    let ours = json!({"user_token": visit("a")});
    for (number, when) in [(7, "10:00"), (8, "09:50")] {
        let body = jivo::finished(number, 4410, &dialogue(when));
        jivo.post(&with(body, ours.clone())).await.assert_ok();
    }
    hub.settle().await;
    let near = hub.communication("7").await;
    assert_eq!(hub.visit_of(&near).await, Some(visit("a")));
    let far = hub.communication("8").await;
    assert_eq!(far.link.visit, None);
    assert_eq!(outcome(&far, "link.visit_id"), Outcome::Rejected);
}

#[tokio::test]
async fn a_visit_that_arrives_after_the_webhook_is_found() {
    let hub = TestHub::start().await;
    hub.campaign("spring").await;
    let jivo = hub.integration("jivosite").await;
    let body = jivo::finished(7, 4410, &dialogue("10:03"));
    jivo.post(&with(body, json!({"user_token": visit("a")})))
        .await
        .assert_ok();
    hub.settle().await;
    let before = hub.only().await;
    assert_eq!(before.link.strength, Strength::Fallback);
    hub.page(
        "ira",
        "a",
        "10:00",
        "/?utm_source=yandex&utm_campaign=spring",
    )
    .await;
    hub.settle().await;
    let chat = hub.only().await;
    assert_eq!(hub.visit_of(&chat).await, Some(visit("a")));
    assert!(chat.credit.campaign.is_some());
    assert!(chat.version > before.version);
    assert_eq!(hub.history(&chat).await.len(), 2, "the link and the credit");
}

#[tokio::test]
async fn a_late_page_that_moves_a_visits_start_back_moves_the_chat() {
    let hub = TestHub::start().await;
    hub.page("ira", "a", "09:00", "/").await;
    hub.page("ira", "b", "10:10", "/cart").await;
    let jivo = hub.integration("jivosite").await;
    let body = jivo::finished(7, 4410, &dialogue("10:03"));
    jivo.post(&with(body, json!({"user_token": visit("b")})))
        .await
        .assert_ok();
    hub.settle().await;
    let chat = hub.only().await;
    assert_eq!(hub.visit_of(&chat).await, Some(visit("a")));
    // The landing page of the second visit waited in the browser's queue.
    hub.page("ira", "b", "10:01", "/?utm_campaign=spring").await;
    hub.settle().await;
    let chat = hub.only().await;
    assert_eq!(hub.visit_of(&chat).await, Some(visit("b")));
    assert_eq!(chat.credit.utm.utm_campaign.as_deref(), Some("spring"));
}

#[tokio::test]
async fn a_late_visit_before_a_rejected_one_is_found() {
    let hub = TestHub::start().await;
    hub.page("ira", "b", "11:00", "/").await;
    let jivo = hub.integration("jivosite").await;
    let body = jivo::finished(7, 4410, &dialogue("10:03"));
    jivo.post(&with(body, json!({"user_token": visit("b")})))
        .await
        .assert_ok();
    hub.settle().await;
    let chat = hub.only().await;
    assert_eq!(outcome(&chat, "link.visit_id"), Outcome::Rejected);
    hub.page("ira", "a", "10:00", "/").await;
    hub.settle().await;
    let chat = hub.only().await;
    assert_eq!(hub.visit_of(&chat).await, Some(visit("a")));
    assert_eq!(chat.link.strength, Strength::Exact);
}

#[tokio::test]
async fn a_chat_bound_again_in_a_later_visit_stays_with_the_visit_of_its_first_words() {
    let hub = TestHub::start().await;
    hub.page("ira", "a", "10:00", "/").await;
    hub.page("ira", "b", "11:00", "/").await;
    let talkme = hub.integration("talkme").await;
    let body = talkme::finished(20, "client-1", &dialogue("10:03"));
    talkme.post(&body).await.assert_ok();
    let user = json!({"provider": "talkme", "user": "client-1"});
    hub.bind("ira", "b", "11:01", user).await;
    hub.settle().await;
    let chat = hub.only().await;
    assert_eq!(hub.visit_of(&chat).await, Some(visit("a")));
}

#[tokio::test]
async fn pages_in_any_order_make_the_same_visit() {
    let hub = TestHub::start().await;
    let landing = page_view("ira", "a", at("10:00"), "/?utm_campaign=spring");
    let next = page_view("ira", "a", at("10:02"), "/delivery");
    for message in [&next, &landing, &next, &landing] {
        let path = message["u"].as_str().expect("a page has an address");
        hub.hit(with(message.clone(), json!({"m": path}))).await;
    }
    let jivo = hub.integration("jivosite").await;
    let body = jivo::finished(7, 4410, &dialogue("10:01"));
    jivo.post(&with(body, json!({"user_token": visit("a")})))
        .await
        .assert_ok();
    hub.settle().await;
    let chat = hub.only().await;
    let id = chat.link.visit.expect("it is linked");
    let seen = hub.hub.store.visit(hub.workspace, id).await.unwrap();
    assert_eq!(seen.visit.started_at, at("10:00"));
    assert_eq!(seen.visit.last_hit_at, at("10:02"));
    assert_eq!(seen.visit.hits, 2);
    assert_eq!(chat.credit.utm.utm_campaign.as_deref(), Some("spring"));
}
