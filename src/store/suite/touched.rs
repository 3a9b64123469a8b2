//! Cases of reconsidering: who is touched by what was committed, and how a reader goes on.

use super::ground::{Ground, Owner};
use super::values::{at, key, linked, write};
use crate::model::{
    Communication, CommunicationId, Hidden, Key, KeyKind, Strength, Visit, WorkspaceId,
};
use crate::store::{CommunicationWrite, HitFacts, Touched, VisitFilter};

const READER: &str = "relink";

async fn touched(ground: &Ground) -> Touched {
    ground.store.touched(READER, 1_000).await.unwrap()
}

/// What is touched now, in order; the reader has dealt with it.
async fn dealt_with(ground: &Ground) -> Vec<CommunicationId> {
    let touched = touched(ground).await;
    ground
        .store
        .confirm_touched(READER, &touched)
        .await
        .unwrap();
    touched
        .communications
        .into_iter()
        .map(|(_, id)| id)
        .collect()
}

async fn told(ground: &Ground, facts: HitFacts) {
    ground.store.record_hit(facts).await.unwrap();
}

/// A chat with these keys that was dealt with already.
async fn settled(ground: &Ground, owner: Owner, name: &str, keys: Vec<Key>) -> CommunicationId {
    let chat = Communication {
        keys,
        ..owner.chat(name)
    };
    let id = ground.put(write(chat)).await.id;
    dealt_with(ground).await;
    id
}

async fn a_visit(ground: &Ground) -> Visit {
    told(ground, ground.own.bind("v1", "m1", 0, vec![])).await;
    let page = super::values::everything();
    let visits = ground
        .store
        .visits_page(ground.own.workspace, &VisitFilter::default(), &page)
        .await;
    visits.unwrap().items.remove(0)
}

fn phone() -> Key {
    key(KeyKind::Phone, "+79035550142")
}

pub async fn a_visits_key_touches_those_that_share_it_and_no_other(ground: Ground) {
    let bound = || vec![key(KeyKind::BoundChat, "jivosite:1")];
    let one = settled(&ground, ground.own, "one", bound()).await;
    let two = settled(&ground, ground.own, "two", bound()).await;
    settled(&ground, ground.foreign, "foreign", bound()).await;
    let other_value = vec![key(KeyKind::BoundChat, "jivosite:2")];
    settled(&ground, ground.own, "value", other_value).await;
    let other_kind = vec![key(KeyKind::BoundUser, "jivosite:1")];
    settled(&ground, ground.own, "kind", other_kind).await;
    told(&ground, ground.own.bind("v1", "m1", 0, bound())).await;
    let now = touched(&ground).await;
    let own = ground.own.workspace;
    assert_eq!(now.communications, [(own, one), (own, two)]);
    assert!(now.is_news && now.is_end);
}

pub async fn a_chat_before_its_visit_is_touched_by_the_visits_own_keys(ground: Ground) {
    let by_visit = settled(&ground, ground.own, "1", vec![key(KeyKind::Visit, "v1")]).await;
    let visitor = vec![key(KeyKind::Visitor, "cAnna")];
    let by_visitor = settled(&ground, ground.own, "2", visitor).await;
    told(&ground, ground.own.page("v1", "m1", 0)).await;
    assert_eq!(dealt_with(&ground).await, [by_visit, by_visitor]);
    told(&ground, ground.own.page("v2", "m2", 9_000)).await;
    assert_eq!(dealt_with(&ground).await, [by_visitor]);
}

pub async fn a_key_that_comes_to_a_known_visit_later_touches_too(ground: Ground) {
    told(&ground, ground.own.page("v1", "m1", 0)).await;
    let bound = || vec![key(KeyKind::BoundChat, "jivosite:1")];
    let chat = settled(&ground, ground.own, "chat", bound()).await;
    told(&ground, ground.own.bind("v1", "m2", 5, bound())).await;
    assert_eq!(dealt_with(&ground).await, [chat]);
    told(&ground, ground.own.bind("v1", "m2", 5, bound())).await;
    assert_eq!(dealt_with(&ground).await, []);
}

pub async fn a_key_seen_earlier_than_before_touches_again(ground: Ground) {
    let mark = || vec![key(KeyKind::ClientMark, "leadback:1")];
    let chat = settled(&ground, ground.own, "chat", mark()).await;
    told(&ground, ground.own.bind("v1", "m1", 50, mark())).await;
    assert_eq!(dealt_with(&ground).await, [chat]);
    told(&ground, ground.own.bind("v1", "m2", 40, mark())).await;
    assert_eq!(dealt_with(&ground).await, [chat]);
}

pub async fn a_visit_that_turns_out_to_begin_earlier_touches_its_visitors_chats(ground: Ground) {
    told(&ground, ground.own.page("v1", "m1", 50)).await;
    let visitor = vec![key(KeyKind::Visitor, "cAnna")];
    let chat = settled(&ground, ground.own, "chat", visitor).await;
    told(&ground, ground.own.page("v1", "m2", 60)).await;
    assert_eq!(dealt_with(&ground).await, []);
    told(&ground, ground.own.page("v1", "m3", 40)).await;
    assert_eq!(dealt_with(&ground).await, [chat]);
}

pub async fn a_foreign_token_is_touched_by_every_alias(ground: Ground) {
    let foreign = vec![key(KeyKind::Foreign, "token")];
    let chat = settled(&ground, ground.own, "chat", foreign).await;
    for kind in KeyKind::ALIASES {
        let visit = format!("v-{}", kind.as_str());
        let alias = vec![key(*kind, "token")];
        told(&ground, ground.own.bind(&visit, &visit, 0, alias)).await;
        assert_eq!(dealt_with(&ground).await, [chat], "{kind:?}");
    }
    let click = vec![key(KeyKind::Click, "token")];
    told(&ground, ground.own.bind("v", "m", 0, click)).await;
    assert_eq!(dealt_with(&ground).await, []);
}

pub async fn a_watched_key_touches_as_a_key_of_evidence_does(ground: Ground) {
    let mut chat = write(ground.own.chat("chat"));
    chat.watch = vec![key(KeyKind::Visitor, "cAnna")];
    let chat = ground.put(chat).await.id;
    dealt_with(&ground).await;
    told(&ground, ground.own.page("v1", "m1", 0)).await;
    assert_eq!(dealt_with(&ground).await, [chat]);
}

/// A chat with the phone, tied to a visit.
fn with_phone(
    ground: &Ground,
    name: &str,
    visit: &Visit,
    strength: Strength,
) -> CommunicationWrite {
    let chat = Communication {
        keys: vec![phone()],
        ..ground.own.chat(name)
    };
    write(linked(chat, visit, strength))
}

pub async fn news_of_a_contact_touch_the_others_and_not_itself(ground: Ground) {
    let visit = a_visit(&ground).await;
    let other = settled(&ground, ground.own, "other", vec![phone()]).await;
    settled(&ground, ground.foreign, "foreign", vec![phone()]).await;
    let mut sure = with_phone(&ground, "sure", &visit, Strength::Exact);
    sure.contact_news = true;
    let sure = ground.put(sure).await;
    assert_eq!(dealt_with(&ground).await, [other]);
    let mut changed = write(sure);
    changed.contact_news = true;
    ground.put(changed).await;
    assert_eq!(dealt_with(&ground).await, [other]);
}

pub async fn a_contact_without_news_touches_nobody(ground: Ground) {
    let visit = a_visit(&ground).await;
    settled(&ground, ground.own, "other", vec![phone()]).await;
    ground
        .put(with_phone(&ground, "exact", &visit, Strength::Exact))
        .await;
    assert_eq!(dealt_with(&ground).await, []);
}

pub async fn two_of_one_unit_with_one_contact_touch_each_other(ground: Ground) {
    let visit = a_visit(&ground).await;
    let both = ["one", "two"].map(|name| CommunicationWrite {
        contact_news: true,
        ..with_phone(&ground, name, &visit, Strength::Strong)
    });
    dealt_with(&ground).await;
    ground.commit(both.to_vec()).await.unwrap();
    assert_eq!(dealt_with(&ground).await.len(), 2);
}

pub async fn a_card_change_touches_its_clients_chats(ground: Ground) {
    let client = || vec![ground.own.client_key("7")];
    let chat = settled(&ground, ground.own, "chat", client()).await;
    let stranger = vec![ground.own.client_key("8")];
    settled(&ground, ground.own, "stranger", stranger).await;
    let card = ground.put(write(ground.own.card("7"))).await;
    assert_eq!(dealt_with(&ground).await, [chat]);
    ground.put(write(card)).await;
    assert_eq!(dealt_with(&ground).await, [chat], "changed once more");
}

pub async fn news_of_a_chat_touch_its_clients_card_and_not_his_chats(ground: Ground) {
    let client = || vec![ground.own.client_key("7")];
    let card = ground.put(write(ground.own.card("7"))).await.id;
    dealt_with(&ground).await;
    settled(&ground, ground.own, "older", client()).await;
    let chat = Communication {
        keys: client(),
        ..ground.own.chat("newer")
    };
    let told = |chat, client_news| CommunicationWrite {
        client_news,
        ..write(chat)
    };
    let chat = ground.put(told(chat, true)).await;
    assert_eq!(dealt_with(&ground).await, [card]);
    let chat = ground.put(told(chat, false)).await;
    assert_eq!(dealt_with(&ground).await, []);
    ground.put(told(chat, true)).await;
    assert_eq!(dealt_with(&ground).await, [card]);
}

pub async fn hidden_ones_are_touched_too(ground: Ground) {
    let chat = Communication {
        keys: vec![key(KeyKind::Visit, "v1")],
        hidden: Some(Hidden::NoContact),
        ..ground.own.chat("chat")
    };
    let chat = ground.put(write(chat)).await.id;
    dealt_with(&ground).await;
    told(&ground, ground.own.page("v1", "m1", 0)).await;
    assert_eq!(dealt_with(&ground).await, [chat]);
}

pub async fn what_was_not_confirmed_is_told_again(ground: Ground) {
    let chat = settled(&ground, ground.own, "chat", vec![key(KeyKind::Visit, "v1")]).await;
    told(&ground, ground.own.page("v1", "m1", 0)).await;
    for _ in 0..2 {
        let again = touched(&ground).await;
        assert_eq!(again.communications, [(ground.own.workspace, chat)]);
    }
    let ground = ground.reopen().await;
    assert_eq!(dealt_with(&ground).await, [chat]);
    let ground = ground.reopen().await;
    assert_eq!(dealt_with(&ground).await, []);
}

pub async fn readers_go_on_by_themselves(ground: Ground) {
    let chat = settled(&ground, ground.own, "chat", vec![key(KeyKind::Visit, "v1")]).await;
    told(&ground, ground.own.page("v1", "m1", 0)).await;
    dealt_with(&ground).await;
    let other = ground.store.touched("other reader", 1_000).await.unwrap();
    assert_eq!(other.communications, [(ground.own.workspace, chat)]);
}

pub async fn what_comes_between_reading_and_confirming_is_not_skipped(ground: Ground) {
    let one = settled(&ground, ground.own, "one", vec![key(KeyKind::Visit, "v1")]).await;
    let two = settled(&ground, ground.own, "two", vec![key(KeyKind::Visit, "v2")]).await;
    told(&ground, ground.own.page("v1", "m1", 0)).await;
    let read = touched(&ground).await;
    told(&ground, ground.own.page("v2", "m2", 0)).await;
    told(&ground, ground.own.page("v1", "m3", -10)).await;
    ground.store.confirm_touched(READER, &read).await.unwrap();
    assert_eq!(read.communications, [(ground.own.workspace, one)]);
    assert_eq!(dealt_with(&ground).await, [one, two]);
}

pub async fn an_older_confirmation_does_not_lead_back(ground: Ground) {
    settled(&ground, ground.own, "chat", vec![key(KeyKind::Visit, "v1")]).await;
    let old = touched(&ground).await;
    told(&ground, ground.own.page("v1", "m1", 0)).await;
    dealt_with(&ground).await;
    ground.store.confirm_touched(READER, &old).await.unwrap();
    assert_eq!(dealt_with(&ground).await, []);
}

pub async fn short_steps_reach_every_one_and_the_end(ground: Ground) {
    let mut expected = vec![];
    for number in 0..7 {
        let shared = vec![key(KeyKind::Visit, &format!("v{number}"))];
        expected.push(settled(&ground, ground.own, &number.to_string(), shared).await);
    }
    for number in 0..7 {
        let visit = format!("v{number}");
        told(&ground, ground.own.page(&visit, &visit, 0)).await;
    }
    let mut seen = vec![];
    let mut steps = 0;
    loop {
        let step = ground.store.touched(READER, 2).await.unwrap();
        seen.extend(step.communications.iter().map(|(_, id)| *id));
        ground.store.confirm_touched(READER, &step).await.unwrap();
        steps += 1;
        assert!(steps < 50, "the end is reached");
        if step.is_end {
            break;
        }
    }
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen, expected);
    assert!(steps >= 3);
}

/// As the loop of the hub does: a step is confirmed when it is news.
pub async fn a_log_that_concerns_nobody_ends_without_confirmation(ground: Ground) {
    for number in 0..7 {
        let visit = format!("v{number}");
        told(&ground, ground.own.page(&visit, &visit, 0)).await;
    }
    let mut steps = 0;
    loop {
        let step = ground.store.touched(READER, 3).await.unwrap();
        assert_eq!(step.communications, []);
        if step.is_news {
            ground.store.confirm_touched(READER, &step).await.unwrap();
        }
        steps += 1;
        assert!(steps < 50, "the end is reached");
        if step.is_end {
            break;
        }
    }
}

pub async fn changed_rules_touch_every_communication_of_the_workspace(ground: Ground) {
    let (own, foreign) = (ground.own, ground.foreign);
    let mut expected = vec![];
    for number in 0..5 {
        expected.push(settled(&ground, own, &number.to_string(), vec![]).await);
    }
    settled(&ground, foreign, "foreign", vec![]).await;
    assert_eq!(touch_all(&ground, own.workspace).await, 5);
    let mut seen = vec![];
    loop {
        let step = ground.store.touched(READER, 2).await.unwrap();
        seen.extend(step.communications.iter().map(|(_, id)| *id));
        ground.store.confirm_touched(READER, &step).await.unwrap();
        if step.is_end {
            break;
        }
    }
    assert_eq!(seen, expected);
    assert_eq!(dealt_with(&ground).await, []);
}

async fn touch_all(ground: &Ground, workspace: WorkspaceId) -> u64 {
    ground.store.touch_all(workspace).await.unwrap()
}

/// The reader may have decided by the rules before the second change.
pub async fn rules_changed_while_a_reader_is_at_work_touch_again(ground: Ground) {
    let chat = settled(&ground, ground.own, "chat", vec![]).await;
    touch_all(&ground, ground.own.workspace).await;
    let read = touched(&ground).await;
    assert_eq!(read.communications, [(ground.own.workspace, chat)]);
    touch_all(&ground, ground.own.workspace).await;
    ground.store.confirm_touched(READER, &read).await.unwrap();
    assert_eq!(dealt_with(&ground).await, [chat]);
    assert_eq!(dealt_with(&ground).await, []);
}

pub async fn silent_chats_are_told_when_their_time_has_come_longest_silent_first(ground: Ground) {
    let mut ids = vec![];
    for (owner, seconds) in [(ground.own, 200), (ground.foreign, 100), (ground.own, 300)] {
        let chat = Communication {
            silence_at: Some(at(seconds)),
            ..owner.chat(&seconds.to_string())
        };
        ids.push((owner.workspace, ground.put(write(chat)).await.id));
    }
    ground.put(write(ground.own.chat("over"))).await;
    let store = &ground.store;
    assert_eq!(store.silent_chats(at(99), 9).await.unwrap(), []);
    assert_eq!(
        store.silent_chats(at(200), 9).await.unwrap(),
        [ids[1], ids[0]]
    );
    assert_eq!(store.silent_chats(at(900), 1).await.unwrap(), [ids[1]]);
    let over = store.communication(ids[1].0, ids[1].1).await.unwrap();
    let over = Communication {
        silence_at: None,
        ..over
    };
    ground.put(write(over)).await;
    assert_eq!(store.silent_chats(at(200), 9).await.unwrap(), [ids[0]]);
}

/// A chat with the phone that others know of, and the write that takes the phone back.
async fn taken_back(ground: &Ground) -> CommunicationWrite {
    let visit = a_visit(ground).await;
    let mut sure = with_phone(ground, "sure", &visit, Strength::Exact);
    sure.contact_news = true;
    let sure = ground.put(sure).await;
    CommunicationWrite {
        dropped: vec![phone()],
        ..write(Communication {
            keys: vec![],
            ..sure
        })
    }
}

pub async fn a_contact_that_was_taken_back_touches_those_it_may_have_led(ground: Ground) {
    let replayed = taken_back(&ground).await;
    let other = settled(&ground, ground.own, "other", vec![phone()]).await;
    settled(&ground, ground.own, "stranger", vec![]).await;
    settled(&ground, ground.foreign, "foreign", vec![phone()]).await;
    ground.put(replayed).await;
    assert_eq!(dealt_with(&ground).await, [other]);
}

/// The reader may have decided by the contact before it was taken back.
pub async fn a_contact_taken_back_while_a_reader_is_at_work_touches_again(ground: Ground) {
    let replayed = taken_back(&ground).await;
    let other = settled(&ground, ground.own, "other", vec![phone()]).await;
    touch_all(&ground, ground.own.workspace).await;
    let read = touched(&ground).await;
    ground.put(replayed).await;
    ground.store.confirm_touched(READER, &read).await.unwrap();
    assert_eq!(dealt_with(&ground).await, [other]);
}
