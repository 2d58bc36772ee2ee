//! A real etcd, kube-apiserver and kube-controller-manager on loopback ports.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::panic::Location;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock};
use std::thread;

use rcgen::KeyPair;
use serde_json::{Value, json};

use super::audit;
use super::certificates::Serving;
use super::go::{Program, build, require_go};
use super::process::{Folder, Process, free_port};
use super::skip::Skip;
use super::user::User;
use super::wait::{PATIENCE, until};

/// The built-in Pod Security admission, which would respond instead of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BuiltInPodSecurity {
    Off,
    On,
}

/// Where the API server listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A free port of 127.0.0.1.
    Loopback,
    /// The address of the Service `kubernetes`, where pods look for it. Needs a separate network namespace, with
    /// [`KUBERNETES`] on its loopback device.
    Cluster,
}

/// The address of the Service `kubernetes`.
pub(crate) const KUBERNETES: &str = "10.0.0.1";

impl Place {
    fn address(self) -> &'static str {
        match self {
            Self::Loopback => "127.0.0.1",
            Self::Cluster => KUBERNETES,
        }
    }

    fn port(self) -> u16 {
        match self {
            Self::Loopback => free_port(),
            Self::Cluster => 443,
        }
    }
}

/// The users that the API server knows. Tests grant further permissions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    /// May do anything.
    Admin,
    /// May what the cluster role `edit` allows, in all namespaces.
    Developer,
    /// The same rights, for a test to exempt.
    ReleaseBot,
    /// Reads namespaces and pods: what our server needs.
    Portcullis,
    /// A kubelet, which may make pods and mirror pods.
    Kubelet,
}

/// Groups with a comma in the token file are quoted.
const USERS: [(Who, &str, &str); 5] = [
    (Who::Admin, "admin", "system:masters"),
    (Who::Developer, "dev", "people"),
    (Who::ReleaseBot, "release-bot", "programs"),
    (Who::Portcullis, "portcullis", "programs"),
    (Who::Kubelet, "system:node:node-1", "system:nodes"),
];

/// A running control plane. It ends and its files are removed when dropped, and when the test process ends. Fields are
/// dropped in order, because the API server would take long to end without etcd.
#[derive(Debug)]
pub(crate) struct ControlPlane {
    controllers: Process,
    apiserver: Process,
    etcd: Process,
    start_etcd: Command,
    start_apiserver: Command,
    folder: Folder,
    serving: Serving,
}

impl ControlPlane {
    /// The control plane that the tests of the calling folder share, without the built-in Pod Security. Tests of other
    /// folders do not affect it. Tests use separate namespaces, and leave it running.
    #[track_caller]
    pub(crate) fn shared() -> Result<&'static Self, Skip> {
        static SHARED: Mutex<BTreeMap<&Path, &OnceLock<ControlPlane>>> =
            Mutex::new(BTreeMap::new());
        // Each test that is skipped says so, not only the first.
        require_go()?;
        let folder = Path::new(Location::caller().file()).parent().unwrap();
        let shared =
            *SHARED.lock().unwrap().entry(folder).or_insert_with(|| Box::leak(Box::default()));
        Ok(shared
            .get_or_init(|| Self::start(BuiltInPodSecurity::Off).expect("Go was there just now")))
    }

    /// Starts a control plane, and returns when it serves and has created the first service account.
    pub(crate) fn start(pod_security: BuiltInPodSecurity) -> Result<Self, Skip> {
        Self::start_with(Place::Loopback, pod_security, &[])
    }

    /// Starts at another place, and with further flags of kube-apiserver.
    pub(crate) fn start_with(
        place: Place,
        pod_security: BuiltInPodSecurity,
        flags: &[String],
    ) -> Result<Self, Skip> {
        let etcd = build(Program::Etcd)?;
        let apiserver = build(Program::KubeApiserver)?;
        let controllers = build(Program::KubeControllerManager)?;

        let folder = Folder::new("control-plane");
        let serving = Serving::under(&folder, &[KUBERNETES, "kubernetes.default.svc"]);
        let accounts = KeyPair::generate().unwrap();
        folder.write("service-accounts.key", accounts.serialize_pem());
        folder.write("service-accounts.pub", accounts.public_key_pem());
        let port = place.port();
        write_users(&folder, &serving, &format!("https://{}:{port}", place.address()));

        let etcd_port = free_port();
        let start_etcd = etcd_command(&etcd, &folder, etcd_port);
        let etcd = Process::start(&start_etcd, &folder.path().join("etcd.log"));
        let mut start_apiserver =
            apiserver_command(&apiserver, &folder, &serving, etcd_port, pod_security);
        start_apiserver.args(listen(place, port));
        start_apiserver.args(flags);
        let mut apiserver = Process::start(&start_apiserver, &folder.path().join("apiserver.log"));
        let admin = kubeconfig(&folder, "admin");
        on_a_runtime(async || wait_ready(&admin, &mut apiserver).await);
        let controllers = start_controllers(&controllers, &folder, &serving, &[]);
        on_a_runtime(async || {
            let admin = User::new(&admin).await;
            grant_roles(&admin).await;
            wait_for_service_account(&admin, "default").await;
        });
        Ok(Self { controllers, apiserver, etcd, start_etcd, start_apiserver, folder, serving })
    }

    /// A client for this user, for the current runtime.
    pub(crate) async fn user(&self, who: Who) -> User {
        User::new(&self.kubeconfig(who)).await
    }

    /// The path of this user's kubeconfig file.
    pub(crate) fn kubeconfig(&self, who: Who) -> PathBuf {
        let (_, name, _) = USERS.into_iter().find(|(user, ..)| *user == who).unwrap();
        kubeconfig(&self.folder, name)
    }

    /// Creates a namespace with a unique name that starts with `base`, and waits until pods can be created in it.
    pub(crate) async fn namespace(&self, base: &str, labels: &[(&str, &str)]) -> String {
        let admin = self.user(Who::Admin).await;
        let name = unique_name(base);
        admin.create("/api/v1/namespaces", &namespace(&name, labels)).await.granted();
        wait_for_service_account(&admin, &name).await;
        name
    }

    /// Kills the API server and starts it again: same port, same etcd.
    pub(crate) async fn restart_apiserver(&mut self) {
        self.stop_apiserver();
        self.start_apiserver().await;
    }

    /// Kills the API server.
    pub(crate) fn stop_apiserver(&mut self) {
        self.apiserver.kill();
    }

    /// Starts the API server that was stopped: same port, same etcd.
    pub(crate) async fn start_apiserver(&mut self) {
        self.apiserver =
            Process::start(&self.start_apiserver, &self.folder.path().join("apiserver.log"));
        wait_ready(&self.kubeconfig(Who::Admin), &mut self.apiserver).await;
    }

    /// Kills the controllers: Deployments get no more pods, and new namespaces no service accounts.
    pub(crate) fn stop_controllers(&mut self) {
        self.controllers.kill();
    }

    /// Restarts the controllers with separate accounts, as on most clusters; before that, all of them act as the admin.
    pub(crate) fn give_controllers_accounts(&mut self) {
        self.controllers.kill();
        let program = build(Program::KubeControllerManager).expect("it was built before");
        let accounts = ["--use-service-account-credentials"];
        self.controllers = start_controllers(&program, &self.folder, &self.serving, &accounts);
    }

    /// Kills etcd. The API server then only answers reads from its caches.
    pub(crate) fn stop_etcd(&mut self) {
        self.etcd.kill();
    }

    /// Starts the etcd that was stopped: same ports, same data.
    pub(crate) fn start_etcd(&mut self) {
        self.etcd = Process::start(&self.start_etcd, &self.folder.path().join("etcd.log"));
    }

    /// The address of etcd: `http://127.0.0.1:PORT`.
    pub(crate) fn etcd(&self) -> &str {
        let mut flags = self.start_apiserver.get_args().filter_map(|flag| flag.to_str());
        flags.find_map(|flag| flag.strip_prefix("--etcd-servers=")).unwrap()
    }

    /// The CA of the API server's certificate, in PEM.
    pub(crate) fn authority_pem(&self) -> &str {
        &self.serving.authority_pem
    }

    /// Waits for the first matching event of the audit log; `what` is the message if none arrives.
    pub(crate) async fn audit_event(&self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        audit::event(&self.folder.path().join("audit.log"), what, fits).await
    }

    /// All events of the audit log so far.
    pub(crate) fn audit_events(&self) -> Vec<Value> {
        audit::events(&self.folder.path().join("audit.log"))
    }

    /// The end of the API server's log.
    pub(crate) fn apiserver_log(&self) -> String {
        self.apiserver.log_tail()
    }
}

/// A name that is unique in this process.
pub(crate) fn unique_name(base: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("{base}-{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// A Namespace object.
pub(crate) fn namespace(name: &str, labels: &[(&str, &str)]) -> Value {
    let labels: serde_json::Map<String, Value> =
        labels.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
}

fn etcd_command(program: &Path, folder: &Folder, port: u16) -> Command {
    let clients = format!("http://127.0.0.1:{port}");
    let peers = format!("http://127.0.0.1:{}", free_port());
    let mut command = Command::new(program);
    command
        .arg(flag("data-dir", folder.path().join("etcd").display()))
        .arg(flag("listen-client-urls", &clients))
        .arg(flag("advertise-client-urls", &clients))
        .arg(flag("listen-peer-urls", &peers))
        .arg(flag("initial-advertise-peer-urls", &peers))
        .arg(flag("initial-cluster", format!("default={peers}")))
        // The data need not survive a crash of the machine.
        .arg("--unsafe-no-fsync")
        .arg("--log-level=warn");
    command
}

fn apiserver_command(
    program: &Path,
    folder: &Folder,
    serving: &Serving,
    etcd_port: u16,
    pod_security: BuiltInPodSecurity,
) -> Command {
    let at = |name: &str| folder.path().join(name);
    let mut command = Command::new(program);
    command
        .arg(flag("etcd-servers", format!("http://127.0.0.1:{etcd_port}")))
        .arg(flag("cert-dir", at("apiserver").display()))
        .arg(flag("tls-cert-file", serving.certificate.display()))
        .arg(flag("tls-private-key-file", serving.key.display()))
        .arg(flag("service-account-key-file", at("service-accounts.pub").display()))
        .arg(flag("service-account-signing-key-file", at("service-accounts.key").display()))
        .arg("--service-account-issuer=https://kubernetes.default.svc")
        .arg(flag("token-auth-file", at("tokens.csv").display()))
        .arg("--authorization-mode=RBAC")
        .arg("--service-cluster-ip-range=10.0.0.0/24")
        .arg("--endpoint-reconciler-type=none")
        .arg("--allow-privileged")
        .arg(flag("audit-policy-file", folder.write("audit-policy.yaml", audit::POLICY).display()))
        .arg(flag("audit-log-path", at("audit.log").display()))
        .arg("--audit-log-mode=blocking");
    if pod_security == BuiltInPodSecurity::Off {
        command.arg("--disable-admission-plugins=PodSecurity");
    }
    command
}

fn listen(place: Place, port: u16) -> Vec<String> {
    let mut flags = vec![
        flag("bind-address", place.address()),
        flag("advertise-address", place.address()),
        flag("secure-port", port),
    ];
    if place == Place::Cluster {
        // Webhooks are then called at a Service's endpoints: nothing serves its cluster IP.
        flags.push("--enable-aggregator-routing=true".to_owned());
        flags.push("--kubelet-preferred-address-types=InternalIP".to_owned());
    }
    flags
}

fn start_controllers(
    program: &Path,
    folder: &Folder,
    serving: &Serving,
    flags: &[&str],
) -> Process {
    let mut command = Command::new(program);
    command
        .arg(flag("kubeconfig", kubeconfig(folder, "admin").display()))
        .arg(flag(
            "service-account-private-key-file",
            folder.path().join("service-accounts.key").display(),
        ))
        .arg(flag("root-ca-file", serving.authority.display()))
        // Without a port of its own, and without waiting for a lease.
        .args(["--secure-port=0", "--leader-elect=false"])
        // The standard limit of 20 requests a second would make tests wait for namespaces.
        .args(["--kube-api-qps=500", "--kube-api-burst=1000"])
        .args(flags);
    Process::start(&command, &folder.path().join("controllers.log"))
}

fn write_users(folder: &Folder, serving: &Serving, server: &str) {
    let mut tokens = String::new();
    for (_, name, group) in USERS {
        tokens += &format!("{name}-token,{name},{name},{group}\n");
        let config = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "tests",
            "clusters": [{"name": "tests", "cluster": {
                "server": server,
                "certificate-authority": serving.authority,
            }}],
            "users": [{"name": name, "user": {"token": format!("{name}-token")}}],
            "contexts": [{"name": "tests", "context": {"cluster": "tests", "user": name}}],
        });
        folder.write(&kubeconfig_name(name), config.to_string());
    }
    folder.write("tokens.csv", tokens);
}

fn kubeconfig(folder: &Folder, user: &str) -> PathBuf {
    folder.path().join(kubeconfig_name(user))
}

fn kubeconfig_name(user: &str) -> String {
    format!("{}.kubeconfig", user.replace(':', "-"))
}

async fn wait_ready(admin: &Path, apiserver: &mut Process) {
    let admin = User::new(admin).await;
    let answered = until("kube-apiserver to be ready", PATIENCE, async || {
        if apiserver.ended().is_some() {
            return Some(Err(apiserver.log_tail()));
        }
        let ready = admin.try_get("/readyz").await.is_ok_and(|answer| answer.code == 200);
        ready.then_some(Ok(()))
    });
    answered.await.unwrap_or_else(|log| panic!("kube-apiserver ended: {log}"));
}

/// Waits for the account, without which no pods can be created.
pub(crate) async fn wait_for_service_account(admin: &User, namespace: &str) {
    let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/default");
    let what = format!("the service account of namespace {namespace}");
    until(&what, PATIENCE, async || (admin.get(&path).await.code == 200).then_some(())).await;
}

async fn grant_roles(admin: &User) {
    let roles = "/apis/rbac.authorization.k8s.io/v1/clusterroles";
    let reader = json!({
        "metadata": {"name": "tests-portcullis"},
        "rules": [
            {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get", "list", "watch"]},
            {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]},
        ],
    });
    let node = json!({
        "metadata": {"name": "kubelet"},
        "rules": [{"apiGroups": [""], "resources": ["pods", "pods/status"], "verbs": ["*"]}],
    });
    for role in [reader, node] {
        admin.create(roles, &role).await.granted();
    }
    let bindings = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings";
    for (user, role) in [
        ("dev", "edit"),
        ("release-bot", "edit"),
        ("portcullis", "tests-portcullis"),
        ("system:node:node-1", "kubelet"),
    ] {
        let binding = json!({
            "metadata": {"name": format!("test:{user}")},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
        });
        admin.create(bindings, &binding).await.granted();
    }
}

/// Runs to completion whether or not the caller is on a runtime.
fn on_a_runtime<T: Send>(work: impl AsyncFnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        let worker = scope.spawn(|| {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap()
                .block_on(work())
        });
        worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn flag(name: &str, value: impl Display) -> String {
    format!("--{name}={value}")
}
