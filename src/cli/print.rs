//! Texts on standard output.

use std::io::{self, Write};

use anstream::{AutoStream, ColorChoice};

use crate::explain;

use super::Exit;

/// Prints Markdown, styled if standard output is a terminal.
pub(super) fn markdown(markdown: &str) -> anyhow::Result<Exit> {
    match AutoStream::choice(&io::stdout()) {
        ColorChoice::Never => text(markdown.as_bytes()),
        ColorChoice::Auto | ColorChoice::AlwaysAnsi | ColorChoice::Always => {
            text(explain::styled(markdown).as_bytes())
        }
    }
}

/// Prints a text unchanged.
pub(super) fn text(text: &[u8]) -> anyhow::Result<Exit> {
    let mut out = io::stdout().lock();
    match out.write_all(text).and_then(|()| out.flush()) {
        // A reader that closes the pipe has what it needs.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(anyhow::Error::new(error).context("standard output could not be written"))
        }
        _ => Ok(Exit::Clean),
    }
}
