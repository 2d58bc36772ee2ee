//! Runs `portcullis test`. Contains no assertions.

use std::{path::Path, process::Command};

pub(crate) use crate::support::program::Outcome;
use crate::{support::process::Folder, support::program as outcome};

pub(crate) fn test_in(folder: &Path, args: &[&str]) -> Outcome {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command.arg("test").args(args).current_dir(folder);
    for variable in ["CLICOLOR_FORCE", "NO_COLOR", "COLUMNS"] {
        command.env_remove(variable);
    }
    outcome::run(&mut command)
}

pub(crate) fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A folder with one test file, `t.yaml`, with these cases.
pub(crate) fn folder(cases: &str) -> Folder {
    folder_with("", cases)
}

/// Also with further fields of the file.
pub(crate) fn folder_with(fields: &str, cases: &str) -> Folder {
    let folder = Folder::new("suite");
    let head = "apiVersion: portcullis.dev/v1alpha1\nkind: PolicyTest\nname: shop\n";
    folder.write("t.yaml", format!("{head}{fields}cases:\n{cases}"));
    folder
}

/// A pod without settings, as one line of YAML.
pub(crate) const WEB: &str =
    "{apiVersion: v1, kind: Pod, metadata: {name: web}, spec: {containers: [{name: a, image: i}]}}";
/// A pod in its node's network.
pub(crate) const HOST: &str = "{apiVersion: v1, kind: Pod, metadata: {name: host}, spec: {hostNetwork: true, containers: [{name: a, image: i}]}}";
