//! GitHub's workflow commands: a violation becomes an annotation on its line of a pull request.
//!
//! One line each: `::error file=deploy/web.yaml,line=12,col=9,title=privileged::Deployment shop/web: …`.

use std::{
    env,
    io::{self, Write as _},
    path::{Component, Path, PathBuf},
};

use manifest::{Line, Unreadable};
use policy::findings::{Lint, Location, Region, ReportedViolation, Severity, Summary, Workload};

use crate::sanitize;

use super::{FormatWriter, Item, Skipped, destination::To};

pub(super) struct Github(pub(super) To);

impl FormatWriter for Github {
    fn add(&mut self, item: Item<'_>) -> io::Result<()> {
        match item {
            Item::Workload(workload, _) => {
                workload.violations.iter().try_for_each(|broken| self.violation(workload, broken))
            }
            Item::Namespace(namespace) => {
                namespace.lints.iter().try_for_each(|lint| self.lint(lint))
            }
            Item::Lint(lint) => self.lint(lint),
            Item::Change(_) | Item::Ignored => Ok(()),
            // GitHub shows ten annotations of a step. Common ones would hide the others.
            Item::Skipped(skipped) if skipped.is_counted() => Ok(()),
            Item::Skipped(Skipped { source, line, why, .. }) => {
                self.not_judged("notice", source, line, Some("skipped"), why)
            }
            Item::Unreadable(source, Unreadable { line, why, .. }) => {
                self.not_judged("error", source, *line, None, why)
            }
        }
    }

    fn finish(self: Box<Self>, _: &Summary) -> io::Result<()> {
        self.0.finish()
    }
}

impl Github {
    fn violation(&mut self, workload: &Workload, broken: &ReportedViolation) -> io::Result<()> {
        let region = broken.found.iter().find_map(|found| found.region);
        let (mut properties, note) = place(workload.location.as_ref(), region);
        properties.push(("title", broken.requirement.id().to_owned()));
        let message = format!(
            "{}: {}: {}{note}",
            workload.identity,
            broken.requirement.reason(),
            broken.message
        );
        self.command(broken.severity.as_str(), &properties, &message)
    }

    fn lint(&mut self, lint: &Lint) -> io::Result<()> {
        let command = if lint.severity == Severity::Error { "error" } else { "notice" };
        let (mut properties, note) = place(lint.location.as_ref(), None);
        properties.push(("title", lint.rule.id().to_owned()));
        self.command(command, &properties, &format!("{lint}{note}"))
    }

    fn not_judged(
        &mut self,
        command: &str,
        source: &str,
        line: Option<Line>,
        title: Option<&str>,
        why: &str,
    ) -> io::Result<()> {
        let mut properties = vec![("file", file(source))];
        properties.extend(line.map(|line| ("line", line.to_string())));
        properties.extend(title.map(|title| ("title", title.to_owned())));
        self.command(command, &properties, why)
    }

    fn command(
        &mut self,
        command: &str,
        properties: &[(&str, String)],
        message: &str,
    ) -> io::Result<()> {
        let properties: Vec<_> = properties
            .iter()
            .map(|(name, value)| {
                format!("{name}={}", escaped(value).replace(':', "%3A").replace(',', "%2C"))
            })
            .collect();
        writeln!(self.0, "::{command} {}::{}", properties.join(","), escaped(message))
    }
}

/// The properties of a place, a region of a file or else the whole location, and what to add to the message.
fn place(
    location: Option<&Location>,
    region: Option<Region>,
) -> (Vec<(&'static str, String)>, String) {
    let Some(location) = location else { return Default::default() };
    let (region, note) = location.region_or_note(region.unwrap_or(location.region));
    let mut properties = vec![("file", file(&location.source))];
    let Some(region) = region else { return (properties, note) };
    properties.push(("line", region.start.line.to_string()));
    properties.push(("endLine", region.end.line.to_string()));
    if region.start.line == region.end.line {
        // GitHub ignores columns when the annotation covers several lines.
        properties.push(("col", region.start.column.to_string()));
        properties.push(("endColumn", region.end.column.to_string()));
    }
    (properties, note)
}

/// The file as GitHub names it: relative to the repository, which is the current directory, and without `./`.
fn file(source: &str) -> String {
    let path = Path::new(source);
    let current = env::current_dir().ok().filter(|_| path.is_absolute());
    let path = current.and_then(|current| path.strip_prefix(current).ok()).unwrap_or(path);
    let parts = path.components().filter(|part| *part != Component::CurDir);
    parts.collect::<PathBuf>().to_string_lossy().into_owned()
}

/// Escapes the characters that end a command or begin another (`actions/toolkit`, `packages/core/src/command.ts`).
fn escaped(text: &str) -> String {
    let text = text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    sanitize::one_line(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_relative_to_the_repository() {
        let current = env::current_dir().unwrap();
        for (source, expected) in [
            ("./deploy/./web.yaml", "deploy/web.yaml"),
            ("deploy/web.yaml", "deploy/web.yaml"),
            ("././web.yaml", "web.yaml"),
            (current.join("a/web.yaml").to_str().unwrap(), "a/web.yaml"),
            ("/nowhere/web.yaml", "/nowhere/web.yaml"),
            ("../web.yaml", "../web.yaml"),
            ("-", "-"),
        ] {
            assert_eq!(file(source), expected);
        }
    }

    #[test]
    fn a_name_cannot_begin_a_command() {
        assert_eq!(escaped("a\n::error::b%\u{1b}[1m"), "a%0A::error::b%25 [1m");
    }
}
