//! `portcullis check` as people and scripts use it: the program itself, its output and its exit status.

mod bounds;
mod browser;
mod defined_namespaces;
mod formats;
mod harmless;
mod inputs;
mod namespaces;
mod outputs;
mod patches;
mod policies;
pub(crate) mod program;
mod render;
mod rendered;
mod reports;
mod repository;
pub(crate) mod schema;
mod webhook;
mod yaml;
