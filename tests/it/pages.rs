//! Pages for people: nobody sees or changes another workspace, and nothing is open without a login.
//!
//! The routes are read from the sources of the pages, so a new one is walked too.

use crate::hub::{TestHub, at, visit};
use crate::vendors::{dialogue, talkme};
use http::{StatusCode, header};
use regex::Regex;
use serde_json::json;
use skvoz::hub::Vault;
use skvoz::model::WorkspaceId;
use skvoz::store::Role;
use std::collections::BTreeSet;
use std::path::Path;

/// Routes that are open to anyone.
const OPEN: [&str; 5] = [
    "/login",
    "/logout",
    "/first-run",
    "/language",
    "/assets/{*name}",
];

/// Nouns whose pages are built from one file, and their addresses.
const NOUNS: [(&str, &[&str]); 2] = [
    ("targets.rs", &["/campaigns", "/sources"]),
    ("names.rs", &["/employees", "/tags"]),
];

fn routes() -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/web");
    let written = Regex::new(r#"\.route\(\s*"(/[^"]*)""#).expect("a constant");
    let built = Regex::new(r#"\.route\(\s*&format!\("\{path\}(/[^"]*)"\)"#).expect("a constant");
    let mut routes = BTreeSet::new();
    let mut files = 0;
    for file in std::fs::read_dir(folder).expect("the sources") {
        let path = file.expect("a source").path();
        let name = path.file_name().and_then(|name| name.to_str());
        let Some(name) = name.filter(|name| name.ends_with(".rs")) else {
            continue;
        };
        let text = std::fs::read_to_string(&path).expect("a source");
        let calls = text.matches(".route(").count();
        let mut found = written.captures_iter(&text).count();
        routes.extend(written.captures_iter(&text).map(|one| one[1].to_owned()));
        for (_, bases) in NOUNS.iter().filter(|(file, _)| *file == name) {
            found += 1;
            for base in *bases {
                routes.insert((*base).to_owned());
            }
            for one in built.captures_iter(&text) {
                found += 1;
                let below = one[1].replace("{{", "{").replace("}}", "}");
                routes.extend(bases.iter().map(|base| format!("{base}{below}")));
            }
        }
        assert_eq!(found, calls, "{name} has a route that is not read here");
        files += 1;
    }
    assert!(files > 20 && routes.len() > 30, "{routes:?}");
    routes
}

/// A browser of somebody who is signed in.
pub struct Browser {
    client: reqwest::Client,
    base: String,
    cookie: String,
}

impl Browser {
    pub async fn of(hub: &TestHub, workspace: WorkspaceId, email: &str) -> Browser {
        Browser::with_role(hub, workspace, email, Role::Owner).await
    }

    pub async fn with_role(
        hub: &TestHub,
        workspace: WorkspaceId,
        email: &str,
        role: Role,
    ) -> Browser {
        let store = &hub.hub.store;
        let user = store.add_user(workspace, email, "no hash", role, hub.now());
        let user = user.await.expect("a user is added");
        let token = Vault::token();
        let hash = hub.hub.vault.hash(&token);
        let login = store.add_login(&hash, user, at("2026-12-31T00:00:00Z"));
        login.await.expect("a login is added");
        Browser {
            cookie: format!("skvoz_login={token}"),
            ..Browser::of_nobody(hub)
        }
    }

    fn of_nobody(hub: &TestHub) -> Browser {
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
        Browser {
            client: client.build().expect("a client"),
            base: hub.base(),
            cookie: String::new(),
        }
    }

    pub async fn ask(
        &self,
        method: http::Method,
        path: &str,
        form: &str,
    ) -> (StatusCode, String, String) {
        let answer = self
            .client
            .request(method, format!("{}{path}", self.base))
            .header(header::COOKIE, &self.cookie)
            .header(header::ORIGIN, &self.base)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form.to_owned())
            .send()
            .await
            .expect("the hub answers");
        let to = answer.headers().get(header::LOCATION).cloned();
        let to = to.and_then(|to| to.to_str().map(str::to_owned).ok());
        let status = answer.status();
        let body = answer.text().await.expect("a whole answer");
        (status, to.unwrap_or_default(), body)
    }
}

const BOTH: [http::Method; 2] = [http::Method::GET, http::Method::POST];

#[tokio::test]
async fn without_a_login_every_page_leads_to_the_door() {
    let hub = TestHub::start().await;
    let _someone = Browser::of(&hub, hub.workspace, "someone@example.com").await;
    let nobody = Browser::of_nobody(&hub);
    for route in routes()
        .iter()
        .filter(|route| !OPEN.contains(&route.as_str()))
    {
        let path = route.replace("{id}", "1").replace("{provider}", "talkme");
        for method in BOTH {
            let (status, to, _) = nobody.ask(method.clone(), &path, "").await;
            let is_led = status == StatusCode::SEE_OTHER && to.starts_with("/login");
            let is_closed = is_led || status == StatusCode::METHOD_NOT_ALLOWED;
            assert!(is_closed, "{method} {path}: {status} {to}");
        }
    }
}

#[tokio::test]
async fn what_belongs_to_another_workspace_is_not_there() {
    let hub = TestHub::start().await;
    let talkme = hub.integration("talkme").await;
    hub.campaign("osen").await;
    hub.source("yandex").await;
    hub.employee("Oksana Hidden").await;
    hub.tag("Hidden tag").await;
    hub.page("1", "1", "10:00", "/?utm_campaign=osen&utm_source=yandex")
        .await;
    let mut chat = talkme::finished(7, "client-7", &dialogue("10:05"));
    chat["data"]["client"]["customData"] = json!({"skvoz_visit": visit("1")});
    chat["data"]["client"]["name"] = "Hidden Visitor".into();
    talkme.post(&chat).await.assert_ok();
    hub.settle().await;
    let before = hub.only().await;
    assert!(before.link.visit.is_some());
    let owner = Browser::of(&hub, hub.workspace, "owner@example.com").await;
    let (status, _, shown) = owner
        .ask(
            http::Method::GET,
            &format!("/communications/{}", before.id),
            "",
        )
        .await;
    assert!(status == StatusCode::OK && shown.contains("Hidden Visitor"));

    let other = hub.another_workspace().await;
    let stranger = Browser::of(&hub, other, "stranger@example.com").await;
    let form = "name=Taken&active=off&host=shop.test&email=x%40example.com&password=12345678";
    let hidden = [
        "Hidden",
        "client-7",
        "osen",
        &talkme.token,
        "owner@example.com",
        "shop.test",
    ];
    for route in routes()
        .iter()
        .filter(|route| !OPEN.contains(&route.as_str()))
    {
        if route.contains("{id}") {
            // Ids are counted over all workspaces, so the first ones are the other workspace's.
            for id in 1..=2 {
                let path = route.replace("{id}", &id.to_string());
                for method in BOTH {
                    let (status, _, shown) = stranger.ask(method.clone(), &path, form).await;
                    let is_own_user = path.starts_with("/settings/users") && id == 2;
                    let is_refused = status == StatusCode::NOT_FOUND
                        || status == StatusCode::METHOD_NOT_ALLOWED
                        || (is_own_user && status == StatusCode::FORBIDDEN);
                    assert!(is_refused, "{method} {path}: {status}");
                    assert!(!hidden.iter().any(|part| shown.contains(part)), "{path}");
                }
            }
        } else {
            let path = route.replace("{provider}", "talkme");
            let (_, _, shown) = stranger.ask(http::Method::GET, &path, "").await;
            let found = hidden.iter().find(|part| shown.contains(**part));
            assert_eq!(found, None, "{path}");
        }
    }
    let filters = ["campaign=1", "source=1", "integration=1", "text=Hidden"];
    for filter in filters {
        let path = format!("/communications?{filter}");
        let (_, _, shown) = stranger.ask(http::Method::GET, &path, "").await;
        assert!(!shown.contains("Hidden Visitor"), "{path}");
    }
    let (status, ..) = stranger.ask(http::Method::POST, "/inbox/replay", "").await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    hub.settle().await;
    assert_eq!(hub.only().await, before, "nothing of it was changed");
}

#[tokio::test]
async fn a_form_sent_by_another_site_changes_nothing() {
    let hub = TestHub::start().await;
    let mut owner = Browser::of(&hub, hub.workspace, "owner@example.com").await;
    let own = std::mem::replace(&mut owner.base, hub.base());
    let (status, ..) = owner.ask(http::Method::POST, "/tags", "name=Good").await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    for foreign in ["https://evil.example", "null", ""] {
        let answer = owner
            .client
            .post(format!("{own}/tags"))
            .header(header::COOKIE, &owner.cookie)
            .header(header::ORIGIN, foreign)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body("name=Bad")
            .send()
            .await
            .expect("the hub answers");
        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{foreign}");
    }
    let setup = hub.hub.setups.of(hub.workspace).await.expect("a setup");
    let names: Vec<_> = setup.tags.iter().map(|tag| tag.name.as_str()).collect();
    assert_eq!(names, ["Good"]);
}
