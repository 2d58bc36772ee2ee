//! Exceptions as metrics, read at every scrape from what this replica knows. All replicas watch the same objects, so
//! aggregate with `max` over replicas, not with `sum`.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use prometheus::{
    Gauge, GaugeVec, Opts,
    core::{Collector, Desc},
    proto::MetricFamily,
};

use policy::verdict::NOTICE;

use crate::exceptions::{Census, Store};

use super::gauges::{count, flag, timestamp};

/// A collector that reads the exceptions at every scrape.
pub(crate) struct Exceptions {
    store: Arc<Store>,
    states: GaugeVec,
    ends: GaugeVec,
    synced: Gauge,
    /// Serialises scrapes, so that none misses a series that another has only begun to report: alerts depend on them.
    scrape: Mutex<()>,
}

impl Exceptions {
    /// Exports the exceptions in `store`.
    pub(crate) fn new(store: Arc<Store>) -> prometheus::Result<Self> {
        let gauges =
            |name: &str, help: &str, labels: &[&str]| GaugeVec::new(Opts::new(name, help), labels);
        Ok(Self {
            store,
            states: gauges(
                "portcullis_exceptions",
                "PolicyExceptions where they are honoured, each in one state; in force are active and ending (within seven days).",
                &["state"],
            )?,
            ends: gauges(
                "portcullis_exception_expiry_timestamp_seconds",
                "When an exception ends or ended, in seconds since 1970: only within seven days of it, and of 100 at most.",
                &["exception"],
            )?,
            synced: Gauge::new(
                "portcullis_exceptions_synced",
                "1 once the exceptions of all namespaces that are honoured were listed: before, they do not hold.",
            )?,
            scrape: Mutex::default(),
        })
    }

    fn export(&self, census: &Census) {
        for (state, number) in [
            ("active", census.active),
            ("ending", census.ending),
            ("expired", census.expired),
            ("invalid", census.invalid),
            ("ignored", census.ignored),
        ] {
            self.states.with_label_values(&[state]).set(count(number as u64));
        }
        self.ends.reset();
        for (name, end) in &census.ends {
            self.ends.with_label_values(&[name]).set(timestamp(*end));
        }
    }
}

impl Collector for Exceptions {
    fn desc(&self) -> Vec<&Desc> {
        let many = [&self.states, &self.ends].into_iter().flat_map(Collector::desc);
        many.chain(self.synced.desc()).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let _alone = self.scrape.lock().unwrap_or_else(PoisonError::into_inner);
        self.export(&self.store.census(NOTICE, SystemTime::now()));
        self.synced.set(flag(self.store.is_synced()));
        let mut families = self.states.collect();
        families.extend(self.ends.collect());
        families.extend(self.synced.collect());
        families
    }
}
