//! The place of a pod in its object.

use std::borrow::Cow;

use crate::{pss::Place, shown::cut};

use super::PodForm;

/// A step of a path in the table of kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step<'p> {
    Key(&'p str),
    /// Each item of a list.
    Items,
    /// Each value of a map.
    Values,
}

/// Splits the first step off a path: `spec`, then `groups`, then `[]`, of `spec.groups[]`. None if it is no path.
pub(super) fn step(path: &str) -> Option<(Step<'_>, &str)> {
    let (step, rest) = match path {
        _ if path.starts_with("[]") => (Step::Items, path.get(2..)?),
        _ if path.starts_with("{}") => (Step::Values, path.get(2..)?),
        _ => {
            let (key, rest) = path.split_at(path.find(['.', '[', '{']).unwrap_or(path.len()));
            let is_key = |key: &str| key.bytes().all(|byte| byte.is_ascii_alphanumeric());
            (Step::Key(Some(key).filter(|key| !key.is_empty() && is_key(key))?), rest)
        }
    };
    match rest.strip_prefix('.') {
        Some("") => None,
        Some(rest) if !rest.starts_with(['[', '{']) => Some((step, rest)),
        Some(_) => None,
        None if rest.is_empty() || rest.starts_with(['[', '{']) => Some((step, rest)),
        None => None,
    }
}

/// Whether a text is a path of the table: `spec.groups[].template`.
pub fn is_path(text: &str) -> bool {
    let mut rest = text;
    while let Some((_, left)) = step(rest) {
        if left.is_empty() {
            return true;
        }
        rest = left;
    }
    false
}

/// The place of a pod in an object: a path from the object's root, and what is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodRoot {
    path: Cow<'static, str>,
    form: PodForm,
}

impl PodRoot {
    /// The object is the pod.
    pub const POD: Self = Self { path: Cow::Borrowed(""), form: PodForm::Template };

    /// A pod at a path: `spec.template`, `spec.groups[0].template`.
    pub fn new(path: impl Into<Cow<'static, str>>, form: PodForm) -> Self {
        Self { path: path.into(), form }
    }

    /// The path from the object's root; empty if the object is the pod.
    pub fn as_str(&self) -> &str {
        &self.path
    }

    /// The path of a part of the pod from the object's root: `spec.template.spec.containers[0]`.
    pub fn path(&self, place: Place) -> String {
        let spec = match self.form {
            PodForm::Template => "spec",
            PodForm::Spec | PodForm::Container => "",
        };
        match (self.form, place) {
            (_, Place::Metadata) => self.join(&["metadata"]),
            (PodForm::Container, _) => self.path.clone().into_owned(),
            (_, Place::Pod) => self.join(&[spec]),
            (_, Place::Volume { index }) => self.join(&[spec, &format!("volumes[{index}]")]),
            (_, Place::Container { kind, index }) => {
                self.join(&[spec, &format!("{}[{index}]", kind.list())])
            }
        }
    }

    /// The path of a field below a part of the pod.
    pub fn field(&self, place: Place, below: &str) -> String {
        let mut path = self.path(place);
        push(&mut path, below);
        path
    }

    fn join(&self, steps: &[&str]) -> String {
        let mut path = self.path.clone().into_owned();
        steps.iter().filter(|step| !step.is_empty()).for_each(|step| push(&mut path, step));
        path
    }
}

fn push(path: &mut String, step: &str) {
    if !path.is_empty() {
        path.push('.');
    }
    path.push_str(step);
}

/// Appends a key of an object, as paths in findings write it: `[a.b]` if it has a dot. Truncates long keys, because
/// every finding below repeats them.
pub(super) fn push_key(path: &mut String, key: &str) {
    let key = cut(key);
    if key.is_empty() || key.contains(['.', '[', ']']) {
        path.extend(["[", key, "]"]);
    } else {
        push(path, key);
    }
}
