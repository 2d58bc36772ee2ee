//! What was found of workloads: what each breaks, where, what mends it, and which levels it meets.
//!
//! Pure: no I/O, no clock. `check` finds it in manifests, `audit` in a cluster; `report` says it.

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
