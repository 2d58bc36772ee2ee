//! Our image: the program that cargo built for the tests, and the libraries that it is linked with.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::support::node::images::Image;

const NAME: &str = "registry.example/portcullis:tests";

/// What has the chart take it.
pub(crate) fn values() -> Value {
    json!({
        "registry": "registry.example", "repository": "portcullis", "tag": "tests", "pullPolicy": "Never",
    })
}

/// With neither shell nor anything else in it.
pub(crate) fn ours(folder: &Path) -> Image<'static> {
    let program = env!("CARGO_BIN_EXE_portcullis");
    let stripped = folder.join("portcullis");
    let strip = Command::new("strip").arg("-o").arg(&stripped).arg(program).status();
    assert!(strip.is_ok_and(|strip| strip.success()), "strip, of binutils, which the linker is of");
    let mut files: Vec<(PathBuf, String)> =
        libraries(program).into_iter().map(|library| (PathBuf::from(&library), library)).collect();
    files.push((stripped, "/portcullis".to_owned()));
    Image { name: NAME, user: "65532:65532", entrypoint: "/portcullis", files }
}

/// The absolute paths that `ldd` tells of, in `name => path (address)` and `path (address)`.
fn libraries(program: &str) -> Vec<String> {
    let output = Command::new("ldd").arg(program).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let words = text.split_whitespace().filter(|word| word.starts_with('/'));
    words.map(str::to_owned).collect()
}
