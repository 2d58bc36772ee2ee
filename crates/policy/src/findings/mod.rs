//! Findings about workloads: violations, their locations and fixes, and the levels that a workload meets.
//!
//! Pure: no I/O, no clock. `check` judges manifests and `audit` clusters; `report` writes the findings.

mod change;
pub mod lint;
mod namespace;
mod place;
mod policy;
mod summary;
mod trace;
mod workload;

pub use change::{Change, Past, Standing, Way};
pub use lint::Lint;
pub use namespace::{Audited, Extent, Ground, Namespace, Presence, Read, Unread};
pub use place::{Location, Position, Region, Replacement};
pub use policy::{Basis, Labels, Modes, Owners, Policy, Severity};
pub use summary::{Ranks, Summary};
pub use workload::{Found, Identity, LevelsMet, ReportedViolation, Workload};
