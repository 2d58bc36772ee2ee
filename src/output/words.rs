//! Phrases that several formats for people share.

use clap::builder::styling::{AnsiColor, Style};

use manifest::Unreadable;
use policy::findings::{Lint, Position, ReportedViolation, Severity, Workload};

pub(super) use crate::sanitize::visible;

use super::Skipped;

pub(super) const PLACE: Style = Style::new().bold();
pub(super) const WRONG: Style = AnsiColor::Red.on_default().bold();
pub(super) const GOOD: Style = AnsiColor::Green.on_default();
pub(super) const ASIDE: Style = AnsiColor::Yellow.on_default();

/// `2 objects`.
pub(super) fn count(number: u64, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}

/// The phrases `2 exempt` for the numbers that are not zero.
pub(super) fn counted<'w>(
    numbers: impl IntoIterator<Item = (u64, &'w str)>,
) -> impl Iterator<Item = String> {
    let present = numbers.into_iter().filter(|(number, _)| *number > 0);
    present.map(|(number, what)| format!("{number} {what}"))
}

/// `deploy/web.yaml:12:9`, or the part that is known.
pub(super) fn place(source: &str, at: Option<Position>) -> String {
    let source = visible(source);
    match at {
        Some(at) => format!("{source}:{}:{}", at.line, at.column),
        None => source.into_owned(),
    }
}

/// The location of an object in its file, if it has one.
pub(super) fn location_of(workload: &Workload) -> Option<String> {
    let location = workload.location.as_ref()?;
    Some(place(&location.label(), Some(location.region.start)))
}

/// The place of a violation: that of its first field in the file, or that of its object.
pub(super) fn place_of(workload: &Workload, broken: &ReportedViolation) -> Option<String> {
    let region = broken.found.iter().find_map(|found| found.region);
    match (&workload.location, region) {
        (Some(location), Some(region)) => Some(place(&location.label(), Some(region.start))),
        _ => location_of(workload),
    }
}

/// An unreadable input, in one line: `deploy/web.yaml:3: error: …`.
pub(super) fn unreadable(source: &str, unreadable: &Unreadable) -> String {
    let (source, why) = (visible(source), visible(&unreadable.why));
    let line = unreadable.line.map_or_else(String::new, |line| format!(":{line}"));
    format!("{PLACE}{source}{line}{PLACE:#}: {WRONG}error{WRONG:#}: {why}")
}

/// A lint, in one line: `deploy/web.yaml:12:9: Deployment shop/web: lint/unknown-field: spec.…`.
pub(super) fn lint(lint: &Lint) -> String {
    let at = lint.location.as_ref().map_or_else(String::new, |location| {
        format!("{PLACE}{}{PLACE:#}: ", place(&location.label(), Some(location.region.start)))
    });
    let style = if lint.severity == Severity::Error { WRONG } else { ASIDE };
    let object = lint.object.to_string();
    let (object, field, message) = (visible(&object), visible(&lint.field), visible(&lint.message));
    format!("{at}{object}: {style}{}{style:#}: {field}: {message}", lint.rule.id())
}

/// A skipped input, in one line: `deploy/patch.yaml:3: skipped: …`.
pub(super) fn skipped(skipped: Skipped<'_>) -> String {
    let (source, why) = (visible(skipped.source), visible(skipped.why));
    let line = skipped.line.map_or_else(String::new, |line| format!(":{line}"));
    format!("{PLACE}{source}{line}{PLACE:#}: {ASIDE}skipped{ASIDE:#}: {why}")
}
