//! Hardening: the defaults that a pod lacks, as values and as a JSON Patch.
//!
//! Pure: no I/O, no clock, no log. A field that the author set is never changed.

mod apply;
mod decision;
mod empty_dirs;
mod field;
mod patch;
mod plan;
mod resources;
mod settings;
mod token;

pub use apply::apply;
pub use decision::{Decision, invalid_label};
pub use empty_dirs::{EmptyDir, MountPath};
pub use field::{Field, MissingDefault, Values};
pub use patch::{Owner, PatchText, in_pod, patch};
pub use plan::{Scope, plan};
pub use resources::{Amount, InvalidAmount, List, Resource, Resources};
pub use settings::{MODE_LABEL, Mode, Settings};
