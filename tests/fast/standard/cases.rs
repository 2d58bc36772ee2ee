//! The cases of `tests/pods` for each control. No control lacks any.

use policy::pss::{CONTROLS, Control, Findings, Level, Minor, Pod, Revision, evaluate};
use serde_json::Value;

use crate::{
    pods::{Case, base, cases, strip_nulls},
    standard::{broken, versions},
};

#[test]
fn the_base_passes_restricted_in_every_version() {
    let text = base().to_string();
    let pod: Pod<'_> = serde_json::from_str(&text).unwrap();
    for version in versions() {
        assert_eq!(broken(Level::Restricted, version, &pod), [""; 0], "{version}");
    }
}

#[test]
fn each_case_breaks_its_control_in_its_versions_and_fields() {
    let wrong: Vec<_> = cases().iter().flat_map(what_is_wrong_with).collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_control_has_cases_of_every_kind() {
    let cases = cases();
    for case in &cases {
        control(case);
    }
    let lacking: Vec<_> = CONTROLS
        .into_iter()
        .flat_map(|control| {
            let cases: Vec<_> = cases.iter().filter(|case| case.control == control.id).collect();
            what_lacks(control, &cases)
        })
        .collect();
    assert!(lacking.is_empty(), "\n{}", lacking.join("\n"));
}

#[test]
fn names_of_cases_are_unique() {
    let mut names: Vec<_> = cases().into_iter().map(|case| (case.control, case.name)).collect();
    names.sort();
    let twice: Vec<_> = names.windows(2).filter(|pair| pair[0] == pair[1]).collect();
    assert!(twice.is_empty(), "{twice:?}");
}

/// Judges the pod of a case with and without its nulls, in every version.
fn what_is_wrong_with(case: &Case) -> Vec<String> {
    let mut stripped = case.pod.clone();
    strip_nulls(&mut stripped);
    [&case.pod, &stripped].into_iter().flat_map(|pod| differences(case, pod)).collect()
}

fn differences(case: &Case, pod: &Value) -> Vec<String> {
    let control = control(case);
    let text = pod.to_string();
    let pod: Pod<'_> = serde_json::from_str(&text).unwrap();
    versions()
        .filter_map(|version| {
            let broken = evaluate(control.level, version, &pod);
            let found = broken.iter().find(|(broken, _)| broken.id == control.id);
            let found = found.map(|(_, findings)| fields(findings)).unwrap_or_default();
            let expected = if case.breaks.contain(version) { case.fields.as_slice() } else { &[] };
            (found != expected).then(|| {
                let Case { control, name, .. } = case;
                format!("{control}, {name:?}, {version}: {found:?} instead of {expected:?}")
            })
        })
        .collect()
}

fn fields(findings: &Findings) -> Vec<String> {
    findings
        .iter()
        .map(|finding| policy::workloads::PodRoot::POD.field(finding.place, &finding.path))
        .collect()
}

fn control(case: &Case) -> &'static Control {
    let found = CONTROLS.into_iter().find(|control| control.id == case.control);
    found.unwrap_or_else(|| panic!("{}.yaml: no such control", case.control))
}

fn what_lacks(control: &Control, cases: &[&Case]) -> Vec<String> {
    let has = |is_it: &dyn Fn(&Case) -> bool| cases.iter().any(|case| is_it(case));
    let mut lacking = Vec::new();
    let mut demand = |is_there: bool, what: String| {
        if !is_there {
            lacking.push(format!("{} has no case {what}", control.id));
        }
    };
    for Revision { since, .. } in control.revisions {
        demand(has(&|case| case.breaks.contain(*since)), format!("that breaks it at {since}"));
        demand(has(&|case| !case.breaks.contain(*since)), format!("that passes it at {since}"));
        if let Some(before) = since.0.checked_sub(1).map(Minor) {
            let changes = |case: &Case| case.breaks.contain(before) != case.breaks.contain(*since);
            demand(has(&changes), format!("whose verdict changes at {since}"));
        }
    }
    let names = |list: &str| {
        let path = format!("spec.{list}[");
        has(&|case| case.fields.iter().any(|field| field.starts_with(&path)))
    };
    const LISTS: [&str; 3] = ["initContainers", "containers", "ephemeralContainers"];
    if LISTS.into_iter().any(names) {
        for list in LISTS {
            demand(names(list), format!("that breaks it in spec.{list}"));
        }
    }
    for case in cases {
        let breaks_ever = versions().any(|version| case.breaks.contain(version));
        let fits = breaks_ever != case.fields.is_empty();
        demand(fits, format!("{:?} whose fields fit its breaks", case.name));
    }
    lacking
}
