//! The chart of levels: how many workloads meet each level, now and once hardened.

use std::fmt::Write as _;

use policy::{
    findings::{LevelCounts, Summary},
    pss::Level,
};

/// Width of the bars, in the chart's own units.
const WIDTH: u64 = 480;
const ROW: u64 = 58;

/// The chart as inline SVG. Its text repeats everything that the bars show.
pub(super) fn levels(summary: &Summary) -> String {
    let total = summary.objects - summary.exempt;
    let mut rows = String::new();
    let levels = [Level::Restricted, Level::Baseline, Level::Privileged];
    for (top, level) in (0..).map(|index| index * ROW).zip(levels) {
        row(&mut rows, top, level, (of(summary.now, level), of(summary.hardened, level)), total);
    }
    format!(
        "<section><h2>Levels</h2><svg class=\"levels\" viewBox=\"0 0 720 {}\" role=\"img\" \
         aria-label=\"Workloads by the highest level that they meet\">{rows}</svg></section>\n",
        3 * ROW
    )
}

fn of(ranks: LevelCounts, level: Level) -> u64 {
    match level {
        Level::Privileged => ranks.privileged,
        Level::Baseline => ranks.baseline,
        Level::Restricted => ranks.restricted,
    }
}

fn row(rows: &mut String, top: u64, level: Level, (now, hardened): (u64, u64), total: u64) {
    let width = |number: u64| (number * WIDTH).checked_div(total).unwrap_or(0).max(2);
    // Writing to a String cannot fail.
    let _ = write!(
        rows,
        "<text class=\"level\" x=\"0\" y=\"{label}\">{level}</text>\
         <rect class=\"{level}\" x=\"110\" y=\"{first}\" width=\"{wide}\" height=\"18\" rx=\"3\"/>\
         <text x=\"{after}\" y=\"{first_text}\">{now} now</text>\
         <rect class=\"{level} then\" x=\"110\" y=\"{second}\" width=\"{wide_then}\" height=\"18\" rx=\"3\"/>\
         <text x=\"{after_then}\" y=\"{second_text}\">{hardened} once hardened</text>",
        label = top + 29,
        first = top + 6,
        first_text = top + 20,
        second = top + 27,
        second_text = top + 41,
        wide = width(now),
        after = 118 + width(now),
        wide_then = width(hardened),
        after_then = 118 + width(hardened),
    );
}
