//! Whole reviews: what is answered and counted, from the request's text to the answer's. No cluster and no socket.

// What clippy.toml allows in tests it allows in the tests themselves only, not in what they share.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod answers;
mod ask;
mod bounds;
mod cases;
mod counted;
mod namespaces;
mod objects;
mod routes;
