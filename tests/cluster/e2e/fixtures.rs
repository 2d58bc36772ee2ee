//! Upstream's own test pods, if available, as real pods: each at its first and last version.

use std::collections::BTreeSet;

use policy::pss::{Minor, Version};

use crate::{
    e2e::{
        standard,
        verdicts::{Ask, NEWEST, Question, Verdict, ask},
    },
    support::{
        fixtures::{Expectation, Fixture, fixtures},
        objects::compliant,
    },
};

#[tokio::test]
async fn upstreams_fixtures_are_admitted_and_denied_as_upstream() {
    let Ok((plane, server)) = standard().await else {
        return;
    };
    let Some(fixtures) = fixtures() else {
        return;
    };
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

/// The library's tests cover versions that this API server does not know.
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
                && causes.iter().any(|(control, _)| fixture.is_about(control))
        }
    }
}
