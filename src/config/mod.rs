//! The configuration: what is in force without a file, and the two kinds of file. Strict: what is not
//! understood is an error that names file, line and what is allowed, never a guess. Flags are added by
//! whoever starts the server, through [`Overrides`].

mod document;
mod error;
pub(crate) mod fields;
mod hardening;
mod policies;
mod reload;
mod rules;
#[cfg(test)]
mod rules_tests;
#[cfg(test)]
mod schema;
#[cfg(test)]
mod tests;
pub(crate) mod tree;

use std::{
    fs,
    io::{self, Read as _},
    path::Path,
};

pub use error::{ConfigError, Problem};
pub use portcullis_core::config::{Config, Exemptions, InvalidMode, Mode, Overrides};
pub use reload::{Change, Live, Status};

/// The largest file that is read, in bytes.
pub const MAX_FILE: u64 = 1 << 20;

/// Reads YAML or JSON. `file` names it in errors; the `path` of an AdmissionConfiguration is relative
/// to it. As upstream, a text without a single byte is a PodSecurityConfiguration that sets nothing.
///
/// # Errors
/// All that is wrong with it, where, and what is allowed.
pub fn parse(text: &str, file: &Path) -> Result<Config, ConfigError> {
    Ok(document::read(text, file)?.unwrap_or_else(Config::upstream))
}

/// Reads a file of at most [`MAX_FILE`] bytes, as [`parse`] does its text.
///
/// # Errors
/// A file that cannot be read, is too large or is not UTF-8, and all that is wrong in it.
pub fn load(file: &Path) -> Result<Config, ConfigError> {
    parse(&text_of(file)?, file)
}

/// Reads all that a reader has, as [`load`] does a file. `name` names it in errors.
///
/// # Errors
/// As [`load`].
pub fn load_from(reader: impl io::Read, name: &Path) -> Result<Config, ConfigError> {
    parse(&bounded(reader, name)?, name)
}

pub(crate) fn text_of(file: &Path) -> Result<String, ConfigError> {
    let open = fs::File::open(file);
    let open = open.map_err(|error| ConfigError::of_file(file, &unreadable(&error)))?;
    bounded(open, file)
}

fn bounded(reader: impl io::Read, file: &Path) -> Result<String, ConfigError> {
    let mut bytes = Vec::new();
    reader
        .take(MAX_FILE + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| ConfigError::of_file(file, &unreadable(&error)))?;
    if bytes.len() as u64 > MAX_FILE {
        let text = format!("is larger than the {MAX_FILE} bytes that are allowed");
        return Err(ConfigError::of_file(file, &text));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        ConfigError::of_file(file, &format!("must be UTF-8, but byte {at} is not"))
    })
}

fn unreadable(error: &io::Error) -> String {
    format!("cannot be read: {error}")
}
