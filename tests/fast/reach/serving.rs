//! The server reaches its API server only through a proxy: lists and watches, which are endless streams.

use std::{fs, path::PathBuf};

use serde_json::{Value, json};

use crate::{
    reach::proxy::{Proxy, Speaks},
    support::{
        control_plane::{ControlPlane, Who},
        portcullis::Portcullis,
        process::Folder,
        user::User,
        wait::{PATIENCE, until},
    },
};

const ENFORCE: &str = "pod-security.kubernetes.io/enforce";

#[tokio::test(flavor = "multi_thread")]
async fn the_server_watches_through_a_proxy_of_its_kubeconfig() {
    for (scheme, speaks) in [("http", Speaks::Connect), ("socks5", Speaks::Socks5)] {
        let url = |port| format!("{scheme}://127.0.0.1:{port}");
        watches_through(speaks, |port| json!({"proxy-url": url(port)}), |_| Vec::new()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_watches_through_a_proxy_of_its_environment() {
    let runner = |port| ["env".to_owned(), format!("HTTPS_PROXY=http://127.0.0.1:{port}")].to_vec();
    watches_through(Speaks::Connect, |_| json!({}), runner).await;
}

/// Starts a server with these fields of the cluster in its kubeconfig, run by this program, and changes labels that
/// only a watch can report.
async fn watches_through(
    speaks: Speaks,
    cluster: impl Fn(u16) -> Value,
    runner: impl Fn(u16) -> Vec<String>,
) {
    let Ok(plane) = ControlPlane::shared() else {
        return;
    };
    let folder = Folder::new("serving");
    let (mut config, port) = kubeconfig(plane);
    let proxy = tokio::task::block_in_place(|| Proxy::start(speaks, None, Some(port)));
    let fields = config["clusters"][0]["cluster"].as_object_mut().unwrap();
    // Only the proxy can resolve this name, so no connection can bypass it.
    fields.insert("server".to_owned(), json!("https://api.example:6443"));
    fields.insert("tls-server-name".to_owned(), json!("127.0.0.1"));
    fields.extend(cluster(proxy.port).as_object().unwrap().clone());
    let file: PathBuf = folder.write("kubeconfig", config.to_string());

    let mut server = Portcullis::launch_in(&runner(proxy.port), &file, None, &[]);
    server.wait_ready().await;
    server.register(plane).await;
    let admin = plane.user(Who::Admin).await;
    let namespace = server.namespace(plane, "served", &[(ENFORCE, "restricted")]).await;
    await_code(&admin, &namespace, 403).await;
    relabel(&admin, &namespace, "privileged").await;
    await_code(&admin, &namespace, 201).await;
    // Like a proxy that closes long-lived connections.
    proxy.cut();
    relabel(&admin, &namespace, "restricted").await;
    await_code(&admin, &namespace, 403).await;
    let asked = proxy.asked();
    assert!(asked.len() > 1 && asked.iter().all(|place| place == "api.example:6443"), "{asked:?}");
    tokio::task::block_in_place(|| drop(proxy));
}

/// The server's kubeconfig, and the port of the API server.
fn kubeconfig(plane: &ControlPlane) -> (Value, u16) {
    let text = fs::read_to_string(plane.kubeconfig(Who::Portcullis)).unwrap();
    let config: Value = serde_json::from_str(&text).unwrap();
    let server = config["clusters"][0]["cluster"]["server"].as_str().unwrap();
    let port = server.rsplit_once(':').unwrap().1.parse().unwrap();
    (config, port)
}

async fn relabel(admin: &User, namespace: &str, level: &str) {
    let labels = json!({"metadata": {"labels": {ENFORCE: level}}});
    admin.merge(&format!("/api/v1/namespaces/{namespace}"), &labels).await.granted();
}

/// Waits until a pod that violates restricted gets this response.
async fn await_code(admin: &User, namespace: &str, code: u16) {
    let pod = json!({
        "metadata": {"name": "probe"},
        "spec": {"hostNetwork": true, "containers": [{"name": "app", "image": "app"}]},
    });
    let path = format!("/api/v1/namespaces/{namespace}/pods?dryRun=All");
    until(&format!("the verdict {code}"), PATIENCE, async || {
        (admin.create(&path, &pod).await.code == code).then_some(())
    })
    .await;
}
