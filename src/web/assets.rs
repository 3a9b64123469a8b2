//! Styles, scripts, fonts and icons of the pages, built into the binary and served with long caching.
//! Addresses carry a hash of the content, so a new version is a new address.

use crate::packed::{ENCODINGS, accepts, unchanged};
use std::borrow::Cow;

use axum::extract::{Path, RawQuery};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use rust_embed::{EmbeddedFile, RustEmbed};

#[derive(RustEmbed)]
#[folder = "$OUT_DIR/assets"]
struct Files;

/// Address of an asset, changing with its content. An unknown name gives an address that answers 404.
pub fn url(name: &str) -> String {
    match Files::get(name) {
        Some(file) => format!("/assets/{name}?v={}", short_hash(&file)),
        None => format!("/assets/{name}"),
    }
}

/// Address of a provider's mark; providers without one share a plain mark.
pub fn logo_url(provider: &str) -> String {
    let name = format!("logos/{provider}.svg");
    if Files::get(&name).is_some() {
        url(&name)
    } else {
        url("logos/other.svg")
    }
}

/// `GET /assets/{*name}`.
pub async fn serve(
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let Some(file) = Files::get(&name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let hash = short_hash(&file);
    let etag = format!("\"{hash}\"");
    let mut answer = if unchanged(&headers, &etag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        body(&name, file, &headers)
    };
    let versioned = query.is_some_and(|query| query == format!("v={hash}"));
    // Fonts carry the hash in their names.
    let caching = if versioned || name.starts_with("fonts/") {
        "public, max-age=31536000, immutable"
    } else {
        "public, no-cache"
    };
    let kept = answer.headers_mut();
    kept.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    kept.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    kept.insert(
        header::ETAG,
        HeaderValue::from_str(&etag).expect("a hash is plain ASCII"),
    );
    answer
}

fn body(name: &str, plain: EmbeddedFile, headers: &HeaderMap) -> Response {
    let packed = ENCODINGS
        .iter()
        .filter(|(encoding, _)| accepts(headers, encoding))
        .find_map(|(encoding, end)| Some((encoding, Files::get(&format!("{name}.{end}"))?)));
    let content_type = [(header::CONTENT_TYPE, content_type(name))];
    match packed {
        Some((encoding, file)) => (
            content_type,
            [(header::CONTENT_ENCODING, *encoding)],
            bytes(file),
        )
            .into_response(),
        None => (content_type, bytes(plain)).into_response(),
    }
}

fn bytes(file: EmbeddedFile) -> axum::body::Body {
    match file.data {
        Cow::Borrowed(data) => axum::body::Body::from(data),
        Cow::Owned(data) => axum::body::Body::from(data),
    }
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    }
}

fn short_hash(file: &EmbeddedFile) -> String {
    hex::encode(&file.metadata.sha256_hash()[..8])
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn get(name: &str, query: Option<&str>, headers: &[(&str, &str)]) -> Response {
        let headers = headers
            .iter()
            .map(|(name, value)| {
                let name = http::HeaderName::try_from(*name).expect("a header name");
                (name, HeaderValue::from_str(value).expect("a header value"))
            })
            .collect();
        serve(
            Path(name.to_owned()),
            RawQuery(query.map(str::to_owned)),
            headers,
        )
        .await
    }

    fn header_of(response: &Response, name: header::HeaderName) -> &str {
        response
            .headers()
            .get(name)
            .map_or("", |value| value.to_str().expect("ASCII"))
    }

    #[tokio::test]
    async fn an_address_with_the_hash_is_kept_forever() {
        let url = url("app.css");
        let (_, version) = url.split_once('?').expect("a version");
        let response = get("app.css", Some(version), &[]).await;
        assert!(header_of(&response, header::CACHE_CONTROL).contains("immutable"));
        let stale = get("app.css", Some("v=0000"), &[]).await;
        assert_eq!(header_of(&stale, header::CACHE_CONTROL), "public, no-cache");
    }

    #[tokio::test]
    async fn a_browser_that_has_the_file_is_told_so() {
        let first = get("app.js", None, &[]).await;
        let etag = header_of(&first, header::ETAG).to_owned();
        let second = get("app.js", None, &[("if-none-match", &etag)]).await;
        assert_eq!(second.status(), StatusCode::NOT_MODIFIED);
    }

    #[tokio::test]
    async fn the_smallest_accepted_encoding_is_sent() {
        let both = get("app.css", None, &[("accept-encoding", "gzip, deflate, br")]).await;
        assert_eq!(header_of(&both, header::CONTENT_ENCODING), "br");
        assert_eq!(
            header_of(&both, header::CONTENT_TYPE),
            "text/css; charset=utf-8"
        );
        let gzip = get("app.css", None, &[("accept-encoding", "br;q=0, gzip")]).await;
        assert_eq!(header_of(&gzip, header::CONTENT_ENCODING), "gzip");
        let none = get("app.css", None, &[]).await;
        assert_eq!(header_of(&none, header::CONTENT_ENCODING), "");
    }

    #[tokio::test]
    async fn an_unknown_asset_is_not_found() {
        assert_eq!(
            get("../Cargo.toml", None, &[]).await.status(),
            StatusCode::NOT_FOUND
        );
        assert_eq!(logo_url("unheard-of"), url("logos/other.svg"));
    }
}
