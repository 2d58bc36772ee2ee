//! The cases in YAML files: a request, the namespace's labels, and the complete response and metrics.

use std::{collections::BTreeMap, fs, panic::catch_unwind, path::Path};

use admission::{Hook, Request, Review, Unlisted, answer, respond, review};
use policy::{
    config::Config,
    pss::NEWEST,
    verdict::{Context, ExceptionsAt},
};
use portcullis::{
    config,
    telemetry::{Decision, Metrics, record},
};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    reviews::counted::counted,
    reviews::objects::{Ask, UID},
};

/// Cases, and what they share.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// As in a configuration file, without apiVersion and kind.
    #[serde(default)]
    config: Map<String, Value>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    #[serde(default)]
    hook: HookName,
    /// Merged over the file's configuration.
    #[serde(default)]
    config: Map<String, Value>,
    /// The namespace's labels. A key without a prefix is a standard one.
    #[serde(default)]
    labels: BTreeMap<String, String>,
    /// The error of the lookup, instead of labels.
    lookup: Option<String>,
    #[serde(default)]
    ask: Ask,
    #[serde(default)]
    answer: Expected,
    /// Upstream's counters that increase; all others must not.
    #[serde(default)]
    counts: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum HookName {
    #[default]
    Validate,
    Mutate,
}

/// The complete response: what is omitted here must be absent.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    /// The code of a denial; none for an approval.
    code: Option<u16>,
    reason: Option<String>,
    /// The beginning of the denial's message.
    message: Option<String>,
    /// `field control` for each cause.
    #[serde(default)]
    causes: Vec<String>,
    /// The beginning of each audit annotation.
    #[serde(default)]
    notes: BTreeMap<String, String>,
    /// The beginning of each warning.
    #[serde(default)]
    warnings: Vec<String>,
    /// `op path` for each operation.
    #[serde(default)]
    patch: Vec<String>,
}

#[test]
fn every_case_is_answered_and_counted() {
    let mut wrong = Vec::new();
    for (file, File { config, cases }) in files() {
        for case in cases {
            let at = format!("{file}: {}", case.name);
            // Reports all failures together.
            let is_right = catch_unwind(|| {
                let (response, counts) = play(&case, &config, &at);
                assert_eq!(response["uid"], UID, "{at}");
                check(&response, &case.answer, &at);
                named(&response, &at);
                assert_eq!(counts, case.counts, "{at}: counted");
            });
            if is_right.is_err() {
                wrong.push(at);
            }
        }
    }
    assert_eq!(wrong, [""; 0], "wrong cases");
}

fn play(case: &Case, of_file: &Map<String, Value>, at: &str) -> (Value, Vec<String>) {
    let hook = match case.hook {
        HookName::Validate => Hook::Validate,
        HookName::Mutate => Hook::Mutate,
    };
    let config = config(of_file, &case.config);
    let labels: BTreeMap<_, _> =
        case.labels.iter().map(|(key, value)| (full(key), value.clone())).collect();
    let text = case.ask.filled().text();
    let request = Request::decode(text.as_bytes(), policy::workloads::Kinds::default())
        .unwrap_or_else(|error| panic!("{at}: {error}"));
    let context = Context { config: &config, newest: NEWEST, excepted: ExceptionsAt::none() };
    let outcome = match review(hook, &request, context) {
        Review::Decided(outcome) => outcome,
        Review::AwaitsPolicy(review) => match &case.lookup {
            Some(why) => review.with(Err(why.clone())),
            None => review.with(Ok(&labels)),
        },
        Review::AwaitsPods(review) => {
            let none = review.scan().finish(Unlisted::Known(0));
            review.with(none)
        }
    };
    let answer = answer(&outcome, &request, config.mode);
    let metrics = Metrics::new(0).unwrap();
    let took = std::time::Duration::ZERO;
    let (request, outcome) = (&request, &outcome);
    record(&metrics, &Decision { hook, request, outcome, answer: &answer, context, took });
    let review: Value = serde_json::from_slice(&respond(&answer, &request.uid)).unwrap();
    (review["response"].clone(), counted(&metrics))
}

fn check(response: &Value, expected: &Expected, at: &str) {
    assert_eq!(response["allowed"], expected.code.is_none(), "{at}: {response:#}");
    let status = &response["status"];
    assert_eq!(status["code"].as_u64(), expected.code.map(u64::from), "{at}: {response:#}");
    if let Some(reason) = &expected.reason {
        assert_eq!(status["reason"], **reason, "{at}");
    }
    let message = status["message"].as_str().unwrap_or_default();
    let beginning = expected.message.as_deref().unwrap_or_default();
    assert!(message.starts_with(beginning), "{at}: {message}");
    if !expected.causes.is_empty() {
        let causes = status["details"]["causes"].as_array().into_iter().flatten();
        let causes: Vec<_> = causes
            .map(|cause| {
                [&cause["field"], &cause["reason"]].map(|text| text.as_str().unwrap()).join(" ")
            })
            .collect();
        assert_eq!(causes, expected.causes, "{at}");
    }
    let no_notes = Map::new();
    let notes = response["auditAnnotations"].as_object().unwrap_or(&no_notes);
    assert_eq!(
        notes.keys().collect::<Vec<_>>(),
        expected.notes.keys().collect::<Vec<_>>(),
        "{at}: {notes:?}"
    );
    for (key, beginning) in &expected.notes {
        assert!(notes[key].as_str().unwrap().starts_with(beginning), "{at}: {notes:?}");
    }
    let warnings: Vec<_> = response["warnings"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|warning| warning.as_str().unwrap())
        .collect();
    assert_eq!(warnings.len(), expected.warnings.len(), "{at}: {warnings:#?}");
    for (warning, beginning) in warnings.iter().zip(&expected.warnings) {
        let warning = unnamed(warning);
        assert!(warning.starts_with(beginning), "{at}: {warning}, expected {beginning}");
    }
    assert_eq!(patch(response), expected.patch, "{at}");
}

/// A warning without the object at its beginning: `Deployment "web": `.
fn unnamed(warning: &str) -> String {
    let (dry_run, text) = match warning.strip_prefix("dry run, would deny: ") {
        Some(text) => ("dry run, would deny: ", text),
        None => ("", warning),
    };
    let behind = || {
        let (kind, rest) = text.split_once(" \"")?;
        let (_, rest) = rest.split_once('"')?;
        rest.strip_prefix(": ").filter(|_| !kind.contains(' '))
    };
    format!("{dry_run}{}", behind().unwrap_or(text))
}

/// kubectl prints equal warnings once, so each must name its object.
fn named(response: &Value, at: &str) {
    for warning in response["warnings"].as_array().into_iter().flatten() {
        let warning = warning.as_str().unwrap();
        let is_named =
            ["\"web", "\"shop\"", "\"kube-system\""].iter().any(|name| warning.contains(name));
        assert!(is_named, "{at}: {warning}");
    }
}

/// `op path` for each operation of the patch.
fn patch(response: &Value) -> Vec<String> {
    use base64::Engine as _;
    let Some(patch) = response["patch"].as_str() else {
        assert!(response["patchType"].is_null());
        return Vec::new();
    };
    assert_eq!(response["patchType"], "JSONPatch");
    let patch = base64::engine::general_purpose::STANDARD.decode(patch).unwrap();
    let patch: json_patch::Patch = serde_json::from_slice(&patch).unwrap();
    let verb = |operation: &json_patch::PatchOperation| match operation {
        json_patch::PatchOperation::Add(_) => "add",
        json_patch::PatchOperation::Remove(_) => "remove",
        _ => "another",
    };
    patch.iter().map(|operation| format!("{} {}", verb(operation), operation.path())).collect()
}

fn config(of_file: &Map<String, Value>, of_case: &Map<String, Value>) -> Config {
    let mut config = of_file.clone();
    config.extend(of_case.clone());
    config.insert("apiVersion".to_owned(), "portcullis.dev/v1alpha1".into());
    config.insert("kind".to_owned(), "Configuration".into());
    let text = Value::from(config).to_string();
    config::parse(&text, Path::new("case")).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn full(label: &str) -> String {
    if label.contains('/') {
        label.to_owned()
    } else {
        format!("pod-security.kubernetes.io/{label}")
    }
}

fn files() -> Vec<(String, File)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reviews");
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .filter(|path| path.file_stem().is_some_and(|stem| stem != "objects"))
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let file = serde_saphyr::from_str(&fs::read_to_string(&path).unwrap());
            (name, file.unwrap_or_else(|error| panic!("{}: {error}", path.display())))
        })
        .collect();
    files.sort_by(|(one, _), (other, _)| one.cmp(other));
    assert!(files.len() > 3, "cases are missing");
    files
}
