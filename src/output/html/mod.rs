//! A self-contained page: no network, no server. Works on a screen, dark or light, and on paper. It can be filtered by
//! namespace, level, control and text; without scripts it shows everything.

mod chart;
mod namespaces;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::{self, Write as _},
    io::{self, Write as _},
};

use manifest::{Line, Unreadable};
use policy::{
    findings::{FieldToFix, Lint, ReportedViolation, Summary, Workload},
    pss::Level,
    requirement::Requirement,
};

use super::{
    About, FormatWriter, Item, Skipped,
    destination::To,
    judged_by::JudgedBy,
    words::{count, counted, location_of, place as place_of},
};

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("filter.js");

pub(super) struct Html {
    out: To,
    /// None for a cluster.
    judged_by: Option<JudgedBy>,
    /// The part below the totals, which are known only at the end.
    rows: String,
    unreadable: String,
    skipped: String,
    lints: String,
    cluster: namespaces::NamespaceTable,
    namespaces: BTreeSet<String>,
    /// Number of workloads that violate each control.
    controls: BTreeMap<&'static str, u64>,
}

impl Html {
    pub(super) fn new(out: To, about: About<'_>) -> Self {
        Self {
            out,
            judged_by: JudgedBy::of(about),
            rows: String::new(),
            unreadable: String::new(),
            skipped: String::new(),
            lints: String::new(),
            cluster: namespaces::NamespaceTable::default(),
            namespaces: BTreeSet::new(),
            controls: BTreeMap::new(),
        }
    }
}

impl FormatWriter for Html {
    fn add(&mut self, item: Item<'_>) -> io::Result<()> {
        let added = match item {
            Item::Workload(workload, _) => {
                self.judged_by.iter_mut().for_each(|judged_by| judged_by.add(workload));
                self.workload(workload)
            }
            Item::Namespace(namespace) => self.cluster.add(namespace),
            Item::Change(change) => self.cluster.add_change(change),
            Item::Lint(lint) => self.lint(lint),
            Item::Ignored => Ok(()),
            Item::Unreadable(source, Unreadable { line, why, .. }) => {
                not_judged(&mut self.unreadable, source, *line, why)
            }
            Item::Skipped(Skipped { source, line, why, .. }) => {
                not_judged(&mut self.skipped, source, line, why)
            }
        };
        added.map_err(io::Error::other)
    }

    fn finish(mut self: Box<Self>, summary: &Summary) -> io::Result<()> {
        let title = match self.judged_by.take().map(|judged_by| judged_by.levels()) {
            Some(Some(levels)) => format!("Manifests judged by {levels}"),
            Some(None) => "Manifests judged by their namespaces' policies".to_owned(),
            None => "A cluster, each namespace judged by its own policy".to_owned(),
        };
        write!(
            self.out,
            "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
             style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\
             <title>{0}</title><style>{STYLE}</style></head><body><header><h1>{0}</h1><p>{1}</p></header>\n",
            Escaped(&title),
            numbers(summary)
        )?;
        write!(self.out, "{}", chart::levels(summary))?;
        write!(self.out, "{}", self.cluster)?;
        write!(self.out, "{}", self.blocks())?;
        let lists = [
            ("lints", "Lints", &self.lints),
            ("unreadable", "Could not be read", &self.unreadable),
            ("skipped", "Skipped", &self.skipped),
        ];
        for (class, title, items) in lists.into_iter().filter(|(.., items)| !items.is_empty()) {
            write!(
                self.out,
                "<section class=\"{class}\"><h2>{title}</h2><ul>{items}</ul></section>"
            )?;
        }
        write!(self.out, "{}", self.filters())?;
        self.out.write_all(self.rows.as_bytes())?;
        writeln!(
            self.out,
            "</section><footer>portcullis {}</footer><script>{SCRIPT}</script></body></html>",
            env!("CARGO_PKG_VERSION")
        )?;
        self.out.finish()
    }
}

impl Html {
    fn workload(&mut self, workload: &Workload) -> fmt::Result {
        let identity = &workload.identity;
        self.namespaces.insert(identity.namespace.clone());
        let broken: Vec<_> =
            workload.violations.iter().map(|broken| broken.requirement.id()).collect();
        for id in &broken {
            *self.controls.entry(id).or_default() += 1;
        }
        let (now, hardened) = (workload.levels_met.now, workload.levels_met.hardened);
        let rows = &mut self.rows;
        write!(
            rows,
            "<details class=\"workload\" data-namespace=\"{}\" data-level=\"{now}\" data-controls=\"{}\"><summary>\
             <span class=\"name\">{}/<b>{}</b></span><span class=\"namespace\">{}</span>",
            Escaped(&identity.namespace),
            broken.join(" "),
            Escaped(&identity.kind),
            Escaped(&identity.name),
            Escaped(&identity.namespace),
        )?;
        match workload.exempt {
            Some(exemption) => {
                write!(rows, "<span class=\"badge exempt\">exempt: {}</span>", exemption.as_str())?;
            }
            None => badges(rows, now, hardened)?,
        }
        let number = broken.len() as u64;
        let broken =
            if number == 0 { "no violations".to_owned() } else { count(number, "violation") };
        writeln!(rows, "<span class=\"number\">{broken}</span></summary>")?;
        if let Some(place) = location_of(workload) {
            writeln!(rows, "<p class=\"place\"><code>{}</code></p>", Escaped(&place))?;
        }
        violations(rows, &workload.violations)?;
        writeln!(rows, "</details>")
    }

    fn lint(&mut self, lint: &Lint) -> fmt::Result {
        let place = lint.location.as_ref();
        let at = place.map(|location| place_of(&location.label(), Some(location.region.start)));
        writeln!(
            self.lints,
            "<li><code>{}</code> {} <small>{}</small></li>",
            Escaped(&at.unwrap_or_default()),
            Escaped(&lint.to_string()),
            lint.rule.id()
        )
    }

    /// The most violated controls.
    fn blocks(&self) -> String {
        if self.controls.is_empty() {
            return String::new();
        }
        let mut controls: Vec<_> = self.controls.iter().collect();
        controls.sort_by_key(|(id, number)| (std::cmp::Reverse(**number), **id));
        let rows: String = controls
            .into_iter()
            .filter_map(|(id, number)| {
                let requirement = Requirement::find(id)?;
                Some(format!(
                    "<tr><td><button type=\"button\" data-control=\"{id}\">{id}</button></td><td>{}</td><td>{}</td>\
                     <td class=\"number\">{number}</td></tr>",
                    requirement.origin(),
                    Escaped(requirement.reason())
                ))
            })
            .collect();
        format!(
            "<section><h2>Violated controls</h2><table><thead><tr><th>control</th><th>level</th><th>what is wrong</th>\
             <th class=\"number\">workloads</th></tr></thead><tbody>{rows}</tbody></table></section>\n"
        )
    }

    fn filters(&self) -> String {
        let option = |value: &str| {
            let label = if value.is_empty() { "(none)" } else { value };
            format!("<option value=\"{0}\">{1}</option>", Escaped(value), Escaped(label))
        };
        let namespaces: String =
            self.namespaces.iter().map(|namespace| option(namespace)).collect();
        let levels: String = Level::ALL.map(|level| option(level.as_str())).concat();
        let controls: String = self.controls.keys().map(|id| option(id)).collect();
        format!(
            "<section><h2>Workloads</h2><form id=\"filters\">\
             <label>namespace <select name=\"namespace\"><option value=\"*\">all</option>{namespaces}</select></label>\
             <label>meets <select name=\"level\"><option value=\"*\">any level</option>{levels}</select></label>\
             <label>violates <select name=\"control\"><option value=\"*\">any</option>{controls}</select></label>\
             <label>text <input name=\"text\" type=\"search\"></label>\
             <output id=\"shown\"></output></form>\n"
        )
    }
}

/// An input that is not judged, and why.
fn not_judged(list: &mut String, source: &str, line: Option<Line>, why: &str) -> fmt::Result {
    let line = line.map_or_else(String::new, |line| format!(":{line}"));
    writeln!(list, "<li><code>{}{line}</code> {}</li>", Escaped(source), Escaped(why))
}

/// `baseline → restricted`: the second badge appears only if hardening changes the level.
fn badges(rows: &mut String, now: Level, hardened: Level) -> fmt::Result {
    write!(rows, "<span class=\"badge {now}\">{now}</span>")?;
    if hardened > now {
        write!(rows, "<span class=\"badge then {hardened}\">{hardened} once hardened</span>")?;
    }
    Ok(())
}

fn violations(rows: &mut String, violations: &[ReportedViolation]) -> fmt::Result {
    if violations.is_empty() {
        return Ok(());
    }
    write!(
        rows,
        "<table><thead><tr><th>control</th><th>where</th><th>what to write</th></tr></thead><tbody>"
    )?;
    for broken in violations {
        for (index, found) in broken.found.iter().enumerate() {
            let id = if index == 0 { broken.requirement.id() } else { "" };
            violation(rows, id, broken, found)?;
        }
        if broken.more > 0 {
            writeln!(rows, "<tr><td></td><td>and {} more</td><td></td></tr>", broken.more)?;
        }
    }
    writeln!(rows, "</tbody></table>")
}

fn violation(
    rows: &mut String,
    id: &str,
    broken: &ReportedViolation,
    found: &FieldToFix,
) -> fmt::Result {
    let line = found.region.map_or_else(String::new, |at| format!(" line {}", at.start.line));
    let hardened = if broken.is_hardened() { " <i>fixed by hardening</i>" } else { "" };
    writeln!(
        rows,
        "<tr><td>{id}</td><td>{}{line}<br><code>{}</code></td><td>{}{hardened}</td></tr>",
        Escaped(&found.place),
        Escaped(&found.field),
        Escaped(&found.fix)
    )
}

fn numbers(summary: &Summary) -> String {
    let Summary { objects, exempt, violating, violations, hardenable, .. } = *summary;
    let Summary { unreadable, skipped, lints, .. } = *summary;
    let violations = count(violations, "violation");
    let mut parts = vec![
        count(objects, "workload"),
        format!("{violating} with violations"),
        format!("{violations}, {hardenable} of them fixed by hardening"),
    ];
    parts.extend((lints > 0).then(|| count(lints, "lint")));
    parts.extend(counted([
        (exempt, "exempt"),
        (skipped, "skipped"),
        (unreadable, "could not be read"),
    ]));
    parts.join(" · ")
}

struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                '\n' => f.write_str(" ")?,
                character if character.is_control() => f.write_str("\u{fffd}")?,
                character => f.write_char(character)?,
            }
        }
        Ok(())
    }
}
