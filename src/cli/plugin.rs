//! The name by which the program is called: its own, or that of a kubectl plugin.
//!
//! `kubectl-portcullis` is the plugin `kubectl portcullis`. kubectl calls `kubectl_complete-portcullis` for completions,
//! with the words typed so far; the last one is to be completed.

use std::{
    ffi::{OsStr, OsString},
    path::Path,
};

use clap::{Command, CommandFactory as _};

use super::{Cli, Exit, complete, print};

/// The file name of the plugin.
const PLUGIN: &str = "kubectl-portcullis";
/// The file name under which kubectl asks for completions.
const COMPLETION: &str = "kubectl_complete-portcullis";

/// The purpose of the call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Called {
    /// Run the command line under this name.
    Program(Name),
    /// Print completions for kubectl.
    Completion,
}

/// The name of the program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    file: String,
}

/// Determines the purpose from the first argument of the process.
pub(super) fn called(program: Option<&OsStr>) -> Called {
    let file = program.and_then(|program| Path::new(program).file_name());
    let file = file.map_or("portcullis".into(), OsStr::to_string_lossy);
    if file == COMPLETION {
        return Called::Completion;
    }
    Called::Program(Name { file: file.into_owned() })
}

impl Name {
    /// The file name of the executable, for completion scripts and manual pages.
    pub(super) fn file(&self) -> &str {
        &self.file
    }

    /// The name as users type it.
    pub(super) fn typed(&self) -> &str {
        if self.file == PLUGIN { "kubectl portcullis" } else { &self.file }
    }

    /// The command line, with this name in its help and errors.
    pub(super) fn command(&self) -> Command {
        Cli::command().bin_name(self.typed())
    }
}

/// Prints the completions of the last word.
pub(super) fn answer(words: impl IntoIterator<Item = OsString>) -> anyhow::Result<Exit> {
    let name = Name { file: PLUGIN.to_owned() };
    print::text(complete::complete(name.command(), words).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(program: &str) -> String {
        match called(Some(OsStr::new(program))) {
            Called::Program(name) => name.typed().to_owned(),
            Called::Completion => "asked by kubectl".to_owned(),
        }
    }

    #[test]
    fn the_file_name_determines_the_name() {
        assert_eq!(typed("/usr/local/bin/portcullis"), "portcullis");
        assert_eq!(typed("./pc"), "pc");
        assert_eq!(typed("/home/me/.krew/bin/kubectl-portcullis"), "kubectl portcullis");
        assert_eq!(typed("kubectl_complete-portcullis"), "asked by kubectl");
        assert_eq!(typed(""), "portcullis");
    }
}
