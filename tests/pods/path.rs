//! The path of a field as in findings: `spec.containers[0].name`, `metadata.annotations[a.b/c]`.

use serde::Deserialize;
use serde_json::{Map, Value};

/// A path in a pod.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(from = "String")]
pub(crate) struct Path(Vec<Step>);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Key(String),
    Index(usize),
}

impl From<String> for Path {
    fn from(text: String) -> Self {
        let mut steps = Vec::new();
        let mut rest = text.as_str();
        while !rest.is_empty() {
            if let Some((inside, after)) = rest.strip_prefix('[').and_then(|r| r.split_once(']')) {
                let index = inside.parse().map(Step::Index);
                steps.push(index.unwrap_or_else(|_| Step::Key(inside.to_owned())));
                rest = after;
            } else {
                let name = rest.strip_prefix('.').unwrap_or(rest);
                let end = name.find(['.', '[']).unwrap_or(name.len());
                steps.push(Step::Key(name[..end].to_owned()));
                rest = &name[end..];
            }
        }
        Self(steps)
    }
}

impl Path {
    /// Sets a value. Creates missing parents, and fills lists with nulls.
    pub(crate) fn set(&self, root: &mut Value, value: Value) {
        *self.0.iter().fold(root, |at, step| match step {
            Step::Key(key) => {
                if !at.is_object() {
                    *at = Value::Object(Map::new());
                }
                &mut at[key]
            }
            Step::Index(index) => {
                if !at.is_array() {
                    *at = Value::Array(Vec::new());
                }
                let list = at.as_array_mut().unwrap();
                list.resize(list.len().max(index + 1), Value::Null);
                &mut list[*index]
            }
        }) = value;
    }
}
