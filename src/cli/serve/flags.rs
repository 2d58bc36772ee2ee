//! The flags of `serve`, and the values derived from them.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::PathBuf,
    str::FromStr,
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use tokio::net::TcpListener;
use tracing_subscriber::{EnvFilter, filter::LevelFilter};

use policy::{
    config::{Config, Overrides},
    harden,
};

use crate::{
    config::Live,
    server::{BodyLimits, Identity, Limits, Memory, tls},
    telemetry::Traces,
};

use super::{
    election::Election,
    reporting::{EventFlags, Reporting},
    self_managed::SelfManaged,
    standalone,
};

/// Each flag can also be set by an environment variable.
#[derive(Args, Debug)]
pub(in crate::cli) struct Flags {
    /// Configuration file: a Configuration of portcullis.dev/v1alpha1, or a PodSecurityConfiguration as
    /// kube-apiserver reads it
    #[arg(long, value_name = "FILE", env = "PORTCULLIS_CONFIG")]
    pub(super) config: Option<PathBuf>,

    /// Path to a kubeconfig [default: in-cluster credentials]
    #[arg(long, value_name = "FILE", env = "PORTCULLIS_KUBECONFIG", conflicts_with = "standalone")]
    pub(super) kubeconfig: Option<PathBuf>,

    /// IP address to listen on, for both ports
    #[arg(long, value_name = "IP", env = "PORTCULLIS_BIND_ADDRESS")]
    bind_address: Option<IpAddr>,

    /// HTTPS port of the webhook; 0 selects a free port
    #[arg(long, value_name = "PORT", env = "PORTCULLIS_SECURE_PORT", default_value_t = 8443, value_parser = port)]
    secure_port: u16,

    /// HTTP port of /livez, /readyz and /metrics; 0 selects a free port
    #[arg(long, value_name = "PORT", env = "PORTCULLIS_ADMIN_PORT", default_value_t = 8080, value_parser = port)]
    admin_port: u16,

    /// Certificate chain of the server in PEM, leaf certificate first; reloaded every 10 s
    #[arg(
        long,
        value_name = "FILE",
        env = "PORTCULLIS_TLS_CERT_FILE",
        requires = "tls_private_key_file"
    )]
    tls_cert_file: Option<PathBuf>,

    /// Private key of the certificate in PEM
    #[arg(
        long,
        value_name = "FILE",
        env = "PORTCULLIS_TLS_PRIVATE_KEY_FILE",
        requires = "tls_cert_file"
    )]
    tls_private_key_file: Option<PathBuf>,

    #[command(flatten)]
    pub(super) self_managed: SelfManaged,

    #[command(flatten)]
    pub(super) election: Election,

    #[command(flatten)]
    pub(super) reporting: Reporting,

    #[command(flatten)]
    pub(super) events: EventFlags,

    /// CA certificates in PEM: clients of the webhook port must present a certificate that one of them signed;
    /// reloaded every 10 s
    #[arg(long, value_name = "FILE", env = "PORTCULLIS_CLIENT_CA_FILE")]
    client_ca_file: Option<PathBuf>,

    /// Allowed common names or DNS names of client certificates, comma-separated [default: any name]
    #[arg(
        long,
        value_name = "NAMES",
        env = "PORTCULLIS_CLIENT_ALLOWED_NAMES",
        value_delimiter = ',',
        requires = "client_ca_file"
    )]
    client_allowed_names: Vec<String>,

    /// Deny and change nothing, but report all would-be denials and changes; overrides `mode` of the configuration
    #[arg(long, env = "PORTCULLIS_DRY_RUN")]
    dry_run: bool,

    /// Overrides harden.mode of the configuration
    #[arg(long, value_name = "auto|apply|report|off", env = "PORTCULLIS_HARDEN")]
    harden: Option<harden::Mode>,

    /// Run without a cluster: listen on loopback with a generated certificate, and judge every pod by the defaults
    /// of the configuration, which enforce restricted
    #[arg(long, env = "PORTCULLIS_STANDALONE")]
    pub(super) standalone: bool,

    /// Maximum duration of a graceful shutdown in seconds; keep it below terminationGracePeriodSeconds
    #[arg(long, value_name = "SECONDS", env = "PORTCULLIS_DRAIN_GRACE", default_value_t = 110, value_parser = whole::<u64>)]
    drain_grace: u64,

    /// Maximum number of namespaces in the metric of denials; 0 disables the metric
    #[arg(long, value_name = "N", env = "PORTCULLIS_METRICS_NAMESPACES", default_value_t = 0, value_parser = whole::<usize>)]
    pub(super) metrics_namespaces: usize,

    #[cfg(feature = "otel")]
    #[command(flatten)]
    tracing: super::tracing_flags::Tracing,

    /// Memory limit of the container in bytes; with less memory, the server accepts fewer and smaller requests at a
    /// time. 0 means no limit
    #[arg(long, value_name = "BYTES", env = "PORTCULLIS_MEMORY_LIMIT", default_value = "0", value_parser = memory)]
    memory_limit: MemoryLimit,

    /// Log format [default: json if standard error is not a terminal]
    #[arg(long, value_name = "FORMAT", env = "PORTCULLIS_LOG_FORMAT")]
    log_format: Option<LogFormat>,

    /// Log level: error, warn, info, debug, trace, or tracing directives; debug includes allowed requests
    #[arg(long, value_name = "LEVEL", env = "PORTCULLIS_LOG_LEVEL", default_value = "info", value_parser = log_level)]
    log_level: String,
}

/// The value of `--memory-limit`; none for 0.
#[derive(Clone, Copy, Debug)]
struct MemoryLimit(Option<Memory>);

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LogFormat {
    Json,
    Text,
}

impl Flags {
    /// Loads the configuration file, or else uses the embedded configuration.
    pub(super) fn configuration(&self) -> anyhow::Result<Live> {
        let overrides = Overrides { dry_run: self.dry_run, harden: self.harden };
        Ok(match &self.config {
            Some(file) => Live::of_file(file.clone(), overrides)?,
            None if self.standalone => Live::fixed(Config::standalone(), overrides),
            None => Live::fixed(Config::embedded(), overrides),
        })
    }

    pub(super) async fn bind_secure(&self) -> anyhow::Result<TcpListener> {
        self.bind(self.secure_port, "--secure-port").await
    }

    pub(super) async fn bind_admin(&self) -> anyhow::Result<TcpListener> {
        self.bind(self.admin_port, "--admin-port").await
    }

    /// Listens on the bind address. The default is loopback with --standalone, else all addresses, IPv6 and IPv4 if the
    /// node has both.
    async fn bind(&self, port: u16, flag: &str) -> anyhow::Result<TcpListener> {
        let all = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
        let ip = match self.bind_address {
            Some(ip) => ip,
            None if self.standalone => IpAddr::V4(Ipv4Addr::LOCALHOST),
            None => all,
        };
        let bound = TcpListener::bind(SocketAddr::new(ip, port)).await;
        let bound = match bound {
            Err(_) if self.bind_address.is_none() && ip == all => {
                TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).await
            }
            bound => bound,
        };
        bound.with_context(|| {
            format!(
                "cannot listen on {ip} port {port}: --bind-address must be an address of this machine, and {flag} \
                 a port that is free there, or 0 for any"
            )
        })
    }

    /// The certificate from files, a generated one for standalone with the PEM text of its CA, or none yet if it is
    /// self-managed.
    pub(super) fn identity(&self) -> anyhow::Result<(Arc<Identity>, Option<String>)> {
        match (&self.tls_cert_file, &self.tls_private_key_file) {
            (Some(certificate), Some(key)) => {
                let files = tls::Files { certificate: certificate.clone(), key: key.clone() };
                Ok((Identity::load(files)?, None))
            }
            _ if self.standalone => {
                let (identity, ca) = standalone::identity(self.bind_address)?;
                Ok((identity, Some(ca)))
            }
            _ if self.self_managed.is_enabled() => Ok((Identity::awaited(), None)),
            _ => anyhow::bail!(
                "no certificate: set --tls-cert-file and --tls-private-key-file, or --ca-secret, or use --standalone"
            ),
        }
    }

    /// The allowed clients; none allows every client.
    pub(super) fn clients(&self) -> anyhow::Result<Option<Arc<tls::ClientAuth>>> {
        let Some(file) = &self.client_ca_file else { return Ok(None) };
        if self.client_allowed_names.iter().any(String::is_empty) {
            anyhow::bail!(
                "--client-allowed-names must be comma-separated names, none of them empty"
            );
        }
        Ok(Some(tls::ClientAuth::load(file.clone(), self.client_allowed_names.clone())?))
    }

    /// A standalone server may stop as soon as no connection is open, because no API server connects to it.
    pub(super) fn limits(&self) -> Limits {
        let grace = Duration::from_secs(self.drain_grace);
        let defaults = Limits::default();
        let at_least = if self.standalone { Duration::ZERO } else { defaults.drain_at_least };
        let (connections, handshakes) = self
            .memory_limit
            .0
            .map_or_else(|| (defaults.connections, defaults.handshakes), Memory::connections);
        Limits {
            connections,
            handshakes,
            drain_at_most: grace,
            drain_at_least: at_least.min(grace),
            ..defaults
        }
    }

    pub(super) fn bodies(&self) -> BodyLimits {
        self.memory_limit.0.map(Memory::bodies).unwrap_or_default()
    }

    /// The number of threads that serve requests.
    pub(super) fn threads(&self) -> usize {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        self.memory_limit.0.map_or(processors, |memory| memory.threads(processors))
    }

    #[cfg(feature = "otel")]
    pub(super) fn traces(&self) -> anyhow::Result<Option<Traces>> {
        self.tracing.start()
    }

    #[cfg(not(feature = "otel"))]
    #[allow(
        clippy::unnecessary_wraps,
        clippy::unused_self,
        reason = "the same signature as with the feature otel"
    )]
    pub(super) fn traces(&self) -> anyhow::Result<Option<Traces>> {
        Ok(None)
    }

    pub(super) fn start_log(&self) -> anyhow::Result<()> {
        use std::io::IsTerminal as _;
        let filter = EnvFilter::try_new(log_filter(&self.log_level))?;
        let is_terminal = std::io::stderr().is_terminal();
        let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
        match self.log_format {
            Some(LogFormat::Text) => log.with_ansi(is_terminal && !no_color()).init(),
            None if is_terminal => log.with_ansi(!no_color()).init(),
            Some(LogFormat::Json) | None => {
                log.json().flatten_event(true).with_current_span(false).init()
            }
        }
        Ok(())
    }
}

fn port(text: &str) -> Result<u16, &'static str> {
    text.parse().map_err(|_| "must be a number from 0 to 65535")
}

fn memory(text: &str) -> Result<MemoryLimit, String> {
    match text.parse() {
        Ok(0) => Ok(MemoryLimit(None)),
        bytes => {
            bytes.ok().and_then(Memory::new).map(|memory| MemoryLimit(Some(memory))).ok_or_else(
                || format!("must be a number of bytes, at least {} (32 MiB), or 0", Memory::LEAST),
            )
        }
    }
}

pub(super) fn whole<N: FromStr>(text: &str) -> Result<N, &'static str> {
    text.parse().map_err(|_| "must be a whole number")
}

/// Silences kube's log, unless directives name it: it logs every failure without the request. Portcullis logs both, at
/// a limited rate.
fn log_filter(level: &str) -> String {
    if level.contains("kube_") {
        return level.to_owned();
    }
    format!("kube_client=off,kube_runtime=off,{level}")
}

/// Rejects bare words that are not levels: tracing takes them as modules, so a typo would silence everything else.
fn log_level(text: &str) -> Result<String, &'static str> {
    let is_meant = |directive: &str| {
        directive.contains('=') || directive.trim().parse::<LevelFilter>().is_ok()
    };
    let is_good = text.split(',').all(is_meant) && EnvFilter::try_new(text).is_ok();
    is_good.then(|| text.to_owned()).ok_or(
        "must be off, error, warn, info, debug, trace, or directives such as warn,portcullis=debug",
    )
}

/// <https://no-color.org>: set and not empty.
fn no_color() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}
