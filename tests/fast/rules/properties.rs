//! Allow-lists allow exactly what they name in generated pods. The oracles share no code with the rules.

use std::collections::BTreeMap;

use policy::{pss::Pod, rules::Check};
use proptest::{collection::vec, option, prelude::*, sample::select};
use serde_json::{Value, json};

use crate::rules::table::check;

fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::default() }
}

fn rule(name: &str, setting: &str, value: Value) -> Check {
    check(name, BTreeMap::from([(setting.to_owned(), value)]))
}

/// The fields of the findings for a pod with this spec.
fn found(check: &Check, spec: &Value) -> Vec<String> {
    let text = json!({"spec": spec}).to_string();
    let pod: Pod<'_> = serde_json::from_str(&text).unwrap();
    check
        .findings(&pod)
        .iter()
        .map(|finding| policy::workloads::PodRoot::POD.field(finding.place, &finding.path))
        .collect()
}

const LISTS: [&str; 3] = ["initContainers", "containers", "ephemeralContainers"];

/// The path that a shell would resolve it to.
fn resolved(path: &str) -> Vec<&str> {
    path.split('/').fold(Vec::new(), |mut at, part| {
        match part {
            "" | "." => {}
            ".." => {
                at.pop();
            }
            part => at.push(part),
        }
        at
    })
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn no_capability_passes_that_is_not_named(
        list in select(LISTS.to_vec()),
        added in vec(select(vec!["NET_RAW", "NET_ADMIN", "ALL", "net_raw", "CAP_NET_RAW", "NET_RAW "]), 0..4),
    ) {
        let check = rule("addedCapabilities", "allowed", json!(["NET_RAW"]));
        let spec = json!({list: [{"securityContext": {"capabilities": {"add": added}}}]});
        let passes = found(&check, &spec).is_empty();
        prop_assert_eq!(passes, added.iter().all(|name| *name == "NET_RAW"));
    }

    #[test]
    fn no_port_passes_that_is_not_named(
        list in select(LISTS.to_vec()),
        ports in vec(option::of(-1..70_000_i32), 0..4),
    ) {
        let check = rule("hostPorts", "allowed", json!([80, "30000-40000", "65535"]));
        let written: Vec<_> = ports.iter().map(|port| json!({"hostPort": port})).collect();
        let expected: Vec<_> = ports
            .iter()
            .enumerate()
            .filter(|(_, port)| !matches!(port, None | Some(0 | 80 | 30_000..=40_000 | 65_535)))
            .map(|(index, _)| format!("spec.{list}[0].ports[{index}].hostPort"))
            .collect();
        prop_assert_eq!(found(&check, &json!({list: [{"ports": written}]})), expected);
    }

    #[test]
    fn no_path_passes_that_leads_elsewhere(
        parts in vec(select(vec!["var", "log", "logs", "etc", "..", ".", "", "a\\..", "..."]), 0..6),
        start in select(vec!["/", "", "//", "/var/log/", "/var/"]),
        is_read in any::<[bool; 2]>(),
    ) {
        let allowed = json!([{"path": "/var/log", "readOnly": true}, {"path": "/etc/a"}]);
        let check = rule("hostPaths", "allowed", allowed);
        let path = format!("{start}{}", parts.join("/"));
        let mounts: Vec<_> = is_read.iter().map(|read| json!({"name": "v", "readOnly": read})).collect();
        let spec = json!({
            "volumes": [{"name": "v", "hostPath": {"path": path}}],
            "initContainers": [{"volumeMounts": [mounts[0]]}],
            "containers": [{"volumeMounts": [{"name": "other"}, mounts[1]]}],
        });
        let found = found(&check, &spec);
        let place = resolved(&path);
        if found.is_empty() {
            prop_assert!(place.starts_with(&["var", "log"]), "{}", path);
            prop_assert!(path.starts_with('/') && !path.contains('\\') && is_read == [true; 2]);
        } else if path.starts_with("/var/log/") && !path.contains("..") && !path.contains('\\') {
            prop_assert!(is_read != [true; 2], "{} {:?}", path, found);
            prop_assert!(found.iter().all(|field| field.ends_with("readOnly")), "{:?}", found);
        }
    }

    #[test]
    fn no_image_passes_from_elsewhere(
        parts in vec(select(vec![
            "ghcr.io", "GHCR.IO", "evil.example", "acme", "acme-evil", "web", "/", "/", "/", ":", "@", ".", "..", ":443",
            "docker.io", "index.docker.io", "localhost", "library", "1", " ",
        ]), 0..8),
    ) {
        let image = parts.concat();
        let is_of = |prefix: &str| {
            let lower = image.to_lowercase();
            let rest = lower.strip_prefix(prefix).map(str::to_owned);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', ':', '@']))
        };
        let check = rule("imageRegistries", "allowed", json!(["ghcr.io/acme"]));
        if found(&check, &json!({"containers": [{"image": image}]})).is_empty() {
            prop_assert!(is_of("ghcr.io/acme"), "{}", image);
            prop_assert!(!image.contains("..") && !image.contains(' '), "{}", image);
        }
        // Images that Docker fetches from its own registry name no other.
        let check = rule("imageRegistries", "allowed", json!(["docker.io"]));
        if found(&check, &json!({"containers": [{"image": image}]})).is_empty() {
            let first = image.split_once('/').map(|(first, _)| first.to_lowercase());
            let is_host = |first: &str| first == "localhost" || first.contains(['.', ':']);
            let is_dockers = |first: &str| matches!(first, "docker.io" | "index.docker.io");
            prop_assert!(first.is_none_or(|first| !is_host(&first) || is_dockers(&first)), "{}", image);
        }
    }

    #[test]
    fn every_container_runs_as_an_allowed_id(
        field in select(vec![("runAsGroup", "runAsGroup"), ("runAsUserRange", "runAsUser")]),
        of_pod in option::of(-1..12_i64),
        of_containers in vec((select(LISTS.to_vec()), option::of(-1..12_i64)), 0..5),
    ) {
        let (name, field) = field;
        let check = rule(name, "ranges", json!(["2-4", 8]));
        let mut spec = json!({"securityContext": {field: of_pod}});
        for (list, id) in &of_containers {
            let container = json!({"securityContext": {field: id}});
            match spec[list].as_array_mut() {
                Some(containers) => containers.push(container),
                None => spec[list] = json!([container]),
            }
        }
        let runs_well = |id: &Option<i64>| matches!(id.or(of_pod), Some(2..=4 | 8));
        let expected = of_containers.iter().all(|(_, id)| runs_well(id));
        prop_assert_eq!(found(&check, &spec).is_empty(), expected, "{}", spec);
    }

    #[test]
    fn no_quantity_passes_above_its_bound(
        count in 0..5000_i128,
        places in 0..4_u32,
        suffix in select(vec![("m", 1, 1000), ("", 1, 1), ("k", 1000, 1), ("Ki", 1024, 1), ("e3", 1000, 1), ("u", 1, 1_000_000)]),
        list in select(vec!["requests", "limits"]),
    ) {
        let (suffix, times, by) = suffix;
        let check = rule("resources", "max", json!({"memory": "1.5Ki"}));
        let ten = 10_i128.pow(places);
        let width = places as usize;
        let text = match places {
            0 => format!("{count}{suffix}"),
            _ => format!("{}.{:0width$}{suffix}", count / ten, count % ten),
        };
        let spec = json!({"containers": [{"resources": {list: {"memory": text}}}]});
        let is_above = count * times > 1536 * by * ten;
        prop_assert_eq!(found(&check, &spec).len(), usize::from(is_above), "{}", text);
    }
}
