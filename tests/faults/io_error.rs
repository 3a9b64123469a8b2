//! A sync fails: what it covered may be gone though a later sync would succeed, so the hub must stop.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::json;

use crate::hub::Install;
use crate::ledger::{Burst, Ledger};
use crate::settings;
use crate::shim::{Disk, copy_folder};

const CONNECTIONS: usize = 8;
const CONVERSATIONS: u64 = 5_000;
const STOP_LIMIT: Duration = Duration::from_secs(15);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hub_whose_sync_failed_stops_and_loses_nothing() {
    let mut random = StdRng::seed_from_u64(settings::seed());
    let mut install = Install::init().await;
    let hub = install.serve(&[]).await;
    let (_, addresses) = hub
        .api
        .integration("jivosite", install.printed.site_id, json!({}))
        .await;
    let chats = addresses["chats"].clone();
    hub.kill().await;

    let ledger = Ledger::default();
    for cycle in 0..settings::cycles().min(10) {
        let mirror = install.place(&format!("disk-{cycle}"));
        copy_folder(&install.data, &mirror);
        let disk = Disk::new(
            &install.data,
            &mirror,
            &install.place(&format!("control-{cycle}")),
        );
        let mut hub = install.serve(&disk.env()).await;
        let burst = Burst::new(CONNECTIONS, CONVERSATIONS);
        let moment = Duration::from_millis(random.random_range(50..1_000));
        let api = hub.api.clone();
        let failure = async {
            tokio::time::sleep(moment).await;
            // Only one fails: a hub that tries again would be told that all is well.
            disk.control.fail_syncs(1);
            let status = hub.stopped(STOP_LIMIT).await;
            burst.stop();
            status
        };
        let ((), status) = tokio::join!(ledger.load(&api, &chats, &burst), failure);
        let story = format!("cycle {cycle}, sync failed after {moment:?}, hub ended with {status}");
        assert!(!status.success(), "{story}\n{}", hub.log());
        assert_eq!(disk.control.failed_syncs(), 1, "{story}");
        assert_eq!(
            disk.control.syncs_after_failure(),
            0,
            "{story}: it synced the file again"
        );

        // The strictest restart: nothing but what was synced before is there.
        install.data = disk.mirror;
        let hub = install.serve(&[]).await;
        ledger.account(&hub.api).await.assert_whole(&story);
        ledger.repeat_unacked(&hub.api, &chats).await;
        hub.kill().await;
    }
    let mut hub = install.serve(&[]).await;
    assert_eq!(ledger.raw_lost(&hub.api).await, [], "raw events lost");
    hub.assert_well();
}
