//! A stand-in for two nodes: runs the pods of one namespace as a kubelet would, but as plain processes, each
//! in a network and a root of its own. Volumes, tokens, probes, restarts and graceful ends are as the pods
//! say, and their status is reported, so that kube-controller-manager keeps EndpointSlices, Deployments and
//! Jobs as in any cluster. It runs no other image than ours, and one container a pod.

mod env;
mod launch;
mod life;
pub(crate) mod network;
mod probes;
mod replica;
mod status;
mod volumes;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use http::Method;
use life::Life;
use serde_json::{Value, json};
use tokio::runtime::Builder;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::user::User;
pub(crate) use replica::Replica;
use status::now;

const NODES: [&str; 2] = ["node-1", "node-2"];

/// Whether programs that end are started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Restarts {
    /// As the pods say.
    Usual,
    /// Not until told otherwise, as if the nodes were away.
    Held,
}

/// What tests tell the nodelet, and hear from it.
#[derive(Debug, Default)]
struct Orders {
    held: AtomicBool,
    over: AtomicBool,
    /// By uid.
    replicas: Mutex<BTreeMap<String, Arc<Replica>>>,
}

impl Orders {
    fn restarts(&self) -> Restarts {
        if self.held.load(Ordering::SeqCst) { Restarts::Held } else { Restarts::Usual }
    }
}

/// Runs until dropped; its pods end with it.
#[derive(Debug)]
pub(crate) struct Nodelet {
    orders: Arc<Orders>,
    thread: Option<JoinHandle<()>>,
}

impl Nodelet {
    /// Runs the pods of this namespace, with the rights of the user of `kubeconfig` and files in `folder`.
    pub(crate) fn start(kubeconfig: PathBuf, namespace: &str, folder: &Path) -> Self {
        let orders = Arc::new(Orders::default());
        let pods = format!("/api/v1/namespaces/{namespace}/pods");
        let (theirs, folder) = (Arc::clone(&orders), folder.to_owned());
        let thread = thread::spawn(move || {
            let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
            runtime.unwrap().block_on(async {
                let user = User::new(&kubeconfig).await;
                let lives = JoinSet::new();
                Sync { user, orders: theirs, pods, folder, next_node: 0, lives }.follow().await;
            });
        });
        Self { orders, thread: Some(thread) }
    }

    /// The pods that it runs now, those that are ending too.
    pub(crate) fn replicas(&self) -> Vec<Arc<Replica>> {
        self.orders.replicas.lock().unwrap().values().cloned().collect()
    }

    /// Sets whether programs that end are started again.
    pub(crate) fn set_restarts(&self, restarts: Restarts) {
        self.orders.held.store(restarts == Restarts::Held, Ordering::SeqCst);
    }
}

impl Drop for Nodelet {
    fn drop(&mut self) {
        self.orders.over.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        if thread::panicking() {
            for replica in self.replicas() {
                eprintln!("{}:\n{}", replica.name(), replica.log());
            }
        }
    }
}

/// Follows the pods of the namespace.
struct Sync {
    user: User,
    orders: Arc<Orders>,
    /// Where they are listed.
    pods: String,
    folder: PathBuf,
    next_node: usize,
    lives: JoinSet<()>,
}

impl Sync {
    async fn follow(mut self) {
        let mut beat: Option<Instant> = None;
        while !self.orders.over.load(Ordering::SeqCst) {
            if beat.is_none_or(|at| at.elapsed() > Duration::from_secs(10)) {
                beat = self.beat().await.then(Instant::now);
            }
            if let Ok(list) = self.user.try_get(&self.pods).await
                && list.code == 200
            {
                self.sync(list.body["items"].as_array().unwrap()).await;
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Says that the nodes are well; whether it was heard.
    async fn beat(&self) -> bool {
        let mut all_heard = true;
        for node in NODES {
            let object = json!({
                "metadata": {"name": node, "labels": {"kubernetes.io/os": "linux", "kubernetes.io/hostname": node}},
            });
            let ready = json!({"type": "Ready", "status": "True", "reason": "KubeletReady", "lastHeartbeatTime": now()});
            let status = json!({"status": {
                "conditions": [ready],
                "capacity": {"cpu": "8", "memory": "16Gi", "pods": "110"},
                "allocatable": {"cpu": "8", "memory": "16Gi", "pods": "110"},
            }});
            let at = format!("/api/v1/nodes/{node}");
            self.ask(Method::POST, "/api/v1/nodes", "application/json", &object).await;
            let at = format!("{at}/status");
            all_heard &=
                self.ask(Method::PATCH, &at, "application/merge-patch+json", &status).await;
        }
        all_heard
    }

    async fn ask(&self, method: Method, path: &str, content_type: &str, body: &Value) -> bool {
        let answer = self.user.try_ask(method, path, Some((content_type, body))).await;
        answer.is_ok_and(|answer| answer.code < 300)
    }

    async fn sync(&mut self, pods: &[Value]) {
        for pod in pods {
            let uid = pod["metadata"]["uid"].as_str().unwrap();
            let known = self.orders.replicas.lock().unwrap().get(uid).cloned();
            match known {
                Some(replica) => follow_deletion(&replica, pod),
                None if pod["spec"]["nodeName"].is_null() => self.bind(pod).await,
                None => self.begin(uid, pod.clone()),
            }
        }
        for (uid, replica) in self.orders.replicas.lock().unwrap().iter() {
            let is_there = pods.iter().any(|pod| pod["metadata"]["uid"] == *uid);
            if !is_there {
                // Somebody deleted it by force.
                replica.deletion.lock().unwrap().get_or_insert(0);
            }
        }
    }

    async fn bind(&mut self, pod: &Value) {
        let name = pod["metadata"]["name"].as_str().unwrap();
        let node = NODES[self.next_node % NODES.len()];
        self.next_node += 1;
        let binding = json!({
            "metadata": {"name": name},
            "target": {"apiVersion": "v1", "kind": "Node", "name": node},
        });
        let path = format!("{}/{name}/binding", self.pods);
        self.ask(Method::POST, &path, "application/json", &binding).await;
    }

    fn begin(&mut self, uid: &str, pod: Value) {
        let folder = self.folder.join(uid);
        fs::create_dir_all(&folder).unwrap();
        let replica = Arc::new(Replica::new(pod, folder));
        follow_deletion(&replica, &replica.pod);
        self.orders.replicas.lock().unwrap().insert(uid.to_owned(), Arc::clone(&replica));
        let (user, orders, uid) = (self.user.clone(), Arc::clone(&self.orders), uid.to_owned());
        self.lives.spawn(async move {
            Life::new(user, replica, Arc::clone(&orders)).live().await;
            orders.replicas.lock().unwrap().remove(&uid);
        });
    }
}

fn follow_deletion(replica: &Replica, pod: &Value) {
    if !pod["metadata"]["deletionTimestamp"].is_null() {
        let grace = pod["metadata"]["deletionGracePeriodSeconds"].as_u64().unwrap_or(0);
        replica.deletion.lock().unwrap().get_or_insert(grace);
    }
}
