//! SARIF 2.1.0 (OASIS) for code scanning: one rule per control, one result per violated control, with exact regions.
//! Lines and columns start at 1, columns count code points, the end of a region is exclusive.

use std::{
    io::{self, Write as _},
    path::{Component, Path},
};

use serde_json::{Value, json};

use manifest::{Line, Unreadable};
use policy::{
    findings::{self, FieldToFix, Lint, ReportedViolation, Summary, Workload, lint},
    requirement::Requirement,
};

use crate::{explain, harmless};

use super::{FormatWriter, Item, Skipped, output::To};

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
            Item::Change(_) | Item::Ignored => Ok(()),
            Item::Unreadable(source, unreadable) => {
                let Unreadable { line, why } = unreadable;
                self.is_successful = false;
                self.notifications.push(notification("error", source, *line, why));
                Ok(())
            }
            Item::Skipped(Skipped { source, line, why }) => {
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
        harmless::json::write(&mut self.out, &invocation)?;
        self.out.write_all(b"]}]}\n")?;
        self.out.finish()
    }
}

impl Sarif {
    fn result(&mut self, result: &Value) -> io::Result<()> {
        self.start()?;
        self.out.write_all(if self.is_empty { b"\n" } else { b",\n" })?;
        self.is_empty = false;
        self.out.write_all(&harmless::json::to_vec(result)?)
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

/// A rule for a lint. Lints have no page of their own.
fn lint_rule(rule: lint::LintRule) -> Value {
    json!({
        "id": lint_id(rule),
        "name": lint_id(rule),
        "shortDescription": {"text": rule.reason()},
        "defaultConfiguration": {"level": "warning"},
        "properties": {"tags": ["security", "without-effect"]},
    })
}

fn lint_id(rule: lint::LintRule) -> String {
    format!("lint/{}", rule.id())
}

fn of_lint(lint: &Lint) -> Value {
    let before = lint::LintRule::ALL.iter().take_while(|rule| **rule != lint.rule).count();
    let name = format!("{}: {}", lint.object, lint.field);
    json!({
        "ruleId": lint_id(lint.rule),
        "ruleIndex": Requirement::all().count() + before,
        "level": "warning",
        "message": {"text": lint.to_string()},
        "locations": [{"logicalLocations": [
            {"fullyQualifiedName": name, "name": lint.field, "kind": "member"},
        ]}],
        "partialFingerprints": {"workloadControl/v1": format!("{name} {}", lint_id(lint.rule))},
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

/// A requirement that a workload violates.
fn result(workload: &Workload, broken: &ReportedViolation) -> Value {
    let id = broken.requirement.id();
    let reason = broken.requirement.reason();
    let mut locations: Vec<_> =
        broken.found.iter().map(|found| location(workload, found)).collect();
    let related = locations.split_off(locations.len().min(1));
    let mut result = json!({
        "ruleId": id,
        "ruleIndex": broken.requirement.position().unwrap_or(0),
        "level": broken.severity.as_str(),
        "message": {"text": format!("{}: {reason}: {}", workload.identity, broken.message)},
        "locations": locations,
        // Identifies the violation after the workload moves in the file.
        "partialFingerprints": {"workloadControl/v1": format!("{} {id}", workload.identity)},
    });
    if let Value::Object(result) = &mut result {
        let optional = [("relatedLocations", related), ("fixes", fixes(workload, broken))];
        let present = optional.into_iter().filter(|(_, list)| !list.is_empty());
        result.extend(present.map(|(key, list)| (key.to_owned(), list.into())));
    }
    result
}

/// What hardening would write to fix this result alone.
fn fixes(workload: &Workload, broken: &ReportedViolation) -> Vec<Value> {
    let location = workload.location.iter().filter(|_| !broken.replacements.is_empty());
    let fix = |location: &findings::Location| {
        let replacements = broken.replacements.iter().map(|replacement| {
            json!({
                "deletedRegion": region(replacement.region),
                "insertedContent": {"text": replacement.text},
            })
        });
        json!({
            "description": {"text": format!("As hardening: {}", broken.message)},
            "artifactChanges": [{
                "artifactLocation": {"uri": uri(&location.source)},
                "replacements": replacements.collect::<Vec<_>>(),
            }],
        })
    };
    location.map(fix).collect()
}

fn region(region: findings::Region) -> Value {
    json!({
        "startLine": region.start.line,
        "startColumn": region.start.column,
        "endLine": region.end.line,
        "endColumn": region.end.column,
    })
}

fn location(workload: &Workload, found: &FieldToFix) -> Value {
    let FieldToFix { field, place, fix, .. } = found;
    let name = format!("{}: {field}", workload.identity);
    let mut result = json!({
        "logicalLocations": [{"fullyQualifiedName": name, "name": field, "kind": "member"}],
        "message": {"text": format!("{place}: {fix}")},
    });
    if let (Value::Object(result), Some(location)) = (&mut result, &workload.location) {
        let physical = json!({
            "artifactLocation": {"uri": uri(&location.source)},
            "region": region(found.region.unwrap_or(location.region)),
        });
        result.insert("physicalLocation".to_owned(), physical);
    }
    result
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
