//! One round: audits the cluster and updates the reports.

use std::{collections::HashMap, convert::Infallible};

use kube::Client;
use tokio::time::Instant;

use policy::{
    config::Config,
    findings::{Modes, Namespace, Presence},
    pss::{FindingLimits, Level},
};

use crate::{
    audit::{self, Event, Failure, Templates},
    exceptions::Store,
};

use super::{
    ReportSettings,
    api::Api,
    existing::ExistingReports,
    metrics::{AuditMetrics, Counts},
    report::WorkloadReport,
    write::Writer,
};

/// Objects per page. Small, to save memory in the server.
const PAGE: std::num::NonZeroU32 = std::num::NonZeroU32::new(100).expect("100 is not 0");

/// Minimum number of existing reports to look at.
const LEAST_KNOWN: usize = 1000;

pub(super) struct Round<'r> {
    pub(super) client: &'r Client,
    pub(super) settings: ReportSettings,
    pub(super) metrics: &'r AuditMetrics,
    pub(super) exceptions: &'r Store,
    /// The APIs last reported in the log.
    pub(super) logged: Option<Vec<Api>>,
}

impl<'r> Round<'r> {
    /// Audits and writes. Logs failures, which the next round retries.
    pub(super) async fn run(&mut self, config: Config) {
        let began = Instant::now();
        let mut writer = self.open().await;
        let settings = audit::AuditSettings {
            config,
            exceptions: self.exceptions.current(),
            templates: Templates::AsAdmitted,
            modes: Modes::All,
            namespaces: Vec::new(),
            selector: None,
            fail_on: Level::Restricted,
            page: PAGE,
            presence: Some(Presence::Installed),
            caps: FindingLimits::SUMMARY,
        };
        let mut counts = Counts::default();
        let mut covers: HashMap<String, u32> = HashMap::new();
        let mut unread = 0;
        let tell = async |event: Event| {
            match event {
                Event::Namespace(namespace) => {
                    for audited in &namespace.workloads {
                        for note in &audited.workload.exceptions.by {
                            *covers.entry(note.name.clone()).or_default() += 1;
                        }
                    }
                    self.namespace(&namespace, &mut counts, writer.as_mut()).await;
                }
                Event::Unread(what) => {
                    self.metrics.failed();
                    unread += 1;
                    if unread == 1 {
                        tracing::warn!(what = what.what, why = what.why, "not all can be audited");
                    }
                }
                Event::Note(note) => tracing::debug!(note = note.to_string(), "audit"),
                Event::Progress(_) => {}
            }
            Ok::<_, Infallible>(())
        };
        match audit::run(self.client, &settings, tell).await {
            Ok(()) => {}
            Err(Failure::Api(error)) => {
                self.metrics.failed();
                tracing::warn!(error, "the cluster could not be audited");
                return;
            }
            Err(Failure::Callback(never)) => match never {},
        }
        if counts.left_out > 0 {
            let (limit, left_out) = (self.settings.limit, counts.left_out);
            tracing::warn!(limit, left_out, "more workloads break something than may have reports");
        }
        let (applied, deleted) = writer.map_or((0, 0), |writer| (writer.applied, writer.deleted));
        // With unread objects, the counts of covered workloads would be too low.
        if unread == 0 {
            self.exceptions.counted(covers);
        }
        let took = began.elapsed();
        tracing::info!(
            workloads = counts.workloads.values().sum::<u64>(),
            reports = counts.reports,
            applied,
            deleted,
            unread,
            milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            "audited"
        );
        self.metrics.ended(took, &counts);
    }

    /// Selects the API and lists the existing reports.
    async fn open(&mut self) -> Option<Writer<'r>> {
        let found = match self.settings.choice.find(self.client).await {
            Ok(found) => found,
            Err(refusal) => return self.closed(&refusal.to_string()),
        };
        if self.logged.as_ref() != Some(&found) {
            match found.first() {
                Some(api) => tracing::info!(api = api.version(), "reports are written"),
                None => tracing::warn!(
                    apis = ?self.settings.choice.choices().iter().map(|api| api.version()).collect::<Vec<_>>(),
                    "no reports are written: the cluster does not have the API; each round looks again"
                ),
            }
            self.logged = Some(found.clone());
        }
        let mut found = found.into_iter();
        let api = found.next()?;
        // If there are more, later rounds delete the rest.
        let most = self.settings.limit.saturating_mul(2).max(LEAST_KNOWN);
        for older in found {
            self.clear(older, most).await;
        }
        match ExistingReports::list(self.client, api, most).await {
            Ok(existing) => Some(Writer::new(self.client, api, self.metrics, existing)),
            Err(refusal) => self.closed(&refusal.to_string()),
        }
    }

    fn closed(&self, error: &str) -> Option<Writer<'r>> {
        self.metrics.failed();
        tracing::warn!(error, "reports cannot be read: none is written in this round");
        None
    }

    /// Deletes the reports in an API that the cluster now serves a preferred alternative for.
    async fn clear(&self, api: Api, most: usize) {
        let Ok(existing) = ExistingReports::list(self.client, api, most).await else { return };
        let mut writer = Writer::new(self.client, api, self.metrics, ExistingReports::default());
        for (namespace, name) in existing.all() {
            writer.delete(&namespace, &name).await;
        }
    }

    async fn namespace(
        &self,
        namespace: &Namespace,
        counts: &mut Counts,
        mut writer: Option<&mut Writer<'r>>,
    ) {
        // The owner of such a namespace did not ask for advice.
        let is_open = namespace.facts.policy.is_open();
        let lints = if is_open { &[][..] } else { &namespace.lints };
        for audited in &namespace.workloads {
            counts.add(&audited.workload);
            let Some(writer) = writer.as_deref_mut() else { continue };
            let Some(report) = WorkloadReport::of(writer.api, audited, lints) else {
                continue;
            };
            if counts.reports >= self.settings.limit as u64 {
                counts.left_out += 1;
                continue;
            }
            counts.reports += 1;
            let before = writer.existing.take(&report.namespace, &report.name);
            if before.as_ref() != Some(&report.hash) {
                writer.apply(report).await;
            }
        }
        // Unread workloads may still exist, so their reports stay.
        if let Some(writer) = writer
            && namespace.unread.is_empty()
        {
            let name = &namespace.facts.name;
            for stale in writer.existing.rest(name) {
                writer.delete(name, &stale).await;
            }
        }
    }
}
