//! A pod as a test handles it: asks it, hurts it, and sees how it fares.

use std::fs;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use serde_json::Value;

use super::network::{Link, Network};
use super::probes::{page, port};
use crate::support::process::Process;

/// A pod that the nodelet runs.
#[derive(Debug)]
pub(crate) struct Replica {
    /// As it was made; its status is not kept up.
    pub(super) pod: Value,
    pub(super) network: Network,
    pub(super) folder: PathBuf,
    /// `None` before the first start.
    pub(super) process: Mutex<Option<Process>>,
    pub(super) ready: AtomicBool,
    pub(super) running: AtomicBool,
    pub(super) restarts: AtomicU32,
    /// The pod's deletion has begun, with so much grace, in seconds.
    pub(super) deletion: Mutex<Option<u64>>,
}

impl Replica {
    pub(super) fn new(mut pod: Value, folder: PathBuf) -> Self {
        let network = Network::attach();
        pod["status"]["podIP"] = network.address.to_string().into();
        Self {
            pod,
            network,
            folder,
            process: Mutex::new(None),
            ready: AtomicBool::new(false),
            running: AtomicBool::new(false),
            restarts: AtomicU32::new(0),
            deletion: Mutex::new(None),
        }
    }

    /// The pod's name.
    pub(crate) fn name(&self) -> &str {
        self.pod["metadata"]["name"].as_str().unwrap()
    }

    /// The pod's labels.
    pub(crate) fn label(&self, key: &str) -> Option<&str> {
        self.pod["metadata"]["labels"][key].as_str()
    }

    pub(crate) fn address(&self) -> Ipv4Addr {
        self.network.address
    }

    /// Whether its readiness probe succeeds.
    pub(crate) fn is_ready(&self) -> bool {
        self.ready.load(Ordering::SeqCst)
    }

    /// Whether its program runs, be it stopped or hung.
    pub(crate) fn is_running(&self) -> bool {
        self.running.load(Ordering::SeqCst)
    }

    /// Whether it is being deleted.
    pub(crate) fn is_terminating(&self) -> bool {
        self.deletion.lock().unwrap().is_some()
    }

    /// How often its program was started again.
    pub(crate) fn restarts(&self) -> u32 {
        self.restarts.load(Ordering::SeqCst)
    }

    /// The program's process, to read its memory and descriptors under `/proc`.
    pub(crate) fn pid(&self) -> u32 {
        fs::read_to_string(self.folder.join("pid")).unwrap().trim().parse().unwrap()
    }

    /// Kills the program at once, as running out of memory does.
    pub(crate) fn kill9(&self) {
        self.signal("KILL");
    }

    /// Asks the program to end, as a node that shuts down does.
    pub(crate) fn terminate(&self) {
        self.signal("TERM");
    }

    /// Hangs the program.
    pub(crate) fn stop(&self) {
        self.signal("STOP");
    }

    /// Lets a hung program go on.
    pub(crate) fn cont(&self) {
        self.signal("CONT");
    }

    fn signal(&self, name: &str) {
        let mut process = self.process.lock().unwrap();
        process.as_mut().expect("a program that was started").signal(name);
    }

    /// Cuts its network, or connects it again.
    pub(crate) fn set_link(&self, link: Link) {
        self.network.set(link);
    }

    /// A page of its port of this name, plain HTTP, or `None` where nothing answers.
    pub(crate) async fn page(&self, port_name: &str, path: &str) -> Option<(u16, String)> {
        page(self.address(), self.port(port_name), path).await
    }

    /// The number of its port of this name.
    pub(crate) fn port(&self, name: &str) -> u16 {
        port(&self.pod["spec"]["containers"][0], &name.into())
    }

    /// All that its program wrote, over all its starts.
    pub(crate) fn log(&self) -> String {
        let log = fs::read(self.log_file()).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    pub(super) fn log_file(&self) -> PathBuf {
        self.folder.join("log")
    }
}
