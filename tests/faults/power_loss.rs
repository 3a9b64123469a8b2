//! The machine loses power under load: only what was synced is there when it starts again.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::json;

use crate::hub::Install;
use crate::ledger::{Account, Burst, Ledger};
use crate::settings;
use crate::shim::{Disk, copy_folder};

const CONNECTIONS: usize = 8;
/// More than a burst has time for, so that the load still runs when it ends.
const CONVERSATIONS: u64 = 4_000;

/// Each cycle copies the whole disk, so the longest run is shorter than that of the kills.
const MOST_CYCLES: usize = 20;

/// Share of the writes that the system writes back by itself, in every second cycle.
const LEAK_PERMILLE: i64 = 300;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_power_cut_loses_nothing_that_was_acknowledged() {
    let mut outage = Outage::prepare(&[]).await;
    for cycle in 0..settings::cycles().min(MOST_CYCLES) {
        let account = outage.cycle(cycle).await;
        account.assert_whole(&format!("power lost in cycle {cycle}"));
        eprintln!(
            "cycle {cycle}: {} conversations acknowledged, none lost",
            account.acked
        );
    }
    outage.assert_raw_events_kept().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_power_cut_shows_a_store_that_does_not_sync() {
    let mut outage = Outage::prepare(&[("SKVOZ_STORE_SYNCHRONOUS", "normal")]).await;
    for cycle in 0..MOST_CYCLES {
        let account = outage.cycle(cycle).await;
        if !account.lost.is_empty() {
            eprintln!(
                "cycle {cycle}: lost {} of {}, as it must",
                account.lost.len(),
                account.acked
            );
            return;
        }
    }
    panic!("synchronous=NORMAL lost nothing: the harness does not see unsynced writes");
}

/// An install that lives through power cuts, and the account of its load.
struct Outage {
    install: Install,
    env: Vec<(&'static str, String)>,
    chats: String,
    ledger: Ledger,
    random: StdRng,
}

impl Outage {
    async fn prepare(env: &[(&'static str, &str)]) -> Self {
        let random = StdRng::seed_from_u64(settings::seed());
        let install = Install::init().await;
        let hub = install.serve(&[]).await;
        let (_, addresses) = hub
            .api
            .integration("jivosite", install.printed.site_id, json!({}))
            .await;
        hub.kill().await;
        let env = env
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect();
        Self {
            install,
            env,
            chats: addresses["chats"].clone(),
            ledger: Ledger::default(),
            random,
        }
    }

    /// Load, power cut, and what the hub has when it starts from the disk that is left.
    async fn cycle(&mut self, cycle: usize) -> Account {
        let disk = self.disk(cycle);
        if cycle % 2 == 1 {
            disk.control.leak_permille(LEAK_PERMILLE);
        }
        let hub = self.install.serve(&self.env_on(&disk)).await;
        let burst = Burst::new(CONNECTIONS, CONVERSATIONS);
        let moment = Duration::from_millis(self.random.random_range(200..1_200));
        let api = hub.api.clone();
        let cut = async {
            tokio::time::sleep(moment).await;
            hub.kill().await;
            burst.stop();
        };
        tokio::join!(self.ledger.load(&api, &self.chats, &burst), cut);
        // A store that need not sync may not have come to it in so short a time.
        let must_sync = self.env.is_empty();
        assert!(
            !must_sync || disk.control.syncs() > 0,
            "the shim saw no sync: it is not in the way"
        );
        self.install.data = disk.mirror.clone();
        let hub = self.install.serve(&self.env).await;
        let account = self.ledger.account(&hub.api).await;
        if account.lost.is_empty() {
            self.ledger.repeat_unacked(&hub.api, &self.chats).await;
        }
        hub.kill().await;
        account
    }

    async fn assert_raw_events_kept(&self) {
        let mut hub = self.install.serve(&self.env).await;
        assert_eq!(self.ledger.raw_lost(&hub.api).await, [], "raw events lost");
        hub.assert_well();
    }

    fn disk(&self, cycle: usize) -> Disk {
        let mirror = self.install.place(&format!("disk-{cycle}"));
        copy_folder(&self.install.data, &mirror);
        Disk::new(
            &self.install.data,
            &mirror,
            &self.install.place(&format!("control-{cycle}")),
        )
    }

    fn env_on(&self, disk: &Disk) -> Vec<(&'static str, String)> {
        [self.env.clone(), disk.env()].concat()
    }
}
