//! Self-managed certificates: an authority in one Secret, trust in it in the webhook configurations, and a short-lived
//! certificate per replica, in memory.
//!
//! - Every replica follows the Secret and the configurations, and signs its own certificate (`plan::is_due`).
//! - Only the leader writes: the Secret with its resource version, so that of two concurrent leaders one fails; of a
//!   webhook configuration only `caBundle` (`plan::step`).
//! - `plan` makes all decisions, without clock or I/O; `reconciler` carries them out.
//!
//! Never creates or deletes an object, and never writes to a Secret without the label `manager::LABEL`.

mod authority;
mod bundle;
mod follow;
mod manager;
mod plan;
mod reconciler;
#[cfg(test)]
mod simulation;
mod standalone;
mod state;

pub use authority::AuthorityError;
pub(crate) use manager::{CertificateManager, CertificateSettings};
pub(crate) use plan::Lifetimes;
pub use standalone::standalone;
