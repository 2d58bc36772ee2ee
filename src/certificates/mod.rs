//! Certificates that the server makes for itself: an authority in one Secret, the trust in it in the webhook
//! configurations, and a short-lived certificate of each replica's own, in memory.
//!
//! - Every replica follows the Secret and the configurations, and signs its own certificate (`plan::is_due`).
//! - The leader alone writes: the Secret by its resource version, so that of two who think they lead one fails; of
//!   a webhook configuration `caBundle` alone (`plan::step`).
//! - Of what is decided, all is in `plan`, without clock or I/O; `turns` does it.
//!
//! It never creates or deletes an object, and never writes to a Secret that does not carry [`LABEL`].

mod authority;
mod bundle;
mod follow;
mod keeper;
mod plan;
#[cfg(test)]
mod simulation;
mod standalone;
mod state;
mod turns;

pub use authority::{Authority, AuthorityError, Leaf};
pub use keeper::{Keeper, LABEL, Settings, Status};
pub use plan::{InvalidLifetimes, Lifetimes};
pub use standalone::{Standalone, standalone};
