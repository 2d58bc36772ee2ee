//! Kustomizations: which files they list as patches, and what they render.

use std::{
    collections::{HashMap, HashSet},
    ffi::{OsStr, OsString},
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use serde_json::Value;

/// File names of kustomizations, in kustomize's order (`api/konfig/general.go`).
const NAMES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];
/// In bytes; larger than any real kustomization.
const MAX_FILE: u64 = 4 << 20;
/// How deep kustomizations may refer to others.
const MAX_REFERENCES: usize = 8;

pub(super) fn is_one(path: &Path) -> bool {
    path.file_name().is_some_and(|name| NAMES.iter().any(|known| name == *known))
}

/// The kustomizations that are known.
#[derive(Default)]
pub(super) struct Kustomizations {
    /// Folders of files, as written.
    folders: HashSet<PathBuf>,
    /// By their folders without links. None for a folder without a kustomization.
    known: HashMap<PathBuf, Option<Known>>,
    /// The kustomization that lists each patch. Both paths without links.
    patches: HashMap<PathBuf, PathBuf>,
    /// The names of these patches.
    names: HashSet<OsString>,
}

/// A kustomization. What it refers to is without links.
struct Known {
    form: Form,
    files: Vec<PathBuf>,
    folders: Vec<PathBuf>,
}

/// What the file of a kustomization is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// A kustomization.
    Whole,
    /// The same without a kind, which kustomize accepts and the API server does not.
    WithoutKind,
    /// A part of others, which cannot be rendered alone.
    Component,
    /// A file that only has the name of one.
    Other,
}

/// The fields of a kustomization that name files and folders.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Kustomization {
    patches: Option<Vec<Patch>>,
    patches_strategic_merge: Option<Vec<String>>,
    #[serde(rename = "patchesJson6902")]
    patches_json6902: Option<Vec<Patch>>,
    components: Option<Vec<String>>,
    resources: Option<Vec<String>>,
    bases: Option<Vec<String>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Patch {
    path: Option<String>,
}

impl Kustomizations {
    /// Reads the kustomizations in the folder of a file and in its parent folders.
    pub(super) fn read_above(&mut self, file: &Path) {
        let folder = super::folder(file);
        if self.folders.contains(folder) {
            return;
        }
        // Paths as written come first, because messages show them.
        self.read_folders(folder);
        let Ok(folder) = fs::canonicalize(folder) else { return };
        self.read_folders(&folder);
    }

    /// Reads the kustomizations in a folder and above it, up to one for which this was done before.
    fn read_folders(&mut self, folder: &Path) {
        for above in folder.ancestors().filter(|it| !it.as_os_str().is_empty()) {
            if !self.folders.insert(above.to_owned()) {
                return;
            }
            self.read(above);
        }
    }

    /// Reads the kustomization of a folder, and all that it refers to.
    pub(super) fn read(&mut self, folder: &Path) {
        self.read_within(folder, MAX_REFERENCES);
    }

    /// Ignores an unreadable kustomization: kustomize reports what is wrong with it.
    fn read_within(&mut self, folder: &Path, depth: usize) {
        let files = NAMES.iter().map(|name| folder.join(name));
        // Most folders have none, so nothing else is done before.
        let Some(file) = files.into_iter().find(|file| file.is_file()) else { return };
        let Ok(real) = fs::canonicalize(folder) else { return };
        if depth == 0 || self.known.contains_key(&real) {
            return;
        }
        self.known.insert(real.clone(), None);
        let Some(text) = read(&file) else { return };
        let values: Vec<_> = manifest::values(text.as_bytes()).flatten().map(|it| it.1).collect();
        let mut known = Known { form: form(&values), files: Vec::new(), folders: Vec::new() };
        for value in values {
            let Ok(listed) = serde_json::from_value::<Kustomization>(value) else { continue };
            let paths = [listed.patches, listed.patches_json6902].into_iter().flatten().flatten();
            let paths = paths.filter_map(|patch| patch.path);
            for path in paths.chain(listed.patches_strategic_merge.into_iter().flatten()) {
                if let Ok(path) = fs::canonicalize(folder.join(path)) {
                    self.names.extend(path.file_name().map(OsStr::to_owned));
                    self.patches.entry(path).or_insert_with(|| file.clone());
                }
            }
            let others = [listed.components, listed.resources, listed.bases];
            for other in others.into_iter().flatten().flatten() {
                let other = folder.join(other);
                // A URL is no path.
                let Ok(real) = fs::canonicalize(&other) else { continue };
                if real.is_dir() {
                    self.read_within(&other, depth - 1);
                    known.folders.push(real);
                } else {
                    known.files.push(real);
                }
            }
        }
        self.known.insert(real, Some(known));
    }

    /// The kustomization that lists a file as a patch.
    pub(super) fn listing(&self, path: &Path) -> Option<&Path> {
        // Links have any name.
        let may_be = path.file_name().is_some_and(|name| self.names.contains(name));
        if self.patches.is_empty() || !may_be && !path.is_symlink() {
            return None;
        }
        let path = fs::canonicalize(path).ok()?;
        self.patches.get(&path).map(PathBuf::as_path)
    }

    /// What the file of a kustomization is.
    pub(super) fn form(&self, file: &Path) -> Form {
        self.of(super::folder(file)).map_or(Form::Other, |known| known.form)
    }

    /// The folders of other kustomizations that the one in a folder renders. Without links.
    pub(super) fn parts(&self, folder: &Path) -> HashSet<PathBuf> {
        let mut all = self.rendered(&[folder.to_owned()]);
        all.retain(|path| self.known.contains_key(path));
        if let Ok(own) = fs::canonicalize(folder) {
            all.remove(&own);
        }
        all
    }

    /// The files, and the folders of kustomizations, that these folders render. Without links.
    pub(super) fn rendered(&self, folders: &[PathBuf]) -> HashSet<PathBuf> {
        let real = folders.iter().filter_map(|folder| fs::canonicalize(folder).ok());
        let (mut left, mut all): (Vec<_>, HashSet<_>) = (real.collect(), HashSet::new());
        while let Some(folder) = left.pop() {
            let known = self.known.get(&folder).and_then(Option::as_ref);
            if let Some(known) = known.filter(|_| all.insert(folder)) {
                all.extend(known.files.iter().cloned());
                left.extend(known.folders.iter().cloned());
            }
        }
        all
    }

    fn of(&self, folder: &Path) -> Option<&Known> {
        self.known.get(&fs::canonicalize(folder).ok()?)?.as_ref()
    }
}

fn form(documents: &[Value]) -> Form {
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let is_kustomize = |value: &Value| {
        let version = text(value, "apiVersion");
        version.is_none_or(|version| version.starts_with("kustomize.config.k8s.io/"))
    };
    match documents {
        [one] if one.is_object() && is_kustomize(one) => match text(one, "kind").as_deref() {
            None => Form::WithoutKind,
            Some("Kustomization") => Form::Whole,
            Some("Component") => Form::Component,
            Some(_) => Form::Other,
        },
        _ => Form::Other,
    }
}

fn read(file: &Path) -> Option<String> {
    let about = fs::metadata(file).ok()?;
    if !about.is_file() || about.len() > MAX_FILE {
        return None;
    }
    fs::read_to_string(file).ok()
}
