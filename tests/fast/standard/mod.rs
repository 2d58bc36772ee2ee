//! The Standard in `policy::pss`, checked with the cases of `tests/pods`, upstream's test pods and upstream's policy
//! library; the combination of levels from several sources; and equal verdicts of all commands. Without a server.

mod agree;
mod cases;
mod cluster;
mod fixtures;
mod law;
mod oracle;
mod policies;
mod properties;
mod upstream;
mod workloads;

use policy::pss::{Level, Minor, NEWEST, Pod, evaluate};

/// Every version of the Standard.
fn versions() -> impl Iterator<Item = Minor> {
    (0..=NEWEST.0).map(Minor)
}

/// The controls that a pod violates.
fn broken<'p>(level: Level, version: Minor, pod: &'p Pod<'p>) -> Vec<&'static str> {
    evaluate(level, version, pod).iter().map(|(control, _)| control.id).collect()
}
