//! What the program is called as: itself, or a plugin of kubectl.
//!
//! As `kubectl-portcullis` it is `kubectl portcullis`. As `kubectl_complete-portcullis` it answers kubectl, which
//! asks with the words so far, the last one being the word to complete.

use std::{
    ffi::{OsStr, OsString},
    path::Path,
};

use clap::{Command, CommandFactory as _};

use super::{Cli, Exit, complete, output};

/// The file name that makes it a plugin.
const PLUGIN: &str = "kubectl-portcullis";
/// The file name under which kubectl asks for completions.
const COMPLETION: &str = "kubectl_complete-portcullis";

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Called {
    /// What the arguments say, under this name.
    Program(Name),
    /// To answer kubectl.
    Completion,
}

/// What the program is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    file: String,
}

/// Told by the first of the process' arguments.
pub(super) fn called(program: Option<&OsStr>) -> Called {
    let file = program.and_then(|program| Path::new(program).file_name());
    let file = file.map_or("portcullis".into(), OsStr::to_string_lossy);
    if file == COMPLETION {
        return Called::Completion;
    }
    Called::Program(Name { file: file.into_owned() })
}

impl Name {
    /// Of the executable: what shells complete, and what man pages are called.
    pub(super) fn file(&self) -> &str {
        &self.file
    }

    /// As a person types it.
    pub(super) fn typed(&self) -> &str {
        if self.file == PLUGIN { "kubectl portcullis" } else { &self.file }
    }

    /// The command line, which says this name in its help and its errors.
    pub(super) fn command(&self) -> Command {
        Cli::command().bin_name(self.typed())
    }
}

/// Prints the completions of the last of kubectl's words.
pub(super) fn answer(words: impl IntoIterator<Item = OsString>) -> anyhow::Result<Exit> {
    let name = Name { file: PLUGIN.to_owned() };
    output::text(complete::complete(name.command(), words).as_bytes())
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
    fn the_file_name_says_what_it_is_called_as() {
        assert_eq!(typed("/usr/local/bin/portcullis"), "portcullis");
        assert_eq!(typed("./pc"), "pc");
        assert_eq!(typed("/home/me/.krew/bin/kubectl-portcullis"), "kubectl portcullis");
        assert_eq!(typed("kubectl_complete-portcullis"), "asked by kubectl");
        assert_eq!(typed(""), "portcullis");
    }
}
