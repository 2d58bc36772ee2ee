//! What people read: denials and warnings, bounded and without control characters.

use std::fmt::Write as _;

use crate::{
    harden::{Change, Field},
    policy::Violation,
    pss::{Levels, Pod},
};

use super::fixes::Fixes;

/// The most bytes of a denial: it ends up in Events.
pub(super) const MAX_DENIAL: usize = 1024;
/// The reasons of violations, as one phrase: `privileged container, host ports`.
pub fn reasons(violations: &[Violation]) -> String {
    let reasons: Vec<_> =
        violations.iter().map(|violation| violation.requirement.reason()).collect();
    reasons.join(", ")
}

/// What is broken, as a name: `PodSecurity "restricted:latest"`, `rules`, or both.
pub(super) fn broken(levels: Levels, violations: &[Violation]) -> String {
    let of_rules = violations.iter().filter(|violation| violation.requirement.is_rule());
    match of_rules.count() {
        0 => format!("PodSecurity \"{levels}\""),
        rules if rules == violations.len() => "rules".to_owned(),
        _ => format!("PodSecurity \"{levels}\" and rules"),
    }
}

/// What to set, one line each, grouped by the part of the pod: `container "web": set …`. At most so many lines, the last
/// of which then says how many are left out.
pub fn fixes<'v>(
    violations: impl IntoIterator<Item = &'v Violation>,
    pod: &Pod<'_>,
    most: usize,
) -> Vec<String> {
    let fixes = Fixes::of(violations);
    let (mut lines, mut left) = (Vec::new(), fixes.len());
    for (line, behind) in fixes.lines(pod).take(most) {
        lines.push(line);
        left = behind;
    }
    if left > 0 {
        lines.push(format!("and {left} more"));
    }
    lines
}

/// The same in one line of about so many bytes.
pub fn fix<'v>(
    violations: impl IntoIterator<Item = &'v Violation>,
    pod: &Pod<'_>,
    room: usize,
) -> String {
    let fixes = Fixes::of(violations);
    Fixes::joined(fixes.lines(pod), "; ", room, fixes.len())
}

/// A denial: the first line says it all, then what to set, then where the policy comes from. Whole lines only.
pub(super) fn denial(first: &str, fixes: &Fixes<'_>, pod: &Pod<'_>, last: &[String]) -> String {
    let mut text = clean(first, MAX_DENIAL / 2);
    let last: Vec<_> = last.iter().map(|line| clean(line, MAX_DENIAL * 3 / 8)).collect();
    let last = last.join("\n");
    // "\n  and 16384 more" and the last lines always fit.
    let room = MAX_DENIAL - last.len() - 24;
    let mut left = fixes.len();
    for (line, behind) in fixes.lines(pod) {
        let line = clean(&line, MAX_DENIAL / 2);
        if text.len() + line.len() + 3 > room {
            break;
        }
        let _ = write!(text, "\n  {line}");
        left = behind;
    }
    if left > 0 {
        let _ = write!(text, "\n  and {left} more");
    }
    text.push('\n');
    text.push_str(&last);
    text
}

/// What hardening sets, by place: `pod: runAsNonRoot=true; container "web": …`. Of about so many bytes.
pub(super) fn changes(changes: &[Change], pod: &Pod<'_>, room: usize) -> String {
    let mut by_place: Vec<_> = changes.iter().collect();
    by_place.sort_by_key(|change| change.place);
    let mut text = String::new();
    for at_place in by_place.chunk_by(|one, other| one.place == other.place) {
        // What comes now would be cut.
        if text.len() > room {
            break;
        }
        let Some(first) = at_place.first() else { continue };
        let separator = if text.is_empty() { "" } else { "; " };
        let set: Vec<_> = at_place.iter().map(|change| change.assignment()).collect();
        let place = first.place.describe(pod);
        let _ = write!(text, "{separator}{place}: {}", set.join(", "));
    }
    text
}

/// What must be known of an image before `runAsNonRoot` is set for it.
pub(super) fn root_caveat(changes: &[Change]) -> Option<&'static str> {
    changes.iter().any(|change| change.field == Field::RunAsNonRoot).then_some(
        "runAsNonRoot: an image that runs as root, or names its user instead of numbering it, will not start",
    )
}

/// What stands where text was cut: ASCII, since warnings travel in an HTTP header.
const CUT: &str = "...";

/// A name as a text quotes it: no name of the API is longer.
pub(super) fn cut(name: &str) -> &str {
    const MOST: usize = 253;
    name.get(..name.floor_char_boundary(MOST)).unwrap_or_default()
}

/// No control characters, at most so many bytes, cut between characters.
pub(super) fn clean(text: &str, max: usize) -> String {
    if text.len() <= max && text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return text.to_owned();
    }
    let mut clean = String::with_capacity(text.len().min(max));
    for c in text.chars() {
        let c = if c.is_control() { ' ' } else { c };
        if clean.len() + c.len_utf8() > max {
            let mut end = max.saturating_sub(CUT.len());
            while !clean.is_char_boundary(end) {
                end -= 1;
            }
            clean.truncate(end);
            clean.push_str(CUT);
            break;
        }
        clean.push(c);
    }
    clean
}
