//! Portcullis

pub mod admission;
pub mod config;
mod dns;
pub mod harden;
pub mod pss;
pub mod server;
