//! Runs the program. Asserts only that its report is valid.

use std::{path::Path, process::Command};

use serde_json::Value;

pub(crate) use crate::support::program::{Outcome, run};

/// Without a cluster.
pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command.arg("audit").args(args).current_dir(env!("CARGO_MANIFEST_DIR"));
    for name in ["KUBECONFIG", "HOME", "KUBERNETES_SERVICE_HOST", "CLICOLOR_FORCE"] {
        command.env_remove(name);
    }
    command
}

/// With this kubeconfig.
pub(crate) fn audit(kubeconfig: &Path, args: &[&str]) -> Outcome {
    run(command(args).arg("--kubeconfig").arg(kubeconfig))
}

impl Outcome {
    /// Parses the output of `-o json`.
    pub(crate) fn report(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}
