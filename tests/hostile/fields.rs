//! The table of all fields that the view reads, and objects made of its rows.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{
    random::Random,
    text::{self, Shape},
};

/// The fields of a pod that the view reads.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fields {
    pub(crate) pod: Vec<Row>,
    container: Vec<Row>,
}

/// A path and its values.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Row(pub(crate) String, pub(crate) Leaf);

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Leaf {
    Kind(Kind),
    Values(Vec<Value>),
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Text,
    Path,
}

/// A row in a case: the number of elements of each list, and the length of its texts.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    pub(crate) row: Row,
    pub(crate) counts: Vec<usize>,
    pub(crate) length: usize,
    pub(crate) shape: Shape,
}

impl Fields {
    pub(crate) fn read() -> Self {
        serde_saphyr::from_str(include_str!("fields.yaml")).unwrap()
    }

    /// All rows; those of containers in each of the three lists.
    pub(crate) fn rows(&self) -> Vec<Row> {
        let lists = ["initContainers", "containers", "ephemeralContainers"];
        let in_list = |list: &str| {
            let rows = self.container.iter();
            let rows =
                rows.map(move |Row(path, leaf)| Row(format!("spec.{list}[].{path}"), leaf.clone()));
            rows.collect::<Vec<_>>()
        };
        self.pod.iter().cloned().chain(lists.into_iter().flat_map(in_list)).collect()
    }
}

impl Row {
    /// The number of lists and maps in the path.
    pub(crate) fn depth(&self) -> usize {
        self.0.matches("[]").count() + self.0.matches('{').count()
    }
}

/// A pod of these pieces, merged.
pub(crate) fn pod(pieces: &[Piece], random: &mut Random) -> Value {
    let mut pod = json!({"metadata": {"name": "web"}, "spec": {"containers": [{"name": "web"}]}});
    for piece in pieces {
        let mut number = random.below(1000);
        merge(&mut pod, made(&piece.row.0, piece, &piece.counts, &mut number));
    }
    pod
}

fn made(path: &str, piece: &Piece, counts: &[usize], number: &mut usize) -> Value {
    if path.is_empty() {
        *number += 1;
        return leaf(piece, *number);
    }
    let (count, inner) = counts.split_first().map_or((1, counts), |(count, inner)| (*count, inner));
    if let Some(rest) = path.strip_prefix("[]") {
        let rest = rest.strip_prefix('.').unwrap_or(rest);
        return (0..count).map(|_| made(rest, piece, inner, number)).collect();
    }
    if let Some(rest) = path.strip_prefix('{') {
        let (key, rest) = rest.split_once('}').unwrap();
        let is_prefix = key.is_empty() || key.ends_with('/');
        let entries = (0..if is_prefix { count } else { 1 }).map(|_| {
            let value = made(rest, piece, inner, number);
            let key = if is_prefix {
                format!("{key}{}", text::of(piece.shape, piece.length, *number))
            } else {
                key.to_owned()
            };
            (key, value)
        });
        return Value::Object(entries.collect::<Map<_, _>>());
    }
    let end = path.find(['.', '[', '{']).unwrap_or(path.len());
    let (name, rest) = path.split_at(end);
    let rest = rest.strip_prefix('.').unwrap_or(rest);
    json!({name: made(rest, piece, counts, number)})
}

fn leaf(piece: &Piece, number: usize) -> Value {
    match &piece.row.1 {
        Leaf::Values(values) => values[number % values.len()].clone(),
        Leaf::Kind(Kind::Text) => text::of(piece.shape, piece.length, number).into(),
        Leaf::Kind(Kind::Path) => {
            let part = if number.is_multiple_of(3) { "/../a" } else { "/a" };
            part.repeat(piece.length / part.len() + 1).into()
        }
    }
}

fn merge(into: &mut Value, other: Value) {
    match (into, other) {
        (Value::Object(into), Value::Object(other)) => {
            for (key, value) in other {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (Value::Array(into), Value::Array(other)) => {
            for (index, value) in other.into_iter().enumerate() {
                match into.get_mut(index) {
                    Some(known) => merge(known, value),
                    None => into.push(value),
                }
            }
        }
        (into, other) => *into = other,
    }
}

/// The table lists every string and every list of the view, by its serde name.
#[test]
fn the_table_is_complete() {
    let rows = Fields::read().rows();
    let has = |end: &str| {
        rows.iter().any(|Row(path, _)| {
            path.split(['.', '[', '{']).any(|part| part.trim_end_matches([']', '}']) == end)
        })
    };
    let mut seen = 0;
    for source in [
        include_str!("../../crates/policy/src/pss/container.rs"),
        include_str!("../../crates/policy/src/pss/pod.rs"),
        include_str!("../../crates/policy/src/pss/security_context.rs"),
        include_str!("../../crates/policy/src/pss/volume.rs"),
        include_str!("../../crates/policy/src/pss/resources.rs"),
    ] {
        let mut rename = None;
        for line in source.lines().map(str::trim) {
            if let Some((_, name)) = line.split_once("rename = \"") {
                rename = name.split_once('"').map(|(name, _)| name.to_owned());
            }
            let field = line.strip_prefix("pub ").unwrap_or(line);
            let Some((name, kind)) = field.split_once(": ").filter(|_| field.ends_with(',')) else {
                continue;
            };
            let is_name = name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
            let is_read =
                ["Text<", "List<", "Quantities<", "Annotations<", "Labels<", "bool,", "IgnoredAny"];
            if !is_name || !is_read.iter().any(|known| kind.contains(known)) {
                continue;
            }
            let name = rename.take().unwrap_or_else(|| camel(name));
            // The volume keeps its sources by name.
            if !matches!(name.as_str(), "sources" | "serviceAccountToken" if source.contains("MAX_SOURCES"))
            {
                assert!(has(&name), "{name} is in no row of fields.yaml");
                seen += 1;
            }
        }
    }
    assert!(seen > 40, "{seen}: the sources are written otherwise");
}

fn camel(name: &str) -> String {
    let mut parts = name.split('_');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |name, part| name + &part[..1].to_uppercase() + &part[1..])
}

/// Names of API resources that differ from the view's.
pub(crate) fn holders() -> BTreeMap<&'static str, fn(Value) -> Value> {
    let spec: fn(Value) -> Value = |pod| json!({"spec": {"template": pod}});
    BTreeMap::from([
        ("apps/deployments", spec),
        ("apps/daemonsets", spec),
        ("apps/statefulsets", spec),
        ("apps/replicasets", spec),
        ("replicationcontrollers", spec),
        ("batch/jobs", spec),
        ("batch/cronjobs", |pod| json!({"spec": {"jobTemplate": {"spec": {"template": pod}}}})),
        ("podtemplates", |pod| json!({"template": pod})),
    ])
}
