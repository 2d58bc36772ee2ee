//! Portcullis
pub mod server;
