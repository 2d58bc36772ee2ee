//! Judges manifests offline: which objects of a text the webhook would deny, and where they are. Neither contacts a
//! cluster nor changes a file.

mod editable;
mod lints;
mod parallel;

use std::{convert::Infallible, io, sync::Arc};

use manifest::{Manifest, Places, Reading, Unreadable};
use policy::findings::{Lint, Policy, Summary, Workload};

use crate::{
    harden::Hardener,
    input::{self, Origin, Part, SkipReason, Source},
    namespaces::{Input, Policies},
    output::{Item, Replacements, Report, Skipped},
};

use editable::Editable;
use parallel::{Judged, Reported};

/// The advice for a patch whose kustomization is unknown.
pub const ADVICE: &str = "judge what is rendered, with check -k DIRECTORY";

/// Judges all sources, and reports them in order.
///
/// # Errors
/// A failed write of the report.
pub fn run(
    inputs: &[Input<'_>],
    policies: &Policies,
    mut report: Report<'_>,
) -> io::Result<Summary> {
    let (replacements, hardener) = (report.replacements(), policies.hardener());
    let judge = Judge { policies, hardener, replacements };
    input::on_deep_stack(|| {
        let found =
            |input: &Input<'_>, name: &Arc<str>, text: &[u8]| judge.found(input.source, name, text);
        parallel::run(inputs, found, |judged| judge.report(judged, &mut report))?;
        report.finish()
    })
}

/// The policies for judging texts, and the findings to compute.
struct Judge<'p> {
    policies: &'p Policies,
    hardener: Hardener,
    replacements: Replacements,
}

impl Judge<'_> {
    fn found(&self, source: &Source, name: &Arc<str>, text: &[u8]) -> Vec<Reported> {
        let mut reported = Vec::new();
        let Ok(()) = self.read::<Infallible>(source, name, text, |one| {
            reported.push(one);
            Ok(())
        });
        Editable::new(&self.hardener, source, name, text).mark_all(&mut reported);
        reported
    }

    fn report(&self, judged: Judged<'_>, report: &mut Report<'_>) -> io::Result<()> {
        match judged {
            Judged::Found { input, name, text, reported } => {
                let mut report = ReportOf {
                    origin: input.source.origin(),
                    name: &name,
                    text: str::from_utf8(&text).ok(),
                    report,
                };
                reported.iter().try_for_each(|one| report.add(one))
            }
            Judged::Later(input) => {
                let source = input.source;
                let name: Arc<str> = source.to_string().into();
                if let Source::Skipped(_, why, origin) = source {
                    let (source, reason, why) = (&*name, why.reason(), &*why.to_string());
                    let origin = *origin;
                    return report.add(Item::Skipped(Skipped {
                        source,
                        line: None,
                        reason,
                        why,
                        origin,
                        unjudged: None,
                    }));
                }
                let bytes = match input.read() {
                    Ok(bytes) => bytes,
                    Err(why) => {
                        return report.add(Item::Unreadable(&name, &Unreadable::whole(why)));
                    }
                };
                let mut report = ReportOf {
                    origin: source.origin(),
                    name: &name,
                    text: str::from_utf8(&bytes).ok(),
                    report,
                };
                let editable = Editable::new(&self.hardener, source, &name, &bytes);
                self.read(source, &name, &bytes, |mut one| {
                    if let Reported::Workload(workload) = &mut one {
                        editable.mark(workload);
                    }
                    report.add(&one)
                })
            }
        }
    }

    /// Judges all objects of a text in order.
    ///
    /// # Errors
    /// Those of `report`.
    fn read<E>(
        &self,
        source: &Source,
        name: &Arc<str>,
        text: &[u8],
        mut report: impl FnMut(Reported) -> Result<(), E>,
    ) -> Result<(), E> {
        let policy = &*self.policies.of(name);
        let mut places = source.places(name, text);
        input::read(text, policy.config.kinds(), source.origin(), |part| {
            let reading = match part {
                Part::Reading(reading) => reading,
                Part::Skipped(line, why) => {
                    return report(Reported::Skipped(line, why.reason(), why.to_string()));
                }
            };
            let (lints, reported) = match reading {
                Reading::Object(manifest) => {
                    let lints = lints::of_manifest(&manifest, policy, &mut places);
                    let workload = self.workload(&manifest, policy, &lints, &mut places);
                    (lints, Reported::Workload(Box::new(workload)))
                }
                Reading::Other(manifest) => {
                    let lints = lints::of_manifest(&manifest, policy, &mut places);
                    (lints, other(&manifest))
                }
                Reading::Namespace(namespace) => {
                    let lints = lints::of_namespace(&namespace, policy, &mut places);
                    (lints, Reported::Ignored)
                }
                Reading::Patch(patch) => {
                    let why = format!("{patch}; {ADVICE}");
                    (Vec::new(), Reported::Skipped(Some(patch.line), SkipReason::Patch, why))
                }
                Reading::Unreadable(mut unreadable) => {
                    if let Some(part) = unreadable.line.and_then(|line| places.part(line)) {
                        unreadable.why = format!("{part}: {}", unreadable.why);
                    }
                    (Vec::new(), Reported::Unreadable(unreadable))
                }
            };
            report(reported)?;
            lints.into_iter().try_for_each(|lint| report(Reported::Lint(Box::new(lint))))
        })
    }

    fn workload(
        &self,
        manifest: &Manifest<'_>,
        policy: &Policy,
        lints: &[Lint],
        places: &mut Places<'_>,
    ) -> Workload {
        let identity = manifest.identity.clone();
        let mut workload = Workload::judge(identity, &manifest.pods, policy);
        places.mark(&mut workload, lints, manifest);
        if self.replacements == Replacements::Shown {
            places.add_replacements(&mut workload, manifest);
        }
        workload
    }
}

/// An object that describes no known pod. If it has containers, nothing judged them.
fn other(manifest: &Manifest<'_>) -> Reported {
    let Some(container) = manifest.unjudged_container() else { return Reported::Ignored };
    let identity = &manifest.identity;
    let kind = format!("{}.{}", identity.kind, identity.group());
    let why = format!(
        "{identity} is not judged: it has a container at {container}, and its kind is not known. Add it to workloads in \
         the configuration"
    );
    Reported::Unjudged(manifest.line, kind.trim_end_matches('.').to_owned(), why)
}

/// Where the objects of a source are reported.
struct ReportOf<'r, 'p> {
    name: &'r str,
    origin: Origin,
    text: Option<&'r str>,
    report: &'r mut Report<'p>,
}

impl ReportOf<'_, '_> {
    fn add(&mut self, reported: &Reported) -> io::Result<()> {
        let (source, origin) = (self.name, self.origin);
        self.report.add(match reported {
            Reported::Workload(workload) => Item::Workload(workload, self.text),
            Reported::Lint(lint) => Item::Lint(lint),
            Reported::Ignored => Item::Ignored,
            Reported::Skipped(line, reason, why) => {
                let (line, reason) = (*line, *reason);
                let unjudged = None;
                Item::Skipped(Skipped { source, line, reason, why, origin, unjudged })
            }
            Reported::Unjudged(line, kind, why) => {
                let (line, reason, unjudged) = (Some(*line), SkipReason::Unjudged, Some(&**kind));
                Item::Skipped(Skipped { source, line, reason, why, origin, unjudged })
            }
            Reported::Unreadable(unreadable) => Item::Unreadable(source, unreadable),
        })
    }
}
