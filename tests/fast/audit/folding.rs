use super::{stub::Stub, *};

async fn fold(stub: Stub) -> Recorded {
    audit(&stub.client().0, &settings(500)).await
}

#[tokio::test]
async fn pods_belong_to_what_manages_them_in_the_end() {
    let mut stub = Stub::default();
    stub.namespace("shop", &json!({}));
    stub.put(DEPLOYMENTS, "shop", "web", controller(&plain()));
    stub.put(
        REPLICA_SETS,
        "shop",
        "web-1",
        owned(controller(&plain()), "apps/v1", "Deployment", "web"),
    );
    stub.put(STATEFUL_SETS, "shop", "db", controller(&root()));
    stub.put(CRON_JOBS, "shop", "tidy", cron_job(&plain()));
    stub.put(JOBS, "shop", "tidy-1", owned(controller(&plain()), "batch/v1", "CronJob", "tidy"));
    stub.put(JOBS, "shop", "once", controller(&plain()));
    for (name, api_version, kind, owner) in [
        ("web-1-a", "apps/v1", "ReplicaSet", "web-1"),
        ("web-1-b", "apps/v1", "ReplicaSet", "web-1"),
        ("db-0", "apps/v1", "StatefulSet", "db"),
        ("tidy-1-a", "batch/v1", "Job", "tidy-1"),
        ("cart-a", "example.org/v1", "Cart", "cart"),
        ("cart-b", "example.org/v1", "Cart", "cart"),
        ("etcd-node-1", "v1", "Node", "node-1"),
        // Its ReplicaSet has been deleted.
        ("web-0-a", "apps/v1", "ReplicaSet", "web-0"),
    ] {
        stub.put(PODS, "shop", name, owned(pod(&plain()), api_version, kind, owner));
    }
    stub.put(PODS, "shop", "bare", pod(&plain()));

    let recorded = fold(stub).await;

    assert_eq!(
        recorded.workloads(),
        [
            "Cart shop/cart 2 baseline restricted",
            "CronJob shop/tidy 1 baseline restricted",
            "Deployment shop/web 2 baseline restricted",
            "Job shop/once 0 baseline restricted",
            "Pod shop/bare 1 baseline restricted",
            "Pod shop/etcd-node-1 1 baseline restricted",
            "Pod shop/web-0-a 1 baseline restricted",
            "StatefulSet shop/db 1 baseline baseline",
        ]
    );
    assert_eq!(recorded.unread, [""; 0]);
}

#[tokio::test]
async fn of_a_template_and_what_runs_the_worse_counts() {
    let mut stub = Stub::default();
    stub.namespace("shop", &json!({"pod-security.kubernetes.io/enforce": "baseline"}));
    // The running pods are worse than the template.
    stub.put(STATEFUL_SETS, "shop", "old", controller(&plain()));
    stub.put(PODS, "shop", "old-0", owned(pod(&privileged()), "apps/v1", "StatefulSet", "old"));
    stub.put(PODS, "shop", "old-1", owned(pod(&plain()), "apps/v1", "StatefulSet", "old"));
    // The template is worse than the running pods.
    stub.put(STATEFUL_SETS, "shop", "new", controller(&privileged()));
    stub.put(PODS, "shop", "new-0", owned(pod(&plain()), "apps/v1", "StatefulSet", "new"));

    let recorded = fold(stub).await;

    assert_eq!(
        recorded.workloads(),
        [
            "StatefulSet shop/new 1 privileged privileged",
            "StatefulSet shop/old 2 privileged privileged"
        ]
    );
    let [namespace] = &recorded.namespaces[..] else { panic!("{recorded:?}") };
    let breaking: Vec<_> = namespace.breaking.iter().map(ToString::to_string).collect();
    assert_eq!(breaking, ["Pod shop/old-0"]);
    for audited in &namespace.workloads {
        let [broken] = &audited.workload.violations[..] else { panic!("{audited:?}") };
        let fields: Vec<_> = broken.found.iter().map(|found| found.field.as_str()).collect();
        let field = "spec.template.spec.containers[0].securityContext.privileged";
        assert_eq!((broken.requirement.id(), fields), ("privileged", vec![field]));
        assert_eq!(
            audited.workload.fixes,
            [r#"container "app": set securityContext.privileged=false"#]
        );
    }
}

#[tokio::test]
async fn an_owner_of_another_life_owns_nothing() {
    let mut stub = Stub::default();
    stub.namespace("shop", &json!({}));
    stub.put(DEPLOYMENTS, "shop", "web", controller(&plain()));
    let mut set = owned(controller(&root()), "apps/v1", "Deployment", "web");
    set["metadata"]["ownerReferences"][0]["uid"] = json!("another");
    stub.put(REPLICA_SETS, "shop", "web-1", set);
    stub.put(PODS, "shop", "web-1-a", owned(pod(&root()), "apps/v1", "ReplicaSet", "web-1"));

    assert_eq!(
        fold(stub).await.workloads(),
        ["Deployment shop/web 0 baseline restricted", "ReplicaSet shop/web-1 1 baseline baseline"]
    );
}

#[tokio::test]
async fn old_revisions_of_a_kind_that_is_not_known_do_not_count() {
    let mut stub = Stub::default();
    stub.namespace("shop", &json!({}));
    for (name, spec, replicas) in [("new", plain(), 1), ("old", privileged(), 0)] {
        let mut set = owned(controller(&spec), "argoproj.io/v1alpha1", "Rollout", "web");
        set["spec"]["replicas"] = json!(replicas);
        stub.put(REPLICA_SETS, "shop", name, set);
    }
    stub.put(PODS, "shop", "new-a", owned(pod(&plain()), "apps/v1", "ReplicaSet", "new"));

    assert_eq!(fold(stub).await.workloads(), ["Rollout shop/web 1 baseline restricted"]);
}

#[tokio::test]
async fn owners_in_a_circle_end() {
    let mut stub = Stub::default();
    stub.namespace("shop", &json!({}));
    stub.put(REPLICA_SETS, "shop", "a", owned(controller(&plain()), "apps/v1", "ReplicaSet", "b"));
    stub.put(REPLICA_SETS, "shop", "b", owned(controller(&plain()), "apps/v1", "ReplicaSet", "a"));
    stub.put(PODS, "shop", "a-1", owned(pod(&plain()), "apps/v1", "ReplicaSet", "a"));

    let recorded = fold(stub).await;

    let pods: u64 = recorded.namespaces[0].workloads.iter().map(|audited| audited.pods).sum();
    assert_eq!(pods, 1, "{recorded:?}");
}

#[tokio::test]
async fn exempt_workloads_are_reported_without_violations() {
    let mut stub = Stub::default();
    let restricted = json!({"pod-security.kubernetes.io/enforce": "restricted"});
    stub.namespace("kube-system", &restricted);
    stub.namespace("shop", &restricted);
    stub.put(PODS, "kube-system", "proxy", pod(&privileged()));
    let mut boxed = pod(&privileged());
    boxed["spec"]["runtimeClassName"] = json!("vm");
    stub.put(PODS, "shop", "boxed", boxed);
    let mut settings = settings(500);
    settings.config.exemptions.namespaces.insert("kube-system".to_owned());
    settings.config.exemptions.runtime_classes.insert("vm".to_owned());

    let recorded = audit(&stub.client().0, &settings).await;

    let [system, shop] = &recorded.namespaces[..] else { panic!("{recorded:?}") };
    let exempt =
        |namespace: &Namespace| namespace.workloads[0].workload.exempt.map(|why| why.as_str());
    assert_eq!((exempt(system), exempt(shop)), (Some("namespace"), Some("runtimeClass")));
    assert_eq!((system.breaking.len(), shop.breaking.len()), (0, 0));
    assert_eq!((system.now, shop.now), (Level::Restricted, Level::Restricted));
    assert_eq!((&system.command, &shop.command), (&None, &None));
}

#[tokio::test]
async fn templates_are_hardened_only_where_the_webhook_is_known_to_be() {
    let stub = || {
        let mut stub = Stub::default();
        stub.namespace("shop", &json!({"pod-security.kubernetes.io/enforce": "restricted"}));
        stub.put(DEPLOYMENTS, "shop", "web", controller(&plain()));
        stub
    };
    let mut settings = settings(500);
    let written = audit(&stub().client().0, &settings).await;
    settings.templates = Templates::AsAdmitted;
    let admitted = audit(&stub().client().0, &settings).await;
    settings.config.mode = policy::config::Mode::DryRun;
    let dry = audit(&stub().client().0, &settings).await;

    let as_written = ["Deployment shop/web 0 baseline restricted"];
    assert_eq!(
        (written.workloads(), dry.workloads()),
        (as_written.map(str::to_owned).into(), as_written.map(str::to_owned).into())
    );
    assert_eq!(admitted.workloads(), ["Deployment shop/web 0 restricted restricted"]);
    let broken =
        |recorded: &Recorded| recorded.namespaces[0].workloads[0].workload.violations.len();
    assert_eq!((broken(&written), broken(&admitted)), (4, 0));
}

#[tokio::test]
async fn what_does_nothing_is_found_once() {
    let mut stub = Stub::default();
    let annotations = json!({"pod-security.kubernetes.io/enforce": "restricted"});
    stub.put("/api/v1/namespaces", "", "shop", json!({"metadata": {"annotations": annotations}}));
    let drops = json!({"containers": [{"name": "app", "securityContext": {"capabilities": {"drop": ["all"]}}}]});
    let mut web = controller(&drops);
    let applied = json!({"spec": {"template": {"spec": {"securityContext": {"readOnlyRootFilesystem": true}}}}});
    web["metadata"]["annotations"] =
        json!({"kubectl.kubernetes.io/last-applied-configuration": applied.to_string()});
    stub.put(DEPLOYMENTS, "shop", "web", web);
    stub.put(
        REPLICA_SETS,
        "shop",
        "web-1",
        owned(controller(&drops), "apps/v1", "Deployment", "web"),
    );
    stub.put(PODS, "shop", "web-1-a", owned(pod(&drops), "apps/v1", "ReplicaSet", "web-1"));

    let recorded = fold(stub).await;

    let lints = recorded.namespaces[0].lints.iter();
    let lints: Vec<_> = lints.map(|lint| format!("{} {}", lint.rule.name(), lint.object)).collect();
    assert_eq!(
        lints,
        [
            "policy-annotation Namespace shop",
            "lower-case-all Deployment shop/web",
            "misplaced-field Deployment shop/web",
        ]
    );
}

#[tokio::test]
async fn what_is_audited_or_warned_of_comes_after_what_is_enforced_where_asked_for() {
    let mut stub = Stub::default();
    let label = |mode: &str| format!("pod-security.kubernetes.io/{mode}");
    stub.namespace("off", &json!({label("enforce"): "privileged", label("audit"): "privileged", label("warn"): "privileged"}));
    stub.namespace("shop", &json!({label("enforce"): "baseline", label("warn"): "privileged", label("audit"): "restricted"}));
    for namespace in ["off", "shop"] {
        let mut spec = privileged();
        spec["containers"][0]["securityContext"]["capabilities"] = json!({"add": ["SYS_ADMIN"]});
        stub.put(PODS, namespace, "a", pod(&spec));
        stub.put(PODS, namespace, "b", pod(&plain()));
    }
    let settings = AuditSettings { modes: Modes::All, ..settings(500) };
    let recorded = audit(&stub.client().0, &settings).await;

    let broken = |namespace: usize, workload: usize| -> Vec<String> {
        let workload = &recorded.namespaces[namespace].workloads[workload].workload;
        let broken = workload.violations.iter();
        broken
            .map(|broken| format!("{} {}", broken.severity.as_str(), broken.requirement.id()))
            .collect()
    };
    assert_eq!([broken(0, 0), broken(0, 1)].concat(), [""; 0]);
    assert_eq!(
        broken(1, 0),
        [
            "error capabilities_baseline",
            "error privileged",
            "warning allowPrivilegeEscalation",
            "warning capabilities_restricted",
            "warning runAsNonRoot",
            "warning seccompProfile_restricted",
        ]
    );
    assert_eq!(broken(1, 1).len(), 4);
    let breaking: Vec<_> =
        recorded.namespaces[1].breaking.iter().map(ToString::to_string).collect();
    assert_eq!(breaking, ["Pod shop/a"]);
}
