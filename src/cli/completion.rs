//! The flags of `completion`.

use clap::Args;
use clap_complete::Shell;

use super::{Exit, output, plugin::Name};

/// Prints a script: `source <(portcullis completion bash)`.
#[derive(Args, Debug)]
#[command(after_long_help = "\
For `kubectl portcullis`, link the program as kubectl_complete-portcullis into a folder of the PATH instead: kubectl \
asks it.")]
pub(super) struct Flags {
    /// The shell that is to complete
    #[arg(value_name = "SHELL", value_enum)]
    shell: Shell,
}

/// Prints the script, for the program as it was called.
pub(super) fn run(flags: &Flags, name: &Name) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(flags.shell, &mut name.command(), name.file(), &mut script);
    output::text(&script)
}
