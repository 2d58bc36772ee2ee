//! An invalid configuration never replaces a valid one: the chart's hook checks it with the new program before Helm
//! changes anything.

use serde_json::{Value, json};

use crate::{
    install::{RESTRICTED, enforcing},
    support::{
        cluster::{Cluster, PROGRAMS},
        control_plane::Who,
        go::Program,
        helm::RELEASE,
        namespaces::in_namespaces,
        objects::{await_verdict, privileged},
        user::User,
    },
};

/// Values that the schema of the chart accepts, and what the program reports for each.
const INVALID: [(&str, &str); 2] = [
    (
        "config.rules.hostPorts.mode=enforce,config.rules.hostPorts.allowed={9000-8000}",
        "rules.hostPorts.allowed[0]: \"9000-8000\": must begin with the lower number",
    ),
    (
        "config.rules.resources.mode=enforce,config.rules.resources.max.memory=4GiB",
        "rules.resources.max.memory: \"4GiB\": must be a quantity",
    ),
];

/// Values that the schema rejects.
const REFUSED: [&str; 3] = [
    "config.rules.imagetag=enforce",
    "config.rules.imageTag=deny",
    "config.profiles.x.level=baselin",
];

#[test]
fn helm_4_never_replaces_a_valid_configuration_by_an_invalid_one() {
    in_namespaces(PROGRAMS, async || refuses(Program::Helm4).await);
}

#[test]
fn helm_3_never_replaces_a_valid_configuration_by_an_invalid_one() {
    let programs = [PROGRAMS, &[Program::Helm3]].concat();
    in_namespaces(&programs, async || refuses(Program::Helm3).await);
}

async fn refuses(helm: Program) {
    let cluster = Cluster::start_with(helm, &[]);
    let admin = cluster.user(Who::Admin).await;

    let (bad, message) = INVALID[0];
    fails(&cluster, "install", &["--create-namespace", "--set", bad], message).await;
    assert_eq!(installed(&admin).await, Vec::<String>::new());

    // An upgrade succeeds after the failure.
    tokio::task::block_in_place(|| cluster.helm.upgrade(&enforcing(), &[]));
    let replicas = names(&cluster, 2).await;
    let strict = cluster.namespace("strict", RESTRICTED).await;
    await_verdict(&admin, &strict, &privileged("denied"), 403).await;
    let before = state(&admin).await;
    for (bad, message) in INVALID {
        fails(&cluster, "upgrade", &["--reset-then-reuse-values", "--set", bad], message).await;
        assert_eq!(state(&admin).await, before, "{bad}");
        assert_eq!(names(&cluster, 2).await, replicas, "{bad}");
        await_verdict(&admin, &strict, &privileged("denied"), 403).await;
    }

    for bad in REFUSED {
        let flags = ["--reset-then-reuse-values", "--set", bad];
        let output = tokio::task::block_in_place(|| {
            cluster.helm.try_release("upgrade", &enforcing(), &flags)
        });
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && text.contains("schema"), "{bad}: {text}");
        assert_eq!(state(&admin).await, before, "{bad}");
    }

    let good = ["--reset-then-reuse-values", "--set", "config.rules.imageTag=warn"];
    tokio::task::block_in_place(|| cluster.helm.upgrade(&enforcing(), &good));
    let now = state(&admin).await;
    assert_ne!(now[0], before[0], "the good configuration is not there");
    assert_eq!(names(&cluster, 2).await, replicas, "a configuration needs no restart");
    for path in hook() {
        assert_eq!(admin.get(&path).await.code, 404, "{path} is left");
    }
}

/// The command fails because the program rejects the configuration, and the Job's log says why.
async fn fails(cluster: &Cluster, verb: &str, flags: &[&str], message: &str) {
    let output =
        tokio::task::block_in_place(|| cluster.helm.try_release(verb, &enforcing(), flags));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{flags:?}: {text}");
    for part in [format!("pre-{verb}"), format!("{RELEASE}-config-check")] {
        assert!(text.contains(&part), "{flags:?}: no {part} in {text}");
    }
    let pods = cluster.pods();
    let logs = pods
        .iter()
        .filter(|pod| pod.label("app.kubernetes.io/component") == Some("config-check"))
        .map(|pod| pod.log());
    let logs: Vec<_> = logs.collect();
    // The exit status 2 is final: there is no retry.
    let [log] = &logs[..] else { panic!("{flags:?}: {logs:?}") };
    assert!(log.starts_with("/etc/portcullis/config.yaml:") && log.contains(message), "{log}");
    assert_eq!(log.lines().count(), 1, "{log}");
}

/// The objects of the release, except its namespace and the hook.
async fn installed(admin: &User) -> Vec<String> {
    let mut found = Vec::new();
    for path in objects() {
        if admin.get(&path).await.code != 404 {
            found.push(path);
        }
    }
    found
}

/// The configuration, and versions that change with everything else. Excludes the Deployment's status and what the
/// server writes.
async fn state(admin: &User) -> Vec<Value> {
    let [config, deployment, webhooks] = objects();
    let generation = async |path: &str| {
        let object = admin.get(path).await.granted();
        json!([object["metadata"]["uid"], object["metadata"]["generation"]])
    };
    let config = admin.get(&config).await.granted();
    vec![
        json!([config["data"], config["metadata"]["uid"], config["metadata"]["resourceVersion"]]),
        generation(&deployment).await,
        generation(&webhooks).await,
    ]
}

fn objects() -> [String; 3] {
    [
        format!("/api/v1/namespaces/{RELEASE}/configmaps/{RELEASE}"),
        format!("/apis/apps/v1/namespaces/{RELEASE}/deployments/{RELEASE}"),
        format!("/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/{RELEASE}"),
    ]
}

fn hook() -> [String; 2] {
    [
        format!("/api/v1/namespaces/{RELEASE}/configmaps/{RELEASE}-config-check"),
        format!("/apis/batch/v1/namespaces/{RELEASE}/jobs/{RELEASE}-config-check"),
    ]
}

async fn names(cluster: &Cluster, count: usize) -> Vec<String> {
    let replicas = cluster.ready(count).await;
    replicas.iter().map(|replica| replica.name().to_owned()).collect()
}
