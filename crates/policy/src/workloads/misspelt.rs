//! Kinds that no API server has, and the kind that was probably meant. Objects of such a kind would never be judged.

use crate::near::is_one_edit;

use super::{Kinds, table::BUILT_IN};

/// The groups in which Kubernetes has, or once had, its own workloads, and mistakes for the core group.
const GROUPS: [&str; 5] = ["", "apps", "batch", "core", "extensions"];
/// The other kinds of these groups, one edit from a workload or not.
const OTHERS: [&str; 1] = ["ControllerRevision"];

/// A kind that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RightKind<'k> {
    /// `apps/v1`. None for kinds of other projects, whose versions are unknown.
    pub api_version: Option<&'static str>,
    /// `Deployment`.
    pub kind: &'k str,
}

impl<'k> Kinds<'k> {
    /// For a kind that is not in the table, the one that was probably meant: in another group, in other letters, in the
    /// plural, or one edit away.
    pub fn misspelt(self, group: &str, kind: &str) -> Option<RightKind<'k>> {
        if !GROUPS.contains(&group) {
            let mut rows = self.all().filter(|row| row.group == group);
            let row = rows.find(|row| is_variant(kind, &row.kind, &row.plural))?;
            return Some(RightKind { api_version: None, kind: &row.kind });
        }
        if OTHERS.contains(&kind) {
            return None;
        }
        let pod = ("v1", "Pod", "pods");
        let built_in = BUILT_IN.iter().map(|row| (version(&row.group), &*row.kind, &*row.plural));
        let meant = |(_, right, plural): &(&str, &str, &str)| {
            is_variant(kind, right, plural) || right.len() > 3 && is_one_edit(kind, right)
        };
        let (api_version, kind, _) = built_in.chain([pod]).find(meant)?;
        Some(RightKind { api_version: Some(api_version), kind })
    }
}

fn version(group: &str) -> &'static str {
    match group {
        "apps" => "apps/v1",
        "batch" => "batch/v1",
        _ => "v1",
    }
}

fn is_variant(kind: &str, right: &str, plural: &str) -> bool {
    kind.eq_ignore_ascii_case(right) || kind.eq_ignore_ascii_case(plural)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_that_no_api_server_has_are_recognised() {
        let meant = |group, kind| {
            let right = Kinds::default().misspelt(group, kind)?;
            Some(format!("{} {}", right.api_version.unwrap_or("-"), right.kind))
        };
        for (group, kind, right) in [
            ("extensions", "Deployment", "apps/v1 Deployment"),
            ("apps", "Pod", "v1 Pod"),
            ("", "Deployment", "apps/v1 Deployment"),
            ("core", "Pod", "v1 Pod"),
            ("apps", "CronJob", "batch/v1 CronJob"),
            ("apps", "deployment", "apps/v1 Deployment"),
            ("apps", "Deployments", "apps/v1 Deployment"),
            ("apps", "Deployemnt", "apps/v1 Deployment"),
            ("batch", "Cronjob", "batch/v1 CronJob"),
            ("", "pods", "v1 Pod"),
            ("argoproj.io", "rollout", "- Rollout"),
            ("jobset.x-k8s.io", "Jobset", "- JobSet"),
        ] {
            assert_eq!(meant(group, kind).as_deref(), Some(right), "{group} {kind}");
        }
        for (group, kind) in [
            ("", "Node"),
            ("", "Secret"),
            ("apps", "ControllerRevision"),
            ("example.org", "Deployment"),
            ("extensions", "Ingress"),
            ("argoproj.io", "Application"),
            ("argoproj.io", "Deployment"),
        ] {
            assert_eq!(meant(group, kind), None, "{group} {kind}");
        }
    }
}
