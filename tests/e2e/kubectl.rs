//! What people see in their terminal.

use crate::objects::{deployment, privileged};
use crate::support::control_plane::Who;
use crate::support::kubectl::kubectl;
use crate::{RESTRICTED, standard};

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
