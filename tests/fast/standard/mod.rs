//! The Standard as `portcullis::pss` judges by it, held against the cases of `tests/pods`, upstream's own test
//! pods, and upstream's policy library; and how levels of several sources come
//! together. Judges values only; serves nothing.

#[allow(dead_code, reason = "only one of the programs is run here")]
mod cases;
mod fixtures;
mod law;
mod oracle;
mod properties;
mod upstream;

use portcullis::pss::{Level, Minor, NEWEST, Pod, evaluate};

/// Every version of the Standard.
fn versions() -> impl Iterator<Item = Minor> {
    (0..=NEWEST.0).map(Minor)
}

/// The controls that a pod breaks.
fn broken<'p>(level: Level, version: Minor, pod: &'p Pod<'p>) -> Vec<&'static str> {
    let violations = evaluate(level, version, pod);
    violations.iter().map(|violation| violation.control.id).collect()
}
