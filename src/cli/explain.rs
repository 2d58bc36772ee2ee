//! The flags of `explain`.

use clap::{
    Args,
    builder::{PossibleValue, StringValueParser},
};

use crate::explain;

use super::{Exit, offered::offered, print};

/// The texts are part of the program.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  portcullis explain                 list all controls and rules
  portcullis explain runAsNonRoot    explain a control
  portcullis explain hostPID         find the control of a field")]
pub(super) struct Flags {
    /// Id of a control or rule such as runAsNonRoot or imageTag, part of an id, or a field such as hostPID [default:
    /// list all]
    #[arg(value_name = "CONTROL", value_parser = offered(StringValueParser::new(), ids), hide_possible_values = true)]
    control: Option<String>,
}

/// Runs the command.
pub(super) fn run(flags: &Flags) -> anyhow::Result<Exit> {
    let markdown = match &flags.control {
        Some(word) => explained(&explain::find(word)?),
        None => format!("# Controls of the Pod Security Standards, and rules\n\n{}", list_all()),
    };
    print::markdown(&markdown)
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

/// The ids for shell completion. The argument itself also accepts parts of ids.
fn ids() -> Vec<PossibleValue> {
    explain::all().map(|text| PossibleValue::new(text.id).help(text.title)).collect()
}
