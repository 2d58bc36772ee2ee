//! The program finds the cluster as kubectl does, and names the searched places if there is none.

use serde_json::{Value, json};

use crate::{
    audit::program::{command, run},
    support::{
        control_plane::{ControlPlane, Who},
        process::Folder,
    },
};

#[test]
fn without_a_kubeconfig_the_searched_places_are_named() {
    let folder = Folder::new("home");
    let outcome = run(command(&[]).env("HOME", folder.path()));
    assert_eq!((outcome.status, outcome.out.as_str()), (Some(2), ""));
    let expected = format!(
        "portcullis: no cluster to ask: there is no {}/.kube/config",
        folder.path().display()
    );
    assert!(
        outcome.err.starts_with(&expected) && outcome.err.ends_with("--kubeconfig\n"),
        "{}",
        outcome.err
    );

    let outcome = run(command(&["--context", "prod"]).env("HOME", folder.path()));
    assert_eq!(outcome.status, Some(2));
    assert!(outcome.err.contains(r#"context "prod": there is no kubeconfig"#), "{}", outcome.err);

    let missing = folder.path().join("missing");
    let outcome = run(command(&["--kubeconfig"]).arg(&missing));
    assert_eq!(outcome.status, Some(2));
    let expected = format!("portcullis: kubeconfig {}: ", missing.display());
    assert!(outcome.err.starts_with(&expected), "{}", outcome.err);
}

#[test]
fn an_unreachable_api_server_is_named_in_one_line() {
    let folder = Folder::new("nobody");
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "u", "user": {}}],
    });
    let file = folder.write("kubeconfig", config.to_string());
    let outcome = run(command(&["--kubeconfig"]).arg(&file));
    assert_eq!((outcome.status, outcome.out.as_str()), (Some(2), ""));
    assert!(
        outcome.err.starts_with("portcullis: cannot reach the API server: "),
        "{}",
        outcome.err
    );
    assert_eq!(outcome.err.lines().count(), 1, "{}", outcome.err);
}

#[tokio::test]
async fn the_kubeconfig_is_found_where_kubectl_finds_it_with_the_context_that_is_named() {
    let Ok(plane) = ControlPlane::shared() else {
        return;
    };
    let namespace = plane.namespace("found", &[]).await;
    let good = std::fs::read_to_string(plane.kubeconfig(Who::Admin)).unwrap();
    let folder = Folder::new("kubeconfigs");
    std::fs::create_dir(folder.path().join(".kube")).unwrap();
    let at_home = folder.write(".kube/config", &good);
    let args = ["-n", &namespace, "-o", "json"];

    let from_home = run(command(&args).env("HOME", folder.path()));
    assert_eq!(from_home.status, Some(0), "{from_home:?}");

    // The first of two files sets the current context, and each adds its entries.
    let mut other: Value = serde_json::from_str(&good).unwrap();
    other["contexts"][0]["name"] = json!("other");
    other["contexts"][0]["context"]["cluster"] = json!("nowhere");
    other["current-context"] = json!("other");
    other["clusters"] = json!([{"name": "nowhere", "cluster": {"server": "https://127.0.0.1:1"}}]);
    let first = folder.write("first", other.to_string());
    let both = std::env::join_paths([first, at_home]).unwrap();
    let current = run(command(&args).env("KUBECONFIG", &both));
    assert_eq!(current.status, Some(2), "{current:?}");
    let named = run(command(&args).args(["--context", "tests"]).env("KUBECONFIG", &both));
    assert_eq!(named.status, Some(0), "{named:?}");
    let unknown = run(command(&args).args(["--context", "none"]).env("KUBECONFIG", &both));
    assert_eq!(unknown.status, Some(2));
    assert!(
        unknown.err.contains(r#"there is no context "none"; its contexts are"#),
        "{}",
        unknown.err
    );
}

#[test]
fn arguments_that_cannot_be_are_refused() {
    for (args, expected) in [
        (&["-n", "Shop"][..], "must be a namespace"),
        (&["--diff", "/no/such/report.json"], "/no/such/report.json: "),
        (&["--config", "/no/such/config.yaml"], "/no/such/config.yaml"),
    ] {
        let outcome = run(&mut command(args));
        assert_eq!(outcome.status, Some(2), "{args:?}");
        assert!(outcome.err.contains(expected), "{args:?}: {}", outcome.err);
    }
}
