//! A stand-in for kube-proxy and the cluster's name server: the Services of one namespace have their addresses
//! on the loopback device of the test's network namespace, what is dialled there goes to a random ready
//! endpoint, and their names are answered. The API server does not come this way: it dials endpoints itself.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::Value;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::runtime::Builder;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::names::answer;
use super::user::User;

/// The address of the name server.
pub(crate) const DNS: &str = "10.0.0.10";

/// Services by `name.namespace`.
pub(super) type Addresses = Arc<Mutex<BTreeMap<String, Ipv4Addr>>>;

/// Runs until dropped.
#[derive(Debug)]
pub(crate) struct Services {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Services {
    /// Serves the Services of this namespace, with the rights of the user of `kubeconfig`.
    pub(crate) fn start(kubeconfig: PathBuf, namespace: &str) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let (is_over, namespace) = (Arc::clone(&over), namespace.to_owned());
        let thread = thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                let user = User::new(&kubeconfig).await;
                follow(user, &namespace, &is_over).await;
            });
        });
        Self { over, thread: Some(thread) }
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn follow(user: User, namespace: &str, is_over: &AtomicBool) {
    let addresses = Addresses::default();
    own(DNS);
    let socket = UdpSocket::bind((DNS, 53)).await.unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(answer_names(socket, Arc::clone(&addresses)));
    let path = format!("/api/v1/namespaces/{namespace}/services");
    while !is_over.load(Ordering::SeqCst) {
        if let Ok(list) = user.try_get(&path).await {
            for service in list.body["items"].as_array().into_iter().flatten() {
                serve(&user, service, &addresses, &mut tasks).await;
            }
        }
        sleep(Duration::from_millis(200)).await;
    }
}

/// Serves the Service, unless it is already, or has no address.
async fn serve(user: &User, service: &Value, addresses: &Addresses, tasks: &mut JoinSet<()>) {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let (name, namespace) =
        (text(&service["metadata"]["name"]), text(&service["metadata"]["namespace"]));
    let Ok(address) = text(&service["spec"]["clusterIP"]).parse::<Ipv4Addr>() else {
        return;
    };
    let before = addresses.lock().unwrap().insert(format!("{name}.{namespace}"), address);
    if before == Some(address) {
        return;
    }
    own(&address.to_string());
    for port in service["spec"]["ports"].as_array().unwrap() {
        let number = u16::try_from(port["port"].as_u64().unwrap()).unwrap();
        let slices = format!(
            "/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices?labelSelector=kubernetes.io/service-name%3D{name}"
        );
        // One that was deleted and made again may have its address back.
        if let Ok(listener) = TcpListener::bind((address, number)).await {
            let port_name = port["name"].as_str().unwrap_or_default().to_owned();
            tasks.spawn(forward(listener, user.clone(), slices, port_name));
        }
    }
}

/// Gives this network namespace an address. It may have it already.
fn own(address: &str) {
    let _ =
        Command::new("ip").args(["addr", "add", &format!("{address}/32"), "dev", "lo"]).output();
}

async fn forward(listener: TcpListener, user: User, slices: String, port_name: String) {
    let mut connections = JoinSet::new();
    while let Ok((mut near, _)) = listener.accept().await {
        let Ok(list) = user.try_get(&slices).await else {
            continue;
        };
        let endpoints = ready_endpoints(&list.body, &port_name);
        // Without any, the connection is closed: nobody serves.
        if let Some(endpoint) = pick(&endpoints) {
            connections.spawn(async move {
                if let Ok(mut far) = TcpStream::connect(endpoint).await {
                    let _ = copy_bidirectional(&mut near, &mut far).await;
                }
            });
        }
    }
}

/// The ready endpoints of a list of EndpointSlices.
pub(crate) fn ready_endpoints(slices: &Value, port_name: &str) -> Vec<SocketAddr> {
    let mut found = Vec::new();
    for slice in slices["items"].as_array().into_iter().flatten() {
        let ports = slice["ports"].as_array().into_iter().flatten();
        let mut named = ports.filter(|port| port["name"].as_str().unwrap_or_default() == port_name);
        let Some(port) = named.next().and_then(|port| port["port"].as_u64()) else {
            continue;
        };
        for endpoint in slice["endpoints"].as_array().into_iter().flatten() {
            if endpoint["conditions"]["ready"] == true {
                let address: Ipv4Addr = endpoint["addresses"][0].as_str().unwrap().parse().unwrap();
                found.push(SocketAddr::from((address, u16::try_from(port).unwrap())));
            }
        }
    }
    found
}

fn pick(endpoints: &[SocketAddr]) -> Option<SocketAddr> {
    let random = usize::try_from(RandomState::new().hash_one(0) >> 33).unwrap();
    endpoints.get(random.checked_rem(endpoints.len())?).copied()
}

async fn answer_names(socket: UdpSocket, addresses: Addresses) {
    let mut query = [0; 512];
    while let Ok((length, client)) = socket.recv_from(&mut query).await {
        let addresses = addresses.lock().unwrap().clone();
        if let Some(answer) = answer(&query[..length], &addresses) {
            let _ = socket.send_to(&answer, client).await;
        }
    }
}
