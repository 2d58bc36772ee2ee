//! Generated policies of a namespace: configuration, exceptions and labels.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, SystemTime},
};

use policy::{
    config::Config,
    exceptions::{Exceptions, Expiry},
};
use portcullis::{config, exceptions};
use serde_json::{Value, json};

use crate::generator::Random;

/// The namespace of all objects.
pub(crate) const NAMESPACE: &str = "shop";
/// 2026-06-01T00:00:00Z.
const NOW: u64 = 1_780_272_000;

/// Everything that determines the verdict for pods of the namespace.
#[derive(Debug)]
pub(crate) struct Policies {
    pub(crate) config_text: String,
    pub(crate) config: Config,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) exceptions_text: String,
    pub(crate) exceptions: Arc<Exceptions>,
    pub(crate) now: SystemTime,
}

impl Policies {
    pub(crate) fn random(random: &mut Random) -> Self {
        let config_text = configuration(random).to_string();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.yaml");
        std::fs::write(&file, &config_text).unwrap();
        let config = config::load(&file).unwrap_or_else(|error| panic!("{error:?} {config_text}"));
        let count = if random.one_in(3) { 0 } else { random.below(4) };
        let all: Vec<_> = (0..count).map(|number| exception(random, number).to_string()).collect();
        let exceptions_text = all.join("\n---\n");
        let exceptions =
            exceptions::read(exceptions_text.as_bytes(), Expiry::Required).unwrap().into_iter();
        Self {
            config,
            config_text,
            labels: labels(random),
            exceptions: Arc::new(exceptions.collect()),
            exceptions_text,
            now: SystemTime::UNIX_EPOCH + Duration::from_secs(NOW),
        }
    }
}

fn level(random: &mut Random) -> &'static str {
    random.pick::<&str>(&["privileged", "baseline", "baseline", "restricted", "restricted"])
}

fn version(random: &mut Random) -> &'static str {
    random.pick::<&str>(&["latest", "latest", "latest", "v1.0", "v1.19", "v1.24", "v1.25", "v1.34"])
}

fn configuration(random: &mut Random) -> Value {
    let mut config = json!({
        "apiVersion": "portcullis.dev/v1alpha1",
        "kind": "Configuration",
        "mode": random.pick(&["enforce", "enforce", "enforce", "dry-run"]),
        "defaults": {
            "enforce": level(random), "enforce-version": version(random),
            "audit": level(random), "audit-version": version(random),
            "warn": level(random), "warn-version": version(random),
        },
        "exemptions": {"runtimeClasses": ["vm"], "namespaces": ["kube-system"]},
        "harden": {
            "mode": random.pick(&["auto", "apply", "apply", "report", "off"]),
            "readOnlyRootFilesystem": random.one_in(2),
            "automountServiceAccountToken": random.one_in(2),
        },
        "rules": rules(random),
        "profiles": {
            // Its allowances are within its level, and its namespaces are listed explicitly.
            "lenient": {
                "level": "baseline", "namespaces": [NAMESPACE], "require": rules(random), "allow": allow(random),
            },
            "strict": {"level": "restricted", "version": version(random), "require": rules(random)},
        },
    });
    if random.one_in(3) {
        config["floor"] = json!({"level": "baseline", "exceptNamespaces": ["other"]});
    }
    config
}

fn rules(random: &mut Random) -> Value {
    let mut rules = json!({});
    for rule in ["readOnlyRootFilesystem", "serviceAccountToken", "imageTag", "imageDigest"] {
        if random.one_in(3) {
            rules[rule] = json!(random.pick(&["warn", "audit", "enforce"]));
        }
    }
    rules
}

/// Values that baseline forbids.
fn allow(random: &mut Random) -> Value {
    let choices = [
        json!({"capabilities": ["NET_RAW", "SYS_ADMIN"]}),
        json!({"hostNamespaces": ["network", "pid"], "hostPorts": ["1-65535"]}),
        json!({"controls": ["privileged", "seLinuxOptions"]}),
        json!({"controls": ["rules/imageTag", "rules/readOnlyRootFilesystem"]}),
        json!({"volumeTypes": ["nfs"], "hostPaths": [{"path": "/var/log", "readOnly": true}]}),
    ];
    random.pick(&choices).clone()
}

fn labels(random: &mut Random) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    for prefix in ["pod-security.kubernetes.io", "portcullis.dev"] {
        for mode in ["enforce", "audit", "warn"] {
            if random.one_in(3) {
                labels.insert(format!("{prefix}/{mode}"), level(random).to_owned());
            }
            if random.one_in(6) {
                labels.insert(format!("{prefix}/{mode}-version"), version(random).to_owned());
            }
        }
    }
    let profile = *random.pick(&["", "", "lenient", "strict", "unknown"]);
    let harden = *random.pick(&["", "", "apply", "apply", "off", "report", "auto"]);
    for (key, value) in [("portcullis.dev/profile", profile), ("portcullis.dev/harden", harden)] {
        if !value.is_empty() {
            labels.insert(key.to_owned(), value.to_owned());
        }
    }
    labels
}

/// An exception that is active or expired. Owners are omitted, because they depend on the caller.
fn exception(random: &mut Random, number: usize) -> Value {
    let mut matches = json!({"namespaces": [*random.pick(&[NAMESPACE, "sh*", "other"])]});
    if random.one_in(3) {
        matches["images"] = json!(["registry.example/agent:*"]);
    }
    if random.one_in(3) {
        matches["podLabels"] = json!({"app": "agent"});
    }
    let mut allow = allow(random);
    if random.one_in(2) {
        allow = json!({"controls": ["runAsNonRoot", "allowPrivilegeEscalation", "capabilities_restricted"]});
    }
    // An audit reads the machine's clock, so no exception expires between the two times.
    let expires = *random.pick(&["9999-01-01T00:00:00Z", "2026-01-01T00:00:00Z"]);
    json!({
        "apiVersion": "portcullis.dev/v1alpha1", "kind": "PolicyException",
        "metadata": {"name": format!("exception-{number}"), "namespace": "portcullis"},
        "spec": {"match": matches, "allow": allow, "reason": "a test", "owner": "tests@example.com", "expires": expires},
    })
}
