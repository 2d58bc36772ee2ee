//! Runs a test in separate network, mount and process namespaces: it can use the addresses of pods and Services,
//! nothing that it starts can be reached from outside or outlives it, and its mounts are private. The machine stays
//! unchanged, even if the test is killed.

use std::env;
use std::fs;
use std::process::Command;
use std::thread;
use std::time::Duration;

use super::control_plane::KUBERNETES;
use super::go::{Program, build};
use super::process::{Folder, Process, is_installed};
use super::skip::Skip;

/// Set for the test process inside, to the id of the one outside.
const INSIDE: &str = "PORTCULLIS_TEST_IN_NAMESPACES";

/// The router of pods: the outermost network of the test.
pub(crate) const ROUTER: &str = "10.99.255.254";

/// The arguments of `unshare`.
const NAMESPACES: [&str; 6] =
    ["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];

/// Prepares the namespaces, and then becomes the test process. The tests' folders get a separate file system, because
/// their names contain process ids, which start at one again.
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

/// Runs `work` in such namespaces, on a runtime with two threads. It must be the whole body of a `#[test]` function,
/// because that test runs again in a separate process. The programs are built first, because there is no network
/// inside.
pub(crate) fn in_namespaces<W: AsyncFnOnce()>(programs: &[Program], work: W) {
    in_namespaces_after(|| build_all(programs), work);
}

/// Calls `prepare` outside first. Its result is dropped at the end.
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

/// The id of the waiting process outside, which is unique among running tests.
pub(crate) fn outer_process() -> u32 {
    match env::var(INSIDE) {
        Ok(process) => process.parse().unwrap(),
        Err(_) => std::process::id(),
    }
}

/// The name of the test whose body is this closure.
fn test_name<W>() -> String {
    let path = std::any::type_name::<W>();
    let (_binary, path) = path.split_once("::").expect("a path in a crate");
    path.trim_end_matches("::{{closure}}").to_owned()
}

/// Only root can create them without a user namespace, in which mounts for other users would be impossible.
fn can_have_namespaces() -> Result<(), Skip> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let is_root = status.lines().any(|line| line.starts_with("Uid:\t0\t0\t"));
    if !is_root {
        return Err(Skip::needs_if_present("root, who can make network namespaces"));
    }
    for program in ["unshare", "nsenter", "setpriv", "ip"] {
        assert!(is_installed(program), "{program} is missing: install util-linux and iproute2");
    }
    // In a container, even root may not be able to.
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
