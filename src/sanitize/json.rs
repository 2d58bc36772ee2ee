//! JSON with the same meaning in which everything harmful is escaped.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

use super::{is_hidden, next_command};

/// Writes a value on one line.
pub(crate) fn write(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    Ok(value.serialize(&mut Serializer::with_formatter(out, Escaping))?)
}

/// Serialises a value into a buffer, because many small writes are slow.
pub(crate) fn to_vec(value: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut text = Vec::with_capacity(128);
    write(&mut text, value)?;
    Ok(text)
}

struct Escaping;

impl Formatter for Escaping {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        out: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let (mut from, mut command) = (0, next_command(fragment, 0));
        let is_ascii = fragment.is_ascii();
        if is_ascii && command.is_none() && !fragment.contains('\u{7f}') {
            return out.write_all(fragment.as_bytes());
        }
        for (at, char) in fragment.char_indices() {
            let is_command = command == Some(at);
            if !is_command && !is_hidden(char) {
                continue;
            }
            out.write_all(fragment.get(from..at).unwrap_or_default().as_bytes())?;
            for unit in char.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}")?;
            }
            from = at + char.len_utf8();
            if is_command {
                command = next_command(fragment, from);
            }
        }
        out.write_all(fragment.get(from..).unwrap_or_default().as_bytes())
    }
}
