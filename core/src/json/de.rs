//! serde's deserializer: which method reads which JSON.

use super::access::{Elements, Entries, Key, Variant};
use super::error::Error;
use super::reader::Reader;
use serde::de::{DeserializeSeed, Deserializer as _, Expected, Unexpected, Visitor};
use serde::forward_to_deserialize_any;
use std::convert::Infallible;
use std::fmt;

/// Levels of arrays and objects that may be read into types, as serde_json has it: reading recurses.
const LEVELS: u8 = 127;

/// A string of more bytes is handed over rather than copied.
pub(super) const LONG: usize = 1024;

pub(super) struct Deserializer<'de> {
    pub(super) reader: Reader<'de>,
    scratch: String,
    levels_left: u8,
    trust: Trust,
}

/// What is taken of a text beyond what its type says.
pub(super) enum Trust {
    /// All that serde_json takes.
    Full,
    /// No array for a struct, and so many more elements of arrays.
    Stranger {
        /// Of all arrays of the text together.
        elements_left: usize,
        /// In bytes, of what says that it takes some.
        memory_left: usize,
    },
}

impl<'de> Deserializer<'de> {
    pub(super) fn new(text: &'de str, trust: Trust) -> Result<Self, Error> {
        let reader = Reader::new(text)?;
        Ok(Self { reader, scratch: String::new(), levels_left: LEVELS, trust })
    }

    /// Counts an element that is read into a type.
    #[inline]
    pub(super) fn count_element(&mut self) -> Result<(), Error> {
        if let Trust::Stranger { elements_left, .. } = &mut self.trust {
            match elements_left.checked_sub(1) {
                Some(left) => *elements_left = left,
                None => {
                    return Err(Error::refused(
                        "more list elements than any object has",
                        self.reader.at,
                    ));
                }
            }
        }
        Ok(())
    }

    /// Takes what a newtype of this name costs out of the memory that is left ([`super::price`]).
    #[inline]
    fn charge(&mut self, name: &str) -> Result<(), Error> {
        let Trust::Stranger { memory_left, .. } = &mut self.trust else { return Ok(()) };
        let price = name.strip_prefix("price:").and_then(|price| price.parse().ok()).unwrap_or(0);
        match memory_left.checked_sub(price) {
            Some(left) => *memory_left = left,
            None => {
                let why = "its lists hold more than those of any object of this size";
                return Err(Error::refused(why, self.reader.at));
            }
        }
        Ok(())
    }

    /// Reads a value. There is no reading on after an error, even for a visitor that would like to: what is left of the
    /// text is then nothing.
    #[inline]
    pub(super) fn read<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Error> {
        match seed.deserialize(&mut *self) {
            Ok(value) => Ok(value),
            Err(error) => {
                let error = error.stopped(self.reader.at);
                self.reader.at = self.reader.text.len();
                Err(error)
            }
        }
    }

    pub(super) fn end(&mut self) -> Result<(), Error> {
        self.reader.token();
        if self.reader.at < self.reader.text.len() {
            return Err(Error::expected("the end", self.reader.at));
        }
        Ok(())
    }

    /// Reads a string whose opening quote comes next.
    #[inline]
    pub(super) fn visit_string<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Error> {
        match self.reader.plain_string() {
            Some(text) => visitor.visit_borrowed_str(text),
            None => match self.reader.string(&mut self.scratch)? {
                Some(text) => visitor.visit_borrowed_str(text),
                None if self.scratch.len() > LONG => {
                    visitor.visit_string(std::mem::take(&mut self.scratch))
                }
                None => visitor.visit_str(&self.scratch),
            },
        }
    }

    #[inline]
    fn visit_array<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Error> {
        self.enter()?;
        let value = visitor.visit_seq(Elements::of(self))?;
        self.leave(b']', "`]`")?;
        Ok(value)
    }

    #[inline]
    fn visit_object<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Error> {
        self.enter()?;
        let value = visitor.visit_map(Entries::of(self))?;
        self.leave(b'}', "`}`")?;
        Ok(value)
    }

    /// Passes over the bracket that opens a container.
    #[inline]
    fn enter(&mut self) -> Result<(), Error> {
        if self.levels_left == 0 {
            return Err(Error::refused("nested deeper than 127 levels", self.reader.at));
        }
        self.levels_left -= 1;
        self.reader.at += 1;
        Ok(())
    }

    #[inline]
    fn leave(&mut self, bracket: u8, name: &'static str) -> Result<(), Error> {
        self.levels_left += 1;
        self.reader.require(bracket, name)
    }

    #[inline]
    fn boolean(&mut self) -> Result<bool, Error> {
        let value = self.reader.byte() == b't';
        self.reader.literal(if value { "true" } else { "false" })?;
        Ok(value)
    }

    #[inline]
    fn number<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Error> {
        match self.reader.token() {
            b'-' | b'0'..=b'9' => self.reader.number()?.visit(visitor),
            _ => Err(self.mismatch(&visitor)),
        }
    }

    /// What stands here is not what `expected` takes: reads it to say what it is.
    #[cold]
    fn mismatch(&mut self, expected: &dyn Expected) -> Error {
        match self.deserialize_any(TakesNothing(expected)) {
            Ok(never) => match never {},
            Err(error) => error,
        }
    }
}

/// Refuses whatever it is shown as not being what was expected, by the defaults of [`Visitor`].
struct TakesNothing<'a>(&'a dyn Expected);

impl Visitor<'_> for TakesNothing<'_> {
    type Value = Infallible;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Infallible, E> {
        Err(E::invalid_type(Unexpected::Other("null"), &self))
    }
}

macro_rules! numbers {
    ($($method:ident)*) => {$(
        #[inline]
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            self.number(visitor)
        }
    )*};
}

macro_rules! strings {
    ($($method:ident)*) => {$(
        #[inline]
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            self.deserialize_str(visitor)
        }
    )*};
}

impl<'de> serde::Deserializer<'de> for &mut Deserializer<'de> {
    type Error = Error;

    numbers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
        deserialize_f32 deserialize_f64
    }

    #[inline]
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.reader.token() {
            b'"' => self.visit_string(visitor),
            b'{' => self.visit_object(visitor),
            b'[' => self.visit_array(visitor),
            b'-' | b'0'..=b'9' => self.reader.number()?.visit(visitor),
            b't' | b'f' => visitor.visit_bool(self.boolean()?),
            b'n' => {
                self.reader.literal("null")?;
                visitor.visit_unit()
            }
            _ => Err(Error::expected("a value", self.reader.at)),
        }
    }

    #[inline]
    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.reader.token() {
            b't' | b'f' => visitor.visit_bool(self.boolean()?),
            _ => Err(self.mismatch(&visitor)),
        }
    }

    #[inline]
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.reader.peek(b'"') {
            self.visit_string(visitor)
        } else {
            Err(self.mismatch(&visitor))
        }
    }

    #[inline]
    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.reader.token() {
            b'n' => {
                self.reader.literal("null")?;
                visitor.visit_unit()
            }
            _ => Err(self.mismatch(&visitor)),
        }
    }

    #[inline]
    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_unit(visitor)
    }

    #[inline]
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.reader.token() == b'n' {
            self.reader.literal("null")?;
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    #[inline]
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.charge(name)?;
        visitor.visit_newtype_struct(self)
    }

    #[inline]
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.reader.token() {
            b'[' => self.visit_array(visitor),
            _ => Err(self.mismatch(&visitor)),
        }
    }

    #[inline]
    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        _len: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    #[inline]
    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _len: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    #[inline]
    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.reader.token() {
            b'{' => self.visit_object(visitor),
            _ => Err(self.mismatch(&visitor)),
        }
    }

    /// A struct may also be written as the array of its fields: serde_json takes that too, and Go does not.
    #[inline]
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.reader.token() {
            b'{' => self.visit_object(visitor),
            b'[' if matches!(self.trust, Trust::Full) => self.visit_array(visitor),
            _ => Err(self.mismatch(&visitor)),
        }
    }

    /// A variant is its name, or an object with its name as the one key and its content as the value.
    #[inline]
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.reader.token() {
            b'"' => visitor.visit_enum(Key { de: self }),
            b'{' => {
                self.enter()?;
                let value = visitor.visit_enum(Variant::of(self))?;
                self.leave(b'}', "`}`")?;
                Ok(value)
            }
            _ => Err(self.mismatch(&visitor)),
        }
    }

    #[inline]
    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.reader.skip_value()?;
        visitor.visit_unit()
    }

    strings! { deserialize_char deserialize_string deserialize_identifier }

    forward_to_deserialize_any! { bytes byte_buf }
}
