//! Manifests: finds the objects in texts with their positions, parses YAML and JSON, and edits them. Judges nothing.
//!
//! An object is decoded with the same view as a review's object, after applying the API server's relevant defaults, so
//! that verdicts are equal.

mod containers;
mod defaults;
mod document;
pub mod edit;
mod envelope;
mod json_text;
mod locate;
mod namespace;
mod object;
mod patch;
pub mod path;
mod plain;
mod text_kind;
pub mod tree;
mod value;

use document::{Content, Document};
pub use json_text::compact;
pub use locate::Places;
pub use namespace::{Namespace, NamespaceMetadata};
pub use object::{Extent, Manifest};
pub use patch::{Patch, Sign};
pub use text_kind::{TextKind, may_be_manifest};
use tree::Booleans;
use value::Value;

use std::{borrow::Cow, convert::Infallible};

use policy::workloads::Kinds;

/// The stack that the YAML parser needs for the deepest accepted document, in bytes.
pub const STACK: usize = 32 << 20;

/// A line of a source, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct Line(u64);

impl Line {
    /// The first line.
    pub const FIRST: Self = Self(1);

    /// The line number, from 1.
    pub fn number(self) -> u64 {
        self.0
    }

    fn after(self, lines: u64) -> Self {
        Self(self.0.saturating_add(lines))
    }

    /// The line number after this text, which begins on this line.
    #[must_use]
    pub fn after_newlines(self, text: &[u8]) -> Self {
        let newlines = memchr::memchr_iter(b'\n', text).count();
        self.after(newlines.try_into().unwrap_or(u64::MAX))
    }
}

impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// A source, a document or an object that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// The line. None if the whole source is affected.
    pub line: Option<Line>,
    /// The problem.
    pub why: String,
    /// What it is.
    pub kind: TextKind,
}

impl Unreadable {
    /// A problem of the whole source.
    pub fn whole(why: impl Into<String>) -> Self {
        Self { line: None, why: why.into(), kind: TextKind::Manifest }
    }

    /// A problem of a manifest, on this line.
    pub fn at(line: Line, why: impl Into<String>) -> Self {
        Self { line: Some(line), ..Self::whole(why) }
    }

    /// A problem of something else.
    #[must_use]
    pub fn of(self, kind: TextKind) -> Self {
        Self { kind, ..self }
    }
}

/// The result for one object, in the order of the text.
#[derive(Debug)]
pub enum Reading<'a> {
    /// It may contain a pod.
    Object(Box<Manifest<'a>>),
    /// It contains no pod, as far as is known.
    Other(Box<Manifest<'a>>),
    /// It is a Namespace.
    Namespace(Box<Namespace<'a>>),
    /// It is a patch for another object.
    Patch(Patch),
    /// It could not be read.
    Unreadable(Unreadable),
}

/// Reads all objects of a text in order. An invalid one does not affect the others.
///
/// Deep documents need [`STACK`] bytes of stack.
///
/// # Errors
/// Only those of `visit`.
pub fn read<E>(
    text: &[u8],
    kinds: Kinds<'_>,
    mut visit: impl FnMut(Reading<'_>) -> Result<(), E>,
) -> Result<(), E> {
    for document in document::read(text) {
        match document {
            Ok(document) => object::read(&document, kinds, &mut visit)?,
            Err(unreadable) => visit(Reading::Unreadable(unreadable))?,
        }
    }
    Ok(())
}

/// Reads the Namespaces of a text in order. Parses only documents that may contain one, and leaves out what is invalid,
/// which [`read`] reports.
///
/// Deep documents need [`STACK`] bytes of stack.
pub fn namespaces(text: &[u8], mut visit: impl FnMut(&Namespace<'_>)) {
    for document in document::read_some(text, namespace::may_contain).flatten() {
        let Ok(()) = object::read::<Infallible>(&document, Kinds::default(), &mut |reading| {
            if let Reading::Namespace(namespace) = reading {
                visit(&namespace);
            }
            Ok(())
        });
    }
}

/// The documents of a text as JSON with their positions, including those that [`read`] ignores.
pub fn documents(text: &[u8]) -> impl Iterator<Item = Result<(Extent, Cow<'_, str>), Unreadable>> {
    document::read(text).map(|document| {
        let Document { extent, content } = document?;
        let json = match content {
            Content::Json(json) => Cow::Borrowed(json),
            Content::Yaml(tree) => serde_json::to_string(&tree.root().value(Booleans::Go))
                .map_err(|error| Unreadable::at(extent.line, error.to_string()))?
                .into(),
        };
        Ok((extent, json))
    })
}

/// The same as values.
pub fn values(
    text: &[u8],
) -> impl Iterator<Item = Result<(Extent, serde_json::Value), Unreadable>> {
    document::read(text).map(|document| {
        let Document { extent, content } = document?;
        let value = match &content {
            Content::Json(json) => Value::Json(json),
            Content::Yaml(tree) => Value::Yaml(tree.root()),
        };
        let value = value.json().map_err(|error| {
            let (text, _) = value.base();
            let before = error.byte().and_then(|byte| text.get(extent.bytes.start..byte));
            let line = extent.line.after_newlines(before.unwrap_or_default().as_bytes());
            Unreadable::at(line, error.to_string())
        })?;
        Ok((extent, value))
    })
}
