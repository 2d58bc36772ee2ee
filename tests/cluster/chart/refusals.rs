//! Values that the chart refuses, and the messages.

use super::helm::{CHART, Helm, text};

/// A value, and the parts of Helm's message.
const BAD_VALUES: [(&str, &[&str]); 26] = [
    ("replicaCont=2", &["replicaCont", "not allowed"]),
    ("replicaCount=two", &["/replicaCount", "integer"]),
    ("mode=audit", &["/mode", "dry-run", "enforce"]),
    ("image.tagg=1", &["/image", "tagg"]),
    ("image.digest=sha256:abc", &["/image/digest"]),
    ("config.defaults.enforce=strict", &["/config/defaults/enforce", "restricted"]),
    ("config.defaults.enforce-version=1.30", &["/config/defaults/enforce-version"]),
    ("config.harden.mode=on", &["/config/harden/mode", "report"]),
    ("config.exemption.namespaces={a}", &["exemption"]),
    ("config.rules.imagetag=enforce", &["/config/rules", "imagetag"]),
    ("config.rules.imageTag=deny", &["/config/rules/imageTag", "enforce"]),
    ("config.profiles.x.level=baselin", &["/config/profiles/x/level", "baseline"]),
    ("config.profiles.x.allow.capabilities={CAP_NET_RAW}", &["/config/profiles/x"]),
    ("config.floor.version=v1.30", &["/config/floor", "level"]),
    ("webhooks.validating.failurePolicy=fail", &["/webhooks/validating/failurePolicy", "Fail"]),
    ("webhooks.validating.enabled=false", &["/webhooks/validating", "enabled"]),
    ("webhooks.mutating.timeoutSeconds=31", &["/webhooks/mutating/timeoutSeconds", "30"]),
    ("certs.mode=cert-manager", &["/certs/mode", "certManager"]),
    ("certs.self.caLifetime=1y", &["/certs/self/caLifetime"]),
    ("certs.mode=existingSecret", &["certs.existingSecret.name"]),
    ("reports.mode=on", &["/reports/mode", "openreports"]),
    ("reports.interval=1d", &["/reports/interval"]),
    ("exceptions.namespaces={Shop}", &["/exceptions/namespaces"]),
    ("clientAuth.enabled=true", &["caSecret", "caConfigMap"]),
    ("clientAuth.enabled=true,clientAuth.caSecret=ca", &["clientAuth.allowedNames"]),
    ("hostNetwork=true", &["webhook.port", "10250"]),
];

#[test]
fn a_value_that_cannot_be_is_refused_by_name() {
    let Ok(helms) = Helm::both() else { return };
    for helm in &helms {
        for (value, messages) in BAD_VALUES {
            let refusal = helm.refusal("portcullis", &["--set", value]);
            for part in messages {
                assert!(refusal.contains(part), "{value}: no {part} in: {refusal}");
            }
        }
    }
}

/// A default would be a name that somebody else could register.
#[test]
fn only_configured_images_are_installed() {
    let Ok(helms) = Helm::both() else { return };
    for helm in &helms {
        let args = ["template", "portcullis", CHART, "--namespace", "portcullis"];
        for further in [&[][..], &["--set", "configCheck.enabled=false,cleanup.enabled=false"]] {
            let output = helm.plain_command(&[&args, further].concat()).output().unwrap();
            assert!(!output.status.success());
            let refusal = text(&output.stderr);
            for part in ["image.repository", "docker build", "docker push", "kind load"] {
                assert!(refusal.contains(part), "{refusal}");
            }
        }
    }
}

#[test]
fn a_namespace_that_others_use_is_refused() {
    let Ok(helms) = Helm::both() else { return };
    for helm in &helms {
        for namespace in ["default", "kube-system", "kube-public", "kube-node-lease"] {
            let refusal = helm.refusal(namespace, &[]);
            assert!(refusal.contains(&format!("namespace {namespace}: install into")), "{refusal}");
        }
    }
}

#[test]
fn a_parent_chart_may_set_global_values() {
    let Ok(helms) = Helm::both() else { return };
    for helm in &helms {
        assert!(!helm.template(&["global.anything=1"]).is_empty());
    }
}
