//! The script of a site: what is in it, how it is kept by browsers, whose it is.

use crate::hub::{TestHub, at, binding, page_view};
use flate2::read::GzDecoder;
use http::{HeaderMap, StatusCode, header};
use serde_json::json;
use skvoz::model::SignWord;
use std::io::Read;

struct Got {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Got {
    fn header(&self, name: header::HeaderName) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().expect("ASCII"))
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("a script is text")
    }
}

async fn get(hub: &TestHub, key: &str, headers: &[(&str, &str)]) -> Got {
    get_file(hub, &format!("{key}.js"), headers).await
}

async fn get_file(hub: &TestHub, name: &str, headers: &[(&str, &str)]) -> Got {
    let client = reqwest::Client::builder().build().expect("a client");
    let mut request = client.get(format!("{}/t/{name}", hub.base()));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await.expect("the hub answers");
    Got {
        status: response.status(),
        headers: response.headers().clone(),
        body: response.bytes().await.expect("a body").to_vec(),
    }
}

#[tokio::test]
async fn a_site_gets_what_its_active_integrations_need_and_no_more() {
    let hub = TestHub::start().await;
    let plain = get(&hub, &hub.site.key, &[]).await;
    assert_eq!(plain.status, StatusCode::OK);
    assert!(plain.text().contains(&format!("/{}", hub.site.key)));
    for part in ["jivo_api", "_ym_uid", "LEADBACK_CALL", r"^c\w+v\w+$"] {
        assert!(!plain.text().contains(part), "{part}");
    }

    hub.integration_with("jivosite", json!({"token_mode": "share"}))
        .await;
    let leadback = hub.integration("leadback").await;
    let other = hub.another_site("outlet.test").await;
    let both = get(&hub, &hub.site.key, &[]).await;
    for part in ["jivo_api", "_ym_uid", "LEADBACK_CALL", r"^c\w+v\w+$"] {
        assert!(both.text().contains(part), "{part}");
    }
    assert!(both.text().contains(r#""jivosite","share""#));
    assert!(both.text().contains(r#"["outlet.test"]"#));
    assert!(!both.text().contains("carrotquest"));

    let others = get(&hub, &other.key, &[]).await;
    assert!(!others.text().contains("jivo_api"), "it is another site's");
    hub.change(&leadback, |row| row.active = false).await;
    let after = get(&hub, &hub.site.key, &[]).await;
    assert!(!after.text().contains("LEADBACK_CALL"));
}

#[tokio::test]
async fn an_account_without_a_site_is_on_every_site_but_a_sites_own_one_goes_first() {
    let hub = TestHub::start().await;
    let other = hub.another_site("outlet.test").await;
    hub.integration_in(hub.workspace, None, "jivosite", json!({}))
        .await;
    let of_all = get(&hub, &other.key, &[]).await;
    assert!(of_all.text().contains(r#""jivosite","own""#));
    let settings = json!({"token_mode": "share"});
    hub.integration_in(hub.workspace, Some(other.id), "jivosite", settings)
        .await;
    let own = get(&hub, &other.key, &[]).await;
    assert!(own.text().contains(r#""jivosite","share""#));
    assert_eq!(own.text().matches(r#""jivosite","#).count(), 1);
}

#[tokio::test]
async fn a_browser_keeps_it_an_hour_and_asks_with_its_etag() {
    let hub = TestHub::start().await;
    let first = get(&hub, &hub.site.key, &[]).await;
    assert_eq!(
        first.header(header::CACHE_CONTROL),
        "public, max-age=3600, stale-while-revalidate=86400"
    );
    assert_eq!(
        first.header(header::CONTENT_TYPE),
        "text/javascript; charset=utf-8"
    );
    let etag = first.header(header::ETAG).to_owned();
    let asked = [("if-none-match", etag.as_str())];
    let again = get(&hub, &hub.site.key, &asked).await;
    assert_eq!(again.status, StatusCode::NOT_MODIFIED);
    assert!(again.body.is_empty());

    hub.integration("talkme").await;
    let changed = get(&hub, &hub.site.key, &asked).await;
    assert_eq!(changed.status, StatusCode::OK);
    assert_ne!(changed.header(header::ETAG), etag);
}

#[tokio::test]
async fn it_comes_packed() {
    let hub = TestHub::start().await;
    for provider in ["jivosite", "talkme", "verbox", "carrotquest", "leadback"] {
        hub.integration(provider).await;
    }
    let plain = get(&hub, &hub.site.key, &[]).await;
    let gzip = get(&hub, &hub.site.key, &[("accept-encoding", "gzip, deflate")]).await;
    assert_eq!(gzip.header(header::CONTENT_ENCODING), "gzip");
    let mut unpacked = Vec::new();
    GzDecoder::new(&gzip.body[..])
        .read_to_end(&mut unpacked)
        .expect("gzip");
    assert_eq!(unpacked, plain.body);
    assert!(gzip.body.len() <= 5_000, "{}", gzip.body.len());
    let brotli = get(&hub, &hub.site.key, &[("accept-encoding", "gzip, br")]).await;
    assert_eq!(brotli.header(header::CONTENT_ENCODING), "br");
    let mut unpacked = Vec::new();
    brotli::BrotliDecompress(&mut &brotli.body[..], &mut unpacked).expect("brotli");
    assert_eq!(unpacked, plain.body);
    assert!(brotli.body.len() < gzip.body.len());
}

#[tokio::test]
async fn an_unknown_key_and_a_key_without_its_ending_are_not_found() {
    let hub = TestHub::start().await;
    assert_eq!(
        get(&hub, "nobodys", &[]).await.status,
        StatusCode::NOT_FOUND
    );
    let bare = get_file(&hub, &hub.site.key, &[]).await;
    assert_eq!(bare.status, StatusCode::NOT_FOUND);
}

/// A message of the script as a page of this origin sends it.
async fn tell(hub: &TestHub, origin: &str, message: serde_json::Value) {
    let client = reqwest::Client::builder().build().expect("a client");
    let sent = client
        .post(format!("{}/t/{}", hub.base(), hub.site.key))
        .header("origin", origin)
        .body(message.to_string());
    let answer = sent.send().await.expect("the hub answers");
    assert!(answer.status().is_success(), "{answer:?}");
}

#[tokio::test]
async fn what_pages_tell_of_the_script_is_kept_by_host_and_widget() {
    let hub = TestHub::start().await;
    hub.set_clock(at("10:00"));
    hub.integration("jivosite").await;
    let view = page_view("ira", "a", at("10:00"), "/");
    tell(&hub, "https://shop.test", view.clone()).await;
    tell(&hub, "https://SHOP.test:8443", view).await;
    let bound = json!({"provider": "jivosite", "user": "4410"});
    let bound = binding("ira", "a", at("10:00"), bound);
    tell(&hub, "https://shop.test", bound).await;
    let words = json!({"jivosite": "taken", "talkme": "absent", "": "refused"});
    hub.set_clock(at("10:05"));
    tell(&hub, "https://shop.test", json!({"t": "st", "p": words})).await;
    // A page that says no host, or an impossible one, tells nothing.
    for origin in ["null", "https://", "https://a/b", "https://<b>"] {
        tell(&hub, origin, json!({"t": "st", "p": {"": "refused"}})).await;
    }
    let rows = hub.hub.store.signs(hub.workspace, at("09:00")).await;
    let mut told: Vec<_> = rows
        .unwrap()
        .into_iter()
        .map(|row| (row.last_at, row.sign.host, row.sign.provider, row.sign.word))
        .collect();
    told.sort();
    let row = |when, host: &str, of: &str, word| (at(when), host.to_owned(), of.to_owned(), word);
    let expected = [
        row("10:00", "shop.test", "", SignWord::Seen),
        row("10:00", "shop.test", "jivosite", SignWord::Found),
        row("10:00", "shop.test:8443", "", SignWord::Seen),
        row("10:05", "shop.test", "", SignWord::Refused),
        row("10:05", "shop.test", "jivosite", SignWord::Taken),
    ];
    assert_eq!(
        told, expected,
        "and nothing of a service without an integration"
    );
}

#[tokio::test]
async fn addresses_of_an_earlier_path_go_on_working() {
    let hub = TestHub::start_with(|config| {
        config.tracker.path = "/amber".into();
        config.tracker.former_paths = vec!["/t".into(), "/amber".into()];
    })
    .await;
    let client = reqwest::Client::builder().build().expect("a client");
    for path in ["/t", "/amber"] {
        let address = format!("{}{path}/{}", hub.base(), hub.site.key);
        let script = client.get(format!("{address}.js")).send().await.unwrap();
        assert_eq!(script.status(), StatusCode::OK, "{path}");
        assert!(script.text().await.unwrap().contains("/amber"), "{path}");
        let view = page_view("ira", "a", at("10:00"), "/").to_string();
        let taken = client.post(address).body(view).send().await.unwrap();
        assert!(taken.status().is_success(), "{path}");
    }
}
