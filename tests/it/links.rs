//! Every kind of evidence, from the visitor's pages and the vendor's webhook to the link, the credit
//! and the receipt with every rule that was tried.

use crate::hub::{TestHub, at, binding, evidence, outcome, page_view, visit, visitor, with};
use crate::vendors::{PHONE, carrot, dialogue, jivo, leadback, talkme};
use serde_json::json;
use skvoz::model::{Communication, CreditStep, Outcome, Strength};

const LINK_RULES: [&str; 9] = [
    "link.bound_chat",
    "link.visit_id",
    "link.bound_user",
    "link.visitor_id",
    "link.code",
    "link.alias",
    "link.contact",
    "link.client_mark",
    "link.provider_marks",
];
const CREDIT_RULES: [&str; 7] = [
    "credit.by_hand",
    "credit.ignore_visit",
    "credit.visit",
    "credit.messenger",
    "credit.provider_marks",
    "credit.default",
    "credit.no_campaign",
];
const SPRING: &str = "/sofas?utm_source=yandex&utm_medium=cpc&utm_campaign=spring&yclid=AbC7";

/// Linked to the visit by the rule, credited to the campaign by the visit, every rule in the receipt.
#[track_caller]
fn assert_linked(found: &Communication, rule: &str, strength: Strength) {
    assert_eq!(found.link.rule, rule);
    assert_eq!(found.link.strength, strength);
    assert_eq!(found.credit.step, CreditStep::Visit);
    assert_eq!(found.credit.utm.utm_campaign.as_deref(), Some("spring"));
    assert!(found.credit.campaign.is_some());
    assert_eq!(outcome(found, rule), Outcome::Matched);
    assert_eq!(outcome(found, "credit.visit"), Outcome::Matched);
    let tried: Vec<&str> = found.receipt.iter().map(|step| &*step.step).collect();
    assert_eq!(tried, [&LINK_RULES[..], &CREDIT_RULES[..]].concat());
    let matched = found.receipt.iter();
    let matched = matched.filter(|step| step.outcome == Outcome::Matched);
    assert_eq!(matched.count(), 2, "{:#?}", found.receipt);
}

/// A hub with a campaign, a visitor who came by it at ten, and a stranger's visit beside.
async fn hub_with_visitor() -> TestHub {
    let hub = TestHub::start().await;
    hub.campaign("spring").await;
    hub.page("ira", "a", "10:00", SPRING).await;
    hub.page("ira", "a", "10:02", "/delivery").await;
    hub.page("oleg", "x", "10:01", "/?utm_source=vk&utm_campaign=autumn")
        .await;
    hub
}

#[tokio::test]
async fn jivosite_brings_our_visit_back_in_its_user_token() {
    let hub = hub_with_visitor().await;
    let jivo = hub.integration("jivosite").await;
    let body = jivo::finished(7, 4410, &dialogue("10:03"));
    jivo.post(&with(body, json!({"user_token": visit("a")})))
        .await
        .assert_ok();
    hub.settle().await;
    let chat = hub.only().await;
    assert_linked(&chat, "link.visit_id", Strength::Exact);
    assert_eq!(hub.visit_of(&chat).await, Some(visit("a")));
    assert_eq!(
        outcome(&chat, "link.bound_chat"),
        Outcome::Skipped,
        "JivoSite's chats are not bound by number"
    );
    assert_eq!(chat.messages.len(), 2);
    assert_eq!(chat.first_words_at, at("10:03"));
    assert_eq!(chat.credit.site, Some(hub.site.id));
}

#[tokio::test]
async fn jivosite_is_linked_by_the_visitors_number_that_the_tracker_saw() {
    let hub = hub_with_visitor().await;
    let user = json!({"provider": "jivosite", "user": "4410"});
    hub.bind("ira", "a", "10:01", user).await;
    let jivo = hub.integration("jivosite").await;
    jivo.post(&jivo::finished(7, 4410, &dialogue("10:03")))
        .await
        .assert_ok();
    hub.settle().await;
    let chat = hub.only().await;
    assert_linked(&chat, "link.bound_user", Strength::Exact);
    assert_eq!(hub.visit_of(&chat).await, Some(visit("a")));
}

#[tokio::test]
async fn talk_me_and_verbox_bring_our_visit_back_in_a_custom_field() {
    let hub = hub_with_visitor().await;
    for provider in ["talkme", "verbox"] {
        let integration = hub.integration(provider).await;
        let body = talkme::finished(20, "client-1", &dialogue("10:03"));
        let ours = json!({"data": {"client": {"customData": {"skvoz_visit": visit("a")}}}});
        integration.post(&with(body, ours)).await.assert_ok();
    }
    hub.settle().await;
    let chats = hub.communications().await;
    assert_eq!(chats.len(), 2);
    for chat in chats {
        assert_linked(&chat, "link.visit_id", Strength::Exact);
        assert_eq!(hub.visit_of(&chat).await, Some(visit("a")));
        assert!(chat.finished_at.is_some());
    }
}

#[tokio::test]
async fn talk_me_is_linked_by_the_client_that_the_tracker_saw() {
    let hub = hub_with_visitor().await;
    let user = json!({"provider": "talkme", "user": "client-1"});
    hub.bind("ira", "a", "10:01", user).await;
    let talkme = hub
        .integration_with("talkme", json!({"offline_leads": true}))
        .await;
    let question = talkme::question(20, "client-1", &dialogue("10:03")[0]);
    talkme.post_to("leads", &question).await.assert_ok();
    hub.settle().await;
    let lead = hub.only().await;
    assert_eq!(lead.kind.as_str(), "offline_lead");
    assert_linked(&lead, "link.bound_user", Strength::Exact);
}

#[tokio::test]
async fn carrot_quest_is_linked_by_the_chat_that_the_tracker_saw_begin() {
    let hub = hub_with_visitor().await;
    let chat = json!({"provider": "carrotquest", "chat": "1702"});
    hub.bind("ira", "a", "10:03", chat).await;
    // Without an API key the chat is made of the webhooks alone.
    let carrot = hub.integration("carrotquest").await;
    let begun = carrot::event(
        "$conversation_user_started",
        1,
        "1702",
        "88",
        at("10:03:05"),
    );
    carrot.post_form(&begun).await.assert_ok();
    hub.settle().await;
    let chat = hub.only().await;
    assert_linked(&chat, "link.bound_chat", Strength::Exact);
    assert_eq!(chat.external_id, "1702");
}

#[tokio::test]
async fn a_counters_number_leads_to_the_visit_that_has_it() {
    let hub = hub_with_visitor().await;
    let ids = json!({"t": "ids", "c": visitor("ira"), "v": visit("a"),
        "at": at("10:01").as_millisecond(), "x": {"ym": "1786010400123456789"}});
    hub.hit(ids).await;
    let jivo = hub.integration("jivosite").await;
    let body = jivo::finished(7, 4410, &dialogue("10:03"));
    let counters = json!({"analytics": {"ym": "1786010400123456789"}});
    jivo.post(&with(body, counters)).await.assert_ok();
    hub.settle().await;
    let chat = hub.only().await;
    assert_linked(&chat, "link.alias", Strength::Strong);
    assert_eq!(outcome(&chat, "link.bound_user"), Outcome::NoMatch);
    assert_eq!(evidence(&chat, "link.alias")["key"], "metrica_client");
}

#[tokio::test]
async fn what_another_system_put_in_our_place_is_tried_as_an_alias() {
    let hub = hub_with_visitor().await;
    let ids = json!({"t": "ids", "c": visitor("ira"), "v": visit("a"),
        "at": at("10:01").as_millisecond(), "x": {"rs": 2048117}});
    hub.hit(ids).await;
    let jivo = hub.integration("jivosite").await;
    let body = jivo::finished(7, 4410, &dialogue("10:03"));
    jivo.post(&with(body, json!({"user_token": "2048117"})))
        .await
        .assert_ok();
    hub.settle().await;
    let chat = hub.only().await;
    assert_linked(&chat, "link.alias", Strength::Strong);
    assert_eq!(evidence(&chat, "link.alias")["key"], "roistat_visit");
    assert_eq!(outcome(&chat, "link.visit_id"), Outcome::Skipped);
}

#[tokio::test]
async fn a_callback_without_any_id_is_linked_by_the_only_mark_near_in_time() {
    let hub = hub_with_visitor().await;
    let mark = json!({"provider": "leadback", "site": "shop"});
    hub.bind("ira", "a", "10:09:58", mark).await;
    let leadback = hub.integration("leadback").await;
    let order = leadback::callback(884, PHONE, at("10:10:01"));
    leadback.post(&order).await.assert_ok();
    hub.settle().await;
    let call = hub.only().await;
    assert_eq!(call.kind.as_str(), "callback");
    assert_linked(&call, "link.client_mark", Strength::Probable);
    assert_eq!(hub.visit_of(&call).await, Some(visit("a")));
}

#[tokio::test]
async fn a_mark_may_come_a_little_after_the_vendors_time() {
    let hub = hub_with_visitor().await;
    let leadback = hub.integration("leadback").await;
    let order = leadback::callback(884, PHONE, at("10:09:59"));
    leadback.post(&order).await.assert_ok();
    hub.settle().await;
    let mark = json!({"provider": "leadback", "site": "shop"});
    hub.bind("ira", "a", "10:10:01", mark).await;
    hub.settle().await;
    assert_linked(&hub.only().await, "link.client_mark", Strength::Probable);
}

#[tokio::test]
async fn two_marks_near_in_time_are_no_guess() {
    let hub = hub_with_visitor().await;
    for (visitor, visit) in [("ira", "a"), ("oleg", "x")] {
        let mark = json!({"provider": "leadback", "site": "shop"});
        hub.bind(visitor, visit, "10:05", mark).await;
    }
    let leadback = hub.integration("leadback").await;
    let order = leadback::callback(884, PHONE, at("10:06"));
    leadback.post(&order).await.assert_ok();
    hub.settle().await;
    let call = hub.only().await;
    assert_eq!(call.link.strength, Strength::Fallback);
    assert_eq!(outcome(&call, "link.client_mark"), Outcome::Rejected);
    assert_eq!(
        evidence(&call, "link.client_mark")["reason"],
        "several_marks"
    );
}

#[tokio::test]
async fn a_phone_leads_to_the_visitor_whose_other_chat_is_sure() {
    let hub = hub_with_visitor().await;
    let jivo = hub.integration("jivosite").await;
    let body = jivo::finished(7, 4410, &dialogue("10:03"));
    let known = json!({"user_token": visit("a"), "visitor": {"phone": PHONE}});
    jivo.post(&with(body, known)).await.assert_ok();
    let leadback = hub.integration("leadback").await;
    let order = leadback::callback(884, PHONE, at("10:20"));
    leadback.post(&order).await.assert_ok();
    hub.settle().await;
    let call = hub.communication("884").await;
    assert_linked(&call, "link.contact", Strength::Probable);
    let seen = evidence(&call, "link.contact");
    let chat = hub.communication("7").await;
    assert_eq!(seen["through_communication"], chat.id.0);
    assert!(!seen.to_string().contains("9035550142"), "{seen}");
}

#[tokio::test]
async fn the_providers_marks_are_credited_when_there_is_no_visit() {
    let hub = TestHub::start().await;
    let campaign = hub.campaign("spring").await;
    let jivo = hub.integration("jivosite").await;
    let body = jivo::finished(7, 4410, &dialogue("10:03"));
    let marks = json!({"session": {"utm_json": {"source": "yandex", "medium": "cpc",
        "campaign": "spring"}}});
    jivo.post(&with(body.clone(), marks)).await.assert_ok();
    let other = json!({"chat_id": 8, "session": {"utm_json": {"source": "nobody"}}});
    jivo.post(&with(body, other)).await.assert_ok();
    hub.settle().await;
    let chat = hub.communication("7").await;
    assert_eq!(chat.link.rule, "link.provider_marks");
    assert_eq!(chat.link.strength, Strength::MarksOnly);
    assert_eq!(chat.link.visit, None);
    assert_eq!(chat.credit.step, CreditStep::ProviderMarks);
    assert_eq!(chat.credit.campaign, Some(campaign));
    let unclaimed = hub.communication("8").await;
    assert_eq!(unclaimed.link.strength, Strength::MarksOnly);
    assert_eq!(unclaimed.credit.step, CreditStep::NoCampaign);
}

#[tokio::test]
async fn without_any_evidence_every_rule_says_what_it_lacked() {
    let hub = TestHub::start().await;
    let talkme = hub.integration("talkme").await;
    talkme
        .post(&talkme::finished(20, "client-1", &dialogue("10:03")))
        .await
        .assert_ok();
    hub.settle().await;
    let chat = hub.only().await;
    assert_eq!(chat.link.rule, "link.none");
    assert_eq!(chat.link.strength, Strength::Fallback);
    assert_eq!(chat.credit.step, CreditStep::NoCampaign);
    assert_eq!(chat.credit.site, Some(hub.site.id));
    for (rule, expected) in [
        ("link.bound_chat", Outcome::Skipped),
        ("link.visit_id", Outcome::Skipped),
        ("link.bound_user", Outcome::NoMatch),
        ("link.contact", Outcome::Skipped),
        ("link.provider_marks", Outcome::NoMatch),
        ("credit.visit", Outcome::Skipped),
        ("credit.default", Outcome::Skipped),
        ("credit.no_campaign", Outcome::Matched),
    ] {
        assert_eq!(outcome(&chat, rule), expected, "{rule}");
    }
}

#[tokio::test]
async fn a_linked_visit_without_a_campaign_is_no_campaign_and_never_the_default() {
    let hub = TestHub::start().await;
    let campaign = hub.campaign("spring").await;
    hub.page("ira", "a", "10:00", "/").await;
    let target = json!({"default_target": {"campaign_id": campaign}});
    let jivo = hub.integration_with("jivosite", target).await;
    let body = jivo::finished(7, 4410, &dialogue("10:03"));
    jivo.post(&with(body, json!({"user_token": visit("a")})))
        .await
        .assert_ok();
    hub.settle().await;
    let chat = hub.only().await;
    assert_eq!(chat.credit.step, CreditStep::Visit);
    assert_eq!(chat.credit.campaign, None);
}

#[tokio::test]
async fn an_offline_message_and_a_callback_of_jivosite_are_linked_too() {
    let hub = hub_with_visitor().await;
    let jivo = hub.integration("jivosite").await;
    let ours = json!({"user_token": visit("a")});
    hub.set_clock(at("10:04"));
    jivo.post(&with(jivo::offline_message(31, 4410), ours.clone()))
        .await
        .assert_ok();
    jivo.post(&with(jivo::callback(518, "start"), ours))
        .await
        .assert_ok();
    hub.settle().await;
    for (number, kind) in [("31", "offline_lead"), ("518", "callback")] {
        let found = hub.communication(number).await;
        assert_eq!(found.kind.as_str(), kind);
        assert_linked(&found, "link.visit_id", Strength::Exact);
    }
}

#[tokio::test]
async fn a_visit_that_the_hub_cut_in_two_comes_back_under_its_new_id() {
    let hub = TestHub::start().await;
    hub.campaign("spring").await;
    hub.page("ira", "a", "10:00", "/?utm_source=vk&utm_campaign=autumn")
        .await;
    let second = page_view("ira", "a", at("10:10"), SPRING);
    let adopted = hub.hit(second).await.json();
    let ours = adopted["v"].as_str().expect("the hub gives another id");
    assert_ne!(ours, visit("a"));
    // The browser takes the new id over and hands it to the widget.
    let third = with(
        page_view("ira", "a", at("10:11"), "/cart"),
        json!({"v": ours}),
    );
    hub.hit(third).await;
    let jivo = hub.integration("jivosite").await;
    let body = jivo::finished(7, 4410, &dialogue("10:12"));
    jivo.post(&with(body, json!({"user_token": ours})))
        .await
        .assert_ok();
    hub.settle().await;
    let chat = hub.only().await;
    assert_linked(&chat, "link.visit_id", Strength::Exact);
    assert_eq!(hub.visit_of(&chat).await.as_deref(), Some(ours));
}

#[tokio::test]
async fn a_visit_before_the_window_is_too_old_for_a_contact() {
    let hub = TestHub::start_with(|config| config.link.window_days = 30).await;
    hub.set_clock(at("2026-06-01T12:00:00Z"));
    let view = page_view("ira", "old", at("2026-06-01T10:00:00Z"), SPRING);
    hub.hit(view).await;
    let jivo = hub.integration("jivosite").await;
    let lines = [(at("2026-06-01T10:03:00Z"), true, "Is it in stock?")];
    let known = json!({"user_token": visit("old"), "visitor": {"phone": PHONE}});
    jivo.post(&with(jivo::finished(7, 4410, &lines), known))
        .await
        .assert_ok();
    hub.set_clock(at("12:00"));
    let leadback = hub.integration("leadback").await;
    let order = leadback::callback(884, PHONE, at("10:20"));
    leadback.post(&order).await.assert_ok();
    hub.settle().await;
    assert_eq!(hub.communication("7").await.link.strength, Strength::Exact);
    let call = hub.communication("884").await;
    assert_eq!(outcome(&call, "link.contact"), Outcome::Rejected);
    assert_eq!(evidence(&call, "link.contact")["reason"], "too_old");
    assert_eq!(call.link.strength, Strength::Fallback);
}

/// The code that the hub gives a visit when the page asks for it.
async fn code_of(hub: &TestHub, person: &str, name: &str, when: &str) -> String {
    let asked = json!({
        "t": "code", "c": visitor(person), "v": visit(name), "at": at(when).as_millisecond(),
    });
    let told = hub.hit(asked).await.json();
    assert_eq!(
        (&told["v"], &told["c"]),
        (&json!(visit(name)), &json!(visitor(person)))
    );
    told["code"].as_str().expect("a code").to_owned()
}

#[tokio::test]
async fn a_messenger_chat_is_linked_by_the_code_of_the_link_that_led_there() {
    let hub = hub_with_visitor().await;
    let code = code_of(&hub, "ira", "a", "10:02").await;
    let strangers = code_of(&hub, "oleg", "x", "10:02").await;
    assert_ne!(code, strangers);
    assert_eq!(
        code,
        code_of(&hub, "ira", "a", "10:02").await,
        "a visit has one code"
    );
    let start = format!("/start {code}");
    let text = format!("Hello! #{code}");
    let jivo = hub.integration("jivosite").await;
    for (chat, first) in [(7, &start), (8, &text)] {
        let lines = [
            (at("10:03"), true, first.as_str()),
            (at("10:04"), false, "Hello."),
        ];
        let body = jivo::finished(chat, 4400 + chat, &lines);
        jivo.post_to("telegram", &body).await.assert_ok();
    }
    let talkme = hub.integration("talkme").await;
    let lines = [(at("10:03"), true, text.as_str())];
    talkme
        .post(&talkme::finished(20, "client-1", &lines))
        .await
        .assert_ok();
    hub.settle().await;
    let chats = hub.communications().await;
    assert_eq!(chats.len(), 3);
    for chat in chats {
        assert_linked(&chat, "link.code", Strength::Strong);
        assert_eq!(evidence(&chat, "link.code")["value"], code);
        assert_eq!(hub.visit_of(&chat).await, Some(visit("a")));
    }
}

#[tokio::test]
async fn a_code_that_comes_before_its_visit_links_later() {
    let hub = TestHub::start().await;
    hub.campaign("spring").await;
    let code = code_of(&hub, "ira", "a", "10:02").await;
    let lines = [(at("10:03"), true, format!("#{code}"))];
    let lines: Vec<_> = lines
        .iter()
        .map(|(at, is, text)| (*at, *is, text.as_str()))
        .collect();
    let jivo = hub.integration("jivosite").await;
    jivo.post_to("whatsapp", &jivo::finished(7, 4410, &lines))
        .await
        .assert_ok();
    hub.settle().await;
    hub.page("ira", "a", "10:00", SPRING).await;
    hub.settle().await;
    assert_linked(&hub.only().await, "link.code", Strength::Strong);
}

#[tokio::test]
async fn a_messenger_chat_without_a_code_says_so_and_an_operators_number_is_none() {
    let hub = hub_with_visitor().await;
    let code = code_of(&hub, "ira", "a", "10:02").await;
    let said = format!("Your order is #{code}");
    let lines = [
        (at("10:03"), true, "Hello!"),
        (at("10:04"), false, said.as_str()),
    ];
    let jivo = hub.integration("jivosite").await;
    jivo.post_to("telegram", &jivo::finished(7, 4410, &lines))
        .await
        .assert_ok();
    hub.settle().await;
    let chat = hub.only().await;
    assert_eq!(chat.link.visit, None);
    assert_eq!(outcome(&chat, "link.code"), Outcome::NoMatch);
    assert_eq!(evidence(&chat, "link.code")["reason"], "no_code");
}

#[tokio::test]
async fn a_visit_that_goes_on_on_the_owners_other_site_is_found_from_there() {
    let hub = TestHub::start().await;
    hub.campaign("spring").await;
    hub.page("ira", "a", "10:00", SPRING).await;
    let outlet = hub.another_site("outlet.test").await;
    let page = json!({"u": "https://outlet.test/sofas"});
    let page = with(page_view("ira", "a", at("10:01"), "/"), page);
    hub.hit_on(&outlet, page).await;
    let told = json!({"provider": "jivosite", "user": "4410"});
    let told = binding("ira", "a", at("10:01"), told);
    hub.hit_on(&outlet, told).await;
    for (site, chat) in [(hub.site.id, 7), (outlet.id, 8)] {
        let jivo = hub.integration("jivosite").await;
        hub.change(&jivo, |row| row.site = Some(site)).await;
        let body = jivo::finished(chat, 4410, &dialogue("10:03"));
        jivo.post(&body).await.assert_ok();
    }
    hub.settle().await;
    let there = hub.communication("8").await;
    assert_eq!(there.link.rule, "link.bound_user");
    assert_eq!(hub.visit_of(&there).await, Some(visit("a")));
    let here = hub.communication("7").await;
    assert_eq!(
        here.link.visit, None,
        "it may be another's number in another account"
    );
    assert_eq!(evidence(&here, "link.bound_user")["reason"], "another_site");
}
