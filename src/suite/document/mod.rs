//! Parses a test file into a [`Suite`]. As strict as the configuration: anything unknown or impossible is an error with
//! file, line and the allowed values. Pure: text in, values out.

mod expect;
mod required;
#[cfg(test)]
mod tests;
mod words;

use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    path::Path,
    time::SystemTime,
};

use crate::{
    config::{
        ConfigError, Problem,
        fields::{Fields, Reader},
        tree::{self, Node, Value},
    },
    harden::MODE_LABEL,
    policy::{self, PROFILE_LABEL},
    pss::{Minor, Version},
};

use super::Expectation;
use expect::expectation;
use required::{constant, mapping, required, some};
use words::{KnownMinor, KnownVersion, Namespace, Time};

const API_VERSION: &str = "portcullis.dev/v1alpha1";
const KIND: &str = "PolicyTest";

/// The content of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suite {
    /// Its name.
    pub name: String,
    /// The configuration file, relative to this one. The built-in configuration if absent.
    pub config: Option<String>,
    /// Overrides every version of the policy.
    pub version: Option<Version>,
    /// The version of the cluster, which caps `latest`.
    pub cluster: Option<Minor>,
    /// Files of PolicyExceptions, relative to this one.
    pub exceptions: Vec<String>,
    /// The time at which exceptions are evaluated. The current time if absent.
    pub time: Option<SystemTime>,
    /// Never empty, with unique names.
    pub cases: Vec<Case>,
}

/// Some workloads in a namespace, and the expected results.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// The name of the case.
    pub name: String,
    /// The line of the case, from 1.
    pub line: u64,
    /// The manifests to judge.
    pub manifests: Manifests,
    /// The namespace of manifests that set none. May be empty.
    pub namespace: String,
    /// The labels of the namespace.
    pub labels: BTreeMap<String, String>,
    /// Never empty, with unique workloads.
    pub expectations: Vec<Expectation>,
}

/// The manifests of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Manifests {
    /// Files, relative to the test file. Never empty.
    Files(Vec<String>),
    /// Inline text.
    Inline(String),
}

/// Parses a test file; `file` names it in errors.
///
/// # Errors
/// All problems, their locations, and what is allowed.
pub fn parse(text: &str, file: &Path) -> Result<Suite, ConfigError> {
    let root = tree::read(text)
        .map_err(|(at, text)| ConfigError { problems: vec![Problem::new(file, at, &text)] })?;
    let mut reader = Reader::new(file);
    let suite = suite(&mut reader, &root);
    reader.finish(suite)?.ok_or_else(|| ConfigError::of_file(file, "holds no test"))
}

fn suite(reader: &mut Reader<'_>, root: &Node) -> Option<Suite> {
    let fields = mapping(reader, root, "")?;
    let allowed = [
        "apiVersion",
        "kind",
        "name",
        "config",
        "policyVersion",
        "clusterVersion",
        "exceptions",
        "time",
        "cases",
    ];
    reader.allow(&fields, &allowed);
    constant(reader, &fields, "apiVersion", API_VERSION);
    constant(reader, &fields, "kind", KIND);
    let name = required(reader, &fields, "name", "a few words on what is tested");
    let config = reader.text(&fields, "config").map(|(path, _)| path.to_owned());
    let version = reader.parsed(&fields, "policyVersion").map(|KnownVersion(version)| version);
    let cluster = reader.parsed(&fields, "clusterVersion").map(|KnownMinor(minor)| minor);
    let mut exceptions = Vec::new();
    reader.each(&fields, "exceptions", |file| {
        exceptions.push(file.to_owned());
        Ok::<_, Infallible>(())
    });
    let time = reader.parsed(&fields, "time").map(|Time(time)| time);
    let mut names = BTreeSet::new();
    let mut cases = Vec::new();
    for (path, node) in some(reader, &fields, "cases", "at least one case") {
        let Some(case) = case(reader, node, &path) else { continue };
        if !names.insert(case.name.clone()) {
            let path = format!("{path}.name");
            reader.invalid(node, &path, &case.name, "must not be the name of two cases");
        }
        cases.push(case);
    }
    Some(Suite { name: name?.to_owned(), config, version, cluster, exceptions, time, cases })
}

fn case(reader: &mut Reader<'_>, node: &Node, path: &str) -> Option<Case> {
    let fields = mapping(reader, node, path)?;
    reader.allow(&fields, &["name", "manifests", "manifest", "namespace", "labels", "expect"]);
    let name = required(reader, &fields, "name", "a few words on what it shows");
    let manifests = manifests(reader, &fields);
    let namespace = reader.parsed(&fields, "namespace").map(|Namespace(name)| name);
    let labels = labels(reader, &fields);
    let mut expectations: Vec<Expectation> = Vec::new();
    for (path, node) in some(reader, &fields, "expect", "at least one expectation") {
        let Some(expectation) = expectation(reader, node, &path) else { continue };
        let whom = &expectation.whom;
        if expectations.iter().any(|other| other.whom == *whom) {
            let path = format!("{path}.workload");
            reader.invalid(node, &path, &whom.to_string(), "must not be named twice");
        }
        expectations.push(expectation);
    }
    Some(Case {
        name: name?.to_owned(),
        line: node.at.line,
        manifests: manifests?,
        namespace: namespace.unwrap_or_default(),
        labels,
        expectations,
    })
}

fn manifests(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<Manifests> {
    let inline = reader.text(fields, "manifest");
    match (fields.get("manifests"), inline) {
        (Some(_), Some((_, node))) => {
            let text = format!(
                "{}: must not stand beside {}: a case has one of them",
                fields.path("manifest"),
                fields.path("manifests")
            );
            reader.problem(Some(node.at), &text);
            None
        }
        (None, Some((text, _))) => Some(Manifests::Inline(text.to_owned())),
        // The reader has reported the wrong type.
        (None, None) if fields.get("manifest").is_some_and(|node| !is_empty(node)) => None,
        (_, None) => {
            let what = "a list of files, beside this one; or a text in `manifest`";
            let mut files = Vec::new();
            for (path, node) in some(reader, fields, "manifests", what) {
                match &node.value {
                    // Elsewhere that means standard input, but the result of a test must depend only on files.
                    Value::Text(file) if file.is_empty() || file == "-" => {
                        reader.invalid(node, &path, file, "must be the name of a file");
                    }
                    Value::Text(file) => files.push(file.clone()),
                    _ => reader.wrong_type(node, &path, "the name of a file"),
                }
            }
            Some(Manifests::Files(files))
        }
    }
}

fn is_empty(node: &Node) -> bool {
    matches!(&node.value, Value::Text(text) if text.is_empty())
}

/// The policy labels; others would have no effect. Invalid values are allowed, to test their effect.
fn labels(reader: &mut Reader<'_>, fields: &Fields<'_>) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    for (path, entry) in reader.entries(fields, "labels") {
        if !policy::is_read(&entry.key) {
            let text = format!(
                "{path}: sets no policy: must be one of pod-security.kubernetes.io/ or portcullis.dev/ enforce, audit, warn (-version), {PROFILE_LABEL}, {MODE_LABEL}"
            );
            reader.problem(Some(entry.at), &text);
        } else if let Value::Text(value) = &entry.node.value {
            labels.insert(entry.key.clone(), value.clone());
        } else {
            reader.wrong_type(&entry.node, &path, "a string");
        }
    }
    labels
}
