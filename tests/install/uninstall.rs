//! `helm test`, and `helm uninstall`, which must not leave a cluster locked; with both versions of helm that
//! people use.

use serde_json::Value;

use crate::objects::{pods, privileged};
use crate::support::cluster::{Cluster, PROGRAMS};
use crate::support::control_plane::Who;
use crate::support::go::Program;
use crate::support::namespaces::in_namespaces;
use crate::support::user::User;
use crate::{RESTRICTED, enforcing};

#[test]
fn helm_4_tests_it_and_takes_it_away() {
    in_namespaces(PROGRAMS, async || tested_and_taken_away(Program::Helm4).await);
}

#[test]
fn helm_3_tests_it_and_takes_it_away() {
    let programs = [PROGRAMS, &[Program::Helm3]].concat();
    in_namespaces(&programs, async || tested_and_taken_away(Program::Helm3).await);
}

async fn tested_and_taken_away(helm: Program) {
    let cluster = Cluster::with_helm(helm);
    cluster.install(&enforcing()).await;
    let admin = cluster.user(Who::Admin).await;
    let strict = cluster.namespace("strict", RESTRICTED).await;
    assert_eq!(admin.create(&pods(&strict), &privileged("bad")).await.code, 403);

    let said = cluster.helm.run(&["test", "portcullis"]);
    assert!(said.contains("Succeeded"), "{said}");
    cluster.helm.run(&["uninstall", "portcullis", "--wait"]);

    assert_eq!(webhooks(&admin).await, Vec::<Value>::new());
    admin.create(&pods(&strict), &privileged("unjudged")).await.granted();
}

async fn webhooks(admin: &User) -> Vec<Value> {
    let mut found = Vec::new();
    for kind in ["validatingwebhookconfigurations", "mutatingwebhookconfigurations"] {
        let path = format!("/apis/admissionregistration.k8s.io/v1/{kind}");
        let list = admin.get(&path).await.granted();
        found.extend(list["items"].as_array().unwrap().iter().cloned());
    }
    found
}
