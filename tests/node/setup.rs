//! A cluster with one real node, and the images that the tests run.

use std::path::Path;

use serde_json::Value;

use crate::{
    image,
    support::{
        control_plane::{BuiltInPodSecurity, ControlPlane, Place, Who},
        go::Program,
        helm::{Helm, RELEASE},
        node::{Node, parts::Parts, pause_image},
        objects::pods,
        process::Folder,
        services::Services,
        user::User,
        wait::{PATIENCE, until},
    },
};

pub(crate) const PROGRAMS: &[Program] = &[
    Program::Etcd,
    Program::KubeApiserver,
    Program::KubeControllerManager,
    Program::KubeScheduler,
    Program::Kubelet,
    Program::Helm4,
    Program::Pause,
];

/// An image that runs as a numeric user.
pub(crate) const APP: &str = "registry.example/app:1";

/// An image without a user, which runs as root.
pub(crate) const ROOT: &str = "registry.example/root:1";

/// The cluster. Its parts end in the order of the fields.
pub(crate) struct NodeSetup {
    _services: Services,
    pub(crate) node: Node,
    pub(crate) helm: Helm,
    pub(crate) admin: User,
    pub(crate) plane: ControlPlane,
}

impl NodeSetup {
    pub(crate) async fn start() -> Self {
        // The built-in admission enforces the labels of namespaces; the tests' namespaces use our labels.
        let plane = ControlPlane::start_with(Place::Cluster, BuiltInPodSecurity::On, &[]).unwrap();
        let kubeconfig = plane.kubeconfig(Who::Admin);
        let services = Services::start(kubeconfig.clone(), RELEASE);
        let node = Node::start(&plane, Parts::fetch().unwrap()).await;
        let folder = Folder::new("images");
        import(&node, folder.path()).await;
        let admin = plane.user(Who::Admin).await;
        Self {
            _services: services,
            node,
            helm: Helm::new(Program::Helm4, kubeconfig),
            admin,
            plane,
        }
    }

    /// A namespace in which our server enforces restricted, with further labels.
    pub(crate) async fn strict(&self, base: &str, labels: &[(&str, &str)]) -> String {
        let strict = [("portcullis.dev/enforce", "restricted")];
        self.plane.namespace(base, &[&strict, labels].concat()).await
    }

    /// The pods of a namespace that match a selector and are not terminating, once `fits` accepts them.
    pub(crate) async fn pods(
        &self,
        what: &str,
        namespace: &str,
        selector: &str,
        fits: impl Fn(&[Value]) -> bool,
    ) -> Vec<Value> {
        let path = format!("{}?labelSelector={}", pods(namespace), selector.replace('=', "%3D"));
        until(what, 2 * PATIENCE, async || {
            let list = self.admin.get(&path).await.granted();
            let mut items = list["items"].as_array().unwrap().clone();
            items.retain(|pod| pod["metadata"]["deletionTimestamp"].is_null());
            fits(&items).then_some(items)
        })
        .await
    }
}

/// Whether there are this many pods, all ready.
pub(crate) fn are_ready(pods: &[Value], count: usize) -> bool {
    pods.len() == count && pods.iter().all(is_ready)
}

fn is_ready(pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
    conditions.into_iter().any(|one| one["type"] == "Ready" && one["status"] == "True")
}

async fn import(node: &Node, folder: &Path) {
    for image in [pause_image(APP, "1000"), pause_image(ROOT, ""), image::ours(folder)] {
        node.import(&image.write(folder)).await;
    }
}
