//! The report of many workloads for people: each violated requirement once with an example, a table of requirements, and
//! a table of the worst workloads. It fits three screens, however many workloads there are.

mod fit;
mod groups;
mod lines;
mod namespaces;
mod worst;

use std::io::{self, Write};

use policy::findings::Workload;

use super::About;

use groups::Groups;
pub(super) use lines::{LineKind, Lines};
use namespaces::Namespaces;
use worst::Worst;

/// The option that prints everything.
const ALL: &str = "--details";

/// The columns of a destination that is no terminal.
const DEFAULT_WIDTH: usize = 100;

/// The workloads with findings that are shown with their lines.
const MAX_DETAILED: u64 = 5;
/// The namespaces of a cluster, and the workloads with findings in them, that are shown in blocks.
const MAX_NAMESPACES: u64 = 10;
const MAX_IN_NAMESPACES: u64 = 20;

/// The findings of all workloads so far.
#[derive(Default)]
pub(super) struct Folded {
    is_of_cluster: bool,
    /// The number of workloads with findings.
    workloads: u64,
    groups: Groups,
    worst: Worst,
    pub(super) namespaces: Namespaces,
    pub(super) lines: Lines,
}

impl Folded {
    pub(super) fn new(about: About<'_>) -> Self {
        Self { is_of_cluster: matches!(about, About::Cluster), ..Self::default() }
    }

    pub(super) fn add(&mut self, workload: &Workload) {
        if workload.violations.is_empty() {
            return;
        }
        self.workloads += 1;
        workload.violations.iter().for_each(|broken| self.groups.add(workload, broken));
        self.worst.add(workload);
    }

    /// Whether there are too many findings for their details.
    pub(super) fn is_long(&self) -> bool {
        let max = if self.is_of_cluster { MAX_IN_NAMESPACES } else { MAX_DETAILED };
        self.workloads > max || self.namespaces.count > MAX_NAMESPACES
    }

    /// Writes everything for a terminal of this width, or for another destination.
    pub(super) fn write(&self, out: &mut impl Write, width: Option<usize>) -> io::Result<()> {
        let width = width.unwrap_or(DEFAULT_WIDTH);
        self.lines.write_errors(out)?;
        if self.workloads > 0 {
            self.groups.write(out, width)?;
            writeln!(out, "\n{}\n", self.groups.table())?;
            writeln!(out, "{}\n", self.worst.table(width))?;
        }
        self.namespaces.write(out, width)?;
        self.lines.write_others(out)
    }
}

/// ` and 121 more: --details`.
fn more(number: u64) -> String {
    format!(" and {number} more: {ALL}")
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use policy::{
        config::Config,
        findings::{Identity, Policy},
        pss::{Level, Pod},
    };
    use unicode_width::UnicodeWidthStr as _;

    use super::*;

    #[test]
    fn every_line_fits_the_width() {
        let policy =
            Policy::new(Config::embedded(), Some(Level::Restricted), None, None, SystemTime::now());
        let pod: Pod<'_> = serde_json::from_str(
            r#"{"spec":{"hostNetwork":true,"hostPID":true,"containers":[{"name":"a-long-name-of-a-container","image":"a",
            "securityContext":{"privileged":true,"capabilities":{"add":["NET_ADMIN","SYS_ADMIN"]}}}]}}"#,
        )
        .unwrap();
        let mut folded = Folded::default();
        let pods = [pod.into()];
        for index in 0..100 {
            let identity = Identity {
                api_version: "v1".to_owned(),
                kind: "Pod".to_owned(),
                namespace: "a-namespace".to_owned(),
                name: format!("写-{}-{index}", "name".repeat(index)),
            };
            folded.add(&Workload::judge(identity, &pods, &policy));
        }
        for width in [70, 80, 100, 213] {
            let mut out = anstream::StripStream::new(Vec::new());
            folded.write(&mut out, Some(width)).unwrap();
            let text = String::from_utf8(out.into_inner()).unwrap();
            for line in text.lines() {
                assert!(line.width() <= width, "{width}: {line}");
            }
            assert!(text.contains(" and 99 more: --details"), "{text}");
        }
    }
}
