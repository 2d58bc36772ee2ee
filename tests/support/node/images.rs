//! Images of one layer in the format of `docker save`, created without a registry or an image builder.

use std::env::consts::ARCH;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

/// An image to create.
#[derive(Debug)]
pub(crate) struct Image<'a> {
    /// Such as `registry.example/app:1`.
    pub(crate) name: &'a str,
    /// `USER`; empty is root.
    pub(crate) user: String,
    pub(crate) entrypoint: Vec<String>,
    /// Files, and their paths in the image.
    pub(crate) files: Vec<(PathBuf, String)>,
}

impl Image<'_> {
    /// Writes the image into a folder, and returns the archive.
    pub(crate) fn write(&self, folder: &Path) -> PathBuf {
        let folder = folder.join(self.name.replace(['/', ':'], "-"));
        let layer = folder.join("layer");
        for (file, to) in &self.files {
            let to = layer.join(to.trim_start_matches('/'));
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(file, &to).unwrap();
        }
        tar(&folder.join("layer.tar"), &layer, &["."]);
        let architecture = match ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        };
        let config = json!({
            "architecture": architecture,
            "os": "linux",
            "config": {"User": self.user, "Entrypoint": self.entrypoint},
            "rootfs": {"type": "layers", "diff_ids": [digest(&folder.join("layer.tar"))]},
        });
        let manifest =
            json!([{"Config": "config.json", "RepoTags": [self.name], "Layers": ["layer.tar"]}]);
        fs::write(folder.join("config.json"), config.to_string()).unwrap();
        fs::write(folder.join("manifest.json"), manifest.to_string()).unwrap();
        let archive = folder.with_extension("tar");
        tar(&archive, &folder, &["manifest.json", "config.json", "layer.tar"]);
        archive
    }
}

fn tar(archive: &Path, folder: &Path, members: &[&str]) {
    let mut command = Command::new("tar");
    command.arg("--create").arg("--file").arg(archive).arg("--directory").arg(folder);
    let made = command.args(["--owner=0", "--group=0"]).args(members).status().unwrap();
    assert!(made.success(), "{command:?}");
}

fn digest(file: &Path) -> String {
    let output = Command::new("sha256sum").arg(file).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    format!("sha256:{}", text.split_whitespace().next().expect("a digest"))
}
