//! Files that a browser keeps: which packed copy of one it takes, and whether it has it already.

use http::{HeaderMap, header};

/// The encodings kept beside a text, best first, each with the ending of its copy.
pub const ENCODINGS: [(&str, &str); 2] = [("br", "br"), ("gzip", "gz")];

/// Whether the browser takes the encoding: `accept-encoding` names it without forbidding it by `q=0`.
pub fn accepts(headers: &HeaderMap, encoding: &str) -> bool {
    let accepted = headers
        .get(header::ACCEPT_ENCODING)
        .and_then(|value| value.to_str().ok());
    accepted.unwrap_or_default().split(',').any(|part| {
        let (name, quality) = part.split_once(';').unwrap_or((part, ""));
        let forbidden = matches!(quality.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000");
        name.trim().eq_ignore_ascii_case(encoding) && !forbidden
    })
}

/// Whether the browser has the content with this ETag (in its quotes) already.
pub fn unchanged(headers: &HeaderMap, etag: &str) -> bool {
    let known = headers
        .get(header::IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok());
    known.is_some_and(|known| {
        known
            .split(',')
            .any(|one| one.trim().trim_start_matches("W/") == etag)
    })
}
