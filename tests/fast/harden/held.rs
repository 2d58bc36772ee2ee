//! Invariants of hardened pods.

use std::collections::BTreeSet;

use policy::{
    harden::{Scope, Settings, apply, patch, plan},
    pss::{Level, Minor, NEWEST, Pod, evaluate},
    rules::Quantity,
};
use serde_json::Value;

const LISTS: [&str; 3] = ["initContainers", "containers", "ephemeralContainers"];

/// A hardened pod that satisfies the invariants.
pub(crate) struct Held {
    pub(crate) patch: json_patch::Patch,
    pub(crate) after: Value,
}

impl Held {
    /// Hardens a pod and checks the invariants. With `old`, only ephemeral containers that it lacks are hardened.
    pub(crate) fn new(before: &Value, old: Option<&Value>, settings: &Settings) -> Self {
        let (text, old) = (before.to_string(), old.map(Value::to_string));
        let pod = read(&text);
        let old = old.as_deref().map(read);
        let scope = old.as_ref().map_or(Scope::Create, |old| Scope::Debug { old });
        let changes = plan(&pod, settings, scope);
        let patch = patch(&pod, &changes, &policy::harden::in_pod);

        let mut after = before.clone();
        json_patch::patch(&mut after, &patch).unwrap_or_else(|error| panic!("{error}: {text}"));
        let hardened = after.to_string();
        let pod_after = read(&hardened);
        let again = plan(&pod_after, settings, scope);
        assert_eq!(again, [], "the second patch is not empty: {text}");
        assert_eq!(changes.is_empty(), patch.is_empty(), "{text}");
        let simulated = format!("{:?}", apply(&pod, &changes));
        assert_eq!(simulated, format!("{pod_after:?}"), "simulated otherwise than done: {text}");

        assert_kept(&without_token(before, &after), &after, "pod");
        if refusals(before).is_empty() {
            assert_eq!(refusals(&after), [""; 0], "the API server refuses it: {hardened}");
        }
        assert_roots_kept(before, &after);
        for version in [Minor(0), Minor(21), Minor(24), NEWEST] {
            for level in [Level::Baseline, Level::Restricted] {
                let (before, after) =
                    (broken(level, version, &pod), broken(level, version, &pod_after));
                assert!(
                    before.is_superset(&after),
                    "{level} {version}: {before:?} {after:?} {text}"
                );
            }
        }
        Self { patch, after }
    }
}

pub(crate) fn read(text: &str) -> Pod<'_> {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

pub(crate) fn broken<'p>(level: Level, version: Minor, pod: &'p Pod<'p>) -> BTreeSet<&'static str> {
    evaluate(level, version, pod).iter().map(|(control, _)| control.id).collect()
}

/// Nothing that was set is changed, moved or removed. Null and absent both count as unset.
fn assert_kept(before: &Value, after: &Value, path: &str) {
    match (before, after) {
        (Value::Null, _) => {}
        (Value::Object(before), Value::Object(after)) => {
            for (key, value) in before {
                assert_kept(
                    value,
                    after.get(key).unwrap_or(&Value::Null),
                    &format!("{path}.{key}"),
                );
            }
        }
        (Value::Array(before), Value::Array(after)) => {
            let grows = [".capabilities.drop", ".volumeMounts", "spec.volumes"];
            let grows = grows.iter().any(|list| path.ends_with(list));
            assert!(before.len() == after.len() || (grows && before.len() < after.len()), "{path}");
            for (index, (before, after)) in before.iter().zip(after).enumerate() {
                assert_kept(before, after, &format!("{path}[{index}]"));
            }
        }
        _ => assert_eq!(before, after, "{path}"),
    }
}

/// The old pod without the token that hardening may remove.
fn without_token(before: &Value, after: &Value) -> Value {
    let mut before = before.clone();
    let is_gone = |name: &Value| {
        let volumes = after["spec"]["volumes"].as_array();
        let is_there = volumes.is_some_and(|all| all.iter().any(|volume| volume["name"] == *name));
        name.as_str().is_some_and(|name| name.starts_with("kube-api-access-")) && !is_there
    };
    let Some(spec) = before.get_mut("spec") else { return before };
    let Some(volumes) = spec.get_mut("volumes").and_then(Value::as_array_mut) else {
        return before;
    };
    let mut gone = Vec::new();
    volumes.retain(|volume| {
        let is_gone = is_gone(&volume["name"]) && !volume["projected"].is_null();
        if is_gone {
            gone.push(volume["name"].clone());
        }
        !is_gone
    });
    for list in LISTS {
        let containers = spec.get_mut(list).and_then(Value::as_array_mut);
        for container in containers.into_iter().flatten() {
            if let Some(mounts) = container.get_mut("volumeMounts").and_then(Value::as_array_mut) {
                mounts.retain(|mount| {
                    let is_gone = gone.contains(&mount["name"]);
                    let place = "/var/run/secrets/kubernetes.io/serviceaccount";
                    assert!(
                        !is_gone || mount["mountPath"] == place,
                        "somebody's own mount is gone"
                    );
                    !is_gone
                });
            }
        }
    }
    before
}

/// The errors of the API server's validation that concern fields set by hardening (`validation.go`,
/// `validateSecurityContext`, `validateWindows`, `validateHostUsers`, `ValidateVolumeMounts`,
/// `ValidateContainerResourceRequirements`; `validateAppArmorAnnotationsAndFieldsMatchOnCreate`).
fn refusals(pod: &Value) -> Vec<&'static str> {
    let spec = &pod["spec"];
    let is_windows = spec["os"]["name"] == "windows";
    let mut refused = Vec::new();
    for profile in ["seccompProfile", "appArmorProfile"] {
        if is_windows && !spec["securityContext"][profile].is_null() {
            refused.push("a profile of a Windows pod");
        }
    }
    let has_devices = |container: &Value| {
        container["volumeDevices"].as_array().is_some_and(|devices| !devices.is_empty())
    };
    let needs_host = is_windows
        || ["hostPID", "hostIPC", "hostNetwork"].iter().any(|field| spec[*field] == true)
        || containers(pod).any(has_devices);
    if spec["hostUsers"] == false && needs_host {
        refused.push("a user namespace of what belongs to the host");
    }
    refused.extend(twice(&spec["volumes"], "name").then_some("a volume's name twice"));
    for container in containers(pod) {
        refused.extend(
            twice(&container["volumeMounts"], "mountPath").then_some("two mounts at one path"),
        );
        let devices = container["volumeDevices"].as_array().into_iter().flatten();
        let mounts = || container["volumeMounts"].as_array().into_iter().flatten();
        for device in devices {
            if mounts().any(|mount| mount["mountPath"] == device["devicePath"]) {
                refused.push("a mount at a device's path");
            }
        }
        for (name, limit) in container["resources"]["limits"].as_object().into_iter().flatten() {
            let request = &container["resources"]["requests"][name];
            if let (Some(request), Some(limit)) = (quantity(request), quantity(limit))
                && request > limit
            {
                refused.push("a request above its limit");
            }
        }
        refused.extend(contradicts_annotation(pod, container).then_some("two AppArmor profiles"));
    }
    let of_debugging = spec["ephemeralContainers"].as_array().into_iter().flatten();
    if of_debugging.into_iter().any(|container| !container["resources"].is_null()) {
        refused.push("resources of an ephemeral container");
    }
    for container in containers(pod) {
        let context = &container["securityContext"];
        let added = context["capabilities"]["add"].as_array().into_iter().flatten();
        let is_admin = added.into_iter().any(|name| name == "CAP_SYS_ADMIN");
        if context["allowPrivilegeEscalation"] == false
            && (context["privileged"] == true || is_admin)
        {
            refused.push("no privilege escalation for what is privileged");
        }
        let of_linux = [
            "allowPrivilegeEscalation",
            "appArmorProfile",
            "capabilities",
            "privileged",
            "procMount",
            "readOnlyRootFilesystem",
            "runAsGroup",
            "runAsUser",
            "seccompProfile",
            "seLinuxOptions",
        ];
        if is_windows && of_linux.iter().any(|field| !context[field].is_null()) {
            refused.push("a Linux field in a Windows pod");
        }
    }
    refused
}

fn twice(list: &Value, key: &str) -> bool {
    let mut seen = BTreeSet::new();
    let mut all = list.as_array().into_iter().flatten().map(|item| item[key].to_string());
    all.any(|key| !seen.insert(key))
}

fn quantity(value: &Value) -> Option<Quantity> {
    value.as_str()?.parse().ok()
}

/// Whether a container's annotation and its effective field name different profiles.
fn contradicts_annotation(pod: &Value, container: &Value) -> bool {
    let name = container["name"].as_str().unwrap_or_default();
    let key = format!("container.apparmor.security.beta.kubernetes.io/{name}");
    let own = &container["securityContext"]["appArmorProfile"];
    let field =
        if own.is_null() { &pod["spec"]["securityContext"]["appArmorProfile"] } else { own };
    let annotation = &pod["metadata"]["annotations"][key];
    let written = match field["type"].as_str() {
        Some("RuntimeDefault") => "runtime/default".to_owned(),
        Some("Localhost") => {
            format!("localhost/{}", field["localhostProfile"].as_str().unwrap_or_default())
        }
        _ => "unconfined".to_owned(),
    };
    !annotation.is_null() && !field.is_null() && *annotation != *written
}

/// A container that explicitly runs as root would not start with `runAsNonRoot`.
fn assert_roots_kept(before: &Value, after: &Value) {
    let effective = |pod: &Value, container: &Value, field: &str| {
        let own = &container["securityContext"][field];
        if own.is_null() { pod["spec"]["securityContext"][field].clone() } else { own.clone() }
    };
    let windows_user = |pod: &Value, container: &Value| {
        let user = |context: &Value| {
            context["windowsOptions"]["runAsUserName"].as_str().unwrap_or_default().to_lowercase()
        };
        let own = user(&container["securityContext"]);
        if own.is_empty() { user(&pod["spec"]["securityContext"]) } else { own }
    };
    for (was, is) in containers(before).zip(containers(after)) {
        let is_root = effective(before, was, "runAsUser") == 0
            || windows_user(before, was) == "containeradministrator";
        if is_root {
            let (was, is) =
                (effective(before, was, "runAsNonRoot"), effective(after, is, "runAsNonRoot"));
            assert_eq!(was, is, "a root container cannot start: {before}");
        }
    }
}

fn containers(pod: &Value) -> impl Iterator<Item = &Value> {
    LISTS.into_iter().flat_map(|list| pod["spec"][list].as_array().into_iter().flatten())
}
