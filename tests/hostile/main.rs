//! The cost of a request is linear in its size: tests make every string and every list that the view reads long, equal,
//! distinct, escaped and nested, alone and together, in pods, templates, ephemeral containers and namespaces, with every
//! control, rule, relaxation and hardening.
//!
//! The tests count the cost. Peak memory is at most twice the body plus 1 MiB, and all allocations are at most a constant
//! per byte. For steps without allocations, they compare the processor time per byte of a large and a small request: a
//! nested loop takes up to sixteen times as long, and at most four times is allowed.
// clippy.toml's exceptions for tests apply to all of it.
#![cfg(test)]
#![allow(clippy::cast_possible_truncation, reason = "sizes of tests are small")]

#[path = "../fast/reviews/objects.rs"]
mod objects;
#[path = "../generator/random.rs"]
mod random;

mod cases;
mod clock;
mod fields;
mod lints;
mod namespaces;
mod ratio;
mod reports;
mod reviews;
mod steps;
mod text;
mod texts;
mod world;
