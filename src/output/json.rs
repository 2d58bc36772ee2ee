//! The report for machines, as JSON or YAML. Field names are an interface, documented in `docs/schema/report-v1.json`. Fields may be
//! added; removing one or changing its meaning needs a new schema.

use std::io::{self, Write};

use serde::Serialize;

use manifest::Line;
use policy::{
    findings::{self, Identity, LinesOf, Region, Summary},
    pss::{LevelVersion, Levels},
};

use crate::{input::SkipCounts, sanitize};

use super::{About, FormatWriter, Item, Skipped, destination::To, namespace};

const SCHEMA: &str = "portcullis.dev/report/v1";

/// The whole report as one document: the results as they come, then the other lists and the summary.
pub(super) struct Document<'p> {
    out: To,
    about: About<'p>,
    syntax: Syntax,
    is_empty: bool,
    skipped: Vec<u8>,
    lints: Vec<u8>,
    skipped_by: SkipCounts,
    namespaces: Vec<u8>,
    changes: Vec<u8>,
}

#[derive(Clone, Copy)]
pub(super) enum Syntax {
    Json,
    Yaml,
}

impl Syntax {
    fn open(self, out: &mut impl Write, name: &str, is_empty: bool) -> io::Result<()> {
        match (self, is_empty) {
            (Self::Json, _) => writeln!(out, "\"{name}\":["),
            (Self::Yaml, true) => writeln!(out, "{name}: []"),
            (Self::Yaml, false) => writeln!(out, "{name}:"),
        }
    }

    fn item(self, out: &mut impl Write, row: &Row<'_>, is_first: bool) -> io::Result<()> {
        match (self, is_first) {
            (Self::Json, true) => {}
            (Self::Json, false) => out.write_all(b",\n")?,
            (Self::Yaml, _) => return yaml(out, &[row]),
        }
        out.write_all(&sanitize::json::to_vec(row)?)
    }

    fn close(self, out: &mut impl Write, is_empty: bool) -> io::Result<()> {
        match (self, is_empty) {
            (Self::Json, true) => out.write_all(b"],"),
            (Self::Json, false) => out.write_all(b"\n],"),
            (Self::Yaml, _) => Ok(()),
        }
    }
}

fn yaml(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    let text = serde_saphyr::to_string(value).map_err(io::Error::other)?;
    out.write_all(text.as_bytes())?;
    if text.ends_with('\n') { Ok(()) } else { out.write_all(b"\n") }
}

impl<'p> Document<'p> {
    pub(super) fn new(out: To, about: About<'p>, syntax: Syntax) -> Self {
        let [skipped, lints, namespaces, changes] = Default::default();
        let skipped_by = SkipCounts::default();
        Self { out, about, syntax, is_empty: true, skipped, skipped_by, lints, namespaces, changes }
    }

    fn start(&mut self) -> io::Result<()> {
        match self.syntax {
            Syntax::Json => write!(self.out, "{{\"schema\":\"{SCHEMA}\",")?,
            Syntax::Yaml => writeln!(self.out, "schema: {SCHEMA}")?,
        }
        self.syntax.open(&mut self.out, "results", self.is_empty)
    }
}

impl FormatWriter for Document<'_> {
    fn add(&mut self, item: Item<'_>) -> io::Result<()> {
        let Some(row) = Row::of(item) else { return Ok(()) };
        if let Row::Skipped(skipped) = &row {
            self.skipped_by.add(skipped.reason);
        }
        let list = match row {
            Row::Skipped(_) => &mut self.skipped,
            Row::Lint(_) => &mut self.lints,
            Row::Namespace(_) => &mut self.namespaces,
            Row::Change(_) => &mut self.changes,
            Row::Workload(_) | Row::Unreadable { .. } => {
                let is_first = std::mem::take(&mut self.is_empty);
                if is_first {
                    self.start()?;
                }
                return self.syntax.item(&mut self.out, &row, is_first);
            }
        };
        let is_first = list.is_empty();
        self.syntax.item(list, &row, is_first)
    }

    fn finish(mut self: Box<Self>, summary: &Summary) -> io::Result<()> {
        if self.is_empty {
            self.start()?;
        }
        let Self { mut out, about, syntax, is_empty, .. } = *self;
        let Self { skipped, skipped_by, lints, namespaces, changes, .. } = *self;
        syntax.close(&mut out, is_empty)?;
        let lists = match about {
            About::Manifests(_) => vec![("skipped", skipped), ("lints", lints)],
            About::Cluster => vec![("namespaces", namespaces), ("changes", changes)],
        };
        for (name, list) in lists {
            syntax.open(&mut out, name, list.is_empty())?;
            out.write_all(&list)?;
            syntax.close(&mut out, list.is_empty())?;
        }
        let end = End { summary: Total::of(summary, &skipped_by, about) };
        match syntax {
            Syntax::Json => {
                let end = sanitize::json::to_vec(&end)?;
                out.write_all(end.strip_prefix(b"{").unwrap_or_default())?;
                out.write_all(b"\n")?;
            }
            Syntax::Yaml => yaml(&mut out, &end)?,
        }
        out.finish()
    }
}

#[derive(Serialize)]
struct End<'a> {
    summary: Total<'a>,
}

/// One line of JSON per object.
pub(super) struct Jsonl(pub(super) To);

impl FormatWriter for Jsonl {
    fn add(&mut self, item: Item<'_>) -> io::Result<()> {
        let Some(row) = Row::of(item) else { return Ok(()) };
        self.0.write_all(&sanitize::json::to_vec(&row)?)?;
        self.0.write_all(b"\n")
    }

    fn finish(self: Box<Self>, _: &Summary) -> io::Result<()> {
        self.0.finish()
    }
}

#[derive(Serialize)]
#[serde(untagged)]
enum Row<'a> {
    Workload(Workload<'a>),
    #[serde(rename_all = "camelCase")]
    Unreadable {
        source: &'a str,
        /// Null if the error concerns the whole source.
        line: Option<Line>,
        error: &'a str,
    },
    Skipped(Skipped<'a>),
    Lint(Lint<'a>),
    Namespace(Box<namespace::Row<'a>>),
    Change(namespace::ChangeRow<'a>),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Workload<'a> {
    #[serde(flatten)]
    location: Option<Location<'a>>,
    #[serde(flatten)]
    identity: &'a Identity,
    level: &'static str,
    /// The resolved version, never `latest`.
    version: String,
    /// Further levels that apply.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    beside: Vec<String>,
    allowed: bool,
    /// Set only if the object is not judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    exempt: Option<&'static str>,
    /// The highest level that the object meets; absent if it is not judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    meets: Option<&'static str>,
    /// The same after hardening.
    #[serde(skip_serializing_if = "Option::is_none")]
    meets_hardened: Option<&'static str>,
    violations: Vec<Violation<'a>>,
}

/// A setting without effect.
#[derive(Serialize)]
pub(super) struct Lint<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'a str>,
    #[serde(skip_serializing_if = "is_false")]
    rendered: bool,
    #[serde(flatten)]
    region: Option<Lines>,
    rule: &'static str,
    severity: &'static str,
    kind: &'a str,
    namespace: &'a str,
    name: &'a str,
    field: &'a str,
    message: &'a str,
}

impl<'a> Lint<'a> {
    pub(super) fn of(lint: &'a findings::Lint) -> Self {
        let findings::Lint { rule, object, field, message, severity, location, .. } = lint;
        Self {
            source: location.as_ref().map(|location| &*location.source),
            rendered: location.as_ref().is_some_and(is_rendered),
            region: location.as_ref().map(|location| Lines::of(location.region)),
            rule: rule.name(),
            severity: severity.as_str(),
            kind: &object.kind,
            namespace: &object.namespace,
            name: &object.name,
            field,
            message,
        }
    }
}

#[derive(Serialize)]
struct Location<'a> {
    source: &'a str,
    /// Whether lines are counted in what Helm or kustomize makes of the source.
    #[serde(skip_serializing_if = "is_false")]
    rendered: bool,
    line: u64,
    column: u64,
}

#[derive(Serialize)]
struct Violation<'a> {
    control: &'static str,
    level: &'static str,
    severity: &'static str,
    reason: &'static str,
    message: &'a str,
    /// Whether hardening would fix it.
    hardenable: bool,
    fields: Vec<&'a str>,
    findings: Vec<Finding<'a>>,
    #[serde(skip_serializing_if = "is_none")]
    more: usize,
}

fn is_false(flag: &bool) -> bool {
    !flag
}

fn is_rendered(location: &findings::Location) -> bool {
    location.lines == LinesOf::Rendering
}

fn is_none(more: &usize) -> bool {
    *more == 0
}

/// One field to set.
#[derive(Serialize)]
struct Finding<'a> {
    field: &'a str,
    place: &'a str,
    fix: &'a str,
    #[serde(flatten)]
    region: Option<Lines>,
}

/// A region as SARIF and editors count it: lines and columns start at 1, the end is exclusive.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Lines {
    line: u64,
    column: u64,
    end_line: u64,
    end_column: u64,
}

impl<'a> Row<'a> {
    /// The row of an item, if the item has one.
    fn of(item: Item<'a>) -> Option<Self> {
        match item {
            Item::Workload(workload, _) => Some(Self::Workload(Workload::of(workload))),
            Item::Namespace(namespace) => {
                Some(Self::Namespace(Box::new(namespace::Row::of(namespace))))
            }
            Item::Change(change) => Some(Self::Change(namespace::ChangeRow::of(change))),
            Item::Lint(lint) => Some(Self::Lint(Lint::of(lint))),
            Item::Ignored => None,
            Item::Skipped(skipped) => Some(Self::Skipped(skipped)),
            Item::Unreadable(source, unreadable) => {
                Some(Self::Unreadable { source, line: unreadable.line, error: &unreadable.why })
            }
        }
    }
}

/// The levels that apply in addition to the highest.
pub(super) fn beside(levels: Levels) -> Vec<String> {
    levels.iter().skip(1).map(|pair| pair.to_string()).collect()
}

impl<'a> Workload<'a> {
    fn of(workload: &'a findings::Workload) -> Self {
        let levels_met = workload.exempt.is_none().then_some(&workload.levels_met);
        Self {
            location: workload.location.as_ref().map(|location| Location {
                source: &location.source,
                rendered: is_rendered(location),
                line: location.region.start.line,
                column: location.region.start.column,
            }),
            identity: &workload.identity,
            level: workload.judged.level().as_str(),
            version: workload.judged.highest().version.to_string(),
            beside: beside(workload.judged),
            allowed: !workload.is_denied(),
            exempt: workload.exempt.map(|exemption| exemption.as_str()),
            meets: levels_met.map(|levels_met| levels_met.now.as_str()),
            meets_hardened: levels_met.map(|levels_met| levels_met.hardened.as_str()),
            violations: workload.violations.iter().map(Violation::of).collect(),
        }
    }
}

impl<'a> Violation<'a> {
    fn of(broken: &'a findings::ReportedViolation) -> Self {
        Self {
            control: broken.requirement.id(),
            level: broken.requirement.origin(),
            severity: broken.severity.as_str(),
            reason: broken.requirement.reason(),
            message: &broken.message,
            hardenable: broken.is_hardened(),
            fields: broken.fields().collect(),
            findings: broken.found.iter().map(Finding::of).collect(),
            more: broken.more,
        }
    }
}

impl<'a> Finding<'a> {
    fn of(found: &'a findings::FieldToFix) -> Self {
        Self {
            field: &found.field,
            place: &found.place,
            fix: &found.fix,
            region: found.region.map(Lines::of),
        }
    }
}

impl Lines {
    fn of(region: Region) -> Self {
        Self {
            line: region.start.line,
            column: region.start.column,
            end_line: region.end.line,
            end_column: region.end.column,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Total<'a> {
    #[serde(flatten)]
    summary: &'a Summary,
    #[serde(skip_serializing_if = "Option::is_none")]
    skipped_by: Option<&'a SkipCounts>,
    #[serde(flatten)]
    judged: Option<Judged>,
}

/// The policy that all manifests are judged by.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Judged {
    level: &'static str,
    /// The resolved version, never `latest`.
    version: String,
    /// The requested version, which may be `latest`.
    policy_version: String,
}

impl<'a> Total<'a> {
    fn of(summary: &'a Summary, skipped_by: &'a SkipCounts, about: About<'_>) -> Self {
        let About::Manifests(policy) = about else {
            return Self { summary, skipped_by: None, judged: None };
        };
        let judged_policy = policy.judged_policy("");
        let LevelVersion { level, version } = judged_policy.judged().highest();
        let policy_version = judged_policy.asked.highest().version.to_string();
        let judged = Judged { level: level.as_str(), version: version.to_string(), policy_version };
        Self { summary, skipped_by: Some(skipped_by), judged: Some(judged) }
    }
}
