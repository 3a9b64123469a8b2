//! What pages tell of the script on them: that it runs, and what it could not do. Each word is kept
//! at most once a minute, so that busy sites cost nothing.

use crate::hub::{Hub, LiveSetup};
use crate::model::{Sign, SignWord, SiteId, Timestamp};
use crate::visits::{MessageKind, TrackerMessage};
use http::{HeaderMap, header};
use jiff::SignedDuration;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use tracing::debug;

/// The least time between two notes of one word.
const PACE: SignedDuration = SignedDuration::from_mins(1);
/// Words remembered; more than these are forgotten together.
const MOST: usize = 10_000;
/// Longest host kept, bytes.
const MAX_HOST: usize = 120;

/// When each word was last noted.
#[derive(Default)]
pub(super) struct Board(Mutex<HashMap<Sign, Timestamp>>);

impl Board {
    /// Notes what a message says of the script itself: that it counts pages, that a widget is there.
    pub(super) async fn hear(
        &self,
        hub: &Hub,
        (setup, site): (&LiveSetup, SiteId),
        headers: &HeaderMap,
        message: &TrackerMessage,
    ) {
        let told = match (message.kind, &message.bind) {
            (MessageKind::PageView, _) => (String::new(), SignWord::Seen),
            (MessageKind::Bind, Some(bind)) => (bind.provider.clone(), SignWord::Found),
            _ => return,
        };
        self.note(hub, (setup, site), headers, [told]).await;
    }

    pub(super) async fn note(
        &self,
        hub: &Hub,
        (setup, site): (&LiveSetup, SiteId),
        headers: &HeaderMap,
        told: impl IntoIterator<Item = (String, SignWord)>,
    ) {
        let Some(host) = host_of_page(headers) else {
            return;
        };
        let now = hub.now();
        for (provider, word) in told {
            let mut integrations = setup.integrations.iter();
            if !provider.is_empty() && !integrations.any(|one| one.provider == provider) {
                continue;
            }
            let sign = Sign {
                site,
                host: host.clone(),
                provider,
                word,
            };
            if self.is_due(&sign, now) {
                let noted = hub.store.note_sign(setup.workspace.id, sign, now).await;
                if let Err(error) = noted {
                    debug!(%error, "A sign of the script was not kept");
                }
            }
        }
    }

    fn is_due(&self, sign: &Sign, now: Timestamp) -> bool {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let last = noted.get(sign);
        if last.is_some_and(|last| now.duration_since(*last).abs() < PACE) {
            return false;
        }
        if noted.len() >= MOST {
            noted.clear();
        }
        noted.insert(sign.clone(), now);
        true
    }
}

/// The page's own word on its host: browsers send it with every message.
fn host_of_page(headers: &HeaderMap) -> Option<String> {
    let origin = headers.get(header::ORIGIN)?.to_str().ok()?;
    let (_, host) = origin.split_once("://")?;
    let well_formed = (1..=MAX_HOST).contains(&host.len())
        && host
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte));
    well_formed.then(|| host.to_ascii_lowercase())
}
