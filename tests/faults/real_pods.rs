//! Forged updates of namespaces with many pods, on a real API server: a replica uses no more than its share of memory
//! for them.

use std::sync::Arc;

use tokio::task::JoinSet;

use crate::{
    RESTRICTED,
    hostile::tightened,
    memory::{MIB, run},
    report, scale,
    support::{
        control_group::MemoryGroup,
        control_plane::{BuiltInPodSecurity, ControlPlane, Who},
        objects::{pods, privileged},
        portcullis::Portcullis,
        user::User,
    },
};

/// The size of each pod's annotation per namespace: ordinary pods, and nearly the API server's maximum.
const SIZES: [usize; 4] = [8 << 10, 32 << 10, 128 << 10, 250 << 10];
/// The memory limit of a replica, in MiB.
const LIMIT: usize = 128;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn updates_of_namespaces_full_of_real_pods_kill_no_replica() {
    let Ok(group) = MemoryGroup::new(LIMIT * MIB) else { return };
    let Ok(mut plane) = ControlPlane::start(BuiltInPodSecurity::Off) else { return };
    let admin = plane.user(Who::Admin).await;
    let honest = plane.namespace("honest", RESTRICTED).await;
    let mut namespaces = Vec::new();
    for size in SIZES {
        let namespace = plane.namespace("full", &[]).await;
        // The API server writes `<` as six bytes of JSON.
        let count = scale(8, 64) * MIB / size;
        fill(&admin, &namespace, count, "<".repeat(size)).await;
        namespaces.push((namespace, count));
    }
    plane.stop_controllers();
    let flags = [format!("--memory-limit={}", LIMIT * MIB), "--log-level=warn".to_owned()];
    let flags = flags.each_ref().map(String::as_str);
    let kubeconfig = plane.kubeconfig(Who::Portcullis);
    let mut server = Portcullis::launch_in(&group.enter(), &kubeconfig, None, &flags);
    server.wait_ready().await;

    let scans = namespaces.iter().map(|(name, _)| Arc::<[u8]>::from(tightened(name)));
    // Only `/validate` reads pods, and the hooks alternate.
    let scans = scans.flat_map(|scan| [Arc::clone(&scan), scan]).collect();
    let seen = run(&server, scans, &honest).await;

    let peak = group.peak().map_or("unknown".to_owned(), |bytes| format!("{} MiB", bytes / MIB));
    let counts: Vec<_> = namespaces.iter().map(|(_, count)| count.to_string()).collect();
    report(
        &format!(
            "namespaces of {} real pods, tightened at once, in {LIMIT} MiB",
            counts.join(", ")
        ),
        &format!(
            "{:?}, peak {peak}, {} kills; {} honest reviews meanwhile, longest {:.0} ms; said: {:?}",
            seen.codes,
            group.kills(),
            seen.honest.len(),
            seen.longest().as_secs_f64() * 1000.0,
            seen.warnings,
        ),
    );
    assert_eq!(group.kills(), 0);
    assert!(!server.has_ended(), "{}", server.log_tail());
    assert!(seen.codes.keys().all(|code| matches!(code, 200 | 503)), "{:?}", seen.codes);
    assert!(!seen.honest.is_empty(), "honest reviews are answered");
    let are_pods_told = seen.warnings.iter().any(|warning| warning.contains("existing pods"));
    assert!(are_pods_told, "no pods were listed: {:?}", seen.warnings);
}

/// Creates pods that violate restricted, several at a time.
async fn fill(admin: &User, namespace: &str, count: usize, text: String) {
    let (path, text): (Arc<str>, Arc<str>) = (pods(namespace).into(), text.into());
    let mut making = JoinSet::new();
    for index in 0..count {
        if making.len() >= 32 {
            making.join_next().await.unwrap().unwrap();
        }
        let (admin, path, text) = (admin.clone(), Arc::clone(&path), Arc::clone(&text));
        making.spawn(async move {
            let mut pod = privileged(&format!("p{index}"));
            pod["metadata"]["annotations"] = serde_json::json!({"a": &*text});
            admin.create(&path, &pod).await.granted();
        });
    }
    making.join_all().await;
}
