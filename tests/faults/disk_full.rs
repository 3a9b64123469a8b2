//! The disk fills up under load: refused with 503, still readable, and back when there is room.

use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::json;

use crate::api::Api;
use crate::hub::Install;
use crate::ledger::{Burst, Ledger};
use crate::settings;
use crate::shim::{Disk, copy_folder};

const CONNECTIONS: usize = 8;
/// Enough to fill what room there is.
const CONVERSATIONS: u64 = 20_000;
const FULL_LIMIT: Duration = Duration::from_secs(30);
const RESUME_LIMIT: Duration = Duration::from_secs(5);
/// How long the hub must bear the full disk.
const FULL_FOR: Duration = Duration::from_millis(700);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_refused_readable_and_recovered_from() {
    let mut random = StdRng::seed_from_u64(settings::seed());
    let mut install = Install::init().await;
    let hub = install.serve(&[]).await;
    let (_, addresses) = hub
        .api
        .integration("jivosite", install.printed.site_id, json!({}))
        .await;
    let chats = addresses["chats"].clone();
    hub.kill().await;

    let mirror = install.place("disk");
    copy_folder(&install.data, &mirror);
    let disk = Disk::new(&install.data, &mirror, &install.place("control"));
    let mut hub = install.serve(&disk.env()).await;
    let ledger = Ledger::default();
    for cycle in 0..settings::cycles().min(10) {
        // A file system that copies on write first, then one that overwrites in place.
        let room = random.random_range(0..2_000_000);
        if cycle % 2 == 0 {
            disk.control.full_after_written(room)
        } else {
            disk.control.full_after_grown(room)
        }
        let burst = Burst::new(CONNECTIONS, CONVERSATIONS);
        let probe = async {
            until_full(&hub.api, &chats).await;
            assert_reads_stay_up(&hub.api).await;
            assert!(disk.control.refused() > 0, "the shim refused nothing");
            disk.control.free_space();
            assert_resumes(&hub.api, &chats).await;
            burst.stop();
        };
        tokio::join!(ledger.load(&hub.api, &chats, &burst), probe);
        hub.assert_well();
        ledger
            .account(&hub.api)
            .await
            .assert_whole(&format!("cycle {cycle}, {room} bytes of room"));
    }
    hub.kill().await;

    install.data = disk.mirror;
    hub = install.serve(&[]).await;
    ledger.repeat_unacked(&hub.api, &chats).await;
    ledger
        .account(&hub.api)
        .await
        .assert_whole("after a power cut at the end");
    assert_eq!(ledger.raw_lost(&hub.api).await, [], "raw events lost");
}

/// Waits, under the load of others, for the first 503.
async fn until_full(api: &Api, chats: &str) {
    let deadline = Instant::now() + FULL_LIMIT;
    while status(api, chats).await != 503 {
        assert!(
            Instant::now() < deadline,
            "no 503 after {FULL_LIMIT:?}: the disk does not fill up"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn assert_reads_stay_up(api: &Api) {
    let end = Instant::now() + FULL_FOR;
    while Instant::now() < end {
        for path in [
            "/api/v1/communications?limit=20",
            "/api/v1/raw-events?state=pending&limit=20",
        ] {
            api.get(path).await;
        }
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}

async fn assert_resumes(api: &Api, chats: &str) {
    let freed = Instant::now();
    while status(api, chats).await != 200 {
        assert!(
            freed.elapsed() < RESUME_LIMIT,
            "no webhook taken {RESUME_LIMIT:?} after space was freed"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    eprintln!("intake resumed after {:?}", freed.elapsed());
}

/// A webhook that is nobody's appeal, sized as one.
async fn status(api: &Api, chats: &str) -> u16 {
    let body = json!({"event_name": "probe_of_the_disk", "filling": "x".repeat(2_000)});
    let answer = api
        .post(chats, body.to_string())
        .await
        .expect("the hub answers");
    let status = answer.status.as_u16();
    assert!(
        status == 200 || (status == 503 && answer.retry_after),
        "{answer:?}"
    );
    status
}
