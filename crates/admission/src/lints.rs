//! Warnings about settings without effect, for what a user applies.
//!
//! The API server drops unknown fields before it sends a review. They are only in the annotation in which `kubectl apply`
//! keeps the manifest, so objects without it are not read again. The API server itself warns about annotations for AppArmor
//! and seccomp.

use std::{collections::BTreeMap, marker::PhantomData};

use memchr::memmem;
use serde::Deserialize;

use policy::{
    findings::{
        Identity, Lint,
        lint::{self, LAST_APPLIED},
    },
    json,
    pss::{Labels, Minor, Pod, or_default},
    workloads::{PodRoot, Target},
};

use super::{
    request::{Operation, Request},
    review::Outcome,
};

/// Maximum number of lines.
const MAX_LINES: usize = 2;
/// Maximum size of all annotations of an object in bytes (`apimachinery/pkg/api/validation/objectmeta.go`).
const MAX_ANNOTATIONS: usize = 256 << 10;
/// Accounts of the controllers that create objects from others.
const CONTROLLERS: [&str; 2] =
    ["system:serviceaccount:kube-system:", "system:kube-controller-manager"];

/// The first lints of the object of a request, and how many there are.
pub(super) fn lines(outcome: &Outcome<'_>, request: &Request<'_>) -> Vec<String> {
    let is_made = CONTROLLERS.iter().any(|name| request.user.name.starts_with(name));
    let is_applied = matches!(request.operation, Operation::Create | Operation::Update);
    if is_made || request.user.is_node || !is_applied || !request.subresource.is_empty() {
        return Vec::new();
    }
    let lints = match outcome {
        Outcome::Pod(verdict) => of_pod(verdict.case.pod),
        Outcome::Workload { held, .. } => {
            let pods = held.iter().map(|one| (one.root, one.verdict.case.pod));
            [of_pods(pods), of_applied(request)].concat()
        }
        Outcome::Ignore | Outcome::Namespace(_) if request.target() == Target::Namespace => {
            of_namespace(request)
        }
        Outcome::Ignore
        | Outcome::Exempt(_)
        | Outcome::Privileged
        | Outcome::Namespace(_)
        | Outcome::Harden(_)
        | Outcome::Refuse(_)
        | Outcome::Pass(_) => Vec::new(),
    };
    let more = lints.len().saturating_sub(MAX_LINES);
    let line = |(index, Lint { field, message, .. }): (usize, &Lint)| match more {
        more if more > 0 && index + 1 == MAX_LINES => {
            format!("{field}: {message} (and {more} more)")
        }
        _ => format!("{field}: {message}"),
    };
    lints.iter().take(MAX_LINES).enumerate().map(line).collect()
}

/// A pod without a controller: the author of a template was warned already. What was applied is not read again, because
/// every pod would pay for it: kubectl refuses unknown fields by default, and `check` and `audit`
/// report them.
fn of_pod(pod: &Pod<'_>) -> Vec<Lint> {
    match pod.metadata.controller() {
        Some(_) => Vec::new(),
        None => of_pods(std::iter::once((&PodRoot::POD, pod))),
    }
}

fn of_pods<'p>(pods: impl Iterator<Item = (&'p PodRoot, &'p Pod<'p>)>) -> Vec<Lint> {
    // Its fields are empty, so it costs nothing, and the warning names the object.
    let object = Identity::default();
    pods.flat_map(|(root, pod)| lint::of_pod(pod, root, &object, NO_ANNOTATIONS)).collect()
}

/// A version before the first in which annotations for profiles are lints.
const NO_ANNOTATIONS: Minor = Minor(0);

fn of_namespace(request: &Request<'_>) -> Vec<Lint> {
    let Metadata { labels, annotations } = metadata(request);
    let owned = |labels: &Labels<'_>| -> BTreeMap<_, _> {
        let read = labels.iter().filter(|(key, _)| lint::is_of_policy(key));
        read.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    };
    // A request that sets an invalid label is denied.
    let mut lints =
        lint::of_namespace(&owned(&labels), &owned(&annotations), [], &Identity::default());
    lints.extend(of_applied(request));
    lints
}

fn of_applied(request: &Request<'_>) -> Vec<Lint> {
    let Some(text) = applied(request.text) else { return Vec::new() };
    let group = request.group.as_str();
    let api_version = if group.is_empty() { "v1".to_owned() } else { format!("{group}/v1") };
    let kind = request.kind.to_string();
    lint::of_text(&text, &Identity { api_version, kind, ..Identity::default() })
}

/// What was applied, read where the review names the annotation first: kube-apiserver sends the keys of an object in their
/// order, and the object before the old one. Reading the whole review once more would cost as much as judging it.
fn applied(review: &str) -> Option<String> {
    let at = memmem::find(review.as_bytes(), LAST_APPLIED.as_bytes())?;
    let (before, rest) = review.split_at_checked(at)?;
    if memmem::find(before.as_bytes(), b"\"oldObject\":").is_some() {
        return None;
    }
    let value = rest.get(LAST_APPLIED.len()..)?.strip_prefix("\":")?;
    let value = value.get(..value.floor_char_boundary(MAX_ANNOTATIONS))?;
    String::deserialize(&mut serde_json::Deserializer::from_str(value)).ok()
}

/// The metadata of the object. Empty if the review has more than a review may have.
fn metadata<'a>(request: &Request<'a>) -> Metadata<'a> {
    #[derive(Deserialize)]
    struct Review<'a> {
        #[serde(borrow)]
        request: Body<'a>,
    }
    #[derive(Deserialize)]
    struct Body<'a> {
        #[serde(borrow)]
        object: Object<'a>,
    }
    #[derive(Deserialize)]
    struct Object<'a> {
        #[serde(borrow, default, deserialize_with = "or_default")]
        metadata: Metadata<'a>,
    }
    let review = json::from_untrusted(request.text, PhantomData::<Review<'_>>);
    review.map(|review| review.request.object.metadata).unwrap_or_default()
}

#[derive(Default, Deserialize)]
struct Metadata<'a> {
    #[serde(borrow, default)]
    labels: Labels<'a>,
    #[serde(borrow, default)]
    annotations: Labels<'a>,
}
