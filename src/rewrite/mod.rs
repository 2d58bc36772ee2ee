//! The `harden` command's work: what `/mutate` would add, in manifests.
//!
//! A text is changed as a whole or not at all. What comes out is read again, and must be what the webhook's patch
//! would have made of each object, with everything else as it was; otherwise nothing is changed. It never asks a
//! cluster anything.

mod diff;
mod file;
mod output;
mod text;
mod touched;
mod verify;

pub use output::{Colours, Form, Summary, run};
pub use text::{Hardened, Hardener, Refused};
