//! PolicyExceptions: the objects, how they are read, followed and told of. What they mean is [`policy`](crate::policy).
//!
//! - [`PolicyException`] is the object as people write it, and [`compile`] makes an [`Exception`](crate::policy::Exception)
//!   of it: whole, or not at all;
//! - [`Store`] follows those of a cluster, and [`tell`] writes their status;
//! - [`read`] takes them from files.

mod census;
mod compile;
mod files;
mod known;
mod list;
mod resource;
mod schema;
mod store;
mod tell;
#[cfg(test)]
mod tests;

pub use census::Census;
pub use compile::{Invalid, compile};
pub use files::{Unreadable, read, read_all};
pub use list::list;
pub use resource::{
    AllowSpec, HostPathSpec, MatchSpec, OwnerSpec, PolicyException, PolicyExceptionSpec,
    PolicyExceptionStatus, PortSpec, State,
};
pub use store::Store;
pub use tell::tell;
