//! Upstream's own test pods, if they are available.

use policy::pss::{Level, NEWEST, Pod, Version};
use serde_json::{Value, json};

use crate::{
    standard::broken,
    support::fixtures::{Expectation, Fixture, fixtures},
};

#[test]
fn upstreams_fixtures_pass_and_fail_as_upstream() {
    let Some(fixtures) = fixtures() else {
        return;
    };
    let mut judged = 0;
    let mut wrong = Vec::new();
    for fixture in &fixtures {
        judged += fixture.versions.len();
        wrong.extend(judge(fixture));
    }
    assert!(wrong.is_empty(), "{} of {judged}:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(judged, 4_537);
}

fn judge(fixture: &Fixture) -> Vec<String> {
    let Fixture { level, expect, name, versions, pod } = fixture;
    let mut pod = pod.clone();
    default_volumes(&mut pod);
    let text = pod.to_string();
    let pod: Pod<'_> = serde_json::from_str(&text).unwrap();
    versions
        .iter()
        .filter_map(|version| {
            let minor = version.parse::<Version>().unwrap().resolve(NEWEST);
            let broken = broken(level.parse::<Level>().unwrap(), minor, &pod);
            let is_as_expected = match expect {
                Expectation::Pass => broken.is_empty(),
                Expectation::Fail => broken.iter().any(|id| fixture.is_about(id)),
            };
            (!is_as_expected).then(|| format!("{level} {version} {name}: {expect:?}: {broken:?}"))
        })
        .collect()
}

/// Like the API server: a volume without a source is an emptyDir.
fn default_volumes(pod: &mut Value) {
    let volumes = pod["spec"]["volumes"].as_array_mut();
    for volume in volumes.into_iter().flatten().filter_map(Value::as_object_mut) {
        if volume.keys().all(|key| key == "name") {
            volume.insert("emptyDir".to_owned(), json!({}));
        }
    }
}
