use std::time::Duration;

use super::*;
use crate::{
    exceptions::{Allowed, Relaxed},
    pattern::Pattern,
    pss::{FindingLimits, Level, LevelVersion, Levels, NEWEST, Pod},
    requirement::Violation,
    verdict::Evaluation,
};

mod index;
mod oracle;

fn controls(levels: Levels, pod: &Relaxed<'_, '_>) -> Vec<Violation> {
    Evaluation { newest: NEWEST, pod, caps: FindingLimits::NONE }.violations(levels)
}

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn patterns(texts: &[&str]) -> Patterns {
    texts.iter().map(|text| text.parse::<Pattern>().unwrap()).collect()
}

fn images(texts: &[&str]) -> ImagePatterns {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn exception(name: &str, matches: Match) -> Exception {
    let mut allow = Relaxation::default();
    allow.add(Allowed::Capability("NET_RAW")).unwrap();
    Exception {
        name: name.to_owned(),
        matches,
        allow,
        reason: "why".to_owned(),
        owner: "who".to_owned(),
        expires: None,
    }
}

fn within(namespaces: &[&str]) -> Match {
    let mut match_ = Match::default();
    namespaces.iter().for_each(|it| match_.namespaces.add(it).unwrap());
    match_
}

fn pod(json: &str) -> Pod<'_> {
    serde_json::from_str(json).unwrap()
}

const POD: &str = r#"{
    "metadata": {
        "labels": {"app": "web", "pod-template-hash": "7d4b9"},
        "ownerReferences": [
            {"apiVersion": "v1", "kind": "Node", "name": "n"},
            {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-7d4b9", "controller": true}
        ]
    },
    "spec": {
        "serviceAccountName": "web",
        "containers": [{"name": "a", "image": "ghcr.io/shop/web:1"}, {"name": "b", "image": "busybox"}]
    }
}"#;
const REPLICA_SETS: &str = "system:serviceaccount:kube-system:replicaset-controller";

/// Whether an exception covers [`POD`], created by this user in namespace `shop`.
fn covers(matches: Match, requester: &str) -> bool {
    let exceptions: Exceptions = [exception("x/y", matches)].into_iter().collect();
    let pod = pod(POD);
    let subject = Subject::of(&pod, "shop", requester);
    !exceptions.covering(&subject, at(0)).granted.is_empty()
}

#[test]
fn all_that_is_named_must_fit() {
    let shop = || within(&["other", "shop"]);
    assert!(covers(shop(), "dev"));
    assert!(!covers(within(&["sho"]), "dev"));
    for (pattern, is_for) in [
        ("sh*", true),
        ("*", true),
        ("*op", true),
        ("shop*", true),
        ("s*p", true),
        ("x*", false),
        ("shops*", false),
        ("sh*x", false),
    ] {
        assert_eq!(covers(within(&[pattern]), "dev"), is_for, "{pattern}");
    }
    assert!(!covers(Match::default(), "dev"), "an exception for no namespace is for none");

    let account = |text| Match { service_accounts: patterns(&[text]), ..shop() };
    assert!(covers(account("shop:web"), "dev") && covers(account("shop:*"), "dev"));
    assert!(!covers(account("web"), "dev") && !covers(account("other:web"), "dev"));

    let image = |text| Match { images: images(&["nginx", text]), ..shop() };
    assert!(covers(image("ghcr.io/shop/*"), "dev") && covers(image("busybox"), "dev"));
    assert!(
        covers(image("busybox:latest"), "dev") && covers(image("docker.io/library/busybox"), "dev")
    );
    assert!(!covers(image("busybox:1"), "dev") && !covers(image("shop/*"), "dev"));

    let labels = |labels: &[(&str, &str)]| {
        let pod_labels = labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Match { pod_labels, ..shop() }
    };
    assert!(covers(labels(&[("app", "web")]), "dev"));
    assert!(!covers(labels(&[("app", "web"), ("tier", "front")]), "dev"));
    assert!(!covers(labels(&[("app", "Web")]), "dev"));
}

#[test]
fn owners_count_only_when_their_own_controller_asks() {
    let owner =
        |kind, name: &str| Match { owners: [(kind, name.to_owned())].into(), ..within(&["shop"]) };
    let replica_set = || owner(OwnerKind::ReplicaSet, "web-7d4b9");
    assert!(covers(replica_set(), REPLICA_SETS));
    for other in [
        "dev",
        "",
        "system:serviceaccount:kube-system:job-controller",
        "system:serviceaccount:shop:replicaset-controller",
        "system:serviceaccount:kube-system:deployment-controller",
    ] {
        assert!(!covers(replica_set(), other), "{other}");
    }
    assert!(covers(owner(OwnerKind::Deployment, "web"), REPLICA_SETS));
    assert!(!covers(owner(OwnerKind::Deployment, "web"), "dev"));
    assert!(!covers(owner(OwnerKind::Deployment, "web-7d4b9"), REPLICA_SETS));
    assert!(!covers(owner(OwnerKind::Job, "web-7d4b9"), REPLICA_SETS));
    assert!(!covers(owner(OwnerKind::StatefulSet, "web"), REPLICA_SETS));
}

#[test]
fn owner_kinds_are_recognised_by_name() {
    let above = |labels: &str, kind, name: &str| {
        let json = format!(r#"{{"metadata": {{"labels": {labels}}}}}"#);
        let pod: Pod<'_> = pod(&json);
        let subject = Subject::made_by(&pod, "shop", Some((kind, name)));
        let names: Vec<_> =
            subject.owners().map(|(kind, name)| format!("{} {name}", kind.as_str())).collect();
        names.get(1).cloned().unwrap_or_default()
    };
    let hash = r#"{"pod-template-hash": "abc"}"#;
    assert_eq!(above(hash, OwnerKind::ReplicaSet, "a-b-abc"), "Deployment a-b");
    assert_eq!(above(hash, OwnerKind::ReplicaSet, "a-b-abd"), "");
    assert_eq!(above(hash, OwnerKind::ReplicaSet, "-abc"), "");
    assert_eq!(above(hash, OwnerKind::StatefulSet, "a-abc"), "");
    assert_eq!(above("{}", OwnerKind::ReplicaSet, "a-abc"), "");
    assert_eq!(above(r#"{"pod-template-hash": ""}"#, OwnerKind::ReplicaSet, "a-"), "");
    assert_eq!(above("{}", OwnerKind::Job, "backup-29374560"), "CronJob backup");
    assert_eq!(above("{}", OwnerKind::Job, "backup-2937456"), "");
    assert_eq!(above("{}", OwnerKind::Job, "backup-2937456x"), "");
}

#[test]
fn a_template_is_its_object_s() {
    let template = pod(r#"{"spec": {"containers": []}}"#);
    let names = |kind| {
        let subject = Subject::of_template(&template, "shop", kind, "web");
        subject.owners().map(|(kind, name)| (kind.as_str(), name)).collect::<Vec<_>>()
    };
    assert_eq!(names("Deployment"), [("Deployment", "web")]);
    assert_eq!(names("CronJob"), [("CronJob", "web")]);
    assert_eq!(names("PodTemplate"), []);
}

#[test]
fn an_exception_ends_to_the_very_moment() {
    let end = at(1_000_000);
    let expiring = Exception { expires: Some(end), ..exception("x/y", within(&["shop"])) };
    let exceptions: Exceptions = [expiring].into_iter().collect();
    let pod = pod(POD);
    let subject = Subject::of(&pod, "shop", "dev");
    let counts = |now| {
        let covering = exceptions.covering(&subject, now);
        (covering.granted.len(), covering.expired.len())
    };
    assert_eq!(counts(at(0)), (1, 0));
    assert_eq!(counts(end - Duration::from_nanos(1)), (1, 0));
    assert_eq!(counts(end), (0, 1));
    assert_eq!(counts(end + Duration::from_secs(1)), (0, 1));
}

/// An exception that matches a namespace both by name and by pattern is found once.
#[test]
fn each_is_found_once_and_by_name() {
    let both = within(&["s*", "shop", "sh*"]);
    let exceptions: Exceptions = [
        exception("z/z", within(&["shop"])),
        exception("m/m", both),
        exception("a/a", within(&["shop"])),
    ]
    .into_iter()
    .collect();
    let pod = pod(POD);
    let covering = exceptions.covering(&Subject::of(&pod, "shop", "dev"), at(0));
    let names: Vec<_> = covering.granted.iter().map(|exception| exception.name.as_str()).collect();
    assert_eq!(names, ["a/a", "m/m", "z/z"]);
    let of =
        |namespace| exceptions.covering(&Subject::of(&pod, namespace, "dev"), at(0)).granted.len();
    assert_eq!((of("ship"), of("sh"), of("s"), of("x"), of("")), (1, 1, 1, 0, 0));
}

#[test]
fn skipped_objects_are_reported() {
    let left = |expires, now| Exception { expires, ..exception("x/y", within(&[])) }.left(at(now));
    assert_eq!(left(Some(at(10)), 7), Some(Duration::from_secs(3)));
    assert_eq!((left(Some(at(10)), 10), left(Some(at(10)), 11), left(None, 7)), (None, None, None));
}
