//! Whole reviews: what is answered and counted, from the request's text to the answer's. No cluster and no socket.

mod answers;
pub(crate) mod ask;
mod bounds;
mod cases;
mod counted;
mod decide;
mod levels;
mod lookups;
mod namespaces;
pub(crate) mod objects;
mod resize;
mod routes;
