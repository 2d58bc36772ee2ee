//! The rights of the chart's account: all that the server needs, and nothing that it does not use.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::sleep;
use tokio_rustls::TlsConnector;

use crate::client::Client;
use crate::objects::{pods, privileged};
use crate::support::cluster::{Cluster, PROGRAMS};
use crate::support::control_plane::Who;
use crate::support::helm::RELEASE;
use crate::support::namespaces::in_namespaces;
use crate::support::user::User;
use crate::{RESTRICTED, enforcing};

/// A verb, API group, resource, and an object's name where the rule is about one.
type Right = (String, String, String, Option<String>);

#[test]
fn every_right_is_used_and_none_is_missing() {
    in_namespaces(PROGRAMS, async || {
        let cluster = Cluster::start();
        cluster.install(&enforcing()).await;
        let admin = cluster.user(Who::Admin).await;
        let granted = rights(&admin).await;
        assert!(granted.len() >= 4, "{granted:?}");

        work(&cluster).await;

        // The last of them may still be on their way to the log.
        let mut unused = granted.clone();
        let end = Instant::now() + Duration::from_secs(20);
        while !unused.is_empty() && Instant::now() < end {
            for event in requests(&cluster) {
                assert_ne!(event["responseStatus"]["code"], 403, "beyond the rules: {event:#}");
                unused.retain(|right| !is_use(right, &event));
            }
            sleep(Duration::from_millis(200)).await;
        }
        assert_eq!(unused, BTreeSet::new(), "granted and never used");
        assert_eq!(wildcards(&granted), 0);
    });
}

/// Has the server do all that it can be made to do.
async fn work(cluster: &Cluster) {
    let admin = cluster.user(Who::Admin).await;
    // The namespace is stricter than what runs there: its pods are listed.
    let lenient =
        cluster.namespace("lenient", &[("pod-security.kubernetes.io/enforce", "privileged")]).await;
    admin.create(&pods(&lenient), &privileged("old")).await.granted();
    let labels: serde_json::Map<String, Value> =
        RESTRICTED.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
    let patch = json!({"metadata": {"labels": labels}});
    let stricter = admin.merge(&format!("/api/v1/namespaces/{lenient}"), &patch).await;
    assert!(stricter.warnings.iter().any(|line| line.contains("old")), "{stricter:?}");

    // A namespace that the server has not heard of yet is read live. The API server is seldom that much ahead.
    let authorities = cluster.authorities().await;
    for replica in cluster.replicas() {
        let address = SocketAddr::from((replica.address(), replica.port("webhook")));
        ask(address, &authorities).await;
    }
}

/// Asks a replica about a pod in a namespace that does not exist, as the API server would.
async fn ask(address: SocketAddr, authorities: &str) {
    let mut roots = RootCertStore::empty();
    for authority in CertificateDer::pem_slice_iter(authorities.as_bytes()) {
        roots.add(authority.unwrap()).unwrap();
    }
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let name = ServerName::try_from(format!("{RELEASE}.{RELEASE}.svc")).unwrap();
    let stream = TcpStream::connect(address).await.unwrap();
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
    let review = include_str!("../reviews/denied.json");
    let answer = Client::over(stream).post("/validate", review.as_bytes()).await;
    assert!(
        answer.body.contains(r#"failed to look up namespace \"shop\": not found"#),
        "{}",
        answer.body
    );
}

/// What the account is granted, each right once.
async fn rights(admin: &User) -> BTreeSet<Right> {
    let rbac = "/apis/rbac.authorization.k8s.io/v1";
    let mut granted = BTreeSet::new();
    for (roles, bindings) in [
        (format!("{rbac}/clusterroles"), format!("{rbac}/clusterrolebindings")),
        (
            format!("{rbac}/namespaces/{RELEASE}/roles"),
            format!("{rbac}/namespaces/{RELEASE}/rolebindings"),
        ),
    ] {
        let list = admin.get(&bindings).await.granted();
        for binding in list["items"].as_array().unwrap() {
            let subjects = binding["subjects"].as_array().into_iter().flatten();
            let mut ours = subjects.filter(|subject| {
                subject["kind"] == "ServiceAccount"
                    && subject["name"] == RELEASE
                    && subject["namespace"] == RELEASE
            });
            if ours.next().is_some() {
                let name = binding["roleRef"]["name"].as_str().unwrap();
                let role = admin.get(&format!("{roles}/{name}")).await.granted();
                granted.extend(role["rules"].as_array().unwrap().iter().flat_map(each));
            }
        }
    }
    granted
}

/// The single rights of a rule.
fn each(rule: &Value) -> Vec<Right> {
    let list = |key: &str| -> Vec<String> {
        let words = rule[key].as_array().into_iter().flatten();
        words.map(|word| word.as_str().unwrap().to_owned()).collect()
    };
    let mut names: Vec<Option<String>> = list("resourceNames").into_iter().map(Some).collect();
    if names.is_empty() {
        names.push(None);
    }
    let mut rights = Vec::new();
    for verb in list("verbs") {
        for group in list("apiGroups") {
            for resource in list("resources") {
                for name in &names {
                    rights.push((verb.clone(), group.clone(), resource.clone(), name.clone()));
                }
            }
        }
    }
    rights
}

fn wildcards(rights: &BTreeSet<Right>) -> usize {
    rights
        .iter()
        .filter(|(verb, group, resource, _)| {
            [verb, group, resource].iter().any(|word| *word == "*")
        })
        .count()
}

/// The requests of the server's account, for objects.
fn requests(cluster: &Cluster) -> Vec<Value> {
    let account = format!("system:serviceaccount:{RELEASE}:{RELEASE}");
    let mut events = cluster.plane.audit_events();
    events.retain(|event| {
        event["user"]["username"] == account.as_str() && event["objectRef"].is_object()
    });
    events
}

fn is_use((verb, group, resource, name): &Right, event: &Value) -> bool {
    let object = &event["objectRef"];
    let text = |key: &str| object[key].as_str().unwrap_or_default();
    let of = match text("subresource") {
        "" => text("resource").to_owned(),
        part => format!("{}/{part}", text("resource")),
    };
    event["verb"] == verb.as_str()
        && text("apiGroup") == group
        && of == *resource
        && name.as_ref().is_none_or(|name| text("name") == name)
}
