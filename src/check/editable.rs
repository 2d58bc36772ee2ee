//! What the `harden` command would change. It refuses a text as a whole, for example where an anchor is used twice.

use std::{cell::OnceCell, collections::HashSet};

use manifest::edit;
use policy::findings::{ReportedViolation, Workload};

use crate::{
    harden::Hardener,
    input::{Origin, SkipReason, Source},
};

use super::parallel::Reported;

/// One text, which is hardened when it is first asked for.
pub(super) struct Editable<'e> {
    hardener: &'e Hardener,
    source: &'e Source,
    name: &'e str,
    text: &'e [u8],
    /// The lines of the objects that are left as they are. None if all are.
    left: OnceCell<Option<HashSet<u64>>>,
}

impl<'e> Editable<'e> {
    pub(super) fn new(
        hardener: &'e Hardener,
        source: &'e Source,
        name: &'e str,
        text: &'e [u8],
    ) -> Self {
        Self { hardener, source, name, text, left: OnceCell::new() }
    }

    /// Sets which objects of the text can be changed, all of which have been read. Most texts need not be hardened for
    /// that, which takes twice as long as judging them.
    pub(super) fn mark_all(&self, reported: &mut [Reported]) {
        let is_refused = |one: &Reported| match one {
            Reported::Unreadable(_) => true,
            Reported::Skipped(_, reason, _) => *reason != SkipReason::Patch,
            _ => false,
        };
        let is_plain = self.origin().is_some()
            && !self.hardener.knows_namespaces()
            && !reported.iter().any(is_refused)
            && edit::is_editable(self.text);
        for one in reported {
            match one {
                Reported::Workload(workload) if is_plain => {
                    workload.is_editable = is_hardened(workload);
                }
                Reported::Workload(workload) => self.mark(workload),
                _ => {}
            }
        }
    }

    /// Sets whether an object can be changed, and drops its fixes if not.
    pub(super) fn mark(&self, workload: &mut Workload) {
        if !is_hardened(workload) {
            return;
        }
        let left = self.left.get_or_init(|| self.left());
        let line = workload.location.as_ref().map(|location| location.region.start.line);
        workload.is_editable =
            left.as_ref().zip(line).is_some_and(|(left, line)| !left.contains(&line));
        if !workload.is_editable {
            workload.violations.iter_mut().for_each(|broken| broken.replacements.clear());
        }
    }

    fn left(&self) -> Option<HashSet<u64>> {
        let hardened = self.hardener.harden_from(self.name, self.text, self.origin()?).ok()?;
        let lines = hardened.skipped.into_iter().map(|(line, _)| line.number());
        (!hardened.text.is_empty()).then(|| lines.collect())
    }

    /// None for what the command does not change: a rendering, or a file outside of the given directory.
    fn origin(&self) -> Option<Origin> {
        match self.source {
            Source::Stdin => Some(Origin::Named),
            Source::File(_, origin @ (Origin::Named | Origin::Found)) => Some(*origin),
            _ => None,
        }
    }
}

fn is_hardened(workload: &Workload) -> bool {
    workload.violations.iter().any(ReportedViolation::is_hardened)
}
