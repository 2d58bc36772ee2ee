//! The flags that are passed to helm.

use std::{ffi::OsString, path::PathBuf};

use clap::Args;

/// They have helm's names, but for the letter of `--values`: `-f` is kubectl's `--filename`.
#[derive(Args, Debug)]
pub(super) struct HelmValues {
    /// Values file for the charts; can be repeated
    #[arg(short = 'V', long, value_name = "FILE", requires = "charts")]
    values: Vec<PathBuf>,

    /// Value for the charts, as in helm; can be repeated
    #[arg(long, value_name = "KEY=VALUE", requires = "charts")]
    set: Vec<String>,

    /// Text value for the charts, as in helm; can be repeated
    #[arg(long, value_name = "KEY=VALUE", requires = "charts")]
    set_string: Vec<String>,

    /// Kubernetes version that charts are rendered for [default: helm's own]
    #[arg(long, value_name = "VERSION", requires = "charts")]
    kube_version: Option<String>,

    /// API version that charts find in the cluster, as in helm; can be repeated
    #[arg(long, value_name = "GROUP/VERSION", requires = "charts", value_delimiter = ',')]
    api_versions: Vec<String>,
}

impl HelmValues {
    /// The arguments for `helm template`.
    pub(super) fn arguments(&self, namespace: Option<&str>) -> Vec<OsString> {
        let values = self.values.iter().map(|file| ("values", file.clone().into_os_string()));
        let texts = [
            ("set", self.set.as_slice()),
            ("set-string", &self.set_string),
            ("kube-version", self.kube_version.as_slice()),
            ("api-versions", &self.api_versions),
        ];
        let texts = texts.into_iter();
        let texts = texts.flat_map(|(name, texts)| texts.iter().map(move |it| (name, it.into())));
        let namespace = namespace.map(|namespace| ("namespace", namespace.into()));
        let all = values.chain(texts).chain(namespace);
        // In one argument, so that no value is read as an option.
        let argument = |(name, value): (&str, OsString)| {
            let mut argument = OsString::from(format!("--{name}="));
            argument.push(value);
            argument
        };
        all.map(argument).collect()
    }
}
