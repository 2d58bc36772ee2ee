//! Nothing that a client sends costs more than its size: every string and every list that the view reads, made long,
//! many, equal, distinct, escaped and nested, alone and together, in pods, templates, ephemeral containers and
//! namespaces, over every control, rule, relaxation and hardening.
//!
//! What it costs is counted. Bytes allocated at the peak are held to twice the body and 1 MiB; all that is allocated, to a
//! constant a byte. Steps that allocate nothing are found by processor time of the thread, as a ratio of sixteen times the
//! size to once: a loop within a loop takes up to sixteen times as long a byte, and at most four is allowed.
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
mod namespaces;
mod ratio;
mod reports;
mod reviews;
mod steps;
mod text;
mod texts;
mod world;
