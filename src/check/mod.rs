//! Judges manifests offline: which objects of a text the webhook would deny, and where they stand. It asks no
//! cluster anything and changes no file.

use std::{io, sync::Arc, thread};

use crate::{
    findings::{Policy, Summary, Workload},
    manifest::{self, Manifest, Places, Reading, Source, Unreadable},
    report::{Item, Report},
};

/// Judges all sources in their order, and reports each object as soon as it is judged.
///
/// # Errors
/// Where the report could not be written.
pub fn run(sources: &[Source], policy: &Policy, report: Report<'_>) -> io::Result<Summary> {
    // On a stack of its own: how deep a manifest may be must not depend on who calls, or on `ulimit -s`.
    let judged = thread::scope(|scope| {
        let all = || judge_all(sources, policy, report);
        let thread = thread::Builder::new().stack_size(manifest::STACK);
        Ok::<_, io::Error>(thread.spawn_scoped(scope, all)?.join())
    })?;
    judged.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn judge_all(sources: &[Source], policy: &Policy, mut report: Report<'_>) -> io::Result<Summary> {
    for source in sources {
        let name: Arc<str> = source.to_string().into();
        match source.read() {
            Ok(text) => judge(&name, &text, policy, &mut report)?,
            Err(why) => report.tell(Item::Unreadable(&name, &Unreadable::whole(why)))?,
        }
    }
    report.finish()
}

/// Judges all objects of a text, one after the other.
fn judge(
    source: &Arc<str>,
    text: &[u8],
    policy: &Policy,
    report: &mut Report<'_>,
) -> io::Result<()> {
    let mut places = Places::new(Arc::clone(source), text);
    manifest::read(text, |reading| match reading {
        Reading::Object(manifest) => {
            let workload = workload(&manifest, &mut places, policy);
            report.tell(Item::Workload(&workload, places.text()))
        }
        Reading::Ignored => report.tell(Item::Ignored),
        Reading::Unreadable(unreadable) => report.tell(Item::Unreadable(source, &unreadable)),
    })
}

fn workload(manifest: &Manifest<'_>, places: &mut Places<'_>, policy: &Policy) -> Workload {
    let (identity, pod) = (manifest.identity.clone(), manifest.pod.as_deref());
    let mut workload = Workload::judge(identity, pod, manifest.root, policy);
    places.mark(&mut workload, manifest);
    workload
}
