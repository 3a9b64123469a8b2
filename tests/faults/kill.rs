//! Kill -9 at a random moment under load, again and again on the same data folder.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::json;

use crate::hub::Install;
use crate::ledger::{Burst, Ledger};
use crate::settings;

const CONNECTIONS: usize = 8;
/// More than a burst has time for, so that the load still runs when it ends.
const CONVERSATIONS: u64 = 4_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_hub_loses_nothing_it_acknowledged() {
    let mut random = StdRng::seed_from_u64(settings::seed());
    let install = Install::init().await;
    let ledger = Ledger::default();
    let mut hub = install.serve(&[]).await;
    let (_, addresses) = hub
        .api
        .integration("jivosite", install.printed.site_id, json!({}))
        .await;
    let chats = &addresses["chats"];
    for cycle in 0..settings::cycles() {
        let burst = Burst::new(CONNECTIONS, CONVERSATIONS);
        let moment = Duration::from_millis(random.random_range(50..1_200));
        let api = hub.api.clone();
        let killed = async {
            tokio::time::sleep(moment).await;
            hub.kill().await;
            burst.stop();
        };
        tokio::join!(ledger.load(&api, chats, &burst), killed);
        if cycle % 3 == 1 {
            kill_while_starting(&install, random.random_range(1..200)).await;
        }
        hub = install.serve(&[]).await;
        ledger
            .account(&hub.api)
            .await
            .assert_whole(&format!("cycle {cycle}, killed after {moment:?}"));
        ledger.repeat_unacked(&hub.api, chats).await;
    }
    ledger
        .account(&hub.api)
        .await
        .assert_whole("after all cycles and repeats");
    assert_eq!(ledger.raw_lost(&hub.api).await, [], "raw events lost");
    hub.assert_well();
}

/// The next kill comes while the hub recovers from the last one.
async fn kill_while_starting(install: &Install, after_ms: u64) {
    let hub = install.spawn();
    tokio::time::sleep(Duration::from_millis(after_ms)).await;
    hub.kill().await;
}
