//! Compares the results for a case's workloads with the expectations. Pure: values in, values out.

use std::{collections::BTreeSet, fmt};

use policy::findings::{Severity, Workload};

use super::{Case, Expectation, Verdict, Whom};

/// The result for a workload.
#[derive(Debug)]
pub struct Found {
    /// The verdict with its trace.
    pub workload: Workload,
    /// The names of the fields that hardening adds.
    pub hardened: BTreeSet<&'static str>,
}

/// A workload, and its differences from the expectation.
#[derive(Debug)]
pub struct Compared {
    /// The result.
    pub found: Found,
    /// Empty if everything is as expected.
    pub differences: Vec<Difference>,
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The field of the expectation.
    pub field: &'static str,
    /// The expected values.
    pub expected: BTreeSet<&'static str>,
    /// The actual values.
    pub found: BTreeSet<&'static str>,
}

/// The result of a case.
#[derive(Debug)]
pub struct Outcome {
    /// Every workload of its manifests, in order.
    pub workloads: Vec<Compared>,
    /// Expectations without a workload and workloads without an expectation, one line each.
    pub problems: Vec<String>,
}

impl Outcome {
    /// Compares the results with the expectations of a case.
    pub fn of(case: &Case, found: Vec<Found>) -> Self {
        let unmatched = case.expectations.iter().filter(|expectation| {
            !found.iter().any(|found| expected(case, found).any(|other| other == *expectation))
        });
        let mut problems: Vec<_> =
            unmatched.map(|expectation| absent(&expectation.whom, &found)).collect();
        let untested = found.iter().filter(|found| expected(case, found).next().is_none());
        problems.extend(untested.map(|found| {
            let workload = &found.workload.identity;
            format!("{workload}: no expectation names it: add one for it, or for all")
        }));
        let compared = |found: Found| {
            let all =
                expected(case, &found).flat_map(|expectation| differences(expectation, &found));
            Compared { differences: all.collect(), found }
        };
        Self { workloads: found.into_iter().map(compared).collect(), problems }
    }

    /// Whether everything is as expected.
    pub fn is_passed(&self) -> bool {
        self.problems.is_empty() && self.workloads.iter().all(Compared::is_as_expected)
    }
}

impl Compared {
    /// Whether nothing differs.
    pub fn is_as_expected(&self) -> bool {
        self.differences.is_empty()
    }
}

/// The expectations that apply to a workload: those that name it, else that for all.
fn expected<'c>(case: &'c Case, found: &Found) -> impl Iterator<Item = &'c Expectation> {
    let workload = &found.workload.identity;
    let is_named = case.expectations.iter().any(|it| it.whom.names(workload));
    let holds: Vec<_> = case
        .expectations
        .iter()
        .filter(|it| if is_named { it.whom.names(workload) } else { it.whom == Whom::All })
        .collect();
    holds.into_iter()
}

fn absent(whom: &Whom, found: &[Found]) -> String {
    if found.is_empty() {
        return format!("{whom}: the manifests hold no workload at all");
    }
    let there: Vec<_> = found.iter().map(|found| found.workload.identity.to_string()).collect();
    match whom {
        Whom::All => {
            format!("all: none is left that no other expectation names: {}", there.join(", "))
        }
        Whom::One { .. } => {
            format!("{whom}: no workload is named so: there are {}", there.join(", "))
        }
    }
}

fn differences(expectation: &Expectation, found: &Found) -> Vec<Difference> {
    let verdict = BTreeSet::from([expectation.verdict.as_str()]);
    let fields = [
        ("verdict", Some(&verdict), BTreeSet::from([found.verdict().as_str()])),
        ("controls", expectation.controls.as_ref(), found.denied_by()),
        ("warnings", expectation.warnings.as_ref(), found.warned_by()),
        ("hardened", expectation.hardened.as_ref(), found.hardened.clone()),
    ];
    let differs = fields.into_iter().filter_map(|(field, expected, found)| {
        let expected = expected.filter(|expected| **expected != found)?.clone();
        Some(Difference { field, expected, found })
    });
    differs.collect()
}

/// `controls: expected hostPorts, found none`.
impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, expected, found } = self;
        write!(f, "{field}: expected {}, found {}", listed(expected), listed(found))
    }
}

impl Found {
    /// What the webhook does with it.
    pub fn verdict(&self) -> Verdict {
        match (self.workload.exempt, self.workload.fails()) {
            (Some(_), _) => Verdict::Exempt,
            (None, true) => Verdict::Denied,
            (None, false) => Verdict::Allowed,
        }
    }

    /// The ids of the controls and rules that deny it.
    pub fn denied_by(&self) -> BTreeSet<&'static str> {
        self.broken(Severity::Error)
    }

    /// The ids of the rules that only warn about it.
    pub fn warned_by(&self) -> BTreeSet<&'static str> {
        self.broken(Severity::Warning)
    }

    fn broken(&self, severity: Severity) -> BTreeSet<&'static str> {
        let broken = self.workload.violations.iter().filter(|it| it.severity == severity);
        broken.map(|it| it.requirement.id()).collect()
    }
}

fn listed(ids: &BTreeSet<&'static str>) -> String {
    if ids.is_empty() {
        return "none".to_owned();
    }
    ids.iter().copied().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use std::{path::Path, time::SystemTime};

    use super::*;
    use policy::{
        config::Config,
        findings::{Identity, Policy},
        pss::Pod,
    };

    const PLAIN: &str = r#"{"spec":{"containers":[{"name":"a"}]}}"#;
    const HOST: &str = r#"{"spec":{"hostNetwork":true,"containers":[{"name":"a"}]}}"#;

    fn found(name: &str, pod: &str, hardened: &[&'static str]) -> Found {
        let pod: Pod<'_> = serde_json::from_str(pod).unwrap();
        let identity = Identity {
            api_version: "v1".to_owned(),
            kind: "Pod".to_owned(),
            namespace: "shop".to_owned(),
            name: name.to_owned(),
        };
        let policy = Policy::new(Config::embedded(), None, None, None, SystemTime::now());
        let workload = Workload::judge(identity, &[pod.into()], &policy);
        Found { workload, hardened: hardened.iter().copied().collect() }
    }

    /// The differences, and the problems.
    fn told(expect: &str, found: Vec<Found>) -> Vec<String> {
        let text = format!(
            "apiVersion: portcullis.dev/v1alpha1\nkind: PolicyTest\nname: a\ncases: [{{name: b, manifest: x, expect: [{expect}]}}]"
        );
        let suite = super::super::parse(&text, Path::new("t.yaml")).unwrap();
        let outcome = Outcome::of(&suite.cases[0], found);
        let differences = outcome.workloads.iter().flat_map(|compared| {
            let name = &compared.found.workload.identity.name;
            let of = |it: &Difference| format!("{name} {it}");
            compared.differences.iter().map(of).collect::<Vec<_>>()
        });
        let told: Vec<_> = differences.chain(outcome.problems.iter().cloned()).collect();
        assert_eq!(outcome.is_passed(), told.is_empty());
        told
    }

    #[test]
    fn what_is_as_expected_is_not_told() {
        let both = || vec![found("web", PLAIN, &["runAsNonRoot"]), found("agent", HOST, &[])];
        for expect in [
            "{workload: Pod/web, verdict: allowed}, {workload: Pod/agent, verdict: denied}",
            "{workload: Pod/web, verdict: allowed, controls: [], warnings: [], hardened: [runAsNonRoot]}, {workload: all, verdict: denied, controls: [hostNamespaces]}",
            "{workload: Pod/shop/web, verdict: allowed}, {workload: Pod/web, verdict: allowed, hardened: [runAsNonRoot]}, {workload: all, verdict: denied}",
        ] {
            assert_eq!(told(expect, both()), [""; 0], "{expect}");
        }
    }

    #[test]
    fn each_thing_that_differs_is_told_with_what_was_found() {
        let agent = || vec![found("agent", HOST, &["runAsNonRoot"])];
        for (expect, expected) in [
            (
                "{workload: all, verdict: allowed, controls: []}",
                vec![
                    "agent verdict: expected allowed, found denied",
                    "agent controls: expected none, found hostNamespaces",
                ],
            ),
            (
                "{workload: all, verdict: denied, controls: [hostPorts, hostNamespaces]}",
                vec!["agent controls: expected hostNamespaces, hostPorts, found hostNamespaces"],
            ),
            (
                "{workload: all, verdict: denied, warnings: [rules/imageTag], hardened: []}",
                vec![
                    "agent warnings: expected rules/imageTag, found none",
                    "agent hardened: expected none, found runAsNonRoot",
                ],
            ),
            (
                "{workload: all, verdict: exempt}",
                vec!["agent verdict: expected exempt, found denied"],
            ),
            (
                "{workload: Pod/shop/agent, verdict: denied}, {workload: Pod/agent, verdict: allowed}",
                vec!["agent verdict: expected allowed, found denied"],
            ),
        ] {
            assert_eq!(told(expect, agent()), expected, "{expect}");
        }
    }

    #[test]
    fn what_does_not_meet_is_told() {
        let web = || vec![found("web", PLAIN, &[])];
        for (expect, found, expected) in [
            (
                "{workload: Pod/wep, verdict: denied}",
                web(),
                vec![
                    "Pod/wep: no workload is named so: there are Pod shop/web",
                    "Pod shop/web: no expectation names it: add one for it, or for all",
                ],
            ),
            (
                "{workload: Pod/web, verdict: allowed}, {workload: all, verdict: denied}",
                web(),
                vec!["all: none is left that no other expectation names: Pod shop/web"],
            ),
            (
                "{workload: all, verdict: denied}",
                Vec::new(),
                vec!["all: the manifests hold no workload at all"],
            ),
        ] {
            assert_eq!(told(expect, found), expected, "{expect}");
        }
    }
}
