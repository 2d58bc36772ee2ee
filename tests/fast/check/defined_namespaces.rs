//! Namespaces in the input are the policy for the manifests in them.

use std::{fs, os::unix::fs::symlink, path::Path, process::Command};

use crate::{
    check::program::{Outcome, check, check_with, command},
    support::{
        go::{Program, build},
        program::run,
    },
};

const ENFORCE: &str = "pod-security.kubernetes.io/enforce";

fn namespace(name: &str, labels: &str) -> String {
    format!("apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {name}\n  labels: {{{labels}}}\n")
}

fn level(name: &str, level: &str) -> String {
    namespace(name, &format!("{ENFORCE}: {level}"))
}

/// A pod that violates restricted only.
fn pod(name: &str, namespace: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: {namespace}}}\nspec: {{containers: [{{name: a, image: a}}]}}\n"
    )
}

/// A pod that violates baseline, too.
fn host_pod(name: &str, namespace: &str) -> String {
    pod(name, namespace).replace("spec: {", "spec: {hostNetwork: true, ")
}

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

/// `name level verdict`, sorted.
fn verdicts(outcome: &Outcome) -> Vec<String> {
    let word = |row: &serde_json::Value, key: &str| row[key].as_str().unwrap().to_owned();
    let rows = outcome.rows().into_iter().filter(|row| row["kind"] == "Pod");
    let verdict = |row: serde_json::Value| {
        let verdict = if row["allowed"] == true { "allowed" } else { "denied" };
        format!("{} {} {verdict}", word(&row, "name"), word(&row, "level"))
    };
    let mut verdicts: Vec<_> = rows.map(verdict).collect();
    verdicts.sort();
    verdicts
}

fn checked(folder: &Path, args: &[&str]) -> Vec<String> {
    let outcome = run(command(&["-o", "jsonl"]).args(args).current_dir(folder));
    assert_eq!(outcome.err, "");
    verdicts(&outcome)
}

#[test]
fn the_order_and_the_files_make_no_difference() {
    let parts = [
        level("shop", "restricted"),
        pod("web", "shop"),
        host_pod("agent", "ops"),
        level("ops", "privileged"),
    ];
    let expected = ["agent privileged allowed", "web restricted denied"];
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [1, 2, 3, 0], [2, 0, 3, 1]] {
        let texts = order.map(|index| parts[index].clone());
        let one = texts.join("---\n");
        let outcome = check_with(&["-o", "jsonl"], one.as_bytes());
        assert_eq!(verdicts(&outcome), expected, "{one}");
        let names = ["a.yaml", "b/a.yaml", "b/c.yaml", "d.yml"];
        let files: Vec<_> = names.into_iter().zip(texts.iter().map(String::as_str)).collect();
        assert_eq!(checked(folder(&files).path(), &["."]), expected, "{order:?}");
        assert_eq!(
            checked(folder(&files).path(), &["d.yml", "b", "a.yaml"]),
            expected,
            "{order:?}"
        );
    }
}

#[test]
fn items_of_lists_and_large_files_count() {
    let items: Vec<_> = [pod("web", "shop"), level("shop", "restricted")]
        .iter()
        .map(|text| format!("- {}", text.trim_end().replace('\n', "\n  ")))
        .collect();
    let list = format!("apiVersion: v1\nkind: List\nitems:\n{}\n", items.join("\n"));
    assert_eq!(verdicts(&check_with(&["-o", "jsonl"], list.as_bytes())), ["web restricted denied"]);
    let comment = format!("# {}\n", "-".repeat(100)).repeat(20_000);
    let large = format!("{comment}{}", level("shop", "restricted"));
    let files = [("large.yaml", large.as_str()), ("web.yaml", &pod("web", "shop"))];
    assert_eq!(checked(folder(&files).path(), &["."]), ["web restricted denied"]);
}

#[test]
fn manifests_without_a_namespace_belong_to_the_given_one() {
    let text = format!("{}---\n{}", level("shop", "restricted"), pod("web", "''"));
    let judged = |args: &[&str]| {
        verdicts(&check_with(&[&["-o", "jsonl"], args].concat(), text.as_bytes())).remove(0)
    };
    assert_eq!(judged(&[]), "web baseline allowed");
    assert_eq!(judged(&["-n", "shop"]), "web restricted denied");
    assert_eq!(judged(&["-n", "other"]), "web baseline allowed");
}

#[test]
fn a_label_on_the_command_line_replaces_that_of_a_namespace() {
    let labels = format!("{ENFORCE}: restricted, {ENFORCE}-version: v1.0");
    let text = format!("{}---\n{}", namespace("shop", &labels), host_pod("web", "shop"));
    let judged = |label: &str| {
        let label = format!("{ENFORCE}{label}");
        let outcome = check_with(&["-o", "jsonl", "--label", &label], text.as_bytes());
        let row = outcome.rows().into_iter().find(|row| row["kind"] == "Pod").unwrap();
        format!("{}:{}", row["level"].as_str().unwrap(), row["version"].as_str().unwrap())
    };
    assert_eq!(judged("=privileged"), "privileged:v1.0");
    assert_eq!(judged("-version=v1.25"), "restricted:v1.25");
}

#[test]
fn the_profile_and_the_hardening_of_a_namespace_count() {
    let config = "apiVersion: portcullis.dev/v1alpha1\nkind: Configuration\nprofiles:\n  legacy: {level: baseline, namespaces: [shop], allow: {hostNamespaces: [network]}}\n";
    let files = [
        ("config.yaml", config),
        ("a/ns.yaml", &namespace("shop", "portcullis.dev/profile: legacy")),
        ("a/web.yaml", &host_pod("web", "shop")),
        ("b/ns.yaml", &level("ops", "restricted")),
        ("b/web.yaml", &pod("web", "ops")),
        (
            "c/ns.yaml",
            &namespace("quiet", &format!("{ENFORCE}: restricted, portcullis.dev/harden: 'off'")),
        ),
        ("c/web.yaml", &pod("web", "quiet")),
    ];
    let folder = folder(&files);
    let judged = |path: &str| {
        checked(folder.path(), &["--config", "config.yaml", "--assume-hardened", path])
    };
    assert_eq!(judged("a"), ["web baseline allowed"]);
    assert_eq!(judged("b"), ["web restricted allowed"]);
    assert_eq!(judged("c"), ["web restricted denied"]);
}

/// Environments of one repository define the same namespace.
#[test]
fn of_several_definitions_the_nearest_counts_and_then_the_strictest() {
    let (dev, prod) = (level("shop", "privileged"), level("shop", "restricted"));
    let pod = |name| host_pod(name, "shop");
    let files = [
        ("dev/namespace.yaml", dev.as_str()),
        ("dev/apps/web.yaml", &pod("dev")),
        ("prod/namespace.yaml", &prod),
        ("prod/apps/web.yaml", &pod("prod")),
        ("web.yaml", &pod("shared")),
        ("one/all.yaml", &format!("{}---\n{dev}", pod("one"))),
    ];
    let folder = folder(&files);
    let expected = [
        "dev privileged allowed",
        "one privileged allowed",
        "prod restricted denied",
        "shared restricted denied",
    ];
    assert_eq!(checked(folder.path(), &["."]), expected);
    assert_eq!(checked(folder.path(), &["web.yaml", "prod", "./one", "dev"]), expected);
}

#[test]
fn pipes_and_renderings_are_read_once() {
    let text = format!("{}---\n{}", pod("web", "shop"), level("shop", "restricted"));
    let pipe = folder(&[]);
    let path = pipe.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    let writer = std::thread::spawn(move || fs::write(path, text).unwrap());
    assert_eq!(checked(pipe.path(), &["pipe"]), ["web restricted denied"]);
    writer.join().unwrap();

    let Ok(kustomize) = build(Program::Kustomize) else { return };
    let folder = folder(&[
        ("k/kustomization.yaml", "namespace: shop\nresources: [web.yaml, ns.yaml]\n"),
        ("k/ns.yaml", &level("x", "restricted")),
        ("k/web.yaml", &pod("web", "x")),
        ("api.yaml", &pod("api", "shop")),
    ]);
    symlink(kustomize, folder.path().join("kustomize")).unwrap();
    let outcome = run(command(&["-o", "jsonl", "-k", "k", "api.yaml"])
        .current_dir(folder.path())
        .env("PATH", folder.path()));
    assert_eq!(verdicts(&outcome), ["api restricted denied", "web restricted denied"]);
}

#[test]
fn a_namespace_that_is_not_in_the_input_keeps_its_policy() {
    let text = format!("{}---\n{}", level("shop", "privileged"), host_pod("web", "other"));
    assert_eq!(verdicts(&check_with(&["-o", "jsonl"], text.as_bytes())), ["web baseline denied"]);
    // Another group's Namespace, and a text that only mentions one.
    let other = level("shop", "privileged").replace("apiVersion: v1", "apiVersion: example.org/v1");
    let text = format!("{other}---\n# kind: Namespace\n{}", host_pod("web", "shop"));
    assert_eq!(verdicts(&check_with(&["-o", "jsonl"], text.as_bytes())), ["web baseline denied"]);
    assert_eq!(
        check(&["--level", "baseline", "-o", "jsonl", "tests/check/shop/storefront.yaml"]).err,
        ""
    );
}

#[test]
fn the_trace_says_whose_labels_count() {
    let text = format!("{}---\n{}", level("shop", "restricted"), pod("web", "shop"));
    let outcome = check_with(&["--trace"], text.as_bytes());
    let line = format!("\"shop\", labels of its Namespace in the input: {ENFORCE}=restricted");
    assert!(outcome.out.contains(&line), "{}", outcome.out);
    let other = text.replace("namespace: shop", "namespace: other");
    let outcome = check_with(&["--trace"], other.as_bytes());
    assert!(outcome.out.contains("\"other\", no label that sets a policy"), "{}", outcome.out);
}

/// The webhook refuses a Namespace with an invalid label, so it is an error; the others are lints.
#[test]
fn invalid_and_misspelt_labels_of_a_namespace_are_findings_with_their_place() {
    let labels = format!(
        "\n    {ENFORCE}: Restricted\n    pod-security.kubernetes.io/warn-version: '1.30'\n    portcullis.dev/profile: none\n    portcullis.dev/harden: 'yes'\n    pod-security.kubernetes.io/enforced: baseline\n    team: shop\n  annotations: {{{ENFORCE}: baseline}}\n"
    );
    let text = namespace("shop", "x").replace(" {x}\n", &labels);
    let outcome = check_with(&["-o", "concise"], text.as_bytes());
    assert_eq!((outcome.status, &*outcome.err), (Some(1), ""), "{}", outcome.out);
    let lines: Vec<_> = outcome.out.lines().collect();
    let starts = [
        format!("-:6:5: Namespace shop: lint/invalid-label: metadata.labels[{ENFORCE}]: \"Restricted\" "),
        "-:7:5: Namespace shop: lint/invalid-label: metadata.labels[pod-security.kubernetes.io/warn-version]: ".to_owned(),
        "-:8:5: Namespace shop: lint/invalid-label: metadata.labels[portcullis.dev/profile]: \"none\" ".to_owned(),
        "-:9:5: Namespace shop: lint/invalid-label: metadata.labels[portcullis.dev/harden]: \"yes\" ".to_owned(),
        "-:10:5: Namespace shop: lint/misspelt-label: metadata.labels[pod-security.kubernetes.io/enforced]: ".to_owned(),
        "-:12:17: Namespace shop: lint/policy-annotation: ".to_owned(),
    ];
    assert_eq!(lines.len(), starts.len(), "{}", outcome.out);
    for (line, start) in lines.iter().zip(&starts) {
        assert!(line.starts_with(start), "{line}\n{start}");
    }
    assert!(lines[0].ends_with("must be one of privileged, baseline, restricted"), "{}", lines[0]);
    // An invalid level means restricted, as in the webhook.
    let pod = format!("{text}---\n{}", pod("web", "shop"));
    assert_eq!(verdicts(&check_with(&["-o", "jsonl"], pod.as_bytes())), ["web restricted denied"]);
    // Only misspelt labels: nothing fails, unless lints do.
    let misspelt = namespace("shop", "pod-security.kubernetes.io/enforced: baseline");
    assert_eq!(check_with(&[], misspelt.as_bytes()).status, Some(0));
    assert_eq!(check_with(&["--fail-on-lints"], misspelt.as_bytes()).status, Some(1));
}
