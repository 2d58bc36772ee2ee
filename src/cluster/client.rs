//! An API server client, assembled from kube's parts. kube's default stack logs every failed request without the
//! address, sends the newline of a token file to the server, runs a credential plugin twice, and supports neither
//! `NO_PROXY` for the API server nor credentials of a SOCKS proxy.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::{HeaderValue, Uri};
use hyper::rt::{Read, Write};
use hyper_timeout::TimeoutConnector;
use hyper_util::{
    client::legacy::{
        self,
        connect::{
            Connection, HttpConnector,
            proxy::{SocksV5, Tunnel},
        },
    },
    rt::TokioExecutor,
};
use kube::{
    Client,
    client::{Body, ConfigExt as _, retry::RetryPolicy},
};
use tower::{BoxError, Service, ServiceBuilder, filter::AsyncFilterLayer, retry::RetryLayer};

use super::{
    credentials::Credentials,
    kubeconfig::Selected,
    proxy::{Proxy, Scheme},
    route::with_route,
};

/// Creates a client. It connects on first use.
///
/// # Errors
/// Unusable certificates or names.
pub(super) fn client(selected: Selected) -> kube::Result<Client> {
    // kube uses the TLS provider of the process. An existing one is kept.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    let Some(proxy) = selected.route.proxy.clone() else { return build(selected, connector) };
    match proxy.scheme {
        Scheme::Http => {
            let tunnel = tunnel(&proxy, connector);
            build(selected, tunnel)
        }
        Scheme::Https => {
            // The proxy uses the TLS configuration of the cluster, including its CA, as in Go.
            let connector = selected.config.rustls_https_connector_with_connector(connector)?;
            let tunnel = tunnel(&proxy, connector);
            build(selected, tunnel)
        }
        Scheme::Socks5 => {
            let mut socks = SocksV5::new(proxy.address.clone(), connector);
            if let Some((user, password)) = proxy.credentials {
                socks = socks.with_auth(user, password);
            }
            build(selected, socks)
        }
    }
}

fn tunnel<C>(proxy: &Proxy, connector: C) -> Tunnel<C> {
    let tunnel = Tunnel::new(proxy.address.clone(), connector);
    let header = proxy.credentials.as_ref().and_then(|(user, password)| {
        let pair = BASE64_STANDARD.encode(format!("{user}:{password}"));
        HeaderValue::from_str(&format!("Basic {pair}")).ok()
    });
    match header {
        Some(header) => tunnel.with_auth(header),
        None => tunnel,
    }
}

fn build<C>(selected: Selected, connector: C) -> kube::Result<Client>
where
    C: Service<Uri> + Clone + Send + Sync + 'static,
    C::Response: Connection + Read + Write + Send + Unpin + 'static,
    C::Future: Send + 'static,
    C::Error: Into<BoxError>,
{
    let Selected { config, credentials, route } = selected;
    let connector = config.rustls_https_connector_with_connector(connector)?;
    let mut connector = TimeoutConnector::new(connector);
    connector.set_connect_timeout(config.connect_timeout);
    connector.set_read_timeout(config.read_timeout);
    connector.set_write_timeout(config.write_timeout);
    let http = legacy::Builder::new(TokioExecutor::new()).build::<_, Body>(connector);
    let credentials = match credentials {
        Credentials::None => None,
        credentials => Some(AsyncFilterLayer::new(credentials)),
    };
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .layer(RetryLayer::new(RetryPolicy::server_retry()))
        .option_layer(credentials)
        .layer(config.extra_headers_layer()?)
        .map_err(move |error: legacy::Error| with_route(&route, &error))
        .service(http);
    Ok(Client::new(service, config.default_namespace))
}
