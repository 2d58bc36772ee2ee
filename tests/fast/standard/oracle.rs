//! Compares verdicts with upstream's policy library, for the cases and any number of generated pods.

use std::{collections::BTreeMap, env};

use policy::pss::{CONTROLS, Level, LevelVersion, Minor, NEWEST, Pod, Version};

use crate::{
    generator::{Generator, Random},
    pods::cases,
    standard::{
        broken,
        upstream::{Question, Verdict, ask},
        versions,
    },
    support::go::{Program, build},
};

/// The default number of generated pods.
const PODS: u64 = 100_000;
const PODS_VARIABLE: &str = "PORTCULLIS_ORACLE_CASES";
/// The number of policies for each of them.
const POLICIES: usize = 4;
/// The number of disagreements that are shown.
const SHOWN: usize = 5;

#[test]
fn cases_break_the_same_controls_as_in_upstream() {
    let Ok(oracle) = build(Program::PsaOracle) else {
        return;
    };
    let policies: Vec<_> = versions()
        .map(Version::V1)
        .chain([Version::Latest])
        .flat_map(|version| LEVELS.map(|level| LevelVersion { level, version }))
        .collect();
    let questions = cases()
        .into_iter()
        .map(|case| Question { pod: case.pod.to_string(), policies: policies.clone() });
    let mut comparison = Comparison::default();
    ask(&oracle, questions, |question, verdicts| comparison.hear(question, verdicts));
    comparison.assert_agreed();
}

#[test]
fn generated_pods_break_the_same_controls_as_in_upstream() {
    let Ok(oracle) = build(Program::PsaOracle) else {
        return;
    };
    let pods = env::var(PODS_VARIABLE).map_or(PODS, |count| count.parse().unwrap());
    let generator = Generator::new();
    let questions =
        (0..pods).map(|number| Question { pod: generator.pod(number), policies: policies(number) });
    let mut comparison = Comparison::default();
    ask(&oracle, questions, |question, verdicts| comparison.hear(question, verdicts));
    comparison.assert_agreed();
    comparison.assert_reached(pods / 1_000);
}

const LEVELS: [Level; 3] = [Level::Privileged, Level::Baseline, Level::Restricted];

/// Policies for a generated pod: all versions, including some that no build knows yet.
fn policies(number: u64) -> Vec<LevelVersion> {
    let mut random = Random::new(!number);
    let unknown = 3;
    let version = |random: &mut Random| match random.next() % (NEWEST.0 + 1 + unknown) {
        minor if minor == NEWEST.0 + unknown => Version::Latest,
        minor => Version::V1(Minor(minor)),
    };
    (0..POLICIES)
        .map(|_| LevelVersion {
            level: *random.pick(&[Level::Baseline, Level::Restricted]),
            version: version(&mut random),
        })
        .collect()
}

/// The results so far.
#[derive(Default)]
struct Comparison {
    disagreements: Vec<String>,
    /// How often each revision of a control passed and failed, at the control's own level.
    judged: BTreeMap<(&'static str, Minor), [u64; 2]>,
}

impl Comparison {
    fn hear(&mut self, question: &Question, theirs: &[Verdict<'_>]) {
        let pod: Pod<'_> = serde_json::from_str(&question.pod)
            .unwrap_or_else(|error| panic!("only upstream can read {}: {error}", question.pod));
        for (policy, theirs) in question.policies.iter().zip(theirs) {
            let version = policy.version.resolve(NEWEST);
            let controls = broken(policy.level, version, &pod);
            self.count(policy.level, version, &controls);
            let ours = Verdict { allowed: controls.is_empty(), controls };
            if ours != *theirs && self.disagreements.len() < SHOWN {
                let pod = &question.pod;
                let report = format!("{policy}\n  ours   {ours:?}\n  theirs {theirs:?}\n  {pod}");
                self.disagreements.push(report);
            }
        }
    }

    fn count(&mut self, level: Level, version: Minor, broken: &[&str]) {
        for control in CONTROLS.into_iter().filter(|control| control.level == level) {
            if let Some(revision) = control.at(version) {
                let is_broken = broken.contains(&control.id);
                let judged = self.judged.entry((control.id, revision.since)).or_default();
                judged[usize::from(is_broken)] += 1;
            }
        }
    }

    fn assert_agreed(&self) {
        assert!(self.disagreements.is_empty(), "\n{}", self.disagreements.join("\n"));
    }

    /// Checks that the generator reaches every revision.
    fn assert_reached(&self, times: u64) {
        for control in CONTROLS {
            for revision in control.revisions {
                let judged = self.judged.get(&(control.id, revision.since));
                let [passed, broken] = judged.copied().unwrap_or_default();
                assert!(
                    passed >= times && broken >= times,
                    "{} of {}: passed {passed} times, broken {broken} times, at least {times} wanted",
                    control.id,
                    revision.since
                );
            }
        }
    }
}
