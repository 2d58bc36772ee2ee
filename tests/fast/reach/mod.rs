//! How the program reaches an API server: the program itself, with kubeconfigs, environments and proxies of every kind.
//!
//! - `emulated`: an API server that emulates an older version
//! - `kubeconfigs`: all forms of kubeconfigs, and their errors
//! - `files`: which kubeconfigs are read, and how they are merged
//! - `plugins`: credential plugins
//! - `proxies`: CONNECT and SOCKS proxies
//! - `knowing`: audits without permission for some lists, and without Portcullis
//! - `past`: an earlier report from a pipe
//! - `serving`: the server behind a proxy
//! - `slow`: a slow API server
//! - `outage`: the server's log while the API server is unreachable

mod apiserver;
mod emulated;
mod files;
mod knowing;
mod kubeconfigs;
mod outage;
mod past;
mod plugins;
mod program;
mod proxies;
mod proxy;
mod serving;
mod slow;
mod world;
