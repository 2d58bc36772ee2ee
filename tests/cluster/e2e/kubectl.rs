//! The output that users see in their terminal.

use serde_json::json;

use crate::{
    e2e::{RESTRICTED, standard},
    support::{
        control_plane::{ControlPlane, Who},
        kubectl::kubectl,
        objects::{deployment, plain, privileged},
        portcullis::Portcullis,
    },
};

#[tokio::test]
async fn a_denial_reads_well() {
    let Ok((plane, server)) = standard().await else {
        return;
    };
    let namespace = server.namespace(plane, "terminal", RESTRICTED).await;
    let file = server.folder().join("terminal-pod.json");
    std::fs::write(&file, privileged("web").to_string()).unwrap();
    let kubeconfig = plane.kubeconfig(Who::Developer);

    let arguments = ["apply", "-n", &namespace, "-f", file.to_str().unwrap()];
    let Some(output) = kubectl(&kubeconfig, &arguments) else {
        return;
    };

    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text.contains("Error from server (Forbidden): error when creating"), "{text}");
    assert!(
        text.contains(r#"pods "web" is forbidden: violates PodSecurity "restricted:latest":"#),
        "{text}"
    );
}

#[tokio::test]
async fn a_warning_is_printed() {
    let Ok((plane, server)) = standard().await else {
        return;
    };
    let namespace = server.namespace(plane, "terminal-warning", RESTRICTED).await;
    let file = server.folder().join("terminal-deployment.json");
    std::fs::write(&file, deployment("web", &privileged("web")).to_string()).unwrap();
    let kubeconfig = plane.kubeconfig(Who::Developer);

    let arguments = ["apply", "-n", &namespace, "-f", file.to_str().unwrap()];
    let Some(output) = kubectl(&kubeconfig, &arguments) else {
        return;
    };

    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.starts_with("Warning: "), "{text}");
}

/// The API server drops unknown fields before it asks the webhook.
#[tokio::test]
async fn what_the_api_server_drops_is_warned_about() {
    let Ok((plane, server)) = standard().await else {
        return;
    };
    let namespace = server.namespace(plane, "terminal-lints", RESTRICTED).await;
    let mut pod = plain("web");
    pod["spec"]["securityContext"]["readOnlyRootFilesystem"] = true.into();
    pod["spec"]["hostnetwork"] = true.into();
    pod["spec"]["containers"][0]["securityContext"]["runAsNonroot"] = true.into();
    let file = server.folder().join("terminal-lints.json");
    std::fs::write(&file, deployment("web", &pod).to_string()).unwrap();
    let kubeconfig = plane.kubeconfig(Who::Developer);

    let file = file.to_str().unwrap();
    let arguments = ["apply", "--validate=false", "-n", &namespace, "-f", file];
    let Some(output) = kubectl(&kubeconfig, &arguments) else {
        return;
    };

    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    let lines: Vec<_> = text.lines().filter(|line| line.contains("\"web\": spec.")).collect();
    let [first, second] = lines[..] else { panic!("{text}") };
    assert!(first.contains("unknown field") || first.contains("a field of"), "{text}");
    assert!(second.ends_with("(and 1 more)"), "{text}");
}

/// kubectl prints equal warnings once, whatever their object.
#[tokio::test]
async fn each_of_several_objects_with_the_same_fault_is_named() {
    let Ok((plane, server)) = standard().await else {
        return;
    };
    let namespace = server.namespace(plane, "terminal-several", RESTRICTED).await;
    let names = ["one", "two", "three"];
    let items: Vec<_> = names.iter().map(|name| deployment(name, &privileged("web"))).collect();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
    let file = server.folder().join("terminal-several.json");
    std::fs::write(&file, list.to_string()).unwrap();
    let kubeconfig = plane.kubeconfig(Who::Developer);

    let arguments = ["apply", "-n", &namespace, "-f", file.to_str().unwrap()];
    let Some(output) = kubectl(&kubeconfig, &arguments) else {
        return;
    };

    let text = String::from_utf8(output.stderr).unwrap();
    for name in names {
        let start = format!("Warning: Deployment \"{name}\": ");
        let lines: Vec<_> = text.lines().filter(|line| line.starts_with(&start)).collect();
        assert!((2..=3).contains(&lines.len()), "{text}");
        assert!(lines[0].contains("its pods will be rejected: "), "{text}");
        assert!(lines[1..].iter().any(|line| line.contains("privileged=false")), "{text}");
    }
}

/// The chart's defaults: dry run, with baseline enforced and warnings for restricted.
#[tokio::test]
async fn a_plain_pod_is_told_each_fact_in_one_of_three_lines() {
    let Ok(plane) = ControlPlane::shared() else {
        return;
    };
    let server = Portcullis::start(plane, None, &["--dry-run"]).await;
    let namespace = server.namespace(plane, "terminal-plain", &[]).await;
    let file = server.folder().join("terminal-plain.json");
    let kubeconfig = plane.kubeconfig(Who::Developer);
    for (pod, count) in [(plain("web"), 3), (privileged("web"), 3)] {
        std::fs::write(&file, pod.to_string()).unwrap();
        let arguments =
            ["apply", "--dry-run=server", "-n", &namespace, "-f", file.to_str().unwrap()];
        let Some(output) = kubectl(&kubeconfig, &arguments) else {
            return;
        };
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(text.lines().count(), count, "{text}");
        for fact in ["runAsNonRoot=true", "allowPrivilegeEscalation=false", "privileged=false"] {
            assert!(text.matches(fact).count() <= 1, "{fact}: {text}");
        }
    }
}

#[tokio::test]
async fn an_invalid_label_is_reported_in_one_sentence() {
    let Ok((plane, server)) = standard().await else {
        return;
    };
    let namespace = server.namespace(plane, "terminal-label", RESTRICTED).await;
    let kubeconfig = plane.kubeconfig(Who::Admin);
    let label = "pod-security.kubernetes.io/enforce";

    let arguments = ["label", "--overwrite", "namespace", &namespace, &format!("{label}=strict")];
    let Some(output) = kubectl(&kubeconfig, &arguments) else {
        return;
    };

    let text = String::from_utf8(output.stderr).unwrap();
    let sentence = format!(
        "The namespaces \"{namespace}\" is invalid: metadata.labels[{label}]: Invalid value: \"strict\": must be one of privileged, baseline, restricted"
    );
    assert_eq!(text.trim(), sentence);
}
