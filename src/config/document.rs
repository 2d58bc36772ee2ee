//! The kinds of document, and the configurations that they become.

use std::path::Path;

use serde::Deserialize;

use manifest::path::Path as Field;
use policy::{
    config::{Config, Exemptions},
    exceptions::{ExceptionSettings, Expiry},
    pss::{self, Level, LevelVersion, Version},
    shown, spec,
};

use super::{error::ConfigError, hardening::hardening, policies, reader::Reader, text_of};

const POD_SECURITY: [&str; 3] = [
    "pod-security.admission.config.k8s.io/v1",
    "pod-security.admission.config.k8s.io/v1beta1",
    "pod-security.admission.config.k8s.io/v1alpha1",
];

enum Kind {
    /// kube-apiserver's configuration of its PodSecurity plugin.
    PodSecurity,
    /// kube-apiserver's `--admission-control-config-file`, which contains or names the former.
    Admission,
    /// Portcullis' own configuration.
    Own,
}

/// Where a document is, which determines the permitted kinds.
#[derive(Clone, Copy)]
enum Place {
    /// The configuration file of the server.
    File,
    /// Inside an AdmissionConfiguration, or in a file that it names.
    Plugin,
}

impl Place {
    fn allowed(self) -> &'static str {
        match self {
            Self::File => {
                "pod-security.admission.config.k8s.io/v1 (v1beta1, v1alpha1) PodSecurityConfiguration, apiserver.config.k8s.io/v1 AdmissionConfiguration, portcullis.dev/v1alpha1 Configuration"
            }
            Self::Plugin => {
                "pod-security.admission.config.k8s.io/v1 (v1beta1, v1alpha1) PodSecurityConfiguration"
            }
        }
    }

    fn kind(self, api_version: &str, kind: &str) -> Option<Kind> {
        match (self, api_version, kind) {
            (_, version, "PodSecurityConfiguration") if POD_SECURITY.contains(&version) => {
                Some(Kind::PodSecurity)
            }
            // The second is its old name, which kube-apiserver still accepts.
            (
                Self::File,
                "apiserver.config.k8s.io/v1" | "apiserver.k8s.io/v1alpha1",
                "AdmissionConfiguration",
            ) => Some(Kind::Admission),
            (Self::File, spec::API_VERSION, "Configuration") => Some(Kind::Own),
            _ => None,
        }
    }
}

/// The kind of a document.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct Header {
    api_version: Option<String>,
    kind: Option<String>,
}

/// kube-apiserver's configuration of its admission plugins.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct AdmissionConfiguration {
    #[serde(rename = "apiVersion")]
    _api_version: String,
    #[serde(rename = "kind")]
    _kind: String,
    plugins: Vec<Plugin>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Plugin {
    name: Option<String>,
    path: Option<String>,
    #[serde(rename = "configuration")]
    _configuration: serde::de::IgnoredAny,
}

/// Reads a configuration. `None` if the text, or a file that it names, is empty (zero bytes).
pub(super) fn read(text: &str, file: &Path) -> Result<Option<Config>, ConfigError> {
    read_at(text, file, Place::File)
}

fn read_at(text: &str, file: &Path, place: Place) -> Result<Option<Config>, ConfigError> {
    if text.is_empty() {
        return Ok(None);
    }
    let mut reader = Reader::parse(text, file)?;
    let config = document(&mut reader, &Field::default(), place);
    reader.finish(config)
}

/// A document is only valid if the reader has reported no problem at all.
fn document(reader: &mut Reader<'_>, at: &Field, place: Place) -> Option<Config> {
    let allowed = place.allowed();
    let Header { api_version, kind } = reader.read(at)?;
    let api_version = reader.required(at, "apiVersion", api_version, allowed);
    let kind = reader.required(at, "kind", kind, allowed);
    let (api_version, kind) = (api_version?, kind?);
    match place.kind(&api_version, &kind) {
        Some(Kind::PodSecurity) => reader.read(at).map(pod_security),
        Some(Kind::Own) => reader.read(at).map(|written| own(reader, written)),
        Some(Kind::Admission) => admission(reader, at),
        None => {
            let [version, of_kind] = ["apiVersion", "kind"].map(|key| at.clone().key(key));
            let (is, kind) = (shown::value(&api_version), shown::value(&kind));
            reader.problem_of_value(
                &version,
                &format!("{version} and {of_kind}: {is} {kind}: must be {allowed}"),
            );
            None
        }
    }
}

fn pod_security(written: spec::PodSecurityConfiguration) -> Config {
    let unset = Config::upstream();
    Config {
        defaults: defaults(&written.defaults, &unset.defaults),
        exemptions: exemptions(written.exemptions),
        ..unset
    }
}

fn own(reader: &mut Reader<'_>, written: spec::Configuration) -> Config {
    let unset = Config::embedded();
    Config {
        mode: written.mode.unwrap_or(unset.mode),
        defaults: defaults(&written.defaults, &unset.defaults),
        exemptions: exemptions(written.exemptions),
        harden: hardening(reader, written.harden, &unset.harden),
        exceptions: exceptions(written.exceptions),
        workloads: written.workloads.0.0.into(),
        policies: policies::settings(reader, written.rules, written.profiles, written.floor).into(),
    }
}

/// Reads the plugin's configuration inline if present, else from the file that it names, as kube-apiserver does.
fn admission(reader: &mut Reader<'_>, at: &Field) -> Option<Config> {
    let AdmissionConfiguration { plugins, .. } = reader.read(at)?;
    let plugins = reader.items(&at.clone().key("plugins"), plugins).into_iter();
    let mut named = plugins.filter(|(_, plugin)| plugin.name.as_deref() == Some("PodSecurity"));
    let Some((field, plugin)) = named.next() else {
        reader.problem_of_file("plugins: one must be named \"PodSecurity\"");
        return None;
    };
    for (other, _) in named {
        reader.problem(&other, "only one plugin may be named \"PodSecurity\"");
    }
    let configuration = field.key("configuration");
    if reader.has(&configuration) {
        return document(reader, &configuration, Place::Plugin);
    }
    let file = reader.file.parent().unwrap_or(Path::new("")).join(plugin.path?);
    match text_of(&file).and_then(|text| read_at(&text, &file, Place::Plugin)) {
        Ok(config) => config,
        Err(error) => {
            reader.adopt(error);
            None
        }
    }
}

fn defaults(written: &spec::Defaults, unset: &pss::Defaults) -> pss::Defaults {
    let pair = |level: Option<Level>, version: Option<Version>, unset: LevelVersion| LevelVersion {
        level: level.unwrap_or(unset.level),
        version: version.unwrap_or(unset.version),
    };
    pss::Defaults {
        enforce: pair(written.enforce, written.enforce_version, unset.enforce),
        audit: pair(written.audit, written.audit_version, unset.audit),
        warn: pair(written.warn, written.warn_version, unset.warn),
    }
}

fn exemptions(written: spec::Exemptions) -> Exemptions {
    Exemptions {
        usernames: written.usernames.0.into_iter().map(|name| name.0).collect(),
        namespaces: written.namespaces.0.into_iter().map(|name| name.0).collect(),
        runtime_classes: written.runtime_classes.0.into_iter().map(|name| name.0).collect(),
    }
}

fn exceptions(written: spec::ExceptionSources) -> ExceptionSettings {
    let expiry = match written.require_expiry {
        Some(false) => Expiry::Optional,
        Some(true) | None => Expiry::Required,
    };
    let namespaces = written.namespaces.0.into_iter().map(|name| name.0);
    ExceptionSettings { namespaces: namespaces.collect(), expiry }
}
