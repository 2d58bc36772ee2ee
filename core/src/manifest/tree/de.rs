//! Reads a tree with serde. Errors have the position and the path of the wrong value.

use std::{borrow::Cow, fmt, slice, vec};

use serde::{
    Deserializer,
    de::{
        self, DeserializeSeed, Expected, MapAccess, SeqAccess, Unexpected, Visitor,
        value::{BorrowedStrDeserializer, MapAccessDeserializer},
    },
    forward_to_deserialize_any,
};

use super::{
    super::path::{Path, Step},
    Id, Kind, Node, Quotes,
    scalar::{self, Booleans, Scalar},
};
use crate::json::Budget;

/// The error for a value that does not match its type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error(Box<Wrong>);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Wrong {
    /// The position in the source's text. None until it is known.
    byte: Option<usize>,
    /// From the value outwards.
    steps: Vec<Step>,
    why: String,
    /// Whether the value is of another type.
    is_type: bool,
}

impl Error {
    /// The start of the value in the source's text.
    pub fn byte(&self) -> Option<usize> {
        self.0.byte
    }

    /// The path of the value, relative to the value that is read.
    pub fn path(&self) -> Path {
        self.0.steps.iter().rev().cloned().collect()
    }

    /// The message, without the position.
    pub fn why(&self) -> &str {
        &self.0.why
    }

    /// Adds the key of a value to its path.
    pub(in crate::manifest) fn of(self, value: Node<'_>, key: &str) -> Self {
        self.at(value).below(Step::Key(key.into()))
    }

    fn at(mut self, node: Node<'_>) -> Self {
        self.0.byte.get_or_insert(node.span().start);
        self
    }

    fn below(mut self, step: Step) -> Self {
        self.0.steps.push(step);
        self
    }
}

impl fmt::Display for Error {
    /// `spec.securityContext.runAsUser: must be an integer, but is the string "1000": leave out the quotes`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.0.steps.is_empty() {
            write!(f, "{}: ", self.path())?;
        }
        f.write_str(&self.0.why)
    }
}

impl std::error::Error for Error {}

impl de::Error for Error {
    fn custom<T: fmt::Display>(why: T) -> Self {
        Self(Box::new(Wrong { why: why.to_string(), ..Wrong::default() }))
    }

    fn invalid_type(is: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let is = match is {
            Unexpected::Bool(value) => format!("the boolean {value}"),
            Unexpected::Unsigned(number) => format!("the number {number}"),
            Unexpected::Signed(number) => format!("the number {number}"),
            Unexpected::Float(number) => format!("the number {number}"),
            Unexpected::Str(text) => format!("the string {}", shown(text)),
            Unexpected::Unit | Unexpected::Option => "null".to_owned(),
            Unexpected::Seq => "a list".to_owned(),
            Unexpected::Map => "a mapping".to_owned(),
            other => other.to_string(),
        };
        let expected = match expected.to_string() {
            number if number.starts_with(['i', 'u']) => "an integer".to_owned(),
            name if name.starts_with("struct ") => "a mapping".to_owned(),
            expected => expected,
        };
        let mut error = Self::custom(format_args!("must be {expected}, but is {is}"));
        error.0.is_type = true;
        error
    }
}

/// Maximum length of a text in messages, in characters.
const MAX_SHOWN: usize = 80;

fn shown(text: &str) -> String {
    match text.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("{:?}...", text.get(..end).unwrap_or_default()),
        None => format!("{text:?}"),
    }
}

/// A value of a tree, to be read with serde.
#[derive(Clone, Copy, Debug)]
pub struct Value<'n, 'b> {
    pub(super) node: Node<'n>,
    pub(super) booleans: Booleans,
    budget: Option<&'b Budget>,
}

impl<'n> Node<'n> {
    /// Reads a value as Go does. Lists have the same limits as in a review.
    ///
    /// # Errors
    /// A value that does not match its type.
    pub fn read<S: DeserializeSeed<'n>>(self, seed: S) -> Result<S::Value, Error> {
        let budget = Budget::new(self.source().len());
        Value { node: self, booleans: Booleans::Go, budget: Some(&budget) }.seed(seed)
    }

    /// A value for serde, with these words as booleans.
    pub fn value(self, booleans: Booleans) -> Value<'n, 'static> {
        Value { node: self, booleans, budget: None }
    }

    /// The value of a scalar. None for an alias.
    ///
    /// # Errors
    /// A tag that contradicts the value.
    pub fn scalar(self, booleans: Booleans) -> Result<Scalar<'n>, Error> {
        let Some(text) = self.read_as() else { return Ok(Scalar::Null) };
        let quotes = match self.kind() {
            Kind::Scalar(quotes) => quotes,
            Kind::Null | Kind::Map(_) | Kind::List(_) | Kind::Alias => Quotes::Plain,
        };
        scalar::resolve(text, quotes, self.raw().tag, booleans)
            .ok_or_else(|| de::Error::custom("it is not what its tag says"))
    }
}

impl<'n, 'b> Value<'n, 'b> {
    fn seed<S: DeserializeSeed<'n>>(self, seed: S) -> Result<S::Value, Error> {
        seed.deserialize(self).map_err(|error| self.explained(error))
    }

    /// Adds the position, and a hint about quotes if they matter.
    fn explained(self, mut error: Error) -> Error {
        if error.0.byte.is_none() && error.0.is_type {
            let node = self.node.resolved();
            let word = node.read_as().unwrap_or_default();
            let plain = scalar::resolve(word, Quotes::Plain, super::Tag::None, self.booleans);
            let is_text = matches!(plain, None | Some(Scalar::Text(_)));
            match node.kind() {
                Kind::Scalar(Quotes::Plain) if error.0.why.starts_with("must be a string") => {
                    error.0.why.push_str(&format!(": write {} in quotes", shown(word)));
                }
                Kind::Scalar(Quotes::Single | Quotes::Double) if !is_text => {
                    error.0.why.push_str(": leave out the quotes");
                }
                _ => {}
            }
        }
        error.at(self.node)
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
            Kind::Map(_) => visitor.visit_map(Entries::of(value)),
            Kind::List(_) => {
                let items = value.node.children().iter();
                visitor.visit_seq(Items { value, items, index: 0 })
            }
            Kind::Null | Kind::Scalar(_) | Kind::Alias => value.visit_scalar(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.node.resolved().kind() {
            Kind::Null => visitor.visit_none(),
            Kind::Scalar(_) | Kind::Map(_) | Kind::List(_) | Kind::Alias => {
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
            Kind::List(_) => Err(de::Error::invalid_type(Unexpected::Seq, &visitor)),
            Kind::Null | Kind::Scalar(_) | Kind::Map(_) | Kind::Alias => {
                self.deserialize_any(visitor)
            }
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
            (Kind::Map(_), _) => visitor.visit_enum(MapAccessDeserializer::new(Entries::of(value))),
            (Kind::Scalar(_), Ok(Scalar::Text(Cow::Borrowed(word)))) => {
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
        unit_struct seq tuple tuple_struct map identifier
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
        let Some(id) = self.items.next() else { return Ok(None) };
        if let Some(budget) = self.value.budget {
            budget.take_element()?;
        }
        let value = self.value.with(self.value.node.other(*id));
        let index = self.index;
        self.index += 1;
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

    fn next(&mut self) -> Option<(Node<'n>, Node<'n>)> {
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
        let Some((key, _)) = self.entry else { return Ok(None) };
        let text = key.key().unwrap_or_default();
        let key_of = |error: Error| error.at(key);
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
