//! The configuration: the built-in defaults, and the two kinds of file. Strict: anything unknown is an error that names
//! file, line and the allowed values. The server applies its flags through [`Overrides`](policy::config::Overrides).

mod document;
mod error;
mod hardening;
mod policies;
pub(crate) mod reader;
mod reload;
#[cfg(test)]
mod rules_tests;
#[cfg(test)]
mod schema;
#[cfg(test)]
mod tests;

use std::{
    fs,
    io::{self, Read as _},
    path::Path,
};

use policy::config::Config;

pub use error::{ConfigError, Problem};

pub use reload::{Change, Live, Status};

/// The largest file that is read, in bytes.
pub const MAX_FILE: u64 = 1 << 20;

/// Parses YAML or JSON. `file` names the text in errors, and the `path` of an AdmissionConfiguration is relative to it.
/// As upstream, an empty text (zero bytes) is a PodSecurityConfiguration without settings.
///
/// # Errors
/// All problems, their locations, and what is allowed.
pub fn parse(text: &str, file: &Path) -> Result<Config, ConfigError> {
    Ok(document::read(text, file)?.unwrap_or_else(Config::upstream))
}

/// Reads a file of at most [`MAX_FILE`] bytes, and parses it with [`parse`].
///
/// # Errors
/// An unreadable file, one that is too large or not UTF-8, and all problems in it.
pub fn load(file: &Path) -> Result<Config, ConfigError> {
    parse(&text_of(file)?, file)
}

/// Reads and parses everything from a reader, as [`load`] does for a file. `name` names it in errors.
///
/// # Errors
/// Those of [`load`].
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
