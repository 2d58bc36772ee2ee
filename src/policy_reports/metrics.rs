//! The results of audits as metrics. A replica that does not lead exports no results, so the sum over all replicas is
//! correct.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use prometheus::{
    GaugeVec, IntCounter, IntCounterVec, Registry, register_gauge_vec_with_registry as gauge_vec,
    register_int_counter_vec_with_registry as counter_vec,
    register_int_counter_with_registry as counter,
};

use policy::{
    findings::{Severity, Workload},
    pss::Level,
    requirement::Requirement,
};

use crate::telemetry::{count, timestamp};

use super::write::Verb;

/// The metrics of this replica's audits.
#[derive(Clone, Debug)]
pub(crate) struct AuditMetrics {
    workloads: GaugeVec,
    violations: GaugeVec,
    ended: GaugeVec,
    took: GaugeVec,
    reports: GaugeVec,
    left_out: GaugeVec,
    writes: IntCounterVec,
    errors: IntCounter,
}

#[derive(Debug, Default)]
pub(super) struct Counts {
    /// Judged workloads, by the level that they meet now and the level that they would meet once hardened.
    pub(super) workloads: BTreeMap<(Level, Level), u64>,
    /// Workloads that violate a control, by its id and whether it is enforced.
    violations: BTreeMap<(&'static str, Severity), u64>,
    pub(super) reports: u64,
    /// Workloads without a report because of the limit.
    pub(super) left_out: u64,
}

impl Counts {
    pub(super) fn add(&mut self, workload: &Workload) {
        if workload.exempt.is_some() {
            return;
        }
        let levels = (workload.levels_met.now, workload.levels_met.hardened);
        *self.workloads.entry(levels).or_default() += 1;
        for broken in &workload.violations {
            *self.violations.entry((broken.requirement.id(), broken.severity)).or_default() += 1;
        }
    }
}

impl AuditMetrics {
    /// Registers the metrics.
    pub(crate) fn new(registry: &Registry) -> prometheus::Result<Self> {
        let gauges =
            |name: &str, help: &str, labels: &[&str]| gauge_vec!(name, help, labels, registry);
        let metrics = Self {
            workloads: gauges(
                "portcullis_audit_workloads",
                "Workloads, by the highest level that they meet now and the one that they would meet once hardened.",
                &["level", "hardened"],
            )?,
            violations: gauges(
                "portcullis_audit_violations",
                "Workloads that break a control: fail where their namespace enforces it, warn where it audits or warns of it.",
                &["control", "result"],
            )?,
            ended: gauges(
                "portcullis_audit_last_timestamp_seconds",
                "When the last audit ended, in seconds since 1970.",
                &[],
            )?,
            took: gauges(
                "portcullis_audit_last_duration_seconds",
                "How long the last audit took, with all that it wrote.",
                &[],
            )?,
            reports: gauges("portcullis_reports", "Reports that there are to be.", &[])?,
            left_out: gauges(
                "portcullis_reports_left_out",
                "Workloads that break something and have no report, since there are too many.",
                &[],
            )?,
            writes: counter_vec!(
                "portcullis_report_writes_total",
                "Reports that were written or deleted, and attempts that failed.",
                &["operation", "result"],
                registry
            )?,
            errors: counter!(
                "portcullis_audit_errors_total",
                "What audits could not read: kinds of objects, objects, or the whole cluster.",
                registry
            )?,
        };
        for verb in [Verb::Apply, Verb::Delete] {
            for result in ["done", "failed"] {
                metrics.writes.with_label_values(&[verb.as_str(), result]);
            }
        }
        Ok(metrics)
    }

    /// Exports the results of an audit that ended now.
    pub(super) fn ended(&self, took: Duration, counts: &Counts) {
        for now in Level::ALL {
            for hardened in Level::ALL.into_iter().filter(|hardened| *hardened >= now) {
                let found = counts.workloads.get(&(now, hardened)).copied().unwrap_or_default();
                let labels = [now.as_str(), hardened.as_str()];
                self.workloads.with_label_values(&labels).set(count(found));
            }
        }
        for requirement in Requirement::all() {
            for (severity, result) in [(Severity::Error, "fail"), (Severity::Warning, "warn")] {
                let id = requirement.id();
                let found = counts.violations.get(&(id, severity)).copied().unwrap_or_default();
                self.violations.with_label_values(&[id, result]).set(count(found));
            }
        }
        for (gauge, value) in [
            (&self.ended, timestamp(SystemTime::now())),
            (&self.took, took.as_secs_f64()),
            (&self.reports, count(counts.reports)),
            (&self.left_out, count(counts.left_out)),
        ] {
            gauge.with_label_values::<&str>(&[]).set(value);
        }
    }

    /// Removes the results, because another replica now exports them.
    pub(super) fn forget(&self) {
        let Self { workloads, violations, ended, took, reports, left_out, .. } = self;
        for gauges in [workloads, violations, ended, took, reports, left_out] {
            gauges.reset();
        }
    }

    /// Counts something that could not be read or judged.
    pub(super) fn failed(&self) {
        self.errors.inc();
    }

    pub(super) fn wrote(&self, verb: Verb, is_done: bool) {
        let result = if is_done { "done" } else { "failed" };
        self.writes.with_label_values(&[verb.as_str(), result]).inc();
    }
}
