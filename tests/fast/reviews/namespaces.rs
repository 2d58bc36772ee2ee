//! A namespace whose policy becomes stricter, and its running pods.

use admission::{Hook, NamespaceReview, Outcome, Request, Review, Scan, Unlisted, answer, review};
use policy::config::Config;
use serde_json::{Value, json};

use crate::{
    reviews::decide::{asks_for_pods, configured, context},
    reviews::objects::{Ask, object},
};

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

    fn texts(&self) -> Vec<&str> {
        self.0.iter().map(String::as_str).collect()
    }
}

/// The result of listing the pods.
enum Listed<'p> {
    /// Pages, each with the number of pods after it.
    Pages(Vec<(Vec<&'p str>, usize)>),
    /// Pages, and the number of pods that were not listed.
    Until(Vec<(Vec<&'p str>, usize)>, Unlisted),
    Failed(&'static str),
}

/// All on one page.
fn one_page(pods: &Pods) -> Listed<'_> {
    Listed::Pages(vec![(pods.texts(), 0)])
}

/// In pages of this size.
fn pages(pods: &Pods, size: usize) -> Vec<(Vec<&str>, usize)> {
    let texts = pods.texts();
    let count = texts.len();
    let page =
        |(index, page): (usize, &[_])| (page.to_vec(), count.saturating_sub((index + 1) * size));
    texts.chunks(size).enumerate().map(page).collect()
}

/// Makes a namespace enforce baseline. Returns the response for the given pods.
fn scan(listed: Listed<'_>, mut is_time_up: impl FnMut() -> bool) -> (Scan, Vec<String>) {
    let config =
        configured("defaults: {enforce: privileged}\nexemptions: {runtimeClasses: [sandbox]}\n");
    let labels = json!({"pod-security.kubernetes.io/enforce": "baseline"});
    let text = Ask::relabelling(&json!({}), &labels).text();
    let request = Request::decode(text.as_bytes(), policy::workloads::Kinds::default()).unwrap();
    let context = context(&config);
    let Review::AwaitsPods(review) = review(Hook::Validate, &request, context) else {
        panic!("the pods are not asked for");
    };
    let mut scan = review.scan();
    assert_eq!(scan.namespace(), "shop");
    let (pages, unlisted) = match listed {
        Listed::Pages(pages) => (Ok(pages), Unlisted::Known(0)),
        Listed::Until(pages, unlisted) => (Ok(pages), unlisted),
        Listed::Failed(why) => (Err(why.to_owned()), Unlisted::Unknown),
    };
    let scan = match pages {
        Ok(pages) => {
            for (pods, to_come) in pages {
                if scan.has_room() {
                    scan.page(&pods, to_come, context, &mut is_time_up);
                }
            }
            scan.finish(unlisted)
        }
        Err(why) => scan.fail(why),
    };
    let outcome = review.with(scan);
    let answer = answer(&outcome, &request, config.mode);
    assert!(answer.denial.is_none(), "never denied because of pods");
    assert!(answer.annotations.is_empty() && answer.patch.is_none());
    let Outcome::Namespace(NamespaceReview::Scanned(scan)) = outcome else { panic!("{outcome:?}") };
    // kubectl prints equal warnings once, so each must name its namespace, mostly at the beginning.
    let unnamed = |warning: &String| {
        assert!(warning.contains("\"shop\""), "{warning}");
        warning.strip_prefix("Namespace \"shop\": ").unwrap_or(warning).to_owned()
    };
    (scan, answer.warnings.iter().map(unnamed).collect())
}

#[test]
fn pods_with_the_same_violations_are_grouped() {
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
    let (scan, warnings) = scan(one_page(&pods), || false);
    assert_eq!((scan.checked, scan.total), (5, Some(5)), "all but the exempt runtime class");
    assert_eq!(
        warnings,
        [
            r#"existing pods in namespace "shop" violate the new PodSecurity enforce level "baseline:latest""#,
            "a (and 2 other pods): host namespaces",
        ]
    );
    pods.0.truncate(3);
    let (_, warnings) = self::scan(one_page(&pods), || false);
    assert_eq!(warnings[1], "b (and 1 other pod): host namespaces");
}

#[test]
fn groups_are_named_by_their_first_pod() {
    let mut pods = Pods(Vec::new());
    pods.add("b", "bad", None);
    let mut worse: Value = serde_json::from_str(&pods.0[0]).unwrap();
    worse["metadata"]["name"] = "a".into();
    worse["spec"]["containers"][0]["securityContext"] = json!({"privileged": true});
    pods.0.push(worse.to_string());
    let (_, warnings) = scan(one_page(&pods), || false);
    assert_eq!(warnings[1..], ["a: host namespaces, privileged container", "b: host namespaces"]);
}

#[test]
fn compliant_pods_are_not_reported() {
    let mut pods = Pods(Vec::new());
    pods.add("a", "good", None);
    let (scan, warnings) = scan(one_page(&pods), || false);
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
    let listed = Listed::Until(vec![(pods.texts(), 7)], Unlisted::Known(7));
    let (scan, warnings) = scan(listed, || false);
    // Seven may be the first of their controllers.
    assert_eq!((scan.checked, scan.total), (2993, Some(3008)));
    assert_eq!(scan.groups.len(), 1);
    assert_eq!(scan.groups[0].count, 2, "those after 2999 replicas are seen");
    assert!(warnings[0].contains("2993 of 3008 existing pods"), "{warnings:?}");
}

#[test]
fn no_more_than_3000_pods_are_judged() {
    let mut pods = Pods(Vec::new());
    for index in 0..3001 {
        pods.add(&format!("p{index:04}"), "bad", None);
    }
    let (scan, warnings) = scan(one_page(&pods), || false);
    assert_eq!((scan.checked, scan.total), (3000, Some(3001)));
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
    let (scan, warnings) = scan(one_page(&pods), || {
        looked += 1;
        looked == 2
    });
    assert_eq!((scan.checked, scan.total), (2, Some(3)));
    assert!(warnings[0].contains("2 of 3 existing pods"), "{warnings:?}");
}

#[test]
fn pods_that_cannot_be_listed_are_reported() {
    let (scan, warnings) = scan(Listed::Failed("the API server is away"), || false);
    assert!(scan.failure.is_some());
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].ends_with("the API server is away"), "{warnings:?}");
}

/// The size of pages does not matter: up to the maximum, all pods are judged; beyond it, the first pod of each
/// controller comes before all others.
#[test]
fn pages_change_nothing() {
    let mut pods = Pods(Vec::new());
    for index in 0..60 {
        let owner = ["one", "two", "three"].get(index % 4).copied();
        pods.add(&format!("p{index:02}"), ["bad", "good", "plain"][index % 3], owner);
    }
    let whole = scan(one_page(&pods), || false);
    assert_eq!(whole.0.checked, 60);
    for size in [1, 7, 59, 60] {
        let (scan, warnings) = scan(Listed::Pages(pages(&pods, size)), || false);
        assert_eq!((scan.checked, scan.total), (60, Some(60)), "{size}");
        assert_eq!((scan.groups, warnings), (whole.0.groups.clone(), whole.1.clone()), "{size}");
    }
}

#[test]
fn replicas_on_early_pages_hide_no_pod_on_later_ones() {
    let mut pods = Pods(Vec::new());
    for index in 0..4000 {
        pods.add(&format!("r{index}"), "good", Some("one"));
    }
    pods.add("lonely", "bad", None);
    let (scan, warnings) = scan(Listed::Pages(pages(&pods, 500)), || false);
    assert_eq!((scan.checked, scan.total), (3000, Some(4001)));
    assert_eq!(scan.groups[0].pod, "lonely");
    assert!(warnings[0].contains("3000 of 4001 existing pods"), "{warnings:?}");
}

#[test]
fn what_is_no_pod_is_not_checked() {
    let mut pods = Pods(Vec::new());
    pods.add("a", "bad", None);
    pods.0.extend(["7".to_owned(), r#"{"spec":{"containers":[[]]}}"#.to_owned(), "{".to_owned()]);
    let (scan, _) = scan(one_page(&pods), || false);
    assert_eq!((scan.checked, scan.total), (1, Some(4)));
}

#[test]
fn a_count_that_nobody_knows_is_not_made_up() {
    let mut pods = Pods(Vec::new());
    pods.add("a", "good", None);
    let listed = Listed::Until(vec![(pods.texts(), 0)], Unlisted::Unknown);
    let (_, warnings) = scan(listed, || false);
    assert_eq!(
        warnings,
        ["only 1 of the existing pods were checked against the new enforce level"]
    );
}

/// The old and new enforced level and version, and whether pods are checked, with upstream's three exceptions.
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
    for (old, new, is_looked_at) in rows {
        let labels = |pair: &str| {
            let (level, version) = pair.split_once(':').unwrap_or((pair, "latest"));
            let [key, version_key] = ["enforce", "enforce-version"]
                .map(|key| format!("pod-security.kubernetes.io/{key}"));
            json!({key: level, version_key: version})
        };
        let ask = Ask::relabelling(&labels(old), &labels(new));
        assert_eq!(asks_for_pods(&ask, &config), is_looked_at, "{old} to {new}");
    }
}
