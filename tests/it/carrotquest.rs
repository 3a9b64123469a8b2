//! Carrot quest: the webhook names a conversation, its words are asked for; whatever goes wrong on
//! the way, nothing is lost and nothing is told twice.

use crate::hub::{TestHub, TestIntegration, at, visit};
use crate::vendor::Vendor;
use crate::vendors::{Line, PHONE, carrot, dialogue};
use jiff::SignedDuration;
use serde_json::json;
use skvoz::model::{RawState, SetAsideReason, Status, Strength, Timestamp};

const CLOSED: &str = "$conversation_part_group_closed";
const STARTED: &str = "$conversation_user_started";

async fn integration(hub: &TestHub, vendor: &Vendor) -> TestIntegration {
    let settings = json!({"api_key": "app.41873.sample", "api_base": vendor.base()});
    hub.integration_with("carrotquest", settings).await
}

fn tell(vendor: &Vendor, conversation: &str, closed: bool, lines: &[Line<'_>]) {
    let card = json!({"$name": "Irina", "$phone": PHONE});
    vendor.set(
        &format!("/conversations/{conversation}"),
        carrot::conversation(conversation, "88", closed, card),
    );
    vendor.set(
        &format!("/conversations/{conversation}/parts"),
        carrot::parts(conversation, lines),
    );
}

async fn close(carrot: &TestIntegration, event: u64, conversation: &str, when: Timestamp) {
    let closed = carrot::event(CLOSED, event, conversation, "88", when);
    carrot.post_form(&closed).await.assert_ok();
}

#[tokio::test]
async fn the_words_of_a_closed_conversation_are_asked_for() {
    let hub = TestHub::start().await;
    let vendor = Vendor::start(&hub.clock).await;
    tell(&vendor, "1702", true, &dialogue("10:00"));
    let carrot = integration(&hub, &vendor).await;
    close(&carrot, 1, "1702", at("11:00")).await;
    hub.fetch_until(async || !hub.communications().await.is_empty())
        .await;
    let chat = hub.only().await;
    assert_eq!(chat.external_id, "1702");
    assert_eq!(chat.started_at, at("10:00"));
    assert_eq!(chat.status, Status::Succeed);
    assert_eq!(chat.messages.len(), 2);
    assert_eq!(chat.contact.phones[0].as_str(), PHONE);
    for asked in vendor.asked() {
        assert!(asked.path.contains("id_as_string=true"), "{asked:?}");
        assert_eq!(asked.authorization, "Token app.41873.sample");
    }
    assert!(!crate::logs::text().contains("app.41873.sample"));
}

#[tokio::test]
async fn our_visit_among_the_properties_of_the_card_links_the_chat() {
    let hub = TestHub::start().await;
    hub.page("ira", "a", "09:55", "/?utm_campaign=spring").await;
    hub.page("ira", "b", "10:40", "/?utm_campaign=autumn").await;
    let vendor = Vendor::start(&hub.clock).await;
    tell(&vendor, "1702", true, &dialogue("10:00"));
    // The webhook does not show the custom properties, and by now they are of a later visit.
    vendor.set(
        "/users/88",
        json!({"id": "88", "props_custom": {"skvoz_visit": visit("b")}}),
    );
    let carrot = integration(&hub, &vendor).await;
    let mut closed = carrot::event(CLOSED, 1, "1702", "88", at("11:00"));
    closed.retain(|(name, _)| *name != "user");
    carrot.post_form(&closed).await.assert_ok();
    hub.fetch_until(async || !hub.communications().await.is_empty())
        .await;
    let chat = hub.only().await;
    assert_eq!(chat.link.strength, Strength::Exact);
    assert_eq!(chat.link.rule, "link.visit_id");
    assert_eq!(hub.visit_of(&chat).await, Some(visit("a")));
    assert_eq!(chat.credit.utm.utm_campaign.as_deref(), Some("spring"));
}

#[tokio::test]
async fn a_messenger_chat_joins_the_visits_by_the_visitor_that_both_know() {
    let hub = TestHub::start().await;
    hub.page("ira", "a", "09:55", "/?utm_campaign=spring").await;
    // What the binder told when the widget was ready; the link to the bot carries the same number.
    let user = json!({"provider": "carrotquest", "user": "88"});
    hub.bind("ira", "a", "09:55", user).await;
    let vendor = Vendor::start(&hub.clock).await;
    tell(&vendor, "1702", true, &dialogue("10:00"));
    let mut conversation = carrot::conversation("1702", "88", true, json!({"$name": "Irina"}));
    conversation["external_service"] = json!("telegram_bot");
    vendor.set("/conversations/1702", conversation);
    let carrot = integration(&hub, &vendor).await;
    close(&carrot, 1, "1702", at("11:00")).await;
    hub.fetch_until(async || !hub.communications().await.is_empty())
        .await;
    let chat = hub.only().await;
    assert_eq!(chat.channel.as_str(), "telegram");
    assert_eq!(chat.link.rule, "link.bound_user");
    assert_eq!(chat.link.strength, Strength::Exact);
    assert_eq!(hub.visit_of(&chat).await, Some(visit("a")));
}

#[tokio::test]
async fn a_vendor_that_asks_to_slow_down_is_asked_again_later() {
    let hub = TestHub::start().await;
    let vendor = Vendor::start(&hub.clock).await;
    tell(&vendor, "1702", true, &dialogue("10:00"));
    vendor.refuse("/conversations/1702", 429, Some(40), "");
    let carrot = integration(&hub, &vendor).await;
    close(&carrot, 1, "1702", at("11:00")).await;
    hub.fetch_until(async || vendor.asked().len() == 1).await;
    // The wait that the vendor asked for is kept to.
    hub.set_clock(hub.now() + SignedDuration::from_secs(39));
    hub.settle().await;
    assert_eq!(skvoz::fetch::fetch_due(&hub.hub).await.unwrap(), 0);
    assert_eq!(vendor.asked().len(), 1);
    hub.set_clock(hub.now() + SignedDuration::from_secs(1));
    hub.fetch_until(async || !hub.communications().await.is_empty())
        .await;
    assert_eq!(hub.only().await.messages.len(), 2);
}

#[tokio::test]
async fn a_conversation_that_does_not_exist_for_the_key_is_set_aside_and_can_be_replayed() {
    let hub = TestHub::start().await;
    let vendor = Vendor::start(&hub.clock).await;
    vendor.refuse("/conversations/1702", 400, None, "LookupError");
    let carrot = integration(&hub, &vendor).await;
    close(&carrot, 1, "1702", at("11:00")).await;
    let failed = (RawState::SetAside, Some(SetAsideReason::FetchFailed));
    hub.fetch_until(async || hub.states().await == [failed])
        .await;
    let row = hub.inbox().await.remove(0);
    assert!(row.detail.expect("a reason").contains("LookupError"));
    assert!(hub.communications().await.is_empty());
    // The key of the right account was saved meanwhile.
    tell(&vendor, "1702", true, &dialogue("10:00"));
    hub.replay_all().await;
    hub.fetch_until(async || !hub.communications().await.is_empty())
        .await;
    assert_eq!(hub.states().await[0], (RawState::Done, None));
}

#[tokio::test]
async fn a_restart_between_question_and_answer_loses_nothing() {
    let mut hub = TestHub::start().await;
    let vendor = Vendor::start(&hub.clock).await;
    tell(&vendor, "1702", true, &dialogue("10:00"));
    vendor.be_silent("/1702");
    let carrot = integration(&hub, &vendor).await;
    close(&carrot, 1, "1702", at("11:00")).await;
    hub.settle().await;
    vendor.until_asked(1).await;
    hub.restart().await;
    vendor.speak();
    hub.set_clock(hub.now() + SignedDuration::from_mins(11));
    hub.fetch_until(async || !hub.communications().await.is_empty())
        .await;
    assert_eq!(hub.only().await.messages.len(), 2);
}

#[tokio::test]
async fn a_conversation_closed_several_times_is_one_chat() {
    let hub = TestHub::start().await;
    let vendor = Vendor::start(&hub.clock).await;
    let mut lines = dialogue("10:00");
    tell(&vendor, "1702", true, &lines);
    let carrot = integration(&hub, &vendor).await;
    close(&carrot, 1, "1702", at("10:30")).await;
    hub.fetch_until(async || !hub.communications().await.is_empty())
        .await;
    lines.push((at("11:00"), true, "And in grey?"));
    lines.push((at("11:01"), false, "In grey too."));
    tell(&vendor, "1702", true, &lines);
    close(&carrot, 2, "1702", at("11:30")).await;
    hub.fetch_until(async || hub.only().await.messages.len() == 4)
        .await;
    let chat = hub.only().await;
    assert_eq!(chat.started_at, at("10:00"));
    assert_eq!(chat.finished_at, Some(at("11:01")));
}

#[tokio::test]
async fn a_second_closing_while_the_first_is_being_read_is_read_too() {
    let hub = TestHub::start().await;
    let vendor = Vendor::start(&hub.clock).await;
    let mut lines = dialogue("10:00");
    tell(&vendor, "1702", true, &lines);
    vendor.be_silent("/parts");
    let carrot = integration(&hub, &vendor).await;
    close(&carrot, 1, "1702", at("10:30")).await;
    hub.settle().await;
    vendor.until_asked(2).await;
    // The first reading waits for its answer, which will be the old one.
    lines.push((at("11:00"), true, "And in grey?"));
    tell(&vendor, "1702", true, &lines);
    close(&carrot, 2, "1702", at("11:30")).await;
    hub.settle().await;
    vendor.speak();
    hub.until(async || {
        let chats = hub.communications().await;
        chats.first().is_some_and(|chat| chat.messages.len() == 3)
    })
    .await;
    let readings = vendor.asked();
    assert_eq!(readings.len(), 4, "{readings:?}");
}

#[tokio::test]
async fn a_mailing_that_nobody_answered_is_no_chat() {
    let hub = TestHub::start().await;
    let vendor = Vendor::start(&hub.clock).await;
    tell(&vendor, "1702", true, &[]);
    let mailing = json!({"message": "1702000000000000001"});
    vendor.change("/conversations/1702", mailing);
    let carrot = integration(&hub, &vendor).await;
    close(&carrot, 1, "1702", at("11:00")).await;
    let not_a_lead = (RawState::SetAside, Some(SetAsideReason::NotALead));
    hub.fetch_until(async || hub.states().await.last() == Some(&not_a_lead))
        .await;
    assert!(hub.communications().await.is_empty());
}

#[tokio::test]
async fn a_chat_that_began_is_shown_before_its_words_are_read() {
    let hub = TestHub::start().await;
    let vendor = Vendor::start(&hub.clock).await;
    vendor.be_silent("/1702");
    tell(&vendor, "1702", false, &dialogue("11:30")[..1]);
    let carrot = integration(&hub, &vendor).await;
    let begun = carrot::event(STARTED, 1, "1702", "88", at("11:30"));
    carrot.post_form(&begun).await.assert_ok();
    hub.settle().await;
    let begun = hub.only().await;
    assert!(begun.messages.is_empty());
    assert_eq!(begun.started_at, at("11:30"));
    vendor.speak();
    hub.fetch_until(async || !hub.only().await.messages.is_empty())
        .await;
    let chat = hub.only().await;
    assert_eq!(chat.id, begun.id);
    assert_eq!(chat.finished_at, None);
}
