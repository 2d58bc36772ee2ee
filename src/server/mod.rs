//! The network side of `portcullis serve`: sockets, TLS, deadlines, drain, bodies and the admin port.
//!
//! It knows nothing of reviews: it runs any axum [`Router`](axum::Router). It never decides what a
//! request is answered, binds no socket and installs no signal handler unasked: the caller owns both.
//!
//! How a connection is kept from doing harm:
//!
//! - `listen` accepts; `connections` owns their tasks, and looks once a tick at what each is doing;
//! - `progress` is the word through which a connection says so, and through which it is ordered to stop;
//! - `connection`, `progress_io` and `service` are one connection, from handshake to last answer;
//! - `body` reads request bodies under one budget for the whole process; large ones wait in a `fair_queue`.

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
