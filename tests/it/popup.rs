//! Cards that change outside a chat: a lead of their own when somebody leaves a contact in a pop-up
//! window, and nothing but a contact when the client also wrote.

use crate::hub::{TestHub, at, visit, with};
use crate::vendors::{PHONE, carrot, dialogue, jivo};
use serde_json::json;
use skvoz::model::{CommunicationKind, Hidden};

#[tokio::test]
async fn a_contact_left_in_a_pop_up_is_a_lead() {
    let hub = TestHub::start().await;
    hub.page("ira", "a", "11:00", "/?utm_campaign=spring").await;
    let jivo = hub.integration("jivosite").await;
    let card = jivo::card(4410, json!({"name": "Irina", "phone": PHONE}));
    let ours = json!({"user_token": visit("a")});
    jivo.post(&with(card, ours)).await.assert_ok();
    hub.settle().await;
    let lead = hub.only().await;
    assert_eq!(lead.kind, CommunicationKind::OfflineLead);
    assert_eq!(lead.contact.phones[0].as_str(), PHONE);
    assert_eq!(hub.visit_of(&lead).await, Some(visit("a")));
}

#[tokio::test]
async fn a_card_without_a_contact_is_no_lead_until_it_gets_one() {
    let hub = TestHub::start().await;
    let jivo = hub.integration("jivosite").await;
    jivo.post(&jivo::card(4410, json!({"name": "Irina"})))
        .await
        .assert_ok();
    hub.settle().await;
    assert!(hub.communications().await.is_empty());
    hub.set_clock(at("12:10"));
    jivo.post(&jivo::card(4410, json!({"email": "irina@example.org"})))
        .await
        .assert_ok();
    hub.settle().await;
    let lead = hub.only().await;
    assert_eq!(lead.contact.name.as_deref(), Some("Irina"));
    assert_eq!(lead.contact.emails[0].as_str(), "irina@example.org");
}

#[tokio::test]
async fn a_card_and_a_chat_of_one_client_within_a_day_are_one_appeal_in_either_order() {
    let card = jivo::card(4410, json!({"name": "Irina", "phone": PHONE}));
    let chat = jivo::finished(7, 4410, &dialogue("11:50"));
    for bodies in [[&card, &chat], [&chat, &card]] {
        let hub = TestHub::start().await;
        let jivo = hub.integration("jivosite").await;
        for body in bodies {
            jivo.post(body).await.assert_ok();
            hub.settle().await;
        }
        let shown = hub.only().await;
        assert_eq!(shown.kind, CommunicationKind::Chat);
        assert_eq!(shown.contact.name.as_deref(), Some("Irina"));
        assert_eq!(shown.contact.phones[0].as_str(), PHONE);
    }
}

#[tokio::test]
async fn a_card_and_a_chat_in_one_batch_are_one_appeal() {
    let hub = TestHub::start().await;
    let jivo = hub.integration("jivosite").await;
    hub.change(&jivo, |row| row.active = false).await;
    jivo.post(&jivo::card(4410, json!({"phone": PHONE})))
        .await
        .assert_ok();
    jivo.post(&jivo::finished(7, 4410, &dialogue("11:50")))
        .await
        .assert_ok();
    hub.settle().await;
    hub.change(&jivo, |row| row.active = true).await;
    hub.replay_all().await;
    let shown = hub.only().await;
    assert_eq!(shown.kind, CommunicationKind::Chat);
    assert_eq!(shown.contact.phones[0].as_str(), PHONE);
}

#[tokio::test]
async fn a_chat_of_another_day_does_not_swallow_the_lead() {
    let hub = TestHub::start().await;
    let jivo = hub.integration("jivosite").await;
    jivo.post(&jivo::finished(7, 4410, &dialogue("10:00")))
        .await
        .assert_ok();
    hub.settle().await;
    hub.set_clock(at("2026-08-08T12:00:00Z"));
    jivo.post(&jivo::card(4410, json!({"phone": PHONE})))
        .await
        .assert_ok();
    hub.settle().await;
    let kinds: Vec<_> = hub
        .communications()
        .await
        .into_iter()
        .map(|one| one.kind)
        .collect();
    assert_eq!(
        kinds,
        [CommunicationKind::Chat, CommunicationKind::OfflineLead]
    );
}

#[tokio::test]
async fn a_contact_written_into_an_old_card_during_a_chat_is_no_lead_of_the_past() {
    let hub = TestHub::start().await;
    let jivo = hub.integration("jivosite").await;
    hub.set_clock(at("2026-03-01T12:00:00Z"));
    jivo.post(&jivo::card(4410, json!({"name": "Irina"})))
        .await
        .assert_ok();
    hub.settle().await;
    hub.set_clock(at("12:00"));
    jivo.post(&jivo::finished(7, 4410, &dialogue("11:50")))
        .await
        .assert_ok();
    jivo.post(&jivo::card(4410, json!({"name": "Irina", "phone": PHONE})))
        .await
        .assert_ok();
    hub.settle().await;
    let shown = hub.only().await;
    assert_eq!(shown.kind, CommunicationKind::Chat);
    assert_eq!(shown.contact.phones[0].as_str(), PHONE);
}

#[tokio::test]
async fn a_lead_whose_card_was_known_for_long_is_dated_by_its_contact() {
    let hub = TestHub::start().await;
    let jivo = hub.integration("jivosite").await;
    hub.set_clock(at("2026-03-01T12:00:00Z"));
    jivo.post(&jivo::card(4410, json!({"name": "Irina"})))
        .await
        .assert_ok();
    hub.settle().await;
    hub.set_clock(at("12:00"));
    jivo.post(&jivo::card(4410, json!({"phone": PHONE})))
        .await
        .assert_ok();
    hub.settle().await;
    let lead = hub.only().await;
    assert_eq!(lead.started_at, at("12:00"));
    assert_eq!(lead.contact.name.as_deref(), Some("Irina"));
}

#[tokio::test]
async fn a_changed_card_of_carrot_quest_brings_its_contact_to_the_chat() {
    let hub = TestHub::start().await;
    let carrot = hub.integration("carrotquest").await;
    let begun = carrot::event("$conversation_user_started", 1, "1702", "88", at("11:50"));
    carrot.post_form(&begun).await.assert_ok();
    let props = json!({"$phone": PHONE});
    let card = carrot::card("$phone_changed", 2, "88", props, at("11:55"));
    carrot.post_form(&card).await.assert_ok();
    hub.settle().await;
    let chat = hub.only().await;
    assert_eq!(chat.contact.phones[0].as_str(), PHONE);
    let told = hub.inbox().await.remove(1);
    let card = hub.raw(told.event.id).await.communications[0];
    assert_eq!(
        hub.stored(card).await.hidden,
        Some(Hidden::AbsorbedBy(chat.id))
    );
}
