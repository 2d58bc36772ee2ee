//! Lists whose items are checked one by one, so that an error has the place of its item.

use std::{collections::BTreeSet, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeSeed, SeqAccess, Visitor},
};

use super::text::{Written, read, shown};

/// Maximum length of a list whose items each cost time when a pod is judged.
pub(super) const MOST: usize = 256;

/// Adds an item to a collection, or says why not.
pub(super) type Add<C, T> = fn(&mut C, T) -> Result<(), String>;

/// Reads a list of at most `most` items, and adds each to a collection.
pub(super) fn gather<'de, D, T, C>(list: D, most: usize, add: Add<C, T>) -> Result<C, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
    C: Default,
{
    list.deserialize_seq(Gather { most, add })
}

struct Gather<T, C> {
    most: usize,
    add: Add<C, T>,
}

impl<'de, T: Deserialize<'de>, C: Default> Visitor<'de> for Gather<T, C> {
    type Value = C;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<C, A::Error> {
        let (mut all, mut count) = (C::default(), 0);
        while items.next_element_seed(Next { all: &mut all, count, gather: &self })?.is_some() {
            count += 1;
        }
        Ok(all)
    }
}

/// The next item.
struct Next<'g, T, C> {
    all: &'g mut C,
    count: usize,
    gather: &'g Gather<T, C>,
}

impl<'de, T: Deserialize<'de>, C> DeserializeSeed<'de> for Next<'_, T, C> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, item: D) -> Result<(), D::Error> {
        let Gather { most, add } = self.gather;
        if self.count >= *most {
            return Err(de::Error::custom(format_args!("a list may have at most {most} items")));
        }
        add(self.all, T::deserialize(item)?).map_err(de::Error::custom)
    }
}

/// A list of different values, at most `MOST`. If it is set, it has at least `LEAST`, which is 0 or 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Set<T, const MOST: usize = 256, const LEAST: usize = 0>(pub BTreeSet<T>);

impl<T, const MOST: usize, const LEAST: usize> Default for Set<T, MOST, LEAST> {
    fn default() -> Self {
        Self(BTreeSet::new())
    }
}

impl<'de, T: Written + Ord, const MOST: usize, const LEAST: usize> Deserialize<'de>
    for Set<T, MOST, LEAST>
{
    fn deserialize<D: Deserializer<'de>>(list: D) -> Result<Self, D::Error> {
        let set = gather(list, MOST, |set: &mut Self, item: Item<T>| {
            let is_new = set.0.insert(item.value);
            is_new.then_some(()).ok_or_else(|| twice(&item.text))
        })?;
        at_least(LEAST, set.0.len())?;
        Ok(set)
    }
}

pub(super) fn at_least<E: de::Error>(least: usize, is: usize) -> Result<(), E> {
    (is >= least).then_some(()).ok_or_else(|| E::custom("must not be empty"))
}

/// The error for a value that is listed already.
pub(super) fn twice(text: &str) -> String {
    format!("{}: must not be listed twice", shown(text))
}

/// A value and its text.
struct Item<T> {
    text: String,
    value: T,
}

impl<'de, T: Written> Deserialize<'de> for Item<T> {
    fn deserialize<D: Deserializer<'de>>(item: D) -> Result<Self, D::Error> {
        let (text, value) = read(item)?;
        Ok(Self { text, value })
    }
}

impl<T: Written, const MOST: usize, const LEAST: usize> JsonSchema for Set<T, MOST, LEAST> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Set".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        list_schema("set", (LEAST, MOST), &T::schema())
    }
}

/// The schema of a list of this kind in Kubernetes: `set`, `map` or `atomic`.
pub(super) fn list_schema(kind: &str, (least, most): (usize, usize), items: &Schema) -> Schema {
    let mut schema =
        json_schema!({"type": "array", "x-kubernetes-list-type": kind, "items": items});
    if least > 0 {
        schema.insert("minItems".to_owned(), least.into());
    }
    if most < usize::MAX {
        schema.insert("maxItems".to_owned(), most.into());
    }
    schema
}
