//! Fields of another type: where they belong.

use super::fields::Type;
use crate::near::nearest;

/// Types of which authors write the fields into another one: the types in which these are written, the type that has
/// them, and its place in words. The first that has the field counts.
const PLACES: [(&[&str], &str, &str); 26] = [
    (&["PodSpec"], "PodSecurityContext", "the pod's securityContext"),
    (&["PodSpec", "PodSecurityContext"], "SecurityContext", "a container's securityContext"),
    (&["PodSpec"], "Container", "a container"),
    (
        &["PodSpec", "PodSecurityContext"],
        "Capabilities",
        "capabilities in a container's securityContext",
    ),
    (CONTAINERS, "SecurityContext", "the container's securityContext"),
    (CONTAINERS, "ResourceRequirements", "resources"),
    (&["SecurityContext"], "Capabilities", "capabilities"),
    (&["SecurityContext"], "PodSecurityContext", "the pod's securityContext"),
    (&["SecurityContext"], "Container", "the container, beside securityContext"),
    (&["PodSecurityContext", "SecurityContext"], "PodSpec", "the pod's spec"),
    (CONTAINERS, "PodSecurityContext", "the pod's securityContext"),
    (CONTAINERS, "PodSpec", "the pod's spec"),
    (&["PodTemplateSpec"], "PodSpec", "spec"),
    (CONTROLLERS, "PodSpec", "the pod's spec, in template.spec"),
    (&["CronJobSpec"], "JobSpec", "jobTemplate.spec"),
    (&["CronJobSpec"], "PodSpec", "the pod's spec, in jobTemplate.spec.template.spec"),
    (&["Probe"], "HTTPGetAction", "httpGet"),
    (&["HTTPGetAction"], "Probe", "the probe"),
    (
        &["NetworkPolicySpec", "NetworkPolicyEgressRule"],
        "NetworkPolicyIngressRule",
        "an item of ingress",
    ),
    (
        &["NetworkPolicySpec", "NetworkPolicyIngressRule"],
        "NetworkPolicyEgressRule",
        "an item of egress",
    ),
    (&["NetworkPolicyIngressRule"], "NetworkPolicyPeer", "an item of from"),
    (&["NetworkPolicyEgressRule"], "NetworkPolicyPeer", "an item of to"),
    (&["NetworkPolicySpec"], "NetworkPolicyPeer", "an item of from or to"),
    (&["NetworkPolicyPeer"], "NetworkPolicyIngressRule", "the rule, beside from or to"),
    (
        &["NetworkPolicyIngressRule", "NetworkPolicyEgressRule", "NetworkPolicyPeer"],
        "NetworkPolicySpec",
        "the policy's spec",
    ),
    (&["LimitRangeSpec"], "LimitRangeItem", "an item of limits"),
];

const CONTAINERS: &[&str] = &["Container", "EphemeralContainer"];
const CONTROLLERS: &[&str] = &[
    "DaemonSetSpec",
    "DeploymentSpec",
    "JobSpec",
    "ReplicaSetSpec",
    "ReplicationControllerSpec",
    "StatefulSetSpec",
];

/// Keys that many types have: where they belong is not known.
const COMMON: [&str; 4] = ["kind", "metadata", "name", "type"];

/// A place where a key belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The field.
    pub(super) field: &'static str,
    /// Its place in words.
    pub(super) words: &'static str,
}

/// The place of an unknown key of a type that another type has.
pub(super) fn place_of(key: &str, of: Type) -> Option<Place> {
    find(of, |other| other.field(key).map(|field| field.name))
}

/// The place of an unknown key that is one edit away from a key of another type.
pub(super) fn place_near(key: &str, of: Type) -> Option<Place> {
    find(of, |other| nearest(key, other.fields().iter().map(|field| field.name)))
}

fn find(of: Type, field: impl Fn(Type) -> Option<&'static str>) -> Option<Place> {
    let places = PLACES.iter().filter(|(types, ..)| types.contains(&of.name()));
    let places = places.map(|(_, other, words)| (Type::named(other), *words));
    let own = ["spec", "metadata"].into_iter();
    let own = own.map(|name| (of.field(name).and_then(|field| field.to), name));
    let place = |(other, words): (Option<Type>, _)| {
        field(other?).filter(|field| !COMMON.contains(field)).map(|field| Place { field, words })
    };
    own.chain(places).find_map(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_that_is_named_exists() {
        for (types, other, _) in PLACES {
            for name in types.iter().chain([&other]) {
                assert!(Type::named(name).is_some(), "{name}");
            }
        }
    }

    #[test]
    fn a_field_belongs_where_its_author_meant_it() {
        for (of, key, words) in [
            ("PodSecurityContext", "allowPrivilegeEscalation", "a container's securityContext"),
            ("PodSecurityContext", "capabilities", "a container's securityContext"),
            ("PodSecurityContext", "readOnlyRootFilesystem", "a container's securityContext"),
            ("PodSecurityContext", "privileged", "a container's securityContext"),
            ("PodSecurityContext", "hostNetwork", "the pod's spec"),
            ("PodSpec", "privileged", "a container's securityContext"),
            ("PodSpec", "runAsNonRoot", "the pod's securityContext"),
            ("PodSpec", "fsGroup", "the pod's securityContext"),
            ("PodSpec", "image", "a container"),
            ("Container", "runAsNonRoot", "the container's securityContext"),
            ("Container", "hostNetwork", "the pod's spec"),
            ("Container", "fsGroup", "the pod's securityContext"),
            ("Container", "limits", "resources"),
            ("SecurityContext", "fsGroup", "the pod's securityContext"),
            ("SecurityContext", "drop", "capabilities"),
            ("DeploymentSpec", "securityContext", "the pod's spec, in template.spec"),
            ("PodTemplateSpec", "containers", "spec"),
            ("Pod", "containers", "spec"),
            ("Deployment", "labels", "metadata"),
            ("NetworkPolicySpec", "from", "an item of ingress"),
            ("NetworkPolicyIngressRule", "podSelector", "an item of from"),
            ("NetworkPolicyEgressRule", "policyTypes", "the policy's spec"),
            ("NetworkPolicy", "policyTypes", "spec"),
        ] {
            let place = place_of(key, Type::named(of).unwrap());
            assert_eq!(place.map(|place| place.words), Some(words), "{key} in {of}");
        }
        for (of, key) in [("PodSpec", "name"), ("Container", "team"), ("Volume", "privileged")] {
            assert_eq!(place_of(key, Type::named(of).unwrap()), None, "{key} in {of}");
        }
        let near = place_near("readonlyRootFilesystem", Type::named("PodSecurityContext").unwrap());
        assert_eq!(near.map(|place| place.field), Some("readOnlyRootFilesystem"));
    }
}
