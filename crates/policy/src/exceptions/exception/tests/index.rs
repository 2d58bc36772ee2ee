//! The index finds the same exceptions as a linear search, and checks few of them.

use proptest::{
    prelude::*,
    sample::{select, subsequence},
};

use super::*;

const ACCOUNTS: [&str; 4] = ["shop:web", "shop:*", "*:agent", "team-a:web"];
const IMAGES: [&str; 5] = ["ghcr.io/shop/*", "busybox", "*/shop/web:1", "ghcr.io/shop/web:*", "*"];
const NAMESPACES: [&str; 5] = ["shop", "team-a", "sh*", "*", "x*p"];
const LABELS: [(&str, &str); 3] = [("app", "web"), ("tier", "front"), ("app", "db")];
const OWNERS: [(OwnerKind, &str); 3] =
    [(OwnerKind::ReplicaSet, "web-7d4b9"), (OwnerKind::Deployment, "web"), (OwnerKind::Job, "web")];

prop_compose! {
    fn matches()(
        namespaces in subsequence(NAMESPACES.to_vec(), 1..=2),
        accounts in prop_oneof![Just(Vec::new()), subsequence(ACCOUNTS.to_vec(), 1..=2)],
        wanted in prop_oneof![Just(Vec::new()), subsequence(IMAGES.to_vec(), 1..=2)],
        owners in prop_oneof![2 => Just(Vec::new()), 1 => subsequence(OWNERS.to_vec(), 1..=2)],
        labels in prop_oneof![2 => Just(Vec::new()), 1 => subsequence(LABELS.to_vec(), 1..=2)],
    ) -> Match {
        Match {
            service_accounts: patterns(&accounts),
            images: images(&wanted),
            owners: owners.into_iter().map(|(kind, name)| (kind, name.to_owned())).collect(),
            pod_labels: labels.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect(),
            ..within(&namespaces)
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn those_that_fit_are_found_whatever_they_select_by(
        all in prop::collection::vec(matches(), 0..30),
        namespace in select(vec!["shop", "team-a", "ship", "other"]),
        requester in select(vec!["dev", REPLICA_SETS]),
    ) {
        let all: Vec<_> = all
            .into_iter()
            .enumerate()
            .map(|(number, matches)| exception(&format!("x/{number:02}"), matches))
            .collect();
        let pod = pod(POD);
        let subject = Subject::of(&pod, namespace, requester);
        let facts = Facts::new(subject);
        let expected: Vec<_> = all.iter().filter(|it| it.matches.fits(&facts)).cloned().collect();
        let exceptions: Exceptions = all.into_iter().collect();
        let found = exceptions.covering(&subject, at(0)).granted;
        prop_assert_eq!(found.into_iter().cloned().collect::<Vec<_>>(), expected);
    }
}

/// Among 10,000 exceptions that share all selectors but one, or none, a pod checks only those that may match it.
#[test]
fn few_of_ten_thousand_are_asked() {
    let shared = || Match { images: images(&["ghcr.io/shop/*"]), ..within(&["*"]) };
    type Make = fn(Match, usize) -> Match;
    let forms: [(&str, Make); 7] = [
        ("namespaces", |_, number| within(&[&format!("shop-{number}")])),
        ("patterns of namespaces", |_, number| within(&[&format!("*-{number:05}-x")])),
        ("accounts", |shared, number| Match {
            service_accounts: patterns(&[&format!("*:web-{number}")]),
            ..shared
        }),
        ("images", |_, number| Match {
            images: images(&[&format!("ghcr.io/shop/app-{number}:*")]),
            ..within(&["*"])
        }),
        ("images in one namespace", |_, number| Match {
            images: images(&[&format!("*/shop/app-{number}:1.*")]),
            ..within(&["shop"])
        }),
        ("owners", |shared, number| Match {
            owners: [(OwnerKind::Deployment, format!("web-{number}"))].into(),
            ..shared
        }),
        ("labels", |shared, number| Match {
            pod_labels: vec![
                ("app".to_owned(), "web".to_owned()),
                ("number".to_owned(), number.to_string()),
            ],
            ..shared
        }),
    ];
    for (form, make) in forms {
        let all =
            (0..10_000).map(|number| exception(&format!("x/{number}"), make(shared(), number)));
        let exceptions: Exceptions = all
            .chain([exception(
                "x/fits",
                Match { images: images(&["busybox"]), ..within(&["shop"]) },
            )])
            .collect();
        let pod = pod(POD);
        let subject = Subject::of(&pod, "shop", REPLICA_SETS);
        assert!(exceptions.asked(&subject) <= 2, "{form}: {}", exceptions.asked(&subject));
        assert_eq!(exceptions.covering(&subject, at(0)).granted.len(), 1, "{form}");
    }
}

#[test]
fn an_image_volume_is_one_of_the_pods_images() {
    let own = Match { images: images(&["ghcr.io/shop/*"]), ..within(&["shop"]) };
    let mut allow = Relaxation::default();
    allow.add(Allowed::HostNamespace("network")).unwrap();
    allow.add(Allowed::Capability("NET_RAW")).unwrap();
    let exceptions: Exceptions =
        [Exception { allow, ..exception("x/y", own) }].into_iter().collect();
    let broken = |volume: &str, mounted: &str| {
        let text = format!(
            r#"{{"spec": {{
                "hostNetwork": true,
                "containers": [{{"name": "a", "image": "ghcr.io/shop/web:1",
                    "volumeMounts": [{{"name": "{mounted}", "mountPath": "/bin"}}],
                    "securityContext": {{"capabilities": {{"add": ["NET_RAW"]}}}}}}],
                "volumes": [{{"name": "v", "image": {{"reference": "{volume}"}}}}]
            }}}}"#
        );
        let pod = pod(&text);
        let covering = exceptions.covering(&Subject::of(&pod, "shop", "dev"), at(0));
        let relaxed = Relaxed::by(&pod, &covering.grants());
        let levels = LevelVersion::latest(Level::Baseline).into();
        let violations = controls(levels, &relaxed);
        violations.iter().map(|it| it.requirement.id()).collect::<Vec<_>>()
    };
    assert_eq!(broken("ghcr.io/shop/model:1", "v"), [""; 0]);
    for foreign in ["ghcr.io/evil/model:1", "shop/model", ""] {
        // The container keeps its own relaxations; the pod as a whole is not covered.
        assert_eq!(broken(foreign, "other"), ["hostNamespaces"], "{foreign}");
        // Unless it mounts the image: then it may run it.
        assert_eq!(broken(foreign, "v"), ["capabilities_baseline", "hostNamespaces"], "{foreign}");
    }
}
