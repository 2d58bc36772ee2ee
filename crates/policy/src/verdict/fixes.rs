//! What to set, by part of the pod: sorted once, and written only as far as the text has room.

use std::collections::HashSet;

use crate::{
    pss::{Place, Pod},
    requirement::Violation,
    shown::clean,
};

/// The fixes of violations, without duplicates per place.
#[derive(Debug)]
pub struct Fixes<'v> {
    /// Sorted by place, then in the order of the violations.
    all: Vec<(Place, &'v str)>,
    /// The number of further findings.
    more: usize,
}

impl<'v> Fixes<'v> {
    /// Collects the fixes of all findings.
    pub fn new(violations: impl IntoIterator<Item = &'v Violation>) -> Self {
        let (mut all, mut more) = (Vec::new(), 0);
        for violation in violations {
            more += violation.findings.more();
            all.extend(violation.findings.iter().map(|finding| {
                let place = match finding.place {
                    Place::Metadata => Place::Pod,
                    place => place,
                };
                (place, &*finding.fix)
            }));
        }
        all.sort_by_key(|(place, _)| *place);
        // Two requirements may have the same fix.
        let (mut last, mut seen) = (None, HashSet::new());
        all.retain(|(place, fix)| {
            if last.replace(*place) != Some(*place) {
                seen.clear();
            }
            seen.insert(*fix)
        });
        Self { all, more }
    }

    /// The number of fixes, those without a text included.
    pub fn count(&self) -> usize {
        self.all.len() + self.more
    }

    /// One line per fix, `container "web": set …`, with the number of remaining ones.
    pub fn lines(&self, pod: &Pod<'_>) -> impl Iterator<Item = (String, usize)> {
        let (mut left, mut known) = (self.count(), (None, String::new()));
        self.all.iter().map(move |(place, fix)| {
            if known.0 != Some(*place) {
                known = (Some(*place), place.describe(pod));
            }
            left -= 1;
            (format!("{}: {fix}", known.1), left)
        })
    }

    /// One line per place of about this many bytes at most, with the number of remaining fixes.
    pub fn lines_by_place(
        &self,
        pod: &Pod<'_>,
        room: usize,
    ) -> impl Iterator<Item = (String, usize)> {
        let mut left = self.count();
        self.all.chunk_by(|one, other| one.0 == other.0).map(move |fixes| {
            left -= fixes.len();
            let place = fixes.first().map_or(Place::Pod, |(place, _)| *place);
            let mut line = place.describe(pod);
            for (index, (_, fix)) in fixes.iter().enumerate() {
                // Anything further would be truncated.
                if line.len() > room {
                    break;
                }
                line.push_str(if index == 0 { ": " } else { "; " });
                line.push_str(fix);
            }
            (line, left)
        })
    }

    /// At most this many lines of at most this many bytes. Each line covers as many places as fit, and the last one
    /// says how many fixes are left out.
    pub fn packed(&self, pod: &Pod<'_>, room: usize, most: usize) -> Vec<String> {
        const MORE: usize = "; and 16384 more".len();
        let room = room.saturating_sub(MORE);
        let (mut lines, mut left) = (Vec::<String>::new(), self.count());
        for (place, behind) in self.lines_by_place(pod, room) {
            let has_room = |last: &&mut String| last.len() + 2 + place.len() <= room;
            if let Some(last) = lines.last_mut().filter(has_room) {
                last.push_str("; ");
                last.push_str(&place);
            } else if lines.len() < most {
                lines.push(clean(&place, room));
            } else {
                break;
            }
            left = behind;
        }
        match lines.last_mut() {
            Some(last) if left > 0 => last.push_str(&format!("; and {left} more")),
            _ => {}
        }
        lines
    }

    /// As many lines as fit, and how many are left out.
    pub fn joined(
        lines: impl Iterator<Item = (String, usize)>,
        separator: &str,
        room: usize,
        all: usize,
    ) -> String {
        let (mut text, mut left) = (String::new(), all);
        for (line, behind) in lines {
            if !text.is_empty() && text.len() + separator.len() + line.len() > room {
                break;
            }
            if !text.is_empty() {
                text.push_str(separator);
            }
            text.push_str(&line);
            left = behind;
        }
        if left > 0 {
            text.push_str(separator);
            text.push_str(&format!("and {left} more"));
        }
        text
    }
}

/// The reasons of violations, as one phrase: `privileged container, host ports`.
pub fn reasons(violations: &[Violation]) -> String {
    let reasons: Vec<_> =
        violations.iter().map(|violation| violation.requirement.reason()).collect();
    reasons.join(", ")
}

/// What to set, one line each, grouped by part of the pod: `container "web": set …`. At most this many lines; the last
/// one then says how many are left out.
pub fn fixes<'v>(
    violations: impl IntoIterator<Item = &'v Violation>,
    pod: &Pod<'_>,
    most: usize,
) -> Vec<String> {
    let fixes = Fixes::new(violations);
    let (mut lines, mut left) = (Vec::new(), fixes.count());
    for (line, behind) in fixes.lines(pod).take(most) {
        lines.push(line);
        left = behind;
    }
    if left > 0 {
        lines.push(format!("and {left} more"));
    }
    lines
}

/// The same in one line of about this many bytes.
pub fn fix<'v>(
    violations: impl IntoIterator<Item = &'v Violation>,
    pod: &Pod<'_>,
    room: usize,
) -> String {
    let fixes = Fixes::new(violations);
    Fixes::joined(fixes.lines(pod), "; ", room, fixes.count())
}
