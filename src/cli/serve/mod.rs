//! `portcullis serve`.

mod election;
mod flags;
mod reporting;
mod self_managed;
mod standalone;
#[cfg(feature = "otel")]
mod tracing_flags;

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use kube::Client;
use prometheus::Registry;
use tokio::{sync::watch, task::JoinSet};

use crate::{
    certificates::CertificateManager,
    cluster::{self, Cluster},
    config::{Change, Live},
    exceptions,
    server::{
        self, Identity, Intake, Limits, Readiness, Serving, Shutdown, Stage, Stats, Transport,
        admin,
        shutdown::{Signals, shutdown},
        tls,
    },
    telemetry::{Exceptions, Gauges, Metrics, ProcessState},
    webhook::{Webhook, router},
};

use super::Exit;

pub(super) use flags::Flags;
use reporting::Sources;

/// How often certificate and configuration files are reloaded.
const RELOAD_INTERVAL: Duration = Duration::from_secs(10);

/// Serves until a signal ends it.
pub(super) fn run(flags: &Flags) -> anyhow::Result<Exit> {
    flags.start_log()?;
    // kube takes its TLS provider from the process.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(flags.threads()).enable_all().build()?;
    let served = runtime.block_on(serve(flags));
    // Does not wait for blocking threads that are still working.
    runtime.shutdown_background();
    served.map(|()| Exit::Clean)
}

async fn serve(flags: &Flags) -> anyhow::Result<()> {
    let signals = Signals::catch()?;
    let config = Arc::new(flags.configuration()?);
    let (identity, ca_pem) = flags.identity()?;
    let clients = flags.clients()?;
    let secure = flags.bind_secure().await?;
    let admin = flags.bind_admin().await?;
    let (secure_address, admin_address) = (secure.local_addr()?, admin.local_addr()?);
    // Dropping this set ends all tasks that are still running.
    let mut tasks = JoinSet::new();
    let (trigger, stop) = shutdown();
    let metrics = Arc::new(Metrics::new(flags.metrics_namespaces)?);
    let Connected { client, cluster, leads, manager, exceptions } = if flags.standalone {
        Connected::default()
    } else {
        connect(flags, &config, &identity, metrics.registry(), &stop, &mut tasks).await?
    };
    tasks.spawn(Arc::clone(&identity).keep_fresh(RELOAD_INTERVAL));
    tasks.spawn(Arc::clone(&config).run(RELOAD_INTERVAL, log_change));
    if let Some(clients) = &clients {
        tasks.spawn(Arc::clone(clients).keep_fresh(RELOAD_INTERVAL));
    }

    let stats = Arc::new(Stats::default());
    let (admin_trigger, admin_stop) = shutdown();
    let readiness = Arc::new(readiness(&identity, cluster.as_ref(), &stop));
    let intake = Intake::new(flags.bodies());
    let gauges = Gauges::new(ProcessState {
        stats: Arc::clone(&stats),
        identity: Arc::clone(&identity),
        config: Arc::clone(&config),
        readiness: Arc::clone(&readiness),
        intake: intake.clone(),
        cluster: cluster.clone(),
        manager,
        leads,
        clients: clients.clone(),
    })?;
    metrics.registry().register(Box::new(gauges))?;
    if let Some(exceptions) = &exceptions {
        metrics.registry().register(Box::new(Exceptions::new(Arc::clone(exceptions))?))?;
    }
    let admin_serving = Serving {
        app: admin::router(readiness, metrics.registry().clone()),
        transport: Transport::Plain,
        limits: Limits::admin(),
        stats: Arc::default(),
    };
    server::run_apart(&mut tasks, admin.into_std()?, admin_serving, admin_stop)?;

    let traces = flags.traces()?.map(Arc::new);
    let transport = Transport::Tls(match clients {
        Some(clients) => tls::mutual_config(identity, clients)?,
        None => tls::server_config(identity)?,
    });
    let instance = flags.election.identity();
    let events = flags.events.start(client.as_ref(), instance, &metrics, &mut tasks)?;
    let webhook =
        Webhook { config, cluster, exceptions, metrics, traces: traces.clone(), events, intake };
    let app = router(Arc::new(webhook));
    let serving =
        server::run(secure, Serving { app, transport, limits: flags.limits(), stats }, stop);
    tracing::info!(
        address = %secure_address,
        admin = %admin_address,
        version = env!("CARGO_PKG_VERSION"),
        "serving"
    );
    let samples = flags.standalone.then(|| standalone::Samples::write(ca_pem.as_deref()));
    if let Some(samples) = &samples {
        standalone::greet(secure_address, admin_address, samples);
    }
    let end = tokio::select! {
        () = serving => Ok(()),
        () = signals.pull(&trigger) => Ok(()),
        error = first_panic(&mut tasks) => Err(error.context("a background task failed")),
    };
    admin_trigger.abort();
    // Without this, tasks on blocking threads would wait for it forever.
    trigger.abort();
    if let Some(traces) = traces {
        let _ = tokio::task::spawn_blocking(move || traces.finish()).await;
    }
    tasks.shutdown().await;
    end
}

/// The parts that only exist with a cluster.
#[derive(Default)]
struct Connected {
    client: Option<Client>,
    cluster: Option<Arc<Cluster>>,
    leads: Option<watch::Receiver<bool>>,
    manager: Option<Arc<CertificateManager>>,
    exceptions: Option<Arc<exceptions::Store>>,
}

async fn connect(
    flags: &Flags,
    config: &Arc<Live>,
    identity: &Arc<Identity>,
    registry: &Registry,
    stop: &Shutdown,
    tasks: &mut JoinSet<()>,
) -> anyhow::Result<Connected> {
    let client = cluster::connect(flags.kubeconfig.as_deref()).await?;
    let (cluster, reading) = Cluster::new(client.clone());
    tasks.spawn(reading);
    let current = Arc::clone(config);
    let wanted = move || current.current().exceptions.clone();
    let (exceptions, following) = exceptions::Store::new(client.clone(), wanted);
    tasks.spawn(following);
    let mut connected = Connected {
        client: Some(client.clone()),
        cluster: Some(Arc::clone(&cluster)),
        exceptions: Some(Arc::clone(&exceptions)),
        ..Connected::default()
    };
    // A server that writes nothing needs no permissions for a Lease.
    let is_excepting = !config.current().exceptions.namespaces.is_empty();
    if flags.self_managed.is_enabled() || flags.reporting.is_enabled() || is_excepting {
        let leads = flags.election.start(&client, stop, tasks);
        let namespace = flags.election.namespace(&client);
        let elected = (namespace, leads.clone());
        connected.manager = flags.self_managed.start(&client, identity, elected, tasks)?;
        let sources = Sources {
            kubeconfig: flags.kubeconfig.clone(),
            config: Arc::clone(config),
            cluster,
            leads: leads.clone(),
            exceptions: Arc::clone(&exceptions),
            registry,
        };
        flags.reporting.start(sources, stop, tasks)?;
        tasks.spawn(exceptions::tell(client, exceptions, leads.clone()));
        connected.leads = Some(leads);
    }
    Ok(connected)
}

/// Waits for a panic in a task: without fresh namespaces or certificates, the server must restart.
async fn first_panic(tasks: &mut JoinSet<()>) -> anyhow::Error {
    loop {
        match tasks.join_next().await {
            Some(Err(error)) => return error.into(),
            // A task without files to reload ends at once.
            Some(Ok(())) => {}
            None => std::future::pending().await,
        }
    }
}

/// Ready if the certificate is valid, the namespaces are listed, and the server is not stopping.
fn readiness(
    identity: &Arc<Identity>,
    cluster: Option<&Arc<Cluster>>,
    stop: &Shutdown,
) -> Readiness {
    let (identity, stop) = (Arc::clone(identity), stop.clone());
    let cluster = cluster.cloned();
    Readiness::default()
        .and("certificate", move || identity.valid(SystemTime::now()))
        .and("namespaces", move || match &cluster {
            Some(cluster) if !cluster.is_synced() => Err("not listed yet".to_owned()),
            Some(_) | None => Ok(()),
        })
        // A configuration file that becomes invalid leaves the previous one in force, and a metric reports it. If it made
        // the replica unready, all replicas would become unready at once.
        .and("configuration", || Ok(()))
        .and("draining", move || match stop.stage() {
            Stage::Serving => Ok(()),
            Stage::Draining | Stage::Aborted => Err("the server is stopping".to_owned()),
        })
}

/// Logs the result of reloading the configuration file.
fn log_change(change: Change) {
    match change {
        Change::Loaded => tracing::info!("new configuration in force"),
        Change::Recovered => tracing::info!("the configuration file is valid again, and unchanged"),
        Change::Refused(error) => {
            tracing::error!(
                error = error.to_string(),
                "new configuration is invalid; the old one stays in force"
            );
        }
    }
}
