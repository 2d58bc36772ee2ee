//! Upstream's own test pods, where they lie beside the project.

use std::{fs, io::ErrorKind, path::Path};

use portcullis::pss::{Level, NEWEST, Pod, Version};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{standard::broken, support::skip::Skip};

const FILE: &str = "../shared/pss-fixtures/fixtures.jsonl";

#[derive(Deserialize)]
struct Fixture {
    level: String,
    expect: Expectation,
    name: String,
    versions: Vec<String>,
    pod: Value,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Expectation {
    Pass,
    Fail,
}

#[test]
fn upstreams_fixtures_pass_and_fail_as_upstream_says() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    let lines = match fs::read_to_string(&file) {
        Ok(lines) => lines,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let _ = Skip::needs_if_present(FILE);
            return;
        }
        Err(error) => panic!("{}: {error}", file.display()),
    };
    let mut judged = 0;
    let mut wrong = Vec::new();
    for line in lines.lines() {
        let fixture: Fixture = serde_json::from_str(line).unwrap();
        judged += fixture.versions.len();
        wrong.extend(judge(&fixture));
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
                Expectation::Fail => broken.iter().any(|id| is_about(name, id)),
            };
            (!is_as_expected).then(|| format!("{level} {version} {name}: {expect:?}: {broken:?}"))
        })
        .collect()
}

/// Fixtures are named after the control that they are about; the baseline one's serve its overrider, too.
fn is_about(fixture: &str, control: &str) -> bool {
    let about = fixture.trim_end_matches(|c: char| c.is_ascii_digit());
    let family = |id: &str| id.to_lowercase().split('_').next().map(str::to_owned);
    about == control.to_lowercase()
        || family(about) == family(control)
        || (about == "hostpathvolumes" && control == "restrictedVolumes")
}

/// As the API server does it before anyone is asked: a volume without a source is an emptyDir.
fn default_volumes(pod: &mut Value) {
    let volumes = pod["spec"]["volumes"].as_array_mut();
    for volume in volumes.into_iter().flatten().filter_map(Value::as_object_mut) {
        if volume.keys().all(|key| key == "name") {
            volume.insert("emptyDir".to_owned(), json!({}));
        }
    }
}
