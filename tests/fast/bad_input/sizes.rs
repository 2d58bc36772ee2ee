//! Reviews that are larger than any real one.

use admission::Hook;
use serde_json::{Map, Value, json};

use crate::{
    bad_input::seeds::{Verdict, server, verdict},
    reviews::objects::{Ask, UID, object},
};

const MANY: usize = 100_000;

fn validated(ask: &Ask) -> Verdict {
    verdict(&server().ask(Hook::Validate, ask.text()), Some(UID))
}

fn good_with(path: &str, value: Value) -> Ask {
    let mut pod = object("good");
    *path.split('.').fold(&mut pod, |at, key| &mut at[key]) = value;
    Ask::pod(pod)
}

fn map(key: impl Fn(usize) -> String) -> Value {
    (0..MANY).map(|index| (key(index), json!("x"))).collect::<Map<_, _>>().into()
}

#[test]
fn lists_that_are_judged_are_bounded() {
    for list in ["initContainers", "containers", "ephemeralContainers"] {
        let ask = good_with(&format!("spec.{list}"), json!(vec![json!({}); MANY]));
        assert_eq!(validated(&ask), Verdict::Denied(400), "{list}");
    }
    let ask = good_with("spec.volumes", json!(vec![json!({"emptyDir": {}}); MANY]));
    assert_eq!(validated(&ask), Verdict::Denied(400));
    let annotation = |index| format!("container.seccomp.security.alpha.kubernetes.io/{index}");
    assert_eq!(
        validated(&good_with("metadata.annotations", map(annotation))),
        Verdict::Denied(400)
    );
}

#[test]
fn as_many_containers_as_are_taken_are_judged() {
    // Per review; a kubelet runs 110 pods.
    const MOST: usize = 250;
    let mut containers = vec![object("good")["spec"]["containers"][0].clone(); MOST];
    assert_eq!(validated(&good_with("spec.containers", json!(containers))), Verdict::Allowed);
    containers[MOST - 1]["securityContext"]["privileged"] = true.into();
    assert_eq!(validated(&good_with("spec.containers", json!(containers))), Verdict::Denied(403));
}

/// As in the templates of charts, without what a cluster adds.
#[test]
fn the_largest_honest_pods_are_judged() {
    let pod = |containers: usize, mounts: usize, variables: usize| {
        let mut container = object("good")["spec"]["containers"][0].clone();
        let mount =
            |at: usize| json!({"name": format!("v{at}"), "mountPath": format!("/mnt/v{at}")});
        let variable = |at: usize| json!({"name": format!("SETTING_{at}"), "value": "some value"});
        container["volumeMounts"] = (0..mounts).map(mount).collect();
        container["env"] = (0..variables).map(variable).collect();
        container["ports"] = json!([{"name": "http", "containerPort": 8080, "protocol": "TCP"}]);
        container["resources"] = json!({
            "requests": {"cpu": "100m", "memory": "128Mi"},
            "limits": {"cpu": "500m", "memory": "256Mi"},
        });
        container["terminationMessagePath"] = "/dev/termination-log".into();
        container["imagePullPolicy"] = "IfNotPresent".into();
        good_with("spec.containers", json!(vec![container; containers]))
    };
    for (containers, mounts, variables) in [(110, 30, 50), (250, 1, 5), (250, 3, 10), (20, 50, 0)] {
        assert_eq!(
            validated(&pod(containers, mounts, variables)),
            Verdict::Allowed,
            "{containers} containers, {mounts} mounts, {variables} variables"
        );
    }
}

/// All lists of a review share one limit, so many small lists are bounded like a large one.
#[test]
fn lists_within_lists_are_bounded_together() {
    let mounts = json!(vec![json!({}); 200]);
    let containers = json!(vec![json!({"name": "a", "volumeMounts": mounts}); 100]);
    assert_eq!(validated(&good_with("spec.containers", containers)), Verdict::Denied(400));
    let ports = json!(vec![json!({"containerPort": 80, "hostPort": 80}); 16_000]);
    assert_eq!(
        validated(&good_with("spec.containers", json!([{"name": "a", "ports": ports}]))),
        Verdict::Denied(403)
    );
}

#[test]
fn what_is_not_judged_may_be_long() {
    for field in ["metadata.labels", "metadata.annotations"] {
        assert_eq!(
            validated(&good_with(field, map(|index| format!("k{index}")))),
            Verdict::Allowed,
            "{field}"
        );
    }
    let env = json!(vec![json!({"name": "A", "value": "<>&"}); MANY]);
    let mut pod = object("good");
    pod["spec"]["containers"][0]["env"] = env;
    assert_eq!(validated(&Ask::pod(pod)), Verdict::Allowed);
    let groups = (0..10_000).map(|index| format!("g{index}")).collect();
    assert_eq!(validated(&Ask { groups, ..Ask::pod(object("good")) }), Verdict::Allowed);
}

#[test]
fn a_namespace_may_have_many_labels() {
    let mut labels = map(|index| format!("k{index}"));
    let ask = |labels: &Value| Ask {
        resource: "namespaces".to_owned(),
        object: json!({"metadata": {"labels": labels}}),
        ..Ask::default()
    };
    assert_eq!(validated(&ask(&labels)), Verdict::Allowed);
    labels["pod-security.kubernetes.io/enforce"] = "strict".into();
    assert_eq!(validated(&ask(&labels)), Verdict::Denied(422));
}
