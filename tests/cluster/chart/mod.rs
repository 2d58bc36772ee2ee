//! The chart and the files generated from it, rendered by Helm 3 and 4 and by kustomize, and installed into a real API
//! server.

mod apply;
mod cluster;
mod config;
mod exceptions;
pub(crate) mod helm;
mod install;
mod kustomize;
mod managers;
mod openshift;
mod policy;
mod readme;
mod refusals;
mod release;
mod rendered_files;
mod rendering;
mod restricted;
mod webhooks;
