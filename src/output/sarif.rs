//! SARIF 2.1.0 (OASIS) for code scanning: one rule per control, one result per violated control, with exact regions.
//! Lines and columns start at 1, columns count code points, the end of a region is exclusive.

use std::{
    io::{self, Write as _},
    path::{Component, Path},
};

use serde::Serialize;
use serde_json::{Value, json};

use manifest::{Line, Unreadable};
use policy::{
    findings::{self, FieldToFix, Lint, ReportedViolation, Summary, Workload, lint},
    requirement::Requirement,
};

use crate::{explain, sanitize};

use super::{FormatWriter, Item, Skipped, destination::To};

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

const HOME: &str = env!("CARGO_PKG_REPOSITORY");

pub(super) struct Sarif {
    out: To,
    is_empty: bool,
    /// Unreadable and skipped inputs, written at the end.
    notifications: Vec<Value>,
    is_successful: bool,
}

impl Sarif {
    pub(super) fn new(out: To) -> Self {
        Self { out, is_empty: true, notifications: Vec::new(), is_successful: true }
    }
}

impl FormatWriter for Sarif {
    fn add(&mut self, item: Item<'_>) -> io::Result<()> {
        match item {
            Item::Workload(workload, _) => {
                let mut violations = workload.violations.iter();
                violations.try_for_each(|broken| self.result(&result(workload, broken)))
            }
            Item::Namespace(namespace) => {
                namespace.lints.iter().try_for_each(|lint| self.result(&of_lint(lint)))
            }
            Item::Lint(lint) => self.result(&of_lint(lint)),
            Item::Change(_) | Item::Ignored => Ok(()),
            Item::Unreadable(source, unreadable) => {
                let Unreadable { line, why, .. } = unreadable;
                self.is_successful = false;
                self.notifications.push(notification("error", source, *line, why));
                Ok(())
            }
            Item::Skipped(Skipped { source, line, why, .. }) => {
                self.notifications.push(notification("note", source, line, why));
                Ok(())
            }
        }
    }

    fn finish(mut self: Box<Self>, _: &Summary) -> io::Result<()> {
        self.start()?;
        let invocation = json!({
            "executionSuccessful": self.is_successful,
            "toolExecutionNotifications": self.notifications,
        });
        self.out.write_all(b"\n],\"invocations\":[")?;
        sanitize::json::write(&mut self.out, &invocation)?;
        self.out.write_all(b"]}]}\n")?;
        self.out.finish()
    }
}

impl Sarif {
    fn result(&mut self, result: &impl Serialize) -> io::Result<()> {
        self.start()?;
        self.out.write_all(if self.is_empty { b"\n" } else { b",\n" })?;
        self.is_empty = false;
        self.out.write_all(&sanitize::json::to_vec(result)?)
    }

    /// Writes everything before the results.
    fn start(&mut self) -> io::Result<()> {
        if !self.is_empty {
            return Ok(());
        }
        let rules = Requirement::all().map(rule).chain(lint::LintRule::ALL.map(lint_rule));
        let rules: Vec<_> = rules.collect();
        let driver = json!({
            "name": "portcullis",
            "version": env!("CARGO_PKG_VERSION"),
            "semanticVersion": env!("CARGO_PKG_VERSION"),
            "informationUri": HOME,
            "rules": rules,
        });
        write!(
            self.out,
            "{{\"$schema\":\"{SCHEMA}\",\"version\":\"2.1.0\",\"runs\":[{{\"tool\":{{\"driver\":{driver}}},\
             \"columnKind\":\"unicodeCodePoints\",\"results\":["
        )
    }
}

fn rule(requirement: Requirement) -> Value {
    let (id, reason) = (requirement.id(), requirement.reason());
    let text = explain::of(id);
    let forbids = text.as_ref().map_or(reason, |text| text.forbids);
    let help = explain::help_markdown(id).unwrap_or_default();
    json!({
        "id": id,
        "name": id,
        "shortDescription": {"text": reason},
        "fullDescription": {"text": forbids},
        "help": {"text": help, "markdown": help},
        "helpUri": format!("{HOME}/blob/main/docs/controls.md#{}", anchor(id, text.as_ref())),
        "defaultConfiguration": {"level": "error"},
        "properties": {"tags": ["security", "pod-security-standards", requirement.origin()]},
    })
}

/// A rule for a lint.
fn lint_rule(rule: lint::LintRule) -> Value {
    let mut texts = explain::lints();
    let help = texts.find(|text| text.rule == rule).map_or("", |text| text.help());
    json!({
        "id": rule.id(),
        "name": rule.id(),
        "shortDescription": {"text": rule.reason()},
        "help": {"text": help, "markdown": help},
        "helpUri": format!("{HOME}/blob/main/docs/lints.md"),
        "defaultConfiguration": {"level": "note"},
        "properties": {"tags": ["security", "without-effect"]},
    })
}

fn of_lint(lint: &Lint) -> Value {
    let before = lint::LintRule::ALL.iter().take_while(|rule| **rule != lint.rule).count();
    let name = format!("{}: {}", lint.object, lint.field);
    let logical = json!([{"fullyQualifiedName": name, "name": lint.field, "kind": "member"}]);
    let location = match &lint.location {
        Some(location) => {
            let physical = physical(location, location.region);
            json!({"physicalLocation": physical, "logicalLocations": logical})
        }
        None => json!({"logicalLocations": logical}),
    };
    json!({
        "ruleId": lint.rule.id(),
        "ruleIndex": Requirement::all().count() + before,
        "level": lint.severity.as_str(),
        "message": {"text": lint.to_string()},
        "locations": [location],
        "partialFingerprints": {"workloadControl/v1": format!("{name} {}", lint.rule.id())},
    })
}

/// The anchor that GitHub makes of the heading `id: title`.
fn anchor(id: &str, text: Option<&explain::Text>) -> String {
    let heading = match text {
        Some(text) => format!("{id}: {}", text.title),
        None => id.to_owned(),
    };
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect()
}

fn notification(level: &str, source: &str, line: Option<Line>, why: &str) -> Value {
    let place = match line {
        Some(line) => {
            json!({"artifactLocation": {"uri": uri(source)}, "region": {"startLine": line}})
        }
        None => json!({"artifactLocation": {"uri": uri(source)}}),
    };
    json!({
        "level": level,
        "message": {"text": why},
        "locations": [{"physicalLocation": place}],
    })
}

/// A requirement that a workload violates. A type of its own, because a `Value` of each location takes some 5 KB.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SarifResult<'a> {
    rule_id: &'static str,
    rule_index: usize,
    level: &'static str,
    message: Message,
    locations: Vec<Location<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    related_locations: Vec<Location<'a>>,
    /// Identifies the violation after the workload moves in the file.
    partial_fingerprints: Value,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fixes: Vec<Fix>,
}

/// What hardening would write to fix this result alone.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Fix {
    description: Message,
    artifact_changes: [ArtifactChange; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ArtifactChange {
    artifact_location: Artifact,
    replacements: Vec<Replacement>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Replacement {
    deleted_region: Region,
    inserted_content: Message,
}

#[derive(Serialize)]
struct Message {
    text: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Location<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    physical_location: Option<PhysicalLocation>,
    logical_locations: [LogicalLocation<'a>; 1],
    message: Message,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PhysicalLocation {
    artifact_location: Artifact,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<Region>,
}

#[derive(Serialize)]
struct Artifact {
    uri: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: u64,
    start_column: u64,
    end_line: u64,
    end_column: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LogicalLocation<'a> {
    fully_qualified_name: String,
    name: &'a str,
    kind: &'static str,
}

fn result<'a>(workload: &'a Workload, broken: &'a ReportedViolation) -> SarifResult<'a> {
    let (id, identity) = (broken.requirement.id(), &workload.identity);
    let reason = broken.requirement.reason();
    let mut locations = broken.found.iter().map(|found| location(workload, found));
    let at = workload.location.as_ref();
    let note = at.map_or_else(String::new, |at| {
        let region = broken.found.iter().find_map(|found| found.region);
        at.region_or_note(region.unwrap_or(at.region)).1
    });
    SarifResult {
        rule_id: id,
        rule_index: broken.requirement.position().unwrap_or(0),
        level: broken.severity.as_str(),
        message: Message { text: format!("{identity}: {reason}: {}{note}", broken.message) },
        locations: locations.next().into_iter().collect(),
        related_locations: locations.collect(),
        partial_fingerprints: json!({"workloadControl/v1": format!("{identity} {id}")}),
        fixes: fix(workload, broken).into_iter().collect(),
    }
}

fn fix(workload: &Workload, broken: &ReportedViolation) -> Option<Fix> {
    let location = workload.location.as_ref().filter(|_| !broken.replacements.is_empty())?;
    let replacements = broken.replacements.iter().map(|replacement| Replacement {
        deleted_region: region(replacement.region),
        inserted_content: Message { text: replacement.text.clone() },
    });
    Some(Fix {
        description: Message { text: format!("As hardening: {}", broken.message) },
        artifact_changes: [ArtifactChange {
            artifact_location: Artifact { uri: uri(&location.source) },
            replacements: replacements.collect(),
        }],
    })
}

fn region(region: findings::Region) -> Region {
    Region {
        start_line: region.start.line,
        start_column: region.start.column,
        end_line: region.end.line,
        end_column: region.end.column,
    }
}

fn location<'a>(workload: &'a Workload, found: &'a FieldToFix) -> Location<'a> {
    let FieldToFix { field, place, fix, .. } = found;
    let at = workload.location.as_ref().map(|at| (at, found.region.unwrap_or(at.region)));
    let note = at.map_or_else(String::new, |(at, region)| at.region_or_note(region).1);
    Location {
        physical_location: at.map(|(at, region)| physical(at, region)),
        logical_locations: [LogicalLocation {
            fully_qualified_name: format!("{}: {field}", workload.identity),
            name: field,
            kind: "member",
        }],
        message: Message { text: format!("{place}: {fix}{note}") },
    }
}

/// A place in a file. Lines of a rendering are in no file.
fn physical(location: &findings::Location, at: findings::Region) -> PhysicalLocation {
    PhysicalLocation {
        artifact_location: Artifact { uri: uri(&location.source) },
        region: location.region_or_note(at).0.map(region),
    }
}

/// A path as a URI. A relative path stays relative to the root of the repository.
fn uri(source: &str) -> String {
    if source == "-" {
        return "stdin".to_owned();
    }
    let path = Path::new(source);
    let parts: Vec<_> = path
        .components()
        .filter_map(|part| match part {
            Component::Normal(name) => Some(encoded(name.as_encoded_bytes())),
            Component::ParentDir => Some("..".to_owned()),
            Component::CurDir | Component::RootDir | Component::Prefix(_) => None,
        })
        .collect();
    let root = if path.is_absolute() { "file:///" } else { "" };
    format!("{root}{}", parts.join("/"))
}

/// Percent-encodes everything except what RFC 3986 calls unreserved.
fn encoded(name: &[u8]) -> String {
    let mut text = String::with_capacity(name.len());
    for byte in name {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                text.push(char::from(*byte));
            }
            byte => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_uris() {
        assert_eq!(uri("./deploy/web app.yaml"), "deploy/web%20app.yaml");
        assert_eq!(uri("../a/b.yaml"), "../a/b.yaml");
        assert_eq!(uri("/srv/a.yaml"), "file:///srv/a.yaml");
        assert_eq!(uri("-"), "stdin");
    }
}
