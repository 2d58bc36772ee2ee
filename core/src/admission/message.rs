//! What people read: denials and warnings, bounded and without control characters.

use std::{collections::BTreeMap, fmt::Write as _};

use crate::{
    harden::{Change, Field},
    policy::Violation,
    pss::{LevelVersion, Place, Pod},
};

/// The most bytes of a denial: it ends up in Events.
pub(super) const MAX_DENIAL: usize = 1024;
/// The most characters of one warning: the API server cuts longer ones at 256 without a word.
pub(super) const MAX_WARNING: usize = 250;
/// The most characters of a response's warnings together: the API server drops what is above 4,096.
pub(super) const MAX_WARNINGS: usize = 4000;

/// The reasons of violations, as one phrase: `privileged container, host ports`.
pub fn reasons(violations: &[Violation]) -> String {
    let reasons: Vec<_> =
        violations.iter().map(|violation| violation.requirement.reason()).collect();
    reasons.join(", ")
}

/// What is broken, as a name: `PodSecurity "restricted:latest"`, `rules`, or both.
pub(super) fn broken(pair: LevelVersion, violations: &[Violation]) -> String {
    let of_rules = violations.iter().filter(|violation| violation.requirement.is_rule());
    match of_rules.count() {
        0 => format!("PodSecurity \"{pair}\""),
        rules if rules == violations.len() => "rules".to_owned(),
        _ => format!("PodSecurity \"{pair}\" and rules"),
    }
}

/// What to set, one line each, grouped by the part of the pod: `container "web": set …`.
pub fn fixes<'v>(
    violations: impl IntoIterator<Item = &'v Violation>,
    pod: &Pod<'_>,
) -> Vec<String> {
    by_place(violations)
        .into_iter()
        .flat_map(|(place, fixes)| {
            let place = place.describe(pod);
            fixes.into_iter().map(move |fix| format!("{place}: {fix}"))
        })
        .collect()
}

/// The same with one line a part.
pub(super) fn fixes_by_place(violations: &[Violation], pod: &Pod<'_>) -> Vec<String> {
    by_place(violations)
        .into_iter()
        .map(|(place, fixes)| [&place.describe(pod), ": ", &fixes.join("; ")].concat())
        .collect()
}

fn by_place<'v>(
    violations: impl IntoIterator<Item = &'v Violation>,
) -> BTreeMap<Place, Vec<&'v str>> {
    let mut places: BTreeMap<_, Vec<&str>> = BTreeMap::new();
    for finding in violations.into_iter().flat_map(|violation| &violation.findings) {
        let place = match finding.place {
            Place::Metadata => Place::Pod,
            place => place,
        };
        let fixes = places.entry(place).or_default();
        if !fixes.contains(&&*finding.fix) {
            fixes.push(&finding.fix);
        }
    }
    places
}

/// A denial: the first line says it all, then what to set, then where the policy comes from. Whole lines only.
pub(super) fn denial(first: &str, lines: &[String], last: &[String]) -> String {
    let mut text = clean(first, MAX_DENIAL / 2);
    let last: Vec<_> = last.iter().map(|line| clean(line, MAX_DENIAL / 4)).collect();
    let last = last.join("\n");
    // "\n  and 16384 more" and the last lines always fit.
    let room = MAX_DENIAL - last.len() - 24;
    for (index, line) in lines.iter().enumerate() {
        let line = clean(line, MAX_DENIAL / 2);
        if text.len() + line.len() + 3 > room {
            let _ = write!(text, "\n  and {} more", lines.len() - index);
            break;
        }
        let _ = write!(text, "\n  {line}");
    }
    text.push('\n');
    text.push_str(&last);
    text
}

/// Warnings that the API server will pass on unharmed.
pub(super) fn warnings(lines: impl IntoIterator<Item = String>) -> Vec<String> {
    let lines: Vec<_> = lines.into_iter().map(|line| clean(&line, MAX_WARNING)).collect();
    let mut room = MAX_WARNINGS - 24;
    let fitting = lines
        .iter()
        .take_while(|line| {
            let length = line.chars().count();
            let fits = length <= room;
            room = room.saturating_sub(length);
            fits
        })
        .count();
    let left = lines.len() - fitting;
    let more = (left > 0).then(|| format!("and {left} more"));
    lines.into_iter().take(fitting).chain(more).collect()
}

/// What hardening sets, by place: `pod: runAsNonRoot=true; container "web": …`.
pub(super) fn changes(changes: &[Change], pod: &Pod<'_>) -> String {
    let mut places: BTreeMap<Place, Vec<_>> = BTreeMap::new();
    for change in changes {
        places.entry(change.place).or_default().push(change.assignment());
    }
    let lines: Vec<_> = places
        .into_iter()
        .map(|(place, set)| format!("{}: {}", place.describe(pod), set.join(", ")))
        .collect();
    lines.join("; ")
}

/// What must be known of an image before `runAsNonRoot` is set for it.
pub(super) fn root_caveat(changes: &[Change]) -> Option<&'static str> {
    changes.iter().any(|change| change.field == Field::RunAsNonRoot).then_some(
        "runAsNonRoot: an image that runs as root, or names its user instead of numbering it, will not start",
    )
}

/// What stands where text was cut: ASCII, since warnings travel in an HTTP header.
const CUT: &str = "...";

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
