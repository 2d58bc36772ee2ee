//! Reads a value that a person wrote, and collects all errors in it.

use std::{collections::HashSet, marker::PhantomData};

use serde::de::DeserializeOwned;

use super::{Booleans, Error, Fault, Id, Node, Value};

/// Maximum number of errors that [`Node::read_all`] collects.
const MAX_ERRORS: usize = 100;

impl<'n> Node<'n> {
    /// Reads a value that a person wrote, and collects the errors: a wrong value is left out, and the rest is read
    /// again. Null, and an empty text for an optional value, count as absent. Every error is reported at most once, up
    /// to [`MAX_ERRORS`]. None if the value itself is wrong.
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
            errors.push(match error.fault() {
                Fault::MissingKey(name) if has_left_out(culprit, name, &left_out) => {
                    error.into_consequence()
                }
                _ => error,
            });
            let is_new = left_out.insert(culprit.id);
            if !is_new || culprit.id == self.id || errors.len() == MAX_ERRORS {
                return (None, errors);
            }
        }
    }
}

/// Whether this key of a mapping is absent only because its value is left out.
fn has_left_out(map: Node<'_>, key: &str, left_out: &HashSet<Id>) -> bool {
    let entries = map.resolved().all_entries();
    entries.iter().any(|(name, value)| name.key() == Some(key) && left_out.contains(&value.id))
}
