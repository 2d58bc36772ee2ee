//! The server's network side over real sockets, with a tiny app.
//!
//! - `harness`: starts a server on a free port, and a client of raw bytes
//! - `http`: what a well-meaning client sees
//! - `hostile`: what a stranger may try
//! - `drain`: the end of a server
//! - `certificates`: files, reload, self-signed
//! - `admin`: the second port

mod admin;
mod certificates;
mod drain;
mod harness;
mod hostile;
mod http;
