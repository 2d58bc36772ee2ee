//! Texts for people: denials and warnings, bounded and without control characters.

use std::fmt::Write as _;

use policy::{
    harden::{Field, MissingDefault},
    pss::{Levels, Pod},
    requirement::Violation,
    shown::clean,
    verdict::Fixes,
};

/// Maximum size of a denial in bytes: it ends up in Events.
pub(super) const MAX_DENIAL: usize = 1024;

/// The name of the violated policy: `PodSecurity "restricted:latest"`, `rules`, or both.
pub(super) fn broken(levels: Levels, violations: &[Violation]) -> String {
    let of_rules = violations.iter().filter(|violation| violation.requirement.is_rule());
    match of_rules.count() {
        0 => format!("PodSecurity \"{levels}\""),
        rules if rules == violations.len() => "rules".to_owned(),
        _ => format!("PodSecurity \"{levels}\" and rules"),
    }
}

/// A denial: a complete first line, then what to set, then the source of the policy. Never truncates within a line.
pub(super) fn denial(first: &str, fixes: &Fixes<'_>, pod: &Pod<'_>, last: &[String]) -> String {
    let mut text = clean(first, MAX_DENIAL / 2);
    let last: Vec<_> = last.iter().map(|line| clean(line, MAX_DENIAL * 3 / 8)).collect();
    let last = last.join("\n");
    // "
    //   and 16384 more" and the last lines always fit.
    let room = MAX_DENIAL - last.len() - 24;
    let mut left = fixes.count();
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

/// The changes of hardening by place: `pod: runAsNonRoot=true; container "web": …`. About this many bytes.
pub(super) fn changes(changes: &[MissingDefault], pod: &Pod<'_>, room: usize) -> String {
    let mut by_place: Vec<_> = changes.iter().collect();
    by_place.sort_by_key(|change| change.place);
    let mut text = String::new();
    for at_place in by_place.chunk_by(|one, other| one.place == other.place) {
        // Anything further would be truncated.
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

/// What users must know about an image before setting `runAsNonRoot`.
pub(super) fn root_caveat(changes: &[MissingDefault]) -> Option<&'static str> {
    changes.iter().any(|change| change.field == Field::RunAsNonRoot).then_some(
        "runAsNonRoot: an image that runs as root, or names its user instead of numbering it, will not start",
    )
}
