//! State as metrics, read when it is asked for: nothing here runs once a request.

use std::{
    sync::{Arc, atomic::Ordering},
    time::SystemTime,
};

use prometheus::{
    Gauge,
    core::{Collector, Desc},
    proto::MetricFamily,
};

use crate::{
    cluster::Cluster,
    config::Live,
    server::{Identity, Stats, tls::ClientAuth},
};

/// Reads the state of the process at every scrape.
pub struct Gauges {
    stats: Arc<Stats>,
    identity: Arc<Identity>,
    config: Arc<Live>,
    cluster: Option<Arc<Cluster>>,
    clients: Option<Arc<ClientAuth>>,
    gauges: Vec<(Gauge, Read)>,
}

/// Name, help, and where the value comes from.
type Row = (&'static str, &'static str, Read);
type Read = fn(&Gauges) -> f64;

const ROWS: [Row; 11] = [
    ("portcullis_requests_in_flight", "Requests in hand.", |state| {
        count(state.stats.in_flight.load(Ordering::Relaxed))
    }),
    ("portcullis_connections", "Open connections to the webhook's port.", |state| {
        count(state.stats.connections.load(Ordering::Relaxed))
    }),
    ("portcullis_handler_panics", "Requests whose handling panicked, since the start.", |state| {
        count(state.stats.panics.load(Ordering::Relaxed))
    }),
    (
        "portcullis_certificate_expiry_timestamp_seconds",
        "When the certificate in force expires, in seconds since 1970.",
        |state| timestamp(state.identity.status().not_after),
    ),
    (
        "portcullis_certificate_last_reload_successful",
        "1 if the newest certificate files are in force, 0 if older ones are.",
        |state| flag(state.identity.status().bad.is_none()),
    ),
    (
        "portcullis_client_ca_last_reload_successful",
        "1 if the newest file of clients' authorities is in force, or there is none, 0 if an older one is.",
        |state| flag(state.clients.as_ref().is_none_or(|clients| clients.bad().is_none())),
    ),
    (
        "portcullis_config_last_reload_successful",
        "1 if the newest configuration is in force, 0 if an older one is.",
        |state| flag(state.config.status().error.is_none()),
    ),
    (
        "portcullis_config_last_reload_success_timestamp_seconds",
        "When the configuration came into force, in seconds since 1970.",
        |state| timestamp(state.config.status().loaded_at),
    ),
    ("portcullis_namespace_cache_synced", "1 once all namespaces were listed.", |state| {
        state.cluster.as_ref().map_or(0.0, |cluster| flag(cluster.is_synced()))
    }),
    ("portcullis_namespace_cache_namespaces", "Namespaces in the cache.", |state| {
        state.cluster.as_ref().map_or(0.0, |cluster| count(cluster.cache().namespaces as u64))
    }),
    (
        "portcullis_namespace_cache_age_seconds",
        "Seconds since the namespace watch last heard from the API server.",
        |state| state.cluster.as_ref().map_or(0.0, |cluster| silence(cluster)),
    ),
];

impl Gauges {
    /// Over what the process has.
    ///
    /// # Errors
    /// If a metric had no proper name.
    pub fn new(
        stats: Arc<Stats>,
        identity: Arc<Identity>,
        config: Arc<Live>,
        cluster: Option<Arc<Cluster>>,
    ) -> prometheus::Result<Self> {
        let gauges = ROWS
            .iter()
            .map(|(name, help, read)| Ok((Gauge::new(*name, *help)?, *read)))
            .collect::<prometheus::Result<_>>()?;
        Ok(Self { stats, identity, config, cluster, clients: None, gauges })
    }

    /// And over who may connect.
    #[must_use]
    pub fn with_clients(self, clients: Option<Arc<ClientAuth>>) -> Self {
        Self { clients, ..self }
    }
}

impl Collector for Gauges {
    fn desc(&self) -> Vec<&Desc> {
        self.gauges.iter().flat_map(|(gauge, _)| gauge.desc()).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        self.gauges
            .iter()
            .flat_map(|(gauge, read)| {
                gauge.set(read(self));
                gauge.collect()
            })
            .collect()
    }
}

/// Endless until the API server was first heard of.
fn silence(cluster: &Cluster) -> f64 {
    cluster.cache().silent_for.map_or(f64::INFINITY, |silence| silence.as_secs_f64())
}

/// Exact up to 2^53, which no count here reaches.
#[allow(clippy::cast_precision_loss, reason = "see above")]
fn count(count: u64) -> f64 {
    count as f64
}

fn flag(is_set: bool) -> f64 {
    if is_set { 1.0 } else { 0.0 }
}

/// Seconds since 1970, as Prometheus writes times.
fn timestamp(time: SystemTime) -> f64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}
