//! Who has which raw event in hand. One process at a time serves a data directory, so this is known
//! in memory: a claim costs the writer nothing, and a process that dies takes its leases along.

use crate::model::{RawEventId, Timestamp};
use std::collections::HashMap;
use tokio::sync::{Mutex, MutexGuard};

/// Leases by raw event. A claim holds them while it reads what is pending, and an ended event is
/// given back only after its commit: so nobody reads it as pending and finds it free.
#[derive(Default)]
pub(super) struct Leases(Mutex<HashMap<RawEventId, Timestamp>>);

impl Leases {
    /// The leases that have not ended by `now`.
    pub(super) async fn at(
        &self,
        now: Timestamp,
    ) -> MutexGuard<'_, HashMap<RawEventId, Timestamp>> {
        let mut leases = self.0.lock().await;
        leases.retain(|_, until| *until > now);
        leases
    }

    pub(super) async fn give_back(&self, ids: &[RawEventId]) {
        if ids.is_empty() {
            return;
        }
        let mut leases = self.0.lock().await;
        for id in ids {
            leases.remove(id);
        }
    }
}
