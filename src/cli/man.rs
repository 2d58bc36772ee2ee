//! The flags of `man`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clap::{Args, Command, ValueHint};

use crate::output_file;

use super::{Exit, output, plugin::Name, roff};

/// roff, for `man -l -`.
#[derive(Args, Debug)]
pub(super) struct Flags {
    /// The folder that gets the pages of all commands, made where it is not there; without it, the first page goes to
    /// standard output
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    folder: Option<PathBuf>,
}

/// Prints or writes the pages of the program as it was called.
pub(super) fn run(flags: &Flags, name: &Name) -> anyhow::Result<Exit> {
    // clap's own help command is no more than each page's text.
    let mut command = name.command().display_name(name.file()).disable_help_subcommand(true);
    command.build();
    match &flags.folder {
        None => output::text(roff::page(&command).as_bytes()),
        Some(folder) => {
            fs::create_dir_all(folder)
                .with_context(|| format!("{} could not be made", folder.display()))?;
            write(&command, folder)?;
            Ok(Exit::Clean)
        }
    }
}

/// The page of a command and those of the commands below it.
fn write(command: &Command, folder: &Path) -> anyhow::Result<()> {
    let file = folder.join(format!("{}.1", roff::name(command)));
    output_file::write(&file, roff::page(command).as_bytes())
        .with_context(|| format!("{} could not be written", file.display()))?;
    let mut shown = command.get_subcommands().filter(|command| !command.is_hide_set());
    shown.try_for_each(|command| write(command, folder))
}
