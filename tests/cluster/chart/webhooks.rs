//! The webhook configurations.

use serde_json::{Value, json};

use super::helm::{Helm, NAME, find};
use super::rendering::SHAPES;

/// The webhook of this name in the rendered chart.
fn webhook(objects: &[Value], name: &str) -> Value {
    all(objects).into_iter().find(|webhook| webhook["name"] == name).unwrap()
}

fn all(objects: &[Value]) -> Vec<Value> {
    let validating = find(objects, "ValidatingWebhookConfiguration", NAME);
    let mutating = find(objects, "MutatingWebhookConfiguration", "zz-portcullis");
    [validating, mutating]
        .iter()
        .flat_map(|object| object["webhooks"].as_array().unwrap().clone())
        .collect()
}

#[test]
fn each_fails_by_its_mode() {
    let Ok(helm) = Helm::v4() else { return };
    let policies = |values: &str| -> Vec<String> {
        all(&helm.template(&[values]))
            .iter()
            .map(|webhook| webhook["failurePolicy"].as_str().unwrap().to_owned())
            .collect()
    };
    // enforce, advise, namespaces, harden
    assert_eq!(policies(""), ["Ignore", "Ignore", "Ignore", "Ignore"]);
    assert_eq!(policies("mode=enforce"), ["Fail", "Ignore", "Ignore", "Ignore"]);
    let chosen = "mode=enforce,webhooks.validating.failurePolicy=Ignore,webhooks.advisory.failurePolicy=Fail,\
                  webhooks.namespaces.failurePolicy=Fail,webhooks.mutating.failurePolicy=Fail";
    assert_eq!(policies(chosen), ["Ignore", "Fail", "Fail", "Fail"]);
}

#[test]
fn each_matches_what_it_judges() {
    let Ok(helm) = Helm::v4() else { return };
    let objects = helm.template(&[]);
    let matched = |name: &str| -> Vec<String> {
        let webhook = webhook(&objects, name);
        assert_eq!(webhook["matchPolicy"], "Equivalent");
        assert_eq!(webhook["sideEffects"], "None");
        assert_eq!(webhook["timeoutSeconds"], 5);
        assert_eq!(webhook["admissionReviewVersions"], json!(["v1"]));
        let rules = webhook["rules"].as_array().unwrap().clone();
        rules
            .iter()
            .map(|rule| {
                assert_eq!(rule["apiVersions"], json!(["v1"]));
                let part = |key: &str| {
                    let words = rule[key].as_array().unwrap().iter();
                    words.map(|word| word.as_str().unwrap()).collect::<Vec<_>>().join(",")
                };
                format!("{} {} {}", part("operations"), part("apiGroups"), part("resources"))
            })
            .collect()
    };
    assert_eq!(
        matched("enforce.portcullis.dev"),
        ["CREATE,UPDATE  pods,pods/ephemeralcontainers,pods/resize"]
    );
    assert_eq!(
        matched("advise.portcullis.dev"),
        [
            "CREATE,UPDATE  podtemplates,replicationcontrollers",
            "CREATE,UPDATE apps daemonsets,deployments,replicasets,statefulsets",
            "CREATE,UPDATE batch cronjobs,jobs",
        ]
    );
    assert_eq!(
        matched("namespaces.portcullis.dev"),
        ["CREATE,UPDATE  namespaces,namespaces/finalize,namespaces/status"]
    );
    assert_eq!(
        matched("harden.portcullis.dev"),
        ["CREATE  pods", "UPDATE  pods/ephemeralcontainers"]
    );
    assert_eq!(webhook(&objects, "harden.portcullis.dev")["reinvocationPolicy"], "IfNeeded");
    assert_eq!(
        webhook(&objects, "harden.portcullis.dev")["clientConfig"],
        json!({"service": {"name": NAME, "namespace": NAME, "path": "/mutate", "port": 443}})
    );
}

#[test]
fn only_what_writes_events_has_side_effects() {
    let Ok(helm) = Helm::v4() else { return };
    let effects: Vec<String> = all(&helm.template(&["events.enabled=true"]))
        .iter()
        .map(|webhook| webhook["sideEffects"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(effects, ["NoneOnDryRun", "None", "None", "None"]);
}

#[test]
fn the_own_namespace_is_never_judged() {
    let Ok(helm) = Helm::v4() else { return };
    for (values, excluded) in [
        ("", vec!["portcullis", "kube-system", "kube-node-lease"]),
        ("excludedNamespaces=[]", vec!["portcullis"]),
        ("excludedNamespaces={portcullis,cilium}", vec!["portcullis", "cilium"]),
    ] {
        let option = if values.ends_with("[]") { "--set-json" } else { "--set" };
        let objects = super::helm::objects(&helm.template_text(&[option, values]));
        for webhook in all(&objects) {
            let selector = &webhook["namespaceSelector"]["matchExpressions"][0];
            assert_eq!(selector["key"], "kubernetes.io/metadata.name");
            assert_eq!(selector["operator"], "NotIn");
            assert_eq!(selector["values"], json!(excluded));
        }
    }
}

#[test]
fn selectors_and_conditions_are_added() {
    let Ok(helm) = Helm::v4() else { return };
    let objects = helm.template(&[
        "webhooks.namespaceSelector.matchLabels.a=b",
        "webhooks.namespaceSelector.matchExpressions[0].key=c",
        "webhooks.namespaceSelector.matchExpressions[0].operator=Exists",
        "webhooks.objectSelector.matchLabels.d=e",
        "webhooks.matchConditions[0].name=f",
        "webhooks.matchConditions[0].expression=true == true",
        "webhooks.annotations.g=h",
        "webhooks.labels.i=j",
    ]);
    for webhook in all(&objects) {
        let selector = &webhook["namespaceSelector"];
        assert_eq!(selector["matchLabels"], json!({"a": "b"}));
        assert_eq!(selector["matchExpressions"][0]["operator"], "NotIn");
        assert_eq!(selector["matchExpressions"][1], json!({"key": "c", "operator": "Exists"}));
        // A Namespace has no labels of a pod, and no spec of one.
        let is_narrowed = webhook["name"] != "namespaces.portcullis.dev";
        let selected = if is_narrowed { json!({"matchLabels": {"d": "e"}}) } else { json!({}) };
        assert_eq!(webhook["objectSelector"], selected);
        let conditions = webhook["matchConditions"].as_array().unwrap();
        assert_eq!(conditions[0]["name"], "portcullis.dev/changes-what-is-judged");
        let added = json!({"name": "f", "expression": "true == true"});
        assert_eq!(conditions.get(1), is_narrowed.then_some(&added));
    }
    let metadata = &find(&objects, "ValidatingWebhookConfiguration", NAME)["metadata"];
    assert_eq!(
        (&metadata["annotations"]["g"], &metadata["labels"]["i"]),
        (&json!("h"), &json!("j"))
    );
}

#[test]
fn the_bundle_is_rendered_only_where_it_was_given() {
    let Ok(helm) = Helm::v4() else { return };
    for values in SHAPES {
        let is_given = values.contains("caBundle=PEM");
        let rendered = helm.template(&[values]);
        let bundles: Vec<_> = rendered
            .iter()
            .filter(|object| object["kind"].as_str().unwrap().ends_with("WebhookConfiguration"))
            .flat_map(|object| object["webhooks"].as_array().unwrap())
            .map(|webhook| webhook["clientConfig"].get("caBundle"))
            .collect();
        assert_eq!(bundles.len(), 4);
        for bundle in bundles {
            // base64 of PEM
            assert_eq!(bundle, is_given.then_some(&json!("UEVN")), "{values}");
        }
    }
}

#[test]
fn custom_resources_are_registered_and_listed_by_the_names_of_their_definitions() {
    let Ok(helm) = Helm::v4() else { return };
    let kinds = "workloads.kinds={rollouts.argoproj.io,jobsets.jobset.x-k8s.io}";
    let objects = helm.template(&[kinds, "reports.mode=auto"]);
    let advise = webhook(&objects, "advise.portcullis.dev");
    let rules = advise["rules"].as_array().unwrap();
    let rule = |group: &str, plural: &str| {
        json!({"apiGroups": [group], "apiVersions": ["*"], "resources": [plural],
            "operations": ["CREATE", "UPDATE"], "scope": "Namespaced"})
    };
    let expected = [rule("argoproj.io", "rollouts"), rule("jobset.x-k8s.io", "jobsets")];
    assert_eq!(rules[rules.len() - 2..], expected);
    let roles = objects.iter().filter(|object| object["kind"] == "ClusterRole");
    let mut rights = roles.flat_map(|role| role["rules"].as_array().unwrap());
    let right =
        json!({"apiGroups": ["jobset.x-k8s.io"], "resources": ["jobsets"], "verbs": ["list"]});
    assert!(rights.any(|rule| *rule == right));
}

#[test]
fn one_that_is_off_stays_without_rules() {
    let Ok(helm) = Helm::v4() else { return };
    let objects = helm.template(&[
        "webhooks.advisory.enabled=false",
        "webhooks.namespaces.enabled=false",
        "webhooks.mutating.enabled=false",
    ]);
    for name in ["advise.portcullis.dev", "namespaces.portcullis.dev", "harden.portcullis.dev"] {
        assert!(webhook(&objects, name).get("rules").is_none(), "{name}");
    }
    assert!(webhook(&objects, "enforce.portcullis.dev").get("rules").is_some());
}
