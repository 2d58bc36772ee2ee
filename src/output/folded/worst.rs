//! The workloads with the worst violations.

use std::cmp::Reverse;

use unicode_width::UnicodeWidthStr as _;

use policy::{
    findings::{Severity, Workload},
    pss::Level,
};

use crate::output::{
    table,
    words::{location_of, visible},
};

use super::{fit, more};

/// Rows of the table.
const MAX_ROWS: usize = 15;

/// The worst workloads so far, and the number of all.
#[derive(Default)]
pub(super) struct Worst {
    rows: Vec<Row>,
    count: u64,
}

struct Row {
    rank: Rank,
    object: String,
    meets: Level,
    errors: usize,
    violations: usize,
    place: String,
}

/// The lowest is the worst: the level that it meets, errors, violations, and the order of the input.
type Rank = (Level, Reverse<usize>, Reverse<usize>, u64);

impl Worst {
    pub(super) fn add(&mut self, workload: &Workload) {
        let (meets, violations) = (workload.levels_met.now, workload.violations.len());
        let is_error = |severity| severity == Severity::Error;
        let errors = workload.violations.iter().filter(|it| is_error(it.severity)).count();
        let rank = (meets, Reverse(errors), Reverse(violations), self.count);
        self.count += 1;
        let at = self.rows.partition_point(|row| row.rank < rank);
        if at == MAX_ROWS {
            return;
        }
        let object = visible(&workload.identity.to_string()).into_owned();
        let place = location_of(workload).unwrap_or_default();
        self.rows.insert(at, Row { rank, object, meets, errors, violations, place });
        self.rows.truncate(MAX_ROWS);
    }

    /// A row for each of the worst workloads.
    pub(super) fn table(&self, width: usize) -> String {
        /// The columns of the levels and numbers, and the gaps.
        const OTHERS: usize = 29;
        let left = width.saturating_sub(OTHERS).max(20);
        let widest = |text: fn(&Row) -> &str| {
            self.rows.iter().map(|row| text(row).width()).max().unwrap_or_default()
        };
        let (objects, places) = (widest(|row| &row.object), widest(|row| &row.place));
        let places = places.min(left.saturating_sub(objects).max(left / 2));
        let objects = objects.min(left - places);
        let header = ["WORKLOAD", "MEETS", "VIOLATIONS", if places > 0 { "FILE" } else { "" }];
        let rows = self.rows.iter().map(|row| {
            let violations = match row.violations - row.errors {
                0 => row.violations.to_string(),
                warnings => format!("{} + {warnings}", row.errors),
            };
            let place = fit::end(&row.place, places);
            [fit::start(&row.object, objects), row.meets.to_string(), violations, place]
        });
        let table = table::plain(header, rows);
        match self.count - self.rows.len() as u64 {
            0 => table,
            left => format!("{table}\n{}", more(left)),
        }
    }
}
