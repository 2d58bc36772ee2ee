//! The level that each namespace could enforce, and the violations of the enforced one.

use serde_json::{Value, json};

use crate::{
    audit::{
        program::audit,
        shop::{ENFORCE, assert_fits_schema, deploy, label, namespace, shop, workloads},
    },
    support::objects::{compliant, plain, pods, privileged},
    support::{
        control_plane::{ControlPlane, Who},
        process::Folder,
    },
};

#[tokio::test]
async fn a_shop_is_folded_and_its_next_level_and_command_are_told() {
    let Ok(plane) = ControlPlane::shared() else {
        return;
    };
    let name = shop(plane, "shop").await;

    let outcome = audit(&plane.kubeconfig(Who::Admin), &["-n", &name, "-o", "json"]);

    assert_eq!(outcome.status, Some(0), "{outcome:?}");
    let report = outcome.report();
    assert_eq!(
        workloads(&report, &name),
        [
            "CronJob tidy restricted restricted",
            "Deployment web baseline restricted",
            "Pod bare baseline restricted",
        ]
    );
    let row = namespace(&report, &name);
    assert_eq!((&row["workloads"], &row["pods"]), (&json!(3), &json!(4)));
    assert_eq!((&row["meets"], &row["meetsHardened"]), (&json!("baseline"), &json!("restricted")));
    assert_eq!(
        (&row["enforce"], &row["labels"]),
        (&json!("baseline:latest"), &json!({ENFORCE: "baseline"}))
    );
    assert_eq!(row["blocks"][0], json!({"control": "allowPrivilegeEscalation", "workloads": 2}));
    assert_eq!(row["command"], Value::Null);
    let command = row["commandHardened"].as_str().unwrap();
    assert_eq!(
        command,
        format!(
            "kubectl label --overwrite namespace {name} pod-security.kubernetes.io/enforce=restricted"
        )
    );
}

#[tokio::test]
async fn the_command_is_one_that_the_api_server_takes_without_a_warning() {
    let Ok(plane) = ControlPlane::start(crate::support::control_plane::BuiltInPodSecurity::On)
    else {
        return;
    };
    let name = plane.namespace("raised", &[]).await;
    let admin = plane.user(Who::Admin).await;
    deploy(&admin, &name, "web", &compliant("web")).await;
    let report = audit(&plane.kubeconfig(Who::Admin), &["-n", &name, "-o", "json"]).report();
    let command = namespace(&report, &name)["command"].as_str().unwrap();
    let set =
        command.strip_prefix(&format!("kubectl label --overwrite namespace {name} ")).unwrap();
    let (key, value) = set.split_once('=').unwrap();
    assert_eq!(value, "restricted");

    let patch = json!({"metadata": {"labels": {key: value}}});
    let answer = admin.merge(&format!("/api/v1/namespaces/{name}"), &patch).await;

    // The built-in admission also checks the pods when the level changes.
    assert_eq!((answer.code, &answer.warnings[..]), (200, &[][..]), "{:?}", answer.warnings);
    let report = audit(&plane.kubeconfig(Who::Admin), &["-n", &name, "-o", "json"]).report();
    assert_eq!(namespace(&report, &name)["command"], Value::Null);
}

#[tokio::test]
async fn pods_that_were_there_before_the_label_are_listed_apart() {
    let Ok(plane) = ControlPlane::shared() else {
        return;
    };
    let name = plane.namespace("before", &[(ENFORCE, "privileged")]).await;
    let admin = plane.user(Who::Admin).await;
    admin.create(&pods(&name), &privileged("old")).await.granted();
    admin.create(&pods(&name), &plain("fine")).await.granted();
    let kubeconfig = plane.kubeconfig(Who::Admin);
    let before = audit(&kubeconfig, &["-n", &name, "-o", "json"]);
    label(&admin, &name, ENFORCE, "baseline").await;

    let outcome = audit(&kubeconfig, &["-n", &name, "-o", "json"]);

    assert_eq!((before.status, outcome.status), (Some(0), Some(1)), "{outcome:?}");
    let (before, report) = (before.report(), outcome.report());
    assert_eq!(namespace(&before, &name)["breaking"], json!([]));
    let row = namespace(&report, &name);
    assert_eq!(row["breaking"], json!(["old"]));
    assert_eq!(row["meets"], "privileged");
    assert_eq!(row["blocks"], json!([{"control": "privileged", "workloads": 1}]));
    assert_eq!(report["summary"]["failing"], 1);
    // --fail-on selects which violations fail.
    let lenient = audit(&kubeconfig, &["-n", &name, "--fail-on", "privileged"]);
    assert_eq!(lenient.status, Some(0), "{lenient:?}");
    let expected = "pods that violate what is enforced: old";
    assert!(lenient.out.contains(expected), "{}", lenient.out);
}

#[tokio::test]
async fn the_configuration_exempts_and_sets_the_defaults() {
    let Ok(plane) = ControlPlane::shared() else {
        return;
    };
    let exempt = plane.namespace("exempt", &[(ENFORCE, "restricted")]).await;
    let strict = plane.namespace("strict", &[]).await;
    let admin = plane.user(Who::Admin).await;
    for name in [&exempt, &strict] {
        admin.create(&pods(name), &privileged("web")).await.granted();
    }
    let folder = Folder::new("configuration");
    let config = folder.write(
        "config.yaml",
        format!(
            "apiVersion: portcullis.dev/v1alpha1\nkind: Configuration\ndefaults: {{enforce: restricted}}\nexemptions: {{namespaces: [{exempt}]}}\n"
        ),
    );

    let args = ["-n", &exempt, "-n", &strict, "-o", "json", "--config", config.to_str().unwrap()];
    let outcome = audit(&plane.kubeconfig(Who::Admin), &args);

    assert_eq!(outcome.status, Some(1), "{outcome:?}");
    let report = outcome.report();
    let (exempt, strict) = (namespace(&report, &exempt), namespace(&report, &strict));
    assert_eq!((&exempt["exempt"], &exempt["breaking"]), (&json!("namespace"), &json!([])));
    assert_eq!(
        (&strict["enforce"], &strict["breaking"]),
        (&json!("restricted:latest"), &json!(["web"]))
    );
    assert_eq!(strict["source"], "default of the configuration");
}

#[tokio::test]
async fn a_selector_selects() {
    let Ok(plane) = ControlPlane::shared() else {
        return;
    };
    let name = shop(plane, "selected").await;

    let args = ["-n", &name, "-l", "app in (web,none)", "-o", "json"];
    let outcome = audit(&plane.kubeconfig(Who::Admin), &args);

    assert_eq!(outcome.status, Some(0), "{outcome:?}");
    let report = outcome.report();
    // The pods of both have this label, but only the owner reference of a controller says what they belong to.
    assert_eq!(
        workloads(&report, &name),
        ["CronJob tidy restricted restricted", "Deployment web baseline restricted"]
    );
    assert_eq!(namespace(&report, &name)["selected"], true);
    let refused = audit(&plane.kubeconfig(Who::Admin), &["-n", &name, "-l", "a in in"]);
    assert_eq!(refused.status, Some(2), "{refused:?}");
}

#[tokio::test]
async fn settings_without_effect_are_reported() {
    let Ok(plane) = ControlPlane::shared() else {
        return;
    };
    let name = plane.namespace("lints", &[]).await;
    let admin = plane.user(Who::Admin).await;
    let patch = json!({"metadata": {"annotations": {ENFORCE: "restricted"}, "labels": {"pod-security.kubernetes.io/warn": "strict"}}});
    admin.merge(&format!("/api/v1/namespaces/{name}"), &patch).await.granted();
    let mut pod = plain("web");
    pod["spec"]["containers"][0]["securityContext"] =
        json!({"capabilities": {"drop": ["all"], "add": ["CAP_CHOWN"]}});
    let mut written = pod.clone();
    written["spec"]["securityContext"] = json!({"readOnlyRootFilesystem": true});
    pod["metadata"]["annotations"] =
        json!({"kubectl.kubernetes.io/last-applied-configuration": written.to_string()});
    admin.create(&pods(&name), &pod).await.granted();

    let report = audit(&plane.kubeconfig(Who::Admin), &["-n", &name, "-o", "json"]).report();

    assert_fits_schema(&report);
    for (flags, status) in [(&[][..], 0), (&["--fail-on-lints"], 1)] {
        let arguments = [&["-n", &name, "--fail-on", "privileged"], flags].concat();
        let outcome = audit(&plane.kubeconfig(Who::Admin), &arguments);
        assert_eq!(outcome.status, Some(status), "{outcome:?}");
    }
    let lints = namespace(&report, &name)["lints"].as_array().unwrap();
    let rules: Vec<_> = lints.iter().map(|lint| lint["rule"].as_str().unwrap()).collect();
    assert_eq!(
        rules,
        [
            "invalid-label",
            "policy-annotation",
            "capability-prefix",
            "lower-case-all",
            "misplaced-field"
        ]
    );
}

#[tokio::test]
async fn the_human_format_shows_everything() {
    let Ok(plane) = ControlPlane::shared() else {
        return;
    };
    let name = shop(plane, "people").await;
    let admin = plane.user(Who::Admin).await;
    label(&admin, &name, ENFORCE, "restricted").await;

    let outcome = audit(&plane.kubeconfig(Who::Admin), &["-n", &name]);

    assert_eq!(outcome.status, Some(1), "{outcome:?}");
    // No test here registers a webhook.
    assert!(outcome.err.starts_with("portcullis: no Portcullis webhook is"), "{}", outcome.err);
    assert_eq!(outcome.err.lines().count(), 1, "{}", outcome.err);
    for expected in [
        format!(
            "{name}: would enforce restricted:latest (label {ENFORCE}), the built-in admission enforces \
             restricted:latest now; 3 workloads, 4 pods\n"
        ),
        "  meets      baseline today, restricted once hardened\n".to_owned(),
        "  restricted is blocked by allowPrivilegeEscalation (2 workloads), ".to_owned(),
        format!("  Deployment {name}/web: violates restricted:v1.36: "),
        "    pod: set securityContext.runAsNonRoot=true\n".to_owned(),
        "  pods that violate what is enforced: bare, web-".to_owned(),
        "2 of 3 workloads violate what their namespaces enforce, 8 violations\n".to_owned(),
    ] {
        assert!(outcome.out.contains(&expected), "{expected}\n{}", outcome.out);
    }
}
