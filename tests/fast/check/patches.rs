//! Patches are not workloads: they are listed, but not judged or hardened, and do not fail.

use std::{fs, path::Path};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::program::{Outcome, run};

/// A complete workload with many violations, which only its location makes a patch.
const WHOLE: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: whole}\nspec:\n  hostNetwork: true\n  containers:\n  - name: web\n    image: web\n";
const PATCH: &str = "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: agent}\nspec:\n  template:\n    spec:\n      hostPID: true\n      containers:\n      - name: agent\n        resources: {}\n";

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn portcullis(folder: &Path, args: &[&str]) -> Outcome {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_portcullis"));
    run(command.args(args).current_dir(folder).env_remove("CLICOLOR_FORCE"))
}

/// The lines of skipped patches, and of judged objects.
fn skipped_and_judged(outcome: &Outcome) -> (Vec<String>, Vec<String>) {
    let report: Value =
        serde_json::from_str(&outcome.out).unwrap_or_else(|_| panic!("{outcome:?}"));
    let place = |it: &Value| format!("{}:{}", it["source"].as_str().unwrap(), it["line"]);
    let places = |list: &str| report[list].as_array().unwrap().iter().map(place).collect();
    assert_eq!(report["summary"]["skipped"], report["skipped"].as_array().unwrap().len());
    (places("skipped"), places("results"))
}

#[test]
fn a_patch_is_skipped_in_every_form_and_the_rest_is_judged() {
    let both = format!("{PATCH}---\n{WHOLE}");
    let folder = folder(&[("both.yaml", &both)]);
    let outcome = portcullis(folder.path(), &["check", "-o", "json", "both.yaml"]);
    assert_eq!(outcome.status, Some(1));
    let (skipped, judged) = skipped_and_judged(&outcome);
    assert_eq!((skipped, judged), (vec!["both.yaml:1".into()], vec!["both.yaml:12".into()]));
    for form in ["human", "concise", "jsonl", "yaml", "sarif", "junit", "github", "html"] {
        let outcome = portcullis(folder.path(), &["check", "-o", form, "both.yaml"]);
        let says = ["DaemonSet agent is a patch: it has no spec.selector", "check -k DIRECTORY"];
        assert!(says.iter().all(|words| outcome.out.contains(words)), "{form}: {}", outcome.out);
        // SARIF lists all controls, even without findings.
        let is_silent = form == "sarif" || !outcome.out.contains("hostPID");
        assert!(is_silent, "{form}: {}", outcome.out);
    }
    fs::write(folder.path().join("patch.yaml"), PATCH).unwrap();
    let outcome = portcullis(folder.path(), &["check", "patch.yaml"]);
    assert_eq!(outcome.status, Some(0), "{}", outcome.out);
    assert!(outcome.out.contains("1 skipped"), "{}", outcome.out);
    let mut stdin = std::process::Command::new(env!("CARGO_BIN_EXE_portcullis"));
    let stdin =
        crate::support::program::run_with(stdin.args(["check", "-o", "concise"]), PATCH.as_bytes());
    assert!(stdin.out.starts_with("-:1: skipped: DaemonSet agent is a patch"), "{}", stdin.out);
}

#[test]
fn what_a_kustomization_lists_is_skipped() {
    for (name, listing) in [
        ("kustomization.yaml", "patches: [{path: patches/whole.yaml}]\n"),
        ("kustomization.yml", "patchesStrategicMerge:\n- ./patches/whole.yaml\n- |\n  a: b\n"),
        (
            "Kustomization",
            "patchesJson6902: [{target: {kind: Pod}, path: patches/../patches/whole.yaml}]\n",
        ),
        (
            "kustomization.yaml",
            "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\npatches:\n- patch: '[]'\n- path: patches/whole.yaml\n",
        ),
    ] {
        let file = format!("overlay/{name}");
        let folder = folder(&[
            (&file, listing),
            ("overlay/patches/whole.yaml", WHOLE),
            ("overlay/other.yaml", WHOLE),
        ]);
        for paths in [
            &["."][..],
            &["overlay"],
            &["overlay/patches/whole.yaml"],
            &["overlay/patches", "overlay/other.yaml"],
        ] {
            let outcome = portcullis(folder.path(), &[&["check", "-o", "jsonl"], paths].concat());
            let row = outcome.out.lines().find(|row| row.contains("whole.yaml")).unwrap();
            let row: Value = serde_json::from_str(row).unwrap();
            let reason = row["reason"].as_str().unwrap_or_else(|| panic!("{row}"));
            assert!(reason.contains("it is a patch of ") && reason.contains(name), "{reason}");
            assert!(reason.ends_with("overlay"), "{reason}");
            let is_judged = outcome.out.contains("other.yaml");
            assert_eq!(is_judged, paths != ["overlay/patches/whole.yaml"], "{}", outcome.out);
        }
        let before = fs::read_to_string(folder.path().join("overlay/patches/whole.yaml")).unwrap();
        let outcome =
            portcullis(folder.path(), &["harden", "-i", "overlay/patches", "overlay/other.yaml"]);
        assert_eq!(outcome.status, Some(0), "{}", outcome.err);
        assert!(outcome.err.contains("whole.yaml: skipped: it is a patch of"), "{}", outcome.err);
        assert!(
            outcome.err.contains("1 file hardened, 0 with nothing to add, 1 skipped"),
            "{}",
            outcome.err
        );
        assert_eq!(
            fs::read_to_string(folder.path().join("overlay/patches/whole.yaml")).unwrap(),
            before
        );
    }
}

#[test]
fn components_and_kustomizations_of_the_same_run_are_known() {
    let folder = folder(&[
        (
            "app/kustomization.yaml",
            "kind: Kustomization\ncomponents: [../component]\npatches: [{path: ../shared/a.yaml}]\n",
        ),
        ("component/kustomization.yaml", "kind: Component\npatches: [{path: ../shared/b.yaml}]\n"),
        ("shared/a.yaml", WHOLE),
        ("shared/b.yaml", WHOLE),
        ("shared/c.yaml", WHOLE),
    ]);
    let alone = portcullis(folder.path(), &["check", "-o", "json", "shared"]);
    assert_eq!(skipped_and_judged(&alone).0, Vec::<String>::new());
    for beside in [
        &["app", "shared"][..],
        &["shared/a.yaml", "shared/b.yaml", "shared/c.yaml", "app/kustomization.yaml"],
    ] {
        let outcome = portcullis(folder.path(), &[&["check", "-o", "jsonl"], beside].concat());
        let rows = outcome.out.lines().map(|row| serde_json::from_str::<Value>(row).unwrap());
        let skipped: Vec<_> = rows
            .filter(|row| row["category"] == "patch")
            .map(|row| row["source"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(skipped, ["shared/a.yaml", "shared/b.yaml"], "{}", outcome.out);
    }
}

#[test]
fn harden_keeps_patches_byte_for_byte_and_hardens_the_rest() {
    let both = format!("{PATCH}---\n{WHOLE}");
    let json_patch = "- op: replace\n  path: /spec/replicas\n  value: 3\n";
    let directive = WHOLE.replace("    image: web\n", "    image: web\n    $patch: replace\n");
    let folder =
        folder(&[("both.yaml", &both), ("json.yaml", json_patch), ("directive.yaml", &directive)]);
    let outcome = portcullis(folder.path(), &["harden", "-i", "."]);
    assert_eq!(outcome.status, Some(0), "{}", outcome.err);
    for words in [
        "both.yaml:1: skipped: DaemonSet agent is a patch: it has no spec.selector",
        "json.yaml:1: skipped: it is a patch: it is a list of operations",
        "directive.yaml:1: skipped: Pod whole is a patch: it has the directive $patch",
    ] {
        assert!(outcome.err.contains(words), "{}", outcome.err);
    }
    let after = fs::read_to_string(folder.path().join("both.yaml")).unwrap();
    let (patch, whole) = after.split_once("---\n").unwrap();
    assert_eq!(patch, PATCH);
    assert!(whole.contains("runAsNonRoot"), "{whole}");
    assert_eq!(fs::read_to_string(folder.path().join("json.yaml")).unwrap(), json_patch);
    assert_eq!(fs::read_to_string(folder.path().join("directive.yaml")).unwrap(), directive);
    let outcome = portcullis(folder.path(), &["harden", "--check", "json.yaml", "directive.yaml"]);
    assert_eq!((outcome.status, outcome.out.as_str()), (Some(0), ""));
}

#[test]
fn a_test_of_a_patch_is_an_error_that_says_what_to_test() {
    let suite = "apiVersion: portcullis.dev/v1alpha1\nkind: PolicyTest\nname: a\ncases:\n- name: one\n  manifests: [FILE]\n  expect: [{workload: all, verdict: allowed}]\n";
    let folder = folder(&[
        ("a/portcullis-test.yaml", &suite.replace("FILE", "patch.yaml")),
        ("a/patch.yaml", PATCH),
        ("b/portcullis-test.yaml", &suite.replace("FILE", "listed.yaml")),
        ("b/listed.yaml", WHOLE),
        ("b/kustomization.yaml", "patches: [{path: listed.yaml}]\n"),
    ]);
    for name in ["a", "b"] {
        let outcome = portcullis(folder.path(), &["test", name]);
        assert_eq!(outcome.status, Some(2), "{}", outcome.out);
        assert!(outcome.out.contains("test what kustomize renders instead"), "{}", outcome.out);
    }
}

#[test]
fn a_kustomization_without_a_kind_is_no_error() {
    let listing = "resources: [other.yaml]\n";
    let folder = folder(&[("a/kustomization.yaml", listing), ("a/other.yaml", PATCH)]);
    for path in [".", "a", "a/kustomization.yaml"] {
        for command in ["check", "harden"] {
            let outcome = portcullis(folder.path(), &[command, path]);
            assert_eq!(outcome.status, Some(0), "{command} {path}: {outcome:?}");
            let output = format!("{}{}", outcome.out, outcome.err);
            assert!(output.contains("kustomization"), "{command} {path}: {output}");
        }
    }
    // kubectl would apply it.
    fs::write(folder.path().join("a/kustomization.yaml"), WHOLE).unwrap();
    assert_eq!(portcullis(folder.path(), &["check", "a"]).status, Some(1));
}
