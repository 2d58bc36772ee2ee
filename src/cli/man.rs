//! The flags of `man`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clap::{Args, Command, ValueHint};
use clap_mangen::Man;

use crate::output_file;

use super::{Exit, plugin::Name, print};

/// Pages in roff, for `man -l -`.
#[derive(Args, Debug)]
pub(super) struct Flags {
    /// Directory for the pages of all commands, created if missing [default: print the first page]
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    folder: Option<PathBuf>,
}

/// Prints the first page or writes all pages, under the name by which the program was called.
pub(super) fn run(flags: &Flags, name: &Name) -> anyhow::Result<Exit> {
    // clap's help command only repeats the text of each page.
    let mut command = name.command().display_name(name.file()).disable_help_subcommand(true);
    command.build();
    match &flags.folder {
        None => {
            let (_, page) = page(&command)?;
            print::text(&page)
        }
        Some(folder) => {
            fs::create_dir_all(folder)
                .with_context(|| format!("{} could not be created", folder.display()))?;
            write(&command, folder)?;
            Ok(Exit::Clean)
        }
    }
}

/// Writes the pages of a command and its subcommands.
fn write(command: &Command, folder: &Path) -> anyhow::Result<()> {
    let (name, page) = page(command)?;
    let file = folder.join(name);
    output_file::write(&file, &page)
        .with_context(|| format!("{} could not be written", file.display()))?;
    let mut shown = command.get_subcommands().filter(|command| !command.is_hide_set());
    shown.try_for_each(|command| write(command, folder))
}

/// A page and its file name.
fn page(command: &Command) -> anyhow::Result<(String, Vec<u8>)> {
    let source = concat!("Portcullis ", env!("CARGO_PKG_VERSION"));
    let man = Man::new(command.clone()).source(source);
    let mut page = Vec::new();
    man.render(&mut page)?;
    Ok((man.get_filename(), page))
}
