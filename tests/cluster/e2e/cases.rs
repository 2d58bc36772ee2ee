//! The cases of `tests/pods` as real pods: the denial must match upstream's library for the pod that the API server
//! creates, and the case's file if the API server does not change the relevant parts.

use std::collections::BTreeSet;

use policy::pss::{CONTROLS, Control, Level, Minor, Pod, evaluate};
use serde_json::Value;

use crate::{
    e2e::{
        standard,
        verdicts::{Ask, NEWEST, Question, Verdict, ask},
    },
    pods::{Case, base, cases},
};

/// Control ids and field paths.
type Causes = BTreeSet<(String, String)>;

#[tokio::test]
async fn every_case_has_the_verdict_that_it_was_written_for() {
    let Ok((plane, server)) = standard().await else {
        return;
    };
    let base = base();
    let bystander = without_ephemeral(&base);
    let cases = cases();
    let written: Vec<_> = cases.iter().flat_map(|case| asks(case, &base)).collect();
    let made = ask(plane, server, &bystander, &each(&written, unjudged)).await;
    let made: Vec<_> = written.into_iter().zip(made).filter_map(Made::of).collect();
    let posed: Vec<_> = made
        .iter()
        .flat_map(|made| versions(made.case).into_iter().map(move |version| (made, version)))
        .collect();

    let verdicts = ask(plane, server, &bystander, &each(&posed, judged)).await;

    let wrong: Vec<_> = posed
        .iter()
        .zip(&verdicts)
        .filter_map(|((made, version), verdict)| made.check(*version, verdict).err())
        .collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), posed.len(), wrong.join("\n"));
    assert!(posed.len() >= 800, "only {} verdicts on pods that can be", posed.len());
    let as_written = made
        .iter()
        .filter(|made| made.breaks(|made, version| made.file(version).unwrap_or_default()))
        .count();
    assert!(as_written >= 130, "the files' word was held against only {as_written} denials");
    for control in CONTROLS {
        let made: Vec<_> = made.iter().filter(|made| made.case.control == control.id).collect();
        let broken = made.iter().filter(|made| made.breaks(Made::expected)).count();
        assert!(made.len() >= 4 && broken >= 1, "{}: {}, {broken} bad", control.id, made.len());
    }
}

/// The pod of a case, in a form that the API server accepts.
struct Written<'c> {
    case: &'c Case,
    ask: Ask,
    pod: Value,
}

/// Also with the result of the API server.
struct Made<'c> {
    case: &'c Case,
    ask: Ask,
    pod: Value,
    result: Value,
}

/// A pod is created without its ephemeral containers; if the case is about them, they are added to the base.
fn asks<'c>(case: &'c Case, base: &Value) -> Vec<Written<'c>> {
    let created = without_ephemeral(&case.pod);
    let list = |pod: &Value| pod["spec"]["ephemeralContainers"].clone();
    let mut debugged = base.clone();
    debugged["spec"]["ephemeralContainers"] = list(&case.pod);
    let debugs = debugged != *base;
    let creates = !debugs || created != without_ephemeral(base);
    let create = creates.then_some(Written { case, ask: Ask::Create, pod: created });
    let debug = debugs.then_some(Written { case, ask: Ask::Debug, pod: debugged });
    create.into_iter().chain(debug).collect()
}

/// Before and after each revision of the control, and the newest version.
fn versions(case: &Case) -> BTreeSet<Minor> {
    let edges = control(case).revisions.iter().flat_map(|revision| {
        let Minor(since) = revision.since;
        [since.checked_sub(1), Some(since)].into_iter().flatten().map(Minor)
    });
    edges.filter(|version| *version <= NEWEST).chain([NEWEST]).collect()
}

fn control(case: &Case) -> &'static Control {
    CONTROLS.into_iter().find(|control| control.id == case.control).unwrap()
}

fn each<T>(all: &[T], question: fn(&T) -> Question) -> Vec<Question> {
    all.iter().map(question).collect()
}

fn unjudged(Written { ask, pod, .. }: &Written<'_>) -> Question {
    Question { level: Level::Privileged, version: NEWEST, pod: pod.clone(), ask: *ask }
}

fn judged((made, version): &(&Made<'_>, Minor)) -> Question {
    let level = control(made.case).level;
    Question { level, version: *version, pod: made.pod.clone(), ask: made.ask }
}

impl<'c> Made<'c> {
    /// Nothing, if the API server rejects the pod as invalid.
    fn of((written, verdict): (Written<'c>, Verdict)) -> Option<Self> {
        let Written { case, ask, pod } = written;
        match verdict {
            Verdict::Admitted(result) => Some(Self { case, ask, pod, result }),
            Verdict::Invalid(_) => None,
            Verdict::Denied(causes) => panic!("privileged denies {}: {causes:?}", case.name),
        }
    }

    fn check(&self, version: Minor, verdict: &Verdict) -> Result<(), String> {
        let found = match verdict {
            Verdict::Admitted(_) => &Causes::new(),
            Verdict::Denied(causes) => causes,
            Verdict::Invalid(why) => return Err(format!("invalid only where it is judged: {why}")),
        };
        let (expected, of_file) = (self.expected(version), self.file(version));
        let of_control: Causes =
            found.iter().filter(|(control, _)| *control == self.case.control).cloned().collect();
        if *found == expected && of_file.is_none_or(|of_file| of_file == of_control) {
            return Ok(());
        }
        let Case { control, name, .. } = self.case;
        let ask = self.ask;
        Err(format!("{control}, {name:?}, {ask:?}, {version}: {found:?} instead of {expected:?}"))
    }

    /// Whether the case's control is violated in any version, by this source.
    fn breaks(&self, source: impl Fn(&Self, Minor) -> Causes) -> bool {
        let is_own = |(control, _): &(String, String)| *control == self.case.control;
        versions(self.case).into_iter().any(|version| source(self, version).iter().any(is_own))
    }

    /// The library's result for the pod that the API server created.
    fn expected(&self, version: Minor) -> Causes {
        self.library(version, &self.result)
    }

    /// The file's result for its control, if the API server kept all relevant parts.
    fn file(&self, version: Minor) -> Option<Causes> {
        let Case { control, breaks, fields, pod, .. } = self.case;
        let is_as_written = self.library(version, pod) == self.expected(version);
        let fields = fields.iter().filter(|_| breaks.contain(version));
        is_as_written.then(|| fields.map(|field| (control.clone(), field.clone())).collect())
    }

    fn library(&self, version: Minor, pod: &Value) -> Causes {
        let text = pod.to_string();
        let pod: Pod<'_> = serde_json::from_str(&text).unwrap();
        let broken = evaluate(control(self.case).level, version, &pod);
        let findings = broken
            .iter()
            .flat_map(|(control, findings)| findings.iter().map(|finding| (control.id, finding)));
        findings
            .map(|(id, finding)| {
                (id.to_owned(), policy::workloads::PodRoot::POD.field(finding.place, &finding.path))
            })
            .collect()
    }
}

fn without_ephemeral(pod: &Value) -> Value {
    let mut pod = pod.clone();
    pod["spec"].as_object_mut().unwrap().remove("ephemeralContainers");
    pod
}
