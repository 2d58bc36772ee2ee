//! Comparison with an earlier report.

use serde_json::{Value, json};

use crate::{
    audit::{
        program::audit,
        shop::{ENFORCE, assert_fits_schema, deploy, label},
    },
    support::objects::{apps, compliant, plain, pods, privileged, template},
    support::{
        control_plane::{ControlPlane, Who},
        process::Folder,
        wait::{PATIENCE, until},
    },
};

fn changes(report: &Value) -> Vec<String> {
    let changes = report["changes"].as_array().unwrap();
    let text = |row: &Value, key: &str| row[key].as_str().unwrap().to_owned();
    changes
        .iter()
        .map(|row| ["change", "kind", "name"].map(|key| text(row, key)).join(" "))
        .collect()
}

#[tokio::test]
async fn each_workload_and_namespace_is_compared() {
    let Ok(plane) = ControlPlane::shared() else {
        return;
    };
    let name = plane.namespace("changing", &[(ENFORCE, "privileged")]).await;
    let admin = plane.user(Who::Admin).await;
    deploy(&admin, &name, "web", &plain("web")).await;
    admin.create(&pods(&name), &compliant("leaves")).await.granted();
    admin.create(&pods(&name), &compliant("stays")).await.granted();
    let kubeconfig = plane.kubeconfig(Who::Admin);
    let folder = Folder::new("reports");
    let earlier = folder.path().join("earlier.json");
    let output = format!("json={}", earlier.display());
    let first = audit(&kubeconfig, &["-n", &name, "-o", "human", "-o", &output]);
    assert_eq!(first.status, Some(0), "{first:?}");
    let diff = ["-n", &name, "-o", "json", "--diff", earlier.to_str().unwrap()];

    let same = audit(&kubeconfig, &diff);
    assert_eq!(changes(&same.report()), [""; 0]);

    // The Deployment now complies, its old pods are deleted, and a pod is added that does not comply.
    let patch = json!({"spec": {"template": template(&compliant("web"))}});
    let path = format!("{}/web", apps(&name, "deployments"));
    admin.strategic_merge(&path, &patch).await.granted();
    admin.delete(&format!("{}/leaves", pods(&name))).await.granted();
    let sets = apps(&name, "replicasets");
    until("the old pods to go", PATIENCE, async || {
        // No node reports the new pods as running, so the old ones are deleted explicitly.
        for set in admin.get(&sets).await.granted()["items"].as_array().unwrap() {
            if set["spec"]["template"]["spec"]["securityContext"] == json!({}) {
                let path = format!("{sets}/{}", set["metadata"]["name"].as_str().unwrap());
                admin.delete(&path).await;
            }
        }
        let left = admin.get(&pods(&name)).await.granted();
        let mut pods = left["items"].as_array().unwrap().iter();
        let is_old = |pod: &Value| pod["spec"]["securityContext"] == json!({});
        (!pods.any(is_old)).then_some(())
    })
    .await;
    let later = audit(&kubeconfig, &diff);
    assert_eq!(
        changes(&later.report()),
        [
            format!("better Namespace {name}"),
            "better Deployment web".to_owned(),
            "gone Pod leaves".to_owned()
        ]
    );

    admin.create(&pods(&name), &privileged("comes")).await.granted();
    let worse = audit(&kubeconfig, &diff);
    let expected = format!("worse Namespace {name}");
    assert_eq!(changes(&worse.report())[0], expected);
    assert_fits_schema(&worse.report());
    assert!(changes(&worse.report()).contains(&"new Pod comes".to_owned()));
    let before = &worse.report()["changes"][0]["before"];
    assert_eq!(
        *before,
        json!({"meets": "baseline", "meetsHardened": "restricted", "enforce": "privileged", "broken": 0})
    );

    label(&admin, &name, ENFORCE, "baseline").await;
    let people = audit(&kubeconfig, &["-n", &name, "--diff", earlier.to_str().unwrap()]);
    let line = format!(
        "worse: Namespace {name}: meets privileged, 1 violation of baseline, was: meets baseline (restricted once hardened), 0 violations of privileged\n"
    );
    assert!(people.out.contains(&line), "{}", people.out);
}
