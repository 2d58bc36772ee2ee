//! What a word of the command line may become, for kubectl: read off clap's own description of the commands.

use std::fmt;

use clap::{Arg, ArgAction, Command, ValueHint};

/// Candidates, and what the shell is to do besides.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Completions {
    candidates: Vec<Candidate>,
    besides: Besides,
}

#[derive(Debug, PartialEq, Eq)]
struct Candidate {
    word: String,
    means: String,
}

/// Cobra's directives, as far as they are needed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Besides {
    /// Nothing: these are all.
    #[default]
    Nothing,
    /// Offer files, where there is no candidate.
    Files,
    /// Offer folders.
    Folders,
}

impl Besides {
    /// Cobra's number: NoFileComp, Default, FilterDirs.
    fn directive(self) -> u8 {
        match self {
            Self::Nothing => 4,
            Self::Files => 0,
            Self::Folders => 16,
        }
    }
}

impl fmt::Display for Completions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Candidate { word, means } in &self.candidates {
            // A tab or a new line would part it.
            let means = means.replace(char::is_control, " ");
            if means.is_empty() { writeln!(f, "{word}") } else { writeln!(f, "{word}\t{means}") }?;
        }
        writeln!(f, ":{}", self.besides.directive())
    }
}

/// `words` are those behind the program's name, the last one being the one to complete, and empty where nothing of it
/// is typed yet. The command must have been built.
pub(super) fn complete(command: &Command, words: &[String]) -> Completions {
    let Some((word, before)) = words.split_last() else {
        return Completions::default();
    };
    let at = before.iter().fold(Cursor::new(command), |cursor, word| cursor.after(word));
    at.offers(word)
}

/// Where in the command line the next word stands.
struct Cursor<'c> {
    command: &'c Command,
    /// The option that waits for its value.
    awaited: Option<&'c Arg>,
    /// How many words of the command were no options.
    positionals: usize,
    /// Behind `--`, nothing is an option.
    is_literal: bool,
}

impl<'c> Cursor<'c> {
    fn new(command: &'c Command) -> Self {
        Self { command, awaited: None, positionals: 0, is_literal: false }
    }

    fn after(self, word: &str) -> Self {
        if self.awaited.is_some() {
            return Self { awaited: None, ..self };
        }
        if self.is_literal || !word.starts_with('-') || word == "-" {
            return match self.command.find_subcommand(word) {
                Some(command) if self.positionals == 0 && !self.is_literal => Self::new(command),
                _ => Self { positionals: self.positionals + 1, ..self },
            };
        }
        if word == "--" {
            return Self { is_literal: true, ..self };
        }
        let awaited = match word.strip_prefix("--") {
            Some(long) if long.contains('=') => None,
            Some(long) => self.long(long),
            None => self.last_short(word),
        };
        Self { awaited, ..self }
    }

    /// The option that takes a value.
    fn long(&self, name: &str) -> Option<&'c Arg> {
        options(self.command).find(|arg| arg.get_long() == Some(name) && takes_value(arg))
    }

    /// Of `-vo`, the option of which the value is yet to come: `-ojson` has its own.
    fn last_short(&self, word: &str) -> Option<&'c Arg> {
        let mut letters = word.chars().skip(1);
        let with_value = letters.find_map(|letter| {
            options(self.command).find(|arg| arg.get_short() == Some(letter) && takes_value(arg))
        });
        with_value.filter(|_| letters.next().is_none())
    }

    fn offers(&self, word: &str) -> Completions {
        if let Some(arg) = self.awaited {
            return values(arg, "", word);
        }
        if !self.is_literal && word.starts_with('-') {
            return self.option(word);
        }
        let mut offered = self.positional(word);
        if self.positionals == 0 && !self.is_literal {
            offered.candidates.extend(subcommands(self.command, word));
        }
        offered
    }

    fn option(&self, word: &str) -> Completions {
        let Some((option, value)) = word.split_once('=') else {
            return Completions {
                candidates: flags(self.command, word),
                besides: Besides::Nothing,
            };
        };
        let arg = option.strip_prefix("--").and_then(|long| self.long(long));
        arg.map_or_else(Completions::default, |arg| values(arg, &format!("{option}="), value))
    }

    fn positional(&self, word: &str) -> Completions {
        let all: Vec<_> = self.command.get_positionals().collect();
        // The last one may take all that follow.
        let takes_rest = |arg: &&&Arg| matches!(arg.get_action(), ArgAction::Append);
        let arg = all.get(self.positionals).or_else(|| all.last().filter(takes_rest));
        arg.map_or_else(Completions::default, |arg| values(arg, "", word))
    }
}

fn options(command: &Command) -> impl Iterator<Item = &Arg> {
    command.get_arguments().filter(|arg| !arg.is_positional() && !arg.is_hide_set())
}

fn takes_value(arg: &Arg) -> bool {
    arg.get_action().takes_values()
}

fn flags(command: &Command, word: &str) -> Vec<Candidate> {
    let mut candidates = Vec::new();
    for arg in options(command) {
        let means = arg.get_help().map(ToString::to_string).unwrap_or_default();
        let long = arg.get_long().map(|long| format!("--{long}"));
        let short = arg.get_short().map(|short| format!("-{short}"));
        // Who has typed `--` wants long ones; who has typed `-`, whatever there is.
        let names = [long, short].into_iter().flatten().filter(|name| name.starts_with(word));
        candidates.extend(names.take(1).map(|word| Candidate { word, means: means.clone() }));
    }
    candidates
}

fn subcommands(command: &Command, word: &str) -> Vec<Candidate> {
    let shown = command.get_subcommands().filter(|command| !command.is_hide_set());
    let fitting = shown.filter(|command| command.get_name().starts_with(word));
    let candidate = |command: &Command| Candidate {
        word: command.get_name().to_owned(),
        means: command.get_about().map(ToString::to_string).unwrap_or_default(),
    };
    fitting.map(candidate).collect()
}

/// What an argument may be. Where its values are known, nothing else is.
fn values(arg: &Arg, before: &str, word: &str) -> Completions {
    let possible = arg.get_possible_values();
    let besides = match arg.get_value_hint() {
        _ if !possible.is_empty() => Besides::Nothing,
        ValueHint::AnyPath | ValueHint::FilePath | ValueHint::ExecutablePath => Besides::Files,
        ValueHint::DirPath => Besides::Folders,
        _ => Besides::Nothing,
    };
    let shown = possible.iter().filter(|value| !value.is_hide_set());
    let fitting = shown.filter(|value| value.get_name().starts_with(word));
    let candidates = fitting.map(|value| Candidate {
        word: format!("{before}{}", value.get_name()),
        means: value.get_help().map(ToString::to_string).unwrap_or_default(),
    });
    Completions { candidates: candidates.collect(), besides }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use clap::{Parser, Subcommand, ValueEnum};

    use super::*;

    #[derive(Parser)]
    #[allow(dead_code, reason = "nothing is ever run")]
    #[command(name = "tool")]
    struct Tool {
        #[command(subcommand)]
        command: Work,
    }

    #[derive(Subcommand)]
    #[allow(dead_code, reason = "nothing is ever run")]
    enum Work {
        /// Says hello
        Greet {
            /// Whom
            #[arg(value_enum)]
            whom: Whom,
            /// How loud
            #[arg(short, long, value_enum)]
            loud: Option<Whom>,
            /// From where
            #[arg(long, value_hint = ValueHint::DirPath)]
            from: Option<PathBuf>,
            /// Often
            #[arg(short, long)]
            again: bool,
            /// A secret
            #[arg(long, hide = true)]
            _hidden: bool,
        },
        /// Counts
        Grow { files: Vec<PathBuf> },
    }

    #[derive(Clone, ValueEnum)]
    enum Whom {
        /// All of it
        World,
        /// Only one
        Someone,
    }

    fn told(words: &[&str]) -> String {
        let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
        let mut command = <Tool as clap::CommandFactory>::command();
        command.build();
        complete(&command, &words).to_string()
    }

    #[test]
    fn commands_are_offered_by_what_is_typed_of_them() {
        assert_eq!(told(&["gr"]), "greet\tSays hello\ngrow\tCounts\n:4\n");
        assert_eq!(told(&["gree"]), "greet\tSays hello\n:4\n");
        assert_eq!(told(&["x"]), ":4\n");
        assert_eq!(told(&[]), ":4\n");
    }

    #[test]
    fn flags_are_those_of_the_command_that_stands_before() {
        let all = told(&["greet", "-"]);
        assert_eq!(
            all,
            "--loud\tHow loud\n--from\tFrom where\n--again\tOften\n\
             --help\tPrint help (see more with '--help')\n:4\n"
        );
        assert_eq!(told(&["greet", "--a"]), "--again\tOften\n:4\n");
        assert_eq!(told(&["greet", "-a"]), "-a\tOften\n:4\n");
        assert_eq!(told(&["greet", "--", "-"]), ":4\n");
    }

    #[test]
    fn values_are_those_of_the_option_or_of_the_place() {
        let both = "world\tAll of it\nsomeone\tOnly one\n:4\n";
        assert_eq!(told(&["greet", ""]), both);
        assert_eq!(told(&["greet", "--loud", ""]), both);
        assert_eq!(told(&["greet", "-al", ""]), both);
        assert_eq!(told(&["greet", "--loud", "world", ""]), both);
        assert_eq!(told(&["greet", "--again", ""]), both);
        assert_eq!(told(&["greet", "--loud=w"]), "--loud=world\tAll of it\n:4\n");
        assert_eq!(told(&["greet", "-lworld", "so"]), "someone\tOnly one\n:4\n");
        // There is one place only.
        assert_eq!(told(&["greet", "world", ""]), ":4\n");
    }

    #[test]
    fn paths_are_left_to_the_shell() {
        assert_eq!(told(&["grow", ""]), ":0\n");
        assert_eq!(told(&["grow", "a", "b", "-c", ""]), ":0\n");
        assert_eq!(told(&["greet", "--from", ""]), ":16\n");
    }
}
