//! Requests from untrusted clients. The server answers with a clear HTTP 400 or an explicit denial by uid, never with
//! an approval of something that a plain reader would deny, and never with a panic.

mod bodies;
mod cut;
mod fuzz;
mod order;
mod seeds;
mod sizes;
mod untrusted;

use crate::generator::random::Random;
