//! A long time under load.

use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::load::Load;
use crate::support::control_plane::{ControlPlane, Who};
use crate::support::portcullis::Portcullis;
use crate::{RESTRICTED, footprint, quantiles, report, scale};

#[tokio::test]
async fn memory_and_descriptors_stay_flat() {
    let Ok(plane) = ControlPlane::shared() else { return };
    let server = Portcullis::start(plane, None, &[]).await;
    let namespace = server.namespace(plane, "soak", RESTRICTED).await;
    let churned = server.namespace(plane, "churn", &[]).await;
    let admin = plane.user(Who::Admin).await;
    let (a_second, warm_up, lasts) = scale((50, 2, 6), (200, 120, 1200));

    let load = Load::start(&admin, &namespace, a_second);
    sleep(Duration::from_secs(warm_up)).await;
    let (memory, descriptors) = footprint(&server).await;
    let (mut highest, mut most) = (memory, descriptors);
    let (start, mut changes) = (Instant::now(), 0_u32);
    while start.elapsed() < Duration::from_secs(lasts) {
        let level = if changes % 2 == 0 { "baseline" } else { "restricted" };
        let labels =
            json!({"pod-security.kubernetes.io/enforce": level, "change": changes.to_string()});
        let path = format!("/api/v1/namespaces/{churned}");
        admin.merge(&path, &json!({"metadata": {"labels": labels}})).await.granted();
        changes += 1;
        sleep(Duration::from_millis(100)).await;
        let (memory, descriptors) = footprint(&server).await;
        (highest, most) = (highest.max(memory), most.max(descriptors));
    }
    let (memory_after, descriptors_after) = footprint(&server).await;
    let mut load = load.end().await;

    let (p50, p99, _) = quantiles(&mut load.times);
    report(
        &format!("soak: {lasts} s at {a_second}/s, {changes} label changes"),
        &format!(
            "{} pods, {} failed, {} wrongly admitted, p50 {p50:.1} ms, p99 {p99:.1} ms through the API server; memory \
             {memory:.1} -> {memory_after:.1} MB (at most {highest:.1}), descriptors {descriptors:.0} -> \
             {descriptors_after:.0} (at most {most:.0})",
            load.times.len(),
            load.failures.len(),
            load.admitted
        ),
    );
    assert_eq!((load.failures, load.admitted), (vec![], 0));
    assert!(memory_after < memory * 1.25 + 5.0, "{memory} -> {memory_after} MB");
    assert!(descriptors_after < descriptors + 30.0, "{descriptors} -> {descriptors_after}");
}
