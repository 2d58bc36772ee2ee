//! The content of the image: the static program, and the last stage of the Dockerfile.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The last stage of the Dockerfile.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Stage {
    pub(crate) from: String,
    pub(crate) user: String,
    pub(crate) entrypoint: String,
    /// The paths of copied files.
    pub(crate) files: Vec<String>,
    /// All other instructions.
    pub(crate) others: Vec<String>,
}

impl Stage {
    pub(crate) fn last() -> Self {
        let text = fs::read_to_string(root().join("Dockerfile")).unwrap();
        let (_, last) = text.rsplit_once("\nFROM ").expect("a last stage");
        let mut lines = last.lines().map(str::trim).filter(|line| !line.is_empty());
        let from = lines.next().unwrap().to_owned();
        let mut stage = Self {
            from,
            user: String::new(),
            entrypoint: String::new(),
            files: Vec::new(),
            others: Vec::new(),
        };
        for line in lines {
            let (word, rest) = line.split_once(' ').unwrap();
            match word {
                "USER" => stage.user = rest.to_owned(),
                "ENTRYPOINT" => stage.entrypoint = rest.to_owned(),
                "COPY" => stage.files.push(rest.rsplit(' ').next().unwrap().to_owned()),
                _ => stage.others.push(line.to_owned()),
            }
        }
        stage
    }
}

/// The program as the Dockerfile builds it: static and stripped. Built in a separate folder, which takes minutes the
/// first time; `PORTCULLIS_STATIC` names an existing one.
pub(crate) fn static_program(folder: &Path) -> PathBuf {
    let built = env::var_os("PORTCULLIS_STATIC").map_or_else(build, PathBuf::from);
    let stripped = folder.join("portcullis");
    let strip = Command::new("strip").arg("-o").arg(&stripped).arg(&built).status();
    assert!(strip.is_ok_and(|strip| strip.success()), "strip, of binutils, which the linker is of");
    stripped
}

fn build() -> PathBuf {
    let host = Command::new("rustc").arg("-vV").output().unwrap();
    let host = String::from_utf8(host.stdout).unwrap();
    let host = host.lines().find_map(|line| line.strip_prefix("host: ")).unwrap().to_owned();
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("image");
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--release", "--locked", "--bin=portcullis", "--target", &host]);
    cargo.current_dir(root()).env("CARGO_TARGET_DIR", &target);
    cargo.env("RUSTFLAGS", flags()).env_remove("CARGO_ENCODED_RUSTFLAGS");
    let output = cargo.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    target.join(host).join("release/portcullis")
}

/// The flags in the Dockerfile.
fn flags() -> String {
    let text = fs::read_to_string(root().join("Dockerfile")).unwrap();
    let flags =
        text.lines().find_map(|line| line.strip_prefix("ENV RUSTFLAGS=\"")?.strip_suffix('"'));
    flags.expect("ENV RUSTFLAGS in the Dockerfile").to_owned()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
