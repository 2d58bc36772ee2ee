//! Properties of the Standard for every pod.

use std::collections::BTreeSet;

use policy::pss::{CONTROLS, Level, Minor, Pod};

use crate::{generator::Generator, standard::broken};

const PODS: u64 = 2_000;

#[test]
fn who_passes_restricted_passes_baseline() {
    let mut passed = 0;
    each_pod(|text, pod| {
        // Upstream admits Windows pods that violate baseline under restricted, whose controls override baseline's and
        // do not judge them. The two levels judge a volume with two sources differently; the API rejects it.
        let has_two_sources = pod.spec.volumes.iter().any(|volume| volume.sources.len() > 1);
        if pod.is_windows() || has_two_sources {
            return;
        }
        for version in boundaries() {
            if broken(Level::Restricted, version, pod).is_empty() {
                passed += 1;
                assert_eq!(broken(Level::Baseline, version, pod), [""; 0], "{version} {text}");
            }
        }
    });
    assert!(passed > PODS, "only {passed} verdicts let a pod pass restricted");
}

#[test]
fn nothing_breaks_privileged() {
    each_pod(|text, pod| {
        for version in boundaries() {
            assert_eq!(broken(Level::Privileged, version, pod), [""; 0], "{version} {text}");
        }
    });
}

#[test]
fn a_level_is_broken_only_by_its_controls_in_the_tables_order() {
    each_pod(|text, pod| {
        for version in boundaries() {
            for level in [Level::Baseline, Level::Restricted] {
                let broken = broken(level, version, pod);
                let mut expected = CONTROLS.into_iter().filter(|control| control.level <= level);
                let in_order = broken.iter().all(|id| expected.any(|control| control.id == *id));
                assert!(in_order, "{level} {version}: {broken:?} {text}");
            }
        }
    });
}

#[test]
fn the_same_number_is_the_same_pod() {
    let (one, other) = (Generator::new(), Generator::new());
    for number in 0..100 {
        assert_eq!(one.pod(number), other.pod(number));
    }
}

/// The versions in which the Standard changes.
fn boundaries() -> BTreeSet<Minor> {
    let revisions = CONTROLS.iter().flat_map(|control| control.revisions);
    revisions.map(|revision| revision.since).collect()
}

fn each_pod(mut judge: impl FnMut(&str, &Pod<'_>)) {
    let generator = Generator::new();
    for number in 0..PODS {
        let text = generator.pod(number);
        let pod: Pod<'_> = serde_json::from_str(&text).unwrap();
        judge(&text, &pod);
    }
}
