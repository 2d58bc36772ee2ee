//! What the `harden` command would change: it refuses a text as a whole, for example where an anchor is used twice, so
//! only hardening the text can tell.

use std::{cell::OnceCell, collections::HashSet};

use manifest::{Line, Manifest};
use policy::findings::{ReportedViolation, Workload};

use crate::{
    harden::Hardener,
    input::{Origin, Source},
};

/// One text, which is hardened when it is first asked for.
pub(super) struct Editable<'e> {
    pub(super) hardener: &'e Hardener,
    pub(super) source: &'e Source,
    pub(super) name: &'e str,
    pub(super) text: &'e [u8],
    /// The lines of the objects that are left as they are. None if all are.
    pub(super) left: OnceCell<Option<HashSet<Line>>>,
}

impl Editable<'_> {
    /// Sets whether an object can be changed, and drops its fixes if not.
    pub(super) fn mark(&self, workload: &mut Workload, manifest: &Manifest<'_>) {
        if !workload.violations.iter().any(ReportedViolation::is_hardened) {
            return;
        }
        let left = self.left.get_or_init(|| self.left());
        workload.is_editable = left.as_ref().is_some_and(|left| !left.contains(&manifest.line));
        if !workload.is_editable {
            workload.violations.iter_mut().for_each(|broken| broken.replacements.clear());
        }
    }

    fn left(&self) -> Option<HashSet<Line>> {
        let origin = match self.source {
            Source::Stdin => Origin::Named,
            Source::File(_, origin @ (Origin::Named | Origin::Found)) => *origin,
            _ => return None,
        };
        let hardened = self.hardener.harden_from(self.name, self.text, origin).ok()?;
        (!hardened.text.is_empty())
            .then(|| hardened.skipped.into_iter().map(|(line, _)| line).collect())
    }
}
