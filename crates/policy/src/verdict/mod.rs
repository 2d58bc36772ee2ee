//! The verdict on a pod: the one judge, the texts of what to set, and the exceptions that cover it.
//!
//! Pure: no I/O, no clock, no log.

mod context;
mod evaluate;
mod exception_summary;
mod fixes;
mod judge;

pub use context::{Context, ExceptionsAt, Exemption};
#[cfg(test)]
pub(crate) use evaluate::Evaluation;
pub use exception_summary::{ExceptionSummary, NOTICE, Note};
pub use fixes::{Fixes, fix, fixes, reasons};
pub use judge::{Form, MODES, PodCase, Verdict, judge};
