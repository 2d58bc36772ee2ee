//! Exceptions from files, for checks without a cluster, or with exceptions that a cluster does not have yet.

use std::collections::HashSet;

use serde_json::Value;

use manifest::Line;
use policy::exceptions::{Exception, Expiry};

use crate::input::Source;

use super::compile::compile;

/// Maximum depth of nested lists.
const MAX_NESTED: usize = 8;

/// Why the exceptions of a file are unusable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{why}", line.map(|line| format!("line {line}: ")).unwrap_or_default())]
pub struct Unreadable {
    /// The line of the document, from 1.
    pub line: Option<Line>,
    /// The problem.
    pub why: String,
}

/// Reads the PolicyExceptions of a YAML or JSON text, and skips other objects. Without a namespace, only the object's
/// name identifies an exception.
///
/// # Errors
/// All unreadable and invalid objects, because a check with some of its exceptions misleads.
pub fn read(text: &[u8], expiry: Expiry) -> Result<Vec<Exception>, Vec<Unreadable>> {
    let mut exceptions: Vec<Exception> = Vec::new();
    let mut names = HashSet::new();
    let mut errors = Vec::new();
    for document in manifest::values(text) {
        match document {
            Ok((extent, value)) => {
                let mut tell = |object: &Value| match exception(object, expiry) {
                    Ok(read) if !names.insert(read.name.clone()) => {
                        let why = format!("PolicyException {} stands twice", read.name);
                        errors.push(Unreadable { line: Some(extent.line), why });
                    }
                    Ok(read) => exceptions.push(read),
                    Err(why) => errors.push(Unreadable { line: Some(extent.line), why }),
                };
                each(&value, MAX_NESTED, &mut tell);
            }
            Err(error) => errors.push(Unreadable { line: error.line, why: error.why }),
        }
    }
    if errors.is_empty() { Ok(exceptions) } else { Err(errors) }
}

/// Reads the exceptions of all sources. Their names must be unique.
///
/// # Errors
/// The first source with errors, and all of its errors.
pub fn read_all(
    sources: impl IntoIterator<Item = Source>,
    expiry: Expiry,
) -> Result<Vec<Exception>, (Source, Vec<Unreadable>)> {
    let mut all: Vec<Exception> = Vec::new();
    let mut names: HashSet<String> = HashSet::new();
    for source in sources.into_iter().filter(|source| !matches!(source, Source::Skipped(..))) {
        let whole = |why| vec![Unreadable { line: None, why }];
        let text = source.read().map_err(whole);
        let read = match text.and_then(|text| read(&text, expiry)) {
            Ok(read) => read,
            Err(wrong) => return Err((source, wrong)),
        };
        if let Some(twice) = read.iter().find(|one| names.contains(&one.name)) {
            let why = format!("PolicyException {} stands in another file, too", twice.name);
            return Err((source, whole(why)));
        }
        names.extend(read.iter().map(|exception| exception.name.clone()));
        all.extend(read);
    }
    Ok(all)
}

/// Passes on the object, or the items of a list.
fn each(object: &Value, depth: usize, tell: &mut impl FnMut(&Value)) {
    let text = |key: &str| object.get(key).and_then(Value::as_str).unwrap_or_default();
    let (version, kind) = (text("apiVersion"), text("kind"));
    if kind == "PolicyException" && version.starts_with("portcullis.dev/") {
        tell(object);
    } else if kind.ends_with("List") && depth > 0 {
        let items = object.get("items").and_then(Value::as_array);
        items.into_iter().flatten().for_each(|item| each(item, depth - 1, tell));
    }
}

fn exception(object: &Value, expiry: Expiry) -> Result<Exception, String> {
    let version = object.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
    if version != "portcullis.dev/v1alpha1" {
        return Err(format!("apiVersion: {version:?}: must be portcullis.dev/v1alpha1"));
    }
    let metadata = |key: &str| object.get("metadata")?.get(key)?.as_str();
    let name = metadata("name").ok_or("metadata.name: must be set")?;
    let name = match metadata("namespace") {
        Some(namespace) => format!("{namespace}/{name}"),
        None => name.to_owned(),
    };
    let spec = object.get("spec").unwrap_or(&Value::Null);
    compile(&name, spec, expiry).map_err(|why| format!("PolicyException {name}: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "
apiVersion: portcullis.dev/v1alpha1
kind: PolicyException
metadata: {name: agent, namespace: portcullis}
spec:
  match: {namespaces: [shop]}
  allow: {hostPorts: [9100, 30000-30010], hostNamespaces: [network]}
  reason: it reads packets
  owner: team-net
  expires: 2027-01-31T00:00:00Z
";

    fn read_all(text: &str) -> Result<Vec<String>, String> {
        match read(text.as_bytes(), Expiry::Required) {
            Ok(exceptions) => Ok(exceptions.into_iter().map(|exception| exception.name).collect()),
            Err(errors) => {
                Err(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
            }
        }
    }

    #[test]
    fn exceptions_are_read_among_other_objects() {
        let text = format!(
            "kind: Pod\napiVersion: v1\n---{GOOD}---{}",
            GOOD.replace("agent, namespace: portcullis", "other")
        );
        assert_eq!(read_all(&text).unwrap(), ["portcullis/agent", "other"]);
        let items = GOOD.trim().replace('\n', "\n  ");
        let list = format!("apiVersion: v1\nkind: List\nitems:\n- {items}\n");
        assert_eq!(read_all(&list).unwrap(), ["portcullis/agent"]);
        assert_eq!(read_all("").unwrap(), [""; 0]);
    }

    #[test]
    fn all_that_is_wrong_is_told() {
        let text = format!(
            "{}---{}---{GOOD}---{GOOD}",
            GOOD.replace("9100", "0"),
            GOOD.replace("v1alpha1", "v1")
        );
        let said = read_all(&text).unwrap_err();
        let said: Vec<_> = said.lines().collect();
        assert_eq!(said.len(), 3, "{said:?}");
        assert!(
            said[0].contains(
                "PolicyException portcullis/agent: spec.allow.hostPorts[0]: \"0\": must lie within"
            ),
            "{said:?}"
        );
        assert!(
            said[1].contains("apiVersion: \"portcullis.dev/v1\": must be portcullis.dev/v1alpha1"),
            "{said:?}"
        );
        assert!(said[2].contains("stands twice") && said[2].starts_with("line 3"), "{said:?}");
        assert!(read_all("a: [").is_err());
    }
}
