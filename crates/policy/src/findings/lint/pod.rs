//! Lints of what controls read of a pod: its capabilities, and the annotations for AppArmor and seccomp.

use super::{Identity, Lint, LintRule, MAX_LINTS};
use crate::{
    pss::{APP_ARMOR_PREFIX, Minor, Place, Pod, SECCOMP_CONTAINER_PREFIX, SECCOMP_POD},
    shown::{self, shown},
    workloads::PodRoot,
};

/// The first version without the annotations for seccomp (`pkg/api/pod/warnings.go`).
const NO_SECCOMP_ANNOTATIONS: Minor = Minor(27);
/// The first version with the field for AppArmor, which replaces the annotations (KEP-24).
const APP_ARMOR_FIELD: Minor = Minor(30);

/// Mistakes in a pod at `root` of its object. `newest` is the version of the cluster.
pub fn of_pod(pod: &Pod<'_>, root: &PodRoot, object: &Identity, newest: Minor) -> Vec<Lint> {
    let annotations = pod.metadata.annotations.iter().filter_map(|(key, _)| {
        let message = of_annotation(key, pod, newest)?;
        let field = root.field(Place::Metadata, &format!("annotations[{}]", shown::key(key)));
        Some(Lint::new(LintRule::LegacyAnnotation, object, field, message))
    });
    annotations.chain(of_capabilities(pod, root, object)).take(MAX_LINTS).collect()
}

/// Whether an annotation sets a profile of AppArmor or seccomp.
pub(super) fn is_legacy(key: &str) -> bool {
    key == SECCOMP_POD
        || key.starts_with(SECCOMP_CONTAINER_PREFIX)
        || key.starts_with(APP_ARMOR_PREFIX)
}

/// Why an annotation is a mistake. With the field beside it, it may be there for older clusters.
fn of_annotation(key: &str, pod: &Pod<'_>, newest: Minor) -> Option<String> {
    let of_pod = pod.spec.security_context.as_ref();
    let context = |name: &str| {
        let mut containers = pod.containers().filter(|(_, container)| container.name == *name);
        containers.find_map(|(_, container)| container.security_context.as_ref())
    };
    let has_seccomp = of_pod.is_some_and(|context| context.seccomp_profile.is_some());
    let has_app_armor = of_pod.is_some_and(|context| context.app_armor_profile.is_some());
    let no_seccomp = |what: &str| {
        format!("has no effect since v1.27: set securityContext.seccompProfile of the {what}")
    };
    let is_read = newest < NO_SECCOMP_ANNOTATIONS;
    if key == SECCOMP_POD {
        (!is_read && !has_seccomp).then(|| no_seccomp("pod"))
    } else if let Some(name) = key.strip_prefix(SECCOMP_CONTAINER_PREFIX) {
        let has_field = context(name).is_some_and(|context| context.seccomp_profile.is_some());
        (!is_read && !has_field && !has_seccomp).then(|| no_seccomp("container"))
    } else if let Some(name) = key.strip_prefix(APP_ARMOR_PREFIX) {
        let has_field = context(name).is_some_and(|context| context.app_armor_profile.is_some());
        let is_late = newest >= APP_ARMOR_FIELD && !has_field && !has_app_armor;
        let message =
            "deprecated since v1.30: set securityContext.appArmorProfile of the container";
        is_late.then(|| message.to_owned())
    } else {
        None
    }
}

fn of_capabilities<'p>(
    pod: &'p Pod<'_>,
    root: &'p PodRoot,
    object: &'p Identity,
) -> impl Iterator<Item = Lint> + 'p {
    let capabilities = pod
        .security_contexts()
        .filter_map(|(place, context)| Some((place, context.capabilities.as_ref()?)));
    capabilities.flat_map(move |(place, capabilities)| {
        let drops_all = capabilities.drop.iter().any(|name| *name == "ALL");
        let add = capabilities.add.iter().enumerate().map(|(index, name)| ("add", index, name));
        let drop = capabilities.drop.iter().enumerate().map(|(index, name)| ("drop", index, name));
        add.chain(drop).filter_map(move |(list, index, name)| {
            let (rule, message) = of_capability(name, list == "drop" && !drops_all)?;
            let path = format!("securityContext.capabilities.{list}[{index}]");
            Some(Lint::new(rule, object, root.field(place, &path), message))
        })
    })
}

fn of_capability(name: &str, must_drop_all: bool) -> Option<(LintRule, String)> {
    if must_drop_all && name.eq_ignore_ascii_case("ALL") {
        let message = format!("{} does not count: write \"ALL\"", shown(name));
        return Some((LintRule::LowerCaseAll, message));
    }
    let bare = without_prefix(name)?;
    let message = format!("capabilities have no CAP_ before them: write {}", shown(bare));
    Some((LintRule::CapabilityPrefix, message))
}

fn without_prefix(name: &str) -> Option<&str> {
    let (prefix, bare) = name.split_at_checked(4)?;
    prefix.eq_ignore_ascii_case("CAP_").then_some(bare)
}

#[cfg(test)]
mod tests {
    use super::{
        super::tests::{object, told},
        *,
    };
    use crate::{pss::NEWEST, workloads::PodForm};

    fn lints(pod: &str, newest: Minor) -> Vec<Lint> {
        let pod: Pod<'_> = serde_json::from_str(pod).unwrap();
        of_pod(
            &pod,
            &PodRoot::new("spec.template", PodForm::Template),
            &object("apps/v1", "Deployment"),
            newest,
        )
    }

    #[test]
    fn capabilities_are_exact_words() {
        let lints = lints(
            r#"{"spec":{"initContainers":[{"securityContext":{"capabilities":{"drop":["all"]}}}],"containers":[
            {"securityContext":{"capabilities":{"add":["CAP_NET_ADMIN","NET_RAW"],"drop":["cap_all"]}}},
            {"securityContext":{"capabilities":{"drop":["ALL","all"]}}}, {"name":"plain"}]}}"#,
            NEWEST,
        );
        let at = |list: &str| format!("spec.template.spec.{list}");
        assert_eq!(
            told(&lints),
            [
                format!(
                    "lower-case-all {}",
                    at("initContainers[0].securityContext.capabilities.drop[0]")
                ),
                format!(
                    "capability-prefix {}",
                    at("containers[0].securityContext.capabilities.add[0]")
                ),
                format!(
                    "capability-prefix {}",
                    at("containers[0].securityContext.capabilities.drop[0]")
                ),
            ]
        );
        assert!(lints[1].message.ends_with("write \"NET_ADMIN\""), "{}", lints[1].message);
    }

    #[test]
    fn annotations_are_mistakes_where_a_field_has_replaced_them() {
        let app_armor = "container.apparmor.security.beta.kubernetes.io/web";
        let seccomp = "container.seccomp.security.alpha.kubernetes.io/web";
        let field = |context: &str| format!(r#","securityContext":{{{context}}}"#);
        let (for_app_armor, for_seccomp) = (
            field(r#""appArmorProfile":{"type":"RuntimeDefault"}"#),
            field(r#""seccompProfile":{"type":"RuntimeDefault"}"#),
        );
        for (key, of_pod, of_container, newest, is_mistake) in [
            (app_armor, "", "", 36, true),
            (app_armor, "", "", 29, false),
            (app_armor, "", &*for_app_armor, 36, false),
            (app_armor, &*for_app_armor, "", 36, false),
            (app_armor, "", &*for_seccomp, 36, true),
            (seccomp, "", "", 27, true),
            (seccomp, "", "", 26, false),
            (seccomp, "", &*for_seccomp, 36, false),
            (SECCOMP_POD, "", "", 36, true),
            (SECCOMP_POD, &*for_seccomp, "", 36, false),
            (SECCOMP_POD, "", &*for_seccomp, 36, true),
        ] {
            let pod = format!(
                r#"{{"metadata":{{"annotations":{{"{key}":"runtime/default"}}}},"spec":{{"containers":[{{"name":"web"{of_container}}}]{of_pod}}}}}"#
            );
            let field = format!("legacy-annotation spec.template.metadata.annotations[{key}]");
            let expected = is_mistake.then_some(field);
            assert_eq!(
                told(&lints(&pod, Minor(newest))),
                Vec::from_iter(expected),
                "{newest} {pod}"
            );
        }
    }
}
