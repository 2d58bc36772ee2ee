//! Files that a kustomization lists as patches. Such a file is not judged on its own: only the result of applying it
//! runs.

use std::{
    collections::{HashMap, HashSet},
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::{Skip, Source};

/// File names of kustomizations, in kustomize's order (`api/konfig/general.go`).
const NAMES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];
/// In bytes; larger than any real kustomization.
const MAX_FILE: u64 = 4 << 20;
/// How many parent folders are searched for a kustomization.
const MAX_ABOVE: usize = 16;
/// How deep components may refer to components.
const MAX_COMPONENTS: usize = 8;

pub(super) fn is_one(path: &Path) -> bool {
    path.file_name().is_some_and(|name| NAMES.iter().any(|known| name == *known))
}

/// Marks sources as skipped if a kustomization lists them as patches, or if they are kustomizations without a kind.
/// Considers kustomizations next to and above the sources, those in `rendered`, and all components that they name.
pub fn without_patches(sources: Vec<Source>, rendered: &[PathBuf]) -> Vec<Source> {
    let mut known = Kustomizations::default();
    for source in &sources {
        if let Source::File(path, _) | Source::Skipped(path, ..) = source {
            known.read_above(path);
        }
    }
    rendered.iter().for_each(|folder| known.read(folder, MAX_COMPONENTS));
    let without = |source: Source| match &source {
        Source::File(path, origin) => match known.listing(path) {
            Some(kustomization) => {
                let why = Skip::Patch(kustomization.to_owned());
                Source::Skipped(path.clone(), why, *origin)
            }
            None if is_one(path) && has_no_kind(path) => {
                let why = Skip::Kustomization(super::folder(path).to_owned());
                Source::Skipped(path.clone(), why, *origin)
            }
            None => source,
        },
        _ => source,
    };
    sources.into_iter().map(without).collect()
}

#[derive(Default)]
struct Kustomizations {
    /// Folders of files, as written.
    folders: HashSet<PathBuf>,
    /// Without links.
    seen: HashSet<PathBuf>,
    /// The kustomization that lists each patch. Both paths without links.
    patches: HashMap<PathBuf, PathBuf>,
}

/// The fields of a kustomization that name patch files.
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
    /// Reads the kustomizations in the folder of a file and in its parent folders.
    fn read_above(&mut self, file: &Path) {
        let folder = super::folder(file);
        if !self.folders.insert(folder.to_owned()) {
            return;
        }
        // Paths as written come first, because messages show them.
        for above in folder.ancestors().take(MAX_ABOVE).filter(|it| !it.as_os_str().is_empty()) {
            self.read(above, MAX_COMPONENTS);
        }
        let Ok(folder) = fs::canonicalize(folder) else { return };
        folder.ancestors().take(MAX_ABOVE).for_each(|above| self.read(above, MAX_COMPONENTS));
    }

    /// Ignores an unreadable kustomization: kustomize reports what is wrong with it.
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

/// Whether no document in the file has a kind. Kustomize accepts that, the API server does not.
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
