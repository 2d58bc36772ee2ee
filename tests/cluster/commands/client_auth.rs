//! A real API server that presents a client certificate to webhooks, as in `docs/client-authentication.md`, and a
//! server that rejects all other clients.

use std::process::Command;
use std::slice::from_ref;

use serde_json::json;

use crate::support::{
    client::Client,
    client_certificates::{CLIENT_NAME, WebhookClient},
    control_plane::{BuiltInPodSecurity, ControlPlane, Place, Who},
    portcullis::Portcullis,
    process::Folder,
};

#[tokio::test]
async fn only_the_api_server_with_its_certificate_connects() {
    let folder = Folder::new("client-auth");
    let identity = WebhookClient::new(&folder);
    let Ok(plane) = ControlPlane::start_with(
        Place::Loopback,
        BuiltInPodSecurity::Off,
        from_ref(&identity.apiserver_flag),
    ) else {
        return;
    };
    let ca = identity.authority.display();
    let flags =
        |names: &str| [format!("--client-ca-file={ca}"), format!("--client-allowed-names={names}")];
    let right = flags(&format!("front-proxy,{CLIENT_NAME}"));
    let server = Portcullis::start(&plane, None, &right.each_ref().map(String::as_str)).await;
    let restricted = [("pod-security.kubernetes.io/enforce", "restricted")];
    let namespace = server.namespace(&plane, "mutual", &restricted).await;

    let pod = json!({
        "metadata": {"name": "web"},
        "spec": {"containers": [{"name": "app", "image": "registry.example/app:1",
            "securityContext": {"privileged": true}}]},
    });
    let developer = plane.user(Who::Developer).await;
    let answer = developer.create(&format!("/api/v1/namespaces/{namespace}/pods"), &pod).await;
    assert_eq!((answer.code, answer.reason()), (403, "Forbidden"), "{}", answer.message());
    assert!(answer.message().contains("violates PodSecurity \"restricted:latest\""));

    let address = ([127, 0, 0, 1], server.port).into();
    let refused = async {
        let mut client = Client::connect(address, &server.serving.authority_pem, &[]).await.ok()?;
        client.try_send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.ok()?;
        client.answer().await
    };
    assert!(refused.await.is_none(), "a client without a certificate was answered");

    // The same with the command for testing it.
    let admin = plane.user(Who::Admin).await;
    let configurations = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations";
    let webhook = json!({"metadata": {"name": "health"}, "webhooks": [{
        "name": "enforce.portcullis.dev",
        "clientConfig": {
            "service": {"name": "portcullis", "namespace": "default", "path": "/validate"},
            "caBundle": base64::Engine::encode(
                &base64::engine::general_purpose::STANDARD,
                &server.serving.authority_pem,
            ),
        },
        "failurePolicy": "Ignore", "rules": [], "sideEffects": "None", "admissionReviewVersions": ["v1"],
    }]});
    admin.create(configurations, &webhook).await.granted();
    let mut check = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    check.args(["healthcheck", "--service=portcullis", "--namespace=default"]);
    check.arg("--validating-webhook=health").arg(format!("--address=127.0.0.1:{}", server.port));
    check.arg("--kubeconfig").arg(plane.kubeconfig(Who::Admin));
    let without = check.output().unwrap();
    let stdout = String::from_utf8(without.stdout).unwrap();
    assert_eq!(without.status.code(), Some(1), "{stdout}");
    assert!(stdout.contains("look at: the server requires a client certificate"), "{stdout}");
    check
        .arg("--client-cert-file")
        .arg(&identity.certificate)
        .arg("--client-key-file")
        .arg(&identity.key);
    let with = check.output().unwrap();
    assert_eq!(with.status.code(), Some(0), "{}", String::from_utf8_lossy(&with.stdout));

    let wrong = flags("someone-else");
    let other = Portcullis::start(&plane, None, &wrong.each_ref().map(String::as_str)).await;
    let (_, answer) = other.try_namespace(&plane, "other-client", &[]).await;
    assert_eq!(answer.code, 500, "{:#}", answer.body);
    assert!(answer.message().contains("failed calling webhook"), "{}", answer.message());
    assert!(other.log().contains("a client's certificate has no allowed name"), "{}", other.log());
}
