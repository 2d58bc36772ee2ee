//! Results of the leader's audits, as metrics. Replicas that do not lead export none of these series, so the sum over
//! all replicas is correct.

use std::sync::Arc;

use prometheus::{
    Gauge, GaugeVec, Opts,
    core::{Collector, Desc},
    proto::MetricFamily,
};

use crate::{
    findings::Severity,
    policy::Requirement,
    pss::Level,
    reports::{Last, Outcome, Status, Totals, Verb},
};

use super::gauges::{as_counter, count, timestamp};

/// A collector that reads the audits' status at every scrape.
pub struct Audits {
    status: Arc<Status>,
    workloads: GaugeVec,
    violations: GaugeVec,
    ended: Gauge,
    took: Gauge,
    reports: Gauge,
    left_out: Gauge,
    writes: GaugeVec,
    errors: Gauge,
}

impl Audits {
    /// Exports the status of the reporter.
    ///
    /// # Errors
    /// An invalid metric name.
    pub fn new(status: Arc<Status>) -> prometheus::Result<Self> {
        let gauges =
            |name: &str, help: &str, labels: &[&str]| GaugeVec::new(Opts::new(name, help), labels);
        Ok(Self {
            status,
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
            ended: Gauge::new(
                "portcullis_audit_last_timestamp_seconds",
                "When the last audit ended, in seconds since 1970.",
            )?,
            took: Gauge::new(
                "portcullis_audit_last_duration_seconds",
                "How long the last audit took, with all that it wrote.",
            )?,
            reports: Gauge::new("portcullis_reports", "Reports that there are to be.")?,
            left_out: Gauge::new(
                "portcullis_reports_left_out",
                "Workloads that break something and have no report, since there are too many.",
            )?,
            writes: gauges(
                "portcullis_report_writes_total",
                "Reports that were written or deleted, and attempts that failed.",
                &["operation", "result"],
            )?,
            errors: Gauge::new(
                "portcullis_audit_errors_total",
                "What audits could not read: kinds of objects, objects, or the whole cluster.",
            )?,
        })
    }

    fn of_last(&self, last: &Last) -> Vec<MetricFamily> {
        self.workloads.reset();
        self.violations.reset();
        let levels = [Level::Privileged, Level::Baseline, Level::Restricted];
        for now in levels {
            for hardened in levels.into_iter().filter(|hardened| *hardened >= now) {
                let found = last.counts.workloads.get(&(now, hardened)).copied();
                self.workloads
                    .with_label_values(&[now.as_str(), hardened.as_str()])
                    .set(count(found.unwrap_or_default()));
            }
        }
        for requirement in Requirement::all() {
            for (severity, result) in [(Severity::Error, "fail"), (Severity::Warning, "warn")] {
                let found = last.counts.violations.get(&(requirement.id(), severity)).copied();
                self.violations
                    .with_label_values(&[requirement.id(), result])
                    .set(count(found.unwrap_or_default()));
            }
        }
        self.ended.set(timestamp(last.at));
        self.took.set(last.took.as_secs_f64());
        self.reports.set(count(last.counts.reports));
        self.left_out.set(count(last.counts.left_out));
        let single = [&self.ended, &self.took, &self.reports, &self.left_out];
        let mut families = self.workloads.collect();
        families.extend(self.violations.collect());
        families.extend(single.into_iter().flat_map(Collector::collect));
        families
    }

    fn totals(&self, totals: &Totals) -> impl Iterator<Item = MetricFamily> {
        for (verb, operation) in [(Verb::Apply, "apply"), (Verb::Delete, "delete")] {
            for (outcome, result) in [(Outcome::Done, "done"), (Outcome::Failed, "failed")] {
                let written = totals.writes.get(&(verb, outcome)).copied();
                self.writes
                    .with_label_values(&[operation, result])
                    .set(count(written.unwrap_or_default()));
            }
        }
        self.errors.set(count(totals.errors));
        let counters = self.writes.collect().into_iter().chain(self.errors.collect());
        counters.map(as_counter)
    }
}

impl Collector for Audits {
    fn desc(&self) -> Vec<&Desc> {
        let single = [&self.ended, &self.took, &self.reports, &self.left_out, &self.errors];
        let many = [&self.workloads, &self.violations, &self.writes];
        let many = many.into_iter().flat_map(Collector::desc);
        many.chain(single.into_iter().flat_map(Collector::desc)).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let mut families: Vec<_> = self.totals(&self.status.totals()).collect();
        families.extend(self.status.last().iter().flat_map(|last| self.of_last(last)));
        families
    }
}
