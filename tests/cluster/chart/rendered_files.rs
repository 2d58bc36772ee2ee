//! The files generated from the chart are up to date. `just install-yaml` writes them.

use crate::support::skip::is_set;
use std::fs;
use std::path::Path;

use super::helm::{Helm, project};

const NAMESPACE: &str = "\
apiVersion: v1
kind: Namespace
metadata:
  name: portcullis
  labels:
    # The webhooks are never called for their own namespace: the built-in admission guards it.
    pod-security.kubernetes.io/enforce: restricted
";

const HOW_TO_INSTALL: &str = "\
# Portcullis in dry run: it denies and changes nothing, and says what it would do. Rendered from charts/portcullis by
# `just install-yaml`; do not edit.
#
# No image of Portcullis is published yet: build one, and put its name in place of that below, which resolves nowhere.
#
#   docker build --tag registry.example.com/portcullis:0.1.0 .
#   docker push registry.example.com/portcullis:0.1.0
#   sed 's#portcullis.invalid/portcullis#registry.example.com/portcullis#' install.yaml | kubectl apply --server-side -f -
#
# To remove it, delete the webhook configurations first: pods may be refused by a webhook that nobody serves.
#
#   kubectl delete validatingwebhookconfiguration portcullis
#   kubectl delete mutatingwebhookconfiguration zz-portcullis
#   kubectl delete -f install.yaml
";

const PART: &str = "# Rendered from charts/portcullis by `just install-yaml`; do not edit.\n";

#[test]
fn install_yaml_is_the_chart() {
    let Ok(helm) = Helm::v4() else { return };
    let documents = documents(&helm, "", |_| true);
    let install = joined(&[&[NAMESPACE.to_owned()], &documents[..]].concat());
    hold(&project("deploy/install.yaml"), &format!("{HOW_TO_INSTALL}---\n{install}"));
    let base = project("deploy/kustomize/base/portcullis.yaml");
    hold(&base, &format!("{PART}---\n{install}"));
}

#[test]
fn the_parts_of_components_are_the_chart_s() {
    let Ok(helm) = Helm::v4() else { return };
    let certificates = documents(&helm, "certs.mode=certManager", |kind| {
        ["Issuer", "Certificate"].contains(&kind)
    });
    let certificates = joined(&certificates);
    let hold = |path: &str, text: &str| hold(&project(path), &format!("{PART}---\n{text}"));
    hold("certs/cert-manager.yaml", &certificates);
    hold("deploy/kustomize/components/cert-manager/certificates.yaml", &certificates);

    let policy = documents(&helm, "networkPolicy.enabled=true", |kind| kind == "NetworkPolicy");
    hold("deploy/kustomize/components/network-policy/networkpolicy.yaml", &joined(&policy));

    let monitoring = "metrics.serviceMonitor.enabled=true,metrics.prometheusRule.enabled=true,\
                      metrics.grafanaDashboard.enabled=true";
    let without = documents(&helm, "", |_| true);
    let mut monitoring = documents(&helm, monitoring, |_| true);
    monitoring.retain(|document| !without.contains(document));
    hold("deploy/kustomize/components/monitoring/monitoring.yaml", &joined(&monitoring));
}

/// The texts of the rendered objects of the wanted kinds, without Helm's labels.
fn documents(helm: &Helm, values: &str, is_wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let rendered = helm.template_text(&["--no-hooks", "--set", values]);
    let rendered: Vec<&str> = rendered.lines().collect();
    rendered
        .split(|line| *line == "---")
        .map(|lines| {
            let lines = lines.iter().filter(|line| {
                let line = line.trim_start();
                !line.starts_with("helm.sh/chart:")
                    && !line.starts_with("app.kubernetes.io/managed-by:")
                    && !line.starts_with("# Source:")
            });
            let text: Vec<&str> = lines.map(|line| line.trim_end()).collect();
            text.join("\n").trim_end().to_owned() + "\n"
        })
        .filter(|text| {
            let kind = text.lines().find_map(|line| line.strip_prefix("kind: "));
            kind.is_some_and(&is_wanted)
        })
        .collect()
}

fn joined(documents: &[String]) -> String {
    assert!(!documents.is_empty());
    documents.join("---\n")
}

/// Fails if the file differs; with `PORTCULLIS_REWRITE=1`, writes it instead.
#[track_caller]
pub(crate) fn hold(file: &Path, expected: &str) {
    if is_set("PORTCULLIS_REWRITE") {
        fs::write(file, expected).unwrap();
    }
    let is = fs::read_to_string(file).unwrap_or_default();
    if is == expected {
        return;
    }
    let line = is.lines().zip(expected.lines()).position(|(is, expected)| is != expected);
    let line = line.unwrap_or_else(|| is.lines().count().min(expected.lines().count()));
    panic!(
        "{} is not what its source says, from line {}: {:?} must be {:?}. Run `just install-yaml chart-docs` and look at the difference",
        file.display(),
        line + 1,
        is.lines().nth(line),
        expected.lines().nth(line)
    );
}
