//! Changes for better or worse since an earlier report. Pure: values in, values out.

use std::{cmp::Ordering, collections::BTreeMap};

use serde::Deserialize;

use crate::pss::Level;

use super::{Identity, Namespace, Workload};

/// The compliance of a workload or a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compliance {
    /// The highest level that it meets.
    pub meets: Level,
    /// The highest level that it would meet once hardened.
    pub hardened: Level,
    /// The level that is enforced.
    pub enforced: Level,
    /// The number of violations of that: controls of a workload, pods of a namespace.
    pub broken: u64,
}

/// A change since the earlier report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComplianceChange {
    /// A workload, or a Namespace.
    pub what: Identity,
    /// The state in the earlier report; none for a new object.
    pub before: Option<Compliance>,
    /// The current state; none for a deleted object.
    pub after: Option<Compliance>,
}

words! {
    /// The direction of a change.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Direction {
        /// It meets a higher level, or violates less of the same. A higher enforced level is no improvement.
        Better = "better",
        /// It meets a lower level, violates more, or less is enforced.
        Worse = "worse",
        /// It is new.
        New = "new",
        /// It no longer exists.
        Gone = "gone",
    }
}

impl ComplianceChange {
    /// The change between two states, if there is one.
    fn of(what: Identity, before: Option<Compliance>, after: Option<Compliance>) -> Option<Self> {
        let change = Self { what, before, after };
        change.direction().map(|_| change)
    }

    /// The direction; none without a change.
    pub fn direction(&self) -> Option<Direction> {
        match (self.before, self.after) {
            (None, None) => None,
            (None, Some(_)) => Some(Direction::New),
            (Some(_), None) => Some(Direction::Gone),
            (Some(before), Some(after)) => match before.compare(after) {
                Ordering::Less => Some(Direction::Better),
                Ordering::Equal => None,
                Ordering::Greater => Some(Direction::Worse),
            },
        }
    }
}

impl Compliance {
    /// The level that it meets counts first. A lower enforced level is worse, a higher one is neutral. Violations of
    /// different levels cannot be compared.
    fn compare(self, other: Self) -> Ordering {
        let met = |compliance: Self| (compliance.meets, compliance.hardened);
        met(self).cmp(&met(other)).then_with(|| match self.enforced.cmp(&other.enforced) {
            Ordering::Equal => other.broken.cmp(&self.broken),
            Ordering::Less => Ordering::Equal,
            Ordering::Greater => Ordering::Greater,
        })
    }

    fn of_workload(workload: &Workload) -> Option<Self> {
        workload.exempt.is_none().then_some(Self {
            meets: workload.levels_met.now,
            hardened: workload.levels_met.hardened,
            enforced: workload.judged.level(),
            broken: workload.violations.len() as u64,
        })
    }

    fn of_namespace(namespace: &Namespace) -> Option<Self> {
        namespace.facts.exempt.is_none().then(|| Self {
            meets: namespace.now,
            hardened: namespace.hardened,
            enforced: namespace.facts.enforce().level(),
            broken: namespace.breaking.len() as u64,
        })
    }
}

/// An earlier report. Compared namespaces are removed from it.
#[derive(Debug, Default)]
pub struct EarlierReport {
    namespaces: BTreeMap<String, EarlierNamespace>,
}

#[derive(Debug, Default)]
struct EarlierNamespace {
    compliance: Option<Compliance>,
    workloads: BTreeMap<(String, String), (String, Compliance)>,
}

impl EarlierReport {
    /// Parses the JSON report of an `audit`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(json: &str) -> Result<Self, String> {
        let report: Report = serde_json::from_str(json).map_err(|error| error.to_string())?;
        let Some(namespaces) = report.namespaces else {
            return Err("must be a report of audit, as -o json writes it".to_owned());
        };
        let mut earlier = Self::default();
        for row in namespaces {
            earlier.namespaces.entry(row.name.clone()).or_default().compliance =
                row.compliance()?;
        }
        for row in report.results {
            let Some(compliance) = row.compliance()? else { continue };
            let (kind, name) = (row.kind, row.name);
            let namespace = earlier.namespaces.entry(row.namespace).or_default();
            namespace.workloads.insert((kind, name), (row.api_version, compliance));
        }
        Ok(earlier)
    }

    /// The changes in a namespace. Unread objects do not count as deleted.
    pub fn compare(&mut self, namespace: &Namespace) -> Vec<ComplianceChange> {
        let mut earlier = self.namespaces.remove(&namespace.facts.name).unwrap_or_default();
        let what = named(&namespace.facts.name);
        let after = Compliance::of_namespace(namespace);
        let mut changes: Vec<_> =
            ComplianceChange::of(what, earlier.compliance, after).into_iter().collect();
        for audited in &namespace.workloads {
            let identity = &audited.workload.identity;
            let key = (identity.kind.clone(), identity.name.clone());
            let before = earlier.workloads.remove(&key).map(|(_, compliance)| compliance);
            let after = Compliance::of_workload(&audited.workload);
            changes.extend(ComplianceChange::of(identity.clone(), before, after));
        }
        if namespace.unread.is_empty() {
            changes.extend(earlier.gone(&namespace.facts.name));
        }
        changes
    }

    /// The namespaces that are missing in this report, with their workloads.
    pub fn rest(self) -> impl Iterator<Item = ComplianceChange> {
        self.namespaces.into_iter().flat_map(|(name, earlier)| {
            let gone = ComplianceChange::of(named(&name), earlier.compliance, None);
            gone.into_iter().chain(earlier.gone(&name)).collect::<Vec<_>>()
        })
    }
}

impl EarlierNamespace {
    fn gone(self, namespace: &str) -> impl Iterator<Item = ComplianceChange> {
        self.workloads.into_iter().filter_map(move |((kind, name), (api_version, compliance))| {
            let what = Identity { api_version, kind, namespace: namespace.to_owned(), name };
            ComplianceChange::of(what, Some(compliance), None)
        })
    }
}

fn named(namespace: &str) -> Identity {
    Identity {
        api_version: "v1".to_owned(),
        kind: "Namespace".to_owned(),
        namespace: String::new(),
        name: namespace.to_owned(),
    }
}

/// A report in the format of `output::json`.
#[derive(Deserialize)]
struct Report {
    #[serde(default)]
    results: Vec<WorkloadRow>,
    namespaces: Option<Vec<NamespaceRow>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WorkloadRow {
    #[serde(default)]
    api_version: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    name: String,
    meets: Option<String>,
    meets_hardened: Option<String>,
    level: Option<String>,
    #[serde(default)]
    violations: Vec<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NamespaceRow {
    name: String,
    meets: Option<String>,
    meets_hardened: Option<String>,
    enforce: String,
    #[serde(default)]
    breaking: Vec<serde::de::IgnoredAny>,
}

impl WorkloadRow {
    /// None for exempt objects, and for those that could not be read.
    fn compliance(&self) -> Result<Option<Compliance>, String> {
        let level = self.level.as_deref().unwrap_or_default();
        let broken = self.violations.len() as u64;
        compliance([self.meets.as_deref(), self.meets_hardened.as_deref()], level, broken)
    }
}

impl NamespaceRow {
    fn compliance(&self) -> Result<Option<Compliance>, String> {
        let level = self.enforce.split(':').next().unwrap_or_default();
        let broken = self.breaking.len() as u64;
        compliance([self.meets.as_deref(), self.meets_hardened.as_deref()], level, broken)
    }
}

fn compliance(
    met: [Option<&str>; 2],
    enforced: &str,
    broken: u64,
) -> Result<Option<Compliance>, String> {
    let [Some(meets), Some(hardened)] = met else { return Ok(None) };
    let level =
        |text: &str| text.parse::<Level>().map_err(|error| format!("level {text:?}: {error}"));
    let (meets, hardened, enforced) = (level(meets)?, level(hardened)?, level(enforced)?);
    Ok(Some(Compliance { meets, hardened, enforced, broken }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compliance(meets: Level, enforced: Level, broken: u64) -> Compliance {
        Compliance { meets, hardened: Level::Restricted, enforced, broken }
    }

    #[test]
    fn more_met_or_less_broken_is_better_and_more_enforced_is_not() {
        use Level::{Baseline, Privileged, Restricted};
        let direction = |before, after| {
            let change =
                ComplianceChange { what: named("shop"), before: Some(before), after: Some(after) };
            change.direction().map(Direction::as_str)
        };
        let before = compliance(Baseline, Baseline, 2);
        for (after, expected) in [
            (compliance(Baseline, Baseline, 2), None),
            (compliance(Restricted, Baseline, 2), Some("better")),
            (compliance(Privileged, Restricted, 0), Some("worse")),
            (compliance(Restricted, Restricted, 0), Some("better")),
            (compliance(Baseline, Restricted, 9), None),
            (compliance(Baseline, Restricted, 0), None),
            (compliance(Baseline, Privileged, 0), Some("worse")),
            (compliance(Restricted, Privileged, 0), Some("better")),
            (compliance(Baseline, Baseline, 1), Some("better")),
            (compliance(Baseline, Baseline, 3), Some("worse")),
        ] {
            assert_eq!(direction(before, after), expected, "{after:?}");
        }
    }

    #[test]
    fn a_report_is_read_as_it_is_written() {
        let json = r#"{"schema":"x","results":[
            {"apiVersion":"apps/v1","kind":"Deployment","namespace":"shop","name":"web","level":"baseline",
             "meets":"privileged","meetsHardened":"privileged","violations":[{},{}]},
            {"kind":"Pod","namespace":"shop","name":"free","level":"baseline","exempt":"runtimeClass","violations":[]},
            {"source":"list jobs","line":null,"error":"no"}],
            "namespaces":[{"name":"shop","meets":"privileged","meetsHardened":"privileged","enforce":"baseline:latest"}]}"#;
        let mut gone: Vec<_> = EarlierReport::read(json).unwrap().rest().collect();
        let web = gone.pop().unwrap();
        assert_eq!(web.what.to_string(), "Deployment shop/web");
        assert_eq!((web.before.unwrap().broken, web.after), (2, None));
        assert_eq!(gone.pop().unwrap().what.to_string(), "Namespace shop");
        assert_eq!(gone, []);

        for (json, expected) in [
            (r#"{"results":[]}"#, "must be a report of audit"),
            ("[]", "invalid"),
            (
                r#"{"namespaces":[{"name":"a","meets":"high","meetsHardened":"high","enforce":"baseline"}]}"#,
                r#"level "high": must be one of"#,
            ),
        ] {
            let error = EarlierReport::read(json).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}
