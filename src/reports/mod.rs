//! Reports of what runs in a cluster, as objects beside it: the leader of the replicas audits now and then, and writes
//! one report for each workload that breaks something.
//!
//! Two APIs are spoken: OpenReports, and the older one of the policy working group. What is written follows from what
//! runs: whatever is lost is written again, and two leaders at once write the same. Nothing here is on the way of a
//! request, or makes a replica unready.

mod api;
mod known;
mod report;
mod round;
mod schedule;
mod status;
mod write;

use std::{future::pending, sync::Arc, time::Duration};

use kube::Client;
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

use crate::{cluster::Cluster, config::Live, exceptions::Store};

pub use api::{Api, Which};
pub use status::{Counts, Last, Outcome, Status, Totals, Verb};

use round::Round;
use schedule::Seen;

/// The value of the label [`MANAGED_BY`] on all that is written.
const US: &str = "portcullis";
/// By which our reports are found.
const MANAGED_BY: &str = "app.kubernetes.io/managed-by";

/// How often changes are looked for: what is looked at is in memory.
const LOOK: Duration = Duration::from_secs(1);

/// What is written, and how often.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// The API that is spoken.
    pub which: Which,
    /// From the end of one audit to the beginning of the next, where nothing changes.
    pub interval: Duration,
    /// The most reports that there are to be.
    pub limit: usize,
}

/// What keeps the reports.
#[derive(Clone)]
pub struct Reporter {
    settings: Settings,
    config: Arc<Live>,
    cluster: Arc<Cluster>,
    leads: watch::Receiver<bool>,
    exceptions: Arc<Store>,
    status: Arc<Status>,
}

impl Reporter {
    /// One that does nothing before it is [`run`](Self::run).
    pub fn new(
        settings: Settings,
        config: Arc<Live>,
        cluster: Arc<Cluster>,
        leads: watch::Receiver<bool>,
        exceptions: Arc<Store>,
    ) -> Self {
        Self { settings, config, cluster, leads, exceptions, status: Arc::default() }
    }

    /// How it stands.
    pub fn status(&self) -> Arc<Status> {
        Arc::clone(&self.status)
    }

    /// Audits and writes while this replica leads. Never ends.
    pub async fn run(mut self, client: Client) {
        loop {
            become_(&mut self.leads, true).await;
            let mut leads = self.leads.clone();
            tokio::select! {
                () = self.lead(&client) => {}
                () = become_(&mut leads, false) => {}
            }
            // Another one says it from now on.
            self.status.forget();
        }
    }

    /// Round after round.
    async fn lead(&self, client: &Client) {
        // That they are listed for the first time is no change.
        while !self.cluster.is_synced() {
            sleep(LOOK).await;
        }
        let mut round = Round::new(client, self.settings, &self.status, &self.exceptions);
        loop {
            let seen = self.seen();
            let began = Instant::now();
            round.run(self.config.current().as_ref().clone()).await;
            self.wait(seen, began.elapsed()).await;
        }
    }

    async fn wait(&self, seen: Seen, took: Duration) {
        let ended = Instant::now();
        sleep(schedule::gap(self.settings.interval, took)).await;
        while ended.elapsed() < self.settings.interval && self.seen() == seen {
            sleep(LOOK.min(self.settings.interval)).await;
        }
    }

    fn seen(&self) -> Seen {
        Seen {
            configured: self.config.status().loaded_at,
            labelled: self.cluster.relabelled(),
            newest: self.cluster.newest(),
        }
    }
}

/// Returns when this replica leads, or when it does not. Never, when nobody says so any more.
async fn become_(leads: &mut watch::Receiver<bool>, wanted: bool) {
    if leads.wait_for(|leads| *leads == wanted).await.is_err() {
        pending().await
    }
}
