//! Judges manifests offline: which objects of a text the webhook would deny, and where they are. Neither contacts a
//! cluster nor changes a file.

mod parallel;

use std::{convert::Infallible, io, sync::Arc, thread};

use manifest::{Manifest, Places, Reading, Unreadable};
use policy::findings::{Policy, Summary, Workload};

use crate::{
    report::{Item, Replacements, Report, Skipped},
    source::Source,
};

use parallel::{Judged, Said};

/// The advice for a patch whose kustomization is unknown.
pub const ADVICE: &str = "judge what is rendered, with check -k DIRECTORY";

/// Judges all sources, and reports them in order.
///
/// # Errors
/// A failed write of the report.
pub fn run(sources: &[Source], policy: &Policy, mut report: Report<'_>) -> io::Result<Summary> {
    let judge = Judge { policy, replacements: report.replacements() };
    // A separate stack, so that the accepted depth of a manifest depends neither on the caller nor on `ulimit -s`.
    let told = thread::scope(|scope| {
        let all = || {
            let found = |name: &Arc<str>, text: &[u8]| judge.found(name, text);
            parallel::run(sources, found, |judged| judge.tell(judged, &mut report))?;
            report.finish()
        };
        let thread = thread::Builder::new().stack_size(manifest::STACK);
        Ok::<_, io::Error>(thread.spawn_scoped(scope, all)?.join())
    })?;
    told.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// The policy for judging texts, and the findings to compute.
struct Judge<'p> {
    policy: &'p Policy,
    replacements: Replacements,
}

impl Judge<'_> {
    /// The results to report for a text.
    fn found(&self, name: &Arc<str>, text: &[u8]) -> Vec<Said> {
        let mut said = Vec::new();
        let Ok(()) = self.read::<Infallible>(name, text, |one| {
            said.push(one);
            Ok(())
        });
        said
    }

    fn tell(&self, judged: Judged<'_>, report: &mut Report<'_>) -> io::Result<()> {
        match judged {
            Judged::Found { name, text, said } => {
                let text = str::from_utf8(&text).ok();
                said.iter().try_for_each(|one| tell(&name, text, one, report))
            }
            Judged::Later(source) => {
                let name: Arc<str> = source.to_string().into();
                if let Source::Skipped(_, why) = source {
                    let (source, why) = (&*name, &*why.to_string());
                    return report.tell(Item::Skipped(Skipped { source, line: None, why }));
                }
                let bytes = match source.read() {
                    Ok(bytes) => bytes,
                    Err(why) => {
                        return report.tell(Item::Unreadable(&name, &Unreadable::whole(why)));
                    }
                };
                let text = str::from_utf8(&bytes).ok();
                self.read(&name, &bytes, |one| tell(&name, text, &one, report))
            }
        }
    }

    /// Judges all objects of a text in order.
    ///
    /// # Errors
    /// Those of `say`.
    fn read<E>(
        &self,
        source: &Arc<str>,
        text: &[u8],
        mut say: impl FnMut(Said) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut places = Places::new(Arc::clone(source), text);
        manifest::read(text, |reading| {
            say(match reading {
                Reading::Object(manifest) => {
                    Said::Workload(Box::new(self.workload(&manifest, &mut places)))
                }
                Reading::Ignored => Said::Ignored,
                Reading::Patch(patch) => Said::Skipped(patch.line, format!("{patch}; {ADVICE}")),
                Reading::Unreadable(unreadable) => Said::Unreadable(unreadable),
            })
        })
    }

    fn workload(&self, manifest: &Manifest<'_>, places: &mut Places<'_>) -> Workload {
        let (identity, pod) = (manifest.identity.clone(), manifest.pod.as_deref());
        let mut workload = Workload::judge(identity, pod, manifest.root, self.policy);
        places.mark(&mut workload, manifest);
        if self.replacements == Replacements::Shown {
            places.add_replacements(&mut workload, manifest);
        }
        workload
    }
}

fn tell(source: &str, text: Option<&str>, said: &Said, report: &mut Report<'_>) -> io::Result<()> {
    report.tell(match said {
        Said::Workload(workload) => Item::Workload(workload, text),
        Said::Ignored => Item::Ignored,
        Said::Skipped(line, why) => Item::Skipped(Skipped { source, line: Some(*line), why }),
        Said::Unreadable(unreadable) => Item::Unreadable(source, unreadable),
    })
}
