//! Hardening: which securityContext defaults a pod lacks, as values and as a JSON Patch.
//!
//! Pure: no I/O, no clock, no log.

mod settings;

pub use settings::{InvalidMode, MODE_LABEL, Mode, Settings};
