//! Rendered charts and kustomizations, and glob patterns.

use std::{fs, os::unix::fs::symlink, path::Path};

use serde_json::Value;

use crate::{
    check::program::{Outcome, check, command},
    support::{
        go::{Program, build},
        program::run,
    },
};

/// Runs `check` with only these programs in PATH.
fn with_path(path: &Path, args: &[&str]) -> Outcome {
    // The chart refuses the namespace default.
    run(command(args).env("PATH", path).env("HELM_NAMESPACE", "portcullis"))
}

#[test]
fn a_kustomization_is_rendered_by_kustomize() {
    let Ok(kustomize) = build(Program::Kustomize) else { return };
    let directory = tempfile::tempdir().unwrap();
    symlink(kustomize, directory.path().join("kustomize")).unwrap();
    let base = directory.path().join("base");
    fs::create_dir(&base).unwrap();
    fs::copy("tests/check/shop/storefront.yaml", base.join("storefront.yaml")).unwrap();
    fs::write(base.join("kustomization.yaml"), "namePrefix: test-\nresources: [storefront.yaml]\n")
        .unwrap();
    let base = base.display().to_string();
    let outcome =
        with_path(directory.path(), &["--level", "restricted", "-o", "concise", "-k", &base]);
    assert_eq!((outcome.status, &*outcome.err), (Some(1), ""), "{}", outcome.out);
    assert!(outcome.out.contains("Deployment shop/test-storefront"), "{}", outcome.out);

    let broken = with_path(directory.path(), &["-o", "concise", "-k", "tests/check/shop"]);
    assert_eq!(broken.status, Some(2));
    assert!(broken.out.contains("kustomize failed"), "{}", broken.out);
    assert!(broken.out.contains("kustomization.yaml"), "{}", broken.out);
}

#[test]
fn a_chart_is_rendered_by_helm_with_its_values() {
    let Ok(helm) = build(Program::Helm4) else { return };
    let directory = tempfile::tempdir().unwrap();
    symlink(helm, directory.path().join("helm")).unwrap();
    let values = directory.path().join("values.yaml");
    fs::write(&values, "fullnameOverride: gate\nimage: {repository: registry.example/gate}\n")
        .unwrap();
    let values = values.display().to_string();
    let args = ["--level", "restricted", "-o", "jsonl", "--helm", "charts/portcullis"];
    let outcome = with_path(directory.path(), &[&args[..], &["-V", &*values]].concat());
    assert_eq!((outcome.status, &*outcome.err), (Some(0), ""), "{}", outcome.out);
    let names: Vec<_> =
        outcome.rows().iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect();
    assert!(names.contains(&"gate".to_owned()), "{names:?}");
}

/// Findings of charts name the template and the rendered line, and offer no fixes.
#[test]
fn findings_of_a_chart_name_its_template() {
    let Ok(helm) = build(Program::Helm4) else { return };
    let directory = tempfile::tempdir().unwrap();
    symlink(helm, directory.path().join("helm")).unwrap();
    let chart = |name: &str| {
        let chart = directory.path().join(name);
        fs::create_dir_all(chart.join("templates/deep")).unwrap();
        fs::write(
            chart.join("Chart.yaml"),
            format!("apiVersion: v2\nname: of-{name}\nversion: 1.0.0\n"),
        )
        .unwrap();
        fs::write(chart.join("templates/deep/pod.yaml"), POD_TEMPLATE).unwrap();
        chart.display().to_string()
    };
    let charts = [chart("one"), chart("two")];
    let args =
        ["--helm", &*charts[0], "--helm", &*charts[1], "--level", "restricted", "-n", "shop"];
    let args = [&args[..], &["--set", "a.host=true,b=1", "--set-string", "version=1"]].concat();
    let args = [&args[..], &["--kube-version", "1.30", "--api-versions", "x/v1,y/v1"]].concat();
    let outcome = with_path(directory.path(), &[&args[..], &["-o", "json"]].concat());
    assert_eq!((outcome.status, &*outcome.err), (Some(1), ""), "{}", outcome.out);
    let report: Value = serde_json::from_str(&outcome.out).unwrap();
    for (row, chart) in report["results"].as_array().unwrap().iter().zip(&charts) {
        assert_eq!(row["source"], format!("{chart}/templates/deep/pod.yaml"));
        assert_eq!((&row["rendered"], &row["line"]), (&true.into(), &3.into()));
        assert_eq!(row["namespace"], "shop");
        let expected = "shop-v1.30-1-true-true";
        assert_eq!(row["name"], expected, "{row}");
        let host = row["violations"]
            .as_array()
            .unwrap()
            .iter()
            .find(|it| it["control"] == "hostNamespaces");
        assert_eq!(host.unwrap()["findings"][0]["line"], 8, "{row}");
    }
    assert_eq!(report["summary"]["fixable"], 0);
    assert_ne!(report["summary"]["hardenable"], 0);
    let file = format!("{}/templates/deep/pod.yaml", charts[0]);
    let wrong =
        with_path(directory.path(), &["--helm", &charts[0], "--set", "a.host=3", "-o", "concise"]);
    assert_eq!(wrong.status, Some(2), "{}", wrong.out);
    assert!(wrong.out.contains(&format!(":8: error: {file}: Pod ")), "{}", wrong.out);
    for (form, says) in [
        ("human", format!("{file} (rendered):8")),
        ("concise", format!("{file} (rendered):8:")),
        (
            "github",
            format!(
                "::error file={file},title=hostNamespaces::Pod shop/shop-v1.30-1-true-true: host namespaces: pod: set hostNetwork=false (rendered line 8)\n"
            ),
        ),
        ("sarif", "set hostNetwork=false (rendered line 8)".to_owned()),
        ("junit", format!("{file} (rendered):3:1")),
    ] {
        let outcome = with_path(directory.path(), &[&args[..], &["-o", form]].concat());
        assert!(outcome.out.contains(&says), "{form}: {}", outcome.out);
        assert!(form == "sarif" || !outcome.out.contains("portcullis harden"), "{}", outcome.out);
        assert!(!outcome.out.contains("\"fixes\""), "{form}: {}", outcome.out);
        assert!(form != "sarif" || !outcome.out.contains("startLine"), "{}", outcome.out);
    }
}

/// Its name has the facts that helm was given.
const POD_TEMPLATE: &str = r#"apiVersion: v1
kind: Pod
metadata:
  name: "{{ .Release.Namespace }}-{{ .Capabilities.KubeVersion }}-{{ .Values.version }}-{{ kindIs "string" .Values.version }}-{{ .Capabilities.APIVersions.Has "y/v1" }}"
spec:
  hostNetwork: {{ .Values.a.host }}
  containers: [{name: a, image: a}]
"#;

#[test]
fn a_missing_program_is_named() {
    let nothing = tempfile::tempdir().unwrap();
    for (args, says) in [
        (["-k", "deploy/kustomize/base"], "there is no kubectl and no kustomize in PATH"),
        (["--helm", "charts/portcullis"], "there is no helm in PATH"),
    ] {
        let outcome = with_path(nothing.path(), &args);
        assert_eq!(outcome.status, Some(2));
        assert!(outcome.out.contains(says), "{}", outcome.out);
    }
}

#[test]
fn a_pattern_that_the_shell_left_alone_is_expanded() {
    let outcome = check(&["-o", "jsonl", "--level", "restricted", "tests/check/shop/[ps]*.yaml"]);
    let sources: Vec<_> =
        outcome.rows().iter().map(|row| row["source"].as_str().unwrap().to_owned()).collect();
    let expected = ["payments", "payments", "storefront"];
    assert_eq!(sources, expected.map(|name| format!("tests/check/shop/{name}.yaml")));

    let outcome = check(&["-o", "concise", "tests/check/shop/*.toml"]);
    assert_eq!(outcome.status, Some(2));
    assert!(outcome.out.contains("nothing matches this pattern"), "{}", outcome.out);
}

#[test]
fn a_directory_may_be_asked_for_as_kubectl_wants_it() {
    let outcome = |args: &[&str]| check(args).out;
    let plain = outcome(&["-o", "concise", "tests/check/shop"]);
    assert_eq!(outcome(&["-R", "-o", "concise", "tests/check/shop"]), plain);
}
