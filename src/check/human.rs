//! The report for people. Text of manifests loses its control characters: it must not steer a terminal.

use std::{
    borrow::Cow,
    io::{self, Write},
};

use clap::builder::styling::{AnsiColor, Style};

use super::{Policy, Summary, Unreadable, Verdict};

const PLACE: Style = Style::new().bold();
const WRONG: Style = AnsiColor::Red.on_default().bold();
const GOOD: Style = AnsiColor::Green.on_default();

/// What an object breaks and what to set. Nothing, where it breaks nothing.
pub(super) fn verdict(
    out: &mut impl Write,
    source: &str,
    verdict: &Verdict,
    policy: &Policy,
) -> io::Result<()> {
    if verdict.violations.is_empty() {
        return Ok(());
    }
    let place = format!("{source}:{}", verdict.object.line);
    let place = visible(&place);
    let object = verdict.object.to_string();
    let object = visible(&object);
    let level = policy.judged();
    let reasons: Vec<_> = verdict.violations.iter().map(|broken| broken.reason).collect();
    let reasons = reasons.join(", ");
    writeln!(out, "{PLACE}{place}{PLACE:#} {object}: {WRONG}{level} violated{WRONG:#}: {reasons}")?;
    for fix in &verdict.fixes {
        writeln!(out, "  {}", visible(fix))?;
    }
    Ok(())
}

/// What could not be read.
pub(super) fn unreadable(
    out: &mut impl Write,
    source: &str,
    unreadable: &Unreadable,
) -> io::Result<()> {
    let place = match unreadable.line {
        Some(line) => format!("{source}:{line}"),
        None => source.to_owned(),
    };
    let (place, why) = (visible(&place), visible(&unreadable.why));
    writeln!(out, "{PLACE}{place}{PLACE:#}: {WRONG}error{WRONG:#}: {why}")
}

/// The last line.
pub(super) fn summary(out: &mut impl Write, summary: &Summary, policy: &Policy) -> io::Result<()> {
    let Summary { objects, exempt, violating, violations, ignored, unreadable } = *summary;
    let mut parts = Vec::new();
    if objects == 0 {
        parts.push("nothing to judge: no pod, and nothing that holds a pod template".to_owned());
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
    if exempt > 0 {
        parts.push(format!("{exempt} exempt by the configuration"));
    }
    if ignored > 0 {
        parts.push(format!("{} without a pod ignored", count(ignored, "object")));
    }
    if unreadable > 0 {
        parts.push(format!("{unreadable} could not be read"));
    }
    let style = if violating == 0 && unreadable == 0 { GOOD } else { WRONG };
    let (judged, asked) = (policy.judged(), policy.asked);
    let asked = if judged == asked { String::new() } else { format!(" ({})", asked.version) };
    writeln!(out, "{style}{judged}{style:#}{asked}: {}", parts.join("; "))
}

fn count(number: u64, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}

fn visible(text: &str) -> Cow<'_, str> {
    if text.chars().any(char::is_control) {
        text.replace(char::is_control, " ").into()
    } else {
        text.into()
    }
}
