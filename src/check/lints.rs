//! The lints of manifests, with their places.

use manifest::{Manifest, Namespace, NamespaceMetadata, Places};
use policy::findings::{
    Lint, Policy, Severity,
    lint::{self, FieldLints, LintRule},
};

/// The lints of an object: of its keys, if Kubernetes defines its kind, and of its pod.
pub(super) fn of_manifest(
    manifest: &Manifest<'_>,
    policy: &Policy,
    places: &mut Places<'_>,
) -> Vec<Lint> {
    finish(of_fields(manifest, policy), manifest, policy, places)
}

/// The lints of a Namespace: of its keys and of its policy. The webhook refuses a Namespace with an invalid label.
pub(super) fn of_namespace(
    namespace: &Namespace<'_>,
    policy: &Policy,
    places: &mut Places<'_>,
) -> Vec<Lint> {
    let Namespace { manifest, metadata } = namespace;
    let NamespaceMetadata { labels, annotations } = metadata;
    let identity = &manifest.identity;
    let invalid = policy.context().policy(&identity.name, labels).invalid_labels(labels);
    let mut of_policy = lint::of_namespace(labels, annotations, invalid, identity);
    for lint in of_policy.iter_mut().filter(|lint| lint.rule == LintRule::InvalidLabel) {
        lint.severity = Severity::Error;
    }
    let lints = of_fields(manifest, policy);
    finish([lints, of_policy].concat(), manifest, policy, places)
}

fn of_fields(manifest: &Manifest<'_>, policy: &Policy) -> Vec<Lint> {
    let mut identity = manifest.identity.clone();
    if identity.namespace.is_empty() && identity.kind != "Namespace" {
        identity.namespace.clone_from(&policy.namespace);
    }
    let mut lints = Vec::new();
    if let Some(seed) = FieldLints::new(&identity, &mut lints) {
        // The reader has reported what cannot be read.
        let _ = manifest.read(seed);
    }
    for held in &manifest.pods {
        lints.extend(lint::of_pod(&held.pod, &held.root, &identity, policy.newest));
    }
    lints
}

/// Sets severities and places, and sorts by place.
fn finish(
    mut lints: Vec<Lint>,
    manifest: &Manifest<'_>,
    policy: &Policy,
    places: &mut Places<'_>,
) -> Vec<Lint> {
    places.mark_lints(&mut lints, manifest);
    lints.sort_by_key(|lint| lint.location.as_ref().map(|location| location.region.start));
    if policy.fails_on_lints {
        lints.iter_mut().for_each(|lint| lint.severity = Severity::Error);
    }
    lints
}
