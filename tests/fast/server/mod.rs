//! The server's network side over real sockets, with a tiny app.
//!
//! - `harness`: starts a server on a free port
//! - `client`: sends it raw bytes
//! - `http`: requests of well-behaved clients
//! - `hostile`: attacks by untrusted clients
//! - `bodies`: too large, too many, not as announced
//! - `crowds`: more connections than the limit
//! - `flood`: a flood of handshakes
//! - `drain`: shutdown
//! - `certificates`: files, reload, self-signed
//! - `client_auth`: client authentication
//! - `admin`: the admin port
//! - `limits`: the division of memory, and deadlines

mod admin;
mod bodies;
mod certificates;
mod client_auth;
mod crowds;
mod drain;
mod flood;
mod harness;
mod hostile;
mod http;
mod limits;
