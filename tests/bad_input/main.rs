//! What an untrusted client may send. It is answered with a clear HTTP 400 or an explicit denial by its uid, never with an allow
//! that an honest reading would deny, and never with a panic.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

#[path = "../reviews/ask.rs"]
mod ask;
#[path = "../reviews/objects.rs"]
mod objects;
#[path = "../generator/random.rs"]
mod random;
#[path = "../generator/text.rs"]
mod text;

mod bodies;
mod cut;
mod fuzz;
mod order;
mod seeds;
mod sizes;
mod strangers;

use random::Random;
