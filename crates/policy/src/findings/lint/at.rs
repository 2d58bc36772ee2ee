//! The way from the root of an object to a value.

use super::fields::Type;
use crate::shown;

/// A value, and the way to it.
pub(super) struct At<'w> {
    pub(super) parent: Option<&'w Self>,
    pub(super) step: Step,
    /// None for a map with any keys.
    pub(super) of: Option<Type>,
}

#[derive(Clone, Copy)]
pub(super) enum Step {
    Root,
    Key(&'static str),
    Index(usize),
}

impl At<'_> {
    /// `spec.containers[0]`, empty for the root.
    fn path(&self) -> String {
        let mut path = self.parent.map_or_else(String::new, Self::path);
        match self.step {
            Step::Root => {}
            Step::Key(key) if path.is_empty() => path.push_str(key),
            Step::Key(key) => path.extend([".", key]),
            Step::Index(index) => path.push_str(&format!("[{index}]")),
        }
        path
    }

    /// The path of a key in this mapping.
    pub(super) fn field(&self, key: &str) -> String {
        let (path, key) = (self.path(), shown::key(key));
        match (path.is_empty(), key.is_empty() || key.contains(['.', '[', ']'])) {
            (_, true) => format!("{path}[{key}]"),
            (true, false) => key,
            (false, false) => format!("{path}.{key}"),
        }
    }

    /// The keys of `metadata` that hold this map, and the type with that `metadata`.
    pub(super) fn of_metadata(&self) -> Option<(&'static str, Type)> {
        let (Step::Key(name), metadata) = (self.step, self.parent?) else { return None };
        Some((name, metadata.parent?.of?))
            .filter(|_| metadata.of.map(Type::name) == Some("ObjectMeta"))
    }
}
