//! One line per violation, like the short form of compilers: fits a terminal and works with `grep`.

use std::io::{self, Write as _};

use policy::findings::{ReportedViolation, Summary, Workload};

use super::{
    FormatWriter, Item,
    destination::To,
    namespace,
    words::{PLACE, WRONG, lint, place_of, skipped, unreadable, visible},
};

pub(super) struct Concise(pub(super) To);

impl FormatWriter for Concise {
    fn add(&mut self, item: Item<'_>) -> io::Result<()> {
        match item {
            Item::Workload(workload, _) => {
                workload.violations.iter().try_for_each(|broken| self.line(workload, broken))
            }
            Item::Namespace(namespace) => writeln!(self.0, "{}", namespace::line(namespace)),
            Item::Lint(it) => writeln!(self.0, "{}", lint(it)),
            Item::Ignored => Ok(()),
            Item::Change(change) => writeln!(self.0, "{}", namespace::change(change)),
            Item::Unreadable(source, why) => writeln!(self.0, "{}", unreadable(source, why)),
            Item::Skipped(it) => writeln!(self.0, "{}", skipped(it)),
        }
    }

    fn finish(self: Box<Self>, _: &Summary) -> io::Result<()> {
        self.0.finish()
    }
}

impl Concise {
    /// `web.yaml:12:9: Deployment shop/web: privileged: container "web": set …`.
    fn line(&mut self, workload: &Workload, broken: &ReportedViolation) -> io::Result<()> {
        if let Some(at) = place_of(workload, broken) {
            write!(self.0, "{PLACE}{at}{PLACE:#}: ")?;
        }
        let identity = workload.identity.to_string();
        let (identity, message) = (visible(&identity), visible(&broken.message));
        let control = broken.requirement.id();
        writeln!(self.0, "{identity}: {WRONG}{control}{WRONG:#}: {message}")
    }
}
