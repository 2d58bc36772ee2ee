//! The environment and the arguments of a container.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::support::control_plane::KUBERNETES;

/// Variable names and values.
pub(super) type Env = BTreeMap<String, String>;

/// The variables of a container. Those of Services come first, and can be overridden.
pub(super) fn env(pod: &Value, container: &Value, services: &[Value]) -> Env {
    let mut env = service_links(pod, services);
    for variable in container["env"].as_array().into_iter().flatten() {
        let name = variable["name"].as_str().unwrap().to_owned();
        let from = &variable["valueFrom"];
        let value = if let Some(value) = variable["value"].as_str() {
            expand(value, &env)
        } else if let Some(reference) = from.get("fieldRef") {
            field(pod, &reference["fieldPath"])
        } else if let Some(reference) = from.get("resourceFieldRef") {
            let name = reference["resource"].as_str().unwrap();
            let (kind, resource) = name.split_once('.').unwrap();
            bytes(container["resources"][kind][resource].as_str().unwrap()).to_string()
        } else {
            assert!(from.is_null(), "the nodelet knows no {from}: teach it, or leave it out");
            String::new()
        };
        env.insert(name, value);
    }
    env
}

/// A command or arguments, with `$(NAME)` replaced.
pub(super) fn words(list: &Value, env: &Env) -> Vec<String> {
    let words = list.as_array().into_iter().flatten();
    words.map(|word| expand(word.as_str().unwrap(), env)).collect()
}

/// A field of the pod itself.
pub(super) fn field(pod: &Value, path: &Value) -> String {
    let path = path.as_str().unwrap();
    let value = match path {
        "status.podIP" | "status.hostIP" => &pod["status"]["podIP"],
        path => path.split('.').fold(pod, |value, key| &value[key]),
    };
    value.as_str().unwrap_or_else(|| panic!("a pod has no {path}")).to_owned()
}

/// The variables of the API server, and those of the namespace's Services unless disabled.
fn service_links(pod: &Value, services: &[Value]) -> Env {
    let mut env = Env::from([
        ("KUBERNETES_SERVICE_HOST".to_owned(), KUBERNETES.to_owned()),
        ("KUBERNETES_SERVICE_PORT".to_owned(), "443".to_owned()),
        ("KUBERNETES_PORT".to_owned(), format!("tcp://{KUBERNETES}:443")),
    ]);
    if pod["spec"]["enableServiceLinks"] == false {
        return env;
    }
    for service in services {
        let name = service["metadata"]["name"].as_str().unwrap().to_uppercase().replace('-', "_");
        let (address, port) = (&service["spec"]["clusterIP"], &service["spec"]["ports"][0]["port"]);
        let address = address.as_str().unwrap();
        env.insert(format!("{name}_SERVICE_HOST"), address.to_owned());
        env.insert(format!("{name}_SERVICE_PORT"), port.to_string());
        env.insert(format!("{name}_PORT"), format!("tcp://{address}:{port}"));
    }
    env
}

fn expand(text: &str, env: &Env) -> String {
    env.iter()
        .fold(text.to_owned(), |text, (name, value)| text.replace(&format!("$({name})"), value))
}

/// The bytes of a quantity such as `64Mi`.
fn bytes(quantity: &str) -> u64 {
    let digits = quantity.trim_end_matches(|unit: char| unit.is_ascii_alphabetic());
    let unit = match &quantity[digits.len()..] {
        "" => 1,
        "k" => 1_000,
        "M" => 1_000_000,
        "G" => 1_000_000_000,
        "Ki" => 1 << 10,
        "Mi" => 1 << 20,
        "Gi" => 1 << 30,
        unit => panic!("the nodelet knows no {unit}"),
    };
    digits.parse::<u64>().unwrap() * unit
}
