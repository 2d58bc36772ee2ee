//! The flags of `explain`.

use clap::{
    Args,
    builder::{PossibleValue, StringValueParser, TypedValueParser},
};

use crate::explain;

use super::{Exit, output};

/// Nothing is read and nobody is asked: the texts are in the program.
#[derive(Args, Debug)]
pub(super) struct Flags {
    /// The control's id as runAsNonRoot, a part of ids as capabilities, or a field as hostPID; without it, the list
    #[arg(value_name = "CONTROL", value_parser = Word, hide_possible_values = true)]
    control: Option<String>,
}

/// Prints the text of a control, or the list.
pub(super) fn run(flags: &Flags) -> anyhow::Result<Exit> {
    let markdown = match &flags.control {
        Some(word) => explained(&explain::find(word)?),
        None => format!("# Controls of the Pod Security Standards\n\n{}", list_all()),
    };
    output::markdown(&markdown)
}

fn explained(texts: &[explain::Text]) -> String {
    match texts {
        [text] => explain::page(text),
        _ => explain::list(texts),
    }
}

fn list_all() -> String {
    explain::list(&explain::all().collect::<Vec<_>>())
}

/// Any word, though shells offer the ids: what it stands for is looked up later.
#[derive(Clone, Debug)]
struct Word;

impl TypedValueParser for Word {
    type Value = String;

    fn parse_ref(
        &self,
        command: &clap::Command,
        arg: Option<&clap::Arg>,
        value: &std::ffi::OsStr,
    ) -> Result<String, clap::Error> {
        StringValueParser::new().parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(explain::all().map(|text| PossibleValue::new(text.id).help(text.title))))
    }
}
