//! The volumes of a pod as folders, kept as the kubelet keeps them: `..data` points to the files of one state
//! of the cluster, and is turned to the next at once.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use serde_json::{Value, json};

use super::env::field;
use crate::support::user::User;

/// File names and contents.
type Files = BTreeMap<String, Vec<u8>>;

/// The volumes of one pod.
#[derive(Debug)]
pub(super) struct Volumes {
    folder: PathBuf,
    /// What was written last, by volume.
    written: BTreeMap<String, Files>,
    /// One token for each audience; the tests are over long before it ends.
    tokens: BTreeMap<String, String>,
}

impl Volumes {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder, written: BTreeMap::new(), tokens: BTreeMap::new() }
    }

    /// The folder of a volume.
    pub(super) fn path(&self, volume: &str) -> PathBuf {
        self.folder.join(volume)
    }

    /// Brings all of them to what the cluster has.
    ///
    /// # Errors
    /// What cannot be read now; the pod has to wait for it.
    pub(super) async fn refresh(&mut self, user: &User, pod: &Value) -> Result<(), String> {
        for volume in pod["spec"]["volumes"].as_array().into_iter().flatten() {
            let name = volume["name"].as_str().unwrap();
            let path = self.path(name);
            fs::create_dir_all(&path).unwrap();
            if volume.get("emptyDir").is_some() {
                fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
                continue;
            }
            let (files, mode) = self.read(user, pod, volume).await?;
            if self.written.get(name) != Some(&files) {
                write(&path, self.written.len(), &files, mode, fs_group(pod));
                self.written.insert(name.to_owned(), files);
            }
        }
        Ok(())
    }

    /// The files of a volume and their mode.
    async fn read(
        &mut self,
        user: &User,
        pod: &Value,
        volume: &Value,
    ) -> Result<(Files, u32), String> {
        let mode = |source: &Value| {
            source["defaultMode"].as_u64().map_or(0o644, |mode| u32::try_from(mode).unwrap())
        };
        for kind in ["configMap", "secret", "downwardAPI"] {
            if let Some(source) = volume.get(kind) {
                return Ok((self.source(user, pod, kind, source).await?, mode(source)));
            }
        }
        let projected = volume.get("projected").unwrap_or_else(|| {
            panic!("the nodelet has no volumes like {volume}: teach it, or leave it out")
        });
        let mut files = Files::new();
        for source in projected["sources"].as_array().into_iter().flatten() {
            for (kind, source) in source.as_object().into_iter().flatten() {
                files.extend(self.source(user, pod, kind, source).await?);
            }
        }
        Ok((files, mode(projected)))
    }

    async fn source(
        &mut self,
        user: &User,
        pod: &Value,
        kind: &str,
        source: &Value,
    ) -> Result<Files, String> {
        match kind {
            "configMap" => object(user, pod, "configmaps", &source["name"], source).await,
            "secret" => {
                let name = source.get("secretName").unwrap_or(&source["name"]);
                object(user, pod, "secrets", name, source).await
            }
            "downwardAPI" => Ok(source["items"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|item| {
                    let path = item["path"].as_str().unwrap().to_owned();
                    (path, field(pod, &item["fieldRef"]["fieldPath"]).into_bytes())
                })
                .collect()),
            "serviceAccountToken" => {
                let path = source["path"].as_str().unwrap().to_owned();
                let token = self.token(user, pod, source).await?;
                Ok(Files::from([(path, token.into_bytes())]))
            }
            other => panic!("the nodelet projects no {other}: teach it, or leave it out"),
        }
    }

    /// A token of the pod's account, bound to the pod, as a kubelet asks for it.
    async fn token(&mut self, user: &User, pod: &Value, source: &Value) -> Result<String, String> {
        let audience = source["audience"].as_str().unwrap_or_default();
        if let Some(token) = self.tokens.get(audience) {
            return Ok(token.clone());
        }
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let path = format!(
            "/api/v1/namespaces/{}/serviceaccounts/{}/token",
            text(&pod["metadata"]["namespace"]),
            text(&pod["spec"]["serviceAccountName"]),
        );
        let audiences = if audience.is_empty() { vec![] } else { vec![audience] };
        let request = json!({"spec": {
            "audiences": audiences,
            "expirationSeconds": source["expirationSeconds"],
            "boundObjectRef": {
                "kind": "Pod", "apiVersion": "v1",
                "name": pod["metadata"]["name"], "uid": pod["metadata"]["uid"],
            },
        }});
        let content = Some(("application/json", &request));
        let answer = user.try_ask(Method::POST, &path, content).await;
        let answer = answer.map_err(|error| error.to_string())?;
        let token = answer.body["status"]["token"].as_str();
        let token = token.ok_or_else(|| format!("no token: {}", answer.body))?.to_owned();
        self.tokens.insert(audience.to_owned(), token.clone());
        Ok(token)
    }
}

/// The keys of a ConfigMap or Secret as files, or those that are listed.
async fn object(
    user: &User,
    pod: &Value,
    resource: &str,
    name: &Value,
    source: &Value,
) -> Result<Files, String> {
    let (namespace, name) =
        (pod["metadata"]["namespace"].as_str().unwrap(), name.as_str().unwrap());
    let path = format!("/api/v1/namespaces/{namespace}/{resource}/{name}");
    let answer = user.try_get(&path).await.map_err(|error| error.to_string())?;
    if answer.code == 404 && source["optional"] == true {
        return Ok(Files::new());
    }
    if answer.code != 200 {
        return Err(format!("{path}: {}", answer.message()));
    }
    let mut files = Files::new();
    for (key, value) in answer.body["data"].as_object().into_iter().flatten() {
        let text = value.as_str().unwrap();
        let is_secret = resource == "secrets";
        let bytes = if is_secret { STANDARD.decode(text).unwrap() } else { text.into() };
        files.insert(key.clone(), bytes);
    }
    let Some(items) = source["items"].as_array() else {
        return Ok(files);
    };
    let mut listed = Files::new();
    for item in items {
        let (key, to) = (item["key"].as_str().unwrap(), item["path"].as_str().unwrap());
        match files.get(key) {
            Some(bytes) => listed.insert(to.to_owned(), bytes.clone()),
            None if source["optional"] == true => None,
            None => return Err(format!("{path} has no key {key}")),
        };
    }
    Ok(listed)
}

fn fs_group(pod: &Value) -> Option<u32> {
    pod["spec"]["securityContext"]["fsGroup"].as_u64().map(|group| u32::try_from(group).unwrap())
}

/// Writes the files into a new folder, and turns `..data` to it.
fn write(volume: &Path, number: usize, files: &Files, mode: u32, group: Option<u32>) {
    let state = (number..).map(|number| format!("..state-{number}"));
    let state = state.into_iter().find(|name| !volume.join(name).exists()).unwrap();
    let folder = volume.join(&state);
    for (name, contents) in files {
        let file = folder.join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, contents).unwrap();
        let mode = if group.is_some() { mode | 0o440 } else { mode };
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        chown(&file, None, group).unwrap();
    }
    fs::create_dir_all(&folder).unwrap();
    let _ = fs::remove_file(volume.join("..next"));
    symlink(&state, volume.join("..next")).unwrap();
    fs::rename(volume.join("..next"), volume.join("..data")).unwrap();
    for entry in fs::read_dir(&folder).unwrap() {
        let name = entry.unwrap().file_name();
        if !volume.join(&name).is_symlink() {
            symlink(Path::new("..data").join(&name), volume.join(&name)).unwrap();
        }
    }
}
