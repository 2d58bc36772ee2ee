//! Reads a tree with serde. Errors have the position and the path of the wrong value.

use std::{borrow::Cow, collections::HashSet, slice, vec};

use serde::{
    Deserializer,
    de::{
        self, DeserializeSeed, MapAccess, SeqAccess, Unexpected, Visitor,
        value::{BorrowedStrDeserializer, MapAccessDeserializer},
    },
    forward_to_deserialize_any,
};

use super::{
    super::path::Step,
    Error, Id, Node, NodeKind, Quotes,
    scalar::{self, Booleans, Scalar},
};
use policy::{json::Budget, shown};

/// A value of a tree, to be read with serde.
#[derive(Clone, Copy, Debug)]
pub struct Value<'n, 'b> {
    pub(super) node: Node<'n>,
    pub(super) booleans: Booleans,
    pub(super) budget: Option<&'b Budget>,
    /// Set for files that people write; see [`Node::read_all`].
    pub(super) left_out: Option<&'b HashSet<Id>>,
}

impl<'n> Node<'n> {
    /// Reads a value as Go does. Lists have the same limits as in a review.
    ///
    /// # Errors
    /// A value that does not match its type.
    pub fn read<S: DeserializeSeed<'n>>(self, seed: S) -> Result<S::Value, Error> {
        let budget = Budget::new(self.source().len());
        Value { node: self, booleans: Booleans::Go, budget: Some(&budget), left_out: None }
            .seed(seed)
    }

    /// A value for serde, with these words as booleans.
    pub fn value(self, booleans: Booleans) -> Value<'n, 'static> {
        Value { node: self, booleans, budget: None, left_out: None }
    }

    /// The value of a scalar. None for an alias.
    ///
    /// # Errors
    /// A tag that contradicts the value.
    pub fn scalar(self, booleans: Booleans) -> Result<Scalar<'n>, Error> {
        let Some(text) = self.read_as() else { return Ok(Scalar::Null) };
        let quotes = match self.kind() {
            NodeKind::Scalar(quotes) => quotes,
            NodeKind::Null | NodeKind::Map(_) | NodeKind::List(_) | NodeKind::Alias => {
                Quotes::Plain
            }
        };
        scalar::resolve(text, quotes, self.raw().tag, booleans)
            .ok_or_else(|| de::Error::custom("it is not what its tag says"))
    }
}

impl<'n, 'b> Value<'n, 'b> {
    pub(super) fn seed<S: DeserializeSeed<'n>>(self, seed: S) -> Result<S::Value, Error> {
        seed.deserialize(self).map_err(|error| self.explained(error))
    }

    /// Adds the position, and a hint about quotes if they matter.
    fn explained(self, mut error: Error) -> Error {
        if error.is_of_type() {
            let node = self.node.resolved();
            let word = node.read_as().unwrap_or_default();
            let plain = scalar::resolve(word, Quotes::Plain, super::Tag::None, self.booleans);
            let is_text = matches!(plain, None | Some(Scalar::Text(_)));
            match node.kind() {
                NodeKind::Scalar(Quotes::Plain) if error.why().starts_with("must be a string") => {
                    error.hint(&format!(": write {} in quotes", shown::value(word)));
                }
                NodeKind::Scalar(Quotes::Single | Quotes::Double) if !is_text => {
                    error.hint(": leave out the quotes");
                }
                _ => {}
            }
        }
        error.at(self.node).caused_by(self.node)
    }

    /// Whether it is a value that [`Node::read_all`] found to be wrong.
    fn is_left_out(&self, value: Node<'n>) -> bool {
        self.left_out.is_some_and(|ids| ids.contains(&value.id))
    }

    pub(super) fn with(self, node: Node<'n>) -> Self {
        Self { node, ..self }
    }

    /// The value of a scalar as Go writes it to JSON: an integral float has no point, so `runAsUser: 1e3` is a valid
    /// user id.
    pub(super) fn json_scalar(self) -> Result<Scalar<'n>, Error> {
        match self.node.scalar(self.booleans)? {
            Scalar::Float(number) if !number.is_finite() => {
                Err(de::Error::custom("a number must be finite"))
            }
            Scalar::Float(number) => {
                Ok(integral(number).map_or(Scalar::Float(number), Scalar::Int))
            }
            other => Ok(other),
        }
    }

    fn visit_scalar<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.json_scalar()? {
            Scalar::Null => visitor.visit_unit(),
            Scalar::Bool(value) => visitor.visit_bool(value),
            Scalar::Int(number) => match u64::try_from(number) {
                Ok(number) => visitor.visit_u64(number),
                Err(_) => visitor.visit_i64(number),
            },
            Scalar::Unsigned(number) => visitor.visit_u64(number),
            Scalar::Float(number) => visitor.visit_f64(number),
            Scalar::Text(Cow::Borrowed(text)) => visitor.visit_borrowed_str(text),
            Scalar::Text(Cow::Owned(text)) => visitor.visit_string(text),
        }
    }
}

/// The integer that a float equals.
fn integral(number: f64) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    #[allow(clippy::cast_possible_truncation, reason = "it is integral and small enough")]
    (number.fract() == 0.0 && number.abs() <= EXACT).then_some(number as i64)
}

impl<'n> Deserializer<'n> for Value<'n, '_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Error> {
        let value = self.with(self.node.resolved());
        match value.node.kind() {
            NodeKind::Map(_) => visitor.visit_map(Entries::of(value)),
            NodeKind::List(_) => {
                let items = value.node.children().iter();
                visitor.visit_seq(Items { value, items, index: 0 })
            }
            NodeKind::Null | NodeKind::Scalar(_) | NodeKind::Alias => value.visit_scalar(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Error> {
        let node = self.node.resolved();
        match node.kind() {
            NodeKind::Null => visitor.visit_none(),
            NodeKind::Scalar(_) if self.left_out.is_some() && node.read_as() == Some("") => {
                visitor.visit_none()
            }
            NodeKind::Scalar(_) | NodeKind::Map(_) | NodeKind::List(_) | NodeKind::Alias => {
                visitor.visit_some(self)
            }
        }
    }

    /// Rejects lists, which serde accepts for structs but the API server does not.
    fn deserialize_struct<V: Visitor<'n>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.node.resolved().kind() {
            NodeKind::List(_) => Err(de::Error::invalid_type(Unexpected::Seq, &visitor)),
            NodeKind::Null | NodeKind::Scalar(_) | NodeKind::Map(_) | NodeKind::Alias => {
                self.deserialize_map(visitor)
            }
        }
    }

    fn deserialize_map<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.node.resolved().kind() {
            NodeKind::Null if self.left_out.is_some() => visitor.visit_map(Entries::none(self)),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_seq<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.node.resolved().kind() {
            NodeKind::Null if self.left_out.is_some() => {
                visitor.visit_seq(Items { value: self, items: [].iter(), index: 0 })
            }
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'n>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        if let Some(budget) = self.budget {
            budget.take_memory(name)?;
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'n>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let value = self.with(self.node.resolved());
        match (value.node.kind(), value.node.scalar(self.booleans)) {
            (NodeKind::Map(_), _) => {
                visitor.visit_enum(MapAccessDeserializer::new(Entries::of(value)))
            }
            (NodeKind::Scalar(_), Ok(Scalar::Text(Cow::Borrowed(word)))) => {
                visitor.visit_enum(BorrowedStrDeserializer::new(word))
            }
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        <V: Visitor<'n>>
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct tuple tuple_struct identifier
    }
}

struct Items<'n, 'b> {
    value: Value<'n, 'b>,
    items: slice::Iter<'n, Id>,
    index: usize,
}

impl<'n> SeqAccess<'n> for Items<'n, '_> {
    type Error = Error;

    fn next_element_seed<S: DeserializeSeed<'n>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Error> {
        let mut items = self.items.by_ref().map(|id| self.value.node.other(*id));
        let mut index = self.index;
        let Some(item) = items.find(|item| {
            index += 1;
            !self.value.is_left_out(*item)
        }) else {
            return Ok(None);
        };
        self.index = index;
        let index = index - 1;
        if let Some(budget) = self.value.budget {
            budget.take_element()?;
        }
        let value = self.value.with(item);
        value.seed(seed).map(Some).map_err(|error| error.below(Step::Index(index)))
    }

    fn size_hint(&self) -> Option<usize> {
        None
    }
}

/// The entries of a mapping, including those from merge keys.
struct Entries<'n, 'b> {
    value: Value<'n, 'b>,
    ids: Ids<'n>,
    /// The entry whose key was read last.
    entry: Option<(Node<'n>, Node<'n>)>,
}

/// Alternates between keys and values.
enum Ids<'n> {
    Own(slice::Iter<'n, Id>),
    Merged(vec::IntoIter<(Node<'n>, Node<'n>)>),
}

impl<'n, 'b> Entries<'n, 'b> {
    fn of(value: Value<'n, 'b>) -> Self {
        let ids = match value.node.merges() {
            false => Ids::Own(value.node.children().iter()),
            true => Ids::Merged(value.node.all_entries().into_iter()),
        };
        Self { value, ids, entry: None }
    }

    fn none(value: Value<'n, 'b>) -> Self {
        Self { value, ids: Ids::Own([].iter()), entry: None }
    }

    fn next(&mut self) -> Option<(Node<'n>, Node<'n>)> {
        loop {
            let (key, value) = self.next_of_all()?;
            if !self.value.is_left_out(value) {
                return Some((key, value));
            }
        }
    }

    fn next_of_all(&mut self) -> Option<(Node<'n>, Node<'n>)> {
        let other = |id: &Id| self.value.node.other(*id);
        match &mut self.ids {
            Ids::Own(ids) => Some((other(ids.next()?), other(ids.next()?))),
            Ids::Merged(pairs) => pairs.next(),
        }
    }
}

impl<'n> MapAccess<'n> for Entries<'n, '_> {
    type Error = Error;

    fn next_key_seed<S: DeserializeSeed<'n>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Error> {
        self.entry = self.next();
        let Some((key, value)) = self.entry else { return Ok(None) };
        let text = key.key().unwrap_or_default();
        let key_of = |error: Error| error.at(key).caused_by(value).below(Step::Key(text.into()));
        seed.deserialize(BorrowedStrDeserializer::new(text)).map(Some).map_err(key_of)
    }

    fn next_value_seed<S: DeserializeSeed<'n>>(&mut self, seed: S) -> Result<S::Value, Error> {
        let Some((key, node)) = self.entry.take() else {
            return Err(de::Error::custom("a value without a key"));
        };
        let below = |error: Error| error.below(Step::Key(key.key().unwrap_or_default().into()));
        self.value.with(node).seed(seed).map_err(below)
    }
}
