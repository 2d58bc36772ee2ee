//! The rights of a container's program in the kernel, from `/proc`.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use crate::support::node::Node;

/// The lines of `/proc/<pid>/status` of the pod's first container.
pub(crate) fn status(node: &Node, pod: &Value) -> BTreeMap<String, String> {
    let text = fs::read_to_string(format!("/proc/{}/status", pid(node, pod))).unwrap();
    let lines = text.lines().filter_map(|line| line.split_once(":\t"));
    lines.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

/// Asserts that the pod's program has none of the rights that restricted forbids.
#[track_caller]
pub(crate) fn assert_restricted(node: &Node, pod: &Value) {
    let status = status(node, pod);
    for (key, value) in [
        ("CapEff", "0000000000000000"),
        ("CapBnd", "0000000000000000"),
        ("NoNewPrivs", "1"),
        ("Seccomp", "2"),
    ] {
        assert_eq!(status[key], value, "{key}: {status:#?}");
    }
    assert!(!status["Uid"].starts_with("0\t"), "runs as root: {status:#?}");
}

/// Asserts that the program's root is read-only.
#[track_caller]
pub(crate) fn assert_read_only(node: &Node, pod: &Value) {
    let mounts = fs::read_to_string(format!("/proc/{}/mounts", pid(node, pod))).unwrap();
    let root = mounts.lines().find(|line| line.split(' ').nth(1) == Some("/")).unwrap();
    let options = root.split(' ').nth(3).unwrap();
    assert!(options.split(',').any(|option| option == "ro"), "{root}");
}

fn pid(node: &Node, pod: &Value) -> u32 {
    node.pid(pod["status"]["containerStatuses"][0]["containerID"].as_str().expect("a container"))
}
