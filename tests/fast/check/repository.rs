//! A repository as it is: manifests beside charts, kustomizations, and the files of other programs.

use std::{fs, path::Path};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::program::{Outcome, run};

const CLEAN: &str = include_str!("../../manifests/clean.yaml");
const BAD: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: bad}\nspec: {hostPID: true, containers: [{name: a, image: a}]}\n";

/// Files of a repository, and how each is skipped. Without a category, it is read.
const FILES: [(&str, &str, &str); 25] = [
    ("README.md", "# kubectl apply\n", ""),
    ("deploy/web.yaml", CLEAN, ""),
    (".hidden/.web.yaml", CLEAN, ""),
    (".git/config.yaml", "apiVersion: v1\nkind: Pod\nbroken: [\n", ""),
    (".github/workflows/ci.yaml", "on: push\njobs: {}\n", "noManifest"),
    (".gitlab-ci.yml", "build: {script: [make]}\n", "noManifest"),
    (".drone.yml", "kind: pipeline\ntype: docker\nname: default\nsteps: []\n", "noManifest"),
    ("docker-compose.yml", "services: {web: {image: web, privileged: true}}\n", "noManifest"),
    ("package.json", "{\"name\": \"web\", \"kind\": \"app\"}", "noManifest"),
    ("tsconfig.json", "{\n  // a comment\n  \"a\": 1,\n}\n", "noManifest"),
    ("grafana/datasources.yaml", "apiVersion: 1\ndatasources: []\n", "noManifest"),
    ("data/records.jsonl", "{\"a\": 1}\n{\"a\": 2}\n[3]\n", "noManifest"),
    ("data/broken.yaml", "a: [\n", "noManifest"),
    ("data/list.yaml", "- apple\n- pear\n", "noManifest"),
    ("data/empty.yaml", "", ""),
    ("data/comment.yaml", "# nothing\n---\n# here\n", ""),
    ("charts/web/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\n", "chart"),
    ("charts/web/values.yaml", "image: web\nreplicas: 1\n", "noManifest"),
    ("charts/web/templates/web.yaml", "{{- if .Values.on }}\nkind: Pod\n{{- end }}\n", "template"),
    ("charts/web/templates/sub/plain.yaml", BAD, "template"),
    (
        "charts/web/crds/crd.yaml",
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n",
        "",
    ),
    ("templates/plain.yaml", CLEAN, ""),
    (
        "ansible/pod.yaml",
        "apiVersion: v1\nkind: Pod\n{% if on %}\nspec: {}\n{% endif %}\n",
        "template",
    ),
    ("patches/json.yaml", "- {op: remove, path: /spec}\n", "patch"),
    (
        "patches/merge.yaml",
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {replicas: 2}\n",
        "patch",
    ),
];

fn repository(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn ordinary() -> TempDir {
    repository(&FILES.map(|(name, text, _)| (name, text)))
}

fn portcullis(folder: &Path, args: &[&str]) -> Outcome {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_portcullis"));
    run(command.args(args).current_dir(folder).env_remove("CLICOLOR_FORCE"))
}

/// The skipped files of a report, each with its category.
fn skipped(outcome: &Outcome) -> Vec<(String, String)> {
    let report: Value = serde_json::from_str(&outcome.out).unwrap();
    let text = |it: &Value, key: &str| it[key].as_str().unwrap().to_owned();
    let skipped = report["skipped"].as_array().unwrap().iter();
    skipped.map(|it| (text(it, "source"), text(it, "category"))).collect()
}

#[test]
fn a_repository_ends_by_what_its_pods_violate() {
    let folder = ordinary();
    let outcome = portcullis(folder.path(), &["check", "-o", "json", "."]);
    assert_eq!(outcome.status, Some(0), "{}", outcome.out);
    let mut expected: Vec<_> = FILES
        .iter()
        .filter(|(_, _, category)| !category.is_empty())
        .map(|(name, _, category)| (format!("./{name}"), (*category).to_owned()))
        .collect();
    expected.sort();
    let mut skipped = skipped(&outcome);
    skipped.sort();
    assert_eq!(skipped, expected);
    let report: Value = serde_json::from_str(&outcome.out).unwrap();
    let by = &report["summary"]["skippedBy"];
    assert_eq!(
        (&by["noManifest"], &by["template"], &by["patch"]),
        (&11.into(), &3.into(), &2.into())
    );
    assert_eq!(report["summary"]["objects"], 3, "{}", outcome.out);

    let outcome = portcullis(folder.path(), &["check", "."]);
    let lines: Vec<_> = outcome.err.lines().collect();
    let says = "portcullis: skipped: 11 files or documents that are no manifests, 3 templates, 2 patches; 1 chart not rendered: use --render";
    assert!(lines.len() == 1 && lines[0].starts_with(says), "{}", outcome.err);
    assert_eq!(outcome.out.lines().count(), 1, "{}", outcome.out);
    let outcome = portcullis(folder.path(), &["check", "--details", "."]);
    assert_eq!((outcome.out.matches(": skipped: ").count(), &*outcome.err), (17, ""));

    fs::write(folder.path().join(".hidden/bad.yml"), BAD).unwrap();
    assert_eq!(portcullis(folder.path(), &["check", "."]).status, Some(1));
    let outcome = portcullis(folder.path(), &["harden", "--check", "."]);
    assert_eq!(outcome.status, Some(1), "{}", outcome.err);
    assert!(outcome.err.contains("11 files or documents"), "{}", outcome.err);
}

/// Whatever is broken and may be a manifest is an error, and everything that is named.
#[test]
fn nothing_that_may_be_a_manifest_is_silent() {
    for text in [
        "apiVersion: v1\nkind: Pod\nspec: [\n",
        "kind: Pod\nspec:\n\tcontainers: []\napiVersion: v1\n",
        "{\"apiVersion\": \"v1\", \"kind\": \"Pod\", \"spec\": {",
        "apiVersion: v1\nkidn: Pod\nmetadata: {name: a}\nspec: {}\n",
        "apiVersion: v1\nkind: Pod\nspec: {containers: 3}\n",
        "a: b\n---\napiVersion: v1\nkind: Pod\nspec: [\n---\nc: d\n",
        "apiVersion: v1\nkind: Pod\nspec: {containers: [{args: [\"{{quoted}}\"]}\n",
    ] {
        let folder = repository(&[("a.yaml", text), ("b.yaml", CLEAN)]);
        for command in [&["check", "."][..], &["harden", "."]] {
            let outcome = portcullis(folder.path(), command);
            assert_eq!(outcome.status, Some(2), "{text}: {outcome:?}");
        }
    }
    let folder = ordinary();
    for (name, _, category) in FILES {
        if matches!(category, "noManifest" | "template") && !name.contains("plain") {
            let outcome = portcullis(folder.path(), &["check", "-o", "json", name]);
            assert_eq!(outcome.status, Some(2), "{name}: {}", outcome.out);
        }
    }
}

#[test]
fn a_template_is_one_line_however_many_errors_it_has() {
    let template =
        "---\napiVersion: v1\nkind: Pod\nmetadata: {name: {{ .Release.Name }}}\n".repeat(350);
    let folder = repository(&[("deep/template.yaml", &template)]);
    for (path, status, lines) in [(".", 0, 1), ("deep/template.yaml", 2, 1)] {
        let outcome = portcullis(folder.path(), &["check", "-o", "concise", path]);
        assert_eq!(outcome.status, Some(status), "{}", outcome.out);
        assert_eq!(outcome.out.lines().count(), lines, "{}", outcome.out);
    }
}

#[test]
fn what_is_excluded_is_counted() {
    let folder = repository(&[
        ("a.yaml", CLEAN),
        ("legacy/b.yaml", BAD),
        ("legacy/deep/c.yaml", BAD),
        ("app/.portcullisignore", "# generated\n*.gen.yaml\n!keep.gen.yaml\n/only-here\n"),
        ("app/d.gen.yaml", BAD),
        ("app/keep.gen.yaml", CLEAN),
        ("app/only-here/e.yaml", BAD),
        ("app/sub/only-here/f.yaml", CLEAN),
        (".gitignore", "*.yaml\n"),
    ]);
    let all = |args: &[&str]| {
        let outcome = portcullis(folder.path(), &[&["check", "-o", "json"], args].concat());
        let excluded = skipped(&outcome).into_iter().filter(|(_, why)| why == "excluded");
        (outcome.status, excluded.map(|(name, _)| name).collect::<Vec<_>>())
    };
    let ignored = ["./app/d.gen.yaml", "./app/only-here"].map(str::to_owned).to_vec();
    assert_eq!(all(&["."]), (Some(1), ignored.clone()));
    let with_legacy = [ignored, vec!["./legacy".to_owned()]].concat();
    for glob in ["legacy", "/legacy", "legacy/", "./legacy/", "**/legacy"] {
        assert_eq!(all(&["--exclude", glob, "."]), (Some(0), with_legacy.clone()), "{glob}");
    }
    // Relative to the directory that is walked, too, and in what is named.
    assert_eq!(all(&["--exclude", "/b.yaml", "legacy"]).1, ["legacy/b.yaml"]);
    assert_eq!(all(&["--exclude", "legacy", "legacy/deep"]).1, ["legacy/deep"]);
    assert_eq!(
        all(&["--exclude", "*.yaml", "legacy/b.yaml"]),
        (Some(0), vec!["legacy/b.yaml".into()])
    );
    // The file of a directory above counts as far as the current directory.
    assert_eq!(all(&["app"]), (Some(0), vec!["app/d.gen.yaml".into(), "app/only-here".into()]));

    let outcome = portcullis(folder.path(), &["harden", "--check", "--exclude", "legacy", "."]);
    assert_eq!(outcome.status, Some(0), "{outcome:?}");
    assert!(outcome.err.contains("skipped: 3 excluded paths"), "{}", outcome.err);
    let outcome = portcullis(folder.path(), &["check", "--exclude", "{a", "."]);
    assert_eq!(outcome.status, Some(2));
    assert!(outcome.err.contains("--exclude"), "{}", outcome.err);
    fs::write(folder.path().join("app/.portcullisignore"), "ok.yaml\n{a\n").unwrap();
    let outcome = portcullis(folder.path(), &["check", "."]);
    assert_eq!(outcome.status, Some(2), "{}", outcome.out);
    assert!(outcome.out.contains(".portcullisignore"), "{}", outcome.out);
}

/// What `check` counts as fixable is what `harden` fixes, whatever makes it refuse a file.
#[test]
fn fixable_is_what_harden_fixes() {
    const POD: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a, image: a}]}\n";
    let anchor = "apiVersion: v1\nkind: Pod\nmetadata: {name: b}\nspec:\n  containers:\n  - &c {name: a, image: a}\n  initContainers: [*c]\n";
    let off = "apiVersion: v1\nkind: Namespace\nmetadata: {name: off, labels: {portcullis.dev/harden: off}}\n---\n";
    let of_off = POD.replace("{name: a}", "{name: a, namespace: off}");
    let mut all = 0;
    for text in [
        POD.to_owned(),
        anchor.to_owned(),
        format!("{POD}---\n{anchor}"),
        format!("{POD}---\napiVersion: v1\nkind: Pod\nspec: [\n"),
        format!("{POD}---\napiVersion: v1\nkind: Pod\nspec: {{{{ .Values.spec }}}}\n"),
        format!("{POD}---\na: b\n"),
        format!("{off}{of_off}"),
        format!("{off}{of_off}---\n{POD}"),
    ] {
        let folder = repository(&[("a.yaml", &text)]);
        let summary = || {
            let args = ["check", "--level", "restricted", "-o", "json", "."];
            let outcome = portcullis(folder.path(), &args);
            let report: Value = serde_json::from_str(&outcome.out).unwrap();
            let count = |key: &str| report["summary"][key].as_u64().unwrap();
            (count("violations"), count("hardenable"), count("fixable"))
        };
        let (violations, hardenable, fixable) = summary();
        assert!(fixable <= hardenable, "{text}");
        all += fixable;
        portcullis(folder.path(), &["harden", "-i", "."]);
        assert_eq!(summary().0, violations - fixable, "{text}");
        assert_eq!(summary().2, 0, "{text}");
    }
    assert!(all > 0);
}

#[test]
fn files_are_named_as_kubectl_names_them() {
    let folder = repository(&[("a.yaml", BAD), ("b/c.yaml", BAD), ("d.yaml", CLEAN)]);
    let lines = |args: &[&str]| {
        let outcome = portcullis(folder.path(), &[&["check", "-o", "github"], args].concat());
        assert_eq!(outcome.status, Some(1), "{outcome:?}");
        outcome
            .out
            .lines()
            .map(|line| line[..line.find(",line").unwrap()].to_owned())
            .collect::<Vec<_>>()
    };
    for args in [
        &["-f", "./a.yaml", "-f", "b"][..],
        &["-f", "a.yaml,b/"],
        &["--filename=./a.yaml", "--filename", "./b"],
        &["./a.yaml", "-f", "b/c.yaml"],
        &["."],
    ] {
        assert_eq!(lines(args), ["::error file=a.yaml", "::error file=b/c.yaml"], "{args:?}");
    }
    let outcome = portcullis(folder.path(), &["harden", "--check", "-f", "a.yaml", "d.yaml"]);
    assert_eq!((outcome.status, &*outcome.out), (Some(1), "a.yaml\n"), "{}", outcome.err);
    // Before a cluster is looked for, all namespaces replace those that were named, as in kubectl.
    for args in [&["audit", "-A"][..], &["audit", "-n", "shop", "--all-namespaces"]] {
        let outcome = portcullis(folder.path(), &[args, &["--kubeconfig", "nowhere"]].concat());
        assert!(outcome.err.contains("nowhere"), "{}", outcome.err);
    }
}
