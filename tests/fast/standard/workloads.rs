//! Custom resources that describe pods: every kind of the table, in every slot, judged as the same pod alone.

use std::{convert::Infallible, env, sync::Arc, time::SystemTime};

use manifest::{Places, Reading};
use policy::{
    config::Config,
    findings::{Policy, Workload},
    pss::LevelVersion,
    workloads::{Kinds, PodForm, WorkloadKind},
};
use serde_json::{Value, json};

use crate::generator::Generator;

/// The default number of generated templates.
const TEMPLATES: u64 = 4_000;
const VARIABLE: &str = "PORTCULLIS_WORKLOAD_CASES";

fn policy() -> Policy {
    let mut config = Config::embedded();
    config.defaults.enforce = LevelVersion::latest(policy::pss::Level::Restricted);
    Policy::new(config, None, None, None, SystemTime::UNIX_EPOCH)
}

/// A value at a path of the table, below which lists have one item and maps the key "Worker".
fn at(path: &str, value: Value) -> Value {
    let (step, rest) = match path {
        "" => return value,
        _ if path.starts_with("[]") => return json!([at(tail(path), value)]),
        _ if path.starts_with("{}") => return json!({"Worker": at(tail(path), value)}),
        _ => path.split_at(path.find(['.', '[', '{']).unwrap_or(path.len())),
    };
    json!({step: at(rest.strip_prefix('.').unwrap_or(rest), value)})
}

fn tail(path: &str) -> &str {
    let rest = &path[2..];
    rest.strip_prefix('.').unwrap_or(rest)
}

/// Merges objects that describe different pods.
fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (Value::Array(into), Value::Array(from)) => {
            for (index, value) in from.into_iter().enumerate() {
                match into.get_mut(index) {
                    Some(known) => merge(known, value),
                    None => into.push(value),
                }
            }
        }
        (into, from) => *into = from,
    }
}

fn object(kind: &WorkloadKind, pods: impl Iterator<Item = (String, Value)>) -> String {
    let mut object = json!({
        "apiVersion": format!("{}/v1", kind.group).trim_start_matches('/'), "kind": kind.kind,
        "metadata": {"name": "web", "namespace": "shop"},
        // The fields of Kubernetes' own that make it an object, and no patch.
        "spec": {"selector": {"matchLabels": {"app": "web"}}},
    });
    for (path, pod) in pods {
        let pod = match kind.form {
            PodForm::Template => pod,
            PodForm::Spec => pod["spec"].clone(),
            PodForm::Container => pod["spec"]["containers"][0].clone(),
        };
        merge(&mut object, at(&path, pod));
    }
    object.to_string()
}

/// The findings of `check`, with their places in the text.
fn judge(text: &str) -> Workload {
    let (mut places, policy) = (Places::new(Arc::from("web.json"), text.as_bytes()), policy());
    let mut found = Vec::new();
    let Ok(()) = manifest::read::<Infallible>(text.as_bytes(), Kinds::default(), |reading| {
        let Reading::Object(manifest) = reading else { panic!("{reading:?}: {text}") };
        let mut workload = Workload::judge(manifest.identity.clone(), &manifest.pods, &policy);
        places.mark(&mut workload, &[], &manifest);
        found.push(workload);
        Ok(())
    });
    assert_eq!(found.len(), 1, "{text}");
    found.remove(0)
}

fn ids(workload: &Workload) -> Vec<&'static str> {
    workload.violations.iter().map(|one| one.requirement.id()).collect()
}

#[test]
fn a_violation_in_any_slot_of_any_kind_is_found_where_it_is() {
    let good = json!({"metadata": {}, "spec": {
        "securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [{"name": "web", "image": "web", "securityContext": {
            "allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}}}]}});
    let mut bad = good.clone();
    bad["spec"]["containers"][0]["securityContext"]["privileged"] = json!(true);
    let mut slots = 0;
    for kind in Kinds::default().all() {
        let paths: Vec<_> = kind.paths.split(' ').map(str::to_owned).collect();
        let all_good = object(kind, paths.iter().map(|path| (path.clone(), good.clone())));
        assert_eq!(ids(&judge(&all_good)), [""; 0], "{all_good}");
        for wrong in &paths {
            let pod = |path: &String| if path == wrong { bad.clone() } else { good.clone() };
            let text = object(kind, paths.iter().map(|path| (path.clone(), pod(path))));
            let judged = judge(&text);
            assert_eq!(ids(&judged), ["privileged"], "{text}");
            let place = wrong.replace("[]", "[0]").replace("{}", ".Worker");
            let below = match kind.form {
                PodForm::Template => ".spec.containers[0]",
                PodForm::Spec => ".containers[0]",
                PodForm::Container => "",
            };
            let found = &judged.violations[0].found;
            let expected = format!("{place}{below}.securityContext.privileged");
            assert_eq!(found.iter().map(|one| &*one.field).collect::<Vec<_>>(), [expected]);
            let region = found[0].region.expect("it is in the text");
            let source = &text[region.start.byte..region.end.byte];
            assert_eq!(source, r#""privileged":true"#, "{text}");
            slots += 1;
        }
    }
    assert!(slots > 80, "{slots}");
}

/// `PORTCULLIS_WORKLOAD_CASES=100000 cargo test --release --test fast standard::workloads`
#[test]
fn a_template_has_the_verdict_of_its_pod() {
    let cases = env::var(VARIABLE).map_or(TEMPLATES, |count| count.parse().unwrap());
    let (generator, kinds) = (Generator::new(), Kinds::default().all().collect::<Vec<_>>());
    let templates: Vec<_> = kinds.iter().filter(|kind| kind.form != PodForm::Container).collect();
    let mut violating = 0;
    for number in 0..cases {
        let kind = templates[usize::try_from(number).unwrap() % templates.len()];
        let mut pod: Value = serde_json::from_str(&generator.pod(number)).unwrap();
        let lists = ["initContainers", "containers", "ephemeralContainers"];
        let containers = lists.iter().filter_map(|list| pod["spec"][list].as_array()).flatten();
        let is_whole = |one: &Value| one["image"].as_str().is_some_and(|image| !image.is_empty());
        if pod["spec"]["containers"][0].is_null() || !containers.clone().all(is_whole) {
            // It would be a patch.
            continue;
        }
        if kind.form == PodForm::Spec {
            // Its metadata is elsewhere.
            pod["metadata"] = json!({});
        }
        let paths: Vec<_> = kind.paths.split(' ').collect();
        let path = paths[usize::try_from(number).unwrap() / templates.len() % paths.len()];
        let text = object(kind, [(path.to_owned(), pod.clone())].into_iter());
        let deployment = kinds.iter().find(|kind| kind.kind == "Deployment").unwrap();
        let same = object(deployment, [("spec.template".to_owned(), pod)].into_iter());
        let (judged, expected) = (judge(&text), judge(&same));
        assert_eq!(ids(&judged), ids(&expected), "{text}");
        violating += usize::from(!expected.violations.is_empty());
    }
    assert!(violating > 100, "{violating}");
}

#[test]
fn the_page_lists_every_kind_with_its_paths() {
    let page = include_str!("../../../docs/workloads.md");
    for kind in Kinds::default().all() {
        let is_row = |line: &&str| {
            let cells: Vec<_> = line.split('|').map(str::trim).collect();
            let [_, group, kinds, _, paths, _] = cells[..] else { return false };
            let group = if group == "(core)" { "" } else { group };
            let paths: Vec<_> = paths.split(", ").map(|path| path.trim_matches('`')).collect();
            group == kind.group
                && kinds.split(", ").any(|name| name == kind.kind)
                && paths == kind.paths.split(' ').collect::<Vec<_>>()
        };
        assert_eq!(page.lines().filter(is_row).count(), 1, "{} {}", kind.group, kind.kind);
    }
}
