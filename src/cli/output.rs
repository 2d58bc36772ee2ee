//! Texts on standard output.

use std::io::{self, Write};

use anstream::{AutoStream, ColorChoice};

use crate::explain;

use super::Exit;

/// Styled for a terminal, and as it is for everything else.
pub(super) fn markdown(markdown: &str) -> anyhow::Result<Exit> {
    match AutoStream::choice(&io::stdout()) {
        ColorChoice::Never => text(markdown.as_bytes()),
        ColorChoice::Auto | ColorChoice::AlwaysAnsi | ColorChoice::Always => {
            text(explain::styled(markdown).as_bytes())
        }
    }
}

/// As it is.
pub(super) fn text(text: &[u8]) -> anyhow::Result<Exit> {
    let mut out = io::stdout().lock();
    match out.write_all(text).and_then(|()| out.flush()) {
        // Whoever reads has seen enough.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(anyhow::Error::new(error).context("standard output could not be written"))
        }
        _ => Ok(Exit::Clean),
    }
}
