//! Portcullis

pub mod admission;
pub mod harden;
pub mod pss;
