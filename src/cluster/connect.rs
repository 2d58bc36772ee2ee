//! How the API server is reached.

use std::path::{Path, PathBuf};

use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};

use super::error::{bounded, one_line};

/// Why no client could be made. One line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// The kubeconfig cannot be used.
    #[error("kubeconfig {}: {reason}; must be a kubeconfig whose current context names a cluster", file.display())]
    Kubeconfig {
        /// As it was named.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// There is no kubeconfig, nor the environment of a pod.
    #[error(
        "not in a cluster: {0}; must run in a pod with a service account token, or be given a kubeconfig"
    )]
    InCluster(String),
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
    let (config, from) = match kubeconfig {
        Some(file) => (from_file(file).await?, format!("kubeconfig {}", file.display())),
        None => {
            let config = Config::incluster();
            let config =
                config.map_err(|error| ConnectError::InCluster(bounded(&error.to_string())))?;
            (config, "the pod's service account".to_owned())
        }
    };
    Client::try_from(config)
        .map_err(|error| ConnectError::Client { from, reason: one_line(&error) })
}

async fn from_file(file: &Path) -> Result<Config, ConnectError> {
    let read = Kubeconfig::read_from(file);
    let config = match read {
        Ok(kubeconfig) => {
            Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await
        }
        Err(error) => Err(error),
    };
    config.map_err(|error| {
        let text = error.to_string();
        // The lines that follow quote the file, and it holds credentials.
        let reason = bounded(text.lines().next().unwrap_or_default());
        ConnectError::Kubeconfig { file: file.to_owned(), reason }
    })
}
