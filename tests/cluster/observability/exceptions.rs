//! Metrics of exceptions and profiles: their states, and what they admit.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::support::{
    control_plane::{ControlPlane, Who},
    portcullis::Portcullis,
    user::User,
    wait::{PATIENCE, until},
};

const DAY: u64 = 24 * 3600;

/// Creates the definition of PolicyExceptions.
pub(crate) async fn define(admin: &User) {
    let definition = super::rules::read("charts/portcullis/files/policyexceptions.yaml");
    let definition: Value = serde_saphyr::from_str(&definition).unwrap();
    let definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    let made = admin.create(definitions, &definition).await;
    // Another test of this process may have created it.
    assert!(matches!(made.code, 201 | 409), "{}", made.message());
    let all = "/apis/portcullis.dev/v1alpha1/policyexceptions";
    until("the definition", PATIENCE, async || (admin.get(all).await.code == 200).then_some(()))
        .await;
}

/// Allows hostPID for a namespace's pods.
pub(crate) async fn except(
    admin: &User,
    (at, name): (&str, &str),
    namespace: &str,
    end: SystemTime,
) {
    let end = jiff::Timestamp::try_from(end).unwrap();
    let object = json!({
        "apiVersion": "portcullis.dev/v1alpha1",
        "kind": "PolicyException",
        "metadata": {"name": name},
        "spec": {
            "match": {"namespaces": [namespace]},
            "allow": {"hostNamespaces": ["pid"]},
            "reason": "it looks at processes", "owner": "team", "expires": end.to_string(),
        },
    });
    admin.create(&exceptions(at), &object).await.granted();
}

fn exceptions(namespace: &str) -> String {
    format!("/apis/portcullis.dev/v1alpha1/namespaces/{namespace}/policyexceptions")
}

#[tokio::test]
async fn exceptions_and_profiles_are_counted_by_what_becomes_of_them() {
    let Ok(plane) = ControlPlane::shared() else { return };
    let admin = plane.user(Who::Admin).await;
    define(&admin).await;
    let ours = plane.namespace("ours", &[]).await;
    let configuration = format!(
        "
apiVersion: portcullis.dev/v1alpha1
kind: Configuration
defaults: {{enforce: baseline}}
exceptions: {{namespaces: [{ours}]}}
profiles:
  agent: {{level: baseline, namespaces: ['profiled-*'], allow: {{hostNamespaces: [pid]}}}}
  plain: {{level: baseline}}
"
    );
    let flags = [format!("--namespace={ours}")];
    let flags: Vec<_> = flags.iter().map(String::as_str).collect();
    let mut server =
        Portcullis::launch_by(&plane.kubeconfig(Who::Admin), Some(&configuration), &flags);
    let profile = |name| [("portcullis.dev/profile", name)];
    let covered = server.namespace(plane, "covered", &[]).await;
    let lapsed = server.namespace(plane, "lapsed", &[]).await;
    let profiled = server.namespace(plane, "profiled", &profile("agent")).await;
    let plain = server.namespace(plane, "plain", &profile("plain")).await;
    let lost = server.namespace(plane, "lost", &profile("nobody")).await;

    let now = SystemTime::now();
    let days = |days| Duration::from_secs(days * DAY);
    let (soon, past) = (now + days(3), now - days(1));
    except(&admin, (&ours, "ending"), &covered, soon).await;
    except(&admin, (&ours, "ended"), &lapsed, past).await;
    except(&admin, (&ours, "old"), &lapsed, now - days(8)).await;
    except(&admin, (&ours, "later"), "elsewhere", now + days(8)).await;
    except(&admin, (&ours, "typo"), "elsewhere", now + days(8)).await;
    let typo = format!("{}/typo", exceptions(&ours));
    // The schema accepts it.
    let wrong = json!({"spec": {"match": {"podLabel": {"app": "x"}}}});
    admin.merge(&typo, &wrong).await.granted();

    server.wait_ready().await;
    let states = "active 1, ending 1, expired 2, ignored 0, invalid 1";
    let page = until("the exceptions", PATIENCE, async || {
        let page = server.page("/metrics").await?.1;
        (standing(&page) == states).then_some(page)
    })
    .await;
    assert_eq!(value(&page, "portcullis_exceptions_synced"), 1.0);
    let name = "portcullis_exception_expiry_timestamp_seconds";
    let ends = page.lines().filter(|line| line.starts_with(&format!("{name}{{")));
    assert_eq!(ends.count(), 2, "only what is near its end, or was:\n{page}");
    for (exception, end) in [("ending", soon), ("ended", past)] {
        let end = end.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64();
        let reported = value(&page, &format!("{name}{{exception=\"{ours}/{exception}\"}}"));
        assert!((reported - end).abs() < 1.0, "{exception}: {reported}, not {end}");
    }

    server.register(plane).await;
    let create = async |namespace: &str| {
        let pods = format!("/api/v1/namespaces/{namespace}/pods");
        admin.create(&pods, &pod()).await.code
    };
    // They are counted a moment before they are in force.
    until("the exception to hold", PATIENCE, async || {
        (create(&covered).await == 201).then_some(())
    })
    .await;
    for (namespace, code) in [(&lapsed, 403), (&profiled, 201), (&plain, 403), (&lost, 403)] {
        assert_eq!(create(namespace).await, code, "{namespace}");
    }

    let page = server.page("/metrics").await.unwrap().1;
    let excepted = |relaxation: &str, outcome: &str| {
        let labels = format!("outcome=\"{outcome}\",relaxation=\"{relaxation}\"");
        value(&page, &format!("portcullis_excepted_total{{{labels}}}"))
    };
    for relaxation in ["exception", "profile"] {
        assert_eq!(excepted(relaxation, "allowed"), 1.0, "{relaxation}");
        for outcome in ["denied", "template", "template_rejected"] {
            assert_eq!(excepted(relaxation, outcome), 0.0, "{relaxation} {outcome}");
        }
    }
    assert_eq!(value(&page, "portcullis_denials_after_expiry_total"), 1.0);
    let log = server.log();
    let denied = log.lines().find(|line| line.contains(&lapsed) && line.contains("denied"));
    assert!(denied.unwrap().contains(&format!("{ours}/ended,{ours}/old")), "{denied:?}");
    // A profile that does not exist is counted as an invalid label.
    let labels = "fatal=\"false\",request_operation=\"create\",resource=\"pod\",subresource=\"\"";
    assert_eq!(value(&page, &format!("pod_security_errors_total{{{labels}}}")), 1.0);
}

/// The number of exceptions in each state, sorted by name.
fn standing(page: &str) -> String {
    let states = page.lines().filter_map(|line| line.strip_prefix("portcullis_exceptions{state="));
    let states = states.map(|state| state.replace(['"', '}'], ""));
    states.collect::<Vec<_>>().join(", ")
}

fn value(page: &str, series: &str) -> f64 {
    let found = page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    found.unwrap_or_else(|| panic!("no {series} in:\n{page}")).parse().unwrap()
}

/// A pod that baseline denies for a single field.
fn pod() -> Value {
    let container = json!({"name": "main", "image": "web:1"});
    json!({
        "metadata": {"generateName": "web-"},
        "spec": {"hostPID": true, "containers": [container]},
    })
}
