//! Portcullis

pub mod harden;
pub mod pss;
