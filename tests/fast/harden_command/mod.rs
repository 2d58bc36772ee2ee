//! `portcullis harden`: hardened texts, refused texts, and how the program replaces files.

mod bytes;
mod formatting;
mod manifests;
mod patches;
mod program;
pub(crate) mod render;
mod shapes;

use std::path::Path;

use manifest::STACK;
use policy::config::Config;
use portcullis::{
    config,
    harden::{Hardened, Hardener, Refused},
};

/// Hardens with the embedded configuration.
fn harden(text: &str) -> Result<Hardened, Vec<Refused>> {
    harden_bytes(text.as_bytes())
}

fn harden_bytes(bytes: &[u8]) -> Result<Hardened, Vec<Refused>> {
    harden_by(Config::embedded(), bytes)
}

/// A configuration with all defaults enabled.
fn everything() -> Config {
    let text = "apiVersion: portcullis.dev/v1alpha1
kind: Configuration
harden:
  readOnlyRootFilesystem: true
  emptyDirs: [/tmp, /var/run]
  automountServiceAccountToken: false
  appArmorProfile: RuntimeDefault
  hostUsers: false
  resources: {requests: {cpu: 10m, memory: 64Mi}, limits: {cpu: \"2\", memory: 256Mi}}
";
    config::parse(text, Path::new("config.yaml")).unwrap()
}

fn harden_by(config: Config, bytes: &[u8]) -> Result<Hardened, Vec<Refused>> {
    let hardener = Hardener::new(config);
    // The stack of a test is too small for deep documents.
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK);
        thread.spawn_scoped(scope, || hardener.harden("", bytes)).unwrap().join().unwrap()
    })
}

/// The hardened text. Panics with the input on failure.
fn hardened(text: &str) -> String {
    hardened_by(Config::embedded(), text)
}

fn hardened_by(config: Config, text: &str) -> String {
    match harden_by(config, text.as_bytes()) {
        Ok(hardened) => hardened.text,
        Err(refused) => panic!("{refused:?}\n{text}"),
    }
}
