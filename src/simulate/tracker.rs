//! The on-site tracker's side: page views, goals, bind messages and foreign ids of one journey, one
//! message a request, as `text/plain`.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::{
    plan::{Browser, Communication, Evidence, Form, Journey, PageView, Provider, Site, Visit},
    wire::{Door, Request},
};

/// All messages of a journey's tracked browsers.
pub fn requests(journey: &Journey, sites: &[Site]) -> Vec<Request> {
    let mut all = Vec::new();
    for (place, visit) in journey.visits.iter().enumerate() {
        let browser = &journey.browsers[visit.browser];
        if !browser.tracked {
            continue;
        }
        let key = &sites[visit.site].key;
        for (sequence, view) in visit.views.iter().enumerate() {
            let last = sequence + 1 == visit.views.len();
            let body = page_view(key, browser, visit, view, sequence + 1, last);
            let request = message(view.sent, visit, browser, &body);
            if view.repeated {
                let due = view.sent + SignedDuration::from_secs(5);
                all.push(Request {
                    due,
                    ..request.clone()
                });
            }
            all.push(request);
        }
        all.extend(goal(key, browser, visit));
        all.extend(binds(journey, place, key));
    }
    all
}

/// A page view. Foreign ids appear late, so they ride on the last one.
fn page_view(
    key: &str,
    browser: &Browser,
    visit: &Visit,
    view: &PageView,
    sequence: usize,
    last: bool,
) -> Value {
    let mut body = json!({
        "m": view.message, "k": key, "t": "pv", "c": browser.visitor, "v": visit.token,
        "n": visit.number, "u": view.url, "r": view.referrer, "ti": view.title,
        "w": browser.width_px, "tz": -180, "l": "ru", "at": view.at.as_millisecond(), "q": sequence,
    });
    let foreign = foreign_ids(browser);
    if last && !foreign.is_empty() {
        body["x"] = Value::Object(foreign);
    }
    body
}

fn foreign_ids(browser: &Browser) -> Map<String, Value> {
    let counters = [("ym", &browser.ym_client_id), ("ga", &browser.ga_client_id)];
    let known = counters
        .into_iter()
        .filter_map(|(name, id)| Some((name, id.as_ref()?)));
    known
        .map(|(name, id)| (name.to_owned(), json!(id)))
        .collect()
}

/// Who has looked at three pages asks for a price on the last one.
fn goal(key: &str, browser: &Browser, visit: &Visit) -> Option<Request> {
    let [_, _, .., last] = &visit.views[..] else {
        return None;
    };
    let at = last.at + SignedDuration::from_secs(4);
    let body = json!({
        "m": format!("G{}", last.message), "k": key, "t": "ev", "c": browser.visitor,
        "v": visit.token, "e": {"name": "price", "data": {"page": last.title}},
        "at": at.as_millisecond(), "q": visit.views.len() + 1,
    });
    Some(message(at, visit, browser, &body))
}

/// Bind messages that belong to one visit.
fn binds(journey: &Journey, place: usize, key: &str) -> Vec<Request> {
    let visit = &journey.visits[place];
    let browser = &journey.browsers[visit.browser];
    let mut all = Vec::new();
    for communication in &journey.communications {
        if communication.browser != visit.browser {
            continue;
        }
        let Some((at, ids)) = bind(communication, place, visit, browser) else {
            continue;
        };
        let sequence = visit.views.len() + 1;
        let id = format!("B{}V{place}", communication.number);
        let body = json!({
            "m": id, "k": key, "t": "bind", "c": browser.visitor, "v": visit.token,
            "b": ids, "at": at.as_millisecond(), "q": sequence,
        });
        all.push(message(at, visit, browser, &body));
    }
    all
}

/// What the binder of a provider tells about a communication in this visit, and when. Widgets with
/// a visitor number tell it in each visit; the others tell of the chat or call when it begins.
fn bind(
    communication: &Communication,
    place: usize,
    visit: &Visit,
    browser: &Browser,
) -> Option<(Timestamp, Value)> {
    let provider = communication.provider.slug();
    let began_here = communication.visit == Some(place);
    let soon = visit.started() + SignedDuration::from_secs(3);
    match communication.provider {
        Provider::JivoSite if communication.bound => Some((
            soon,
            json!({"provider": provider, "user": browser.jivo_number.to_string()}),
        )),
        Provider::TalkMe | Provider::Verbox if communication.bound => Some((
            soon,
            json!({"provider": provider, "user": browser.talkme_client}),
        )),
        Provider::CarrotQuest if communication.bound && began_here => {
            let chat = super::carrotquest::conversation_id(communication).to_string();
            let user = browser.carrot_user.to_string();
            Some((
                communication.started,
                json!({"provider": provider, "chat": chat, "user": user}),
            ))
        }
        Provider::LeadBack
            if communication.form == Form::Callback
                && communication.evidence == Evidence::Mark
                && began_here =>
        {
            Some((communication.started, json!({"provider": provider})))
        }
        _ => None,
    }
}

fn message(due: Timestamp, visit: &Visit, browser: &Browser, body: &Value) -> Request {
    Request {
        user_agent: browser.user_agent.clone(),
        forwarded_for: Some(browser.ip.clone()),
        ..Request::post(
            due,
            Door::Tracker(visit.site),
            "text/plain;charset=UTF-8",
            body.to_string(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::{plan::testing, wire::testing::body};

    fn all(mut look: impl FnMut(&Journey, Vec<Value>)) {
        let (scope, journeys) = testing::plan();
        for journey in &journeys {
            let requests = requests(journey, &scope.sites);
            look(journey, requests.iter().map(body).collect());
        }
    }

    #[test]
    fn each_page_of_a_tracked_browser_is_told_with_its_visit_and_time() {
        all(|journey, bodies| {
            for visit in &journey.visits {
                for view in &visit.views {
                    let told = bodies
                        .iter()
                        .filter(|body| body["m"] == view.message.as_str())
                        .collect::<Vec<_>>();
                    if !journey.browsers[visit.browser].tracked {
                        assert!(told.is_empty());
                        continue;
                    }
                    assert_eq!(told.len(), 1 + usize::from(view.repeated));
                    assert_eq!(
                        (told[0]["v"].as_str(), told[0]["u"].as_str()),
                        (Some(visit.token.as_str()), Some(view.url.as_str()))
                    );
                    assert_eq!(told[0]["at"], view.at.as_millisecond());
                }
            }
        });
    }

    #[test]
    fn a_visit_of_three_pages_reaches_a_goal() {
        let mut reached = 0;
        all(|journey, bodies| {
            for visit in &journey.visits {
                let tracked = journey.browsers[visit.browser].tracked;
                let goals = bodies
                    .iter()
                    .filter(|body| body["t"] == "ev" && body["v"] == visit.token.as_str())
                    .count();
                assert_eq!(goals, usize::from(tracked && visit.views.len() > 2));
                reached += goals;
            }
        });
        assert!(reached > 0);
    }

    #[test]
    fn evidence_of_a_bind_or_a_counter_is_really_sent() {
        all(|journey, bodies| {
            for one in &journey.communications {
                let Some(place) = one.visit else { continue };
                let visit = &journey.visits[place];
                let own = || {
                    bodies
                        .iter()
                        .filter(|body| body["v"] == visit.token.as_str())
                };
                let bound = own().any(|body| body["b"]["provider"] == one.provider.slug());
                match one.evidence {
                    Evidence::Bind | Evidence::Mark => assert!(bound, "{one:?}"),
                    Evidence::Nothing | Evidence::Contact => assert!(!bound, "{one:?}"),
                    Evidence::ClientId => assert!(own().any(|body| body["x"]["ym"].is_string())),
                    _ => {}
                }
            }
        });
    }
}
