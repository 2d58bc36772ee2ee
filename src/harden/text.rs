//! Hardens one text.

use std::{borrow::Cow, convert::Infallible};

use json_patch::{Patch, PatchOperation};

use manifest::{
    Extent, Line, Manifest, Reading, Unreadable,
    edit::{self, Edit, Refusal},
    path::{Path, Step},
    tree::{Repeats, Tree},
};
use policy::{
    config::Config,
    exceptions::Subject,
    harden::{self, Decision, Field, MODE_LABEL, MissingDefault, Mode, Scope},
    pss::{self, NEWEST},
    verdict::{Context, ExceptionsAt, PodCase},
};

use crate::{cluster::Labels, namespaces::Definitions};

use super::verify;

/// The fields to set, and the objects in which to set them.
#[derive(Clone, Debug)]
pub struct Hardener {
    config: Config,
    namespaces: Definitions,
}

/// A hardened text.
#[derive(Clone, Debug)]
pub struct Hardened {
    /// The complete text, changed or not.
    pub text: String,
    /// The edits in order; empty if nothing changed.
    pub edits: Vec<Edit>,
    /// Whether hardening sets `runAsNonRoot` for any pod.
    pub sets_non_root: bool,
    /// The objects in the text that are not for hardening, and why.
    pub skipped: Vec<(Line, String)>,
}

/// Why a text was not changed.
pub type Refused = Unreadable;

#[derive(Default)]
struct Plan {
    planned: Vec<Planned>,
    skipped: Vec<(Line, String)>,
}

pub(super) struct Planned {
    pub(super) document: Extent,
    pod: Path,
    changes: Vec<MissingDefault>,
    /// The patch that `/mutate` would return, applied to the document.
    pub(super) patch: Patch,
}

impl Hardener {
    /// Uses the fields and exemptions of a configuration. Its modes and its exempt users have no effect here.
    pub fn new(config: Config) -> Self {
        Self { config, namespaces: Definitions::default() }
    }

    /// Leaves pods unchanged whose Namespace is defined in the input and switches hardening off, and does not set what
    /// its profile allows.
    #[must_use]
    pub fn with_namespaces(self, namespaces: Definitions) -> Self {
        Self { namespaces, ..self }
    }

    /// Hardens all objects of a text from this source. Deep documents need [`manifest::STACK`] bytes of stack.
    ///
    /// # Errors
    /// Everything that cannot be read or changed. The text then stays unchanged.
    pub fn harden(&self, source: &str, bytes: &[u8]) -> Result<Hardened, Vec<Refused>> {
        let text = readable(bytes).map_err(|refused| vec![refused])?;
        let Plan { planned, skipped } = self.plan(source, text)?;
        let mut edits = edits(text, &planned)?;
        let hardened =
            edit::apply(text, &mut edits).map_err(|refusal| refused(text, vec![refusal]))?;
        if !edits.is_empty() {
            verify::is_as_planned(text, &hardened, &planned)
                .and_then(|()| self.is_done(source, &hardened))
                .map_err(|refused| vec![refused])?;
        }
        let mut fields = planned.iter().flat_map(|planned| &planned.changes);
        let sets_non_root = fields.any(|change| change.field == Field::RunAsNonRoot);
        Ok(Hardened { text: hardened, edits, sets_non_root, skipped })
    }

    fn plan(&self, source: &str, text: &str) -> Result<Plan, Vec<Refused>> {
        let (mut plan, mut unreadable) = (Plan::default(), Vec::new());
        let Ok(()) = manifest::read::<Infallible>(text.as_bytes(), |reading| {
            match reading {
                Reading::Object(manifest) => self.plan_object(source, &manifest, &mut plan),
                Reading::Other(_) | Reading::Namespace(_) => {}
                Reading::Patch(patch) => {
                    plan.skipped.push((patch.line, format!("{patch}; harden what it changes")));
                }
                Reading::Unreadable(why) => unreadable.push(why),
            }
            Ok(())
        });
        match (unreadable.is_empty(), template_line(text)) {
            (true, _) => Ok(plan),
            (false, Some(line)) => Err(vec![unrendered(line)]),
            (false, None) => Err(unreadable),
        }
    }

    fn plan_object(&self, source: &str, manifest: &Manifest<'_>, plan: &mut Plan) {
        let Some(pod) = manifest.pod.as_deref() else { return };
        // Nothing runs in it, so it may be meant for another pod.
        if pod.spec.containers.is_empty() {
            return;
        }
        let namespace = manifest.identity.namespace.as_str();
        let labels = self.namespaces.labels(namespace, source);
        let context =
            Context { config: &self.config, newest: NEWEST, excepted: ExceptionsAt::none() };
        let policy = context.policy(namespace, labels.unwrap_or(&Labels::new()));
        let off = labels.and_then(|labels| self.switched_off(labels, &policy.modes));
        let subject = Subject::made_by(pod, namespace, None);
        let Ok(case) = PodCase::new(&subject, Cow::Owned(policy), context) else { return };
        let changes = case.planned(Scope::Create);
        let path = manifest.pod_path();
        let tokens: Vec<_> = path.clone().key("spec").steps().iter().map(token).collect();
        let tokens: Vec<_> = tokens.iter().map(String::as_str).collect();
        let mut patch = harden::patch(pod, &changes, &tokens);
        // Everything in a manifest is intentional: no plugin of the API server has added it.
        patch.0.retain(|operation| !matches!(operation, PatchOperation::Remove(_)));
        let document = manifest.document.clone();
        match off {
            _ if changes.is_empty() => {}
            Some(why) => {
                plan.skipped.push((manifest.line, format!("{}: {why}", manifest.identity)))
            }
            None => plan.planned.push(Planned { document, pod: path, changes, patch }),
        }
    }

    /// Why a namespace of the input is not hardened. Without its label, the mode is auto, whatever the configuration's.
    fn switched_off(&self, labels: &Labels, modes: &pss::Policy) -> Option<String> {
        let settings = harden::Settings { mode: Mode::Auto, ..self.config.harden.clone() };
        if Decision::of(labels, modes, &settings) != Decision::Nothing {
            return None;
        }
        Some(match modes.is_fully_privileged() {
            true => "its Namespace is privileged in every mode".to_owned(),
            false => format!("its Namespace has the label {MODE_LABEL}=off"),
        })
    }

    fn is_done(&self, source: &str, hardened: &str) -> Result<(), Refused> {
        match self.plan(source, hardened) {
            Ok(plan) if plan.planned.is_empty() => Ok(()),
            Ok(_) => Err(verify::failed(None)),
            Err(mut refused) => Err(verify::failed(refused.pop())),
        }
    }
}

fn token(step: &Step) -> String {
    match step {
        Step::Key(key) => key.to_string(),
        Step::Index(index) => index.to_string(),
    }
}

/// The edits for the document of each object, or all refusals.
fn edits(text: &str, planned: &[Planned]) -> Result<Vec<Edit>, Vec<Refused>> {
    let (mut edits, mut refusals) = (Vec::new(), Vec::new());
    for of_document in planned.chunk_by(|one, other| one.document == other.document) {
        let Some(first) = of_document.first() else { continue };
        let tree = match Tree::parse(text, first.document.bytes.clone(), Repeats::Kept) {
            Ok(tree) => tree,
            Err(error) => {
                refusals.push(Refusal { byte: error.byte, why: error.why });
                continue;
            }
        };
        for object in of_document {
            match edit::edits(&tree, &object.pod, &object.changes) {
                Ok(of_object) => edits.extend(of_object),
                Err(refusal) => refusals.push(refusal),
            }
        }
    }
    if refusals.is_empty() { Ok(edits) } else { Err(refused(text, refusals)) }
}

/// Decodes a text, if it appears to be one.
fn readable(bytes: &[u8]) -> Result<&str, Refused> {
    let at = |end: usize, why: &str| {
        let before = bytes.get(..end).unwrap_or_default();
        Refused { line: Some(Line::FIRST.after_newlines(before)), why: why.to_owned() }
    };
    if let Some(zero) = bytes.iter().position(|byte| *byte == 0) {
        return Err(at(zero, "not a text: it holds a byte of value zero"));
    }
    str::from_utf8(bytes).map_err(|error| at(error.valid_up_to(), "not UTF-8"))
}

/// The first line with `{{` where a value or a line begins, which is a template and not text.
fn template_line(text: &str) -> Option<Line> {
    let is_template = |line: &&str| {
        let is_value =
            |start: &str| line.split(" #").next().is_some_and(|code| code.contains(start));
        line.trim_start().starts_with("{{") || is_value(": {{") || is_value("- {{")
    };
    let line = text.split_inclusive('\n').find(is_template)?;
    let start = line.as_ptr().addr() - text.as_ptr().addr();
    Some(Line::FIRST.after_newlines(text.get(..start)?.as_bytes()))
}

fn unrendered(line: Line) -> Refused {
    let why = "a template that is not rendered: harden what helm template makes of it, and set the same in the \
               template by hand";
    Refused { line: Some(line), why: why.to_owned() }
}

/// Adds line numbers, computed in one pass.
fn refused(text: &str, refusals: Vec<Refusal>) -> Vec<Refused> {
    let (mut line, mut at) = (Line::FIRST, 0);
    let mut refusals = refusals;
    refusals.sort_by_key(|refusal| refusal.byte);
    let refused = refusals.into_iter().map(|Refusal { byte, why }| {
        let between = text.get(at..byte).unwrap_or_default();
        line = line.after_newlines(between.as_bytes());
        at = at.max(byte);
        Refused { line: Some(line), why }
    });
    refused.collect()
}
