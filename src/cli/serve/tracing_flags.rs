//! The flags of OpenTelemetry traces.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use http::{
    Uri,
    uri::{Parts, PathAndQuery, Scheme},
};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, pem::PemObject as _};
use tokio::runtime::Handle;

use crate::telemetry::Traces;

/// Without a flag or its variable, OpenTelemetry's own variable applies.
#[derive(Args, Debug)]
pub(super) struct Tracing {
    /// URL of an OpenTelemetry collector (OTLP over HTTP) that receives a span for each request, such as
    /// http://collector.monitoring:4318; /v1/traces is appended [default: $OTEL_EXPORTER_OTLP_ENDPOINT]
    #[arg(long, value_name = "URL", env = "PORTCULLIS_OTLP_ENDPOINT", value_parser = endpoint)]
    otlp_endpoint: Option<Uri>,

    /// CA certificates of the collector in PEM; required for https [default: $OTEL_EXPORTER_OTLP_CERTIFICATE]
    #[arg(long, value_name = "FILE", env = "PORTCULLIS_OTLP_CA_FILE")]
    otlp_ca_file: Option<PathBuf>,
}

impl Tracing {
    /// Starts the exporter on the current runtime.
    pub(super) fn start(&self) -> anyhow::Result<Option<Traces>> {
        let endpoint = match (&self.otlp_endpoint, variable("OTEL_EXPORTER_OTLP_ENDPOINT")) {
            (Some(endpoint), _) => endpoint.clone(),
            (None, Some(text)) => endpoint(&text).map_err(|why| {
                anyhow::anyhow!("invalid value '{text}' for OTEL_EXPORTER_OTLP_ENDPOINT: {why}")
            })?,
            (None, None) => return Ok(None),
        };
        let is_https = endpoint.scheme() == Some(&Scheme::HTTPS);
        let tls = is_https.then(|| self.tls()).transpose()?;
        Traces::to(&endpoint, tls, Handle::current()).map(Some)
    }

    fn tls(&self) -> anyhow::Result<ClientConfig> {
        let standard = || variable("OTEL_EXPORTER_OTLP_CERTIFICATE").map(PathBuf::from);
        let file = self.otlp_ca_file.clone().or_else(standard);
        let file = file.context("--otlp-endpoint with https needs --otlp-ca-file")?;
        let what = || format!("--otlp-ca-file {}", file.display());
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(&file).with_context(what)? {
            roots.add(certificate.with_context(what)?).with_context(what)?;
        }
        anyhow::ensure!(!roots.is_empty(), "{}: no certificate is in it", what());
        Ok(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth())
    }
}

/// The variable, unless it is empty.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The base URL with the path for traces.
fn endpoint(text: &str) -> Result<Uri, &'static str> {
    const FORM: &str =
        "must be http:// or https://, a host and perhaps a port, such as http://collector:4318";
    let base: Uri = text.parse().map_err(|_| FORM)?;
    let is_http = [Some("http"), Some("https")].contains(&base.scheme_str());
    if !is_http || base.query().is_some() {
        return Err(FORM);
    }
    let path = format!("{}/v1/traces", base.path().trim_end_matches('/'));
    let path_and_query = PathAndQuery::try_from(path).map_err(|_| FORM)?;
    let parts = Parts::from(base);
    let mut full = Parts::default();
    full.scheme = parts.scheme;
    full.authority = parts.authority;
    full.path_and_query = Some(path_and_query);
    Uri::from_parts(full).map_err(|_| FORM)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_traces_is_added_to_the_base() {
        for (base, full) in [
            ("http://collector:4318", "http://collector:4318/v1/traces"),
            ("https://collector/otlp/", "https://collector/otlp/v1/traces"),
            ("http://[::1]:4318/", "http://[::1]:4318/v1/traces"),
        ] {
            assert_eq!(endpoint(base).unwrap().to_string(), full);
        }
        for base in ["collector:4318", "grpc://collector:4317", "/v1/traces", "http://a?b", ""] {
            assert!(endpoint(base).is_err(), "{base}");
        }
    }
}
