//! Files that a kustomization lists as patches. They are applied to what it takes from elsewhere: what comes of both is
//! what runs, and they are not.

use std::{
    collections::{HashMap, HashSet},
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use crate::manifest;

use super::{Skip, Source};

/// What kustomize takes for one, in its order (`api/konfig/general.go`).
const NAMES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];
/// Larger than any that somebody writes, in bytes.
const MAX_FILE: u64 = 4 << 20;
/// Folders above a file in which a kustomization is looked for.
const MAX_ABOVE: usize = 16;
/// Components of components.
const MAX_COMPONENTS: usize = 8;

/// Whether a file is a kustomization by its name.
pub(super) fn is_one(path: &Path) -> bool {
    path.file_name().is_some_and(|name| NAMES.iter().any(|known| name == *known))
}

/// The same sources, but those that a kustomization lists as patches are skipped, and kustomizations without a kind. Known are the kustomizations beside
/// and above the sources, those in `rendered`, and the components that all of them name.
pub fn without_patches(sources: Vec<Source>, rendered: &[PathBuf]) -> Vec<Source> {
    let mut known = Kustomizations::default();
    for source in &sources {
        if let Source::File(path) | Source::Outside(path) | Source::Skipped(path, _) = source {
            known.read_above(path);
        }
    }
    rendered.iter().for_each(|folder| known.read(folder, MAX_COMPONENTS));
    let without = |source: Source| match &source {
        Source::File(path) | Source::Outside(path) => match known.listing(path) {
            Some(kustomization) => {
                Source::Skipped(path.clone(), Skip::Patch(kustomization.to_owned()))
            }
            None if is_one(path) && has_no_kind(path) => {
                let why = Skip::Kustomization(super::folder(path).to_owned());
                Source::Skipped(path.clone(), why)
            }
            None => source,
        },
        _ => source,
    };
    sources.into_iter().map(without).collect()
}

#[derive(Default)]
struct Kustomizations {
    /// Of files, as they are written.
    folders: HashSet<PathBuf>,
    /// Without links.
    seen: HashSet<PathBuf>,
    /// The kustomization of each patch. Both without links.
    patches: HashMap<PathBuf, PathBuf>,
}

/// What of a kustomization names files with patches.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Kustomization {
    patches: Option<Vec<Patch>>,
    patches_strategic_merge: Option<Vec<String>>,
    #[serde(rename = "patchesJson6902")]
    patches_json6902: Option<Vec<Patch>>,
    components: Option<Vec<String>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Patch {
    path: Option<String>,
}

impl Kustomizations {
    /// The kustomizations in the folder of a file and in those above it.
    fn read_above(&mut self, file: &Path) {
        let folder = super::folder(file);
        if !self.folders.insert(folder.to_owned()) {
            return;
        }
        // First as they are written, so that they are named so.
        for above in folder.ancestors().take(MAX_ABOVE).filter(|it| !it.as_os_str().is_empty()) {
            self.read(above, MAX_COMPONENTS);
        }
        let Ok(folder) = fs::canonicalize(folder) else { return };
        folder.ancestors().take(MAX_ABOVE).for_each(|above| self.read(above, MAX_COMPONENTS));
    }

    /// What cannot be read lists nothing: kustomize says what is wrong with it.
    fn read(&mut self, folder: &Path, depth: usize) {
        let Ok(real) = fs::canonicalize(folder) else { return };
        if depth == 0 || !self.seen.insert(real) {
            return;
        }
        let files = NAMES.iter().map(|name| folder.join(name));
        let Some((text, file)) = files.into_iter().find_map(|file| Some((read(&file)?, file)))
        else {
            return;
        };
        for document in manifest::values(text.as_bytes()).flatten() {
            let Ok(listed) = serde_json::from_value::<Kustomization>(document.1) else { continue };
            let paths = [listed.patches, listed.patches_json6902].into_iter().flatten().flatten();
            let paths = paths.filter_map(|patch| patch.path);
            for path in paths.chain(listed.patches_strategic_merge.into_iter().flatten()) {
                if let Ok(path) = fs::canonicalize(folder.join(path)) {
                    self.patches.entry(path).or_insert_with(|| file.clone());
                }
            }
            for component in listed.components.into_iter().flatten() {
                self.read(&folder.join(component), depth - 1);
            }
        }
    }

    fn listing(&self, path: &Path) -> Option<&Path> {
        if self.patches.is_empty() {
            return None;
        }
        let path = fs::canonicalize(path).ok()?;
        self.patches.get(&path).map(PathBuf::as_path)
    }
}

/// Whether a file says of nothing in it what kind it is, as kustomize takes it and no API server does.
fn has_no_kind(file: &Path) -> bool {
    let Some(text) = read(file) else { return false };
    let mut documents = manifest::values(text.as_bytes());
    documents.all(|document| {
        document.is_ok_and(|(_, value)| value.is_object() && value.get("kind").is_none())
    })
}

fn read(file: &Path) -> Option<String> {
    let about = fs::metadata(file).ok()?;
    if !about.is_file() || about.len() > MAX_FILE {
        return None;
    }
    fs::read_to_string(file).ok()
}
