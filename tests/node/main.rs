//! The chart on a real node: our image in pods that the kubelet starts under the level that they enforce, and
//! what our verdicts foretell seen on the node.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

#[path = "../e2e/objects.rs"]
mod objects;
#[path = "../support/mod.rs"]
mod support;

use serde_json::json;
use support::control_plane::{BuiltInPodSecurity, ControlPlane, Place, Who};
use support::go::Program;
use support::namespaces::{build_all, in_namespaces_after};
use support::node::{Cgroup, Node, Parts, pause_image};
use support::wait::{PATIENCE, until};

const PROGRAMS: &[Program] = &[
    Program::Etcd,
    Program::KubeApiserver,
    Program::KubeControllerManager,
    Program::KubeScheduler,
    Program::Kubelet,
    Program::Helm4,
    Program::Pause,
];

#[test]
fn pods_run() {
    in_namespaces_after(
        |test| {
            build_all(PROGRAMS)?;
            Parts::fetch(test)?;
            Ok(Cgroup::new())
        },
        async || {
            let plane = ControlPlane::start_at(Place::Cluster, BuiltInPodSecurity::On).unwrap();
            let node = Node::start(&plane, Parts::fetch("").unwrap()).await;
            let folder = support::process::Folder::new("images");
            node.import(&pause_image("registry.example/app:1", "1000").write(folder.path())).await;
            let admin = plane.user(Who::Admin).await;
            let namespace = plane.namespace("web", &[]).await;
            let pod = json!({"metadata": {"name": "web"}, "spec": {
                "containers": [{"name": "app", "image": "registry.example/app:1", "imagePullPolicy": "Never"}]}});
            admin.create(&objects::pods(&namespace), &pod).await.granted();
            until("the pod to run", PATIENCE, async || {
                let pod = admin.get(&objects::pod_path(&namespace, "web")).await.granted();
                eprintln!("{:#}", pod["status"]);
                (pod["status"]["phase"] == "Running").then_some(())
            })
            .await;
        },
    );
}
