//! A namespace whose policy becomes stricter, and the pods that run in it.

use std::path::Path;

use portcullis::{
    admission::{
        At, Context, Hook, NamespaceReview, Outcome, Request, Review, Scan, answer, review,
    },
    config::{self, Config},
    pss::{NEWEST, Pod},
};
use serde_json::{Value, json};

use crate::objects::{Ask, object};

/// Pods as the API server lists them.
struct Pods(Vec<String>);

impl Pods {
    fn add(&mut self, name: &str, pod: &str, owner: Option<&str>) {
        let mut pod = object(pod);
        pod["metadata"]["name"] = name.into();
        if let Some(uid) = owner {
            pod["metadata"]["ownerReferences"] =
                json!([{"uid": "other"}, {"uid": uid, "controller": true}]);
        }
        self.0.push(pod.to_string());
    }

    fn read(&self) -> Vec<Pod<'_>> {
        self.0.iter().map(|pod| serde_json::from_str(pod).unwrap()).collect()
    }
}

/// Makes a namespace enforce baseline. What is answered to the pods that are given.
fn scan(
    pods: Result<(Vec<Pod<'_>>, usize), String>,
    is_time_up: impl FnMut() -> bool,
) -> (Scan, Vec<String>) {
    let text = "apiVersion: portcullis.dev/v1alpha1\nkind: Configuration\n\
        defaults: {enforce: privileged}\nexemptions: {runtimeClasses: [sandbox]}\n";
    let config = config::parse(text, Path::new("case")).unwrap();
    let labels = json!({"pod-security.kubernetes.io/enforce": "baseline"});
    let ask = Ask {
        resource: "namespaces".to_owned(),
        name: "shop".to_owned(),
        operation: "UPDATE".to_owned(),
        object: json!({"metadata": {"name": "shop", "labels": labels}}),
        old_object: json!({"metadata": {"name": "shop"}}),
        ..Ask::default()
    };
    let text = ask.text();
    let request = Request::decode(text.as_bytes()).unwrap();
    let context = Context { config: &config, newest: NEWEST, excepted: At::nothing() };
    let Review::AwaitsPods(review) = review(Hook::Validate, &request, context) else {
        panic!("the pods are not asked for");
    };
    assert_eq!(review.namespace(), "shop");
    let outcome = review.with(pods, is_time_up);
    let answer = answer(&outcome, &request, config.mode);
    assert!(answer.denial.is_none(), "never denied because of pods");
    assert!(answer.annotations.is_empty() && answer.patch.is_none());
    let Outcome::Namespace(NamespaceReview::Scanned(scan)) = outcome else { panic!("{outcome:?}") };
    (scan, answer.warnings)
}

#[test]
fn pods_that_break_the_same_controls_are_told_together() {
    let mut pods = Pods(Vec::new());
    for (name, pod) in [
        ("c", "bad"),
        ("good", "good"),
        ("b", "bad"),
        ("z", "plain"),
        ("a", "bad"),
        ("s", "sandboxed"),
    ] {
        pods.add(name, pod, None);
    }
    let (scan, warnings) = scan(Ok((pods.read(), 0)), || false);
    assert_eq!((scan.checked, scan.total), (5, 5), "all but the exempt runtime class");
    assert_eq!(
        warnings,
        [
            r#"existing pods in namespace "shop" violate the new PodSecurity enforce level "baseline:latest""#,
            "a (and 2 other pods): host namespaces",
        ]
    );
    pods.0.truncate(3);
    let (_, warnings) = self::scan(Ok((pods.read(), 0)), || false);
    assert_eq!(warnings[1], "b (and 1 other pod): host namespaces");
}

#[test]
fn groups_are_told_by_their_first_pods_name() {
    let mut pods = Pods(Vec::new());
    pods.add("b", "bad", None);
    let mut worse: Value = serde_json::from_str(&pods.0[0]).unwrap();
    worse["metadata"]["name"] = "a".into();
    worse["spec"]["containers"][0]["securityContext"] = json!({"privileged": true});
    pods.0.push(worse.to_string());
    let (_, warnings) = scan(Ok((pods.read(), 0)), || false);
    assert_eq!(warnings[1..], ["a: host namespaces, privileged container", "b: host namespaces"]);
}

#[test]
fn pods_that_comply_are_not_told_of() {
    let mut pods = Pods(Vec::new());
    pods.add("a", "good", None);
    let (scan, warnings) = scan(Ok((pods.read(), 0)), || false);
    assert_eq!((scan.checked, warnings.len()), (1, 0));
}

#[test]
fn one_pod_of_each_controller_comes_first() {
    let mut pods = Pods(Vec::new());
    for index in 0..2999 {
        pods.add(&format!("r{index}"), "good", Some("one"));
    }
    pods.add("lonely", "bad", None);
    pods.add("other", "bad", Some("two"));
    let (scan, warnings) = scan(Ok((pods.read(), 7)), || false);
    assert_eq!((scan.checked, scan.total), (3000, 3008));
    assert_eq!(scan.groups.len(), 1);
    assert_eq!(scan.groups[0].count, 2, "those after 2999 replicas are seen");
    assert!(warnings[0].contains("3000 of 3008 existing pods"), "{warnings:?}");
}

#[test]
fn no_more_than_3000_pods_are_judged() {
    let mut pods = Pods(Vec::new());
    for index in 0..3001 {
        pods.add(&format!("p{index:04}"), "bad", None);
    }
    let (scan, warnings) = scan(Ok((pods.read(), 0)), || false);
    assert_eq!((scan.checked, scan.total), (3000, 3001));
    assert!(warnings[0].contains("3000 of 3001 existing pods"), "{warnings:?}");
    assert_eq!(warnings[2], "p0000 (and 2999 other pods): host namespaces");
}

#[test]
fn time_is_up_after_some_pods() {
    let mut pods = Pods(Vec::new());
    for name in ["a", "b", "c"] {
        pods.add(name, "bad", None);
    }
    let mut looked = 0;
    let (scan, warnings) = scan(Ok((pods.read(), 0)), || {
        looked += 1;
        looked == 2
    });
    assert_eq!((scan.checked, scan.total), (2, 3));
    assert!(warnings[0].contains("2 of 3 existing pods"), "{warnings:?}");
}

#[test]
fn pods_that_cannot_be_listed_are_told_of_too() {
    let (scan, warnings) = scan(Err("the API server is away".to_owned()), || false);
    assert!(scan.failure.is_some());
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].ends_with("the API server is away"), "{warnings:?}");
}

/// Old enforced pair, new one, and whether the pods are looked at: upstream's three exceptions.
#[test]
fn pods_are_looked_at_only_where_enforce_becomes_stricter() {
    let rows = [
        ("privileged", "baseline", true),
        ("baseline", "restricted", true),
        ("restricted", "baseline", false),
        ("baseline", "privileged", false),
        ("baseline", "baseline", false),
        ("baseline:v1.20", "baseline", true),
        ("baseline", "baseline:v1.20", true),
        ("restricted", "baseline:v1.20", true),
        ("restricted:v1.20", "baseline:v1.20", false),
        ("privileged:v1.20", "privileged", false),
    ];
    let config = Config::embedded();
    let context = Context { config: &config, newest: NEWEST, excepted: At::nothing() };
    for (old, new, is_looked_at) in rows {
        let namespace = |pair: &str| {
            let (level, version) = pair.split_once(':').unwrap_or((pair, "latest"));
            let [key, version_key] = ["enforce", "enforce-version"]
                .map(|key| format!("pod-security.kubernetes.io/{key}"));
            json!({"metadata": {"labels": {key: level, version_key: version}}})
        };
        let ask = Ask {
            resource: "namespaces".to_owned(),
            operation: "UPDATE".to_owned(),
            object: namespace(new),
            old_object: namespace(old),
            ..Ask::default()
        };
        let text = ask.text();
        let request = Request::decode(text.as_bytes()).unwrap();
        let review = review(Hook::Validate, &request, context);
        assert_eq!(matches!(review, Review::AwaitsPods(_)), is_looked_at, "{old} to {new}");
    }
}
