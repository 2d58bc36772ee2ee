//! `check --render`: the charts and kustomizations in a directory.

use std::{fs, os::unix::fs::symlink, path::Path};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{
    go::{Program, build},
    program::{Outcome, run},
};

const POD: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: NAME}\nspec: {hostPID: true, containers: [{name: a, image: a}]}\n";
const TEMPLATE: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: {{ .Chart.Name }}}\nspec:\n  hostPID: {{ .Values.host }}\n  containers: [{name: a, image: a}]\n";

/// Two charts, one of which is in the other, a library, and kustomizations: a base with two overlays and a component.
fn repository() -> TempDir {
    let folder = TempDir::new().unwrap();
    let chart =
        |name: &str, rest: &str| format!("apiVersion: v2\nname: {name}\nversion: 1.0.0\n{rest}");
    let pod = |name: &str| POD.replace("NAME", name);
    for (name, text) in [
        ("charts/web/Chart.yaml", chart("web", "")),
        ("charts/web/values.yaml", "host: true\n".to_owned()),
        ("charts/web/templates/pod.yaml", TEMPLATE.to_owned()),
        ("charts/web/charts/db/Chart.yaml", chart("db", "")),
        ("charts/web/charts/db/values.yaml", "host: true\n".to_owned()),
        ("charts/web/charts/db/templates/pod.yaml", TEMPLATE.to_owned()),
        ("charts/lib/Chart.yaml", chart("lib", "type: library\n")),
        ("charts/lib/templates/_lib.yaml", "{{ define \"x\" }}{{ end }}\n".to_owned()),
        ("base/kustomization.yaml", "resources: [pod.yaml]\n".to_owned()),
        ("base/pod.yaml", pod("base")),
        ("base/beside.yaml", pod("beside")),
        ("parts/kustomization.yaml", "kind: Component\napiVersion: kustomize.config.k8s.io/v1alpha1\nresources: [part.yaml]\n".to_owned()),
        ("parts/part.yaml", pod("part")),
        ("overlays/a/kustomization.yaml", "kind: Kustomization\napiVersion: kustomize.config.k8s.io/v1beta1\nnamePrefix: a-\nresources: [../../base, own.yaml]\ncomponents: [../../parts]\n".to_owned()),
        ("overlays/a/own.yaml", pod("own")),
        ("overlays/b/kustomization.yml", "namePrefix: b-\nresources: [../../base]\npatches: [{path: patch.yaml}]\n".to_owned()),
        ("overlays/b/patch.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: base}\nspec: {hostPID: false}\n".to_owned()),
        ("other/Kustomization", "resources: []\nconfigMapGenerator: [{name: x, literals: [a=b]}]\n".to_owned()),
        ("plain.yaml", pod("plain")),
    ] {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

/// Runs `check` in a folder with only these programs in PATH.
fn check(folder: &Path, programs: &Path, args: &[&str]) -> Outcome {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_portcullis"));
    let command = command.arg("check").args(args).current_dir(folder);
    run(command.env("PATH", programs).env_remove("CLICOLOR_FORCE").env_remove("HELM_NAMESPACE"))
}

fn report(outcome: &Outcome) -> Value {
    serde_json::from_str(&outcome.out).unwrap_or_else(|_| panic!("{outcome:?}"))
}

/// `source name` of all objects.
fn judged(report: &Value) -> Vec<String> {
    let text =
        |it: &Value, key: &str| it[key].as_str().unwrap_or_else(|| panic!("{it}")).to_owned();
    let results = report["results"].as_array().unwrap().iter();
    results.map(|it| format!("{} {}", text(it, "source"), text(it, "name"))).collect()
}

fn skipped(report: &Value, category: &str) -> Vec<String> {
    let skipped = report["skipped"].as_array().unwrap().iter();
    let skipped = skipped.filter(|it| it["category"] == category);
    skipped.map(|it| it["source"].as_str().unwrap().to_owned()).collect()
}

fn programs(of: &[(Program, &str)]) -> Option<TempDir> {
    let folder = TempDir::new().unwrap();
    for (program, name) in of {
        symlink(build(*program).ok()?, folder.path().join(name)).unwrap();
    }
    Some(folder)
}

const FILES: [&str; 5] = [
    "./base/beside.yaml beside",
    "./base/pod.yaml base",
    "./overlays/a/own.yaml own",
    "./parts/part.yaml part",
    "./plain.yaml plain",
];

#[test]
fn what_is_not_rendered_is_named() {
    let (folder, nothing) = (repository(), TempDir::new().unwrap());
    let charts = ["./charts/web/Chart.yaml"];
    let kustomizations = [
        "./other/Kustomization",
        "./overlays/a/kustomization.yaml",
        "./overlays/b/kustomization.yml",
    ];
    for (args, says) in [(&["."][..], "or --render"), (&["--render", "."], "found no program")] {
        let outcome = check(folder.path(), nothing.path(), &[args, &["-o", "json"]].concat());
        let report = report(&outcome);
        assert_eq!(outcome.status, Some(1));
        assert_eq!(judged(&report), FILES);
        assert_eq!(skipped(&report, "chart"), charts);
        assert_eq!(skipped(&report, "kustomization"), kustomizations);
        assert_eq!(skipped(&report, "template").len(), 3, "{report}");
        assert!(outcome.out.contains(says), "{}", outcome.out);
        let outcome = check(folder.path(), nothing.path(), args);
        let says = "1 chart, 3 kustomizations not rendered: use --render";
        assert!(outcome.err.contains(says), "{}", outcome.err);
    }
}

#[test]
fn charts_and_kustomizations_are_rendered_once() {
    let both = [(Program::Helm4, "helm"), (Program::Kustomize, "kustomize")];
    let Some(programs) = programs(&both) else { return };
    let folder = repository();
    let args = ["--render", "-o", "json", "."];
    let outcome = check(folder.path(), programs.path(), &args);
    assert_eq!((outcome.status, &*outcome.err), (Some(1), ""), "{}", outcome.out);
    let found = report(&outcome);
    let expected = [
        "./base/beside.yaml beside",
        "./charts/web/charts/db/templates/pod.yaml db",
        "./charts/web/templates/pod.yaml web",
        "./overlays/a a-base",
        "./overlays/a a-own",
        "./overlays/a a-part",
        "./overlays/b b-base",
        "./plain.yaml plain",
    ];
    assert_eq!(judged(&found), expected);
    let files = [
        "./base/kustomization.yaml",
        "./base/pod.yaml",
        "./overlays/a/own.yaml",
        "./parts/kustomization.yaml",
        "./parts/part.yaml",
    ];
    assert_eq!(skipped(&found, "rendered"), files);
    assert_eq!(skipped(&found, "patch"), ["./overlays/b/patch.yaml"]);
    // The library's template.
    assert_eq!(skipped(&found, "template"), ["./charts/lib/templates/_lib.yaml"]);
    for category in ["chart", "kustomization"] {
        assert_eq!(skipped(&found, category), Vec::<String>::new());
    }
    let of = |name: &str| {
        found["results"].as_array().unwrap().iter().find(|it| it["name"] == name).unwrap().clone()
    };
    assert_eq!((&of("web")["allowed"], &of("b-base")["allowed"]), (&false.into(), &true.into()));
    let outcome =
        check(folder.path(), programs.path(), &[&args[..], &["--set", "host=false"]].concat());
    assert!(
        report(&outcome)["results"]
            .as_array()
            .unwrap()
            .iter()
            .any(|it| it["name"] == "web" && it["allowed"] == true)
    );

    // What is named is not rendered a second time.
    let named = ["-k", "overlays/a", "-k", "./overlays/b/", "--helm", "charts/web"];
    let outcome = check(folder.path(), programs.path(), &[&args[..], &named].concat());
    let mut names = judged(&report(&outcome));
    names.sort_by_key(|name| name.rsplit_once(' ').unwrap().1.to_owned());
    let names: Vec<_> = names.iter().map(|name| name.rsplit_once(' ').unwrap().1).collect();
    assert_eq!(names, ["a-base", "a-own", "a-part", "b-base", "beside", "db", "plain", "web"]);
    // Without --render, too.
    let outcome = check(folder.path(), programs.path(), &[&args[1..], &named].concat());
    assert_eq!(judged(&report(&outcome)).len(), 8);
    assert_eq!(skipped(&report(&outcome), "kustomization"), ["./other/Kustomization"]);
}

#[test]
fn a_program_that_is_missing_leaves_the_files() {
    let Some(programs) = programs(&[(Program::Helm3, "helm")]) else { return };
    let folder = repository();
    let outcome = check(folder.path(), programs.path(), &["--render", "-o", "json", "."]);
    let report = report(&outcome);
    let mut judged = judged(&report);
    judged.retain(|it| !it.contains("charts/"));
    assert_eq!(judged, FILES);
    assert_eq!(skipped(&report, "kustomization").len(), 3);
    assert_eq!(skipped(&report, "chart"), Vec::<String>::new());
}

/// What cannot be rendered may violate anything.
#[test]
fn a_failure_to_render_is_an_error() {
    let Some(programs) = programs(&[(Program::Kustomize, "kustomize")]) else { return };
    let folder = repository();
    fs::write(folder.path().join("other/Kustomization"), "resources: [nowhere.yaml]\n").unwrap();
    let outcome = check(folder.path(), programs.path(), &["--render", "-o", "concise", "."]);
    assert_eq!(outcome.status, Some(2));
    assert!(outcome.out.contains("./other: error: kustomize failed"), "{}", outcome.out);
    let args = ["--render", "--exclude", "other", "-o", "concise", "."];
    assert_eq!(check(folder.path(), programs.path(), &args).status, Some(1));
}
