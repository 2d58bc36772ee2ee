//! A real node: kubelet, containerd and runc, and a scheduler for the control plane. Everything runs in the test's own
//! namespaces and control group, with separate files, so that the machine stays unchanged.

pub(crate) mod cgroup;
mod config;
pub(crate) mod images;
pub(crate) mod parts;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use super::control_plane::{ControlPlane, Who};
use super::go::{Program, build};
use super::namespaces::ROUTER;
use super::process::Process;
use super::wait::{PATIENCE, until};
use images::Image;
use parts::Parts;

/// The node's name.
const NAME: &str = "node-1";

/// Kernel settings that the kubelet requires, and would set for the whole machine.
const KERNEL: [(&str, &str); 3] =
    [("vm/overcommit_memory", "1"), ("kernel/panic", "10"), ("kernel/panic_on_oops", "1")];

/// A running node. Its parts end in the order of the fields.
#[derive(Debug)]
pub(crate) struct Node {
    scheduler: Process,
    kubelet: Process,
    containerd: Process,
    parts: Parts,
    folder: PathBuf,
}

impl Node {
    /// Starts a node in [`super::namespaces::in_namespaces_after`], with fetched parts and a [`cgroup::Cgroup`], and
    /// returns when it is ready.
    pub(crate) async fn start(plane: &ControlPlane, parts: Parts) -> Self {
        // On a separate file system of this test: mounts of pods prevent its removal.
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("node");
        fs::create_dir_all(&folder).unwrap();
        prepare_mounts(&folder);
        let containerd = start_containerd(&parts, &folder);
        let admin = plane.user(Who::Admin).await;
        let kubeconfig = plane.kubeconfig(Who::Admin);
        let mut scheduler = Command::new(build(Program::KubeScheduler).unwrap());
        scheduler.args(["--leader-elect=false", "--secure-port=0"]);
        scheduler.arg(format!("--kubeconfig={}", kubeconfig.display()));
        let scheduler = Process::start(&scheduler, &folder.join("scheduler.log"));

        let pause = pause_image(config::PAUSE, "");
        let mut node = Self {
            scheduler,
            // Started below, when containerd can make sandboxes.
            kubelet: Process::start(&Command::new("true"), &folder.join("kubelet.log")),
            containerd,
            parts,
            folder,
        };
        node.import(&pause.write(&node.folder)).await;
        node.kubelet = start_kubelet(&node.folder, &kubeconfig);
        until("the node to be ready", PATIENCE, async || {
            assert!(node.kubelet.ended().is_none(), "{}", node.kubelet.log_tail());
            let object = admin.try_get(&format!("/api/v1/nodes/{NAME}")).await.ok()?.body;
            let conditions = object["status"]["conditions"].as_array()?;
            let ready = conditions.iter().find(|condition| condition["type"] == "Ready")?;
            (ready["status"] == "True").then_some(())
        })
        .await;
        node
    }

    /// Imports the images of an archive.
    pub(crate) async fn import(&self, archive: &Path) {
        let mut command = self.ctr();
        command.args(["images", "import"]).arg(archive);
        until(&format!("{} to be imported", archive.display()), PATIENCE, async || {
            let output = command.output().unwrap();
            // The socket may not exist yet.
            output.status.success().then_some(())
        })
        .await;
    }

    /// The process of the pod's only container.
    pub(crate) fn pid(&self, container_id: &str) -> u32 {
        let id = container_id.trim_start_matches("containerd://");
        let output = self.ctr().args(["tasks", "list"]).output().unwrap();
        let list = String::from_utf8(output.stdout).unwrap();
        let line = list.lines().find(|line| line.starts_with(id));
        let line = line.unwrap_or_else(|| panic!("no task {id}:\n{list}"));
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// The ends of the containers' logs, in folders `namespace_pod_uid/container/`.
    fn print_logs_of_pods(&self) {
        let find = ["-name", "*.log", "-exec", "tail", "--verbose", "--lines=20", "{}", "+"];
        let mut command = Command::new("find");
        let output = command.arg(self.folder.join("pod-logs")).args(find).output();
        if let Ok(output) = output {
            eprintln!("{}", String::from_utf8_lossy(&output.stdout));
        }
    }

    fn ctr(&self) -> Command {
        let mut command = self.parts.command("ctr");
        command.args(["--address", "/run/containerd-tests.sock", "--namespace", "k8s.io"]);
        command
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if thread::panicking() {
            self.print_logs_of_pods();
        }
    }
}

/// An image whose program waits for a signal.
pub(crate) fn pause_image<'a>(name: &'a str, user: &str) -> Image<'a> {
    let program = build(Program::Pause).unwrap();
    Image {
        name,
        user: user.to_owned(),
        entrypoint: vec!["/pause".to_owned()],
        files: vec![(program, "/pause".to_owned())],
    }
}

/// Mounts private folders over system folders that are written to, and over the kernel's settings that the kubelet
/// requires.
fn prepare_mounts(folder: &Path) {
    for path in ["/var/log", "/var/lib"] {
        mount(&["-t", "tmpfs", "tmpfs", path]);
    }
    for (setting, value) in KERNEL {
        let file = write(folder, &setting.replace('/', "-"), &format!("{value}\n"));
        mount(&["--bind", file.to_str().unwrap(), &format!("/proc/sys/{setting}")]);
    }
    // Containers get their volumes through it.
    mount(&["--make-rshared", "/"]);
}

fn mount(words: &[&str]) {
    let output = Command::new("mount").args(words).output().unwrap();
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn start_containerd(parts: &Parts, folder: &Path) -> Process {
    let plugins = folder.join("cni/bin");
    for made in [&plugins, &folder.join("cni/net.d"), &folder.join("addresses")] {
        fs::create_dir_all(made).unwrap();
    }
    fs::write(folder.join("cni/net.d/tests.conflist"), config::NETWORK).unwrap();
    for plugin in ["tests", "loopback"] {
        let file = plugins.join(plugin);
        fs::write(&file, config::plugin(folder)).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let config = config::containerd(folder, &parts.program("runc"));
    let mut command = parts.command("containerd");
    command.arg("--config").arg(write(folder, "containerd.toml", &config));
    Process::start(&command, &folder.join("containerd.log"))
}

fn start_kubelet(folder: &Path, kubeconfig: &Path) -> Process {
    let at = |name: &str| -> PathBuf { folder.join(name) };
    let config = write(folder, "kubelet.json", &config::kubelet(folder, &cgroup::name()));
    let mut command = Command::new(build(Program::Kubelet).unwrap());
    command
        .arg(format!("--config={}", config.display()))
        .arg(format!("--kubeconfig={}", kubeconfig.display()))
        .arg(format!("--root-dir={}", at("kubelet").display()))
        .arg(format!("--cert-dir={}", at("kubelet-certificates").display()))
        .arg(format!("--hostname-override={NAME}"))
        .arg(format!("--node-ip={ROUTER}"));
    Process::start(&command, &at("kubelet.log"))
}

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    path
}
