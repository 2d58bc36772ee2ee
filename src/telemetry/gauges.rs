//! The state of the process as metrics, read at scrape time: nothing here runs per request.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::SystemTime,
};

use prometheus::{
    Gauge,
    core::{Collector, Desc},
    proto::{Counter, MetricFamily, MetricType},
};
use tokio::sync::watch;

use policy::config::Mode;

use crate::{
    certificates::CertificateManager,
    cluster::Cluster,
    config::Live,
    server::{Identity, Intake, Readiness, Stats, tls::ClientAuth},
};

pub(crate) struct ProcessState {
    pub(crate) stats: Arc<Stats>,
    pub(crate) identity: Arc<Identity>,
    pub(crate) config: Arc<Live>,
    pub(crate) readiness: Arc<Readiness>,
    pub(crate) intake: Intake,
    pub(crate) cluster: Option<Arc<Cluster>>,
    pub(crate) manager: Option<Arc<CertificateManager>>,
    pub(crate) leads: Option<watch::Receiver<bool>>,
    pub(crate) clients: Option<Arc<ClientAuth>>,
}

/// A collector that reads the state of the process at every scrape.
pub(crate) struct Gauges {
    state: ProcessState,
    gauges: Vec<(Gauge, Row)>,
}

#[derive(Clone, Copy)]
struct Row {
    kind: Kind,
    name: &'static str,
    help: &'static str,
    read: fn(&ProcessState) -> f64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Gauge,
    /// Counted elsewhere, exported as a counter.
    Counter,
}

const fn gauge(name: &'static str, help: &'static str, read: fn(&ProcessState) -> f64) -> Row {
    Row { kind: Kind::Gauge, name, help, read }
}

const fn counter(name: &'static str, help: &'static str, read: fn(&ProcessState) -> f64) -> Row {
    Row { kind: Kind::Counter, name, help, read }
}

const ROWS: [Row; 19] = [
    gauge("portcullis_ready", "1 if this replica wants requests: what /readyz says.", |state| {
        flag(state.readiness.report().is_ready())
    }),
    gauge("portcullis_requests_in_flight", "Requests in hand.", |state| {
        load(&state.stats.in_flight)
    }),
    gauge(
        "portcullis_body_memory_bytes",
        "Memory that the bodies and pages of pods in hand take.",
        |state| count(state.intake.used() as u64),
    ),
    gauge(
        "portcullis_body_memory_limit_bytes",
        "Memory that bodies and pages of pods may take; what goes beyond is shed.",
        |state| count(state.intake.limits().budget as u64),
    ),
    gauge("portcullis_connections", "Open connections to the webhook's port.", |state| {
        load(&state.stats.connections)
    }),
    counter(
        "portcullis_connections_evicted_total",
        "Connections closed to make room for others.",
        |state| load(&state.stats.evicted),
    ),
    counter(
        "portcullis_connections_timed_out_total",
        "Connections closed because the peer was too slow.",
        |state| load(&state.stats.timed_out),
    ),
    counter(
        "portcullis_tls_handshakes_failed_total",
        "TLS handshakes that failed: for one, of clients that do not trust the certificate.",
        |state| load(&state.stats.failed_handshakes),
    ),
    counter("portcullis_handler_panics_total", "Requests whose handling panicked.", |state| {
        load(&state.stats.panics)
    }),
    gauge(
        "portcullis_certificate_start_timestamp_seconds",
        "From when the certificate in force is valid, in seconds since 1970.",
        |state| state.identity.status().validity.map_or(0.0, |valid| timestamp(valid.from)),
    ),
    gauge(
        "portcullis_certificate_expiry_timestamp_seconds",
        "When the certificate in force expires, in seconds since 1970.",
        |state| state.identity.status().validity.map_or(0.0, |valid| timestamp(valid.until)),
    ),
    gauge(
        "portcullis_certificate_last_reload_successful",
        "1 if the newest certificate files are in force, 0 if older ones are.",
        |state| flag(state.identity.status().bad.is_none()),
    ),
    gauge(
        "portcullis_client_ca_last_reload_successful",
        "1 if the newest file of clients' authorities is in force, or there is none, 0 if an older one is.",
        |state| flag(state.clients.as_ref().is_none_or(|clients| clients.bad().is_none())),
    ),
    gauge(
        "portcullis_config_last_reload_successful",
        "1 if the newest configuration is in force, 0 if an older one is.",
        |state| flag(state.config.status().error.is_none()),
    ),
    gauge(
        "portcullis_config_last_reload_success_timestamp_seconds",
        "When the configuration came into force, in seconds since 1970.",
        |state| timestamp(state.config.status().loaded_at),
    ),
    gauge("portcullis_dry_run", "1 if the whole server denies and changes nothing.", |state| {
        flag(state.config.current().mode == Mode::DryRun)
    }),
    gauge("portcullis_namespace_cache_synced", "1 once all namespaces were listed.", |state| {
        state.cluster.as_ref().map_or(0.0, |cluster| flag(cluster.is_synced()))
    }),
    gauge("portcullis_namespace_cache_namespaces", "Namespaces in the cache.", |state| {
        state.cluster.as_ref().map_or(0.0, |cluster| count(cluster.cache().namespaces as u64))
    }),
    gauge(
        "portcullis_namespace_cache_age_seconds",
        "Seconds since the namespace watch last heard from the API server.",
        |state| state.cluster.as_ref().map_or(0.0, |cluster| silence(cluster)),
    ),
];

/// Only if certificates are self-managed.
const SELF_MANAGED: [Row; 2] = [
    gauge(
        "portcullis_ca_expiry_timestamp_seconds",
        "When the authority that signs certificates expires, in seconds since 1970.",
        |state| {
            let until = state.manager.as_ref().and_then(|manager| manager.status().ca_until);
            until.map_or(0.0, timestamp)
        },
    ),
    gauge(
        "portcullis_ca_bundle_contains_issuer",
        "1 if every webhook trusts the issuer of the certificate in force.",
        |state| state.manager.as_ref().map_or(0.0, |manager| flag(manager.status().is_trusted)),
    ),
];

/// Only if replicas elect a leader.
const ELECTED: [Row; 1] =
    [gauge("portcullis_leader", "1 if this replica is the one that writes.", |state| {
        state.leads.as_ref().map_or(0.0, |leads| flag(*leads.borrow()))
    })];

impl Gauges {
    /// Exports the given state.
    pub(crate) fn new(state: ProcessState) -> prometheus::Result<Self> {
        let gauges = ROWS
            .iter()
            .chain(state.manager.iter().flat_map(|_| &SELF_MANAGED))
            .chain(state.leads.iter().flat_map(|_| &ELECTED))
            .map(|row| Ok((Gauge::new(row.name, row.help)?, *row)))
            .collect::<prometheus::Result<_>>()?;
        Ok(Self { state, gauges })
    }
}

impl Collector for Gauges {
    fn desc(&self) -> Vec<&Desc> {
        self.gauges.iter().flat_map(|(gauge, _)| gauge.desc()).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        self.gauges
            .iter()
            .flat_map(|(gauge, row)| {
                gauge.set((row.read)(&self.state));
                let families = gauge.collect();
                match row.kind {
                    Kind::Gauge => families,
                    Kind::Counter => families.into_iter().map(as_counter).collect(),
                }
            })
            .collect()
    }
}

/// Turns gauges into counters: a counter of the library cannot be set to a value counted elsewhere.
fn as_counter(mut family: MetricFamily) -> MetricFamily {
    family.set_field_type(MetricType::COUNTER);
    for metric in family.mut_metric() {
        let mut counter = Counter::default();
        counter.set_value(metric.get_gauge().get_value());
        metric.set_counter(counter);
    }
    family
}

/// Infinite until the API server has answered once.
fn silence(cluster: &Cluster) -> f64 {
    cluster.cache().silent_for.map_or(f64::INFINITY, |silence| silence.as_secs_f64())
}

fn load(counted: &AtomicU64) -> f64 {
    count(counted.load(Ordering::Relaxed))
}

/// Exact up to 2^53, which no counter here reaches.
#[allow(clippy::cast_precision_loss, reason = "see above")]
pub(crate) fn count(count: u64) -> f64 {
    count as f64
}

pub(super) fn flag(is_set: bool) -> f64 {
    if is_set { 1.0 } else { 0.0 }
}

/// Seconds since 1970, the Prometheus format for times.
pub(crate) fn timestamp(time: SystemTime) -> f64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}
