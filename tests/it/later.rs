//! Facts that come later open a communication again: messages, an end, contacts, other chats.

use crate::hub::{TestHub, at, outcome, visit, with};
use crate::vendors::{Line, PHONE, dialogue, jivo, leadback, talkme};
use serde_json::json;
use skvoz::model::{FinishedBy, Outcome, Status, Strength};
use skvoz::store::HistoryEntry;

#[tokio::test]
async fn a_chat_grows_from_its_beginning_to_its_end() {
    let hub = TestHub::start().await;
    let jivo = hub.integration("jivosite").await;
    hub.set_clock(at("10:03:10"));
    jivo.post(&jivo::chat("chat_accepted", 7, 4410))
        .await
        .assert_ok();
    hub.settle().await;
    let accepted = hub.only().await;
    assert_eq!(accepted.status, Status::Active);
    assert_eq!(accepted.started_at, at("10:03:10"));
    assert_eq!(accepted.finished_at, None);

    hub.set_clock(at("10:05"));
    let told = json!({"visitor": {"name": "Irina", "phone": PHONE}});
    jivo.post(&with(jivo::chat("chat_updated", 7, 4410), told))
        .await
        .assert_ok();
    hub.settle().await;
    assert_eq!(hub.only().await.contact.phones[0].as_str(), PHONE);

    hub.set_clock(at("10:20"));
    jivo.post(&jivo::finished(7, 4410, &dialogue("10:03")))
        .await
        .assert_ok();
    hub.settle().await;
    let over = hub.only().await;
    assert_eq!(over.id, accepted.id);
    assert_eq!(over.status, Status::Succeed);
    assert_eq!(over.finished_by, Some(FinishedBy::Event));
    assert_eq!(over.started_at, at("10:03"));
    assert_eq!(over.finished_at, Some(at("10:03:30")));
    assert_eq!(over.received_at, at("10:03:10"));
    assert_eq!(over.contact.name.as_deref(), Some("Irina"));
    assert_eq!(over.messages.len(), 2);
}

#[tokio::test]
async fn a_finished_chat_that_goes_on_keeps_its_place_and_gets_the_new_words() {
    let hub = TestHub::start().await;
    let talkme = hub.integration("talkme").await;
    let mut lines = dialogue("10:03");
    talkme
        .post(&talkme::finished(20, "client-1", &lines))
        .await
        .assert_ok();
    hub.settle().await;
    let before = hub.only().await;
    lines.push((at("11:40"), true, "And in grey?"));
    talkme
        .post(&talkme::new_message(20, "client-1", 2, &lines[2]))
        .await
        .assert_ok();
    hub.settle().await;
    let open = hub.only().await;
    assert_eq!(open.id, before.id);
    assert_eq!(open.status, Status::Active);
    assert_eq!(open.finished_at, None);
    assert_eq!(open.messages.len(), 3);
    talkme
        .post(&talkme::finished(20, "client-1", &lines))
        .await
        .assert_ok();
    hub.settle().await;
    let over = hub.only().await;
    assert_eq!(over.finished_at, Some(at("11:40")));
    assert_eq!(over.messages.len(), 3, "a line that came twice is one line");
}

#[tokio::test]
async fn a_contact_left_after_the_chat_links_it_and_the_old_link_stays_in_the_history() {
    let hub = TestHub::start().await;
    hub.page(
        "ira",
        "a",
        "09:00",
        "/?utm_source=yandex&utm_campaign=spring",
    )
    .await;
    let jivo = hub.integration("jivosite").await;
    let known = json!({"user_token": visit("a"), "visitor": {"phone": PHONE}});
    jivo.post(&with(jivo::finished(6, 4410, &dialogue("09:03")), known))
        .await
        .assert_ok();
    let talkme = hub.integration("talkme").await;
    talkme
        .post(&talkme::finished(20, "client-1", &dialogue("10:03")))
        .await
        .assert_ok();
    hub.settle().await;
    let anonymous = hub.communication("20").await;
    assert_eq!(anonymous.link.strength, Strength::Fallback);

    let line: Line<'_> = (at("10:10"), true, "My phone is 8 903 555-01-42");
    talkme
        .post(&talkme::new_message(20, "client-1", 2, &line))
        .await
        .assert_ok();
    hub.settle().await;
    let known = hub.communication("20").await;
    assert_eq!(known.link.rule, "link.contact");
    assert_eq!(hub.visit_of(&known).await, Some(visit("a")));
    let history = hub.history(&known).await;
    assert!(
        history.iter().any(|former| former.entry
            == HistoryEntry::Link {
                was: anonymous.link.clone()
            }),
        "{history:?}"
    );
}

#[tokio::test]
async fn a_sure_chat_that_comes_later_leads_an_earlier_callback_to_its_visit() {
    let hub = TestHub::start().await;
    hub.page("ira", "a", "10:00", "/?utm_campaign=spring").await;
    let leadback = hub.integration("leadback").await;
    leadback
        .post(&leadback::callback(884, PHONE, at("10:05")))
        .await
        .assert_ok();
    hub.settle().await;
    assert_eq!(hub.only().await.link.strength, Strength::Fallback);
    let jivo = hub.integration("jivosite").await;
    let known = json!({"user_token": visit("a"), "visitor": {"phone": PHONE}});
    jivo.post(&with(jivo::finished(7, 4410, &dialogue("10:30")), known))
        .await
        .assert_ok();
    hub.settle().await;
    let call = hub.communication("884").await;
    assert_eq!(call.link.rule, "link.contact");
    assert_eq!(hub.visit_of(&call).await, Some(visit("a")));
}

#[tokio::test]
async fn a_stronger_link_replaces_a_weaker_one_and_not_the_other_way_round() {
    let hub = TestHub::start().await;
    hub.page("ira", "a", "10:00", "/?utm_campaign=spring").await;
    hub.page("oleg", "x", "10:01", "/?utm_campaign=autumn")
        .await;
    let jivo = hub.integration("jivosite").await;
    let known = json!({"user_token": visit("a"), "visitor": {"phone": PHONE}});
    jivo.post(&with(jivo::finished(6, 4410, &dialogue("10:02")), known))
        .await
        .assert_ok();
    // The same phone in another chat: probable, until the widget's token comes.
    let phone = json!({"visitor": {"phone": PHONE}});
    let body = with(jivo::finished(7, 4411, &dialogue("10:03")), phone);
    jivo.post(&body).await.assert_ok();
    hub.settle().await;
    let probable = hub.communication("7").await;
    assert_eq!(probable.link.strength, Strength::Probable);
    assert_eq!(hub.visit_of(&probable).await, Some(visit("a")));
    let late = with(
        jivo::chat("chat_updated", 7, 4411),
        json!({"user_token": visit("x")}),
    );
    jivo.post(&late).await.assert_ok();
    hub.settle().await;
    let exact = hub.communication("7").await;
    assert_eq!(exact.link.strength, Strength::Exact);
    assert_eq!(hub.visit_of(&exact).await, Some(visit("x")));
    assert_eq!(outcome(&exact, "link.contact"), Outcome::Skipped);
    // More of the weaker evidence changes nothing.
    let phone = json!({"visitor": {"phone": PHONE, "name": "Irina"}});
    jivo.post(&with(jivo::chat("chat_updated", 7, 4411), phone))
        .await
        .assert_ok();
    hub.settle().await;
    let still = hub.communication("7").await;
    assert_eq!(still.link, exact.link);
}
