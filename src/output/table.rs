//! The table of workloads with violations, in the report for people.

use std::fmt;

use comfy_table::{ContentArrangement, presets::NOTHING};

use policy::{
    findings::Workload,
    pss::{Control, Level},
};

use super::words::visible;

/// Further rows only repeat the lines above; the summary counts them.
const MAX_ROWS: usize = 200;

#[derive(Default)]
pub(super) struct Table {
    rows: Vec<[String; 6]>,
    more: usize,
}

impl Table {
    /// Adds a workload, if it violates anything.
    pub(super) fn add(&mut self, workload: &Workload) {
        if workload.violations.is_empty() {
            return;
        }
        if self.rows.len() == MAX_ROWS {
            self.more += 1;
            return;
        }
        let identity = &workload.identity;
        let namespace = if identity.namespace.is_empty() { "-" } else { &identity.namespace };
        let (levels_met, violations) = (&workload.levels_met, &workload.violations);
        let hardened = violations.iter().filter(|broken| broken.is_hardened()).count();
        // Controls that baseline has too are counted there.
        let of_restricted = levels_met.restricted.iter().filter(|control| !is_of_baseline(control));
        self.rows.push([
            visible(cut(namespace)).into_owned(),
            visible(&format!("{}/{}", identity.kind, cut(&identity.name))).into_owned(),
            levels_met.now.to_string(),
            cell(levels_met.baseline.len()),
            cell(of_restricted.count()),
            format!("{hardened}/{}", violations.len()),
        ]);
    }
}

/// Shortens a name for its cell: the longest one sets the width of all rows.
fn cut(name: &str) -> &str {
    const MOST: usize = 253;
    name.get(..name.floor_char_boundary(MOST)).unwrap_or_default()
}

fn is_of_baseline(control: &&&'static Control) -> bool {
    control.level == Level::Baseline
}

/// The number of controls of a level that a workload violates.
fn cell(violated: usize) -> String {
    if violated == 0 { "ok".to_owned() } else { format!("{violated} violated") }
}

/// A table without lines around its cells.
pub(super) fn plain<R: Into<comfy_table::Row>, const N: usize>(
    header: [&str; N],
    rows: impl IntoIterator<Item = R>,
) -> String {
    let mut table = comfy_table::Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header);
    table.add_rows(rows);
    let table = table.to_string();
    let lines: Vec<_> = table.lines().map(str::trim_end).collect();
    lines.join("\n")
}

/// Writes nothing if there are no violations.
impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.rows.is_empty() {
            return Ok(());
        }
        let header = ["NAMESPACE", "WORKLOAD", "MEETS", "BASELINE", "RESTRICTED", "HARDENABLE"];
        f.write_str(&plain(header, &self.rows))?;
        if self.more > 0 {
            write!(f, "\n and {} more", self.more)?;
        }
        Ok(())
    }
}
