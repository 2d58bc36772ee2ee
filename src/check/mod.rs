//! Judges manifests offline: which objects of a text the webhook would deny, and where they stand. It asks no
//! cluster anything and changes no file.

mod parallel;

use std::{convert::Infallible, io, sync::Arc, thread};

use crate::{
    findings::{Policy, Summary, Workload},
    manifest::{self, Manifest, Places, Reading, Unreadable},
    report::{Item, Report},
    source::Source,
};

use parallel::{Judged, Said};

/// Judges all sources, and reports them in their order.
///
/// # Errors
/// Where the report could not be written.
pub fn run(sources: &[Source], policy: &Policy, mut report: Report<'_>) -> io::Result<Summary> {
    // On a stack of its own: how deep a manifest may be must not depend on who calls, or on `ulimit -s`.
    let told = thread::scope(|scope| {
        let all = || {
            let judge = |name: &Arc<str>, text: &[u8]| found(name, text, policy);
            parallel::run(sources, judge, |judged| tell(judged, policy, &mut report))?;
            report.finish()
        };
        let thread = thread::Builder::new().stack_size(manifest::STACK);
        Ok::<_, io::Error>(thread.spawn_scoped(scope, all)?.join())
    })?;
    told.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// All that is to be told of a text.
fn found(name: &Arc<str>, text: &[u8], policy: &Policy) -> Vec<Said> {
    let mut said = Vec::new();
    let Ok(()) = judge::<Infallible>(name, text, policy, |one| {
        said.push(one);
        Ok(())
    });
    said
}

fn tell(judged: Judged<'_>, policy: &Policy, report: &mut Report<'_>) -> io::Result<()> {
    match judged {
        Judged::Found { name, text, said } => {
            let text = str::from_utf8(&text).ok();
            said.iter().try_for_each(|one| tell_one(&name, text, one, report))
        }
        Judged::Later(source) => {
            let name: Arc<str> = source.to_string().into();
            let bytes = match source.read() {
                Ok(bytes) => bytes,
                Err(why) => {
                    return report.tell(Item::Unreadable(&name, &Unreadable::whole(why)));
                }
            };
            let text = str::from_utf8(&bytes).ok();
            judge(&name, &bytes, policy, |one| tell_one(&name, text, &one, report))
        }
    }
}

fn tell_one(
    source: &str,
    text: Option<&str>,
    said: &Said,
    report: &mut Report<'_>,
) -> io::Result<()> {
    report.tell(match said {
        Said::Workload(workload) => Item::Workload(workload, text),
        Said::Ignored => Item::Ignored,
        Said::Unreadable(unreadable) => Item::Unreadable(source, unreadable),
    })
}

/// Judges all objects of a text, one after the other.
///
/// # Errors
/// Those of `say`.
fn judge<E>(
    source: &Arc<str>,
    text: &[u8],
    policy: &Policy,
    mut say: impl FnMut(Said) -> Result<(), E>,
) -> Result<(), E> {
    let mut places = Places::new(Arc::clone(source), text);
    manifest::read(text, |reading| {
        say(match reading {
            Reading::Object(manifest) => {
                Said::Workload(Box::new(workload(&manifest, &mut places, policy)))
            }
            Reading::Ignored => Said::Ignored,
            Reading::Unreadable(unreadable) => Said::Unreadable(unreadable),
        })
    })
}

fn workload(manifest: &Manifest<'_>, places: &mut Places<'_>, policy: &Policy) -> Workload {
    let (identity, pod) = (manifest.identity.clone(), manifest.pod.as_deref());
    let mut workload = Workload::judge(identity, pod, manifest.root, policy);
    places.mark(&mut workload, manifest);
    workload
}
