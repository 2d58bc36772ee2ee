//! `values-openshift.yaml`: the SecurityContextConstraints restricted-v2 accept the pods.

use serde_json::Value;

use super::helm::{CHART, Helm, is_hook, objects};

/// Fields that restricted-v2 assigns, and refuses if a pod sets them outside of the namespace's range.
const ASSIGNED: [&str; 5] =
    ["runAsUser", "runAsGroup", "fsGroup", "supplementalGroups", "seLinuxOptions"];

#[test]
fn no_pod_chooses_what_openshift_assigns() {
    let Ok(helms) = Helm::both() else { return };
    let values = format!("{CHART}/values-openshift.yaml");
    for helm in &helms {
        let rendered = helm.template_text(&["-f", &values]);
        let objects = objects(&rendered);
        let pods = pods(&objects);
        // The server, the cleanup, the configuration check, and `helm test`.
        assert_eq!(pods.len(), 4, "{rendered}");
        for pod in pods {
            let contexts = [&pod["securityContext"], &pod["containers"][0]["securityContext"]];
            for (context, field) in contexts.iter().flat_map(|it| ASSIGNED.map(|field| (it, field)))
            {
                assert!(context.get(field).is_none(), "{field}: {pod:#}");
            }
            // The required fields, and those that keep the pods restricted.
            assert_eq!(contexts[0]["runAsNonRoot"], true);
            assert_eq!(contexts[0]["seccompProfile"]["type"], "RuntimeDefault");
            assert_eq!(contexts[1]["allowPrivilegeEscalation"], false);
            assert_eq!(contexts[1]["capabilities"]["drop"][0], "ALL");
            assert!(pod.get("hostNetwork").is_none());
        }
        assert!(rendered.contains("- openshift-etcd"), "{rendered}");
    }
    super::restricted::every_pod_passes(&helms[1].template_text(&["-f", &values]));
}

#[test]
fn without_it_the_image_s_user_is_named() {
    let Ok(helm) = Helm::v4() else { return };
    for pod in pods(&helm.template(&[])) {
        assert_eq!(pod["securityContext"]["runAsUser"], 65532);
    }
}

/// The specs of all pods, including those of hooks.
fn pods(objects: &[Value]) -> Vec<&Value> {
    let spec = |object: &'_ Value| match object["kind"].as_str() {
        Some("Pod") if is_hook(object) => Some("/spec"),
        Some("Deployment" | "Job") => Some("/spec/template/spec"),
        _ => None,
    };
    objects.iter().filter_map(|object| object.pointer(spec(object)?)).collect()
}
