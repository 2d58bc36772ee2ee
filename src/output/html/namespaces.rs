//! The namespaces of a cluster on the page: the enforced level, the possible level, what blocks it, and the command.

use std::fmt::{self, Write as _};

use policy::findings::{ComplianceChange, Namespace, Presence};

use crate::output::{namespace, words::count};

use super::{Escaped, badges};

#[derive(Default)]
pub(super) struct NamespaceTable {
    rows: String,
    changes: String,
}

impl NamespaceTable {
    pub(super) fn add(&mut self, namespace: &Namespace) -> fmt::Result {
        let facts = &namespace.facts;
        let rows = &mut self.rows;
        write!(rows, "<tr><td><b>{}</b>", Escaped(&facts.name))?;
        let size = namespace.workloads.len() as u64;
        write!(rows, "<br>{}, {}</td>", count(size, "workload"), count(namespace.pods(), "pod"))?;
        if facts.exempt.is_some() {
            write!(
                rows,
                "<td colspan=\"3\"><span class=\"badge exempt\">exempt by the configuration</span></td>"
            )?;
            return writeln!(rows, "</tr>");
        }
        write!(rows, "<td>")?;
        for (index, (pair, source)) in facts.policy.enforced_each().into_iter().enumerate() {
            let (and, source) = (if index == 0 { "" } else { "<br>" }, source.to_string());
            write!(rows, "{and}{pair}<br><small>{}</small>", Escaped(&source))?;
        }
        let absent = match facts.presence {
            Presence::Installed => "",
            Presence::Absent => "<br><small>would be: Portcullis is not in this cluster</small>",
            Presence::Unknown => "<br><small>if Portcullis is in this cluster</small>",
        };
        write!(rows, "{absent}</td><td>")?;
        match namespace.meets() {
            Some((now, hardened)) => badges(rows, now, hardened)?,
            None => write!(rows, "<span class=\"badge exempt\">unknown</span>")?,
        }
        write!(rows, "</td><td>")?;
        self.next(namespace)?;
        self.wrong(namespace)?;
        writeln!(self.rows, "</td></tr>")
    }

    pub(super) fn add_change(&mut self, change: &ComplianceChange) -> fmt::Result {
        writeln!(self.changes, "<li>{}</li>", Escaped(&namespace::change(change)))
    }

    /// What blocks the next level, and the command that sets one.
    fn next(&mut self, namespace: &Namespace) -> fmt::Result {
        let rows = &mut self.rows;
        if let Some(next) = namespace.next() {
            let blocks = namespace.blocks.iter();
            let blocks: Vec<_> =
                blocks.map(|(control, number)| format!("{} ({number})", control.id)).collect();
            write!(rows, "{next} is blocked by {}", blocks.join(", "))?;
        }
        for (when, command) in
            [("today", &namespace.command), ("once hardened", &namespace.command_hardened)]
        {
            if let Some(command) = command {
                write!(rows, "<p>{when}: <code>{}</code></p>", Escaped(command))?;
            }
        }
        Ok(())
    }

    fn wrong(&mut self, namespace: &Namespace) -> fmt::Result {
        let pods = namespace.breaking.iter().map(|pod| pod.name.clone()).collect();
        self.list(namespace::VIOLATING, pods)?;
        let lints = namespace.lints.iter().map(ToString::to_string);
        self.list("lints", lints.collect())?;
        self.list(
            "not read, so there may be more",
            namespace.unread.iter().map(ToString::to_string).collect(),
        )
    }

    fn list(&mut self, what: &str, items: Vec<String>) -> fmt::Result {
        if items.is_empty() {
            return Ok(());
        }
        write!(self.rows, "<details><summary>{what}: {}</summary><ul>", items.len())?;
        for item in items {
            write!(self.rows, "<li><code>{}</code></li>", Escaped(&item))?;
        }
        write!(self.rows, "</ul></details>")
    }
}

/// Writes nothing if there are no namespaces.
impl fmt::Display for NamespaceTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.changes.is_empty() {
            writeln!(
                f,
                "<section><h2>Since the earlier report</h2><ul>{}</ul></section>",
                self.changes
            )?;
        }
        if self.rows.is_empty() {
            return Ok(());
        }
        writeln!(
            f,
            "<section><h2>Namespaces</h2><table class=\"namespaces\"><thead><tr><th>namespace</th><th>enforces</th>\
             <th>meets</th><th>next</th></tr></thead><tbody>\n{}</tbody></table></section>",
            self.rows
        )
    }
}
