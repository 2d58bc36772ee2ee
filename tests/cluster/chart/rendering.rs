//! The objects that the chart renders: what they always contain, and what depends on the values.

use serde_json::{Value, json};

use super::helm::{Helm, IMAGE, NAME, find, is_hook, try_find};

/// Values that render different parts of the chart, for `--set`.
pub(crate) const SHAPES: [&str; 10] = [
    "",
    "mode=enforce,config.harden.mode=apply,config.harden.emptyDirs={/tmp},config.harden.hostUsers=false,\
     config.harden.appArmorProfile=RuntimeDefault,config.harden.resources.requests.cpu=10m",
    "certs.mode=certManager",
    "certs.mode=certManager,certs.certManager.issuerRef.name=ours,certs.certManager.issuerRef.kind=ClusterIssuer",
    "certs.mode=existingSecret,certs.existingSecret.name=ours,certs.existingSecret.caBundle=PEM",
    "clientAuth.enabled=true,clientAuth.caSecret=ours,clientAuth.allowedNames={kube-apiserver,second}",
    "clientAuth.enabled=true,clientAuth.caConfigMap=ours,clientAuth.allowedNames={kube-apiserver},fullnameOverride=pss",
    "autoscaling.enabled=true,networkPolicy.enabled=true,metrics.serviceMonitor.enabled=true,\
     metrics.podMonitor.enabled=true,metrics.prometheusRule.enabled=true,metrics.grafanaDashboard.enabled=true,\
     admissionPolicy.enabled=true,podDisruptionBudget.minAvailable=50%,commonLabels.team=a,cleanup.enabled=false,\
     extraArgs={--log-level=debug},extraObjects[0].kind=ConfigMap,extraObjects[0].apiVersion=v1,\
     extraObjects[0].metadata.name=extra-{{ .Release.Name }}",
    "certs.mode=certManager,reports.mode=auto,reports.interval=30m,reports.limit=500,events.enabled=true",
    "certs.mode=certManager,exceptions.enabled=true",
];

#[test]
fn both_helms_render_the_same_each_time() {
    let Ok([three, four]) = Helm::both() else { return };
    for values in SHAPES {
        let text = four.template_text(&["--set", values]);
        assert_eq!(
            text,
            four.template_text(&["--set", values]),
            "{values}: differs between two runs"
        );
        let sorted = |mut objects: Vec<Value>| {
            objects.sort_by_key(ToString::to_string);
            objects
        };
        assert_eq!(
            sorted(three.template(&[values])),
            sorted(four.template(&[values])),
            "{values}: Helm 3 and Helm 4"
        );
    }
}

#[test]
fn what_has_a_namespace_names_it() {
    let Ok(helm) = Helm::v4() else { return };
    const WITHOUT: [&str; 7] = [
        "CustomResourceDefinition",
        "ClusterRole",
        "ClusterRoleBinding",
        "ValidatingWebhookConfiguration",
        "MutatingWebhookConfiguration",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
    ];
    for values in SHAPES {
        for object in helm.template(&[values]) {
            let kind = object["kind"].as_str().unwrap();
            let is_extra = object["metadata"]["name"] == "extra-portcullis";
            let expected =
                if WITHOUT.contains(&kind) || is_extra { Value::Null } else { json!(NAME) };
            assert_eq!(object["metadata"]["namespace"], expected, "{object:#}");
        }
    }
}

#[test]
fn the_server_is_run_as_agreed() {
    let Ok(helm) = Helm::v4() else { return };
    let common = [
        "serve",
        "--config=/etc/portcullis/config.yaml",
        "--secure-port=10250",
        "--admin-port=8080",
        "--drain-grace=110",
        "--log-level=info",
        "--log-format=json",
    ];
    let own = [
        "--ca-secret=portcullis-ca",
        "--service=portcullis",
        "--lease=portcullis",
        "--validating-webhook=portcullis",
        "--mutating-webhook=zz-portcullis",
        "--ca-lifetime=8760h",
        "--leaf-lifetime=168h",
        "--ca-publish=10m",
    ];
    let files = ["--tls-cert-file=/certs/tls.crt", "--tls-private-key-file=/certs/tls.key"];
    let client =
        ["--client-ca-file=/client-ca/ca.crt", "--client-allowed-names=kube-apiserver,second"];

    assert_eq!(args(&helm, ""), [&common[..], &own].concat());
    assert_eq!(args(&helm, "certs.mode=certManager"), [&common[..], &files].concat());
    let existing = "certs.mode=existingSecret,certs.existingSecret.name=ours";
    assert_eq!(args(&helm, existing), [&common[..], &files].concat());
    assert_eq!(args(&helm, SHAPES[5]), [&common[..], &own, &client].concat());
    let reports = ["--reports=openreports", "--report-interval=1h", "--report-limit=10000"];
    let with_reports = args(&helm, "reports.mode=openreports");
    assert_eq!(with_reports, [&common[..], &own, &reports].concat());
    let extra = [
        "--lease=portcullis",
        "--reports=auto",
        "--report-interval=30m",
        "--report-limit=500",
        "--events",
    ];
    assert_eq!(args(&helm, SHAPES[8]), [&common[..], &files, &extra].concat());
}

/// The arguments in the Deployment.
fn args(helm: &Helm, values: &str) -> Vec<String> {
    let container = container(&helm.template(&[values]));
    serde_json::from_value(container["args"].clone()).unwrap()
}

fn container(objects: &[Value]) -> Value {
    let deployment = find(objects, "Deployment", NAME);
    deployment["spec"]["template"]["spec"]["containers"][0].clone()
}

#[test]
fn every_mount_has_its_volume_and_none_is_a_sub_path() {
    let Ok(helm) = Helm::v4() else { return };
    for (values, names) in [
        (SHAPES[0], &["config"][..]),
        (SHAPES[2], &["config", "certs"]),
        (SHAPES[5], &["config", "client-ca"]),
    ] {
        let objects = helm.template(&[values]);
        let pod = &find(&objects, "Deployment", NAME)["spec"]["template"]["spec"];
        let listed = |list: &Value| -> Vec<String> {
            let list = list.as_array().unwrap();
            list.iter().map(|entry| entry["name"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(listed(&pod["volumes"]), names);
        assert_eq!(listed(&pod["containers"][0]["volumeMounts"]), names);
        assert!(!pod.to_string().contains("subPath"));
    }
}

#[test]
fn the_pods_are_highly_available() {
    let Ok(helm) = Helm::v4() else { return };
    let objects = helm.template(&[]);
    let spec = &find(&objects, "Deployment", NAME)["spec"];
    assert_eq!(spec["replicas"], 2);
    assert_eq!(spec["strategy"]["rollingUpdate"]["maxUnavailable"], 0);
    let pod = &spec["template"]["spec"];
    assert_eq!(pod["enableServiceLinks"], false);
    assert_eq!(pod["priorityClassName"], "system-cluster-critical");
    for spread in pod["topologySpreadConstraints"].as_array().unwrap() {
        assert_eq!(spread["labelSelector"]["matchLabels"], spec["selector"]["matchLabels"]);
    }
    let budget = &find(&objects, "PodDisruptionBudget", NAME)["spec"];
    assert_eq!(budget["unhealthyPodEvictionPolicy"], "AlwaysAllow");
    assert_eq!(budget["selector"], spec["selector"]);

    let scaled = helm.template(&["autoscaling.enabled=true"]);
    let scaled = &find(&scaled, "Deployment", NAME)["spec"];
    assert!(scaled.get("replicas").is_none(), "it would undo what the autoscaler did");
}

#[test]
fn only_the_server_s_pods_are_behind_the_service() {
    let Ok(helm) = Helm::v4() else { return };
    let objects = helm.template(&[]);
    let selector = &find(&objects, "Service", NAME)["spec"]["selector"];
    let chosen = |labels: &Value| {
        selector.as_object().unwrap().iter().all(|(key, value)| labels.get(key) == Some(value))
    };
    let of_template = |kind: &str, name: &str| {
        find(&objects, kind, name)["spec"]["template"]["metadata"]["labels"].clone()
    };
    assert!(chosen(&of_template("Deployment", NAME)));
    assert!(!chosen(&of_template("Job", "portcullis-cleanup")));
    assert!(!chosen(&find(&objects, "Pod", "portcullis-healthcheck")["metadata"]["labels"]));
}

#[test]
fn an_upgrade_of_the_chart_alone_restarts_nothing() {
    let Ok(helm) = Helm::v4() else { return };
    for object in helm.template(&[]) {
        let template = object["spec"]["template"].to_string();
        assert!(
            !template.contains("helm.sh/chart") && !template.contains("checksum"),
            "{template}"
        );
    }
}

#[test]
fn the_secret_is_shipped_empty_and_labelled() {
    let Ok(helm) = Helm::v4() else { return };
    let objects = helm.template(&[]);
    let secret = find(&objects, "Secret", "portcullis-ca");
    assert!(secret.get("data").is_none() && secret.get("stringData").is_none());
    assert_eq!(secret["metadata"]["labels"]["portcullis.dev/certificates"], "self");
    assert!(
        try_find(&helm.template(&["certs.mode=certManager"]), "Secret", "portcullis-ca").is_none()
    );
}

/// All permissions of the accounts, rule by rule.
#[test]
fn the_accounts_may_do_this_and_no_more() {
    let Ok(helm) = Helm::v4() else { return };
    let rule = |group: &str, resource: &str, names: Value, verbs: Value| {
        let mut rule = json!({"apiGroups": [group], "resources": [resource], "verbs": verbs});
        if !names.is_null() {
            rule["resourceNames"] = names;
        }
        rule
    };
    let webhooks = |verbs: Value| {
        let group = "admissionregistration.k8s.io";
        [
            rule(group, "validatingwebhookconfigurations", json!([NAME]), verbs.clone()),
            rule(group, "mutatingwebhookconfigurations", json!(["zz-portcullis"]), verbs),
        ]
    };
    let [validating, mutating] = webhooks(json!(["get", "watch", "patch"]));
    let reads = [
        rule("", "namespaces", Value::Null, json!(["get", "list", "watch"])),
        rule("", "pods", Value::Null, json!(["list"])),
    ];
    let leases = "coordination.k8s.io";

    let objects = helm.template(&[]);
    let rules = |kind: &str, name: &str| find(&objects, kind, name)["rules"].clone();
    let [namespaces, pods] = reads.clone();
    assert_eq!(rules("ClusterRole", NAME), json!([namespaces, pods, validating, mutating]));
    assert_eq!(
        rules("Role", NAME),
        json!([
            rule("", "secrets", json!(["portcullis-ca"]), json!(["get", "watch", "update"])),
            rule(leases, "leases", Value::Null, json!(["create"])),
            rule(leases, "leases", json!([NAME]), json!(["get", "update"])),
        ])
    );
    let cleanup = "portcullis-cleanup";
    assert_eq!(rules("ClusterRole", cleanup), json!(webhooks(json!(["get", "delete"]))));
    let lease = rule(leases, "leases", json!([NAME]), json!(["get", "delete"]));
    assert_eq!(rules("Role", cleanup), json!([lease]));
    assert_eq!(rules("ClusterRole", "portcullis-healthcheck"), json!(webhooks(json!(["get"]))));

    for values in ["certs.mode=certManager", SHAPES[4]] {
        let objects = helm.template(&[values]);
        assert!(!objects.iter().any(|object| object["kind"] == "Role"), "{values}");
        assert_eq!(find(&objects, "ClusterRole", NAME)["rules"], json!(reads), "{values}");
    }
}

/// Additional permissions of enabled features.
#[test]
fn reports_and_events_take_rights_of_their_own() {
    let Ok(helm) = Helm::v4() else { return };
    let plain = helm.template(&["certs.mode=certManager"]);
    let added = |values: &str| -> Vec<String> {
        let objects = helm.template(&[&format!("certs.mode=certManager,{values}")]);
        let rules = |objects: &[Value], kind: &str| -> Vec<Value> {
            let role = try_find(objects, kind, NAME);
            role.iter().flat_map(|role| role["rules"].as_array().unwrap().clone()).collect()
        };
        let before = rules(&plain, "ClusterRole");
        let mut after = rules(&objects, "ClusterRole");
        assert!(after.iter().take(before.len()).eq(before.iter()), "{values}");
        after.drain(..before.len());
        after.extend(rules(&objects, "Role"));
        let text = |rule: &Value, key: &str| {
            let words = rule[key].as_array().into_iter().flatten();
            words.map(|word| word.as_str().unwrap()).collect::<Vec<_>>().join(",")
        };
        let keys = ["apiGroups", "resources", "resourceNames", "verbs"];
        after.iter().map(|rule| keys.map(|key| text(rule, key)).join(" ")).collect()
    };
    let audit = [
        " replicationcontrollers  list",
        "apps daemonsets,deployments,replicasets,statefulsets  list",
        "batch cronjobs,jobs  list",
    ];
    let open = ["openreports.io reports  list,create,patch,delete"];
    let older = ["wgpolicyk8s.io policyreports  list,create,patch,delete"];
    let lease =
        ["coordination.k8s.io leases  create", "coordination.k8s.io leases portcullis get,update"];
    assert_eq!(added("reports.mode=auto"), [&audit[..], &open, &older, &lease].concat());
    assert_eq!(added("reports.mode=openreports"), [&audit[..], &open, &lease].concat());
    assert_eq!(added("reports.mode=wgpolicy"), [&audit[..], &older, &lease].concat());
    assert_eq!(added("events.enabled=true"), ["events.k8s.io events  create,patch"]);
    // The Lease is deleted with the release.
    let objects = helm.template(&[SHAPES[8]]);
    let job = find(&objects, "Job", "portcullis-cleanup");
    let args = job["spec"]["template"]["spec"]["containers"][0]["args"].to_string();
    assert!(args.contains("--lease=portcullis"), "{args}");
}

#[test]
fn hooks_clean_up_before_and_test_on_demand() {
    let Ok(helm) = Helm::v4() else { return };
    let objects = helm.template(&[]);
    for object in objects.iter().filter(|object| is_hook(object)) {
        let hook = &object["metadata"]["annotations"]["helm.sh/hook"];
        let name = object["metadata"]["name"].as_str().unwrap();
        let expected = match name.rsplit('-').next() {
            Some("cleanup") => "pre-delete",
            Some("check") => "pre-install,pre-upgrade",
            _ => "test",
        };
        assert_eq!(hook, expected, "{name}");
    }
    let job = find(&objects, "Job", "portcullis-cleanup");
    assert_eq!(
        job["spec"]["template"]["spec"]["containers"][0]["args"],
        json!([
            "cleanup",
            "--validating-webhook=portcullis",
            "--mutating-webhook=zz-portcullis",
            "--lease=portcullis",
            "--namespace=portcullis",
        ])
    );
    let pod = find(&objects, "Pod", "portcullis-healthcheck");
    assert_eq!(
        pod["spec"]["containers"][0]["args"],
        json!([
            "healthcheck",
            "--service=portcullis",
            "--namespace=portcullis",
            "--validating-webhook=portcullis",
            "--mutating-webhook=zz-portcullis",
        ])
    );
    let with_clients = helm.template(&[SHAPES[5]]);
    assert!(try_find(&with_clients, "Pod", "portcullis-healthcheck").is_none());
    let without = helm.template(&["cleanup.enabled=false"]);
    assert!(try_find(&without, "Job", "portcullis-cleanup").is_none());
}

/// Helm creates the ConfigMap before the Job, and waits for the Job.
#[test]
fn the_configuration_is_checked_before_anything_is_installed() {
    let Ok(helms) = Helm::both() else { return };
    for (helm, values) in helms.iter().zip([SHAPES[1], SHAPES[9]]) {
        let objects = helm.template(&[values, "config.rules.imageTag=warn"]);
        let name = "portcullis-config-check";
        let (map, job) = (find(&objects, "ConfigMap", name), find(&objects, "Job", name));
        assert_eq!(map["data"], find(&objects, "ConfigMap", NAME)["data"]);
        let annotation = |object: &Value, key: &str| -> String {
            object["metadata"]["annotations"][key].as_str().unwrap().to_owned()
        };
        let weight = |object| annotation(object, "helm.sh/hook-weight").parse::<i32>().unwrap();
        assert!(weight(map) < weight(job));
        assert_eq!(annotation(job, "helm.sh/hook-output-log-policy"), "hook-failed");

        let pod = &job["spec"]["template"]["spec"];
        assert_eq!(pod["automountServiceAccountToken"], false);
        assert!(pod.get("serviceAccountName").is_none(), "none is there before the first install");
        let container = &pod["containers"][0];
        assert_eq!(container["image"], self::container(&objects)["image"]);
        let file =
            format!("{}/config.yaml", container["volumeMounts"][0]["mountPath"].as_str().unwrap());
        assert_eq!(container["args"], json!(["config", "validate", file]));
        assert_eq!(pod["volumes"][0]["configMap"]["name"], name);
    }
    let [_, helm] = helms;
    assert!(
        try_find(&helm.template(&["configCheck.enabled=false"]), "Job", "portcullis-config-check")
            .is_none()
    );
    assert!(!helm.template_text(&["--no-hooks"]).contains("config-check"));
}

#[test]
fn what_has_a_default_can_be_taken_out() {
    let Ok(helms) = Helm::both() else { return };
    for helm in &helms {
        for key in [
            "resources",
            "resources.limits",
            "podSecurityContext",
            "nodeSelector",
            "excludedNamespaces",
            "topologySpreadConstraints",
            "startupProbe",
            "updateStrategy",
            "priorityClassName",
        ] {
            let objects = helm.template(&[&format!("{key}=null")]);
            let deployment = find(&objects, "Deployment", NAME).to_string();
            assert!(!deployment.contains("null"), "{key}: {deployment}");
        }
        let without = container(&helm.template(&["resources.limits=null"]));
        // The memory of the node would be taken as the limit.
        assert!(!without["env"].to_string().contains("PORTCULLIS_MEMORY_LIMIT"));
    }
}

#[test]
fn the_image_is_put_together_from_its_parts() {
    let Ok(helm) = Helm::v4() else { return };
    let digest = format!("sha256:{}", "0".repeat(64));
    let image = |values: &str| container(&helm.template(&[values]))["image"].clone();
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(image(""), format!("{IMAGE}:{version}"));
    assert_eq!(image("image.repository=ours"), format!("ours:{version}"));
    assert_eq!(
        image(&format!(
            "image.registry=r.example:5000,image.repository=a/b,image.tag=t,image.digest={digest}"
        )),
        format!("r.example:5000/a/b:t@{digest}")
    );
}
