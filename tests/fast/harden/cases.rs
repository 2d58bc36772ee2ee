//! The cases in YAML files.

use std::{fs, path::Path};

use policy::{
    harden::{Field, Scope, patch, plan},
    pss::{Place, Pod},
    rules::Check,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::harden::{
    held::{Held, read},
    settings,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    row: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    on: Option<Vec<String>>,
    pod: Value,
    old: Option<Value>,
    #[serde(default)]
    patch: Vec<Value>,
}

#[test]
fn every_case_gets_its_patch() {
    for (file, File { row, cases }) in files() {
        for case in cases {
            let on = case.on.unwrap_or_else(|| vec![row.clone()]);
            let settings = settings(|field| on.iter().any(|name| name == field.name()));
            let held = Held::new(&case.pod, case.old.as_ref(), &settings);
            assert_eq!(json!(held.patch), json!(case.patch), "{file}: {}", case.name);
        }
    }
}

#[test]
fn every_row_has_cases_that_it_changes_and_that_it_leaves_alone() {
    let files = files();
    for field in Field::ALL {
        let file = files.iter().find(|(file, _)| *file == field.name());
        let (_, file) = file.unwrap_or_else(|| panic!("no file for {}", field.name()));
        assert_eq!(file.row, field.name());
        assert!(file.cases.iter().any(|case| !case.patch.is_empty()), "{}", field.name());
        assert!(file.cases.iter().any(|case| case.patch.is_empty()), "{}", field.name());
    }
}

#[test]
fn a_template_is_patched_where_it_stands() {
    let template = json!({"spec": {"containers": [{"name": "web"}]}}).to_string();
    let pod: Pod<'_> = serde_json::from_str(&template).unwrap();
    let settings = settings(|field| field == Field::DropCapabilities);
    let owner = |place| {
        let mut owner = json_patch::jsonptr::PointerBuf::from_tokens(["spec", "template"]);
        owner.append(policy::harden::in_pod(place));
        owner
    };
    let patch = patch(&pod, &plan(&pod, &settings, Scope::Create), &owner);
    let path = "/spec/template/spec/containers/0/securityContext";
    let expected =
        json!([{"op": "add", "path": path, "value": {"capabilities": {"drop": ["ALL"]}}}]);
    assert_eq!(json!(patch), expected);
}

/// Hardening removes what the ServiceAccount plugin has mounted, but not what an author has mounted.
#[test]
fn a_token_that_an_author_mounts_stays_and_the_rule_finds_it() {
    let settings = settings(|field| field == Field::NoServiceAccountToken);
    let plugin = "/var/run/secrets/kubernetes.io/serviceaccount";
    for (name, mounts) in [
        ("kube-api-access-mine", json!([])),
        ("kube-api-access-mine", json!([plugin, "/token"])),
        ("kube-api-access-mine", json!([format!("{plugin}/")])),
        ("token", json!([plugin])),
        ("default-token-x7k2p", json!([plugin])),
    ] {
        let mounts = mounts.as_array().unwrap().iter();
        let mounts: Vec<_> = mounts.map(|at| json!({"name": name, "mountPath": at})).collect();
        let sources = json!([{"serviceAccountToken": {"path": "token"}}]);
        let pod = json!({"spec": {
            "volumes": [{"name": name, "projected": {"sources": sources}}],
            "containers": [{"name": "web", "volumeMounts": mounts}],
        }});
        let after = Held::new(&pod, None, &settings).after;
        assert_eq!(after["spec"]["volumes"], pod["spec"]["volumes"]);
        assert_eq!(after["spec"]["containers"], pod["spec"]["containers"]);
        let text = after.to_string();
        let findings = Check::ServiceAccountToken.findings(&read(&text));
        assert_eq!(findings.len(), 1, "{after}");
        assert_eq!(findings.iter().next().unwrap().place, Place::Volume { index: 0 }, "{after}");
    }
}

/// The files by name, without extension.
fn files() -> Vec<(String, File)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/harden");
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let text = fs::read_to_string(&path).unwrap();
            let file = serde_saphyr::from_str(&text);
            (name, file.unwrap_or_else(|error| panic!("{}: {error}", path.display())))
        })
        .collect();
    files.sort_by(|(one, _), (other, _)| one.cmp(other));
    files
}
