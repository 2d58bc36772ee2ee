//! The flags of reports and Events.

use std::{
    future::Future,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use clap::{Args, ValueEnum};
use kube::Client;
use prometheus::Registry;
use tokio::{
    sync::watch,
    task::{JoinSet, LocalSet, spawn_local},
    time::sleep,
};

use crate::{
    cluster::{self, Cluster},
    config::Live,
    events::Events,
    exceptions,
    policy_reports::{self, Api, ApiChoice, ReportSettings, Reporter},
    server::Shutdown,
    telemetry::Metrics,
};

use super::{election::stopping, self_managed::duration};

/// Shorter intervals would keep the API server busy with nothing else.
const MIN_INTERVAL: Duration = Duration::from_secs(1);

/// The pause after an error that ends the audits.
const RETRY_PAUSE: Duration = Duration::from_secs(60);

#[derive(Args, Debug)]
pub(super) struct Reporting {
    /// Audit the cluster periodically, and write a PolicyReport for each workload with violations
    #[arg(
        long,
        value_name = "auto|openreports|wgpolicy|off",
        env = "PORTCULLIS_REPORTS",
        default_value = "off",
        conflicts_with = "standalone",
        hide_possible_values = true
    )]
    reports: Mode,

    /// Interval between audits, such as 1h or 30m; a change of the configuration or of namespace labels starts one
    /// within two minutes
    #[arg(long, value_name = "DURATION", env = "PORTCULLIS_REPORT_INTERVAL", default_value = "1h", value_parser = interval)]
    report_interval: Duration,

    /// Maximum number of reports; further workloads are only counted
    #[arg(long, value_name = "N", env = "PORTCULLIS_REPORT_LIMIT", default_value_t = 10_000, value_parser = super::flags::whole::<usize>)]
    report_limit: usize,
}

#[derive(Args, Debug)]
pub(super) struct EventFlags {
    /// Write an Event for each denied pod, at most five a second; the webhook needs sideEffects: NoneOnDryRun
    #[arg(long, env = "PORTCULLIS_EVENTS", conflicts_with = "standalone")]
    events: bool,
}

impl EventFlags {
    /// Starts writing Events, if enabled.
    pub(super) fn start(
        &self,
        client: Option<&Client>,
        instance: String,
        metrics: &Metrics,
        tasks: &mut JoinSet<()>,
    ) -> anyhow::Result<Option<Events>> {
        let Some(client) = client.filter(|_| self.events) else { return Ok(None) };
        let (events, writing) = Events::new(client.clone(), instance, metrics.events()?);
        tasks.spawn(writing);
        Ok(Some(events))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Mode {
    Auto,
    #[value(name = "openreports")]
    OpenReports,
    #[value(name = "wgpolicy")]
    WgPolicy,
    Off,
}

/// The inputs of the reports.
pub(super) struct Sources<'s> {
    pub(super) kubeconfig: Option<PathBuf>,
    pub(super) config: Arc<Live>,
    pub(super) cluster: Arc<Cluster>,
    pub(super) leads: watch::Receiver<bool>,
    pub(super) exceptions: Arc<exceptions::Store>,
    /// Where the metrics of audits are registered.
    pub(super) registry: &'s Registry,
}

impl Reporting {
    pub(super) fn is_enabled(&self) -> bool {
        self.choice().is_some()
    }

    fn choice(&self) -> Option<ApiChoice> {
        match self.reports {
            Mode::Auto => Some(ApiChoice::Auto),
            Mode::OpenReports => Some(ApiChoice::Only(Api::OpenReports)),
            Mode::WgPolicy => Some(ApiChoice::Only(Api::WgPolicy)),
            Mode::Off => None,
        }
    }

    /// Starts writing reports until the server stops, if enabled. Uses a separate thread and connections, because
    /// reading a page of pods blocks a thread for milliseconds.
    pub(super) fn start(
        &self,
        sources: Sources<'_>,
        stop: &Shutdown,
        tasks: &mut JoinSet<()>,
    ) -> prometheus::Result<()> {
        let Some(choice) = self.choice() else { return Ok(()) };
        let settings =
            ReportSettings { choice, interval: self.report_interval, limit: self.report_limit };
        let Sources { kubeconfig, config, cluster, leads, exceptions, registry } = sources;
        let metrics = policy_reports::AuditMetrics::new(registry)?;
        let reporter = Reporter { settings, config, cluster, leads, exceptions, metrics };
        let stopping = stopping(stop);
        tasks.spawn_blocking(move || run(&reporter, kubeconfig.as_deref(), stopping));
        Ok(())
    }
}

fn run(reporter: &Reporter, kubeconfig: Option<&Path>, stopping: impl Future<Output = ()>) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            return tracing::error!(error = error.to_string(), "no reports are written");
        }
    };
    let keeping = async {
        loop {
            let work = keep(reporter.clone(), kubeconfig.map(Path::to_owned));
            // A failed audit must not stop the server.
            if spawn_local(work).await.is_err() {
                tracing::error!("an audit panicked; this is a bug in Portcullis");
            }
            sleep(RETRY_PAUSE).await;
        }
    };
    LocalSet::new().block_on(&runtime, async {
        tokio::select! {
            () = keeping => {}
            () = stopping => {}
        }
    });
}

async fn keep(reporter: Reporter, kubeconfig: Option<PathBuf>) {
    match cluster::connect(kubeconfig.as_deref()).await {
        Ok(client) => reporter.run(client).await,
        Err(error) => tracing::error!(error = error.to_string(), "no reports are written"),
    }
}

fn interval(text: &str) -> Result<Duration, &'static str> {
    let interval = duration(text)?;
    (interval >= MIN_INTERVAL).then_some(interval).ok_or("must be at least 1s")
}
