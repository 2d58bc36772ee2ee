//! How the API server is reached.

use std::{env, path::Path};

use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};

use super::error::{bounded, one_line};

/// Why no client could be made. One line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// The kubeconfig cannot be used.
    #[error("kubeconfig {from}: {reason}; must be a kubeconfig whose {must}")]
    Kubeconfig {
        /// As it was named: a path, or more of them.
        from: String,
        /// What is wrong with it.
        reason: String,
        /// What it must have.
        must: String,
    },
    /// There is no kubeconfig, nor the environment of a pod.
    #[error(
        "not in a cluster: {0}; must run in a pod with a service account token, or be given a kubeconfig"
    )]
    InCluster(String),
    /// There is neither, where people look for one.
    #[error(
        "no cluster to ask: there is no {default}, KUBECONFIG is not set, and this is no pod with a service \
         account token; name a kubeconfig with --kubeconfig"
    )]
    Nowhere {
        /// The file that kubectl would have read.
        default: String,
    },
    /// A context was named, and there is no kubeconfig to have it.
    #[error("context {0:?}: there is no kubeconfig that could have it; name one with --kubeconfig")]
    NoContext(String),
    /// The certificates or the address in the kubeconfig or the pod cannot be used.
    #[error("cannot make a client from {from}: {reason}")]
    Client {
        /// What it was made from.
        from: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// A client from a kubeconfig, or else from the pod's own service account. It connects when it is used.
///
/// # Errors
/// What is wrong with the kubeconfig or the pod's environment.
pub async fn connect(kubeconfig: Option<&Path>) -> Result<Client, ConnectError> {
    match kubeconfig {
        Some(file) => from_file(file, None).await,
        None => in_cluster(),
    }
}

/// A client as kubectl finds it: from the kubeconfig that is named, else from those of KUBECONFIG, else from
/// `~/.kube/config`, else from the pod's own service account. The context is the current one, unless one is named.
/// It connects when it is used.
///
/// # Errors
/// What is wrong with the kubeconfig, or that there is none.
pub async fn connect_like_kubectl(
    kubeconfig: Option<&Path>,
    context: Option<&str>,
) -> Result<Client, ConnectError> {
    if let Some(file) = kubeconfig {
        return from_file(file, context).await;
    }
    if let Some(files) = env::var_os("KUBECONFIG").filter(|files| !files.is_empty()) {
        let from = files.to_string_lossy().into_owned();
        let read = Kubeconfig::from_env().map(Option::unwrap_or_default);
        return from_kubeconfig(read, from, context).await;
    }
    let default = env::home_dir().unwrap_or_default().join(".kube/config");
    if default.exists() {
        return from_file(&default, context).await;
    }
    match (in_cluster(), context) {
        (_, Some(context)) => Err(ConnectError::NoContext(bounded(context))),
        (Err(ConnectError::InCluster(_)), None) => {
            Err(ConnectError::Nowhere { default: default.display().to_string() })
        }
        (result, None) => result,
    }
}

fn in_cluster() -> Result<Client, ConnectError> {
    let config = Config::incluster();
    let config = config.map_err(|error| ConnectError::InCluster(bounded(&error.to_string())))?;
    client(config, "the pod's service account".to_owned())
}

async fn from_file(file: &Path, context: Option<&str>) -> Result<Client, ConnectError> {
    from_kubeconfig(Kubeconfig::read_from(file), file.display().to_string(), context).await
}

async fn from_kubeconfig(
    read: Result<Kubeconfig, kube::config::KubeconfigError>,
    from: String,
    context: Option<&str>,
) -> Result<Client, ConnectError> {
    let options = KubeConfigOptions { context: context.map(str::to_owned), ..Default::default() };
    let config = match read {
        Ok(kubeconfig) => Config::from_custom_kubeconfig(kubeconfig, &options).await,
        Err(error) => Err(error),
    };
    match config {
        Ok(config) => client(config, format!("kubeconfig {from}")),
        Err(error) => {
            let text = error.to_string();
            // The lines that follow quote the file, and it holds credentials.
            let reason = bounded(text.lines().next().unwrap_or_default());
            let must = match context {
                Some(context) => format!("context {:?} names a cluster", bounded(context)),
                None => "current context names a cluster".to_owned(),
            };
            Err(ConnectError::Kubeconfig { from, reason, must })
        }
    }
}

fn client(config: Config, from: String) -> Result<Client, ConnectError> {
    Client::try_from(config)
        .map_err(|error| ConnectError::Client { from, reason: one_line(&error) })
}
