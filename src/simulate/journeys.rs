//! Plans the journeys of a run: who comes, from where, what they write, and which visit each
//! communication truly came from. Pure: the same scope gives the same journeys, to the letter.
//!
//! Stories take turns in the order of `CAST`, so that few visitors are enough to meet each of them.

use jiff::{SignedDuration, Timestamp};
use rand::RngExt;

use super::{
    arrivals,
    plan::{Channel, Evidence, Form, Journey, Provider, Scope},
    story::{Appeal, Story},
};

/// A story that a journey can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cast {
    /// Looks around in one to three visits and writes to nobody.
    Browses,
    /// Chats during a visit.
    Chats(Provider, Evidence),
    /// Chats, then comes back before the vendor's final webhook.
    ChatsAndReturns(Provider, Evidence),
    /// Leaves the form that is shown when nobody is online.
    LeavesForm(Provider, Evidence),
    /// Leaves contacts in JivoSite's pop-up window.
    LeavesPopup,
    /// Orders a callback on the page.
    OrdersCall(Provider, Evidence),
    /// Writes in a messenger past the site.
    Writes(Provider, Channel),
    /// Chats on the site with a phone, later writes in a messenger with the same phone.
    ChatsThenWrites(Provider, Channel),
    /// Follows a messenger button of the widget, which keeps the visitor's custom properties.
    WritesFromSite(Provider, Channel),
    /// Chats on two devices with one phone, then calls.
    UsesTwoDevices(Provider, Provider),
    /// A blocker hides the visit; the chat arrives all the same.
    HidesAndChats(Provider),
    /// Chats on the site with a phone that the next person gives too.
    LendsPhone,
    /// That next person: an own visit and chat, then a call that may be of either.
    BorrowsPhone,
}

use Cast::{
    BorrowsPhone, Browses, Chats, ChatsAndReturns, ChatsThenWrites, HidesAndChats, LeavesForm,
    LeavesPopup, LendsPhone, OrdersCall, UsesTwoDevices, Writes, WritesFromSite,
};
use Channel::{Instagram, Telegram, WhatsApp};
use Evidence::{Bind, ClickId, ClientId, Mark, Token};
use Provider::{CarrotQuest, JivoSite, LeadBack, TalkMe, Verbox};

const CAST: [Cast; 44] = [
    Chats(JivoSite, Token),
    Chats(TalkMe, Token),
    Browses,
    Chats(CarrotQuest, Bind),
    OrdersCall(LeadBack, Mark),
    Chats(Verbox, Token),
    Writes(JivoSite, Telegram),
    Browses,
    LeavesForm(TalkMe, Token),
    LeavesPopup,
    ChatsAndReturns(CarrotQuest, Token),
    LendsPhone,
    BorrowsPhone,
    ChatsAndReturns(JivoSite, Token),
    UsesTwoDevices(JivoSite, TalkMe),
    LeavesForm(JivoSite, Token),
    Browses,
    OrdersCall(JivoSite, Token),
    Writes(TalkMe, Instagram),
    ChatsAndReturns(TalkMe, Bind),
    Chats(LeadBack, ClickId),
    HidesAndChats(JivoSite),
    Chats(JivoSite, Bind),
    Browses,
    ChatsThenWrites(TalkMe, WhatsApp),
    Chats(JivoSite, ClientId),
    LeavesForm(Verbox, Bind),
    ChatsAndReturns(Verbox, Token),
    Browses,
    Chats(TalkMe, ClickId),
    WritesFromSite(CarrotQuest, Telegram),
    ChatsAndReturns(JivoSite, Bind),
    Chats(LeadBack, ClientId),
    Writes(JivoSite, WhatsApp),
    Browses,
    Chats(Verbox, Bind),
    HidesAndChats(TalkMe),
    ChatsThenWrites(JivoSite, Telegram),
    ChatsAndReturns(CarrotQuest, Bind),
    Chats(JivoSite, ClickId),
    Browses,
    UsesTwoDevices(Verbox, JivoSite),
    ChatsAndReturns(TalkMe, Token),
    Writes(CarrotQuest, WhatsApp),
];

/// Plans one journey for each visitor of the scope.
pub fn journeys(scope: &Scope) -> Vec<Journey> {
    journeys_from(scope, 0)
}

/// Plans the journeys numbered from `first`: a run that never ends asks for them piece by piece.
pub fn journeys_from(scope: &Scope, first: usize) -> Vec<Journey> {
    let mut carrotquest_left = scope.carrotquest_limit;
    let numbers = first..first + scope.visitors;
    let told = numbers.map(|index| {
        let cast = CAST[index % CAST.len()];
        let cast = if carrotquest_left == 0 {
            without_carrotquest(cast)
        } else {
            cast
        };
        let journey = tell(cast, scope, index);
        carrotquest_left -= usize::from(asks_carrotquest(&journey)).min(carrotquest_left);
        journey
    });
    let mut journeys: Vec<Journey> = told.collect();
    journeys.iter_mut().for_each(find_contacts);
    drop_calls_near_marks(&mut journeys);
    journeys
}

fn asks_carrotquest(journey: &Journey) -> bool {
    journey
        .communications
        .iter()
        .any(|communication| communication.provider == CarrotQuest)
}

/// The same story without its slow vendor.
fn without_carrotquest(cast: Cast) -> Cast {
    match cast {
        Chats(CarrotQuest, evidence) => Chats(JivoSite, evidence),
        ChatsAndReturns(CarrotQuest, evidence) => ChatsAndReturns(TalkMe, evidence),
        Writes(CarrotQuest, channel) => Writes(TalkMe, channel),
        WritesFromSite(CarrotQuest, channel) => Writes(JivoSite, channel),
        other => other,
    }
}

fn tell(cast: Cast, scope: &Scope, index: usize) -> Journey {
    let phone = if cast == BorrowsPhone {
        index - 1
    } else {
        index
    };
    let mut story = Story::new(scope, index, phone);
    match cast {
        Browses => browses(&mut story),
        Chats(provider, evidence) => {
            chats(&mut story, provider, evidence);
        }
        ChatsAndReturns(provider, evidence) => {
            let (chat, browser) = chats(&mut story, provider, evidence);
            story.return_before_report(chat, browser);
        }
        LeavesForm(provider, evidence) => leaves_form(&mut story, provider, evidence),
        LeavesPopup => leaves_popup(&mut story),
        OrdersCall(provider, evidence) => orders_call(&mut story, provider, evidence),
        Writes(provider, channel) => {
            writes(&mut story, provider, channel);
        }
        ChatsThenWrites(provider, channel) => {
            chats_with_phone(&mut story, provider);
            story.pause();
            writes(&mut story, provider, channel);
        }
        WritesFromSite(provider, channel) => writes_from_site(&mut story, provider, channel),
        UsesTwoDevices(first, second) => {
            chats_with_phone(&mut story, first);
            story.pause();
            chats_with_phone(&mut story, second);
            calls_from_elsewhere(&mut story);
        }
        HidesAndChats(provider) => hides_and_chats(&mut story, provider),
        LendsPhone => {
            story.person_mut().shares_phone = true;
            chats_with_phone(&mut story, TalkMe);
        }
        BorrowsPhone => {
            chats_with_phone(&mut story, JivoSite);
            calls_from_elsewhere(&mut story);
        }
    }
    story.journey
}

fn browses(story: &mut Story) {
    let browser = story.browser(true);
    for visit in 0..story.rng.random_range(1..=3) {
        if visit > 0 {
            story.pause();
        }
        let arrival = arrivals::any(&mut story.rng);
        story.visit(browser, arrival);
    }
}

/// One or two visits, the last of them with a chat. Gives the chat and the browser.
fn chats(story: &mut Story, provider: Provider, evidence: Evidence) -> (usize, usize) {
    let gives_phone = provider == LeadBack || story.rng.random_bool(0.6);
    chats_from(story, provider, evidence, gives_phone)
}

fn chats_with_phone(story: &mut Story, provider: Provider) -> (usize, usize) {
    chats_from(story, provider, Token, true)
}

fn chats_from(
    story: &mut Story,
    provider: Provider,
    evidence: Evidence,
    gives_phone: bool,
) -> (usize, usize) {
    let browser = story.browser(true);
    if story.rng.random_bool(0.4) {
        let arrival = arrivals::any(&mut story.rng);
        story.visit(browser, arrival);
        story.pause();
    }
    if evidence == ClientId {
        give_counters(story, browser);
    }
    let visit = visit_for(story, browser, evidence);
    let chat = story.appeal(Appeal {
        provider,
        form: Form::Chat,
        channel: Channel::Site,
        visit: Some(visit),
        browser,
        evidence,
        gives_phone,
    });
    match provider {
        CarrotQuest => story.report_after(chat, 3_600, 3_700),
        _ => story.report_after(chat, 20, 1_500),
    }
    (chat, browser)
}

/// A counter that must be on the page for its id to come back.
fn give_counters(story: &mut Story, browser: usize) {
    let digits = super::ids::digits(19, &mut story.rng);
    let browser = &mut story.journey.browsers[browser];
    browser.ym_client_id.get_or_insert(digits);
}

fn visit_for(story: &mut Story, browser: usize, evidence: Evidence) -> usize {
    match evidence {
        // The click id is only in the address of the landing page.
        ClickId => {
            let arrival = arrivals::paid(&mut story.rng);
            story.landing_visit(browser, arrival)
        }
        _ => {
            let arrival = arrivals::any(&mut story.rng);
            story.visit(browser, arrival)
        }
    }
}

fn leaves_form(story: &mut Story, provider: Provider, evidence: Evidence) {
    let browser = story.browser(true);
    // JivoSite sends no time with its form.
    if provider == JivoSite {
        story.come_to_the_end();
    }
    let arrival = arrivals::any(&mut story.rng);
    let visit = story.short_visit(browser, arrival);
    story.appeal(Appeal {
        provider,
        form: Form::Offline,
        channel: Channel::Site,
        visit: Some(visit),
        browser,
        evidence,
        gives_phone: true,
    });
}

fn leaves_popup(story: &mut Story) {
    let browser = story.browser(true);
    if story.rng.random_bool(0.5) {
        let arrival = arrivals::any(&mut story.rng);
        story.visit(browser, arrival);
        story.pause();
    }
    story.come_to_the_end();
    let arrival = arrivals::any(&mut story.rng);
    let visit = story.short_visit(browser, arrival);
    story.appeal(Appeal {
        provider: JivoSite,
        form: Form::Popup,
        channel: Channel::Site,
        visit: Some(visit),
        browser,
        evidence: Token,
        gives_phone: true,
    });
}

fn orders_call(story: &mut Story, provider: Provider, evidence: Evidence) {
    let browser = story.browser(true);
    if provider == JivoSite {
        story.come_to_the_end();
    }
    let arrival = arrivals::any(&mut story.rng);
    let visit = story.short_visit(browser, arrival);
    story.appeal(Appeal {
        provider,
        form: Form::Callback,
        channel: Channel::Site,
        visit: Some(visit),
        browser,
        evidence,
        gives_phone: true,
    });
}

/// A chat in a messenger, past any visit.
fn writes(story: &mut Story, provider: Provider, channel: Channel) -> usize {
    let messenger = story.browser(false);
    let gives_phone = !story.journey.communications.is_empty() || channel == WhatsApp;
    let chat = story.appeal(Appeal {
        provider,
        form: Form::Chat,
        channel,
        visit: None,
        browser: messenger,
        evidence: Evidence::Nothing,
        gives_phone,
    });
    story.report_after(chat, 20, 3_600);
    chat
}

fn writes_from_site(story: &mut Story, provider: Provider, channel: Channel) {
    let browser = story.browser(true);
    let arrival = arrivals::any(&mut story.rng);
    let visit = story.visit(browser, arrival);
    let chat = story.appeal(Appeal {
        provider,
        form: Form::Chat,
        channel,
        visit: Some(visit),
        browser,
        evidence: Token,
        gives_phone: false,
    });
    story.report_after(chat, 3_600, 3_700);
}

fn hides_and_chats(story: &mut Story, provider: Provider) {
    let browser = story.browser(false);
    let arrival = arrivals::any(&mut story.rng);
    let visit = story.visit(browser, arrival);
    let gives_phone = story.rng.random_bool(0.5);
    story.appeal(Appeal {
        provider,
        form: Form::Chat,
        channel: Channel::Site,
        visit: Some(visit),
        browser,
        evidence: Evidence::Nothing,
        gives_phone,
    });
}

/// A callback ordered where no tracker sees it: only the phone speaks.
fn calls_from_elsewhere(story: &mut Story) {
    story.pause();
    story.come_to_the_end();
    let elsewhere = story.browser(false);
    story.appeal(Appeal {
        provider: LeadBack,
        form: Form::Callback,
        channel: Channel::Site,
        visit: None,
        browser: elsewhere,
        evidence: Evidence::Nothing,
        gives_phone: true,
    });
}

/// A communication without a trace of its own can still be found by a phone given earlier.
fn find_contacts(journey: &mut Journey) {
    let spoken_for = |at: Timestamp, journey: &Journey| {
        let mut earlier = journey
            .communications
            .iter()
            .filter(|other| other.started < at);
        earlier.any(|other| other.gives_phone && other.evidence.names_visit())
    };
    let found = match journey.person.shares_phone {
        true => Evidence::SharedContact,
        false => Evidence::Contact,
    };
    for place in 0..journey.communications.len() {
        let communication = &journey.communications[place];
        let blind = communication.evidence == Evidence::Nothing && communication.gives_phone;
        if blind && spoken_for(communication.started, journey) {
            journey.communications[place].evidence = found;
        }
    }
}

/// A call without a mark, minutes after somebody else's mark, is beyond any honest rule: not
/// even the truth could be asked of the hub. Such calls are left out.
fn drop_calls_near_marks(journeys: &mut [Journey]) {
    let window = SignedDuration::from_mins(20);
    let calls = journeys.iter().flat_map(|journey| &journey.communications);
    let marks: Vec<Timestamp> = calls
        .filter(|call| call.evidence == Mark)
        .map(|call| call.started)
        .collect();
    for journey in journeys {
        journey.communications.retain(|call| {
            let unmarked =
                call.provider == LeadBack && call.form == Form::Callback && call.evidence != Mark;
            let near = |mark: &Timestamp| call.started.duration_since(*mark).abs() < window;
            !(unmarked && marks.iter().any(near))
        });
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;
    use crate::simulate::plan::testing;

    #[test]
    fn the_same_scope_gives_the_same_journeys_and_another_seed_gives_others() {
        let scope = testing::scope(100);
        assert_eq!(journeys(&scope), journeys(&scope));
        assert_ne!(
            journeys(&scope),
            journeys(&Scope {
                seed: 12,
                ..scope.clone()
            })
        );
    }

    #[test]
    fn one_round_of_the_cast_has_every_provider_form_channel_and_evidence() {
        let (mut kinds, mut channels, mut evidence) =
            (HashSet::new(), HashSet::new(), HashSet::new());
        for journey in journeys(&testing::scope(CAST.len())) {
            for one in journey.communications {
                kinds.insert((one.provider, one.form));
                channels.insert(one.channel);
                evidence.insert(one.evidence);
            }
        }
        for provider in Provider::ALL {
            assert!(kinds.contains(&(provider, Form::Chat)), "{provider:?}");
        }
        for kind in [
            (JivoSite, Form::Offline),
            (JivoSite, Form::Popup),
            (JivoSite, Form::Callback),
            (TalkMe, Form::Offline),
            (Verbox, Form::Offline),
            (LeadBack, Form::Callback),
        ] {
            assert!(kinds.contains(&kind), "{kind:?}");
        }
        assert_eq!((channels.len(), evidence.len()), (4, 8));
    }

    #[test]
    fn a_communication_begins_in_its_true_visit_and_before_any_later_one() {
        let (_, all) = testing::plan();
        for journey in &all {
            for one in &journey.communications {
                let Some(place) = one.visit else { continue };
                let visit = &journey.visits[place];
                let last = visit.views.last().unwrap().at;
                assert!(visit.started() <= one.started);
                assert!(one.started.duration_since(last) < SignedDuration::from_mins(5));
                let mut later = journey.visits[place + 1..]
                    .iter()
                    .filter(|later| later.browser == visit.browser);
                assert!(later.all(|later| later.started() > one.finished));
            }
        }
    }

    #[test]
    fn visits_of_a_browser_are_cut_by_half_an_hour_of_silence_or_by_a_new_click_id() {
        let (_, all) = testing::plan();
        let mut cut_by_click = 0;
        for journey in &all {
            for (place, visit) in journey.visits.iter().enumerate() {
                let gaps = visit
                    .views
                    .windows(2)
                    .map(|pair| pair[1].at.duration_since(pair[0].at));
                assert!(
                    gaps.max()
                        .is_none_or(|gap| gap < SignedDuration::from_mins(29))
                );
                let earlier = journey.visits[..place]
                    .iter()
                    .rev()
                    .find(|earlier| earlier.browser == visit.browser);
                let Some(earlier) = earlier else { continue };
                let silence = visit
                    .started()
                    .duration_since(earlier.views.last().unwrap().at);
                let by_click = visit.click_id.is_some() && visit.click_id != earlier.click_id;
                assert!(silence >= SignedDuration::from_mins(30) || by_click);
                cut_by_click += usize::from(silence < SignedDuration::from_mins(30));
            }
        }
        assert!(cut_by_click > 10, "{cut_by_click}");
    }

    #[test]
    fn everything_happens_within_the_span_even_of_a_single_day() {
        for seed in 0..20 {
            let span = SignedDuration::from_hours(24);
            let scope = Scope {
                seed,
                span,
                ..testing::scope(200)
            };
            for journey in journeys(&scope) {
                let views = journey.visits.iter().flat_map(|visit| &visit.views);
                let views = views.flat_map(|view| [view.at, view.sent]);
                let appeals = journey.communications.iter();
                let appeals = appeals.flat_map(|one| [one.started, one.finished, one.reported]);
                for at in views.chain(appeals) {
                    assert!(scope.start <= at && at <= scope.end(), "{seed}: {at}");
                }
            }
        }
    }

    #[test]
    fn some_visitors_come_back_before_the_webhook_leaves() {
        let (_, all) = testing::plan();
        let chats = all.iter().flat_map(|journey| &journey.communications);
        let returned = chats.filter(|one| one.visit != one.visit_when_reported);
        let providers: HashSet<Provider> = returned.map(|one| one.provider).collect();
        assert_eq!(
            providers,
            HashSet::from([JivoSite, TalkMe, Verbox, CarrotQuest])
        );
    }

    #[test]
    fn a_shared_phone_has_two_owners_of_different_names_and_both_know_it() {
        let (_, all) = testing::plan();
        let mut owners: HashMap<&str, Vec<&str>> = HashMap::new();
        for journey in &all {
            owners
                .entry(&journey.person.phone)
                .or_default()
                .push(&journey.person.name);
        }
        let shared: Vec<_> = owners.values().filter(|names| names.len() > 1).collect();
        assert!(
            !shared.is_empty()
                && shared
                    .iter()
                    .all(|names| names.len() == 2 && names[0] != names[1])
        );
        let marked = all
            .iter()
            .filter(|journey| journey.person.shares_phone)
            .count();
        assert_eq!(marked, shared.len() * 2);
    }

    #[test]
    fn what_no_vendor_dates_happens_last() {
        let (scope, all) = testing::plan();
        for journey in &all {
            for one in &journey.communications {
                if one.provider == JivoSite && one.form != Form::Chat {
                    assert!(scope.end().duration_since(one.started) < SignedDuration::from_mins(8));
                    assert_eq!(one.visit, Some(journey.visits.len() - 1));
                }
            }
        }
    }

    #[test]
    fn calls_without_a_mark_keep_away_from_marks_of_others() {
        let (_, all) = testing::plan();
        let calls = || {
            all.iter()
                .flat_map(|journey| &journey.communications)
                .filter(|one| one.provider == LeadBack && one.form == Form::Callback)
        };
        let marks: Vec<Timestamp> = calls()
            .filter(|one| one.evidence == Mark)
            .map(|one| one.started)
            .collect();
        let unmarked: Vec<Timestamp> = calls()
            .filter(|one| one.evidence != Mark)
            .map(|one| one.started)
            .collect();
        assert!(!marks.is_empty() && !unmarked.is_empty());
        for call in unmarked {
            assert!(
                marks
                    .iter()
                    .all(|mark| call.duration_since(*mark).abs() >= SignedDuration::from_mins(20))
            );
        }
    }

    #[test]
    fn the_slow_vendor_keeps_to_its_limit() {
        let scope = Scope {
            carrotquest_limit: 5,
            ..testing::scope(500)
        };
        let all = journeys(&scope);
        let chats = all.iter().flat_map(|journey| &journey.communications);
        assert_eq!(chats.filter(|one| one.provider == CarrotQuest).count(), 5);
    }

    #[test]
    fn numbers_and_ids_are_nobody_elses() {
        let (_, all) = testing::plan();
        let mut numbers = HashSet::new();
        let mut ids = HashSet::new();
        for journey in &all {
            assert!(
                journey
                    .communications
                    .iter()
                    .all(|one| numbers.insert(one.number))
            );
            assert!(
                journey
                    .browsers
                    .iter()
                    .all(|browser| ids.insert(&browser.visitor)
                        && numbers.insert(browser.jivo_number))
            );
            assert!(journey.visits.iter().all(|visit| ids.insert(&visit.token)));
        }
    }
}
