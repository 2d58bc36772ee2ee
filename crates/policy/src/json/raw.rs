//! One value as text, read without the buffer of serde_json's deserializer.

use std::marker::PhantomData;

use serde::{
    de::{self, Deserializer, Visitor},
    forward_to_deserialize_any,
};
use serde_json::value::RawValue;

/// The JSON of one value, and the type of errors.
pub(super) struct Raw<'de, E>(&'de str, PhantomData<E>);

impl<'de, E: de::Error> Raw<'de, E> {
    pub(super) fn read<D: Deserializer<'de, Error = E>>(deserializer: D) -> Result<Self, E> {
        let raw = <&RawValue as serde::Deserialize>::deserialize(deserializer)?;
        Ok(Self(raw.get(), PhantomData))
    }
}

impl<'de, E: de::Error> Deserializer<'de> for Raw<'de, E> {
    type Error = E;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        let Some(quoted) = self.0.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
            let mut value = serde_json::Deserializer::from_str(self.0);
            return value.deserialize_any(visitor).map_err(E::custom);
        };
        if !quoted.contains('\\') {
            return visitor.visit_borrowed_str(quoted);
        }
        let text = unescaped(quoted).ok_or_else(|| E::custom("lone surrogate in a string"))?;
        visitor.visit_string(text)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map enum identifier option struct newtype_struct ignored_any
    }
}

/// The text of a JSON string without its quotes. None if it contains half of a surrogate pair.
fn unescaped(mut quoted: &str) -> Option<String> {
    let mut text = String::with_capacity(quoted.len());
    while let Some((plain, escape)) = quoted.split_once('\\') {
        text.push_str(plain);
        let (char, rest) = first_char(escape)?;
        text.push(char);
        quoted = rest;
    }
    text.push_str(quoted);
    text.shrink_to_fit();
    Some(text)
}

/// What an escape stands for, and the text behind it. serde_json has checked its form (RFC 8259, section 7).
fn first_char(escape: &str) -> Option<(char, &str)> {
    let unit = |text: &str| u16::from_str_radix(text.get(..4)?, 16).ok();
    let mut chars = escape.chars();
    let char = match chars.next()? {
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'u' => {
            let (first, rest) = (unit(chars.as_str())?, chars.as_str().get(4..)?);
            let second = rest.strip_prefix("\\u").and_then(unit);
            let mut both = char::decode_utf16([first].into_iter().chain(second));
            let char = both.next()?.ok()?;
            return Some((char, rest.get(6 * (char.len_utf16() - 1)..)?));
        }
        same => same,
    };
    Some((char, chars.as_str()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;
    use crate::{
        json::{LONG, from_untrusted},
        pss::Text,
    };

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// As serde_json reads it, what it refuses included.
        #[test]
        fn a_string_in_a_long_text_is_the_same(
            parts in prop::collection::vec(r#"[a-z\u{e9}\u{1f600}]|\\\\[bfnrt"\\\\/]|\\\\u(00[0-7][0-9a-fA-F]|d8[0-3]d|dc[0-9]a|D83D\\\\uDE00)"#, 0..20)
        ) {
            let value = format!("\"{}\"", parts.concat());
            let expected = serde_json::from_str::<String>(&value).ok();
            let text = format!("{{\"a\":{value},\"{}\":1}}", "b".repeat(LONG));
            let read = from_untrusted(&text, PhantomData::<OneText<'_>>).ok();
            prop_assert_eq!(read.map(|read| read.a.to_string()), expected);
        }
    }

    #[derive(Deserialize)]
    struct OneText<'a> {
        #[serde(borrow)]
        a: Text<'a>,
    }
}
