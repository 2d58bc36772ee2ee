//! The Standard as `policy::pss` judges by it, held against the cases of `tests/pods`, upstream's own test
//! pods, and upstream's policy library; how levels of several sources come
//! together; and that every command gives one verdict. Judges values only; serves nothing.

mod agree;
mod cases;
mod cluster;
mod fixtures;
mod law;
mod oracle;
mod policies;
mod properties;
mod upstream;

use policy::pss::{Level, Minor, NEWEST, Pod, evaluate};

/// Every version of the Standard.
fn versions() -> impl Iterator<Item = Minor> {
    (0..=NEWEST.0).map(Minor)
}

/// The controls that a pod breaks.
fn broken<'p>(level: Level, version: Minor, pod: &'p Pod<'p>) -> Vec<&'static str> {
    evaluate(level, version, pod).iter().map(|(control, _)| control.id).collect()
}
