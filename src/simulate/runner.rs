//! Hands requests to the hub over time: a finished batch in its order, or a stream that never ends
//! at its natural pace.

use crate::hub::Clock;
use std::{collections::BTreeMap, time::Duration};

use futures_util::{StreamExt, stream};
use indicatif::ProgressBar;
use jiff::{SignedDuration, Timestamp};
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::{
    hub::Hub,
    journeys,
    plan::Scope,
    vendor::Vendor,
    wire::{self, Request},
    workspace::Workspace,
};

/// Requests under way at once: enough to keep a hub busy, few enough to keep the order roughly.
const UNDER_WAY: usize = 16;
/// How far a journey of the endless mode may reach.
const LIVE_SPAN: SignedDuration = SignedDuration::from_hours(9);

/// How a batch went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sent {
    pub taken: usize,
    pub refused: usize,
}

/// Sends all requests in the order of their moments, at most `rate` a second.
pub async fn send(
    hub: &Hub,
    workspace: &Workspace,
    mut requests: Vec<Request>,
    rate: Option<f64>,
    progress: &ProgressBar,
) -> Sent {
    requests.sort_by_key(|request| request.due);
    let mut ticks = rate.map(|rate| {
        let mut ticks = interval(Duration::from_secs_f64(1.0 / rate.max(0.001)));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks
    });
    let (give, take) = tokio::sync::mpsc::channel(1);
    let paced = async move {
        for request in requests {
            if let Some(ticks) = &mut ticks {
                ticks.tick().await;
            }
            if give.send(request).await.is_err() {
                return;
            }
        }
    };
    let handed = stream::unfold(take, |mut take| async move {
        take.recv().await.map(|request| (request, take))
    })
    .map(|request| async move { hub.hand(&workspace.address(request.door), &request).await })
    .buffer_unordered(UNDER_WAY)
    .fold(Sent::default(), |sent, taken| async move {
        progress.inc(1);
        match taken {
            true => Sent {
                taken: sent.taken + 1,
                ..sent
            },
            false => Sent {
                refused: sent.refused + 1,
                ..sent
            },
        }
    });
    tokio::join!(paced, handed).1
}

/// The endless mode: visitors keep coming at their natural pace.
pub struct Live<'a> {
    pub hub: &'a Hub,
    pub workspace: &'a Workspace,
    pub vendor: &'a Vendor,
    pub scope: &'a Scope,
}

impl Live<'_> {
    /// Lets a new visitor come every `gap`, for ever; each request leaves when it is due. `first` is
    /// the number of the first visitor.
    pub async fn keep_alive(&self, first: usize, gap: Duration) {
        let mut waiting: BTreeMap<(Timestamp, u64), Request> = BTreeMap::new();
        let mut arrivals = interval(gap.max(Duration::from_millis(10)));
        let (mut visitor, mut serial) = (first, 0_u64);
        loop {
            let next = waiting.first_key_value().map(|((due, _), _)| *due);
            tokio::select! {
                _ = arrivals.tick() => {
                    for request in self.arrive(visitor, Clock::System.now()) {
                        serial += 1;
                        waiting.insert((request.due, serial), request);
                    }
                    visitor += 1;
                }
                () = sleep(time_until(next)) => {
                    if let Some((_, request)) = waiting.pop_first() {
                        self.hub.hand(&self.workspace.address(request.door), &request).await;
                    }
                }
            }
        }
    }

    /// The requests of a visitor who comes now; the vendor learns what it will be asked.
    fn arrive(&self, visitor: usize, now: Timestamp) -> Vec<Request> {
        let scope = Scope {
            visitors: 1,
            start: now,
            span: LIVE_SPAN,
            live: true,
            ..self.scope.clone()
        };
        let journeys = journeys::journeys_from(&scope, visitor);
        self.vendor.learn(&journeys, &scope.sites);
        let requests = journeys
            .iter()
            .map(|journey| wire::requests(journey, &scope.sites));
        requests.flatten().collect()
    }
}

/// Time left until a moment; a minute when there is none.
fn time_until(moment: Option<Timestamp>) -> Duration {
    let Some(moment) = moment else {
        return Duration::from_secs(60);
    };
    Duration::try_from(moment.duration_since(Clock::System.now())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::{
        collections::HashMap,
        sync::{Arc, Mutex},
    };

    use axum::{
        Json, Router,
        extract::{Request as HttpRequest, State},
        http::{Method, StatusCode},
        response::{IntoResponse, Response},
    };
    use serde_json::{Value, json};

    use super::*;
    use crate::simulate::{plan::testing, wire, workspace};

    /// A hub that counts requests by path, answers the API with fresh ids and turns every seventh
    /// webhook away once.
    #[derive(Clone, Default)]
    struct FakeHub(Arc<Mutex<HashMap<String, usize>>>);

    impl FakeHub {
        async fn start(&self) -> String {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let base = format!("http://{}", listener.local_addr().unwrap());
            let app = Router::new().fallback(answer).with_state(self.clone());
            tokio::spawn(async move { axum::serve(listener, app).await });
            base
        }

        fn count(&self, path: &str) -> usize {
            self.0.lock().unwrap().get(path).copied().unwrap_or(0)
        }
    }

    async fn answer(State(hub): State<FakeHub>, request: HttpRequest) -> Response {
        let path = request.uri().path().to_owned();
        let (seen, all) = {
            let mut counts = hub.0.lock().unwrap();
            *counts.entry(path.clone()).or_default() += 1;
            (counts[&path], counts.values().sum::<usize>())
        };
        if path == "/api/v1/sites" {
            let site = json!({"id": 1, "key": "s7d2", "host": "shop.example.org"});
            return Json(json!({"items": [site], "next_cursor": null})).into_response();
        }
        if path == "/api/v1/integrations" && request.method() == Method::POST {
            let body = axum::body::to_bytes(request.into_body(), 1 << 20)
                .await
                .unwrap();
            let body: Value = serde_json::from_slice(&body).unwrap();
            let provider = body["provider"].as_str().unwrap();
            let chats = format!("https://hub.example/in/{provider}/T{seen}");
            return Json(json!({"id": seen, "addresses": {"leads": format!("{chats}/leads"), "chats": chats}})).into_response();
        }
        if path.starts_with("/api/v1/") {
            return Json(json!({"id": seen, "items": [], "next_cursor": null})).into_response();
        }
        if path.starts_with("/in/") && all % 7 == 0 {
            return (StatusCode::SERVICE_UNAVAILABLE, [("Retry-After", "0")]).into_response();
        }
        StatusCode::OK.into_response()
    }

    #[tokio::test]
    async fn every_request_reaches_its_door_though_some_are_turned_away_once() {
        let fake = FakeHub::default();
        let hub = Hub::new(&fake.start().await, "key").unwrap();
        let sites = workspace::sites(&hub).await.unwrap();
        let workspace = workspace::prepare(&hub, sites, "http://127.0.0.1:9")
            .await
            .unwrap();
        let scope = Scope {
            sites: workspace.sites.clone(),
            ..testing::scope(88)
        };
        let journeys = journeys::journeys(&scope);
        let requests: Vec<Request> = journeys
            .iter()
            .flat_map(|journey| wire::requests(journey, &scope.sites))
            .collect();
        let hits = requests
            .iter()
            .filter(|request| request.door == wire::Door::Tracker(0))
            .count();
        let all = requests.len();
        let sent = send(&hub, &workspace, requests, None, &ProgressBar::hidden()).await;
        assert_eq!(
            sent,
            Sent {
                taken: all,
                refused: 0
            }
        );
        assert_eq!(fake.count("/t/s7d2"), hits);
        let paths: Vec<String> = fake.0.lock().unwrap().keys().cloned().collect();
        let door = |start: &str, end: &str| {
            paths
                .iter()
                .any(|path| path.starts_with(start) && path.ends_with(end))
        };
        assert!(
            door("/in/jivosite/T", "/telegram")
                && door("/in/talkme/T", "/leads")
                && door("/in/verbox/T", "/leads")
        );
        assert!(door("/in/carrotquest/T", "") && door("/in/leadback/T", ""));
    }

    #[tokio::test]
    async fn a_rate_holds_requests_back() {
        let fake = FakeHub::default();
        let hub = Hub::new(&fake.start().await, "key").unwrap();
        let sites = workspace::sites(&hub).await.unwrap();
        let workspace = workspace::prepare(&hub, sites, "http://127.0.0.1:9")
            .await
            .unwrap();
        let at = "2026-03-01T00:00:00Z".parse().unwrap();
        let requests = (0..11)
            .map(|_| Request::post(at, wire::Door::Tracker(0), "text/plain", "{}"))
            .collect();
        let begun = std::time::Instant::now();
        send(
            &hub,
            &workspace,
            requests,
            Some(100.0),
            &ProgressBar::hidden(),
        )
        .await;
        assert!(begun.elapsed() >= Duration::from_millis(100));
    }
}
