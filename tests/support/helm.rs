//! `helm`, built from its Go module, used on the chart of this repository.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

use super::go::{Program, build};
use super::process::Folder;

/// The release's name and namespace.
pub(crate) const RELEASE: &str = "portcullis";

/// A version of helm, with separate files.
#[derive(Debug)]
pub(crate) struct Helm {
    program: PathBuf,
    kubeconfig: PathBuf,
    folder: Folder,
}

impl Helm {
    /// Runs `program`, which is one of Helm's, with the permissions of the user of `kubeconfig`.
    pub(crate) fn new(program: Program, kubeconfig: PathBuf) -> Self {
        let program = build(program).expect("built before the test");
        Self { program, kubeconfig, folder: Folder::new("helm") }
    }

    /// `helm install` with these values and further flags.
    pub(crate) fn install(&self, values: &Value, flags: &[&str]) -> String {
        self.release("install", values, &[&["--create-namespace"], flags].concat())
    }

    /// `helm upgrade` with these values and further flags.
    pub(crate) fn upgrade(&self, values: &Value, flags: &[&str]) -> String {
        self.release("upgrade", values, flags)
    }

    fn release(&self, verb: &str, values: &Value, flags: &[&str]) -> String {
        content(&self.try_release(verb, values, flags))
    }

    /// Runs `helm install` or `helm upgrade`, which may fail.
    pub(crate) fn try_release(&self, verb: &str, values: &Value, flags: &[&str]) -> Output {
        let mut values = values.clone();
        if values.get("image").is_none() {
            // The nodelet only runs our image, whatever its name.
            values["image"] = json!({"repository": "portcullis.invalid/portcullis"});
        }
        let values = self.folder.write("values.json", values.to_string());
        let chart = Path::new(env!("CARGO_MANIFEST_DIR")).join("charts/portcullis");
        let mut words = vec![verb, RELEASE, chart.to_str().unwrap(), "--values"];
        words.push(values.to_str().unwrap());
        words.extend(flags);
        self.try_run(&words)
    }

    /// Runs helm in the release's namespace and returns its output. Panics if it fails.
    pub(crate) fn run(&self, words: &[&str]) -> String {
        content(&self.try_run(words))
    }

    /// Runs helm, which may fail.
    pub(crate) fn try_run(&self, words: &[&str]) -> Output {
        Command::new(&self.program)
            .args(words)
            .arg("--namespace")
            .arg(RELEASE)
            .arg("--kubeconfig")
            .arg(&self.kubeconfig)
            .env("HELM_CACHE_HOME", self.folder.path())
            .env("HELM_CONFIG_HOME", self.folder.path())
            .env("HELM_DATA_HOME", self.folder.path())
            .output()
            .unwrap()
    }
}

/// The output of a successful helm.
fn content(output: &Output) -> String {
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "helm: {stdout}\n{stderr}");
    stdout
}
