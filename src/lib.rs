//! Portcullis

pub mod json;
