//! A report from creation until its workload is deleted.

use serde_json::json;

use crate::{
    reports::{
        definitions::{OPEN_REPORTS, define_open_reports},
        server::{audited, metric, reporter, reports, results, start, subjects},
    },
    support::{
        control_plane::{BuiltInPodSecurity, ControlPlane, Who},
        objects::{apps, await_pods, compliant, deployment, plain, pods, privileged},
        process::Folder,
        wait::{PATIENCE, until},
    },
};

const ENFORCE: &str = "pod-security.kubernetes.io/enforce";

#[tokio::test]
async fn a_report_is_written_once_follows_its_workload_and_goes_with_it() {
    let Ok(plane) = ControlPlane::start(BuiltInPodSecurity::Off) else { return };
    let admin = plane.user(Who::Admin).await;
    define_open_reports(&admin).await;
    let shop = plane.namespace("shop", &[(ENFORCE, "privileged")]).await;
    let deployments = apps(&shop, "deployments");
    let mut web = deployment("web", &privileged("web"));
    // Without a node no new pod becomes ready, so old ones must not wait for that.
    web["spec"]["strategy"] = json!({"type": "Recreate"});
    admin.create(&deployments, &web).await.granted();
    admin.create(&deployments, &deployment("good", &compliant("good"))).await.granted();
    let mut bare = plain("bare");
    let applied = json!({"spec": {"hostnetwork": true}}).to_string();
    bare["metadata"]["annotations"] =
        json!({"kubectl.kubernetes.io/last-applied-configuration": applied});
    admin.create(&pods(&shop), &bare).await.granted();
    await_pods(&admin, &shop, 5).await;
    let folder = Folder::new("reports");
    let kubeconfig = reporter(&plane, &folder).await;
    let server = start(&kubeconfig, "one", &["--reports=openreports"]).await;

    // Created: one for each workload with violations.
    audited(&server).await;
    let written = reports(&admin, OPEN_REPORTS, &shop).await;
    assert_eq!(subjects(&written), ["Deployment/web", "Pod/bare"], "{}", server.log());
    assert_eq!(results(&written[1]).last().unwrap(), "warn lint/unknown-field");
    let web = &written[0];
    let owner = admin.get(&format!("{deployments}/web")).await.granted();
    let uid = &owner["metadata"]["uid"];
    assert_eq!(web["metadata"]["name"], format!("portcullis-{}", uid.as_str().unwrap()));
    assert_eq!(
        web["metadata"]["ownerReferences"],
        json!([{"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": uid}])
    );
    let labels = &web["metadata"]["labels"];
    assert_eq!(
        *labels,
        json!({
            "app.kubernetes.io/managed-by": "portcullis",
            "portcullis.dev/level": "privileged",
            "portcullis.dev/level-hardened": "privileged",
        })
    );
    assert_eq!(web["source"], "portcullis");
    assert_eq!(
        results(web),
        [
            "warn privileged",
            "warn allowPrivilegeEscalation",
            "warn capabilities_restricted",
            "warn runAsNonRoot",
            "warn seccompProfile_restricted",
        ]
    );
    assert_eq!(web["summary"], json!({"pass": 0, "fail": 0, "warn": 5, "error": 0, "skip": 0}));
    assert_eq!(
        web["results"][0],
        json!({
            "source": "portcullis",
            "policy": "pod-security-baseline",
            "rule": "privileged",
            "category": "Pod Security Standards (Baseline)",
            "severity": "high",
            "result": "warn",
            "scored": false,
            "message": "privileged container; fix: container \"app\": set securityContext.privileged=false",
            "properties": {
                "fields": "spec.template.spec.containers[0].securityContext.privileged",
                "fix": "container \"app\": set securityContext.privileged=false",
                "hardening": "cannot set it",
            },
        })
    );
    assert_eq!(metric(&server, "portcullis_reports").await, 2.0);
    let counted = r#"portcullis_audit_workloads{hardened="restricted",level="baseline"}"#;
    assert_eq!(metric(&server, counted).await, 1.0);

    // Without changes, nothing is written.
    let done = r#"portcullis_report_writes_total{operation="apply",result="done"}"#;
    let writes = metric(&server, done).await;
    audited(&server).await;
    assert_eq!(reports(&admin, OPEN_REPORTS, &shop).await, written);
    assert_eq!((writes, metric(&server, done).await), (2.0, 2.0));

    // The namespace enforces more, and the workload is partly fixed.
    let label = json!({"metadata": {"labels": {ENFORCE: "baseline"}}});
    admin.merge(&format!("/api/v1/namespaces/{shop}"), &label).await.granted();
    audited(&server).await;
    let now = reports(&admin, OPEN_REPORTS, &shop).await;
    assert_eq!(results(&now[0])[0], "fail privileged");
    assert_eq!(now[0]["summary"]["fail"], 1);
    assert_eq!(now[0]["metadata"]["uid"], web["metadata"]["uid"], "it is the same report");
    let unprivileged = json!({"spec": {"template": {"spec": {"containers": [
        {"name": "app", "securityContext": {"privileged": false}},
    ]}}}});
    admin.strategic_merge(&format!("{deployments}/web"), &unprivileged).await.granted();
    until("the old pods to be replaced", PATIENCE, async || {
        let now = reports(&admin, OPEN_REPORTS, &shop).await;
        (!results(&now[0]).iter().any(|result| result.ends_with("privileged"))).then_some(())
    })
    .await;

    // The report is deleted with its owner; a workload without violations has none.
    admin.delete(&format!("{deployments}/web")).await.granted();
    admin.delete(&format!("{}/bare?gracePeriodSeconds=0", pods(&shop))).await.granted();
    until("the reports to go", PATIENCE, async || {
        reports(&admin, OPEN_REPORTS, &shop).await.is_empty().then_some(())
    })
    .await;
}
