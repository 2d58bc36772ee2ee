//! Relaxed fields are not hardened; and hardening removes all tokens.

use serde_json::{Value, json};

use crate::{
    beside::world::{ENFORCE, OURS, PROFILE, exception, exceptions, world},
    support::objects::{IMAGE, plain, pods},
    support::{
        control_plane::{ControlPlane, Who},
        wait::{PATIENCE, until},
    },
};

const TOKENS: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

async fn stored(plane: &ControlPlane, namespace: &str, pod: &Value) -> Value {
    let developer = plane.user(Who::Developer).await;
    developer.create(&pods(namespace), pod).await.granted();
    let name = pod["metadata"]["name"].as_str().unwrap();
    developer.get(&format!("{}/{name}", pods(namespace))).await.granted()
}

#[tokio::test]
async fn what_a_profile_relaxes_is_not_hardened() {
    let Ok((plane, server)) = world().await else { return };
    let relaxed = server.namespace(plane, "rooted", &[(PROFILE, "rooted")]).await;
    let strict = server.namespace(plane, "strict", &[(ENFORCE, "restricted")]).await;

    let (relaxed, strict) =
        (stored(plane, &relaxed, &plain("web")).await, stored(plane, &strict, &plain("web")).await);

    let profile = json!({"type": "RuntimeDefault"});
    assert_eq!(relaxed["spec"]["securityContext"], json!({"seccompProfile": profile}));
    assert_eq!(
        strict["spec"]["securityContext"],
        json!({"seccompProfile": profile, "runAsNonRoot": true})
    );
}

#[tokio::test]
async fn what_an_exception_relaxes_for_one_container_is_hardened_in_the_other() {
    let Ok((plane, server)) = world().await else { return };
    let (admin, developer) = (plane.user(Who::Admin).await, plane.user(Who::Developer).await);
    let namespace = server.namespace(plane, "half", &[(ENFORCE, "restricted")]).await;
    let matches = json!({"namespaces": [namespace], "images": ["registry.example/rooted:*"]});
    let excused = exception("half", &matches, &json!({"controls": ["runAsNonRoot"]}));
    admin.create(&exceptions(OURS), &excused).await.granted();
    let mut pod = plain("web");
    pod["spec"]["containers"] = json!([
        {"name": "rooted", "image": "registry.example/rooted:1"},
        {"name": "app", "image": IMAGE},
    ]);
    let context = |pod: &Value, index: usize| {
        pod["spec"]["containers"][index]["securityContext"]["runAsNonRoot"].clone()
    };
    until("the exception to hold", PATIENCE, async || {
        let path = format!("{}?dryRun=All", pods(&namespace));
        let made = developer.create(&path, &pod).await.granted();
        made["spec"]["securityContext"]["runAsNonRoot"].is_null().then_some(())
    })
    .await;

    let made = stored(plane, &namespace, &pod).await;

    assert_eq!(
        made["spec"]["securityContext"],
        json!({"seccompProfile": {"type": "RuntimeDefault"}})
    );
    assert_eq!((context(&made, 0), context(&made, 1)), (Value::Null, json!(true)));
    assert_eq!(made["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"], false);
}

#[tokio::test]
async fn no_token_is_left() {
    let Ok((plane, server)) = world().await else { return };
    let namespace = server.namespace(plane, "web", &[(PROFILE, "tokenless")]).await;
    let admin = plane.user(Who::Admin).await;
    let accounts = format!("/api/v1/namespaces/{namespace}/serviceaccounts");
    admin.create(&accounts, &json!({"metadata": {"name": "builder"}})).await.granted();
    let mut pod = plain("web");
    pod["spec"]["containers"] =
        json!([{"name": "app", "image": IMAGE}, {"name": "sidecar", "image": IMAGE}]);
    pod["spec"]["initContainers"] = json!([{"name": "init", "image": IMAGE}]);
    pod["spec"]["volumes"] = json!([{"name": "data", "emptyDir": {}}]);
    pod["spec"]["containers"][0]["volumeMounts"] = json!([{"name": "data", "mountPath": "/data"}]);

    let made = stored(plane, &namespace, &pod).await;

    assert_eq!(made["spec"]["automountServiceAccountToken"], false);
    let text = made["spec"].to_string();
    for trace in ["serviceAccountToken\":{", TOKENS, "kube-api-access", "projected"] {
        assert!(!text.contains(trace), "{trace} is left: {text}");
    }
    assert_eq!(made["spec"]["volumes"], json!([{"name": "data", "emptyDir": {}}]));
    let mounts = &made["spec"]["containers"][0]["volumeMounts"];
    assert_eq!(mounts, &json!([{"name": "data", "mountPath": "/data"}]));
    // A pod with another account keeps its token.
    let mut builder = plain("builder");
    builder["spec"]["serviceAccountName"] = json!("builder");
    let built = stored(plane, &namespace, &builder).await;
    assert!(built["spec"].to_string().contains(TOKENS), "{built:#}");
    // And so does a pod that may have it, because relaxed fields are not hardened.
    let allowed = server.namespace(plane, "tokens", &[(PROFILE, "tokens")]).await;
    let kept = stored(plane, &allowed, &plain("web")).await;
    assert!(kept["spec"].to_string().contains(TOKENS), "{kept:#}");
    assert_eq!(kept["spec"]["automountServiceAccountToken"], Value::Null);
}
