//! A real API server that shows its webhooks a client certificate, as `docs/client-authentication.md` has it, and a
//! server that takes no other client.

use std::process::Command;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair,
};
use serde_json::json;

use crate::client::Client;
use crate::support::control_plane::{BuiltInPodSecurity, ControlPlane, Place, Who};
use crate::support::portcullis::Portcullis;
use crate::support::process::Folder;

/// The API server's client certificate and key, the authority, and the configuration that has it show them.
fn write_configuration(folder: &Folder) -> [std::path::PathBuf; 4] {
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "webhook clients");
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let mut params = CertificateParams::new([]).unwrap();
    params.distinguished_name.push(DnType::CommonName, "kube-apiserver-webhooks");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, &authority).unwrap();
    let ca = folder.write("client-ca.crt", authority.pem());
    let certificate = folder.write("client.crt", certificate.pem());
    let key = folder.write("client.key", key.serialize_pem());

    let kubeconfig = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "users": [{"name": "*", "user": {"client-certificate": certificate, "client-key": key}}],
    });
    let kubeconfig = folder.write("webhooks.kubeconfig", kubeconfig.to_string());
    let plugin = |name: &str| {
        json!({"name": name, "configuration": {
            "apiVersion": "apiserver.config.k8s.io/v1",
            "kind": "WebhookAdmissionConfiguration",
            "kubeConfigFile": kubeconfig,
        }})
    };
    let admission = json!({
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "AdmissionConfiguration",
        "plugins": [plugin("ValidatingAdmissionWebhook"), plugin("MutatingAdmissionWebhook")],
    });
    [folder.write("admission.yaml", admission.to_string()), ca, certificate, key]
}

#[tokio::test]
async fn the_api_server_shows_who_it_is_and_nobody_else_connects() {
    let folder = Folder::new("client-auth");
    let [admission, ca, certificate, key] = write_configuration(&folder);
    let flag = format!("--admission-control-config-file={}", admission.display());
    let Ok(plane) = ControlPlane::start_with(Place::Loopback, BuiltInPodSecurity::Off, &[flag])
    else {
        return;
    };
    let flags = |names: &str| {
        [format!("--client-ca-file={}", ca.display()), format!("--client-allowed-names={names}")]
    };
    let right = flags("front-proxy,kube-apiserver-webhooks");
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

    // The same with the command that people try it with.
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
    let said = String::from_utf8(without.stdout).unwrap();
    assert_eq!(without.status.code(), Some(1), "{said}");
    assert!(said.contains("look at: the server wants a client certificate"), "{said}");
    check.arg("--client-cert-file").arg(&certificate).arg("--client-key-file").arg(&key);
    let with = check.output().unwrap();
    assert_eq!(with.status.code(), Some(0), "{}", String::from_utf8_lossy(&with.stdout));

    let wrong = flags("someone-else");
    let other = Portcullis::start(&plane, None, &wrong.each_ref().map(String::as_str)).await;
    let (_, answer) = other.try_namespace(&plane, "strangers", &[]).await;
    assert_eq!(answer.code, 500, "{:#}", answer.body);
    assert!(answer.message().contains("failed calling webhook"), "{}", answer.message());
    assert!(other.log().contains("a client's certificate has no allowed name"), "{}", other.log());
}
