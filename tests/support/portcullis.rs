//! Our server, run as a user runs it and registered with a control plane.

use std::path::Path;
use std::process::{Command, ExitStatus};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::certificates::Serving;
use super::control_plane::{ControlPlane, Who, namespace, unique_name};
use super::process::{Folder, Process, free_port};
use super::user::Answer;
use super::wait::{PATIENCE, until};
use super::webhooks::{SERVER_LABEL, register};

/// A running server, killed when dropped.
#[derive(Debug)]
pub(crate) struct Portcullis {
    process: Process,
    id: String,
    pub(crate) port: u16,
    pub(crate) admin_port: u16,
    pub(crate) serving: Serving,
    folder: Folder,
}

impl Portcullis {
    /// Starts `portcullis serve` with a configuration file's text, if any, and further
    /// flags; registers it for its own namespaces; and waits until both sides are ready.
    pub(crate) async fn start(
        plane: &ControlPlane,
        configuration: Option<&str>,
        flags: &[&str],
    ) -> Self {
        let mut server = Self::launch(plane, configuration, flags);
        server.wait_ready().await;
        server.register(plane).await;
        server
    }

    /// Starts it, and neither registers it nor waits for anything.
    pub(crate) fn launch(
        plane: &ControlPlane,
        configuration: Option<&str>,
        flags: &[&str],
    ) -> Self {
        Self::launch_by(&plane.kubeconfig(Who::Portcullis), configuration, flags)
    }

    /// The same with a kubeconfig of the test's own.
    pub(crate) fn launch_by(
        kubeconfig: &Path,
        configuration: Option<&str>,
        flags: &[&str],
    ) -> Self {
        Self::launch_in(&[], kubeconfig, configuration, flags)
    }

    /// The same, run by another program: the beginning of its command line.
    pub(crate) fn launch_in(
        runner: &[String],
        kubeconfig: &Path,
        configuration: Option<&str>,
        flags: &[&str],
    ) -> Self {
        let folder = Folder::new("portcullis");
        let serving = Serving::new(&folder);
        let (port, admin_port) = (free_port(), free_port());
        let program = env!("CARGO_BIN_EXE_portcullis");
        let mut words = runner.iter().map(String::as_str).chain([program]);
        let mut command = Command::new(words.next().unwrap_or(program));
        command.args(words);
        command.arg("serve").arg("--kubeconfig").arg(kubeconfig);
        command.args(["--bind-address", "127.0.0.1"]);
        command.args(["--secure-port", &port.to_string(), "--admin-port", &admin_port.to_string()]);
        command.arg("--tls-cert-file").arg(&serving.certificate);
        command.arg("--tls-private-key-file").arg(&serving.key);
        if let Some(text) = configuration {
            command.arg("--config").arg(folder.write("config.yaml", text));
        }
        command.args(flags);
        let process = Process::start(&command, &folder.path().join("portcullis.log"));
        Self { process, id: unique_name("server"), port, admin_port, serving, folder }
    }

    /// Registers it for its own namespaces, and waits until the API server calls it.
    pub(crate) async fn register(&self, plane: &ControlPlane) {
        let admin = plane.user(Who::Admin).await;
        register(&admin, &self.id, self.port, &self.serving.authority_pem).await;
    }

    /// A namespace whose requests come to this server.
    pub(crate) async fn namespace(
        &self,
        plane: &ControlPlane,
        base: &str,
        labels: &[(&str, &str)],
    ) -> String {
        plane.namespace(base, &self.with_own_label(labels)).await
    }

    /// The answer to creating such a namespace, and its name, where that itself is tested.
    pub(crate) async fn try_namespace(
        &self,
        plane: &ControlPlane,
        base: &str,
        labels: &[(&str, &str)],
    ) -> (String, Answer) {
        let name = unique_name(base);
        let object = namespace(&name, &self.with_own_label(labels));
        let answer = plane.user(Who::Admin).await.create("/api/v1/namespaces", &object).await;
        (name, answer)
    }

    /// These labels, and the one that brings a namespace's requests to this server.
    pub(crate) fn with_own_label<'a>(
        &'a self,
        labels: &[(&'a str, &'a str)],
    ) -> Vec<(&'a str, &'a str)> {
        let mut labels = labels.to_vec();
        labels.push((SERVER_LABEL, &self.id));
        labels
    }

    /// A page of the admin port: the code and the body.
    pub(crate) async fn page(&self, path: &str) -> Option<(u16, String)> {
        page(self.admin_port, path).await
    }

    /// A signal, such as `TERM`.
    pub(crate) fn signal(&mut self, name: &str) {
        self.process.signal(name);
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.process.ended().is_some()
    }

    /// Waits for the server to end by itself.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        until("portcullis to end", PATIENCE, async || self.process.ended()).await
    }

    /// The end of the server's log.
    pub(crate) fn log_tail(&self) -> String {
        self.process.log_tail()
    }

    /// The server's whole log.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("portcullis.log")).unwrap()
    }

    /// The folder of its configuration, certificates and log.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Waits until it says that it is ready.
    pub(crate) async fn wait_ready(&mut self) {
        until("portcullis to be ready", PATIENCE, async || {
            assert!(
                self.process.ended().is_none(),
                "portcullis ended: {}",
                self.process.log_tail()
            );
            page(self.admin_port, "/readyz").await.filter(|(code, _)| *code == 200)
        })
        .await;
    }
}

/// GETs a page of a plain HTTP port, or `None` while nothing listens there.
pub(crate) async fn page(port: u16, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
    let request = format!("GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let code = head.split(' ').nth(1)?.parse().ok()?;
    Some((code, body.to_owned()))
}
