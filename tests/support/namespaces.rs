//! Runs a test in network, mount and process namespaces of its own: the addresses of pods and Services are
//! then its own to give, nothing that it starts can be reached from outside or outlives it, and what it mounts
//! nobody else sees. The machine stays as it was, even when the test is killed.

use std::env;
use std::fs;
use std::process::Command;
use std::thread;
use std::time::Duration;

use super::control_plane::KUBERNETES;
use super::go::{Program, build};
use super::process::{Folder, Process, is_installed};
use super::skip::Skip;

/// Set for the test process inside: the number of the one outside.
const INSIDE: &str = "PORTCULLIS_TEST_IN_NAMESPACES";

/// What pods take for their router: the outermost network of the test.
pub(crate) const ROUTER: &str = "10.99.255.254";

/// What `unshare` is told.
const NAMESPACES: [&str; 6] =
    ["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];

/// Readies the namespaces, and then becomes the test process. The tests' folders get a file system of their
/// own, since process numbers, from which they take their names, start again at one.
const ENTER: &str = r#"
set -e
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs "$1"
ip link set lo up
ip addr add "$2/32" dev lo
ip addr add "$3/32" dev lo
shift 3
exec "$@"
"#;

/// Runs `work` in such namespaces, on a runtime with two threads.
///
/// It must be all that a `#[test]` function does: that test runs once more, in a process of its own. The
/// programs are built first, since inside there is no way to the network.
pub(crate) fn in_namespaces<W: AsyncFnOnce()>(programs: &[Program], work: W) {
    in_namespaces_after(|| build_all(programs), work);
}

/// The same, after what `prepare` does outside. What it returns is dropped when all is over.
pub(crate) fn in_namespaces_after<T, W: AsyncFnOnce()>(
    prepare: impl FnOnce() -> Result<T, Skip>,
    work: W,
) {
    if env::var_os(INSIDE).is_some() {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap()
            .block_on(work());
        return;
    }
    if can_have_namespaces().is_ok()
        && let Ok(_kept) = prepare()
    {
        run_inside(&test_name::<W>());
    }
}

/// Builds all of them.
pub(crate) fn build_all(programs: &[Program]) -> Result<(), Skip> {
    programs.iter().try_for_each(|program| build(*program).map(drop))
}

/// The number of the process outside that waits for this one: no other test that runs now has it.
pub(crate) fn outer_process() -> u32 {
    match env::var(INSIDE) {
        Ok(process) => process.parse().unwrap(),
        Err(_) => std::process::id(),
    }
}

/// The name of the test whose body this closure is, as the test binary knows it.
fn test_name<W>() -> String {
    let path = std::any::type_name::<W>();
    let (_binary, path) = path.split_once("::").expect("a path in a crate");
    path.trim_end_matches("::{{closure}}").to_owned()
}

/// Only root may make them without a user namespace, in which nothing could be mounted for other users.
fn can_have_namespaces() -> Result<(), Skip> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let is_root = status.lines().any(|line| line.starts_with("Uid:\t0\t0\t"));
    if !is_root {
        return Err(Skip::needs_if_present("root, who can make network namespaces"));
    }
    for program in ["unshare", "nsenter", "setpriv", "ip"] {
        assert!(is_installed(program), "{program} is missing: install util-linux and iproute2");
    }
    // Even root may not make them in a container, for one.
    let tried = Command::new("unshare").args(NAMESPACES).arg("true").output().unwrap();
    if tried.status.success() {
        return Ok(());
    }
    let why = String::from_utf8_lossy(&tried.stderr);
    Err(Skip::needs(&format!("namespaces, which cannot be made here: {}", why.trim())))
}

fn run_inside(test: &str) {
    let folder = Folder::new("namespaces");
    let log = folder.path().join("test.log");
    let mut command = Command::new("unshare");
    command
        .args(NAMESPACES)
        .args(["sh", "-c", ENTER, "enter", env!("CARGO_TARGET_TMPDIR"), KUBERNETES, ROUTER])
        .arg(env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(INSIDE, std::process::id().to_string());
    let mut process = Process::start(&command, &log);
    let status = loop {
        if let Some(status) = process.ended() {
            break status;
        }
        thread::sleep(Duration::from_millis(50));
    };
    let output = String::from_utf8_lossy(&fs::read(&log).unwrap()).into_owned();
    println!("{output}");
    assert!(status.success() && output.contains("1 passed"), "the test inside failed: {status}");
}
