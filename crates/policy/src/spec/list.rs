//! Lists whose items are checked one by one, so that an error has the place of its item.

use std::{borrow::Cow, collections::BTreeSet, fmt, marker::PhantomData};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeSeed, SeqAccess, Visitor},
};

use crate::shown;

use super::text::{Written, read};

/// A list with at most `MOST` items, because each costs time when a pod is judged. If it is set, it has at least `LEAST`,
/// which is 0 or 1.
#[derive(Clone, Debug, Default)]
pub struct List<C, const MOST: usize = 256, const LEAST: usize = 0>(pub C);

/// A list of different values.
pub type Set<T, const MOST: usize = 256, const LEAST: usize = 0> = List<BTreeSet<T>, MOST, LEAST>;

/// What a list becomes.
pub trait Collection: Default {
    /// An item as written.
    type Item: for<'de> Deserialize<'de>;

    /// The kind of the list in Kubernetes: `set`, `map` or `atomic`.
    const KIND: &'static str = "set";

    /// For a map, the fields of an item that are its key.
    const KEYS: &'static [&'static str] = &[];

    /// Adds an item, or says why not.
    ///
    /// # Errors
    /// The item, and what is allowed.
    fn add(&mut self, item: Self::Item) -> Result<(), String>;

    /// The schema of an item.
    fn schema(generator: &mut SchemaGenerator) -> Schema;
}

impl<'de, C: Collection, const MOST: usize, const LEAST: usize> Deserialize<'de>
    for List<C, MOST, LEAST>
{
    fn deserialize<D: Deserializer<'de>>(list: D) -> Result<Self, D::Error> {
        list.deserialize_seq(Items(PhantomData))
    }
}

struct Items<L>(PhantomData<L>);

impl<'de, C: Collection, const MOST: usize, const LEAST: usize> Visitor<'de>
    for Items<List<C, MOST, LEAST>>
{
    type Value = List<C, MOST, LEAST>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let (mut all, mut count) = (C::default(), 0);
        while items.next_element_seed(Next(&mut all, count < MOST, MOST))?.is_some() {
            count += 1;
        }
        if count < LEAST {
            return Err(de::Error::custom("must not be empty"));
        }
        Ok(List(all))
    }
}

/// The next item, whether it is one of those that are allowed, and how many are.
struct Next<'c, C>(&'c mut C, bool, usize);

impl<'de, C: Collection> DeserializeSeed<'de> for Next<'_, C> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, item: D) -> Result<(), D::Error> {
        let Self(all, fits, most) = self;
        if !fits {
            return Err(de::Error::custom(format_args!("a list may have at most {most} items")));
        }
        all.add(C::Item::deserialize(item)?).map_err(de::Error::custom)
    }
}

impl<C: Collection, const MOST: usize, const LEAST: usize> JsonSchema for List<C, MOST, LEAST> {
    fn schema_name() -> Cow<'static, str> {
        "List".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let items = C::schema(generator);
        let mut schema =
            json_schema!({"type": "array", "x-kubernetes-list-type": C::KIND, "items": items});
        if !C::KEYS.is_empty() {
            schema.insert("x-kubernetes-list-map-keys".to_owned(), C::KEYS.into());
        }
        for (name, is_bound, bound) in
            [("minItems", LEAST > 0, LEAST), ("maxItems", MOST < usize::MAX, MOST)]
        {
            if is_bound {
                schema.insert(name.to_owned(), bound.into());
            }
        }
        schema
    }
}

/// A value and its text.
pub struct Item<T> {
    text: String,
    value: T,
}

impl<'de, T: Written> Deserialize<'de> for Item<T> {
    fn deserialize<D: Deserializer<'de>>(item: D) -> Result<Self, D::Error> {
        let (text, value) = read(item)?;
        Ok(Self { text, value })
    }
}

impl<T: Written + Ord> Collection for BTreeSet<T> {
    type Item = Item<T>;

    fn add(&mut self, Item { text, value }: Item<T>) -> Result<(), String> {
        self.insert(value).then_some(()).ok_or_else(|| wrong(&text, "must not be listed twice"))
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        T::schema()
    }
}

/// An item, and what is allowed.
pub(super) fn wrong(item: &str, allowed: impl fmt::Display) -> String {
    format!("{}: {allowed}", shown::value(item))
}
