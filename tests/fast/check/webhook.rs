//! One verdict: `check` reports for a manifest what `/validate` decides for the same object.

use crate::{
    check::program::{check, check_with, controls},
    support::{
        review::{POLICY, review_of},
        skip::Skip,
    },
};
use std::{collections::BTreeMap, fs, path::Path};

use admission::{Hook, Request, Review, review};
use policy::{
    config::Config,
    pss::NEWEST,
    requirement::Violation,
    verdict::{Context, ExceptionsAt},
};
use portcullis::config;
use serde_json::Value;

const VERSIONS: [&str; 6] = ["v1.0", "v1.8", "v1.19", "v1.24", "v1.25", "latest"];

/// The object of the review, judged in a namespace that enforces a level.
fn denied_by_webhook(body: &[u8], level: &str, version: &str) -> Vec<String> {
    let mut config = Config::embedded();
    config.harden.mode = policy::harden::Mode::Off;
    let labels = [
        ("pod-security.kubernetes.io/enforce", level),
        ("pod-security.kubernetes.io/enforce-version", version),
    ];
    denied_by(&config, &labels, body)
}

fn denied_by(config: &Config, labels: &[(&str, &str)], body: &[u8]) -> Vec<String> {
    let request = Request::decode(body, policy::workloads::Kinds::default()).unwrap();
    let context = Context { config, newest: NEWEST, excepted: ExceptionsAt::none() };
    let Review::AwaitsPolicy(waiting) = review(Hook::Validate, &request, context) else {
        panic!("a pod or a template waits for its namespace");
    };
    let labels: BTreeMap<_, _> =
        labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let ids = |violations: &[Violation]| {
        violations.iter().map(|violation| violation.requirement.id().to_owned()).collect()
    };
    let outcome = waiting.with(Ok(&labels));
    let verdict = outcome.verdicts().next();
    ids(&verdict.unwrap_or_else(|| panic!("not judged: {outcome:?}")).enforce)
}

#[test]
fn on_every_kind() {
    let file = "tests/manifests/every-kind.yaml";
    let text = fs::read_to_string(file).unwrap();
    let objects: Vec<Value> = serde_saphyr::from_multiple(&text).unwrap();
    let is_judged = |object: &&Value| object["kind"] != "Namespace" && object["kind"] != "Service";
    let objects: Vec<_> = objects.iter().filter(is_judged).collect();
    assert_eq!(objects.len(), 9);
    let mut violations = 0;
    for version in VERSIONS {
        for level in ["baseline", "restricted"] {
            let args = ["-o", "jsonl", "--level", level, "--policy-version", version, file];
            let rows = check(&args).rows();
            assert_eq!(rows.len(), objects.len());
            for (row, object) in rows.iter().zip(&objects) {
                let expected = denied_by_webhook(&review_of(object), level, version);
                assert_eq!(controls(row), expected, "{level}:{version} {}", row["kind"]);
                violations += expected.len();
            }
        }
    }
    assert!(violations > 100, "{violations}");
}

/// Recorded reviews of a real API server, available during development.
#[test]
fn on_reviews_of_a_real_api_server() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/admission-reviews");
    let Ok(files) = fs::read_dir(&folder) else {
        let _ = Skip::needs_if_present(&folder.display().to_string());
        return;
    };
    let mut judged = 0;
    for file in files.map(|file| file.unwrap().path()) {
        let name = file.file_name().unwrap().to_str().unwrap();
        if !name.starts_with("create-") {
            continue;
        }
        let body = fs::read(&file).unwrap();
        let review: Value = serde_json::from_slice(&body).unwrap();
        let object = review["request"]["object"].to_string();
        for level in ["baseline", "restricted"] {
            let expected = denied_by_webhook(&body, level, "latest");
            let yaml = serde_saphyr::to_string(&review["request"]["object"]).unwrap();
            for text in [&object, &yaml] {
                let outcome = check_with(&["-o", "jsonl", "--level", level], text.as_bytes());
                assert_eq!(controls(&outcome.rows()[0]), expected, "{level} {name}");
            }
            judged += 1;
        }
    }
    assert!(judged >= 8, "{judged}");
}

/// Also with rules, profiles and the floor.
#[test]
fn beside_the_standard() {
    let folder = tempfile::tempdir().unwrap();
    let config_file = folder.path().join("config.yaml");
    fs::write(&config_file, format!("{POLICY}harden: {{mode: off}}\n")).unwrap();
    let config = config::load(&config_file).unwrap();
    let file = "tests/manifests/every-kind.yaml";
    let objects: Vec<Value> =
        serde_saphyr::from_multiple(&fs::read_to_string(file).unwrap()).unwrap();
    let is_judged = |object: &&Value| object["kind"] != "Namespace" && object["kind"] != "Service";
    let objects: Vec<_> = objects.iter().filter(is_judged).collect();
    let (mut seen, mut compared) = (Vec::new(), 0);
    for label in ["enforce=privileged", "enforce=restricted", "profile=legacy", "profile=none"] {
        let (key, value) = label.split_once('=').unwrap();
        let key = format!("portcullis.dev/{key}");
        let (config_file, set) = (config_file.to_str().unwrap(), format!("{key}={value}"));
        let args = ["-o", "jsonl", "--config", config_file, "--label", &set, "-n", "shop", file];
        let rows = check(&args).rows();
        assert_eq!(rows.len(), objects.len());
        for (row, object) in rows.iter().zip(&objects) {
            let violations = row["violations"].as_array().unwrap().iter();
            let errors: Vec<_> = violations
                .filter(|violation| violation["severity"] == "error")
                .map(|violation| violation["control"].as_str().unwrap().to_owned())
                .collect();
            // The manifests set their own namespaces.
            if row["namespace"] == "shop" {
                let expected = denied_by(&config, &[(&key, value)], &review_of(object));
                assert_eq!(errors, expected, "{label} {}", row["kind"]);
                compared += 1;
            }
            seen.extend(errors);
        }
    }
    for id in ["rules/readOnlyRootFilesystem", "rules/serviceAccountToken", "rules/imageDigest"] {
        assert!(seen.iter().any(|seen| seen == id), "{id}: {seen:?}");
    }
    assert!(!seen.iter().any(|seen| seen == "rules/imageTag"), "it only warns");
    assert!(compared >= 20, "{compared}");
}
