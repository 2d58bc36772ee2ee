//! Reads JSON text into serde types, and passes over whatever the type does not ask for as fast as it can.
//!
//! An AdmissionReview is mostly text that nobody judges: managedFields, the last applied configuration,
//! environment variables. It is never looked at byte by byte here: one pass over the text finds where its strings end,
//! 64 bytes at a time, and what is skipped then costs a few instructions a token. All of it is checked as strictly as
//! what is kept.
//!
//! The promise is that [`from_str`] accepts, refuses and reads exactly what `serde_json::from_str` does for the
//! same type (`tests/json` holds it to that), nesting included: 127 levels of what is read, any number of what is
//! skipped. What differs is refused: numbers and booleans as map keys, 128-bit integers, raw values, lone
//! surrogates in byte buffers, and whatever a visitor reads after an error that it would rather forget.
//!
//! It never copies a string that has no escape, never panics, and keeps nothing between calls. While it reads, it
//! takes a quarter of the text's size in memory.

mod access;
mod de;
mod error;
mod index;
mod number;
mod reader;
mod skip;
mod string;

use de::{Deserializer, Trust};
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
    read(text, PhantomData, Trust::Full)
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

/// Like [`from_str`], for a value whose reading depends on what the caller knows already, of a text that a
/// stranger may have sent. It takes less: no array where a struct belongs, since the API server takes none, and
/// no more than [`MAX_ELEMENTS`] elements of arrays, which take no more than [`memory`] together.
///
/// # Errors
///
/// As [`from_str`], and what is said above.
pub fn from_stranger<'de, S: DeserializeSeed<'de>>(
    text: &'de str,
    seed: S,
) -> Result<S::Value, Error> {
    let memory_left = memory(text.len());
    read(text, seed, Trust::Stranger { elements_left: MAX_ELEMENTS, memory_left })
}

/// The most bytes that the elements of lists and maps take which are read of a text of so many bytes. `{}` is two bytes
/// of a text and 400 of a view, so the text's length alone bounds nothing. A container as the API server sends it takes
/// as much as its text at most: so this is enough for 250 containers with ports, resources and mounts, and for 110 with
/// 30 mounts and 50 variables each. What hardening makes of a container takes as much again several times: so more than
/// this would not stay within twice the text.
pub const fn memory(bytes: usize) -> usize {
    (128 << 10) + bytes / 2
}

/// What a value that takes so many bytes calls itself, as the name of a newtype: the reader then takes them out of
/// [`memory`]. Other readers of serde pass over it.
pub(crate) const fn price(bytes: usize) -> &'static str {
    match bytes {
        0..=8 => "price:8",
        9..=16 => "price:16",
        17..=24 => "price:24",
        25..=32 => "price:32",
        33..=40 => "price:40",
        41..=48 => "price:48",
        49..=64 => "price:64",
        65..=80 => "price:80",
        81..=96 => "price:96",
        97..=128 => "price:128",
        129..=256 => "price:256",
        257..=384 => "price:384",
        385..=416 => "price:416",
        417..=448 => "price:448",
        449..=480 => "price:480",
        481..=512 => "price:512",
        _ => "price:1024",
    }
}

/// Elements of arrays that are read into types, of one text from a stranger. kube-apiserver takes requests of
/// 3 MiB, and no object of that size has a third of this.
pub const MAX_ELEMENTS: usize = 1 << 18;

fn read<'de, S: DeserializeSeed<'de>>(
    text: &'de str,
    seed: S,
    trust: Trust,
) -> Result<S::Value, Error> {
    let value = Deserializer::new(text, trust).and_then(|mut deserializer| {
        let value = deserializer.read(seed)?;
        deserializer.end()?;
        Ok(value)
    });
    value.map_err(|error| error.located(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Pair {
        #[allow(dead_code, reason = "compared by its Debug form")]
        a: Vec<u8>,
    }

    fn stranger(text: &str) -> Result<Pair, Error> {
        from_stranger(text, PhantomData)
    }

    #[test]
    fn an_array_is_no_struct_for_a_stranger() {
        assert!(from_str::<Pair>("[[1]]").is_ok());
        let error = stranger("[[1]]").unwrap_err().to_string();
        assert!(error.contains("expected struct Pair"), "{error}");
        assert_eq!(stranger(r#"{"a":[1]}"#).unwrap().a, [1]);
    }

    #[test]
    fn elements_are_bounded_for_a_stranger() {
        let text = |count: usize| format!(r#"{{"a":[{}1]}}"#, "1,".repeat(count - 1));
        assert_eq!(stranger(&text(MAX_ELEMENTS)).unwrap().a.len(), MAX_ELEMENTS);
        let error = stranger(&text(MAX_ELEMENTS + 1)).unwrap_err().to_string();
        assert!(error.contains("more list elements than any object has"), "{error}");
        assert!(from_str::<Pair>(&text(MAX_ELEMENTS + 1)).is_ok());
    }
}
