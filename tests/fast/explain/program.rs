//! Runs the program, also under other names. Contains no assertions.

use std::{
    env,
    ffi::OsStr,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

pub(crate) use crate::support::program::Outcome;
use crate::{support::process::Folder, support::program as outcome};

pub(crate) const PORTCULLIS: &str = env!("CARGO_BIN_EXE_portcullis");

/// Runs the program under its own name.
pub(crate) fn portcullis(args: &[&str]) -> Outcome {
    run(Command::new(PORTCULLIS).args(args))
}

pub(crate) fn run(command: &mut Command) -> Outcome {
    for variable in ["CLICOLOR_FORCE", "NO_COLOR", "COLUMNS"] {
        if command.get_envs().all(|(name, _)| name != variable) {
            command.env_remove(variable);
        }
    }
    outcome::run(command)
}

/// A link to the program under another name.
pub(crate) fn link(folder: &Folder, name: &str) -> PathBuf {
    let path = folder.path().join(name);
    symlink(PORTCULLIS, &path).unwrap();
    path
}

/// PATH with this folder first.
pub(crate) fn path_with(folder: &Path) -> impl AsRef<OsStr> {
    let others = env::var_os("PATH").unwrap_or_default();
    env::join_paths([folder.to_owned()].into_iter().chain(env::split_paths(&others))).unwrap()
}
