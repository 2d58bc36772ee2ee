//! Runs test files: reads each with its configuration and manifests, judges and compares. Changes no file.

use std::{
    borrow::Cow,
    convert::Infallible,
    ffi::OsStr,
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use manifest::{Line, Manifest, Namespace, Reading, Unreadable};
use policy::{
    config::Config,
    exceptions::{Exceptions, Expiry},
    findings::{Policy, Workload},
    harden::{self, Decision},
    verdict::Form,
};

use crate::{
    config::{self, ConfigError, Problem},
    exceptions,
    input::{self, Exclusions, Origin, Part, Rendering, Skip, Source},
    namespaces::{Definitions, Policies},
};

use super::{Case, Found, Manifests, Outcome, Suite, parse};

/// The name of test files in a directory.
pub const FILE: &str = "portcullis-test.yaml";

/// The result of a test file.
#[derive(Debug)]
pub struct Tested {
    /// The file name.
    pub file: String,
    /// The results of its cases, or why it could not be run.
    pub result: Result<Ran, Vec<Problem>>,
}

/// The results of a test file's cases.
#[derive(Debug)]
pub struct Ran {
    /// Its name.
    pub name: String,
    /// The cases in the file's order.
    pub cases: Vec<Tried>,
}

/// A case with its result.
#[derive(Debug)]
pub struct Tried {
    /// The case.
    pub case: Case,
    /// Its result, or why it could not be run.
    pub result: Result<Outcome, Vec<Problem>>,
}

/// The test files for a path: the file itself, or all files named [`FILE`] in a directory. Includes directories that
/// could not be listed or have no test file, so that they are reported in order.
pub fn sources(path: &Path, exclusions: &Exclusions) -> Vec<Source> {
    if !path.is_dir() {
        return vec![Source::File(path.to_owned(), Origin::Named)];
    }
    let is_test = |source: &Source| match source {
        Source::File(file, _) | Source::Skipped(file, Skip::NotRegular, _) => {
            file.file_name() == Some(OsStr::new(FILE))
        }
        Source::Skipped(..) => false,
        Source::Stdin | Source::Rendered(_) | Source::Unlisted(..) => true,
    };
    let found: Vec<_> = Source::of(path, exclusions).into_iter().filter(is_test).collect();
    if found.is_empty() {
        return vec![Source::Unlisted(path.to_owned(), format!("no {FILE} is there, or below"))];
    }
    found
}

/// Runs the tests of a file. Deep manifests need [`manifest::STACK`] bytes of stack.
pub fn run(source: &Source) -> Tested {
    let result = match source {
        Source::File(path, _) => tested(path).map_err(|error| error.problems),
        Source::Skipped(path, why, _) => {
            Err(vec![problem(&path.to_string_lossy(), None, &why.to_string())])
        }
        Source::Unlisted(path, why) => Err(vec![problem(&path.to_string_lossy(), None, why)]),
        Source::Stdin | Source::Rendered(_) => {
            Err(vec![problem(&source.to_string(), None, "must be a file")])
        }
    };
    Tested { file: source.to_string(), result }
}

fn tested(path: &Path) -> Result<Ran, ConfigError> {
    let Suite { name, config, version, cluster, exceptions, time, cases } =
        parse(&config::text_of(path)?, path)?;
    let config = match config {
        Some(config) => config::load(&beside(path, &config))?,
        None => Config::embedded(),
    };
    let exceptions = excepted(path, &exceptions, config.exceptions.expiry)?;
    let now = time.unwrap_or_else(SystemTime::now);
    let tried = |case| {
        let mut policy = Policy::new(config.clone(), None, version, cluster, now);
        policy.exceptions = Arc::clone(&exceptions);
        Tried { result: tried(&case, policy, path), case }
    };
    Ok(Ran { name, cases: cases.into_iter().map(tried).collect() })
}

fn excepted(file: &Path, paths: &[String], expiry: Expiry) -> Result<Arc<Exceptions>, ConfigError> {
    let sources =
        paths.iter().flat_map(|path| Source::of(&beside(file, path), &Exclusions::default()));
    let all = exceptions::read_all(sources, expiry).map_err(|(source, wrong)| {
        let name = source.to_string();
        let of = |wrong: &exceptions::Unreadable| problem(&name, wrong.line.map(start), &wrong.why);
        ConfigError { problems: wrong.iter().map(of).collect() }
    })?;
    Ok(Arc::new(all.into_iter().collect()))
}

/// Resolves a path relative to a file.
fn beside(file: &Path, path: &str) -> PathBuf {
    file.parent().unwrap_or(Path::new("")).join(path)
}

fn tried(case: &Case, mut policy: Policy, file: &Path) -> Result<Outcome, Vec<Problem>> {
    policy.is_traced = true;
    policy.labels.others.clone_from(&case.labels);
    policy.namespace.clone_from(&case.namespace);
    let (texts, mut problems) = texts(case, file);
    let mut namespaces = Definitions::default();
    for text in &texts {
        namespaces.add(&text.source, &text.bytes, &policy.config);
    }
    let policies = Policies::new(policy, namespaces);
    let mut found = Vec::new();
    for text in &texts {
        let mut bench = Bench { policy: policies.of(&text.source).into_owned(), found, problems };
        bench.judge(text);
        Bench { found, problems, .. } = bench;
    }
    if problems.is_empty() { Ok(Outcome::of(case, found)) } else { Err(problems) }
}

/// A text with manifests of a case.
struct Text<'c> {
    /// The name of the file, or of the test file for an inline manifest.
    source: String,
    bytes: Cow<'c, [u8]>,
    origin: Origin,
    /// The case of an inline manifest.
    case: Option<&'c Case>,
}

/// Reads the manifests of a case.
fn texts<'c>(case: &'c Case, file: &Path) -> (Vec<Text<'c>>, Vec<Problem>) {
    let (mut texts, mut problems) = (Vec::new(), Vec::new());
    let paths = match &case.manifests {
        Manifests::Inline(text) => {
            let source = file.to_string_lossy().into_owned();
            let (bytes, origin) = (text.as_bytes().into(), Origin::Named);
            texts.push(Text { source, bytes, origin, case: Some(case) });
            return (texts, problems);
        }
        Manifests::Files(files) => files.iter().map(|path| beside(file, path)),
    };
    let none = Exclusions::default();
    for source in
        paths.flat_map(|path| input::arrange(Source::of(&path, &none), &Rendering::default()))
    {
        let (name, origin) = (source.to_string(), source.origin());
        match source {
            Source::Skipped(_, Skip::Patch(_), _) => {
                let why = "is a patch of a kustomization: test what kustomize renders instead";
                problems.push(problem(&name, None, why));
                continue;
            }
            Source::Skipped(..) => continue,
            _ => {}
        }
        match source.read() {
            Ok(bytes) => {
                texts.push(Text { source: name, bytes: bytes.into(), origin, case: None });
            }
            Err(why) => problems.push(problem(&name, None, &why)),
        }
    }
    (texts, problems)
}

impl Text<'_> {
    fn problem(&self, wrong: &Unreadable) -> Problem {
        let Some(case) = self.case else {
            return problem(&self.source, wrong.line.map(start), &wrong.why);
        };
        let why = format!("manifest of {:?}{}: {}", case.name, line_of(wrong), wrong.why);
        problem(&self.source, Some((case.line, 1)), &why)
    }
}

fn line_of(wrong: &Unreadable) -> String {
    wrong.line.map_or_else(String::new, |line| format!(", its line {line}"))
}

/// The context in which the manifests of one text are judged.
struct Bench {
    policy: Policy,
    found: Vec<Found>,
    problems: Vec<Problem>,
}

impl Bench {
    fn judge(&mut self, text: &Text<'_>) {
        let config = Arc::clone(&self.policy.config);
        let Ok(()) = input::read::<Infallible>(&text.bytes, config.kinds(), text.origin, |part| {
            let reading = match part {
                Part::Reading(reading) => reading,
                Part::Skipped(..) => return Ok(()),
            };
            match reading {
                Reading::Object(manifest) => match self.found(&manifest) {
                    Ok(found) => self.found.push(found),
                    Err(why) => {
                        let at = Unreadable::at(manifest.line, why);
                        self.problems.push(text.problem(&at));
                    }
                },
                Reading::Namespace(namespace) => {
                    let wrong = self.invalid_labels(&namespace);
                    self.problems.extend(wrong.iter().map(|wrong| text.problem(wrong)));
                }
                Reading::Other(_) => {}
                Reading::Patch(patch) => {
                    let why = format!("{patch}; test what kustomize renders instead");
                    let at = Unreadable::at(patch.line, why);
                    self.problems.push(text.problem(&at));
                }
                Reading::Unreadable(unreadable) => self.problems.push(text.problem(&unreadable)),
            }
            Ok(())
        });
    }

    /// The labels for which the webhook would refuse a Namespace.
    fn invalid_labels(&self, namespace: &Namespace<'_>) -> Vec<Unreadable> {
        let (identity, labels) = (&namespace.manifest.identity, &namespace.metadata.labels);
        let policy = self.policy.context().policy(&identity.name, labels);
        let invalid = policy.invalid_labels(labels).into_iter().map(|invalid| {
            Unreadable::at(namespace.manifest.line, format!("{identity}: {invalid}"))
        });
        invalid.collect()
    }

    /// Judges as the webhook would: after hardening, if the namespace hardens.
    fn found(&mut self, manifest: &Manifest<'_>) -> Result<Found, String> {
        let mut identity = manifest.identity.clone();
        let given = &self.policy.namespace;
        if identity.namespace.is_empty() {
            identity.namespace.clone_from(given);
        } else if !given.is_empty() && *given != identity.namespace {
            return Err(format!("{identity} is not of the case's namespace {given:?}"));
        }
        let decision = self.policy.judged_policy(&identity.namespace).policy.hardening;
        self.policy.form = match decision {
            Decision::Apply => Form::Hardened,
            Decision::Report | Decision::Nothing => Form::Written,
        };
        let mut workload = Workload::judge(identity, &manifest.pods, &self.policy);
        let changes = match decision {
            Decision::Apply => workload.changes.as_slice(),
            Decision::Report | Decision::Nothing => &[],
        };
        let hardened = changes.iter().map(|change| change.field.name()).collect();
        if workload.exempt.is_none() {
            let line = hardening(decision, changes);
            let before_verdict = workload.trace.len().saturating_sub(1);
            workload.trace.insert(before_verdict, line);
        }
        Ok(Found { workload, hardened })
    }
}

/// A line of the trace, in the format of the other lines.
fn hardening(decision: Decision, changes: &[harden::MissingDefault]) -> String {
    let mut fields: Vec<_> = changes.iter().map(|change| change.field).collect();
    fields.sort_unstable();
    fields.dedup();
    let names: Vec<_> = fields.into_iter().map(harden::Field::name).collect();
    let what = match (decision, names.is_empty()) {
        (Decision::Apply, false) => format!("adds {}", names.join(", ")),
        (Decision::Apply, true) => "nothing to add".to_owned(),
        (Decision::Report, _) => "only says what it would add".to_owned(),
        (Decision::Nothing, _) => "none".to_owned(),
    };
    format!("{:<10} {what}", "hardening")
}

fn start(line: Line) -> (u64, u64) {
    (line.number(), 1)
}

fn problem(file: &str, at: Option<(u64, u64)>, text: &str) -> Problem {
    Problem { file: file.to_owned(), at, text: text.to_owned() }
}
