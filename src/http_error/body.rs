//! Reads a body up to a limit, so that the sender hears of it when it is larger.

use axum::body::Body;
use futures_util::StreamExt;

/// A sender that is told "too large" while it still sends may see a broken connection instead of
/// the answer. So up to this many bytes more are read and dropped first.
pub const DRAINED: usize = 16 * 1024 * 1024;

/// Why a body was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    TooLarge,
    /// The sender went away before the end.
    BrokenOff,
}

/// The body, when it has at most `limit` bytes.
pub async fn bounded(body: Body, limit: usize) -> Result<Vec<u8>, Unread> {
    let mut stream = body.into_data_stream();
    let mut bytes = Vec::new();
    let mut dropped = 0;
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|_| Unread::BrokenOff)?;
        if dropped == 0 && bytes.len() + chunk.len() <= limit {
            bytes.extend_from_slice(&chunk);
            continue;
        }
        dropped += chunk.len();
        bytes = Vec::new();
        if dropped > DRAINED {
            break;
        }
    }
    if dropped > 0 {
        return Err(Unread::TooLarge);
    }
    Ok(bytes)
}
