//! Kubeconfigs as kubectl reads them: which files exist, how they merge, and what a context selects.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::Uri;
use kube::{
    Config,
    config::{AuthInfo, Cluster, Context, Kubeconfig, KubeconfigError},
};
use rustls_pki_types::{CertificateDer, pem::PemObject as _};
use secrecy::{ExposeSecret as _, SecretString};

use super::{credentials::Credentials, error::bounded, route::Route};

/// Maximum number of context names in an error.
const MAX_LISTED: usize = 10;
const MUST: &str = "must be a kubeconfig";

pub(super) struct Selected {
    pub(super) config: Config,
    pub(super) credentials: Credentials,
    pub(super) route: Route,
}

/// Reads one file.
///
/// # Errors
/// A missing or invalid file. One line without any of its content.
pub(super) fn read(file: &Path) -> Result<Kubeconfig, String> {
    try_read(file)?.ok_or_else(|| format!("No such file or directory; {MUST}"))
}

/// Reads and merges several files. The first value wins, missing files are skipped. None if all are missing.
///
/// # Errors
/// An unusable file and what is wrong with it. One line.
pub(super) fn read_all<'f>(
    files: impl Iterator<Item = &'f PathBuf>,
) -> Result<Option<Kubeconfig>, (&'f Path, String)> {
    let mut merged: Option<Kubeconfig> = None;
    for file in files {
        let Some(next) = try_read(file).map_err(|why| (&**file, why))? else { continue };
        merged = Some(match merged {
            Some(before) => before.merge(next).map_err(|error| (&**file, reason(&error)))?,
            None => next,
        });
    }
    Ok(merged)
}

/// None if the file does not exist.
fn try_read(file: &Path) -> Result<Option<Kubeconfig>, String> {
    match Kubeconfig::read_from(file) {
        Ok(mut kubeconfig) => {
            // As for kubectl, an empty name is unset: a later file may set it.
            kubeconfig.current_context.take_if(|name| name.is_empty());
            Ok(Some(kubeconfig))
        }
        Err(KubeconfigError::ReadConfig(error, _)) if error.kind() == io::ErrorKind::NotFound => {
            Ok(None)
        }
        Err(error) => Err(reason(&error)),
    }
}

/// Only the first line: the following lines quote the file, which holds credentials.
fn reason(error: &KubeconfigError) -> String {
    let reason = match error {
        KubeconfigError::ReadConfig(error, _) => plain(error),
        KubeconfigError::Parse(error) => {
            let text = error.to_string();
            bounded(text.lines().next().unwrap_or_default())
        }
        other => bounded(&other.to_string()),
    };
    format!("{reason}; {MUST}")
}

/// Resolves a context: the named one, or else the current one.
///
/// # Errors
/// A missing or unusable part of it. One line.
pub(super) fn select(kubeconfig: &Kubeconfig, context: Option<&str>) -> Result<Selected, String> {
    let current = || kubeconfig.current_context.as_deref();
    let name = context.filter(|name| !name.is_empty()).or_else(current);
    let name = name.ok_or_else(|| {
        format!(
            "there is no current context: kubectl config use-context sets one; {}",
            known(kubeconfig)
        )
    })?;
    let context = find(&kubeconfig.contexts, |named| named.name == name)
        .and_then(|named| named.context.as_ref())
        .ok_or_else(|| format!("there is no context {:?}; {}", bounded(name), known(kubeconfig)))?;
    let cluster = find(&kubeconfig.clusters, |named| named.name == context.cluster)
        .and_then(|named| named.cluster.as_ref())
        .ok_or_else(|| {
            let (context, cluster) = (bounded(name), bounded(&context.cluster));
            format!("context {context:?} names the cluster {cluster:?}, which is not there")
        })?;
    // As for kubectl, a user that does not exist is anonymous.
    let user = context.user.as_deref().unwrap_or_default();
    let auth = find(&kubeconfig.auth_infos, |named| named.name == user)
        .and_then(|named| named.auth_info.clone())
        .unwrap_or_default();
    selected(context, cluster, auth)
}

fn find<T>(all: &[T], is: impl Fn(&T) -> bool) -> Option<&T> {
    all.iter().find(|one| is(one))
}

fn known(kubeconfig: &Kubeconfig) -> String {
    let names = kubeconfig.contexts.iter().take(MAX_LISTED);
    let names: Vec<_> = names.map(|named| named.name.as_str()).collect();
    if names.is_empty() {
        return format!("it has no contexts; {MUST}");
    }
    bounded(&format!("its contexts are {}", names.join(", ")))
}

fn selected(context: &Context, cluster: &Cluster, auth: AuthInfo) -> Result<Selected, String> {
    let auth = without_empty(auth);
    let authority = pem(
        "certificate-authority",
        cluster.certificate_authority_data.as_deref(),
        cluster.certificate_authority.as_deref(),
    )?;
    let certificate = pem(
        "client-certificate",
        auth.client_certificate_data.as_deref(),
        auth.client_certificate.as_deref(),
    )?;
    let key = auth.client_key_data.as_ref().map(|key| key.expose_secret());
    let key = pem("client-key", key, auth.client_key.as_deref())?;
    if certificate.is_some() != key.is_some() {
        return Err("a user with a client certificate needs its key, too".to_owned());
    }

    let skips_verification = cluster.insecure_skip_tls_verify.unwrap_or(false);
    let has_tls = authority.is_some() || certificate.is_some() || skips_verification;
    let server = server(cluster.server.as_deref().unwrap_or_default(), has_tls)?;
    let route = Route::to(&server, cluster.proxy_url.as_deref())?;
    let mut config = Config::new(server);
    if let Some(namespace) = context.namespace.as_ref().filter(|name| !name.is_empty()) {
        config.default_namespace.clone_from(namespace);
    }
    config.accept_invalid_certs = skips_verification;
    config.tls_server_name = cluster.tls_server_name.clone().filter(|name| !name.is_empty());
    config.root_cert = authority.map(|text| certificates(&text)).transpose()?;

    let credentials = Credentials::new(&auth, cluster)?;
    let identity = match (certificate, key) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        _ => credentials.identity(),
    };
    config.auth_info = AuthInfo {
        client_certificate_data: identity.as_ref().map(|(pem, _)| BASE64_STANDARD.encode(pem)),
        client_key_data: identity.map(|(_, key)| SecretString::from(BASE64_STANDARD.encode(key))),
        impersonate: auth.impersonate,
        impersonate_uid: auth.impersonate_uid,
        impersonate_groups: auth.impersonate_groups,
        impersonate_user_extra: auth.impersonate_user_extra,
        ..AuthInfo::default()
    };
    Ok(Selected { config, credentials, route })
}

/// kubectl treats empty values as unset.
fn without_empty(mut auth: AuthInfo) -> AuthInfo {
    let texts = [
        &mut auth.username,
        &mut auth.token_file,
        &mut auth.client_certificate,
        &mut auth.client_certificate_data,
        &mut auth.client_key,
        &mut auth.impersonate,
        &mut auth.impersonate_uid,
    ];
    for text in texts {
        text.take_if(|text| text.is_empty());
    }
    for secret in [&mut auth.password, &mut auth.token, &mut auth.client_key_data] {
        secret.take_if(|secret| secret.expose_secret().is_empty());
    }
    auth
}

/// Decodes base64 data, or else reads the file. The path is already resolved against the kubeconfig's folder.
fn pem(what: &str, data: Option<&str>, file: Option<&str>) -> Result<Option<Vec<u8>>, String> {
    if let Some(data) = data.filter(|data| !data.is_empty()) {
        let compact: String = data.split_whitespace().collect();
        let decoded = BASE64_STANDARD.decode(compact);
        return decoded.map(Some).map_err(|_| format!("{what}-data must be base64"));
    }
    let Some(file) = file.filter(|file| !file.is_empty()) else { return Ok(None) };
    let read = fs::read(file);
    read.map(Some).map_err(|error| format!("{what} {}: {}", bounded(file), plain(&error)))
}

fn certificates(pem: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    let all = CertificateDer::pem_slice_iter(pem).map(|der| der.map(|der| der.to_vec()));
    let all: Vec<_> = all
        .collect::<Result<_, _>>()
        .map_err(|error| bounded(&format!("certificate-authority must be PEM: {error}")))?;
    if all.is_empty() {
        return Err("certificate-authority holds no certificate".to_owned());
    }
    Ok(all)
}

/// An address without a scheme uses https if the cluster has TLS settings, as in client-go.
fn server(text: &str, has_tls: bool) -> Result<Uri, String> {
    let must = "must be an address such as https://api.example:6443";
    let complete = match text.split_once("://") {
        Some(_) => text.to_owned(),
        None if has_tls => format!("https://{text}"),
        None => format!("http://{text}"),
    };
    let uri = complete.parse::<Uri>().ok();
    let is_good = |uri: &Uri| {
        matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.host().is_some_and(|host| !host.is_empty())
    };
    uri.filter(is_good).ok_or_else(|| format!("the cluster's server {:?}: {must}", bounded(text)))
}

/// The operating system's message without the error number.
pub(super) fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    bounded(text.split(" (os error").next().unwrap_or_default())
}
