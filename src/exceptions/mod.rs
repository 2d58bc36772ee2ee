//! PolicyExceptions: the objects, and how they are read, watched and reported. [`policy`] defines their
//! effect.
//!
//! - [`compile`] turns a [`PolicyException`](policy::spec::PolicyException), as users write it, into an
//!   [`Exception`](policy::exceptions::Exception): completely, or not at all;
//! - [`Store`] watches those of a cluster, and [`tell`] writes their status;
//! - [`read`] reads them from files.

mod census;
mod compile;
mod files;
mod known;
mod list;
mod resource;
mod store;
mod tell;
#[cfg(test)]
mod tests;

pub use census::Census;
pub use compile::{Invalid, compile};
pub use files::{Unreadable, read, read_all};
pub use list::list;
pub use resource::{PolicyExceptionStatus, State};
pub use store::Store;
pub use tell::tell;
