//! Reads a value that a person wrote, and collects all errors in it.

use std::{collections::HashSet, marker::PhantomData};

use serde::de::DeserializeOwned;

use super::{Booleans, Error, ErrorKind, Id, Node, NodeKind, Value};

/// Maximum number of errors that [`Node::read_all`] collects.
const MAX_ERRORS: usize = 100;

impl<'n> Node<'n> {
    /// Reads a value that a person wrote, and collects the errors: a wrong value is left out, and the rest is read
    /// again. Null, and an empty text for an optional value, count as absent. Every error is reported at most once, up
    /// to 100. None if the value itself is wrong.
    pub fn read_all<T: DeserializeOwned>(self) -> (Option<T>, Vec<Error>) {
        let mut errors = Vec::new();
        let mut left_out = HashSet::new();
        loop {
            let value = Value {
                node: self,
                booleans: Booleans::Strict,
                budget: None,
                left_out: Some(&left_out),
            };
            let error = match value.seed(PhantomData::<T>) {
                Ok(read) => return (Some(read), errors),
                Err(error) => error,
            };
            let culprit = self.other(error.culprit().unwrap_or(self.id));
            let follows = follows(&error, culprit, &left_out);
            errors.push(if follows { error.into_consequence() } else { error });
            let is_new = left_out.insert(culprit.id);
            if !is_new || culprit.id == self.id || errors.len() == MAX_ERRORS {
                return (None, errors);
            }
        }
    }
}

/// Whether an error may only be there because something is left out: an item of a list that has too few, or the value
/// of a key that is missing.
fn follows(error: &Error, culprit: Node<'_>, left_out: &HashSet<Id>) -> bool {
    let node = culprit.resolved();
    let lacks = |node: Node<'_>| node.children().iter().any(|id| left_out.contains(id));
    match (error.kind(), node.kind()) {
        (ErrorKind::MissingKey(names), _) => {
            let mut entries = node.all_entries().into_iter();
            entries.any(|(key, value)| {
                names.split(", ").any(|name| key.key() == Some(name))
                    && (left_out.contains(&value.id) || lacks(value.resolved()))
            })
        }
        (ErrorKind::Value, NodeKind::List(_)) => lacks(node),
        _ => false,
    }
}
