//! The chart's objects for PolicyExceptions.

use std::{fs, path::Path};

use policy::config::Settings;
use portcullis::config;
use serde_json::{Value, json};

use super::helm::{CHART, Helm, NAME, find, project};

const DEFINITION: &str = "policyexceptions.portcullis.dev";
const ON: &str = "exceptions.enabled=true";

fn definitions(objects: &[Value]) -> Vec<&Value> {
    objects.iter().filter(|object| object["kind"] == "CustomResourceDefinition").collect()
}

/// The cluster role's rules for the group portcullis.dev.
fn rules(objects: &[Value]) -> Vec<Value> {
    let rules = find(objects, "ClusterRole", NAME)["rules"].as_array().unwrap().iter();
    rules.filter(|rule| rule["apiGroups"] == json!(["portcullis.dev"])).cloned().collect()
}

#[test]
fn the_definition_is_the_one_of_the_types_and_outlives_the_release() {
    let Ok(helms) = Helm::both() else { return };
    let file = fs::read_to_string(project(CHART).join("files/policyexceptions.yaml")).unwrap();
    let file: Value = serde_saphyr::from_str(&file).unwrap();
    for helm in &helms {
        let objects = helm.template(&[ON]);
        let made = find(&objects, "CustomResourceDefinition", DEFINITION);
        assert_eq!(whole(&made["spec"]), whole(&file["spec"]));
        assert_eq!(made["metadata"]["annotations"]["helm.sh/resource-policy"], "keep");
        assert_eq!(made["metadata"]["labels"]["app.kubernetes.io/part-of"], "portcullis");
        assert!(definitions(&helm.template(&[])).is_empty());
        let second = helm.template(&[ON, "exceptions.crd=false"]);
        assert!(definitions(&second).is_empty() && !rules(&second).is_empty());
    }
}

#[test]
fn only_servers_that_accept_exceptions_may_read_them() {
    let Ok(helm) = Helm::v4() else { return };
    assert_eq!(rules(&helm.template(&[])), [Value::Null; 0]);
    let expected = [
        json!({"apiGroups": ["portcullis.dev"], "resources": ["policyexceptions"], "verbs": ["list", "watch"]}),
        json!({"apiGroups": ["portcullis.dev"], "resources": ["policyexceptions/status"], "verbs": ["patch"]}),
    ];
    let objects = helm.template(&[ON, "certs.mode=certManager"]);
    assert_eq!(rules(&objects), expected);
    // A Lease elects the writer of statuses.
    let role = find(&objects, "Role", NAME);
    assert_eq!(role["rules"].as_array().unwrap().len(), 2, "{role:#}");
}

#[test]
fn the_namespaces_go_into_the_configuration() {
    let Ok(helm) = Helm::v4() else { return };
    let config = |values: &[&str]| -> Value {
        let objects = helm.template(values);
        let text = find(&objects, "ConfigMap", NAME)["data"]["config.yaml"].as_str().unwrap();
        serde_saphyr::from_str(text).unwrap()
    };
    let two = "exceptions.namespaces={security,portcullis}";
    let exceptions = |namespaces: Value| json!({"namespaces": namespaces, "requireExpiry": true});
    assert_eq!(config(&[ON, two])["exceptions"], exceptions(json!(["security", "portcullis"])));
    // The release's namespace, unless others are set.
    assert_eq!(config(&[ON])["exceptions"]["namespaces"].as_array().unwrap().len(), 1);
    let lenient = config(&[ON, "exceptions.requireExpiry=false"]);
    assert_eq!(lenient["exceptions"]["requireExpiry"], false);
    assert_eq!(config(&[two]).get("exceptions"), None);
}

#[test]
fn rules_profiles_and_the_floor_go_into_the_configuration() {
    let Ok(helm) = Helm::v4() else { return };
    let text = |values: &[&str]| {
        let objects = helm.template(values);
        find(&objects, "ConfigMap", NAME)["data"]["config.yaml"].as_str().unwrap().to_owned()
    };
    let read = |text: &str| config::parse(text, Path::new("config.yaml")).unwrap();
    assert_eq!(*read(&text(&[])).policies, Settings::default());
    let config = read(&text(&[
        "config.rules.imageTag=enforce",
        "config.floor.level=baseline",
        "config.profiles.agent.level=baseline",
        "config.profiles.agent.namespaces={monitoring}",
        "config.profiles.agent.allow.capabilities={NET_RAW}",
    ]));
    assert_eq!(config.policies.rules.len(), 1);
    assert!(config.policies.floor.is_some() && config.policies.profiles.contains_key("agent"));
}

/// Helm renders whole numbers without a fraction.
fn whole(value: &Value) -> Value {
    match value {
        Value::Number(number) => json!(number.as_f64()),
        Value::Array(list) => list.iter().map(whole).collect(),
        Value::Object(map) => {
            Value::Object(map.iter().map(|(key, value)| (key.clone(), whole(value))).collect())
        }
        other => other.clone(),
    }
}
