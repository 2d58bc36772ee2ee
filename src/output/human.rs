//! The report for people: the wrong lines and their replacements, then a table of the workloads, then one line with the
//! totals and the next step. Clean workloads are not listed.
//!
//! Of many workloads, equal findings are folded, unless all details are asked for.

use std::io::{self, Write as _};

use annotate_snippets::Renderer;

use policy::findings::{ComplianceChange, Lint, Namespace, Summary, Workload};

use super::{
    About, Details, FormatWriter, Item,
    destination::To,
    folded::{Folded, LineKind},
    frame,
    judged_by::JudgedBy,
    namespace,
    table::Table,
    words::{GOOD, WRONG, count, counted, lint, skipped, unreadable, visible},
};

const EXEMPT: &str = "exempt by the configuration";
/// Lints that are listed without details.
const MAX_LINTS: u64 = 30;
const UNREADABLE: &str = "could not be read";

/// Changes since an earlier report that are listed where findings are folded.
const MAX_CHANGES: usize = 20;

pub(super) struct Human {
    out: To,
    /// What is written if there are few findings, and if there are many. None if all details are written at once.
    held: Option<(Vec<u8>, Folded)>,
    /// None for a cluster.
    judged_by: Option<JudgedBy>,
    renderer: Renderer,
    table: Table,
    /// Whether the last output was a line in a block of lines.
    is_in_lines: bool,
    /// Changes since the earlier report, one line each.
    changes: Vec<String>,
    /// The number of lints so far.
    lints: u64,
}

impl Human {
    pub(super) fn new(out: To, about: About<'_>, details: Details) -> Self {
        let width = out.width.unwrap_or(annotate_snippets::renderer::DEFAULT_TERM_WIDTH);
        Self {
            out,
            held: (details == Details::Folded).then(|| (Vec::new(), Folded::new(about))),
            judged_by: JudgedBy::of(about),
            renderer: Renderer::styled().term_width(width),
            table: Table::default(),
            is_in_lines: false,
            changes: Vec::new(),
            lints: 0,
        }
    }
}

impl FormatWriter for Human {
    fn add(&mut self, item: Item<'_>) -> io::Result<()> {
        match item {
            Item::Workload(workload, text) => self.workload(workload, text),
            Item::Namespace(namespace) => self.namespace(namespace),
            Item::Change(change) => self.change(change),
            Item::Lint(it) => self.lint(it),
            Item::Ignored => Ok(()),
            Item::Unreadable(source, why) => {
                self.line(LineKind::Unreadable, &unreadable(source, why))
            }
            Item::Skipped(it) if it.is_counted() && self.held.is_some() => Ok(()),
            Item::Skipped(it) => self.line(LineKind::Skipped, &skipped(it)),
        }
    }

    fn finish(mut self: Box<Self>, summary: &Summary) -> io::Result<()> {
        let left_out = self.held.as_ref().and_then(|_| self.lints.checked_sub(MAX_LINTS));
        match self.held.take() {
            Some((_, folded)) if folded.is_long() => {
                if let Some(left @ 1..) = self.changes.len().checked_sub(MAX_CHANGES) {
                    self.changes.truncate(MAX_CHANGES);
                    self.changes.push(format!(" and {left} more: --details"));
                }
                let width = self.out.width;
                folded.write(&mut self.out, width)?;
            }
            held => {
                self.out.write_all(&held.map_or_else(Vec::new, |(held, _)| held))?;
                if let Some(more @ 1..) = left_out {
                    self.line(LineKind::Lint, &format!("and {more} more lints: --details"))?;
                }
                let table = self.table.to_string();
                self.end_lines()?;
                if !table.is_empty() {
                    writeln!(self.out, "{table}\n")?;
                }
            }
        }
        match self.judged_by.take() {
            Some(judged_by) => self.last(summary, &judged_by)?,
            None => self.last_of_cluster(summary)?,
        }
        self.out.finish()
    }
}

impl Human {
    fn change(&mut self, change: &ComplianceChange) -> io::Result<()> {
        self.changes.push(namespace::change(change));
        Ok(())
    }

    fn workload(&mut self, workload: &Workload, text: Option<&str>) -> io::Result<()> {
        self.judged_by.iter_mut().for_each(|judged_by| judged_by.add(workload));
        // In a cluster, the block of the namespace shows its findings once the namespace is complete.
        if self.is_left_out(|folded| folded.add(workload)) || self.judged_by.is_none() {
            return Ok(());
        }
        for broken in &workload.violations {
            let frame = frame::render(&self.renderer, workload, broken, text);
            self.end_lines()?;
            writeln!(self.body(), "{frame}\n")?;
        }
        self.trace(workload)?;
        self.table.add(workload);
        Ok(())
    }

    fn namespace(&mut self, namespace: &Namespace) -> io::Result<()> {
        if self.is_left_out(|folded| folded.namespaces.add(namespace)) {
            return Ok(());
        }
        self.end_lines()?;
        namespace::block(&mut self.body(), namespace)
    }

    /// Adds something to the folded findings, and returns whether its details are left out.
    fn is_left_out(&mut self, add: impl FnOnce(&mut Folded)) -> bool {
        let Some((held, folded)) = &mut self.held else { return false };
        add(folded);
        if folded.is_long() {
            held.clear();
        }
        folded.is_long()
    }

    fn lint(&mut self, it: &Lint) -> io::Result<()> {
        self.lints += 1;
        self.line(LineKind::Lint, &lint(it))
    }

    fn trace(&mut self, workload: &Workload) -> io::Result<()> {
        if workload.trace.is_empty() {
            return Ok(());
        }
        self.end_lines()?;
        let body = self.body();
        writeln!(body, "trace of {}", visible(&workload.identity.to_string()))?;
        for line in &workload.trace {
            writeln!(body, "  {}", visible(line))?;
        }
        writeln!(body)
    }

    fn line(&mut self, kind: LineKind, line: &str) -> io::Result<()> {
        let has_all = self.held.is_none() || kind != LineKind::Lint || self.lints <= MAX_LINTS;
        if self.is_left_out(|folded| folded.lines.add(kind, line)) || !has_all {
            return Ok(());
        }
        self.is_in_lines = true;
        writeln!(self.body(), "{line}")
    }

    fn end_lines(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.is_in_lines) { writeln!(self.body()) } else { Ok(()) }
    }

    /// Where details are written.
    fn body(&mut self) -> &mut dyn io::Write {
        match &mut self.held {
            Some((held, _)) => held,
            None => &mut self.out,
        }
    }

    fn last_of_cluster(&mut self, summary: &Summary) -> io::Result<()> {
        for change in &self.changes {
            writeln!(self.out, "{change}")?;
        }
        let Summary { objects, exempt, violating, violations, unreadable, lints, .. } = *summary;
        let style = if violating == 0 && unreadable == 0 { GOOD } else { WRONG };
        let mut parts = vec![format!(
            "{violating} of {} violate what their namespaces enforce, {}",
            count(objects, "workload"),
            count(violations, "violation")
        )];
        parts.extend(counted([(exempt, EXEMPT)]));
        parts.extend((lints > 0).then(|| count(lints, "lint")));
        parts.extend(counted([(unreadable, UNREADABLE)]));
        writeln!(self.out, "{style}{}{style:#}", parts.join("; "))
    }

    fn last(&mut self, summary: &Summary, judged_by: &JudgedBy) -> io::Result<()> {
        let Summary { objects, exempt, violating, violations, .. } = *summary;
        let Summary { fixable, ignored, unreadable, skipped, lints, .. } = *summary;
        let mut parts = Vec::new();
        if objects == 0 {
            parts.push("no pods and no pod templates found".to_owned());
        } else if violating == 0 {
            parts.push(format!("{} judged, none violates it", count(objects, "object")));
        } else {
            let violate = if violating == 1 { "violates" } else { "violate" };
            parts.push(format!(
                "{violating} of {} {violate} it, {}",
                count(objects, "object"),
                count(violations, "violation")
            ));
        }
        parts.extend(counted([(exempt, EXEMPT)]));
        if ignored > 0 {
            parts.push(format!("{} without a pod ignored", count(ignored, "object")));
        }
        parts.extend((lints > 0).then(|| count(lints, "lint")));
        parts.extend(counted([(skipped, "skipped"), (unreadable, UNREADABLE)]));
        let style = if violating == 0 && unreadable == 0 { GOOD } else { WRONG };
        let by = match (judged_by.levels(), judged_by.asked()) {
            (None, _) => format!("{style}by their namespaces' policies{style:#}"),
            (Some(levels), None) => format!("{style}{levels}{style:#}"),
            (Some(levels), Some(asked)) => format!("{style}{levels}{style:#} ({})", asked.version),
        };
        writeln!(self.out, "{by}: {}", parts.join("; "))?;
        self.next(violations, fixable)
    }

    /// The command to run next.
    fn next(&mut self, violations: u64, fixable: u64) -> io::Result<()> {
        if fixable > 0 {
            let manual = match violations - fixable {
                0 => String::new(),
                1 => "; 1 needs manual changes".to_owned(),
                manual => format!("; {manual} need manual changes"),
            };
            writeln!(self.out, "`portcullis harden PATH` fixes {fixable} of {violations}{manual}")
        } else if violations > 0 {
            writeln!(self.out, "`portcullis explain CONTROL` shows why, and the alternatives")
        } else {
            Ok(())
        }
    }
}
