//! `kubectl`, if it is installed.

use std::path::Path;
use std::process::{Command, Output};

use super::process::is_installed;

/// Runs kubectl, or returns `None` if it is not installed.
pub(crate) fn kubectl(kubeconfig: &Path, args: &[&str]) -> Option<Output> {
    if !is_installed("kubectl") {
        return None;
    }
    let mut command = Command::new("kubectl");
    command.arg("--kubeconfig").arg(kubeconfig).args(args);
    Some(command.output().unwrap())
}
