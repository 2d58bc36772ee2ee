//! Upstream's own test pods, where they lie beside the project, as real pods: each at the first and the last of
//! its versions.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use portcullis::pss::{Minor, Version};
use serde::Deserialize;
use serde_json::Value;

use crate::e2e::standard;
use crate::e2e::verdicts::{Ask, NEWEST, Question, Verdict, ask};
use crate::support::objects::compliant;
use crate::support::skip::Skip;

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

#[tokio::test]
async fn upstreams_fixtures_are_admitted_and_denied_as_upstream_says() {
    let Ok((plane, server)) = standard().await else {
        return;
    };
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    let text = match fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let _ = Skip::needs_if_present(FILE);
            return;
        }
        Err(error) => panic!("{}: {error}", file.display()),
    };
    let fixtures: Vec<Fixture> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (about, questions): (Vec<_>, Vec<_>) = fixtures.iter().flat_map(questions).unzip();

    let verdicts = ask(plane, server, &compliant("bystander"), &questions).await;

    let judged = verdicts.iter().filter(|verdict| !matches!(verdict, Verdict::Invalid(_))).count();
    let wrong: Vec<_> = about
        .iter()
        .zip(&questions)
        .zip(&verdicts)
        .filter(|((fixture, _), verdict)| !is_as_expected(fixture, verdict))
        .map(|((Fixture { name, expect, .. }, Question { level, version, .. }), verdict)| {
            format!("{name}, {level} {version}: {verdict:?} instead of {expect:?}")
        })
        .collect();
    assert!(wrong.is_empty(), "{} of {judged}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(judged >= 740, "only {judged} of {} are pods that can be", verdicts.len());
}

/// Of versions that the API server under test does not know, the library's tests speak.
fn questions(fixture: &Fixture) -> Vec<(&Fixture, Question)> {
    let minors = fixture.versions.iter().map(|version| match version.parse().unwrap() {
        Version::V1(minor) => minor,
        Version::Latest => panic!("{}: a fixture is of a version", fixture.name),
    });
    let known: BTreeSet<Minor> = minors.filter(|minor| *minor <= NEWEST).collect();
    let edges: BTreeSet<_> = known.first().into_iter().chain(known.last()).copied().collect();
    let level = fixture.level.parse().unwrap();
    let question =
        |version| Question { level, version, pod: fixture.pod.clone(), ask: Ask::Create };
    edges.into_iter().map(|version| (fixture, question(version))).collect()
}

fn is_as_expected(fixture: &Fixture, verdict: &Verdict) -> bool {
    match verdict {
        Verdict::Invalid(_) => true,
        Verdict::Admitted(_) => fixture.expect == Expectation::Pass,
        Verdict::Denied(causes) => {
            fixture.expect == Expectation::Fail
                && causes.iter().any(|(control, _)| is_about(&fixture.name, control))
        }
    }
}

/// Fixtures are named after the control that they are about; the baseline one's serve its overrider, too.
fn is_about(fixture: &str, control: &str) -> bool {
    let about = fixture.trim_end_matches(|c: char| c.is_ascii_digit());
    let family = |id: &str| id.to_lowercase().split('_').next().map(str::to_owned);
    family(about) == family(control)
        || (about == "hostpathvolumes" && control == "restrictedVolumes")
}
