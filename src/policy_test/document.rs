//! Makes a [`Suite`] of a [`PolicyTest`](spec::PolicyTest). Pure: text in, values out.

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::SystemTime,
};

use manifest::path::Path as Field;
use policy::{
    pss::{Minor, Version},
    spec,
};

use crate::config::{ConfigError, reader::Reader};

use super::{Expectation, Verdict, Whom};

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
    let mut reader = Reader::parse(text, file)?;
    let root = Field::default();
    let suite = reader.read(&root).and_then(|written| suite(&mut reader, &root, written));
    reader.finish(suite)?.ok_or_else(|| ConfigError::of_file(file, "holds no test"))
}

fn suite(reader: &mut Reader<'_>, root: &Field, written: spec::PolicyTest) -> Option<Suite> {
    let spec::PolicyTest { api_version, kind, name, cases, .. } = written;
    reader.required(root, "apiVersion", api_version, spec::API_VERSION);
    reader.required(root, "kind", kind, "PolicyTest");
    let name = reader.required(root, "name", name, "a few words on what is tested");
    let mut names = BTreeSet::new();
    let mut read = Vec::new();
    for (field, case) in some(reader, root, "cases", cases, "at least one case") {
        let Some(case) = self::case(reader, &field, case) else { continue };
        if !names.insert(case.name.clone()) {
            reader.invalid(&field.key("name"), &case.name, "must not be the name of two cases");
        }
        read.push(case);
    }
    Some(Suite {
        name: name?,
        config: written.config,
        version: written.policy_version.map(|known| known.0),
        cluster: written.cluster_version.map(|known| known.0),
        exceptions: written.exceptions,
        time: written.time.map(|time| time.0),
        cases: read,
    })
}

/// The items of a list that must have some.
fn some<T>(
    reader: &mut Reader<'_>,
    of: &Field,
    key: &str,
    items: Vec<T>,
    what: &str,
) -> Vec<(Field, T)> {
    reader.required(of, key, items.first(), what);
    reader.items(&of.clone().key(key), items)
}

fn case(reader: &mut Reader<'_>, field: &Field, written: spec::Case) -> Option<Case> {
    let spec::Case { name, manifests, manifest, namespace, labels, expect } = written;
    let name = reader.required(field, "name", name, "a few words on what it shows");
    let manifests = self::manifests(reader, field, manifests.unwrap_or_default(), manifest);
    let mut expectations: Vec<Expectation> = Vec::new();
    for (field, expectation) in some(reader, field, "expect", expect, "at least one expectation") {
        let Some(expectation) = self::expectation(reader, &field, expectation) else { continue };
        let whom = &expectation.whom;
        if expectations.iter().any(|other| other.whom == *whom) {
            let why = "must not be named twice";
            reader.invalid(&field.key("workload"), &whom.to_string(), why);
        }
        expectations.push(expectation);
    }
    Some(Case {
        name: name?,
        line: reader.line(field),
        manifests: manifests?,
        namespace: namespace.unwrap_or_default().0,
        labels: labels.into_iter().map(|(key, value)| (key.0, value)).collect(),
        expectations,
    })
}

fn manifests(
    reader: &mut Reader<'_>,
    case: &Field,
    files: Vec<spec::FileName>,
    inline: Option<String>,
) -> Option<Manifests> {
    let [of_files, of_inline] = ["manifests", "manifest"].map(|key| case.clone().key(key));
    if reader.is_set(&of_files) && reader.is_set(&of_inline) {
        let why = format!("must not stand beside {of_files}: a case has one of them");
        reader.problem(&of_inline, &why);
    } else if !reader.is_set(&of_inline) {
        let what = "a list of files, beside this one; or a text in `manifest`";
        reader.required(case, "manifests", files.first(), what);
    }
    let files = || Manifests::Files(files.into_iter().map(|file| file.0).collect());
    Some(inline.map_or_else(files, Manifests::Inline))
}

fn expectation(
    reader: &mut Reader<'_>,
    field: &Field,
    written: spec::Expectation,
) -> Option<Expectation> {
    let spec::Expectation { workload, verdict, controls, warnings, hardened } = written;
    let what = "Kind/name, Kind/namespace/name, or all";
    let whom = reader.required(field, "workload", workload, what).and_then(|text| {
        let whom = text.parse::<Whom>();
        whom.map_err(|why| reader.invalid(&field.clone().key("workload"), &text, why)).ok()
    });
    let what = "one of allowed, denied, exempt";
    let verdict = reader.required(field, "verdict", verdict, what);
    if let Some(verdict) = verdict {
        contradictions(reader, field, verdict, controls.is_some());
    }
    Some(Expectation {
        whom: whom?,
        verdict: verdict?,
        controls: controls.map(|set| set.0.into_iter().map(|it| it.0).collect()),
        warnings: warnings.map(|set| set.0.into_iter().map(|it| it.0).collect()),
        hardened: hardened.map(|set| set.0.into_iter().map(|it| it.0).collect()),
    })
}

/// Expectations that contradict each other.
fn contradictions(reader: &mut Reader<'_>, of: &Field, verdict: Verdict, has_controls: bool) {
    let mut wrong = |key: &str, is_wrong: bool, why: &str| {
        let field = of.clone().key(key);
        if reader.is_set(&field) == is_wrong {
            reader.problem(&field, why);
        }
    };
    match verdict {
        Verdict::Denied if has_controls => {
            let why = "what is denied is denied by something: must name it, or not be there";
            wrong("controls", false, why);
        }
        Verdict::Denied => {}
        Verdict::Allowed | Verdict::Exempt => {
            let verdict = verdict.as_str();
            let why = format!("what is {verdict} is denied by none: must be empty");
            wrong("controls", true, &why);
        }
    }
    if verdict == Verdict::Exempt {
        for key in ["warnings", "hardened"] {
            wrong(key, true, "what is exempt is not looked at: must be empty");
        }
    }
}
