//! Whole reviews: what is answered and counted, from the request's text to the answer's. No cluster and no socket.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod answers;
mod ask;
mod bounds;
mod cases;
mod counted;
mod decide;
mod levels;
mod lookups;
mod namespaces;
mod objects;
mod resize;
mod routes;
