//! The table of Kubernetes' fields equals the API of the pinned version. `just fields` writes it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use serde_json::Value;

use crate::support::{go::require_go, skip::Skip, skip::is_set};

/// Group, version and kind of the objects whose fields are in the table.
const KINDS: [(&str, &str, &str); 14] = [
    ("", "v1", "LimitRange"),
    ("", "v1", "Namespace"),
    ("", "v1", "Pod"),
    ("", "v1", "PodTemplate"),
    ("", "v1", "ReplicationController"),
    ("", "v1", "ResourceQuota"),
    ("", "v1", "ServiceAccount"),
    ("apps", "v1", "DaemonSet"),
    ("apps", "v1", "Deployment"),
    ("apps", "v1", "ReplicaSet"),
    ("apps", "v1", "StatefulSet"),
    ("batch", "v1", "CronJob"),
    ("batch", "v1", "Job"),
    ("networking.k8s.io", "v1", "NetworkPolicy"),
];

/// Fields that the server writes. What is in them is no mistake of an author.
const OF_SERVER: [&str; 2] = ["managedFields", "status"];

const FILE: &str = "crates/policy/src/findings/lint/fields.txt";

#[test]
fn the_table_of_fields_is_the_api_of_the_pinned_version() {
    let Ok(module) = kubernetes() else { return };
    let swagger = fs::read_to_string(module.join("api/openapi-spec/swagger.json")).unwrap();
    let expected = table(&serde_json::from_str(&swagger).unwrap(), &module);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    if is_set("PORTCULLIS_REWRITE") {
        fs::write(&file, &expected).unwrap();
    }
    let is = fs::read_to_string(&file).unwrap_or_default();
    let line = is.lines().zip(expected.lines()).find(|(is, expected)| is != expected);
    assert!(is == expected, "{FILE} differs from the API: {line:?}. Run `just fields`");
}

/// The folder of Kubernetes' module, in the version that the tests build.
fn kubernetes() -> Result<PathBuf, Skip> {
    require_go()?;
    let module = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/go/controlplane");
    let output = Command::new("go")
        .args(["list", "-m", "-f", "{{.Dir}}", "k8s.io/kubernetes"])
        .current_dir(module)
        .output()
        .unwrap();
    let folder = PathBuf::from(String::from_utf8(output.stdout).unwrap().trim());
    if folder.is_dir() { Ok(folder) } else { Err(Skip::needs("the module k8s.io/kubernetes")) }
}

fn table(swagger: &Value, module: &Path) -> String {
    let definitions = swagger["definitions"].as_object().unwrap();
    let is_kind = |definition: &Value| {
        let kinds = definition["x-kubernetes-group-version-kind"].as_array();
        kinds.into_iter().flatten().any(|it| {
            let word = |name: &str| it[name].as_str().unwrap();
            KINDS.contains(&(word("group"), word("version"), word("kind")))
        })
    };
    let kinds = definitions.iter().filter(|(_, definition)| is_kind(definition));
    let mut todo: Vec<&str> = kinds.map(|(name, _)| &**name).collect();
    assert_eq!(todo.len(), KINDS.len());
    let mut lines = BTreeMap::new();
    let mut names = BTreeSet::new();
    while let Some(name) = todo.pop() {
        let Some(properties) = definitions[name]["properties"].as_object() else { continue };
        if lines.contains_key(name) {
            continue;
        }
        let short = short(name);
        assert!(names.insert(short), "two types are named {short}");
        let mut line = short.to_owned();
        for (field, of) in properties {
            let is_of_server = OF_SERVER.contains(&&**field);
            let of = if is_of_server { "object".to_owned() } else { word(of, &mut todo) };
            line += &format!(" {field}:{of}");
        }
        lines.insert(name, line);
    }
    let version = module.file_name().unwrap().to_str().unwrap().rsplit_once('@').unwrap().1;
    let mut lines: Vec<_> = lines.into_values().collect();
    lines.sort();
    format!(
        "# The types of Kubernetes {version} and their fields. Made of its OpenAPI by `just fields`; do not edit.\n{}\n",
        lines.join("\n")
    )
}

/// The type of a field: `string`, `PodSpec`, `[Container]`, `{Quantity}`.
fn word<'s>(of: &'s Value, todo: &mut Vec<&'s str>) -> String {
    if let Some(reference) = of["$ref"].as_str() {
        let name = reference.strip_prefix("#/definitions/").unwrap();
        todo.push(name);
        return short(name).to_owned();
    }
    match of["type"].as_str().unwrap() {
        "array" => format!("[{}]", word(&of["items"], todo)),
        "object" if of["additionalProperties"].is_object() => {
            format!("{{{}}}", word(&of["additionalProperties"], todo))
        }
        scalar => scalar.to_owned(),
    }
}

fn short(name: &str) -> &str {
    name.rsplit_once('.').unwrap().1
}
