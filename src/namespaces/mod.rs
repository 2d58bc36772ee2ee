//! The Namespaces that the manifests of a run define: they are the policy for the pods in them, wherever in the input
//! they are.
//!
//! All sources are therefore searched for Namespaces before the first is judged. The search parses only documents that
//! may contain one. A source that can be read only once is kept.

mod definitions;
mod scan;

pub use definitions::{Definitions, Policies};
pub use scan::{Input, scan};
