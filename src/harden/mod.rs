//! The `harden` command: adds to manifests what `/mutate` would add.
//!
//! A text is changed as a whole or not at all. The result is parsed again, and must equal what the webhook's patch
//! makes of each object, with everything else unchanged; otherwise nothing is changed. Never contacts a cluster.

mod diff;
mod file;
mod output;
mod text;
mod touched;
mod verify;

pub(crate) use output::{Colours, HardenOutput, HardenTotals, run};
pub use text::{Hardened, Hardener, Refused};
