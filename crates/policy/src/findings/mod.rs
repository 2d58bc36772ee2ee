//! Findings about workloads: violations, their locations and fixes, and the levels that a workload meets.
//!
//! Pure: no I/O, no clock. `check` judges manifests and `audit` clusters; `output` writes the findings.

mod change;
mod levels_met;
pub mod lint;
mod namespace;
mod place;
mod policy;
mod summary;
mod trace;
mod workload;

pub use change::{Compliance, ComplianceChange, Direction, EarlierReport};
pub use levels_met::LevelsMet;
pub use lint::{Lint, LintRule};
pub use namespace::{
    AuditScope, Audited, Namespace, NamespaceFacts, NamespaceObjects, Presence, Unread,
};
pub use place::{LinesOf, Location, Position, Region, Replacement};
pub use policy::{JudgedPolicy, Modes, NamespaceLabels, Owners, Policy, Severity};
pub use summary::{LevelCounts, Summary};
pub use workload::{FieldToFix, Identity, PodDefaults, ReportedViolation, Workload};
