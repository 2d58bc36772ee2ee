//! The server's network side over real sockets, with a tiny app.
//!
//! - `harness`: starts a server on a free port
//! - `client`: sends it raw bytes
//! - `http`: what a well-meaning client sees
//! - `hostile`: what an untrusted client may try
//! - `bodies`: too large, too many, not as announced
//! - `crowds`: more connections than there is room for
//! - `flood`: handshakes as fast as they come
//! - `drain`: the end of a server
//! - `certificates`: files, reload, self-signed
//! - `client_auth`: who may connect at all
//! - `admin`: the second port
//! - `limits`: how memory is shared out, and how deadlines go together

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
