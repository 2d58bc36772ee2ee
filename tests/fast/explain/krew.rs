//! `.krew.yaml` renders to a manifest that krew accepts: its schema and its validation.

use std::{collections::BTreeMap, fs, path::Path};

use serde::Deserialize;

const TAG: &str = "v1.2.3";

/// krew's types; unknown fields are errors.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Plugin {
    api_version: String,
    kind: String,
    metadata: Metadata,
    spec: Spec,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Metadata {
    name: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Spec {
    version: String,
    homepage: String,
    short_description: String,
    description: String,
    caveats: String,
    platforms: Vec<Platform>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Platform {
    selector: Selector,
    uri: String,
    sha256: String,
    bin: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Selector {
    match_labels: BTreeMap<String, String>,
}

fn template() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(".krew.yaml")).unwrap()
}

/// As krew-release-bot renders it for a tag: the call becomes two lines, the second one indented by four spaces.
fn rendered() -> Plugin {
    let lines = template().lines().map(|line| line.to_owned() + "\n").collect::<Vec<_>>();
    let lines = lines.iter().map(|line| match line.trim().strip_prefix("{{addURIAndSha \"") {
        Some(call) => {
            let (uri, rest) = call.split_once('"').unwrap();
            assert_eq!(rest, " .TagName }}");
            let indent = " ".repeat(line.len() - line.trim_start().len());
            let sha256 = "0123456789abcdef".repeat(4);
            format!("{indent}uri: {uri}\n    sha256: {sha256}\n")
        }
        None => line.clone(),
    });
    let text = lines.collect::<String>().replace("{{ .TagName }}", TAG);
    assert!(!text.contains("{{"), "{text}");
    serde_saphyr::from_str(&text).unwrap()
}

#[test]
fn the_manifest_is_krew_s() {
    let plugin = rendered();
    assert_eq!(plugin.api_version, "krew.googlecontainertools.github.com/v1alpha2");
    assert_eq!((&*plugin.kind, &*plugin.metadata.name), ("Plugin", "portcullis"));
    let spec = plugin.spec;
    assert_eq!(spec.version, TAG);
    assert!(spec.homepage.starts_with("https://"));
    // The rules of krew-index for authors.
    assert!((1..=50).contains(&spec.short_description.len()), "{}", spec.short_description);
    assert!(!spec.short_description.ends_with('.') && !spec.short_description.contains('\n'));
    assert!(spec.description.contains("kubectl portcullis audit"));
    assert!(spec.caveats.contains("kubectl_complete-portcullis"));
}

#[test]
fn each_platform_has_its_archive() {
    let platforms = rendered().spec.platforms;
    let arches: Vec<_> = platforms
        .iter()
        .map(|platform| {
            let labels = &platform.selector.match_labels;
            assert_eq!(labels.len(), 2);
            assert_eq!(labels["os"], "linux");
            let arch = labels["arch"].clone();
            let archive = format!("/releases/download/{TAG}/portcullis-{TAG}-linux-{arch}.tar.gz");
            assert!(platform.uri.starts_with("https://github.com/"), "{}", platform.uri);
            assert!(platform.uri.ends_with(&archive), "{}", platform.uri);
            assert_eq!((&*platform.bin, platform.sha256.len()), ("portcullis", 64));
            arch
        })
        .collect();
    assert_eq!(arches, ["amd64", "arm64"]);
}

/// The file contains nothing that looks like a checksum.
#[test]
fn there_is_no_checksum_to_forget() {
    assert!(!template().contains("sha256"));
}
