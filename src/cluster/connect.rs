//! Selects the API server and the credentials as kubectl does.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
};

use kube::{
    Client, Config,
    config::{InClusterError, Kubeconfig},
};

use super::{
    client::client,
    credentials::Credentials,
    error::{bounded, one_line},
    kubeconfig::{self, Selected, plain},
    route::Route,
};

/// Why no client could be created. One line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// The kubeconfig is unusable.
    #[error("kubeconfig {from}: {reason}")]
    Kubeconfig {
        /// The kubeconfig as it was named: one path or several.
        from: String,
        /// What is wrong with it, and what is expected.
        reason: String,
    },
    /// There is neither a kubeconfig nor a pod environment.
    #[error(
        "not in a cluster: {0}; must run in a pod with a service account token, or be given a kubeconfig"
    )]
    InCluster(String),
    /// There is neither, and these default places were searched.
    #[error(
        "no cluster to ask: {looked}, and this is no pod with a service account token; name a kubeconfig with \
         --kubeconfig"
    )]
    Nowhere {
        /// The places that were searched.
        looked: String,
    },
    /// A context was named, but there is no kubeconfig.
    #[error("context {0:?}: there is no kubeconfig that could have it; name one with --kubeconfig")]
    NoContext(String),
    /// The certificates or names in the kubeconfig or the pod are unusable.
    #[error("cannot make a client from {from}: {reason}")]
    Client {
        /// Their source.
        from: String,
        /// What is wrong with them.
        reason: String,
    },
}

/// Creates a client from a kubeconfig, or else from the pod's service account. It connects on first use.
///
/// # Errors
/// An unusable kubeconfig or pod environment.
pub async fn connect(kubeconfig: Option<&Path>) -> Result<Client, ConnectError> {
    match kubeconfig {
        Some(file) => from_file(file, None).await,
        None => in_cluster(),
    }
}

/// Creates a client as kubectl does: from the named kubeconfig, else from those of KUBECONFIG, else from
/// `~/.kube/config`, else from the pod's service account. Uses the current context unless one is named. It connects on
/// first use.
///
/// # Errors
/// An unusable kubeconfig, or none.
pub async fn connect_like_kubectl(
    kubeconfig: Option<&Path>,
    context: Option<&str>,
) -> Result<Client, ConnectError> {
    if let Some(file) = kubeconfig {
        return from_file(file, context).await;
    }
    let files = KubeconfigFiles::of(env::var_os("KUBECONFIG"), env::home_dir());
    let read = kubeconfig::read_all(files.files.iter()).map_err(|(file, reason)| {
        ConnectError::Kubeconfig { from: file.display().to_string(), reason }
    })?;
    if let Some(kubeconfig) = read {
        return from_kubeconfig(kubeconfig, files.named, context).await;
    }
    match (in_cluster(), context) {
        (_, Some(context)) => Err(ConnectError::NoContext(bounded(context))),
        (Err(ConnectError::InCluster(_)), None) => {
            Err(ConnectError::Nowhere { looked: files.missing })
        }
        (result, None) => result,
    }
}

/// The default places of kubeconfigs.
struct KubeconfigFiles {
    files: Vec<PathBuf>,
    named: String,
    /// The error text if none of them exists.
    missing: String,
}

impl KubeconfigFiles {
    fn of(list: Option<OsString>, home: Option<PathBuf>) -> Self {
        if let Some(list) = list.filter(|list| !list.is_empty()) {
            let files = env::split_paths(&list).filter(|file| !file.as_os_str().is_empty());
            let named = list.to_string_lossy().into_owned();
            let missing = format!("none of the files in KUBECONFIG is there ({})", bounded(&named));
            return Self { files: files.collect(), named, missing };
        }
        let file = home.unwrap_or_default().join(".kube/config");
        let named = file.display().to_string();
        let missing = format!("there is no {named}, KUBECONFIG is not set");
        Self { files: vec![file], named, missing }
    }
}

fn in_cluster() -> Result<Client, ConnectError> {
    let mut config =
        Config::incluster().map_err(|error| ConnectError::InCluster(in_words(&error)))?;
    let auth = std::mem::take(&mut config.auth_info);
    let token = auth.token_file.unwrap_or_default();
    let credentials = Credentials::of_file(&token, None).map_err(ConnectError::InCluster)?;
    let route = Route::to(&config.cluster_url, None).map_err(ConnectError::InCluster)?;
    made(Selected { config, credentials, route }, "the pod's service account".to_owned())
}

fn in_words(error: &InClusterError) -> String {
    match error {
        InClusterError::ReadEnvironmentVariable(_) => {
            "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not both set".to_owned()
        }
        InClusterError::ReadDefaultNamespace(error) => {
            format!("the service account's namespace cannot be read: {}", plain(error))
        }
        InClusterError::ReadCertificateBundle(error) => {
            format!("the service account's ca.crt cannot be read: {}", plain(error))
        }
        InClusterError::ParseClusterPort(_) => "KUBERNETES_SERVICE_PORT must be a port".to_owned(),
        InClusterError::ParseClusterUrl(_) => {
            "KUBERNETES_SERVICE_HOST must be a name or an address".to_owned()
        }
        InClusterError::ParseCertificates(error) => {
            bounded(&format!("the service account's ca.crt must be PEM: {error}"))
        }
    }
}

async fn from_file(file: &Path, context: Option<&str>) -> Result<Client, ConnectError> {
    let from = file.display().to_string();
    match kubeconfig::read(file) {
        Ok(kubeconfig) => from_kubeconfig(kubeconfig, from, context).await,
        Err(reason) => Err(ConnectError::Kubeconfig { from, reason }),
    }
}

async fn from_kubeconfig(
    kubeconfig: Kubeconfig,
    from: String,
    context: Option<&str>,
) -> Result<Client, ConnectError> {
    let context = context.map(str::to_owned);
    // A credential plugin may be slow, and may prompt the user.
    let selecting = move || kubeconfig::select(&kubeconfig, context.as_deref());
    let selected = tokio::task::spawn_blocking(selecting).await;
    match selected.unwrap_or_else(|error| Err(bounded(&error.to_string()))) {
        Ok(selected) => made(selected, format!("kubeconfig {from}")),
        Err(reason) => Err(ConnectError::Kubeconfig { from, reason }),
    }
}

fn made(selected: Selected, from: String) -> Result<Client, ConnectError> {
    client(selected).map_err(|error| ConnectError::Client { from, reason: one_line(&error) })
}
