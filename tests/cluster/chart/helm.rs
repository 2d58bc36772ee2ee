//! Runs Helm on the chart. Asserts only that Helm succeeds.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::support::{
    go::{Program, build},
    process::Folder,
    skip::Skip,
};

/// The namespace and the release's name in tests that do not depend on them.
pub(crate) const NAME: &str = "portcullis";

/// The image in tests that do not depend on it: a name that cannot resolve.
pub(crate) const IMAGE: &str = "portcullis.invalid/portcullis";

/// For clusters without nodes, which cannot run the pod of the configuration check; tests/cluster/install tests it.
pub(crate) const NO_CHECK: &str = "configCheck.enabled=false";

/// One of the two supported versions of Helm, with separate folders for its state.
#[derive(Debug)]
pub(crate) struct Helm {
    program: PathBuf,
    home: Folder,
}

impl Helm {
    pub(crate) fn v3() -> Result<Self, Skip> {
        Ok(Self { program: build(Program::Helm3)?, home: Folder::new("helm3") })
    }

    pub(crate) fn v4() -> Result<Self, Skip> {
        Ok(Self { program: build(Program::Helm4)?, home: Folder::new("helm4") })
    }

    pub(crate) fn both() -> Result<[Self; 2], Skip> {
        Ok([Self::v3()?, Self::v4()?])
    }

    /// With [`IMAGE`], unless the arguments set another one.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let image = format!("image.repository={IMAGE}");
        match args.split_first() {
            Some((&verb @ ("install" | "template" | "upgrade"), rest)) => {
                self.plain_command(&[&[verb, "--set", &image], rest].concat())
            }
            _ => self.plain_command(args),
        }
    }

    /// With only these arguments.
    pub(crate) fn plain_command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(args)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .env("HELM_CACHE_HOME", self.home.path().join("cache"))
            .env("HELM_CONFIG_HOME", self.home.path().join("config"))
            .env("HELM_DATA_HOME", self.home.path().join("data"))
            // Helm contacts a cluster only if a test sets one.
            .env("KUBECONFIG", self.home.path().join("no-kubeconfig"));
        command
    }

    /// The output of a successful Helm.
    #[track_caller]
    pub(crate) fn run(&self, args: &[&str]) -> String {
        let output = self.command(args).output().unwrap();
        assert!(output.status.success(), "helm {args:?}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    /// The text of the rendered chart; `args` may be `--no-hooks`, `--set`, and so on.
    #[track_caller]
    pub(crate) fn template_text(&self, args: &[&str]) -> String {
        self.run(&[&["template", NAME, CHART, "--namespace", NAME], args].concat())
    }

    /// The rendered objects with these values, including hooks.
    #[track_caller]
    pub(crate) fn template(&self, values: &[&str]) -> Vec<Value> {
        let mut args = Vec::new();
        for value in values {
            args.extend(["--set", value]);
        }
        objects(&self.template_text(&args))
    }

    /// The error for values that Helm must not render.
    #[track_caller]
    pub(crate) fn refusal(&self, namespace: &str, args: &[&str]) -> String {
        let args = [&["template", NAME, CHART, "--namespace", namespace], args].concat();
        let output = self.command(&args).output().unwrap();
        assert!(!output.status.success(), "helm {args:?} rendered");
        text(&output.stderr)
    }
}

/// Relative to the project's folder, where Helm runs.
pub(crate) const CHART: &str = "charts/portcullis";

/// A file of the project.
pub(crate) fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The documents of a YAML text, without empty ones.
#[track_caller]
pub(crate) fn objects(yaml: &str) -> Vec<Value> {
    let objects: Vec<Value> = serde_saphyr::from_multiple(yaml).unwrap();
    objects.into_iter().filter(|object| !object.is_null()).collect()
}

/// The one object of this kind and name.
#[track_caller]
pub(crate) fn find<'a>(objects: &'a [Value], kind: &str, name: &str) -> &'a Value {
    try_find(objects, kind, name).unwrap_or_else(|| panic!("no {kind} {name}"))
}

pub(crate) fn try_find<'a>(objects: &'a [Value], kind: &str, name: &str) -> Option<&'a Value> {
    let mut found = objects
        .iter()
        .filter(|object| object["kind"] == kind && object["metadata"]["name"] == name);
    let first = found.next();
    assert!(found.next().is_none(), "{kind} {name} twice");
    first
}

/// Whether Helm runs it at a certain event instead of keeping it.
pub(crate) fn is_hook(object: &Value) -> bool {
    object["metadata"]["annotations"].get("helm.sh/hook").is_some()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The output of a successful command.
#[track_caller]
pub(crate) fn content(output: &Output) -> String {
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}
