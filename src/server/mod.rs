//! The network side of `portcullis serve`: sockets, TLS, deadlines, drain, bodies and the admin port.
//!
//! Independent of reviews: it runs any axum [`Router`](axum::Router). The caller decides the responses, binds the
//! socket and installs the signal handler.
//!
//! Protection against harmful connections:
//!
//! - `listen` accepts; `connections` owns the tasks, and checks once per tick what each is doing;
//! - `progress` is the atomic word through which a connection reports its phase and receives the order to stop;
//! - `connection`, `progress_io` and `service` implement one connection, from handshake to last response;
//! - `body` reads request bodies within one budget for the whole process; large ones wait in a `fair_queue`.

pub mod admin;
pub mod body;
mod budget;
mod connection;
mod connections;
mod fair_queue;
pub mod limits;
pub mod listen;
mod progress;
mod progress_io;
mod rate_limited_log;
mod read_ahead;
pub mod readiness;
mod service;
pub mod shutdown;
pub mod stats;
pub mod tls;

pub use body::{BodyError, Intake, Received};
pub use fair_queue::Peer;
pub(crate) use fair_queue::{FairQueue, Turn};
pub use limits::{BodyLimits, Limits, Memory};
pub use listen::{Serving, Transport, run, run_apart};
pub use readiness::Readiness;
pub use shutdown::{Shutdown, Stage, Trigger};
pub use stats::Stats;
pub use tls::Identity;
