//! The largest pods with the longest lists of a configuration. A check of each value against each entry would take too
//! long.

use std::collections::BTreeMap;

use policy::{pss::Pod, rules::Check};
use serde_json::{Value, json};

use crate::rules::table::check;

fn findings(check: &Check, spec: &Value) -> usize {
    let text = json!({"spec": spec}).to_string();
    let pod: Pod<'_> = serde_json::from_str(&text).unwrap();
    check.findings(&pod).len()
}

#[test]
fn many_volumes_and_many_mounts() {
    let allowed: Vec<_> = (0..256)
        .map(|i| json!({"path": format!("/{}", "a/".repeat(i + 1)), "readOnly": true}))
        .collect();
    let check = check("hostPaths", BTreeMap::from([("allowed".to_owned(), json!(allowed))]));
    let path = format!("/{}", "a/".repeat(256));
    let volumes: Vec<_> = (0..5000)
        .map(|i| json!({"name": format!("v{}", i / 2), "hostPath": {"path": path}}))
        .collect();
    let mounts: Vec<_> = (0..5000).map(|i| json!({"name": format!("v{}", i / 4)})).collect();
    let containers = vec![json!({"volumeMounts": mounts}); 8];
    let spec = json!({"volumes": volumes, "containers": containers});
    // Each mount once, although each volume is listed twice.
    assert_eq!(findings(&check, &spec), 8 * 5000);
}

#[test]
fn many_images_and_many_patterns() {
    let patterns: Vec<_> =
        (0..256).map(|i| format!("ghcr.io/a/*a/*a/*a/*a/*a/*a/*a/*b{i}")).collect();
    let check = check("imageRegistries", BTreeMap::from([("allowed".to_owned(), json!(patterns))]));
    let image = format!("ghcr.io/{}a", "a/".repeat(127));
    let containers = vec![json!({"image": image}); 700];
    assert_eq!(findings(&check, &json!({"containers": containers})), 700);
}

#[test]
fn many_containers_and_many_annotations() {
    let annotations: BTreeMap<_, _> = (0..16_000)
        .map(|i| {
            (format!("container.apparmor.security.beta.kubernetes.io/c{i}"), "runtime/default")
        })
        .collect();
    let containers: Vec<_> = (0..700).map(|i| json!({"name": format!("c{i}")})).collect();
    let text =
        json!({"metadata": {"annotations": annotations}, "spec": {"containers": containers}})
            .to_string();
    let pod: Pod<'_> = serde_json::from_str(&text).unwrap();
    assert_eq!(check("appArmorProfile", BTreeMap::new()).findings(&pod), []);
}
