//! Whole reviews: what is answered and counted, from the request's text to the answer's. No cluster and no socket.

mod answers;
mod ask;
mod bounds;
mod cases;
mod counted;
mod namespaces;
mod objects;
mod routes;
