//! The script of a site's pages at `{tracker.path}/{site key}.js`: pieces that were packed when the
//! hub was built, joined for the site. It holds what the active integrations of the site need and
//! nothing else, and is made again when the configuration has changed.

use crate::http_error::{HttpError, HttpResult};
use crate::hub::{Hub, LiveSetup, neutral_name};
use crate::locale::Locale;
use crate::model::{Integration, Site, SiteId, WorkspaceId};
use crate::packed::{accepts, unchanged};
use crate::providers::{self, Binder};
use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use brotli::enc::BrotliEncoderParams;
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use rust_embed::RustEmbed;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard};

/// What `assets/tracker.mjs` makes: `core.js`, `calls.js`, `codes.js`, `links.js`, `bindings.js`, `readers.js`,
/// each one function, and the same for each of `binders/`.
#[derive(RustEmbed)]
#[folder = "$OUT_DIR/tracker"]
struct Pieces;

/// An hour from the browser's own copy, a day from it while a newer one is fetched.
const CACHING: &str = "public, max-age=3600, stale-while-revalidate=86400";

/// Scripts kept ready; more than these are forgotten together.
const MAX_KEPT: usize = 10_000;

/// The doors beside those of the hits.
pub fn router(hub: Arc<Hub>) -> Router {
    let door = Arc::new(Door {
        hub: hub.clone(),
        kept: Mutex::default(),
    });
    let paths = hub.config.tracker.paths().into_iter();
    let routes = paths.fold(Router::new(), |routes, path| {
        routes.route(&format!("{path}/{{site_key}}"), get(serve))
    });
    routes.with_state(door)
}

struct Door {
    hub: Arc<Hub>,
    kept: Mutex<Kept>,
}

/// Scripts by their sites, each with the version of the setup that it was made of.
type Kept = HashMap<(WorkspaceId, SiteId), (i64, Arc<Script>)>;

/// A script in every encoding.
struct Script {
    /// In its quotes.
    etag: String,
    plain: Bytes,
    brotli: Bytes,
    gzip: Bytes,
}

async fn serve(
    State(door): State<Arc<Door>>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> HttpResult<Response> {
    let unknown = || HttpError::not_found("this address");
    let key = name.strip_suffix(".js").ok_or_else(unknown)?;
    let found = door.hub.setups.site_by_key(key).await?;
    let (setup, site) = found.ok_or_else(unknown)?;
    let script = door.script(setup, site).await.ok_or_else(unknown)?;
    Ok(answer(&script, &headers))
}

impl Door {
    /// `None` when the site was removed a moment ago.
    async fn script(&self, setup: Arc<LiveSetup>, site: SiteId) -> Option<Arc<Script>> {
        let place = (setup.workspace.id, site);
        let kept = self.kept().get(&place).cloned();
        if let Some((version, script)) = kept
            && version == setup.version
        {
            return Some(script);
        }
        let text = joined(&self.hub, &setup, setup.site(site)?);
        // Packing well takes some tens of milliseconds.
        let script = tokio::task::spawn_blocking(move || Script::pack(text))
            .await
            .expect("packing a text does not panic");
        let script = Arc::new(script);
        let mut kept = self.kept();
        if kept.len() >= MAX_KEPT {
            kept.clear();
        }
        kept.insert(place, (setup.version, script.clone()));
        Some(script)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept
            .lock()
            .expect("nothing panics while it holds the kept scripts")
    }
}

fn answer(script: &Script, headers: &HeaderMap) -> Response {
    let mut answer = if unchanged(headers, &script.etag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else if accepts(headers, "br") {
        ([(header::CONTENT_ENCODING, "br")], script.brotli.clone()).into_response()
    } else if accepts(headers, "gzip") {
        ([(header::CONTENT_ENCODING, "gzip")], script.gzip.clone()).into_response()
    } else {
        script.plain.clone().into_response()
    };
    let told = answer.headers_mut();
    let etag = HeaderValue::from_str(&script.etag).expect("a hash is plain ASCII");
    told.insert(header::ETAG, etag);
    for (name, value) in [
        (header::CONTENT_TYPE, "text/javascript; charset=utf-8"),
        (header::CACHE_CONTROL, CACHING),
        (header::VARY, "accept-encoding"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // Pages that isolate themselves load only what says that it may be loaded.
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (
            header::HeaderName::from_static("cross-origin-resource-policy"),
            "cross-origin",
        ),
    ] {
        told.insert(name, HeaderValue::from_static(value));
    }
    answer
}

impl Script {
    fn pack(text: String) -> Script {
        let plain = Bytes::from(text);
        let hash = Sha256::digest(&plain);
        let mut brotli = Vec::new();
        let params = BrotliEncoderParams {
            size_hint: plain.len(),
            ..BrotliEncoderParams::default()
        };
        brotli::BrotliCompress(&mut &plain[..], &mut brotli, &params)
            .expect("memory takes what is written");
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        gzip.write_all(&plain)
            .expect("memory takes what is written");
        let gzip = gzip.finish().expect("memory takes what is written");
        Script {
            etag: format!("\"{}\"", hex::encode(&hash[..8])),
            plain,
            brotli: brotli.into(),
            gzip: gzip.into(),
        }
    }
}

/// The text: the core called with what it must know of the site, the public calls, and the pieces
/// that this site needs.
fn joined(hub: &Hub, setup: &LiveSetup, site: &Site) -> String {
    let base = hub.url(&hub.config.tracker.path);
    let greetings: Map<String, Value> = Locale::ALL
        .iter()
        .map(|locale| (locale.tag().into(), json!(locale.text("script.greeting"))))
        .collect();
    let mut parts = vec![part("codes", Value::Object(greetings))];
    let others: Vec<&str> = setup
        .sites
        .iter()
        .filter(|other| other.id != site.id)
        .map(|other| other.host.as_str())
        .collect();
    // Sites of one owner must agree on the parameter, so the first of them names it.
    if let Some(first) = setup.sites.iter().map(|site| &site.key).min()
        && !others.is_empty()
    {
        parts.push(part("links", json!([neutral_name(first, "link"), others])));
    }
    let binders = binders(setup, site);
    if !binders.is_empty() {
        let mut bound = vec![format!("[{}]", piece("readers"))];
        bound.extend(binders.iter().map(|(slug, binder)| {
            let code = piece(&format!("binders/{}", binder.name));
            format!("[{code},{},{}]", json!(slug), json!(binder.option))
        }));
        parts.push(format!("[{},[{}]]", piece("bindings"), bound.join(",")));
    }
    format!(
        "{}({},{},{},{},[{}]);\n",
        piece("core"),
        json!(base),
        json!(format!("/{}", site.key)),
        json!(neutral_name(&site.key, "record")),
        piece("calls"),
        parts.join(","),
    )
}

fn part(name: &str, given: Value) -> String {
    format!("[{},{given}]", piece(name))
}

/// The binders of the site's active integrations, one a provider. An integration of this very site
/// comes before one that serves all sites.
fn binders(setup: &LiveSetup, site: &Site) -> Vec<(&'static str, Binder)> {
    let of_site = |integration: &&Arc<Integration>| integration.site == Some(site.id);
    let of_all = |integration: &&Arc<Integration>| integration.site.is_none();
    let own = setup.integrations.iter().filter(of_site);
    let candidates = own.chain(setup.integrations.iter().filter(of_all));
    let mut found: Vec<(&'static str, Binder)> = Vec::new();
    for integration in candidates.filter(|integration| integration.active) {
        let Some(provider) = providers::find(&integration.provider) else {
            continue;
        };
        let slug = provider.slug();
        if found.iter().any(|(known, _)| *known == slug) {
            continue;
        }
        let binder = provider.binder(&integration.settings);
        found.extend(binder.map(|binder| (slug, binder)));
    }
    found
}

fn piece(name: &str) -> String {
    let file =
        Pieces::get(&format!("{name}.js")).expect("the build packs every piece that is named");
    String::from_utf8(file.data.into_owned()).expect("a script is text")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::IntegrationSettings;

    #[test]
    fn every_binder_that_a_provider_names_was_packed() {
        for provider in providers::ALL {
            let Some(binder) = provider.binder(&IntegrationSettings::default()) else {
                continue;
            };
            let code = piece(&format!("binders/{}", binder.name));
            assert!(code.starts_with('(') && code.ends_with(')'), "{code}");
        }
    }
}
