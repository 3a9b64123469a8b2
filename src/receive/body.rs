//! Reads a body within its limits and removes gzip.

use crate::config::Intake;
use crate::http_error::{DRAINED, Unread, bounded};
use axum::body::Body;
use flate2::read::MultiGzDecoder;
use http::{HeaderMap, header};
use std::io::Read;
use std::time::Duration;

/// What a request's body turned out to be.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Received {
    /// As it came; also when it says that it is packed and is not.
    Whole(Vec<u8>),
    /// Without its gzip.
    Unpacked(Vec<u8>),
    /// Above a limit; nothing of it is kept.
    TooLarge { read_bytes: usize },
    /// The sender went away or took too long.
    BrokenOff,
}

pub(super) async fn read(limits: &Intake, headers: &HeaderMap, body: Body) -> Received {
    let limit = limits.max_body_bytes;
    let told = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|told| told.parse::<usize>().ok());
    if told.is_some_and(|told| told > limit + DRAINED) {
        return Received::TooLarge { read_bytes: limit };
    }
    let timeout = Duration::from_secs(limits.body_timeout_s);
    let bytes = match tokio::time::timeout(timeout, bounded(body, limit)).await {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(Unread::TooLarge)) => return Received::TooLarge { read_bytes: limit },
        Ok(Err(Unread::BrokenOff)) => return Received::BrokenOff,
        Err(_) => return Received::BrokenOff,
    };
    let is_packed = headers
        .get(header::CONTENT_ENCODING)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"gzip"));
    if is_packed {
        unpack(bytes, limits.max_unpacked_bytes)
    } else {
        Received::Whole(bytes)
    }
}

/// Stops at the limit, so that a small bomb does no harm. What is no gzip is kept as it came.
fn unpack(packed: Vec<u8>, limit: usize) -> Received {
    let mut unpacked = Vec::new();
    let mut reader = MultiGzDecoder::new(packed.as_slice()).take(limit as u64 + 1);
    match reader.read_to_end(&mut unpacked) {
        Ok(_) if unpacked.len() > limit => Received::TooLarge { read_bytes: limit },
        Ok(_) => Received::Unpacked(unpacked),
        Err(_) => Received::Whole(packed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;

    fn pack(bytes: &[u8]) -> Vec<u8> {
        let mut packer = GzEncoder::new(Vec::new(), Compression::best());
        packer.write_all(bytes).unwrap();
        packer.finish().unwrap()
    }

    #[test]
    fn gzip_is_removed_up_to_the_limit_and_a_bomb_is_refused() {
        assert_eq!(
            unpack(pack(b"hello"), 5),
            Received::Unpacked(b"hello".to_vec())
        );
        let bomb = pack(&vec![0; 10_000_000]);
        assert!(bomb.len() < 20_000);
        assert_eq!(
            unpack(bomb, 8_388_608),
            Received::TooLarge {
                read_bytes: 8_388_608
            }
        );
    }

    #[test]
    fn what_only_claims_to_be_gzip_is_kept_as_it_came() {
        let cut = pack(b"a longer text that is cut off")[..20].to_vec();
        assert_eq!(unpack(cut.clone(), 100), Received::Whole(cut));
        assert_eq!(unpack(b"{}".to_vec(), 100), Received::Whole(b"{}".to_vec()));
    }
}
