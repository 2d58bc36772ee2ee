//! `audit --diff` reads the earlier report once, so it can be a pipe.

use std::{fs, process::Command, thread};

use serde_json::{Value, json};

use crate::reach::{
    program::{command, run},
    world::World,
};

#[test]
fn an_earlier_report_comes_through_a_named_pipe_or_a_descriptor() {
    let world = World::new("past");
    let namespace = json!({"metadata": {"name": "shop"}});
    world.api.answer("/api/v1/namespaces/shop", 200, namespace.clone());
    let pod = |is_root: bool| {
        let context = json!({"privileged": is_root});
        let container = json!({"name": "app", "image": "app", "securityContext": context});
        json!({"metadata": {"name": "web", "namespace": "shop"}, "spec": {"containers": [container]}})
    };
    let list = |items: Value| json!({"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": items});
    world.api.answer("/api/v1/namespaces", 200, list(json!([namespace])));
    world.api.answer("/api/v1/namespaces/shop/pods", 200, list(json!([pod(false)])));
    world.api.answer("/api/v1/pods", 200, list(json!([pod(false)])));
    let kubeconfig = world.kubeconfig(&json!({}), &json!({}));
    let past = run(command().arg("--kubeconfig").arg(&kubeconfig));
    assert!(past.status.is_some_and(|status| status < 2), "{past:?}");
    world.api.answer("/api/v1/namespaces/shop/pods", 200, list(json!([pod(true)])));
    world.api.answer("/api/v1/pods", 200, list(json!([pod(true)])));

    let fifo = world.folder.path().join("past");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let report = world.folder.write("past.json", &past.out);
    let changes = |outcome: &str| {
        let report: Value = serde_json::from_str(outcome).unwrap();
        report["changes"].clone()
    };
    let from_file = run(command().arg("--kubeconfig").arg(&kubeconfig).arg("--diff").arg(&report));
    let expected = changes(&from_file.out);
    assert!(expected.as_array().is_some_and(|changes| !changes.is_empty()), "{from_file:?}");

    let (to, text) = (fifo.clone(), past.out);
    // Blocks until the program reads, and would fail for a second reader.
    let writer = thread::spawn(move || fs::write(to, text));
    let from_pipe = run(command().arg("--kubeconfig").arg(&kubeconfig).arg("--diff").arg(&fifo));
    assert_eq!(from_pipe.status, from_file.status, "{from_pipe:?}");
    assert_eq!(changes(&from_pipe.out), expected);
    writer.join().unwrap().unwrap();

    // The path that a shell's process substitution uses.
    let input = fs::File::open(&report).unwrap();
    let mut command = command();
    let command = command.arg("--kubeconfig").arg(&kubeconfig).args(["--diff", "/dev/fd/0"]);
    let from_descriptor = run(command.stdin(input));
    assert_eq!(changes(&from_descriptor.out), expected, "{from_descriptor:?}");
}
