//! The flags of `completion`.

use clap::Args;
use clap_complete::Shell;

use super::{Exit, plugin::Name, print};

/// For example `source <(portcullis completion bash)`.
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  source <(portcullis completion bash)

For `kubectl portcullis`, add a symbolic link named kubectl_complete-portcullis to this program in a directory of PATH \
instead.")]
pub(super) struct Flags {
    /// Shell to generate the script for
    #[arg(value_name = "SHELL", value_enum)]
    shell: Shell,
}

/// Runs the command; the script uses the name that the program was called by.
pub(super) fn run(flags: &Flags, name: &Name) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(flags.shell, &mut name.command(), name.file(), &mut script);
    print::text(&script)
}
