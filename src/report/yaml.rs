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
    /// Separate lists, written after the results.
    skipped: String,
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
        let (skipped, namespaces, changes) = (String::new(), String::new(), String::new());
        Self { out, about, is_empty: true, skipped, namespaces, changes }
    }

    pub(super) fn tell(&mut self, item: Item<'_>) -> io::Result<()> {
        let Some(row) = Row::of(item) else { return Ok(()) };
        match row {
            Row::Skipped(_) => return append(&mut self.skipped, &row),
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
        let lists = match self.about {
            About::Manifests(_) => vec![("skipped", &self.skipped)],
            About::Cluster => vec![("namespaces", &self.namespaces), ("changes", &self.changes)],
        };
        for (name, list) in lists {
            match list.as_str() {
                "" => writeln!(self.out, "{name}: []")?,
                list => write!(self.out, "{name}:\n{list}")?,
            }
        }
        let summary = Total::of(summary, self.about);
        self.write(&End { summary })?;
        self.out.finish()
    }
}
