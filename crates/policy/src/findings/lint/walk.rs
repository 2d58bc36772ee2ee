//! Walks an object beside the table of fields, and finds unknown and misplaced keys in it.
//!
//! Only keys that resemble a known field, or that another type has, are reported: nothing is said of the extensions that
//! a user may have. Takes time linear in the object, and memory for [`MAX_LINTS`] lints.

use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess};

use super::{
    Identity, Lint, MAX_LINTS,
    at::{At, Step},
    fields::{Field, Type},
    key,
};

/// Reads an object of one of Kubernetes' kinds, and collects the lints of its keys. What was collected before an error
/// is kept.
#[derive(Debug)]
pub struct FieldLints<'l> {
    object: &'l Identity,
    of: Type,
    lints: &'l mut Vec<Lint>,
}

impl<'l> FieldLints<'l> {
    /// None if the fields of this kind are not known.
    pub fn new(object: &'l Identity, lints: &'l mut Vec<Lint>) -> Option<Self> {
        let of = Type::of_object(&object.api_version, &object.kind)?;
        Some(Self { object, of, lints })
    }
}

/// The lints of the keys in the JSON text of an object, such as [`LAST_APPLIED`](super::LAST_APPLIED). What follows an
/// error in it is not read.
pub fn of_text(json: &str, object: &Identity) -> Vec<Lint> {
    let mut lints = Vec::new();
    if let Some(seed) = FieldLints::new(object, &mut lints) {
        // It keeps nothing of lists, so they need no bounds.
        let _ = seed.deserialize(&mut serde_json::Deserializer::from_str(json));
    }
    lints
}

impl<'de> DeserializeSeed<'de> for FieldLints<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let Self { object, of, lints } = self;
        let at = At { parent: None, step: Step::Root, of: Some(of) };
        Walk { at: &at, found: &mut Found { object, lints } }.deserialize(deserializer)
    }
}

struct Found<'f> {
    object: &'f Identity,
    lints: &'f mut Vec<Lint>,
}

/// Reads a value beside its type.
struct Walk<'w, 'f> {
    at: &'w At<'w>,
    found: &'w mut Found<'f>,
}

impl<'de> DeserializeSeed<'de> for Walk<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> de::Visitor<'de> for Walk<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { at, found } = self;
        while let Some(field) = map.next_key_seed(Key { at, found: &mut *found })? {
            let of = field.and_then(|field| field.to);
            let is_map = field.is_some_and(|field| matches!(field.name, "annotations" | "labels"));
            match field.filter(|_| of.is_some() || is_map) {
                Some(Field { name, .. }) => {
                    let at = At { parent: Some(at), step: Step::Key(name), of };
                    map.next_value_seed(Walk { at: &at, found: &mut *found })?;
                }
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }

    /// The type of a list is that of its items.
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let Self { at, found } = self;
        for index in 0.. {
            let item = At { parent: Some(at), step: Step::Index(index), of: at.of };
            if seq.next_element_seed(Walk { at: &item, found: &mut *found })?.is_none() {
                break;
            }
        }
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

/// Reads a key, and notes a lint of it. Returns the field, if it is one.
struct Key<'w, 'f> {
    at: &'w At<'w>,
    found: &'w mut Found<'f>,
}

impl<'de> DeserializeSeed<'de> for Key<'_, '_> {
    type Value = Option<&'static Field>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl de::Visitor<'_> for Key<'_, '_> {
    type Value = Option<&'static Field>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        let Self { at, found } = self;
        let field = at.of.and_then(|of| of.field(name));
        if field.is_none() && found.lints.len() < MAX_LINTS {
            found.lints.extend(key::lint(name, at, found.object));
        }
        Ok(field)
    }
}

#[cfg(test)]
mod tests;
