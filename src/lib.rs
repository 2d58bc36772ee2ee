//! Portcullis

pub mod cluster;
pub mod config;
mod dns;
pub mod harden;
pub mod pss;
