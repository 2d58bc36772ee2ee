//! The image as the last stage of the Dockerfile builds it. The program is the one that cargo built for the tests, with
//! its libraries; with `PORTCULLIS_NODE_RELEASE=1`, it is the static release.

use crate::support::{
    image::{Stage, static_program},
    node::images::Image,
    process::Folder,
    skip::is_set,
};
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

const NAME: &str = "registry.example/portcullis:tests";

/// The values for the chart to use it.
pub(crate) fn values() -> Value {
    json!({
        "registry": "registry.example", "repository": "portcullis", "tag": "tests", "pullPolicy": "Never",
    })
}

/// Builds the program for the image, which takes minutes the first time.
pub(crate) fn prepare() {
    if is_release() {
        static_program(Folder::new("release").path());
    }
}

pub(crate) fn ours(folder: &Path) -> Image<'static> {
    let stage = Stage::last();
    let [to] = stage.files.as_slice() else {
        panic!("one file: {stage:?}");
    };
    let files = if is_release() { vec![static_program(folder)] } else { tested_program(folder) };
    let files = files.into_iter().map(|file| {
        let place = if file.starts_with(folder) { to.clone() } else { file.display().to_string() };
        (file, place)
    });
    Image {
        name: NAME,
        user: stage.user,
        entrypoint: serde_json::from_str(&stage.entrypoint).unwrap(),
        files: files.collect(),
    }
}

fn is_release() -> bool {
    is_set("PORTCULLIS_NODE_RELEASE")
}

/// The program in the folder, and its libraries on this machine.
fn tested_program(folder: &Path) -> Vec<PathBuf> {
    let program = env!("CARGO_BIN_EXE_portcullis");
    let stripped = folder.join("portcullis");
    let strip = Command::new("strip").arg("-o").arg(&stripped).arg(program).status();
    assert!(strip.is_ok_and(|strip| strip.success()), "strip, of binutils, which the linker is of");
    let output = Command::new("ldd").arg(program).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    // In `name => path (address)` and `path (address)`.
    let libraries = text.split_whitespace().filter(|word| word.starts_with('/'));
    libraries.map(PathBuf::from).chain([stripped]).collect()
}
