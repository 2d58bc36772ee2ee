//! 100,000 pods in 2,000 namespaces on a real API server: how much memory an audit takes, and where the time goes.
//!
//! One namespace is made as people make them; the others are its bytes in etcd with another name of the same length,
//! written straight there. `just bench-audit`, with `PORTCULLIS_AUDIT_NAMESPACES` for another number.

use std::{
    collections::BTreeMap,
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::{
    audit::{program::command, shop::ENFORCE},
    support::objects::{apps, await_pods, deployment, plain, pods},
    support::{
        control_plane::{BuiltInPodSecurity, ControlPlane, Who, wait_for_service_account},
        skip::say,
        user::User,
        wait::until,
    },
};

const FIRST: &str = "bench-0000";
const DEPLOYMENTS: usize = 9;
const REPLICAS: usize = 5;
const BARE: usize = 5;
/// The maximum memory of an audit.
const MOST_MEMORY: u64 = 128 << 20;

#[tokio::test]
#[ignore = "takes minutes and gigabytes: just bench-audit"]
async fn a_hundred_thousand_pods() {
    let Ok(mut plane) = ControlPlane::start(BuiltInPodSecurity::Off) else {
        return;
    };
    let namespaces: usize = std::env::var("PORTCULLIS_AUDIT_NAMESPACES")
        .map_or(2000, |text| text.parse().expect("a number"));
    let admin = plane.user(Who::Admin).await;
    fill(&admin).await;
    plane.stop_controllers();
    let started = Instant::now();
    let etcd = plane.etcd().to_owned();
    tokio::task::spawn_blocking(move || copy(&etcd, namespaces)).await.unwrap();
    let all = namespaces * (DEPLOYMENTS * REPLICAS + BARE);
    until("the API server to know them all", Duration::from_secs(600), async || {
        let list = admin.try_get("/api/v1/pods?limit=1").await.ok()?.body;
        let rest = list["metadata"]["remainingItemCount"].as_u64().unwrap_or_default();
        (rest + 1 >= all as u64).then_some(())
    })
    .await;
    say(&format!("{all} pods in {namespaces} namespaces, written in {:.0?}", started.elapsed()));

    for _ in 0..2 {
        let server = server(plane.etcd());
        let before = cpu(server);
        let (report, used) = measure(&plane.kubeconfig(Who::Admin));
        let asked = cpu(server) - before;
        let rows = report["namespaces"].as_array().unwrap();
        let counted: u64 = rows.iter().map(|row| row["pods"].as_u64().unwrap()).sum();
        assert_eq!(counted, all as u64);
        say(&format!(
            "{:.1?} in all; the API server used {asked:.1} s of CPU, the audit {:.1} s; peak RSS {:.1} MiB",
            used.time,
            used.cpu,
            used.memory as f64 / f64::from(1 << 20),
        ));
        assert!(used.memory < MOST_MEMORY, "{} bytes", used.memory);
    }
}

/// Creates a namespace with Deployments and bare pods of realistic size.
async fn fill(admin: &User) {
    let labels = json!({ENFORCE: "baseline"});
    let namespace = json!({"metadata": {"name": FIRST, "labels": labels}});
    admin.create("/api/v1/namespaces", &namespace).await.granted();
    wait_for_service_account(admin, FIRST).await;
    let mut pod = plain("app");
    let env = (0..40).map(|i| json!({"name": format!("SETTING_{i}"), "value": format!("https://service-{i}.{FIRST}.svc:8443/path")}));
    pod["spec"]["containers"][0]["env"] = env.collect::<Vec<_>>().into();
    for i in 0..DEPLOYMENTS {
        let mut deployment = deployment(&format!("web-{i}"), &pod);
        deployment["spec"]["replicas"] = json!(REPLICAS);
        let app = json!({"app": format!("web-{i}")});
        deployment["spec"]["selector"]["matchLabels"] = app.clone();
        deployment["spec"]["template"]["metadata"]["labels"] = app;
        admin.create(&apps(FIRST, "deployments"), &deployment).await.granted();
    }
    for i in 0..BARE {
        pod["metadata"]["name"] = json!(format!("bare-{i}"));
        admin.create(&pods(FIRST), &pod).await.granted();
    }
    await_pods(admin, FIRST, DEPLOYMENTS * REPLICAS + BARE).await;
}

/// Copies the content of the first namespace in etcd to other namespaces.
fn copy(etcd: &str, namespaces: usize) {
    let mut objects = BTreeMap::new();
    for prefix in ["namespaces/bench-", "pods/bench-", "replicasets/bench-", "deployments/bench-"] {
        let key = format!("/registry/{prefix}").into_bytes();
        let mut end = key.clone();
        *end.last_mut().unwrap() += 1;
        let range = json!({"key": STANDARD.encode(&key), "range_end": STANDARD.encode(&end)});
        let answer = post(etcd, "/v3/kv/range", &range);
        for kv in answer["kvs"].as_array().unwrap_or_else(|| panic!("{prefix}: {answer}")) {
            let bytes = |field: &str| STANDARD.decode(kv[field].as_str().unwrap()).unwrap();
            objects.insert(bytes("key"), bytes("value"));
        }
    }
    for i in 1..namespaces {
        let name = format!("bench-{i:04}");
        let puts = objects.iter().map(|(key, value)| {
            let renamed =
                |bytes: &[u8]| STANDARD.encode(replace(bytes, FIRST.as_bytes(), name.as_bytes()));
            json!({"requestPut": {"key": renamed(key), "value": renamed(value)}})
        });
        let answer = post(etcd, "/v3/kv/txn", &json!({"success": puts.collect::<Vec<_>>()}));
        assert_eq!(answer["succeeded"], true, "{answer}");
    }
}

/// Replaces a name by one of the same length, so that encoded lengths stay correct.
fn replace(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut bytes = bytes.to_vec();
    let places: Vec<_> = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(from)).collect();
    for at in places {
        bytes[at..at + from.len()].copy_from_slice(to);
    }
    bytes
}

/// Sends a request to etcd's gateway.
fn post(etcd: &str, path: &str, body: &Value) -> Value {
    let address = etcd.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    let body = body.to_string();
    write!(
        stream,
        "POST {path} HTTP/1.0\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"))
}

struct Used {
    time: Duration,
    /// Seconds.
    cpu: f64,
    /// Bytes.
    memory: u64,
}

/// Runs an audit of everything and measures it.
fn measure(kubeconfig: &Path) -> (Value, Used) {
    let started = Instant::now();
    let mut command = command(&["-o", "json"]);
    let mut child =
        command.arg("--kubeconfig").arg(kubeconfig).stdout(Stdio::piped()).spawn().unwrap();
    let mut out = child.stdout.take().unwrap();
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        out.read_to_string(&mut text).unwrap();
        text
    });
    let mut used = Used { time: Duration::ZERO, cpu: 0.0, memory: 0 };
    while child.try_wait().unwrap().is_none() {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let peak = peak.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        used.memory = used.memory.max(peak.unwrap_or_default() << 10);
        used.cpu = used.cpu.max(cpu(child.id()));
        std::thread::sleep(Duration::from_millis(20));
    }
    used.time = started.elapsed();
    let text = reader.join().unwrap();
    (serde_json::from_str(&text).unwrap(), used)
}

/// The process of the API server that uses this etcd.
fn server(etcd: &str) -> u32 {
    let processes = fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let id: u32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
        let line = fs::read_to_string(format!("/proc/{id}/cmdline")).ok()?;
        let program = line.split('\0').next()?;
        let is_server = program.contains("/kube-apiserver-") && line.contains(etcd);
        is_server.then_some(id)
    });
    processes.max().expect("the API server runs")
}

/// The CPU seconds of a process; 0 if it has ended.
fn cpu(process: u32) -> f64 {
    const TICKS: f64 = 100.0;
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let fields: Vec<_> = stat.rsplit(')').next().unwrap_or_default().split(' ').collect();
    let ticks = |index: usize| fields.get(index).and_then(|text| text.parse::<f64>().ok());
    // utime and stime, the 14th and 15th, counted from the state, which is the third.
    (ticks(12).unwrap_or_default() + ticks(13).unwrap_or_default()) / TICKS
}
