//! What reads and decides in Portcullis, and nothing else: no I/O, no clock, no log. All that it needs it is given as
//! values.
//!
//! A package of its own, so that it cannot reach what does I/O.

pub mod admission;

pub mod json;

pub mod pss;

pub mod pattern;

pub mod rules;

pub mod policy;

pub mod harden;

pub mod config;

pub mod spec;

pub mod manifest;

pub mod findings;

pub mod dns;
