//! How the program reaches an API server: the program itself, with kubeconfigs, environments and proxies of every kind.
//!
//! - `emulated`: an API server that emulates an older version
//! - `kubeconfigs`: every form of a kubeconfig, and what it is told of
//! - `files`: which kubeconfigs are read, and how they are merged
//! - `plugins`: credential plugins
//! - `proxies`: CONNECT and SOCKS proxies
//! - `knowing`: what an audit says where it may not read all, and where Portcullis is not installed
//! - `past`: an earlier report that is no regular file
//! - `serving`: the server behind a proxy
//! - `slow`: an API server that takes its time
//! - `outage`: what the server's log says while the API server is away

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
