//! What an untrusted client may send. It is answered with a clear HTTP 400 or an explicit denial by its uid, never with an allow
//! that an honest reading would deny, and never with a panic.

mod bodies;
mod cut;
mod fuzz;
mod order;
mod seeds;
mod sizes;
mod untrusted;

use crate::generator::random::Random;
