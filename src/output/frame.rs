//! A violation as compilers show one: the source lines, what is wrong with them and what to write instead.

use std::{collections::BTreeSet, ops::Range};

use annotate_snippets::{Annotation, AnnotationKind, Element, Level, Origin, Renderer, Snippet};

use crate::sanitize;
use policy::findings::{FieldToFix, Region, ReportedViolation, Severity, Workload};

use super::words::visible;

/// Containers shown per violation; a pod may have hundreds.
const MAX_SHOWN: usize = 10;
/// In bytes. Longer lines are not shown, because each violation would repeat them.
const MAX_SOURCE: usize = 64 << 10;

/// Renders one violation of a workload. `text` is the source that contains it.
pub(super) fn render(
    renderer: &Renderer,
    workload: &Workload,
    broken: &ReportedViolation,
    text: Option<&str>,
) -> String {
    let object = workload.identity.to_string();
    let title = format!("{}: {}", visible(&object), broken.requirement.reason());
    let level = match broken.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let mut group = level
        .primary_title(title)
        .id(broken.requirement.id())
        .elements(place(workload, broken, text));
    for fix in fixes(workload, broken) {
        group = group.element(Level::HELP.message(fix));
    }
    if let Some(more) = left_out(broken) {
        group = group.element(Level::NOTE.message(more));
    }
    let note = note(workload, broken);
    group = group.element(Level::NOTE.message(note));
    renderer.render(&[group])
}

/// The source lines if there are any to show, else the location of the object.
fn place<'a>(
    workload: &'a Workload,
    broken: &'a ReportedViolation,
    text: Option<&'a str>,
) -> Vec<Element<'a>> {
    let Some(location) = &workload.location else { return Vec::new() };
    let source = visible(&location.label()).into_owned();
    let regions = || broken.found.iter().filter_map(|found| Some((found, found.region?)));
    let all = regions().flat_map(|(found, region)| std::iter::once(region).chain(found.context));
    let shown = text.and_then(|text| Lines::around(text, all));
    let Some(lines) = shown else {
        let line = usize::try_from(location.region.start.line).unwrap_or(usize::MAX);
        return vec![Origin::path(source).line(line).into()];
    };
    let mut seen = BTreeSet::new();
    let annotations = regions().take(MAX_SHOWN).flat_map(|(found, region)| {
        // Two violations may share a place.
        let is_first = seen.insert(region.start.byte);
        let primary = is_first.then(|| lines.annotation(found, region)).flatten();
        let context = found.context.filter(|context| seen.insert(context.start.byte));
        let context = context.and_then(|context| lines.context(found, context));
        primary.into_iter().chain(context)
    });
    let snippet =
        Snippet::source(sanitize::source(lines.text)).line_start(lines.first).path(source);
    vec![snippet.annotations(annotations.collect::<Vec<_>>()).into()]
}

/// What to set, without duplicates and without what the frame's label already says.
fn fixes(workload: &Workload, broken: &ReportedViolation) -> Vec<String> {
    if workload.location.is_some() && broken.found.iter().all(is_labelled) {
        return Vec::new();
    }
    let mut seen = BTreeSet::new();
    let lines = broken.found.iter().map(|found| format!("{}: {}", found.place, found.fix));
    let lines = lines.map(|line| visible(&line).into_owned());
    lines.filter(|line| seen.insert(line.clone())).take(MAX_SHOWN).collect()
}

/// The number of findings that appear neither in the frame nor below it.
fn left_out(broken: &ReportedViolation) -> Option<String> {
    let left = broken.more + broken.found.len().saturating_sub(MAX_SHOWN);
    (left > 0).then(|| format!("and {left} more"))
}

fn is_labelled(found: &FieldToFix) -> bool {
    found.region.is_some()
}

fn note(workload: &Workload, broken: &ReportedViolation) -> String {
    let asked = match broken.requirement.level() {
        Some(level) => format!("{level}, {}", workload.judged.highest().version),
        None => "rule".to_owned(),
    };
    let hardens = if broken.is_hardened() { "; hardening sets it" } else { "" };
    format!("{asked}{hardens}")
}

/// The range of source lines that is shown.
struct Lines<'t> {
    text: &'t str,
    /// The offset of the first byte, and the number of its line.
    start: usize,
    first: usize,
}

impl<'t> Lines<'t> {
    fn around(text: &'t str, regions: impl Iterator<Item = Region>) -> Option<Self> {
        let regions: Vec<_> = regions.take(2 * MAX_SHOWN).collect();
        let first = regions.iter().min_by_key(|region| region.start.byte)?.start;
        let last = regions.iter().map(|region| region.end.byte).max()?;
        let before = text.get(..first.byte)?;
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let end = text.get(last..)?.find('\n').map_or(text.len(), |newline| last + newline);
        let line = usize::try_from(first.line).ok()?;
        let text = text.get(start..end).filter(|text| text.len() <= MAX_SOURCE)?;
        Some(Self { text, start, first: line })
    }

    fn annotation(&self, found: &FieldToFix, region: Region) -> Option<Annotation<'static>> {
        let label = format!("{}: {}", found.place, found.fix);
        let span = self.span(region)?;
        Some(AnnotationKind::Primary.span(span).label(visible(&label).into_owned()))
    }

    fn context(&self, found: &FieldToFix, region: Region) -> Option<Annotation<'static>> {
        let span = self.span(region)?;
        let kind = found.place.split_once(" \"").map_or(&*found.place, |(kind, _)| kind);
        let label = format!("in this {kind}");
        Some(AnnotationKind::Context.span(span).label(visible(&label).into_owned()))
    }

    /// Covers the first line only, because the finding may be a whole list.
    fn span(&self, region: Region) -> Option<Range<usize>> {
        let from = region.start.byte.checked_sub(self.start)?;
        let to = region.end.byte.checked_sub(self.start)?;
        let line = self.text.get(from..to)?.lines().next().unwrap_or_default();
        Some(from..from + line.len().max(1).min(self.text.len().saturating_sub(from)))
    }
}
