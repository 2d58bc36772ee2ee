//! Completions for kubectl: the candidates of clap_complete's engine, in the form that kubectl reads.

use std::ffi::{OsStr, OsString};

use clap::{Arg, Command, ValueHint};
use clap_complete::engine::{self, ArgValueCompleter, CompletionCandidate};

/// Cobra's `ShellCompDirectiveNoFileComp`: there are no other candidates.
const ALL: &str = ":4";
/// Cobra's `ShellCompDirectiveDefault`: the shell offers files if there is no candidate.
const FILES: &str = ":0";
/// Cobra's `ShellCompDirectiveFilterDirs`: the shell offers directories.
const DIRECTORIES: &str = ":16";

/// Returns one line per candidate, with a tab before its description, and the directive in the last line. `words` are
/// those after the program's name. The last one is completed; it is empty if nothing of it is typed yet.
pub(super) fn complete(command: Command, words: impl IntoIterator<Item = OsString>) -> String {
    let mut args = vec![OsString::from(command.get_name())];
    args.extend(words);
    let last = args.len() - 1;
    let is_option = args.last().is_some_and(|word| begins_option(word));
    let candidates = match last {
        0 => Vec::new(),
        _ => engine::complete(&mut paths_by_shell(command), args, last, None).unwrap_or_default(),
    };
    let (mut lines, mut directive) = (String::new(), ALL);
    for candidate in candidates {
        match &*candidate.get_value().to_string_lossy() {
            FILES => directive = FILES,
            DIRECTORIES => directive = DIRECTORIES,
            // The engine offers options for an empty word, too.
            word if is_option || !word.starts_with('-') => lines += &line(word, &candidate),
            _ => {}
        }
    }
    lines + directive + "\n"
}

fn line(word: &str, candidate: &CompletionCandidate) -> String {
    let help = candidate.get_help().map(ToString::to_string).unwrap_or_default();
    // A tab or a line break would end the description.
    let help = help.replace(char::is_control, " ");
    if help.is_empty() { format!("{word}\n") } else { format!("{word}\t{help}\n") }
}

/// The command with the directives as candidates for paths: the engine would list the files itself.
fn paths_by_shell(command: Command) -> Command {
    command.mut_args(path_by_shell).mut_subcommands(paths_by_shell)
}

fn path_by_shell(arg: Arg) -> Arg {
    let directive = match arg.get_value_hint() {
        ValueHint::AnyPath | ValueHint::FilePath | ValueHint::ExecutablePath => FILES,
        ValueHint::DirPath => DIRECTORIES,
        _ => return arg,
    };
    arg.add(ArgValueCompleter::new(move |word: &OsStr| {
        let is_path = !begins_option(word);
        is_path.then(|| CompletionCandidate::new(directive)).into_iter().collect::<Vec<_>>()
    }))
}

fn begins_option(word: &OsStr) -> bool {
    word.as_encoded_bytes().starts_with(b"-")
}
