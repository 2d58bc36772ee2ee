//! Reports about the running workloads, as objects in the cluster: the leading replica audits periodically, and writes
//! one report for each workload with violations.
//!
//! Supports two APIs: OpenReports, and the older one of the policy working group. Reports are derived from what runs: a
//! lost report is written again, and two concurrent leaders write the same. Nothing here runs in the path of a request,
//! or affects readiness.

mod api;
mod existing;
mod metrics;
mod report;
mod round;
mod schedule;
mod write;

use std::{future::pending, sync::Arc, time::Duration};

use kube::Client;
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

use crate::{cluster::Cluster, config::Live, exceptions::Store};

pub use api::{Api, ApiChoice};
pub use metrics::AuditMetrics;

use round::Round;
use schedule::Inputs;

const US: &str = "portcullis";
/// The label that identifies reports written by Portcullis.
const MANAGED_BY: &str = "app.kubernetes.io/managed-by";

/// How often to look for changes. Cheap, because everything it looks at is in memory.
const LOOK: Duration = Duration::from_secs(1);

/// What to write, and how often.
#[derive(Clone, Copy, Debug)]
pub struct ReportSettings {
    /// The API to use.
    pub choice: ApiChoice,
    /// Time from the end of one audit to the start of the next, if nothing changes.
    pub interval: Duration,
    /// The maximum number of reports.
    pub limit: usize,
}

/// Keeps the reports up to date.
#[derive(Clone)]
pub struct Reporter {
    settings: ReportSettings,
    config: Arc<Live>,
    cluster: Arc<Cluster>,
    leads: watch::Receiver<bool>,
    exceptions: Arc<Store>,
    metrics: AuditMetrics,
}

impl Reporter {
    /// A reporter that does nothing until [`run`](Self::run) is called.
    pub fn new(
        settings: ReportSettings,
        config: Arc<Live>,
        cluster: Arc<Cluster>,
        leads: watch::Receiver<bool>,
        exceptions: Arc<Store>,
        metrics: AuditMetrics,
    ) -> Self {
        Self { settings, config, cluster, leads, exceptions, metrics }
    }

    /// Audits and writes while this replica leads. Never returns.
    pub async fn run(mut self, client: Client) {
        loop {
            until_leads(&mut self.leads, true).await;
            let mut leads = self.leads.clone();
            tokio::select! {
                () = self.lead(&client) => {}
                () = until_leads(&mut leads, false) => {}
            }
            // From now on another replica reports the metrics.
            self.metrics.forget();
        }
    }

    /// Runs rounds until cancelled.
    async fn lead(&self, client: &Client) {
        // The initial list of namespaces must not count as a change.
        while !self.cluster.is_synced() {
            sleep(LOOK).await;
        }
        let mut round = Round::new(client, self.settings, &self.metrics, &self.exceptions);
        loop {
            let inputs = self.inputs();
            let began = Instant::now();
            round.run(self.config.current().as_ref().clone()).await;
            self.wait(inputs, began.elapsed()).await;
        }
    }

    async fn wait(&self, inputs: Inputs, took: Duration) {
        let ended = Instant::now();
        sleep(schedule::gap(self.settings.interval, took)).await;
        while ended.elapsed() < self.settings.interval && self.inputs() == inputs {
            sleep(LOOK.min(self.settings.interval)).await;
        }
    }

    fn inputs(&self) -> Inputs {
        Inputs {
            configured: self.config.status().loaded_at,
            labelled: self.cluster.relabelled(),
            newest: self.cluster.newest(),
        }
    }
}

/// Returns when leadership becomes `wanted`. Never returns if the election has ended.
async fn until_leads(leads: &mut watch::Receiver<bool>, wanted: bool) {
    if leads.wait_for(|leads| *leads == wanted).await.is_err() {
        pending().await
    }
}
