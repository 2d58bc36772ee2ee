//! Output formats for findings, one file per format. A format that can stream writes each object as soon as it is
//! judged; every format ends with a summary.

mod concise;
mod destination;
mod folded;
mod frame;
mod github;
mod html;
mod human;
mod json;
mod judged_by;
mod junit;
mod namespace;
mod sarif;
pub(crate) mod suites;
mod table;
mod words;

use std::io::{self, Write};

pub use destination::{InvalidOutput, Output};

use manifest::{Line, Unreadable};
use policy::findings::{ComplianceChange, Lint, Namespace, Policy, Summary, Workload};

use crate::{
    input::{Origin, SkipCounts, SkipReason},
    sanitize::one_line,
};

/// How it is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people: the lines that are wrong and what to write instead, a table of the workloads, one line in the end
    Human,
    /// One line a violation: where, which object, what to set
    Concise,
    /// One JSON document: every object under `results`, and a `summary`
    Json,
    /// One line of JSON an object, in the order of the input
    Jsonl,
    /// The JSON document as YAML
    Yaml,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// JUnit's XML, for CI servers: a case a workload
    Junit,
    /// Annotations on the lines of a pull request, in a GitHub workflow
    Github,
    /// One page that needs nothing else, to be shown around
    Html,
}

/// The subject of the report.
#[derive(Clone, Copy, Debug)]
pub enum About<'p> {
    /// Manifests, all judged by one policy.
    Manifests(&'p Policy),
    /// A cluster, each namespace judged by its own policy.
    Cluster,
}

/// One item of a report.
#[derive(Clone, Copy, Debug)]
pub enum Item<'a> {
    /// An object that contains a pod, with the text that contains the object, if any.
    Workload(&'a Workload, Option<&'a str>),
    /// A namespace of a cluster. Follows all workloads in it.
    Namespace(&'a Namespace),
    /// A difference from an earlier report.
    Change(&'a ComplianceChange),
    /// A setting without effect in a manifest. Follows its object.
    Lint(&'a Lint),
    /// An object that contains no pod.
    Ignored,
    /// A part of a source that could not be read.
    Unreadable(&'a str, &'a Unreadable),
    /// An input that is not judged, although nothing is wrong with it.
    Skipped(Skipped<'a>),
}

/// A file or a document that is not judged.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct Skipped<'a> {
    /// The file name.
    pub source: &'a str,
    /// The first line of the document. None if the whole source is skipped.
    pub line: Option<Line>,
    /// The reason as it is counted.
    #[serde(rename = "category")]
    pub reason: SkipReason,
    /// The reason, and what to do instead.
    #[serde(rename = "reason")]
    pub why: &'a str,
    /// Files that are found in directories are only counted in the report for people.
    #[serde(skip)]
    pub origin: Origin,
    /// For an object with containers in a place that is not known: its kind.
    #[serde(skip)]
    pub unjudged: Option<&'a str>,
}

impl Skipped<'_> {
    /// Whether the report for people counts it instead of listing it.
    fn is_counted(&self) -> bool {
        self.origin != Origin::Named && self.reason.is_common()
    }
}

/// Whether a report shows replacement text and its exact location.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replacements {
    /// At least one output shows it.
    Shown,
    /// No output shows it, so it need not be computed.
    NotShown,
}

/// A report in all requested formats.
pub struct Report<'p> {
    forms: Vec<Box<dyn FormatWriter + 'p>>,
    replacements: Replacements,
    summary: Summary,
    skipped: SkipCounts,
    /// Whether skipped inputs are counted on standard error, because a format does not list them.
    counts_skipped: bool,
}

/// How much the format for people shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Details {
    /// Everything.
    All,
    /// Everything of few workloads or namespaces; of many, equal findings once, and the worst.
    Folded,
}

/// A format with its destination.
trait FormatWriter: Send {
    fn add(&mut self, item: Item<'_>) -> io::Result<()>;

    fn finish(self: Box<Self>, summary: &Summary) -> io::Result<()>;
}

/// What to do about charts and kustomizations that are skipped.
const NOT_RENDERED: &str =
    " not rendered: use --render, with helm, and kubectl or kustomize, in PATH";

/// The destination of a format.
type Out = Box<dyn Write + Send>;

impl<'p> Report<'p> {
    /// Opens the destinations. Writes nothing yet.
    ///
    /// # Errors
    /// A file that cannot be created, with its name.
    pub fn open(outputs: &'p [Output], about: About<'p>, details: Details) -> io::Result<Self> {
        let forms = outputs.iter().map(|output| form(output, about, details));
        let forms = forms.collect::<io::Result<_>>()?;
        let shows = |output: &Output| output.format == Format::Sarif;
        let replacements = match outputs.iter().any(shows) {
            true => Replacements::Shown,
            false => Replacements::NotShown,
        };
        let counts_skipped = outputs.iter().any(|output| match output.format {
            Format::Human => details == Details::Folded,
            format => format == Format::Github,
        });
        let (summary, skipped) = (Summary::default(), SkipCounts::default());
        Ok(Self { forms, replacements, summary, skipped, counts_skipped })
    }

    /// Whether any output shows replacement text.
    pub fn replacements(&self) -> Replacements {
        self.replacements
    }

    /// Writes one item.
    ///
    /// # Errors
    /// A failed write.
    pub fn add(&mut self, item: Item<'_>) -> io::Result<()> {
        match item {
            Item::Workload(workload, _) => self.summary.add(workload),
            Item::Ignored => self.summary.ignored += 1,
            Item::Unreadable(..) => self.summary.unreadable += 1,
            Item::Skipped(skipped) => {
                self.summary.skipped += 1;
                if let Some(kind) = skipped.unjudged {
                    *self.summary.unjudged.entry(kind.to_owned()).or_default() += 1;
                }
                if skipped.is_counted() {
                    self.skipped.add(skipped.reason);
                }
            }
            Item::Lint(lint) => self.summary.add_lint(lint),
            Item::Namespace(namespace) => {
                namespace.lints.iter().for_each(|lint| self.summary.add_lint(lint));
            }
            Item::Change(_) => {}
        }
        self.forms.iter_mut().try_for_each(|form| form.add(item))
    }

    /// Writes the summary and ends the report. Files appear only now, complete.
    ///
    /// # Errors
    /// A failed write.
    pub fn finish(self) -> io::Result<Summary> {
        self.forms.into_iter().try_for_each(|form| form.finish(&self.summary))?;
        let unjudged = &self.summary.unjudged;
        if self.counts_skipped && !unjudged.is_empty() {
            let counts: Vec<_> = unjudged.iter().map(|(kind, n)| format!("{n} {kind}")).collect();
            let counts = one_line(&counts.join(", "));
            let _ = writeln!(
                io::stderr(),
                "portcullis: not judged: {counts} (--fail-on-unjudged exits with 1)"
            );
        }
        if let Some(line) = self.skipped.line(NOT_RENDERED).filter(|_| self.counts_skipped) {
            // A closed standard error must not end the command.
            let _ = writeln!(io::stderr(), "portcullis: {line} (--details lists them)");
        }
        Ok(self.summary)
    }
}

fn form<'p>(
    output: &Output,
    about: About<'p>,
    details: Details,
) -> io::Result<Box<dyn FormatWriter + 'p>> {
    let out = output.open()?;
    Ok(match output.format {
        Format::Human => Box::new(human::Human::new(out, about, details)),
        Format::Concise => Box::new(concise::Concise(out)),
        Format::Json => Box::new(json::Document::new(out, about, json::Syntax::Json)),
        Format::Jsonl => Box::new(json::Jsonl(out)),
        Format::Yaml => Box::new(json::Document::new(out, about, json::Syntax::Yaml)),
        Format::Sarif => Box::new(sarif::Sarif::new(out)),
        Format::Junit => Box::new(junit::Junit::new(out)),
        Format::Github => Box::new(github::Github(out)),
        Format::Html => Box::new(html::Html::new(out, about)),
    })
}
