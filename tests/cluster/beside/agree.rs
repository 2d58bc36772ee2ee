//! The webhook, `portcullis audit` and `portcullis check --cluster` agree on the same objects.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

use serde_json::{Value, json};

use crate::{
    beside::{
        denial::denied,
        profiles::adding,
        world::{
            CONFIGURATION, ENFORCE, HARDEN, OURS, PROFILE, exception, exceptions, hand_over,
            in_days, world,
        },
    },
    support::objects::{await_verdict, compliant, plain, pods, privileged},
    support::{
        control_plane::{ControlPlane, Who},
        process::Folder,
        program::{Outcome, run},
        user::User,
    },
};

/// The ids of the requirements that deny it, by namespace and name.
type Verdicts = BTreeMap<(String, String), BTreeSet<String>>;

fn all_pods() -> Vec<Value> {
    let with = |name: &str, set: &dyn Fn(&mut Value)| {
        let mut pod = plain(name);
        set(&mut pod);
        pod
    };
    let mut agent = adding("agent", &["NET_RAW"]);
    agent["metadata"]["labels"] = json!({"app": "agent"});
    agent["spec"]["containers"][0]["image"] = json!("registry.example/agent:1");
    let mut greedy = agent.clone();
    greedy["metadata"]["name"] = json!("greedy");
    greedy["spec"]["containers"][0]["securityContext"]["capabilities"]["add"] =
        json!(["NET_RAW", "NET_ADMIN"]);
    vec![
        plain("plain"),
        compliant("compliant"),
        privileged("privileged"),
        adding("raw", &["NET_RAW"]),
        agent,
        greedy,
        with("untagged", &|pod| {
            pod["spec"]["containers"][0]["image"] = json!("registry.example/app");
        }),
        with("tagless-host", &|pod| {
            pod["spec"]["hostNetwork"] = json!(true);
            pod["spec"]["containers"][0]["image"] = json!("registry.example/app:latest");
        }),
        with("logs", &|pod| {
            pod["metadata"]["labels"] = json!({"app": "logs"});
            pod["spec"]["volumes"] = json!([{"name": "logs", "hostPath": {"path": "/var/log"}}]);
            pod["spec"]["containers"][0]["volumeMounts"] =
                json!([{"name": "logs", "mountPath": "/logs", "readOnly": true}]);
        }),
    ]
}

/// Namespaces of every kind with all pods, which existed before the server was registered.
async fn stock(plane: &ControlPlane) -> Vec<String> {
    let mut names = Vec::new();
    for (base, labels) in [
        ("lax", vec![(ENFORCE, "baseline")]),
        ("tight", vec![(ENFORCE, "restricted")]),
        ("below", vec![(ENFORCE, "privileged")]),
        ("open", vec![(ENFORCE, "privileged")]),
        ("pingers", vec![(ENFORCE, "privileged"), (PROFILE, "pinger")]),
        ("wrong", vec![(ENFORCE, "privileged"), (PROFILE, "pinger")]),
        ("unlabelled", vec![]),
        ("tokenless", vec![(PROFILE, "tokenless")]),
    ] {
        let labels = [labels, vec![(HARDEN, "off")]].concat();
        let namespace = plane.namespace(base, &labels).await;
        let admin = plane.user(Who::Admin).await;
        for pod in all_pods() {
            admin.create(&pods(&namespace), &pod).await.granted();
        }
        names.push(namespace);
    }
    names
}

/// Exceptions for images, for labels, an expired one, and one in a namespace that does not count.
async fn except(admin: &User, namespaces: &[String]) {
    let place = json!(namespaces);
    let agent = json!({"namespaces": place, "images": ["registry.example/agent:*"]});
    let logs = json!({"namespaces": [namespaces[0], namespaces[1]], "podLabels": {"app": "logs"}});
    let read = json!({"hostPaths": [{"path": "/var/log", "readOnly": true}]});
    let mut over = exception(
        "agree-over",
        &json!({"namespaces": place}),
        &json!({"controls": ["privileged", "rules/imageTag"]}),
    );
    over["spec"]["expires"] = json!("2026-01-01T00:00:00Z");
    let foreign = exception(
        "foreign",
        &json!({"namespaces": place}),
        &json!({"controls": ["privileged", "hostNamespaces"]}),
    );
    admin.create(&exceptions(&namespaces[0]), &foreign).await.granted();
    admin.create(&exceptions(OURS), &over).await.granted();
    let read = exception("agree-logs", &logs, &read);
    admin.create(&exceptions(OURS), &read).await.granted();
    let mut raw = exception("agree-agent", &agent, &json!({"capabilities": ["NET_RAW"]}));
    raw["spec"]["expires"] = json!(in_days(3));
    admin.create(&exceptions(OURS), &raw).await.granted();
    let agent = all_pods().into_iter().find(|pod| pod["metadata"]["name"] == "agent").unwrap();
    let mut probe = agent;
    probe["metadata"]["name"] = json!("probe");
    await_verdict(admin, &namespaces[0], &probe, 201).await;
}

fn portcullis(plane: &ControlPlane, command: &str, args: &[&str]) -> Outcome {
    let mut program = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    program.arg(command).args(args).arg("--kubeconfig").arg(plane.kubeconfig(Who::Admin));
    run(&mut program)
}

/// The errors of the rows about pods.
fn verdicts<'r>(rows: impl IntoIterator<Item = &'r Value>, namespaces: &[String]) -> Verdicts {
    let text = |row: &Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
    let mut verdicts = Verdicts::new();
    for row in rows {
        let namespace = text(row, "namespace");
        assert_eq!((row["kind"].as_str(), row["error"].as_str()), (Some("Pod"), None), "{row:#}");
        assert!(namespaces.contains(&namespace), "{row:#}");
        let broken = row["violations"].as_array().unwrap().iter();
        let errors = broken.filter(|one| one["severity"] == "error");
        let ids: BTreeSet<_> = errors.map(|one| text(one, "control")).collect();
        assert_eq!(row["allowed"] == true, ids.is_empty(), "{row:#}");
        assert_eq!(verdicts.insert((namespace, text(row, "name")), ids), None, "{row:#}");
    }
    verdicts
}

#[tokio::test]
async fn all_three_agree() {
    let Ok((plane, server)) = world().await else { return };
    let admin = plane.user(Who::Admin).await;
    let namespaces = stock(plane).await;
    for namespace in &namespaces {
        hand_over(&admin, server, namespace).await;
    }
    except(&admin, &namespaces).await;
    let folder = Folder::new("agree");
    let config = folder.write("config.yaml", CONFIGURATION);
    let config = config.to_str().unwrap();

    let mut asked = Verdicts::new();
    let mut objects = Vec::new();
    for namespace in &namespaces {
        let list = admin.get(&pods(namespace)).await.granted();
        for pod in list["items"].as_array().unwrap() {
            let mut object = pod.clone();
            object["apiVersion"] = json!("v1");
            object["kind"] = json!("Pod");
            objects.push(object);
            let name = pod["metadata"]["name"].as_str().unwrap();
            let again = format!("{name}-again");
            let mut metadata = json!({"name": again});
            metadata["labels"] = pod["metadata"]["labels"].clone();
            let anew = json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod["spec"]});
            let answer = admin.create(&format!("{}?dryRun=All", pods(namespace)), &anew).await;
            let ids = match answer.code {
                201 => BTreeSet::new(),
                _ => denied(&answer, &again).ids().into_iter().map(str::to_owned).collect(),
            };
            asked.insert((namespace.clone(), name.to_owned()), ids);
        }
    }
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
    let file = folder.write("pods.json", list.to_string());
    let file = file.to_str().unwrap();

    let audited = {
        let mut args = vec!["-o", "json", "--config", config];
        args.extend(namespaces.iter().flat_map(|name| ["-n", name.as_str()]));
        let outcome = portcullis(plane, "audit", &args);
        assert_eq!(outcome.status, Some(1), "{outcome:?}");
        let report: Value = serde_json::from_str(&outcome.out).unwrap();
        // Violations of the enforced level are what would be denied.
        for row in report["namespaces"].as_array().unwrap() {
            let breaking: BTreeSet<_> =
                row["breaking"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
            let denied = asked
                .iter()
                .filter(|((place, _), ids)| row["name"] == place.as_str() && !ids.is_empty());
            let denied: BTreeSet<_> = denied.map(|((_, name), _)| name.as_str()).collect();
            assert_eq!(breaking, denied, "{}", row["name"]);
        }
        verdicts(report["results"].as_array().unwrap(), &namespaces)
    };
    let outcome =
        portcullis(plane, "audit", &["--details", "--config", config, "-n", &namespaces[0]]);
    for (pod, says) in [("agent", "allowed, but reported: "), ("raw", "violates baseline:v1.36: ")]
    {
        let line = format!("  Pod {}/{pod}: {says}", namespaces[0]);
        assert!(outcome.out.contains(&line), "{line}: {}", outcome.out);
    }
    let outcome =
        portcullis(plane, "check", &["-o", "jsonl", "--cluster", "--config", config, file]);
    assert_eq!(outcome.status, Some(1), "{outcome:?}");
    let rows: Vec<Value> =
        outcome.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let checked = verdicts(&rows, &namespaces);

    assert_eq!(asked.len(), namespaces.len() * all_pods().len());
    assert_eq!(asked, audited);
    assert_eq!(asked, checked);
    // Some pods have these verdicts.
    let of = |namespace: usize, pod: &str| {
        let ids = &asked[&(namespaces[namespace].clone(), pod.to_owned())];
        ids.iter().map(String::as_str).collect::<Vec<_>>().join(" ")
    };
    assert_eq!((of(0, "agent").as_str(), of(0, "raw").as_str()), ("", "capabilities_baseline"));
    assert_eq!((of(0, "greedy").as_str(), of(4, "raw").as_str()), ("capabilities_baseline", ""));
    assert_eq!((of(0, "logs").as_str(), of(2, "logs").as_str()), ("", "hostPathVolumes"));
    // Only an exception lowers the floor.
    assert_eq!((of(2, "agent").as_str(), of(2, "raw").as_str()), ("", "capabilities_baseline"));
    assert_eq!(of(3, "tagless-host"), "rules/imageTag");
    assert_eq!(of(2, "tagless-host"), "hostNamespaces rules/imageTag");
    assert!(of(7, "compliant").contains("rules/serviceAccountToken"), "{}", of(7, "compliant"));
    assert!(of(5, "raw").contains("runAsNonRoot"), "{}", of(5, "raw"));

    assert_is_traced(plane, &folder, config, &namespaces[4]);
    let outcome = portcullis(plane, "check", &["-o", "jsonl", "--cluster", file]);
    let note = "the server's own configuration and its PolicyExceptions are not used";
    assert!(outcome.err.contains(note), "{outcome:?}");
}

/// The agent in a namespace with a profile, with an active and an expired exception.
fn assert_is_traced(plane: &ControlPlane, folder: &Folder, config: &str, namespace: &str) {
    let mut agent = all_pods().into_iter().find(|pod| pod["metadata"]["name"] == "agent").unwrap();
    agent["metadata"]["namespace"] = json!(namespace);
    let file = folder.write("agent.json", agent.to_string());
    let args = ["--cluster", "--trace", "--config", config, file.to_str().unwrap()];
    let outcome = portcullis(plane, "check", &args);
    assert_eq!(outcome.status, Some(0), "{outcome:?}");
    let line = |step: &str| {
        let mut lines = outcome.out.lines().map(str::trim);
        let found = lines.find_map(|line| line.strip_prefix(&format!("{step} ")));
        found.unwrap_or_else(|| panic!("no {step}: {}", outcome.out)).trim().to_owned()
    };
    let labels = line("namespace");
    for label in [format!("{ENFORCE}=privileged"), format!("{PROFILE}=pinger")] {
        assert!(labels.contains(&label) && labels.contains("labels of the cluster"), "{labels}");
    }
    assert_eq!(line("profile"), "pinger (baseline:latest), what it allows holds");
    assert_eq!(line("level"), "baseline:latest (profile pinger)");
    assert_eq!(line("version"), "v1.36, the latest");
    assert_eq!(line("floor"), "baseline:latest, which is asked for anyway");
    assert_eq!(line("exceptions"), format!("{OURS}/agree-agent; no more: {OURS}/agree-over"));
    assert_eq!(
        line("verdict"),
        "allowed; warnings: rules/runAsUserRange, rules/readOnlyRootFilesystem"
    );
}
