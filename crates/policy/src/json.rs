//! Reads JSON that an untrusted client may have sent.
//!
//! serde_json reads it. What is added here bounds what a text may cost, whatever its types are:
//!
//! - The elements of all lists and maps together take a bounded amount of [`memory`].
//! - An array is no struct. serde's derived types accept one, and the API server does not.
//! - A value of the wrong type is quoted only in part.

mod raw;

use std::{
    cell::Cell,
    fmt::{self, Write as _},
};

use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

use raw::Raw;

/// The most elements of lists that are read of one text. kube-apiserver takes requests of 3 MiB, and no object of that
/// size has a third of this.
pub const MAX_ELEMENTS: usize = 1 << 18;

/// The length of a text, in bytes, above which strings with escapes are read in a way that takes less memory. Of shorter
/// ones, what serde_json takes is less than a review may take beside its body.
const LONG: usize = 256 << 10;

/// The name of a newtype for [`leaf`].
const LEAF: &str = "leaf";

/// How much of a message an error keeps, in bytes: names and values in it are as long as the client likes.
const MAX_MESSAGE: usize = 400;

/// The most bytes that the elements of lists and maps of a text of so many bytes may take. `{}` is two bytes
/// of a text and 400 of a view, so the length of the text alone bounds nothing. A container as the API server sends it takes
/// as much as its text at most: so this is enough for 250 containers with ports, resources and mounts, and for 110 with
/// 30 mounts and 50 variables each. What hardening makes of a container takes as much again several times: so more than
/// this would not stay within twice the text.
pub const fn memory(bytes: usize) -> usize {
    (128 << 10) + bytes / 2
}

/// Reads the one JSON value that the text is.
///
/// # Errors
/// The text is not JSON, is not what the seed reads, or exceeds a bound.
pub fn from_untrusted<'de, S: DeserializeSeed<'de>>(
    text: &'de str,
    seed: S,
) -> Result<S::Value, serde_json::Error> {
    let budget = Budget::new(text.len());
    let mut json = serde_json::Deserializer::from_str(text);
    let value = seed.deserialize(Bounded { inner: &mut json, budget: &budget })?;
    json.end()?;
    Ok(value)
}

/// A newtype of this name takes so many bytes of [`memory`]. Other formats of serde ignore the name.
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

/// Reads a value of which nothing below is kept: a string, a number, `null`. For a string with escapes serde_json makes room
/// of twice its length, and copies it: three times its length at the peak. In a long text it takes one.
pub(crate) fn leaf<'de, D: Deserializer<'de>, V: Visitor<'de>>(
    deserializer: D,
    visitor: V,
) -> Result<V::Value, D::Error> {
    deserializer.deserialize_newtype_struct(LEAF, Leaf(visitor))
}

struct Leaf<V>(V);

impl<'de, V: Visitor<'de>> Visitor<'de> for Leaf<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        inner.deserialize_any(self.0)
    }

    // Deserializers of a single text, such as a key of a tree, do not tell newtypes apart.
    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<V::Value, E> {
        self.0.visit_borrowed_str(text)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<V::Value, E> {
        self.0.visit_str(text)
    }
}

/// What is left for a text.
#[derive(Debug)]
pub struct Budget {
    elements: Cell<usize>,
    memory: Cell<usize>,
    /// Whether a string with escapes could take more memory than is allowed beside a text.
    is_long: bool,
}

impl Budget {
    /// For a text of so many bytes.
    pub fn new(bytes: usize) -> Self {
        Self {
            elements: Cell::new(MAX_ELEMENTS),
            memory: Cell::new(memory(bytes)),
            is_long: bytes > LONG,
        }
    }

    /// Counts an element of a list or map.
    ///
    /// # Errors
    /// The text has more than [`MAX_ELEMENTS`].
    pub fn take_element<E: de::Error>(&self) -> Result<(), E> {
        let left = self.elements.get().checked_sub(1);
        self.elements.set(left.ok_or_else(|| E::custom("more list elements than any object has"))?);
        Ok(())
    }

    /// Takes the memory that a newtype of this name costs: `price:48`.
    ///
    /// # Errors
    /// The lists of the text take more than [`memory`].
    pub fn take_memory<E: de::Error>(&self, newtype: &str) -> Result<(), E> {
        let price = newtype.strip_prefix("price:").and_then(|price| price.parse().ok());
        let left = self.memory.get().checked_sub(price.unwrap_or(0));
        let error = || E::custom("its lists hold more than those of any object of this size");
        self.memory.set(left.ok_or_else(error)?);
        Ok(())
    }
}

/// A deserializer, visitor, access or seed of serde, under a budget.
struct Bounded<'b, T> {
    inner: T,
    budget: &'b Budget,
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Bounded<'_, D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_any(Checked { visitor, budget: self.budget, takes_arrays: true })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.inner.deserialize_any(Checked { visitor, budget: self.budget, takes_arrays: false })
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_option(Checked { visitor, budget: self.budget, takes_arrays: true })
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        if name != LEAF {
            self.budget.take_memory(name)?;
        } else if self.budget.is_long {
            return visitor.visit_newtype_struct(Raw::read(self.inner)?);
        }
        visitor.visit_newtype_struct(self)
    }

    /// Names of fields.
    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        if self.budget.is_long {
            return Raw::read(self.inner)?.deserialize_any(visitor);
        }
        self.deserialize_any(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_ignored_any(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map enum
    }
}

/// A visitor whose values are under a budget, and whose complaints are short.
struct Checked<'b, V> {
    visitor: V,
    budget: &'b Budget,
    takes_arrays: bool,
}

macro_rules! scalars {
    ($($method:ident($value:ty))*) => {$(
        fn $method<E: de::Error>(self, value: $value) -> Result<V::Value, E> {
            self.visitor.$method(value).map_err(Short::into)
        }
    )*};
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Checked<'_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.visitor.expecting(f)
    }

    scalars! {
        visit_bool(bool) visit_i64(i64) visit_u64(u64) visit_f64(f64)
        visit_borrowed_str(&'de str) visit_str(&str) visit_string(String)
    }

    fn visit_unit<E: de::Error>(self) -> Result<V::Value, E> {
        self.visitor.visit_unit().map_err(Short::into)
    }

    fn visit_none<E: de::Error>(self) -> Result<V::Value, E> {
        self.visitor.visit_none().map_err(Short::into)
    }

    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        self.visitor.visit_some(Bounded { inner, budget: self.budget })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut inner: A) -> Result<V::Value, A::Error> {
        if !self.takes_arrays {
            while inner.next_element::<IgnoredAny>()?.is_some() {}
            return Err(de::Error::invalid_type(de::Unexpected::Seq, &self));
        }
        self.visitor.visit_seq(Bounded { inner, budget: self.budget })
    }

    fn visit_map<A: MapAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        self.visitor.visit_map(Bounded { inner, budget: self.budget })
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Bounded<'_, A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, A::Error> {
        let element = self.inner.next_element_seed(Bounded { inner: seed, budget: self.budget })?;
        if element.is_some() {
            self.budget.take_element()?;
        }
        Ok(element)
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Bounded<'_, A> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, A::Error> {
        self.inner.next_key_seed(Bounded { inner: seed, budget: self.budget })
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.inner.next_value_seed(Bounded { inner: seed, budget: self.budget })
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Bounded<'_, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, inner: D) -> Result<S::Value, D::Error> {
        self.inner.deserialize(Bounded { inner, budget: self.budget })
    }
}

/// The beginning of a message about a value.
#[derive(Debug)]
struct Short(String);

impl Short {
    fn into<E: de::Error>(self) -> E {
        E::custom(self.0)
    }
}

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Short {}

impl de::Error for Short {
    fn custom<T: fmt::Display>(message: T) -> Self {
        let mut short = Self(String::new());
        // It fails where there is no more room: the rest is left out.
        if write!(short, "{message}").is_err() {
            short.0.push('…');
        }
        short
    }
}

impl fmt::Write for Short {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = MAX_MESSAGE.saturating_sub(self.0.len());
        let end = text.floor_char_boundary(room);
        self.0.push_str(text.get(..end).unwrap_or_default());
        if end == text.len() { Ok(()) } else { Err(fmt::Error) }
    }
}

#[cfg(test)]
mod tests {
    use std::marker::PhantomData;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    struct View {
        a: Vec<u8>,
    }

    fn read(text: &str) -> Result<View, serde_json::Error> {
        from_untrusted(text, PhantomData)
    }

    #[test]
    fn an_array_is_no_struct() {
        assert!(serde_json::from_str::<View>("[[1]]").is_ok());
        let error = read("[[1]]").unwrap_err().to_string();
        assert!(error.contains("expected struct View"), "{error}");
        assert_eq!(read(r#"{"a":[1]}"#).unwrap().a, [1]);
        assert!(read(r#"{"a":[1]} x"#).is_err(), "the text is one value");
    }

    #[test]
    fn elements_are_bounded() {
        let text = |count: usize| format!(r#"{{"a":[{}1]}}"#, "1,".repeat(count - 1));
        assert_eq!(read(&text(MAX_ELEMENTS)).unwrap().a.len(), MAX_ELEMENTS);
        let error = read(&text(MAX_ELEMENTS + 1)).unwrap_err().to_string();
        assert!(error.contains("more list elements than any object has"), "{error}");
    }

    #[test]
    fn a_wrong_value_is_quoted_in_part() {
        for value in ["\u{7f}".repeat(100_000), "é".repeat(100_000)] {
            for text in [format!(r#"{{"a":"{value}"}}"#), format!(r#""{value}""#)] {
                let error = read(&text).unwrap_err().to_string();
                assert!(error.contains("invalid type: string") && error.len() < 500, "{error}");
                assert!(error.contains(" at line 1 column "), "{error}");
            }
        }
    }
}
