//! The documented life of a release, with both supported versions of helm: installed in dry run, tested, switched to
//! enforce while pods are created, and uninstalled without leaving a blocked cluster.

use serde_json::{Value, json};

use crate::{
    install::{RESTRICTED, creates::Creates},
    support::{
        cluster::{Cluster, PROGRAMS},
        control_plane::Who,
        go::Program,
        helm::RELEASE,
        namespaces::in_namespaces,
        objects::{await_verdict, pods, privileged},
        user::User,
    },
};

#[test]
fn helm_4_installs_tests_upgrades_and_uninstalls() {
    in_namespaces(PROGRAMS, async || lives(Program::Helm4).await);
}

#[test]
fn helm_3_installs_tests_upgrades_and_uninstalls() {
    let programs = [PROGRAMS, &[Program::Helm3]].concat();
    in_namespaces(&programs, async || lives(Program::Helm3).await);
}

async fn lives(helm: Program) {
    let cluster = Cluster::start_with(helm, &[]);
    cluster.install(&json!({})).await;
    let admin = cluster.user(Who::Admin).await;
    let strict = cluster.namespace("strict", RESTRICTED).await;
    admin.create(&pods(&strict), &privileged("reported")).await.granted();
    let output = cluster.helm.run(&["test", RELEASE]);
    assert!(output.contains("Succeeded"), "{output}");

    let creates = Creates::start(&cluster, &strict).await;
    let values = ["--reset-then-reuse-values", "--set", "mode=enforce"];
    tokio::task::block_in_place(|| cluster.helm.upgrade(&json!({}), &values));
    await_verdict(&admin, &strict, &privileged("bad"), 403).await;
    creates.end_without_a_failure().await;

    tokio::task::block_in_place(|| cluster.helm.run(&["uninstall", RELEASE, "--wait"]));
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
