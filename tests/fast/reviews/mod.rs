//! Complete reviews: responses and metrics, from the request's text to the response's. Without a cluster or a socket.

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
