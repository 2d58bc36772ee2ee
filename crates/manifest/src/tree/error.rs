//! The error for a value that does not match its type, with its position and path.

use std::fmt;

use policy::shown;
use serde::de::{self, Expected, Unexpected};

use super::{
    super::path::{Path, Step},
    Id, Node,
};

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
    kind: ErrorKind,
    culprit: Option<Id>,
}

/// The kind of an error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ErrorKind {
    /// The value is not allowed.
    #[default]
    Value,
    /// The value is of another type.
    Type,
    /// The path is that of a key that is none of these.
    UnknownKey(&'static [&'static str]),
    /// The mapping lacks this key, or all of several that a comma separates.
    MissingKey(&'static str),
    /// Another error has been reported, without which the value may be allowed.
    Consequence,
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

    /// The last key of the path.
    pub fn key(&self) -> Option<&str> {
        match self.0.steps.first()? {
            Step::Key(key) => Some(key),
            Step::Index(_) => None,
        }
    }

    /// The kind of the error.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The message, without the position.
    pub fn why(&self) -> &str {
        &self.0.why
    }

    /// Whether a value is of another type than it must be, and nothing is known about it yet.
    pub(super) fn is_of_type(&self) -> bool {
        self.0.byte.is_none() && self.0.kind == ErrorKind::Type
    }

    /// Adds a hint to the message.
    pub(super) fn hint(&mut self, hint: &str) {
        self.0.why.push_str(hint);
    }

    /// Marks an error that another one causes.
    pub(super) fn into_consequence(mut self) -> Self {
        self.0.kind = ErrorKind::Consequence;
        self
    }

    /// The value to leave out, so that the rest can be read.
    pub(super) fn culprit(&self) -> Option<Id> {
        self.0.culprit
    }

    /// Adds the key of a value to its path.
    pub(crate) fn of(self, value: Node<'_>, key: &str) -> Self {
        self.at(value).below(Step::Key(key.into()))
    }

    pub(super) fn at(mut self, node: Node<'_>) -> Self {
        self.0.byte.get_or_insert(node.span().start);
        self
    }

    /// Sets the value to leave out, unless it is known already.
    pub(super) fn caused_by(mut self, node: Node<'_>) -> Self {
        self.0.culprit.get_or_insert(node.id);
        self
    }

    pub(super) fn below(mut self, step: Step) -> Self {
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
            Unexpected::Str(text) => format!("the string {}", shown::value(text)),
            Unexpected::Unit | Unexpected::Option => "null".to_owned(),
            Unexpected::Seq => "a list".to_owned(),
            Unexpected::Map => "a mapping".to_owned(),
            other => other.to_string(),
        };
        let expected = match expected.to_string() {
            number if number.starts_with(['i', 'u']) => "an integer".to_owned(),
            name if name.starts_with("struct ") || name == "a map" => "a mapping".to_owned(),
            name if name == "a sequence" => "a list".to_owned(),
            expected => expected,
        };
        let mut error = Self::custom(format_args!("must be {expected}, but is {is}"));
        error.0.kind = ErrorKind::Type;
        error
    }

    fn unknown_field(key: &str, allowed: &'static [&'static str]) -> Self {
        let mut error = Self::custom(format_args!("unknown field {}", shown::value(key)));
        error.0.kind = ErrorKind::UnknownKey(allowed);
        error
    }

    fn missing_field(key: &'static str) -> Self {
        let mut error = Self::custom(format_args!("{key} is missing"));
        error.0.kind = ErrorKind::MissingKey(key);
        error
    }
}
