//! A small stand-in for Carrot quest's REST API, on a port of this machine: authorization, the
//! envelope, pagination v2, `LookupError` as 400, now and then a 429. It answers what it has
//! learned from planned journeys, and no line of a chat before its time.

use crate::hub::Clock;
use std::{
    collections::{HashMap, VecDeque},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use anyhow::Context;
use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{
    carrotquest::{self, API_KEY, Record},
    plan::{Journey, Provider, Site},
    wire::Scene,
};

/// Preferred port: the same address from run to run keeps one integration.
const PORT: u16 = 18_477;
/// One answer of so many is a 429 without cause.
const MOODY_EVERY: u64 = 29;

/// The running stand-in; it stops when dropped.
pub struct Vendor {
    pub address: SocketAddr,
    account: Account,
    server: tokio::task::JoinHandle<()>,
}

#[derive(Clone, Default)]
struct Account(Arc<Mutex<Records>>);

#[derive(Default)]
struct Records {
    conversations: HashMap<u64, Record>,
    users: HashMap<u64, Value>,
    asked: u64,
    recent: VecDeque<Instant>,
    per_minute: Option<usize>,
}

impl Account {
    fn lock(&self) -> MutexGuard<'_, Records> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Vendor {
    /// Starts on 127.0.0.1. `per_minute` is the limit of answers a minute, if any.
    pub async fn start(per_minute: Option<usize>) -> anyhow::Result<Self> {
        let account = Account::default();
        account.lock().per_minute = per_minute;
        let preferred = TcpListener::bind(("127.0.0.1", PORT)).await;
        let listener = match preferred {
            Ok(listener) => listener,
            Err(_) => TcpListener::bind(("127.0.0.1", 0))
                .await
                .context("no free port on 127.0.0.1")?,
        };
        let address = listener
            .local_addr()
            .context("the vendor's stand-in has no address")?;
        let app = router(account.clone());
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, app).await {
                tracing::error!(%error, "The stand-in of Carrot quest stopped");
            }
        });
        Ok(Self {
            address,
            account,
            server,
        })
    }

    /// The base for the integration's `api_base`.
    pub fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Makes the conversations of journeys and their visitors known.
    pub fn learn(&self, journeys: &[Journey], sites: &[Site]) {
        let mut records = self.account.lock();
        for journey in journeys {
            let ours = journey
                .communications
                .iter()
                .filter(|one| one.provider == Provider::CarrotQuest);
            for communication in ours {
                let record = carrotquest::record(&Scene {
                    journey,
                    communication,
                    sites,
                });
                records.users.insert(record.user_id, record.user.clone());
                records.conversations.insert(record.conversation_id, record);
            }
        }
    }
}

impl Drop for Vendor {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn router(account: Account) -> Router {
    Router::new()
        .route("/conversations/{id}", get(conversation))
        .route("/conversations/{id}/parts", get(parts))
        .route("/users/{id}", get(user))
        .fallback(|| async { refuse(StatusCode::NOT_FOUND, "Error404", "no such method") })
        .with_state(account)
}

type Params = Query<HashMap<String, String>>;

async fn conversation(
    State(account): State<Account>,
    headers: HeaderMap,
    Path(id): Path<String>,
    Query(params): Params,
) -> Response {
    if let Some(refusal) = refusal(&account, &headers) {
        return refusal;
    }
    let found = id
        .parse()
        .ok()
        .and_then(|id: u64| account.lock().conversations.get(&id).cloned());
    match found {
        Some(record) => answer(&params, json!({}), record.conversation),
        None => unknown("conversation"),
    }
}

async fn user(
    State(account): State<Account>,
    headers: HeaderMap,
    Path(id): Path<String>,
    Query(params): Params,
) -> Response {
    if let Some(refusal) = refusal(&account, &headers) {
        return refusal;
    }
    let found = id
        .parse()
        .ok()
        .and_then(|id: u64| account.lock().users.get(&id).cloned());
    let Some(mut user) = found else {
        return unknown("user");
    };
    let custom = params
        .get("props_custom")
        .is_some_and(|flag| flag == "true");
    if let Some(user) = user.as_object_mut().filter(|_| !custom) {
        user.remove("props_custom");
    }
    answer(&params, json!({}), user)
}

async fn parts(
    State(account): State<Account>,
    headers: HeaderMap,
    Path(id): Path<String>,
    Query(params): Params,
) -> Response {
    if let Some(refusal) = refusal(&account, &headers) {
        return refusal;
    }
    let found = id
        .parse()
        .ok()
        .and_then(|id: u64| account.lock().conversations.get(&id).cloned());
    let Some(record) = found else {
        return unknown("conversation");
    };
    let now = Clock::System.now().as_second();
    let written = |part: &&Value| {
        part["created"]
            .as_i64()
            .is_none_or(|created| created <= now)
    };
    let parts: Vec<Value> = record.parts.iter().filter(written).cloned().collect();
    match Page::read(&params) {
        Ok(page) => {
            let (meta, data) = page.cut(&parts);
            answer(&params, meta, Value::Array(data))
        }
        Err(reason) => refuse(StatusCode::BAD_REQUEST, "ValidationError", reason),
    }
}

/// A page of parts as pagination v2 asks for it.
struct Page {
    position: Option<u64>,
    count: usize,
    after: bool,
    ascending: bool,
    including: bool,
}

impl Page {
    fn read(params: &HashMap<String, String>) -> Result<Self, &'static str> {
        let text = |name: &str| params.get(name).map(String::as_str);
        let position = match text("paginate_position") {
            None => None,
            Some(array) => {
                let cursor: Vec<Value> =
                    serde_json::from_str(array).map_err(|_| "paginate_position is no array")?;
                let first = cursor.first().ok_or("paginate_position is empty")?;
                let id = first.as_u64().or_else(|| first.as_str()?.parse().ok());
                Some(id.ok_or("paginate_position holds no id")?)
            }
        };
        let count = text("paginate_count")
            .map_or(Ok(20), str::parse)
            .map_err(|_| "paginate_count is no number")?;
        if !(1..=50).contains(&count) {
            return Err("paginate_count is not within 1 and 50");
        }
        Ok(Self {
            position,
            count,
            after: text("paginate_direction") == Some("after"),
            ascending: text("paginate_page_order") == Some("asc"),
            including: text("paginate_including") == Some("true"),
        })
    }

    /// The parts of the page, and the meta with its cursors. `all` is in the order of ids.
    fn cut(&self, all: &[Value]) -> (Value, Vec<Value>) {
        let id = |part: &Value| part["id"].as_u64().unwrap_or(0);
        let beyond = |part: &&Value| match self.position {
            None => true,
            Some(position) if id(part) == position => self.including,
            Some(position) => (id(part) > position) == self.after,
        };
        let fitting: Vec<&Value> = all.iter().filter(beyond).collect();
        let more = fitting.len() > self.count;
        let mut page: Vec<Value> = match self.after {
            true => fitting.into_iter().take(self.count).cloned().collect(),
            false => fitting
                .into_iter()
                .rev()
                .take(self.count)
                .rev()
                .cloned()
                .collect(),
        };
        let edge = if self.after {
            page.last()
        } else {
            page.first()
        };
        let cursor = edge
            .filter(|_| more)
            .map_or(Value::Null, |part| json!([id(part)]));
        if !self.ascending {
            page.reverse();
        }
        let name = if self.after {
            "next_after_position"
        } else {
            "next_before_position"
        };
        (json!({name: cursor}), page)
    }
}

/// Checks the key and the limit.
fn refusal(account: &Account, headers: &HeaderMap) -> Option<Response> {
    let given = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("");
    let key = given
        .strip_prefix("Token ")
        .or_else(|| given.strip_prefix("Bearer "));
    if key != Some(API_KEY) {
        return Some(refuse(
            StatusCode::UNAUTHORIZED,
            "NotAuthenticated",
            "the key is wrong",
        ));
    }
    let mut records = account.lock();
    let now = Instant::now();
    records
        .recent
        .retain(|asked| now.duration_since(*asked) < Duration::from_secs(60));
    records.asked += 1;
    let full = records
        .per_minute
        .is_some_and(|limit| records.recent.len() >= limit);
    if full || records.asked.is_multiple_of(MOODY_EVERY) {
        return Some(refuse(
            StatusCode::TOO_MANY_REQUESTS,
            "TooManyRequests",
            "too many requests",
        ));
    }
    records.recent.push_back(now);
    None
}

fn answer(params: &HashMap<String, String>, mut meta: Value, mut data: Value) -> Response {
    meta["status"] = json!(200);
    if params
        .get("id_as_string")
        .is_some_and(|flag| flag == "true")
    {
        ids_as_strings(&mut data);
    }
    Json(json!({"meta": meta, "data": data})).into_response()
}

fn ids_as_strings(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(ids_as_strings),
        Value::Object(fields) => {
            for (name, field) in fields {
                let is_id = matches!(
                    name.as_str(),
                    "id" | "conversation" | "part_group" | "from" | "message"
                );
                match field.as_u64().filter(|_| is_id) {
                    Some(id) => *field = json!(id.to_string()),
                    None => ids_as_strings(field),
                }
            }
        }
        _ => {}
    }
}

fn unknown(what: &str) -> Response {
    refuse(
        StatusCode::BAD_REQUEST,
        "LookupError",
        &format!("no such {what}"),
    )
}

fn refuse(status: StatusCode, error: &str, message: &str) -> Response {
    let meta = json!({"status": status.as_u16(), "error": error, "error_message": message});
    (status, Json(json!({"meta": meta, "data": {}}))).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts_of(count: u64) -> Vec<Value> {
        (1..=count).map(|id| json!({"id": id})).collect()
    }

    fn page(pairs: &[(&str, &str)]) -> Page {
        let params = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Page::read(&params.collect()).unwrap()
    }

    #[test]
    fn pages_forward_meet_every_part_once_and_in_order() {
        let all = parts_of(47);
        let (mut seen, mut position) = (Vec::new(), json!([0]));
        while !position.is_null() {
            let page = page(&[
                ("paginate_position", &position.to_string()),
                ("paginate_direction", "after"),
                ("paginate_page_order", "asc"),
            ]);
            let (meta, data) = page.cut(&all);
            seen.extend(data);
            position = meta["next_after_position"].clone();
        }
        assert_eq!(seen, all);
    }

    #[test]
    fn the_first_page_without_parameters_is_the_newest_twenty_backwards() {
        let (meta, data) = page(&[]).cut(&parts_of(30));
        assert_eq!(
            (data.len(), &data[0]["id"], &data[19]["id"]),
            (20, &json!(30), &json!(11))
        );
        assert_eq!(meta["next_before_position"], json!([11]));
    }

    #[tokio::test]
    async fn it_asks_for_the_key_and_calls_an_unknown_id_a_bad_request() {
        let vendor = Vendor::start(None).await.unwrap();
        let address = format!("{}/conversations/5", vendor.base());
        let http = reqwest::Client::builder().build().unwrap();
        let stranger = http.get(&address).send().await.unwrap();
        assert_eq!(stranger.status(), 401);
        let known = http
            .get(&address)
            .header("Authorization", format!("Token {API_KEY}"));
        let answer = known.send().await.unwrap();
        assert_eq!(answer.status(), 400);
        let body: Value = answer.json().await.unwrap();
        assert_eq!(body["meta"]["error"], "LookupError");
    }

    #[tokio::test]
    async fn beyond_the_limit_of_a_minute_it_answers_429() {
        let vendor = Vendor::start(Some(2)).await.unwrap();
        let http = reqwest::Client::builder().build().unwrap();
        let mut statuses = Vec::new();
        for _ in 0..3 {
            let ask = http
                .get(format!("{}/users/5", vendor.base()))
                .bearer_auth(API_KEY);
            statuses.push(ask.send().await.unwrap().status().as_u16());
        }
        assert_eq!(statuses, [400, 400, 429]);
    }

    #[test]
    fn ids_become_strings_and_times_stay_numbers() {
        let mut data = json!({"id": 1_702_000_000_000_000_001_u64, "created": 1_786_000_000, "from": {"id": 7}});
        ids_as_strings(&mut data);
        assert_eq!(
            data,
            json!({"id": "1702000000000000001", "created": 1_786_000_000, "from": {"id": "7"}})
        );
    }
}
