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

pub(crate) use api::{Api, ApiChoice};
pub(crate) use metrics::AuditMetrics;

use round::Round;
use schedule::Inputs;

const US: &str = "portcullis";
/// The label that identifies reports written by Portcullis.
const MANAGED_BY: &str = "app.kubernetes.io/managed-by";

/// How often to look for changes. Cheap, because everything it looks at is in memory.
const LOOK: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug)]
pub(crate) struct ReportSettings {
    pub(crate) choice: ApiChoice,
    /// Time from the end of one audit to the start of the next, if nothing changes.
    pub(crate) interval: Duration,
    pub(crate) limit: usize,
}

/// Keeps the reports up to date.
#[derive(Clone)]
pub(crate) struct Reporter {
    pub(crate) settings: ReportSettings,
    pub(crate) config: Arc<Live>,
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) leads: watch::Receiver<bool>,
    pub(crate) exceptions: Arc<Store>,
    pub(crate) metrics: AuditMetrics,
}

impl Reporter {
    /// Audits and writes while this replica leads. Never returns.
    pub(crate) async fn run(mut self, client: Client) {
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
        let mut round = Round {
            client,
            settings: self.settings,
            metrics: &self.metrics,
            exceptions: &self.exceptions,
            logged: None,
        };
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
