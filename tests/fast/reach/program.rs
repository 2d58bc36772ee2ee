//! Runs `portcullis audit` without the environment variables of the caller that lead to a cluster. Contains no
//! assertions.

use std::{path::Path, process::Command};

pub(crate) use crate::support::program::{Outcome, run};

const LEADING: [&str; 13] = [
    "KUBECONFIG",
    "HOME",
    "KUBERNETES_SERVICE_HOST",
    "KUBERNETES_SERVICE_PORT",
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "ALL_PROXY",
    "all_proxy",
    "NO_PROXY",
    "no_proxy",
    "REQUEST_METHOD",
];

pub(crate) fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command.args(["audit", "-o", "json"]);
    for name in LEADING {
        command.env_remove(name);
    }
    command
}

pub(crate) fn audit(kubeconfig: &Path, variables: &[(&str, &str)]) -> Outcome {
    run(command().arg("--kubeconfig").arg(kubeconfig).envs(variables.iter().copied()))
}
