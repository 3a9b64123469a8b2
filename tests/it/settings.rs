//! What people set up for an integration, and where it shows.

use crate::hub::{TestHub, evidence, outcome, visit, with};
use crate::vendors::{dialogue, jivo, talkme};
use serde_json::{Value, json};
use skvoz::model::{CreditStep, Outcome, Strength};

/// A chat with a visit that has marks of the campaign `spring`.
async fn linked_chat(hub: &TestHub, settings: Value) {
    hub.page(
        "ira",
        "a",
        "10:00",
        "/?utm_source=yandex&utm_campaign=spring",
    )
    .await;
    let jivo = hub.integration_with("jivosite", settings).await;
    let body = jivo::finished(7, 4410, &dialogue("10:03"));
    jivo.post(&with(body, json!({"user_token": visit("a")})))
        .await
        .assert_ok();
    hub.settle().await;
}

#[tokio::test]
async fn ignore_visit_loads_everything_to_the_default_and_says_which_visit_it_ignored() {
    let hub = TestHub::start().await;
    hub.campaign("spring").await;
    let source = hub.source("leaflets").await;
    let target = json!({"source_id": source, "site_id": hub.site.id});
    let settings = json!({"ignore_visit": true, "default_target": target});
    linked_chat(&hub, settings).await;
    let chat = hub.only().await;
    assert_eq!(chat.credit.step, CreditStep::IgnoreVisit);
    assert_eq!(chat.credit.source, Some(source));
    assert_eq!(chat.credit.campaign, None);
    assert_eq!(chat.link.strength, Strength::Exact);
    let ignored = chat.link.visit.expect("the link is shown all the same");
    let seen = evidence(&chat, "credit.ignore_visit");
    assert_eq!(seen["ignored_visit_id"], ignored.0);
    assert_eq!(outcome(&chat, "credit.visit"), Outcome::Skipped);
}

#[tokio::test]
async fn a_messenger_chat_goes_to_its_row_before_the_default() {
    let hub = TestHub::start().await;
    let campaign = hub.campaign("spring").await;
    let source = hub.source("telegram-channel").await;
    let settings = json!({
        "default_target": {"campaign_id": campaign},
        "messengers": [{"channel": "telegram", "source_id": source, "site_id": hub.site.id}],
    });
    let jivo = hub.integration_with("jivosite", settings).await;
    for (channel, number) in [("telegram", 7), ("viber", 8)] {
        let body = jivo::finished(number, 4410, &dialogue("10:03"));
        let past_the_widget = json!({"page": null, "session": null});
        jivo.post_to(channel, &with(body, past_the_widget))
            .await
            .assert_ok();
    }
    hub.settle().await;
    let telegram = hub.communication("7").await;
    assert_eq!(telegram.credit.step, CreditStep::Messenger);
    assert_eq!(telegram.credit.source, Some(source));
    let viber = hub.communication("8").await;
    assert_eq!(viber.credit.step, CreditStep::Default);
    assert_eq!(viber.credit.campaign, Some(campaign));
    assert_eq!(outcome(&viber, "credit.messenger"), Outcome::NoMatch);
}

#[tokio::test]
async fn a_default_that_was_removed_is_told_in_the_receipt() {
    let hub = TestHub::start().await;
    let campaign = hub.campaign("spring").await;
    let settings = json!({"default_target": {"campaign_id": campaign}});
    let talkme = hub.integration_with("talkme", settings).await;
    let store = &hub.hub.store;
    let removed = skvoz::store::Removable::Campaign(campaign);
    store.remove(hub.workspace, removed).await.unwrap();
    hub.hub.setups.changed(hub.workspace);
    talkme
        .post(&talkme::finished(20, "client-1", &dialogue("10:03")))
        .await
        .assert_ok();
    hub.settle().await;
    let chat = hub.only().await;
    assert_eq!(outcome(&chat, "credit.default"), Outcome::Rejected);
    assert_eq!(chat.credit.step, CreditStep::NoCampaign);
}

#[tokio::test]
async fn tags_are_put_on_every_communication_and_the_staffs_own_stay() {
    let hub = TestHub::start().await;
    let [first, second] = [hub.tag("chat").await, hub.tag("site").await];
    let settings = json!({"tag_ids": [second, first, first]});
    linked_chat(&hub, settings).await;
    assert_eq!(hub.only().await.tags, [first, second]);
}

#[tokio::test]
async fn the_operator_in_charge_is_found_in_the_table_and_else_the_employee_stands_in() {
    let hub = TestHub::start().await;
    let [pavel, anna, desk] = [
        hub.employee("Pavel").await,
        hub.employee("Anna").await,
        hub.employee("Desk").await,
    ];
    let settings = json!({
        "employee_id": desk,
        "operators": [
            {"operator": "204", "employee_id": pavel},
            {"operator": "ANNA@shop.test", "employee_id": anna},
        ],
    });
    let jivo = hub.integration_with("jivosite", settings.clone()).await;
    jivo.post(&jivo::finished(7, 4410, &dialogue("10:03")))
        .await
        .assert_ok();
    let nobody = json!({"agent": null, "agents": [], "chat": {"messages": []}});
    let body = jivo::finished(8, 4411, &[]);
    jivo.post(&with(body, nobody)).await.assert_ok();
    let talkme = hub.integration_with("talkme", settings).await;
    talkme
        .post(&talkme::finished(20, "client-1", &dialogue("10:03")))
        .await
        .assert_ok();
    hub.settle().await;
    assert_eq!(hub.communication("7").await.employee, Some(pavel));
    assert_eq!(hub.communication("8").await.employee, Some(desk));
    assert_eq!(hub.communication("20").await.employee, Some(anna));
}

#[tokio::test]
async fn a_wrong_shared_secret_is_set_aside_and_a_right_one_is_not() {
    let hub = TestHub::start().await;
    let talkme = hub
        .integration_with("talkme", json!({"secret_key": "hK2-demo"}))
        .await;
    let body = talkme::finished(20, "client-1", &dialogue("10:03"));
    talkme.post(&body).await.assert_ok();
    talkme
        .post(&with(body.clone(), json!({"secretKey": "guess"})))
        .await
        .assert_ok();
    hub.settle().await;
    assert!(hub.communications().await.is_empty());
    talkme
        .post(&with(body, json!({"secretKey": "hK2-demo"})))
        .await
        .assert_ok();
    hub.settle().await;
    assert_eq!(hub.only().await.external_id, "20");
}
