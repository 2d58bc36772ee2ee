//! Hardening: which securityContext defaults a pod lacks, as values and as a JSON Patch.
//!
//! Pure: no I/O, no clock, no log. A field that the author set is never changed.

mod decision;
mod patch;
mod plan;
mod settings;
mod token;

pub use decision::{Decision, invalid_label};
pub use patch::{apply, patch};
pub use plan::{Change, Field, Scope, plan};
pub use settings::{InvalidMode, MODE_LABEL, Mode, Settings};
