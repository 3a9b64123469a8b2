//! Phones and e-mails lead to a visitor, and only when it can be nobody else.

use crate::hub::{TestHub, at, evidence, outcome, visit, with};
use crate::vendors::{PHONE, dialogue, jivo, leadback};
use serde_json::json;
use skvoz::model::{Outcome, Strength};

/// Two visitors of whom the vendor tells for sure, with the phones they gave.
async fn hub_with_two(first_phone: &str, second_phone: &str) -> TestHub {
    let hub = TestHub::start().await;
    hub.page("ira", "a", "09:00", "/?utm_campaign=spring").await;
    hub.page("oleg", "x", "09:01", "/?utm_campaign=autumn")
        .await;
    let jivo = hub.integration("jivosite").await;
    for (number, token, phone) in [(1, "a", first_phone), (2, "x", second_phone)] {
        let body = jivo::finished(number, 4400 + number, &dialogue("09:05"));
        let known = json!({"user_token": visit(token), "visitor": {"phone": phone}});
        jivo.post(&with(body, known)).await.assert_ok();
    }
    hub.settle().await;
    hub
}

#[tokio::test]
async fn a_phone_of_one_visitor_is_probable() {
    let hub = hub_with_two(PHONE, "+79035550143").await;
    let leadback = hub.integration("leadback").await;
    leadback
        .post(&leadback::callback(884, "89035550142", at("10:00")))
        .await
        .assert_ok();
    hub.settle().await;
    let call = hub.communication("884").await;
    assert_eq!(call.link.strength, Strength::Probable);
    assert_eq!(hub.visit_of(&call).await, Some(visit("a")));
}

#[tokio::test]
async fn a_phone_that_two_visitors_share_gives_no_link() {
    let hub = hub_with_two(PHONE, PHONE).await;
    let leadback = hub.integration("leadback").await;
    leadback
        .post(&leadback::callback(884, PHONE, at("10:00")))
        .await
        .assert_ok();
    hub.settle().await;
    let call = hub.communication("884").await;
    assert_eq!(call.link.strength, Strength::Fallback);
    assert_eq!(outcome(&call, "link.contact"), Outcome::Rejected);
    assert_eq!(
        evidence(&call, "link.contact")["reason"],
        "several_visitors"
    );
}

#[tokio::test]
async fn a_link_by_a_phone_goes_when_somebody_else_turns_out_to_have_it() {
    let hub = hub_with_two(PHONE, "+79035550143").await;
    let leadback = hub.integration("leadback").await;
    leadback
        .post(&leadback::callback(884, PHONE, at("10:00")))
        .await
        .assert_ok();
    hub.settle().await;
    let probable = hub.communication("884").await;
    assert_eq!(probable.link.strength, Strength::Probable);
    let jivo = hub.integration("jivosite").await;
    let body = jivo::finished(3, 4402, &dialogue("09:30"));
    let known = json!({"user_token": visit("x"), "visitor": {"phone": PHONE}});
    jivo.post(&with(body, known)).await.assert_ok();
    hub.settle().await;
    let call = hub.communication("884").await;
    assert_eq!(call.link.strength, Strength::Fallback);
    assert_eq!(hub.history(&call).await.len(), 2);
}

#[tokio::test]
async fn an_unsure_link_leads_nobody_further() {
    let hub = hub_with_two(PHONE, "+79035550143").await;
    let leadback = hub.integration("leadback").await;
    // Probable by the phone, and with an e-mail of its own.
    let first = with(
        leadback::callback(884, PHONE, at("10:00")),
        json!({"email": "irina@example.org"}),
    );
    leadback.post(&first).await.assert_ok();
    let second = json!({"id_call": 885, "email": "irina@example.org",
        "date_create": "2026-08-06 14:00:00"});
    leadback.post(&second).await.assert_ok();
    hub.settle().await;
    let probable = hub.communication("884").await;
    assert_eq!(probable.link.strength, Strength::Probable);
    let further = hub.communication("885").await;
    assert_eq!(further.link.strength, Strength::Fallback);
}

#[tokio::test]
async fn a_contact_leads_to_the_visit_before_it_and_not_to_a_later_one() {
    let hub = hub_with_two(PHONE, "+79035550143").await;
    hub.page("ira", "b", "11:00", "/?utm_campaign=winter").await;
    let leadback = hub.integration("leadback").await;
    for (number, when) in [(884, "10:00"), (885, "11:10")] {
        leadback
            .post(&leadback::callback(number, PHONE, at(when)))
            .await
            .assert_ok();
    }
    hub.settle().await;
    let earlier = hub.communication("884").await;
    assert_eq!(hub.visit_of(&earlier).await, Some(visit("a")));
    let later = hub.communication("885").await;
    assert_eq!(hub.visit_of(&later).await, Some(visit("b")));
}

#[tokio::test]
async fn one_person_with_two_browsers_is_found_by_phone_and_name() {
    let hub = TestHub::start().await;
    hub.page("ira", "a", "09:00", "/").await;
    hub.page("ira2", "x", "09:30", "/").await;
    let jivo = hub.integration("jivosite").await;
    for (number, token, when) in [(1, "a", "09:05"), (2, "x", "09:35")] {
        let body = jivo::finished(number, 4400 + number, &dialogue(when));
        let known = json!({"user_token": visit(token),
            "visitor": {"phone": PHONE, "name": "Irina Orlova"}});
        jivo.post(&with(body, known)).await.assert_ok();
    }
    let leadback = hub.integration("leadback").await;
    for (number, name) in [(884, "irina  orlova"), (885, "Pavel")] {
        let order = leadback::callback(number, PHONE, at("10:00"));
        leadback
            .post(&with(order, json!({"name": name})))
            .await
            .assert_ok();
    }
    hub.settle().await;
    let same = hub.communication("884").await;
    assert_eq!(hub.visit_of(&same).await, Some(visit("x")));
    let other = hub.communication("885").await;
    assert_eq!(other.link.strength, Strength::Fallback);
}
