//! The kinds of document: their fields and defaults.

use std::path::Path;

use policy::{
    config::{Config, Exemptions},
    dns,
    exceptions::{Expiry, Honoured},
    pss::{Defaults, LevelVersion},
};

use super::{
    error::{ConfigError, Problem},
    fields::{Fields, Reader, shown},
    hardening::hardening,
    policies, text_of, tree,
};

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
            (Self::File, "portcullis.dev/v1alpha1", "Configuration") => Some(Kind::Own),
            _ => None,
        }
    }
}

/// Reads a configuration. `None` if the text, or a file that it names, is empty (zero bytes).
pub(super) fn read(text: &str, file: &Path) -> Result<Option<Config>, ConfigError> {
    read_at(text, file, Place::File)
}

fn read_at(text: &str, file: &Path, place: Place) -> Result<Option<Config>, ConfigError> {
    if text.is_empty() {
        return Ok(None);
    }
    let root = tree::read(text)
        .map_err(|(at, text)| ConfigError { problems: vec![Problem::new(file, at, &text)] })?;
    let mut reader = Reader::new(file);
    let config = document(&mut reader, &root, "", place);
    reader.finish(config)
}

/// A document is only valid if the reader has reported no problem at all.
fn document(
    reader: &mut Reader<'_>,
    node: &tree::Node,
    path: &str,
    place: Place,
) -> Option<Config> {
    let fields = reader.mapping(node, path)?;
    let api_version = reader.text(&fields, "apiVersion");
    let kind = reader.text(&fields, "kind");
    for (name, is_read) in [("apiVersion", api_version.is_some()), ("kind", kind.is_some())] {
        // A value of another type has been reported already.
        if !is_read && !matches!(fields.get(name), Some(value) if !value.is_empty_text()) {
            let text = format!("{} is missing: must be {}", fields.path(name), place.allowed());
            reader.problem(Some(node.at), &text);
        }
    }
    let (api_version, at) = api_version?;
    let (kind, _) = kind?;
    match place.kind(api_version, kind) {
        Some(Kind::PodSecurity) => Some(pod_security(reader, &fields)),
        Some(Kind::Own) => Some(own(reader, &fields)),
        Some(Kind::Admission) => admission(reader, &fields),
        None => {
            let allowed = place.allowed();
            let is = format!("{} {}", shown(api_version), shown(kind));
            let place = format!("{} and {}", fields.path("apiVersion"), fields.path("kind"));
            reader.problem(Some(at.at), &format!("{place}: {is}: must be {allowed}"));
            None
        }
    }
}

fn pod_security(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Config {
    let unset = Config::upstream();
    reader.allow(fields, &["apiVersion", "kind", "defaults", "exemptions"]);
    Config {
        defaults: policy(reader, fields, &unset.defaults),
        exemptions: exemptions(reader, fields),
        ..unset
    }
}

fn own(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Config {
    let unset = Config::embedded();
    let mut allowed = vec!["apiVersion", "kind", "mode", "defaults", "exemptions", "harden"];
    allowed.extend(policies::FIELDS);
    reader.allow(fields, &allowed);
    Config {
        mode: reader.parsed(fields, "mode").unwrap_or(unset.mode),
        defaults: policy(reader, fields, &unset.defaults),
        exemptions: exemptions(reader, fields),
        harden: hardening(reader, fields, &unset.harden),
        policies: policies::settings(reader, fields).into(),
        exceptions: excepting(reader, fields),
    }
}

/// Reads the plugin's configuration inline if present, else from the file that it names, as kube-apiserver does.
fn admission(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<Config> {
    reader.allow(fields, &["apiVersion", "kind", "plugins"]);
    let mut found = None;
    for (path, node) in reader.items(fields, "plugins") {
        let Some(plugin) = reader.mapping(node, &path) else {
            continue;
        };
        reader.allow(&plugin, &["name", "path", "configuration"]);
        if !matches!(reader.text(&plugin, "name"), Some(("PodSecurity", _))) {
            continue;
        }
        if found.is_some() {
            reader.problem(
                Some(node.at),
                &format!("{path}: only one plugin may be named \"PodSecurity\""),
            );
        } else {
            found = Some(plugin);
        }
    }
    let Some(plugin) = found else {
        reader.problem(None, "plugins: one must be named \"PodSecurity\"");
        return None;
    };
    if let Some(node) = plugin.get("configuration") {
        return document(reader, node, &plugin.path("configuration"), Place::Plugin);
    }
    let (path, _) = reader.text(&plugin, "path")?;
    let file = reader.file.parent().unwrap_or(Path::new("")).join(path);
    match text_of(&file).and_then(|text| read_at(&text, &file, Place::Plugin)) {
        Ok(config) => config,
        Err(error) => {
            reader.adopt(error);
            None
        }
    }
}

fn policy(reader: &mut Reader<'_>, fields: &Fields<'_>, unset: &Defaults) -> Defaults {
    let allowed = ["enforce", "enforce-version", "audit", "audit-version", "warn", "warn-version"];
    let defaults = reader.section(fields, "defaults", &allowed);
    let mut pair = |level, version, unset: LevelVersion| LevelVersion {
        level: reader.parsed(&defaults, level).unwrap_or(unset.level),
        version: reader.parsed(&defaults, version).unwrap_or(unset.version),
    };
    Defaults {
        enforce: pair("enforce", "enforce-version", unset.enforce),
        audit: pair("audit", "audit-version", unset.audit),
        warn: pair("warn", "warn-version", unset.warn),
    }
}

fn exemptions(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Exemptions {
    let allowed = ["usernames", "namespaces", "runtimeClasses"];
    let section = reader.section(fields, "exemptions", &allowed);
    Exemptions {
        usernames: reader.names(&section, "usernames", username),
        namespaces: reader.names(&section, "namespaces", namespace),
        runtime_classes: reader.names(&section, "runtimeClasses", runtime_class),
    }
}

/// The namespaces whose exceptions apply. None by default, because anyone with write access to exceptions in a listed
/// namespace can exempt any workload.
fn excepting(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Honoured {
    let section = reader.section(fields, "exceptions", &["namespaces", "requireExpiry"]);
    let expiry = match reader.boolean(&section, "requireExpiry") {
        Some(false) => Expiry::Optional,
        Some(true) | None => Expiry::Required,
    };
    Honoured { namespaces: reader.names(&section, "namespaces", namespace), expiry }
}

fn username(name: &str) -> Result<(), &'static str> {
    let fits = !name.is_empty();
    fits.then_some(()).ok_or("must not be empty")
}

fn namespace(name: &str) -> Result<(), &'static str> {
    dns::is_label(name).then_some(()).ok_or(
        "must be a DNS-1123 label: lower-case letters, digits and \"-\", first and last a letter or digit, at most 63",
    )
}

fn runtime_class(name: &str) -> Result<(), &'static str> {
    dns::is_subdomain(name).then_some(()).ok_or(
        "must be a DNS-1123 subdomain: lower-case letters, digits, \"-\" and \".\", each part's first and last a letter or digit, at most 253",
    )
}
