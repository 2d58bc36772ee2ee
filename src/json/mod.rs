//! Reads JSON text into serde types, and passes over whatever the type does not ask for as fast as it can.
//!
//! An AdmissionReview is mostly text that nobody judges: managedFields, the last applied configuration,
//! environment variables. It is skipped here eight bytes at a time, yet checked as strictly as what is kept.
//!
//! The promise is that [`from_str`] accepts, refuses and reads exactly what `serde_json::from_str` does for the
//! same type (`tests/json` holds it to that), nesting included: 127 levels of what is read, any number of
//! what is skipped. A few types that no Kubernetes object needs are refused where serde_json takes them:
//! numbers and booleans as map keys, 128-bit integers, raw values, and lone surrogates in byte buffers.
//!
//! It never copies a string that has no escape, never panics, and keeps nothing between calls.

mod access;
mod de;
mod error;
mod index;
mod number;
mod reader;
mod skip;
mod string;

use de::Deserializer;
pub use error::Error;

use serde::Deserialize;
use serde::de::DeserializeSeed;
use std::marker::PhantomData;

/// Reads the one JSON value that `text` is; only whitespace may surround it.
///
/// # Errors
///
/// Text that is not JSON, or JSON that `T` does not take, with the place where reading stopped.
pub fn from_str<'de, T: Deserialize<'de>>(text: &'de str) -> Result<T, Error> {
    from_str_seed(text, PhantomData)
}

/// Like [`from_str`], of bytes that must be UTF-8 throughout, in what is skipped too.
///
/// # Errors
///
/// As [`from_str`], and bytes that are not UTF-8.
pub fn from_slice<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, Error> {
    match std::str::from_utf8(bytes) {
        Ok(text) => from_str(text),
        Err(utf8) => Err(Error::not_utf8(bytes, utf8)),
    }
}

/// Like [`from_str`], for a value whose reading depends on what the caller knows already.
///
/// # Errors
///
/// As [`from_str`].
pub fn from_str_seed<'de, S: DeserializeSeed<'de>>(
    text: &'de str,
    seed: S,
) -> Result<S::Value, Error> {
    let value = Deserializer::new(text).and_then(|mut deserializer| {
        let value = deserializer.read(seed)?;
        deserializer.end()?;
        Ok(value)
    });
    value.map_err(|error| error.located(text))
}
