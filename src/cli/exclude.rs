//! The flag that leaves files out.

use clap::Args;

use crate::input::Exclusions;

#[derive(Args, Debug)]
pub(super) struct Exclude {
    /// Leave out files and directories that match this pattern, with the syntax of gitignore; can be repeated.
    /// .portcullisignore files have the same effect in directories
    #[arg(long = "exclude", value_name = "GLOB")]
    globs: Vec<String>,
}

impl Exclude {
    /// # Errors
    /// An invalid pattern.
    pub(super) fn exclusions(&self) -> anyhow::Result<Exclusions> {
        Exclusions::new(&self.globs).map_err(|why| anyhow::anyhow!("--exclude: {why}"))
    }
}
