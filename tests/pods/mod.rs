//! The cases of this folder: pods that violate one control of the Standard, and pods that do not. README.md describes
//! the format. This module only reads them.
#![allow(dead_code, reason = "each test binary uses its own part of this")]

mod path;

use std::{collections::BTreeMap, fs, path::Path as File};

use policy::pss::Minor;
use serde::Deserialize;
use serde_json::Value;

pub(crate) use path::Path;

/// A pod, and the findings of one control.
#[derive(Debug)]
pub(crate) struct Case {
    /// The control's id.
    pub(crate) control: String,
    /// The name of the case, unique within the control.
    pub(crate) name: String,
    /// The complete pod, including its nulls.
    pub(crate) pod: Value,
    /// The versions in which it violates the control, judged by the control's own level.
    pub(crate) breaks: Versions,
    /// The reported fields, in order.
    pub(crate) fields: Vec<String>,
}

/// A range of versions, or none.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Versions {
    first: u64,
    /// The end of the range, exclusive.
    end: u64,
}

impl Versions {
    pub(crate) fn contain(self, version: Minor) -> bool {
        (self.first..self.end).contains(&version.0)
    }
}

impl TryFrom<String> for Versions {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let minor = |text: &str| {
            let number = text.strip_prefix("v1.").and_then(|n| n.parse::<u64>().ok());
            number.ok_or(format!("{text:?} is neither never, always, v1.8+ nor v1.8-v1.24"))
        };
        let (first, end) = match (text.as_str(), text.strip_suffix('+'), text.split_once('-')) {
            ("never", ..) => (0, 0),
            ("always", ..) => (0, u64::MAX),
            (_, Some(first), _) => (minor(first)?, u64::MAX),
            (_, _, Some((first, last))) => (minor(first)?, minor(last)? + 1),
            (other, ..) => (minor(other)?, minor(other)? + 1),
        };
        Ok(Self { first, end })
    }
}

/// All cases of all controls.
pub(crate) fn cases() -> Vec<Case> {
    let folder = File::new(env!("CARGO_MANIFEST_DIR")).join("tests/pods");
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .filter(|path| path.file_stem().is_some_and(|stem| stem != "base"))
        .collect();
    files.sort();
    files.iter().flat_map(|file| read(file)).collect()
}

/// The pod that every case modifies: it passes restricted in every version.
pub(crate) fn base() -> Value {
    serde_saphyr::from_str(include_str!("base.yaml")).unwrap()
}

/// Removes nulls from all objects, because null and absent are equal to the API, except in maps of strings, where Go
/// reads null as an empty string.
pub(crate) fn strip_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, value| !value.is_null());
            fields
                .iter_mut()
                .filter(|(key, _)| *key != "annotations")
                .for_each(|(_, value)| strip_nulls(value));
        }
        Value::Array(elements) => elements.iter_mut().for_each(strip_nulls),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    control: String,
    cases: Vec<WrittenCase>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenCase {
    name: String,
    /// Sorted, so that parents are set before their children.
    #[serde(default)]
    set: BTreeMap<Path, Value>,
    breaks: Versions,
    #[serde(default)]
    fields: Vec<String>,
}

fn read(file: &File) -> Vec<Case> {
    let text = fs::read_to_string(file).unwrap();
    let Written { control, cases } =
        serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    assert_eq!(file.file_stem().unwrap(), control.as_str(), "{}", file.display());
    let base = base();
    let case = |written: WrittenCase| {
        let mut pod = base.clone();
        for (path, value) in written.set {
            path.set(&mut pod, value);
        }
        Case {
            control: control.clone(),
            name: written.name,
            pod,
            breaks: written.breaks,
            fields: written.fields,
        }
    };
    cases.into_iter().map(case).collect()
}
