//! The JSON report as YAML.

use std::io::{self, Write as _};

use serde::Serialize;

use crate::findings::Summary;

use super::{
    About, Item,
    json::{Row, SCHEMA, Total},
    output::To,
};

pub(super) struct Yaml<'p> {
    out: To,
    about: About<'p>,
    is_empty: bool,
    /// Lists of their own, which follow the results.
    namespaces: String,
    changes: String,
}

fn append(list: &mut String, row: &impl Serialize) -> io::Result<()> {
    list.push_str(&serde_saphyr::to_string(&[row]).map_err(io::Error::other)?);
    if !list.ends_with('\n') {
        list.push('\n');
    }
    Ok(())
}

#[derive(Serialize)]
struct End<'a> {
    summary: Total<'a>,
}

impl<'p> Yaml<'p> {
    pub(super) fn new(out: To, about: About<'p>) -> Self {
        Self { out, about, is_empty: true, namespaces: String::new(), changes: String::new() }
    }

    pub(super) fn tell(&mut self, item: Item<'_>) -> io::Result<()> {
        let Some(row) = Row::of(item) else { return Ok(()) };
        match row {
            Row::Namespace(_) => return append(&mut self.namespaces, &row),
            Row::Change(_) => return append(&mut self.changes, &row),
            Row::Workload(_) | Row::Unreadable { .. } => {}
        }
        if self.is_empty {
            writeln!(self.out, "schema: {SCHEMA}\nresults:")?;
            self.is_empty = false;
        }
        self.write(&[row])
    }

    fn write(&mut self, value: &impl Serialize) -> io::Result<()> {
        let text = serde_saphyr::to_string(value).map_err(io::Error::other)?;
        self.out.write_all(text.as_bytes())?;
        if text.ends_with('\n') { Ok(()) } else { self.out.write_all(b"\n") }
    }

    pub(super) fn finish(mut self, summary: &Summary) -> io::Result<()> {
        if self.is_empty {
            writeln!(self.out, "schema: {SCHEMA}\nresults: []")?;
        }
        if matches!(self.about, About::Cluster) {
            for (name, list) in [("namespaces", &self.namespaces), ("changes", &self.changes)] {
                let list = if list.is_empty() { "[]\n" } else { list };
                let break_ = if list.starts_with('[') { " " } else { "\n" };
                write!(self.out, "{name}:{break_}{list}")?;
            }
        }
        let summary = Total::of(summary, self.about);
        self.write(&End { summary })?;
        self.out.finish()
    }
}
