//! One item of a case's `expect`.

use std::{collections::BTreeSet, fmt};

use crate::{
    config::{
        fields::{Fields, Reader},
        tree::{Node, Value},
    },
    harden::Field,
    policy::Requirement,
    suite::{Expectation, Verdict},
};

use super::required::{mapping, named};

pub(super) fn expectation(reader: &mut Reader<'_>, node: &Node, path: &str) -> Option<Expectation> {
    let fields = mapping(reader, node, path)?;
    reader.allow(&fields, &["workload", "verdict", "controls", "warnings", "hardened"]);
    let whom = named(reader, &fields, "workload", "Kind/name, Kind/namespace/name, or all");
    let verdict = named(reader, &fields, "verdict", "one of allowed, denied, exempt");
    let controls = ids(reader, &fields, "controls", |id| {
        Requirement::find(id)
            .map(Requirement::id)
            .ok_or("must be the id of a control or a rule, as `portcullis explain` lists them")
    });
    let warnings = ids(reader, &fields, "warnings", |id| {
        let rule = Requirement::find(id).filter(|found| matches!(found, Requirement::Rule(_)));
        rule.map(Requirement::id).ok_or(
            "must be the id of a rule, as rules/imageTag: only rules are told of and not denied",
        )
    });
    let hardened = ids(reader, &fields, "hardened", |name| {
        let mut names = Field::ALL.into_iter().map(Field::name);
        names.find(|field| *field == name).ok_or_else(|| {
            let names: Vec<_> = Field::ALL.into_iter().map(Field::name).collect();
            format!("must be one of {}", names.join(", "))
        })
    });
    let expectation = Expectation { whom: whom?, verdict: verdict?, controls, warnings, hardened };
    contradictions(reader, &fields, &expectation);
    Some(expectation)
}

/// A list of unique, known names. None if absent, which differs from an empty list.
fn ids<E: fmt::Display>(
    reader: &mut Reader<'_>,
    fields: &Fields<'_>,
    name: &str,
    known: impl Fn(&str) -> Result<&'static str, E>,
) -> Option<BTreeSet<&'static str>> {
    fields.get(name)?;
    let mut ids = BTreeSet::new();
    for (path, node) in reader.items(fields, name) {
        let Value::Text(text) = &node.value else {
            reader.wrong_type(node, &path, "a string");
            continue;
        };
        match known(text) {
            Ok(id) if ids.insert(id) => {}
            Ok(_) => reader.invalid(node, &path, text, "must not be listed twice"),
            Err(allowed) => reader.invalid(node, &path, text, allowed),
        }
    }
    Some(ids)
}

/// Expectations that contradict each other.
fn contradictions(reader: &mut Reader<'_>, fields: &Fields<'_>, expectation: &Expectation) {
    let verdict = expectation.verdict;
    let is_denied = verdict == Verdict::Denied;
    let mut wrong = |name: &str, why: &str| {
        let text = format!("{}: {why}", fields.path(name));
        reader.problem(fields.at(name), &text);
    };
    // An invalid item has been reported already.
    let is_written = |name: &str| match fields.get(name).map(|node| &node.value) {
        Some(Value::List(items)) => !items.is_empty(),
        _ => false,
    };
    if !is_denied && is_written("controls") {
        wrong(
            "controls",
            &format!("what is {} is denied by none: must be empty", verdict.as_str()),
        );
    }
    if is_denied && expectation.controls.is_some() && !is_written("controls") {
        wrong("controls", "what is denied is denied by something: must name it, or not be there");
    }
    if verdict == Verdict::Exempt {
        for name in ["warnings", "hardened"] {
            if is_written(name) {
                wrong(name, "what is exempt is not looked at: must be empty");
            }
        }
    }
}
