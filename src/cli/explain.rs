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
  portcullis explain                 list all controls, rules and lints
  portcullis explain runAsNonRoot    explain a control
  portcullis explain restricted      explain a level
  portcullis explain spec.hostPID    find the control of a field
  portcullis explain lint            list all lints")]
pub(super) struct Flags {
    /// Id of a control, rule or lint such as runAsNonRoot, imageTag or lint/unknown-field, part of an id, a level, or a
    /// field such as securityContext.runAsUser [default: list all]
    #[arg(value_name = "CONTROL", value_parser = offered(StringValueParser::new(), ids), hide_possible_values = true)]
    control: Option<String>,
}

/// Runs the command.
pub(super) fn run(flags: &Flags) -> anyhow::Result<Exit> {
    print::markdown(&explain::answer(flags.control.as_deref())?)
}

/// The ids for shell completion. The argument itself also accepts parts of ids.
fn ids() -> Vec<PossibleValue> {
    let texts = explain::all().map(|text| PossibleValue::new(text.id).help(text.title));
    let lints = explain::lints().map(|text| PossibleValue::new(text.rule.id()).help(text.title()));
    texts.chain(lints).collect()
}
