//! The flags of `explain`.

use clap::{
    Args,
    builder::{PossibleValue, StringValueParser},
};

use crate::explain;

use super::{Exit, offered::offered, output};

/// Nothing is read and nobody is asked: the texts are in the program.
#[derive(Args, Debug)]
pub(super) struct Flags {
    /// The control's id as runAsNonRoot or the rule's as imageTag, a part of ids as capabilities, or a field as
    /// hostPID; without it, the list
    #[arg(value_name = "CONTROL", value_parser = offered(StringValueParser::new(), ids), hide_possible_values = true)]
    control: Option<String>,
}

/// Prints the text of a control or rule, or the list.
pub(super) fn run(flags: &Flags) -> anyhow::Result<Exit> {
    let markdown = match &flags.control {
        Some(word) => explained(&explain::find(word)?),
        None => format!("# Controls of the Pod Security Standards, and rules\n\n{}", list_all()),
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

/// What it stands for is looked up later: shells offer the ids, and a part of one will do.
fn ids() -> Vec<PossibleValue> {
    explain::all().map(|text| PossibleValue::new(text.id).help(text.title)).collect()
}
