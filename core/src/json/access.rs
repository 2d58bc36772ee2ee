//! What serde asks of a container: the elements of an array, the entries of an object, the variant of an enum.

use super::de::Deserializer;
use super::error::Error;
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer as _, EnumAccess, MapAccess, SeqAccess, Unexpected,
    VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

/// Whether a comma must come before the next element or entry.
enum Next {
    First,
    Further,
}

/// The elements of an array whose bracket has been read.
pub(super) struct Elements<'a, 'de> {
    de: &'a mut Deserializer<'de>,
    next: Next,
}

impl<'a, 'de> Elements<'a, 'de> {
    #[inline]
    pub(super) fn of(de: &'a mut Deserializer<'de>) -> Self {
        Self { de, next: Next::First }
    }
}

impl<'de> SeqAccess<'de> for Elements<'_, 'de> {
    type Error = Error;

    #[inline]
    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Error> {
        let reader = &mut self.de.reader;
        match self.next {
            Next::First if reader.token() == b']' => return Ok(None),
            Next::First => self.next = Next::Further,
            Next::Further if reader.expect(b',') => {
                if reader.token() == b']' {
                    return Err(Error::expected("a value after the comma", reader.at));
                }
            }
            Next::Further if reader.token() == b']' => return Ok(None),
            Next::Further => return Err(Error::expected("`,` or `]`", reader.at)),
        }
        self.de.count_element()?;
        self.de.read(seed).map(Some)
    }
}

/// The entries of an object whose bracket has been read.
pub(super) struct Entries<'a, 'de> {
    de: &'a mut Deserializer<'de>,
    next: Next,
}

impl<'a, 'de> Entries<'a, 'de> {
    #[inline]
    pub(super) fn of(de: &'a mut Deserializer<'de>) -> Self {
        Self { de, next: Next::First }
    }
}

impl<'de> MapAccess<'de> for Entries<'_, 'de> {
    type Error = Error;

    #[inline]
    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Error> {
        let reader = &mut self.de.reader;
        match self.next {
            Next::First if reader.token() == b'}' => return Ok(None),
            Next::First => self.next = Next::Further,
            Next::Further if reader.expect(b',') => {}
            Next::Further if reader.token() == b'}' => return Ok(None),
            Next::Further => return Err(Error::expected("`,` or `}`", reader.at)),
        }
        if !reader.peek(b'"') {
            return Err(Error::expected("a key in quotes", reader.at));
        }
        seed.deserialize(Key { de: &mut *self.de }).map(Some)
    }

    #[inline]
    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Error> {
        self.de.reader.require(b':', "`:`")?;
        self.de.read(seed)
    }
}

/// A key, or the name of a variant, whose opening quote comes next: a string, whatever it may look like.
pub(super) struct Key<'a, 'de> {
    pub(super) de: &'a mut Deserializer<'de>,
}

impl<'de> serde::Deserializer<'de> for Key<'_, 'de> {
    type Error = Error;

    #[inline]
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.de.visit_string(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_enum(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        unit unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

/// A variant that is written as an object, whose bracket has been read.
pub(super) struct Variant<'a, 'de> {
    de: &'a mut Deserializer<'de>,
}

impl<'a, 'de> Variant<'a, 'de> {
    pub(super) fn of(de: &'a mut Deserializer<'de>) -> Self {
        Self { de }
    }
}

impl<'de> EnumAccess<'de> for Variant<'_, 'de> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Error> {
        let reader = &mut self.de.reader;
        if !reader.peek(b'"') {
            return Err(Error::expected("the variant's name in quotes", reader.at));
        }
        let name = seed.deserialize(Key { de: &mut *self.de })?;
        self.de.reader.require(b':', "`:`")?;
        Ok((name, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_, 'de> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        <()>::deserialize(self.de)
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Error> {
        seed.deserialize(self.de)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _len: usize, visitor: V) -> Result<V::Value, Error> {
        self.de.deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.de.deserialize_struct("", fields, visitor)
    }
}

/// A variant that is written as its name alone.
impl<'de> EnumAccess<'de> for Key<'_, 'de> {
    type Error = Error;
    type Variant = NoContent;

    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<(S::Value, NoContent), Error> {
        Ok((seed.deserialize(self)?, NoContent))
    }
}

/// What a variant has that is written as its name alone.
pub(super) struct NoContent;

impl NoContent {
    fn refused<T>(wanted: &str) -> Result<T, Error> {
        Err(serde::de::Error::invalid_type(Unexpected::UnitVariant, &wanted))
    }
}

impl<'de> VariantAccess<'de> for NoContent {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        Ok(())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, _seed: S) -> Result<S::Value, Error> {
        Self::refused("newtype variant")
    }

    fn tuple_variant<V: Visitor<'de>>(self, _len: usize, _visitor: V) -> Result<V::Value, Error> {
        Self::refused("tuple variant")
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _fields: &'static [&'static str],
        _visitor: V,
    ) -> Result<V::Value, Error> {
        Self::refused("struct variant")
    }
}
