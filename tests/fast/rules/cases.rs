//! The cases of each rule. No rule lacks any.

use std::collections::BTreeSet;

use policy::{
    pss::Pod,
    rules::{Check, RULES, Rule},
};
use serde_json::Value;

use crate::{
    pods::strip_nulls,
    rules::table::{Case, Found, cases},
};

#[test]
fn each_case_is_found_what_it_says() {
    let wrong: Vec<_> = cases().iter().flat_map(what_is_wrong_with).collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_rule_has_cases_of_every_kind() {
    let cases = cases();
    let known: BTreeSet<_> = RULES.iter().map(|rule| rule.name()).collect();
    let have: BTreeSet<_> = cases.iter().map(|case| case.rule.as_str()).collect();
    assert_eq!(have, known);
    let lacking: Vec<_> = RULES
        .into_iter()
        .flat_map(|rule| {
            let of_rule: Vec<_> = cases.iter().filter(|case| case.rule == rule.name()).collect();
            what_lacks(rule, &of_rule)
        })
        .collect();
    assert!(lacking.is_empty(), "\n{}", lacking.join("\n"));
}

fn what_lacks(rule: &Rule, cases: &[&Case]) -> Vec<String> {
    let mut lacking = Vec::new();
    let mut demand = |is_there: bool, what: &str| {
        if !is_there {
            lacking.push(format!("{} has not {what}", rule.id));
        }
    };
    let names: BTreeSet<_> = cases.iter().map(|case| &case.name).collect();
    demand(names.len() == cases.len(), "names that are unique");
    demand(cases.len() >= 6, "six cases");
    demand(cases.iter().any(|case| case.findings.is_empty()), "a case that passes");
    let breaking = cases.iter().filter(|case| !case.findings.is_empty()).count();
    demand(breaking >= 2, "two cases that break it");
    // The API forbids resources in ephemeral containers.
    let lists: &[_] = match rule.name() {
        "resources" => &["initContainers", "containers"],
        _ => &["initContainers", "containers", "ephemeralContainers"],
    };
    let has = |list: &str| {
        let path = format!("spec.{list}[");
        cases.iter().flat_map(|case| &case.findings).any(|found| found.field.starts_with(&path))
    };
    if lists.iter().any(|list| has(list)) {
        for list in lists {
            demand(has(list), &format!("a case that breaks it in spec.{list}"));
        }
    }
    lacking
}

/// Judges the pod of a case with and without its nulls.
fn what_is_wrong_with(case: &Case) -> Vec<String> {
    let mut stripped = case.pod.clone();
    strip_nulls(&mut stripped);
    [&case.pod, &stripped]
        .into_iter()
        .map(|pod| found(&case.check, pod))
        .filter(|found| *found != case.findings)
        .map(|found| {
            let Case { rule, name, findings, .. } = case;
            format!("{rule}, {name:?}: {found:#?} instead of {findings:#?}")
        })
        .collect()
}

fn found(check: &Check, pod: &Value) -> Vec<Found> {
    let text = pod.to_string();
    let pod: Pod<'_> = serde_json::from_str(&text).unwrap();
    let findings = check.findings(&pod);
    let found = findings.iter().map(|finding| Found {
        field: policy::workloads::PodRoot::POD.field(finding.place, &finding.path),
        fix: finding.fix.to_string(),
    });
    found.collect()
}
