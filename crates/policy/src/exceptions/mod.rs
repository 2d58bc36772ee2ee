//! What exceptions and profiles allow: which workloads they cover, and which values and requirements they lift.
//!
//! Pure: no I/O, no clock, no log.

mod allowed;
mod exception;
mod idle;
mod index;
mod known_names;
mod relaxation;
mod relaxed;
mod subject;

pub use allowed::{Allowed, Contradiction, MAX_VALUES, Refusal};
pub use exception::{
    Covering, Exception, ExceptionSettings, Exceptions, Expiry, Match, Namespaces, OwnerKind,
};
pub use known_names::{CAPABILITIES, SYSCTL_ROOTS, VOLUME_TYPES};
pub use relaxation::{HostNamespace, Relaxation};
pub use relaxed::{Grant, Relaxed};
pub use subject::Subject;
