//! Hardens one text.

use std::{borrow::Cow, collections::BTreeMap, convert::Infallible};

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
    harden::{self, Field, MissingDefault, Scope},
    pss::NEWEST,
    verdict::{Context, ExceptionsAt, PodCase},
};

use super::verify;

/// The fields to set, and the objects in which to set them.
#[derive(Clone, Debug)]
pub struct Hardener {
    config: Config,
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
    /// Patches in the text, which are not changed because they modify other objects.
    pub patches: Vec<manifest::Patch>,
}

/// Why a text was not changed.
pub type Refused = Unreadable;

struct Plan {
    planned: Vec<Planned>,
    patches: Vec<manifest::Patch>,
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
        Self { config }
    }

    /// Hardens all objects of a text. Deep documents need [`manifest::STACK`] bytes of stack.
    ///
    /// # Errors
    /// Everything that cannot be read or changed. The text then stays unchanged.
    pub fn harden(&self, bytes: &[u8]) -> Result<Hardened, Vec<Refused>> {
        let text = readable(bytes).map_err(|refused| vec![refused])?;
        let Plan { planned, patches } = self.plan(text)?;
        let mut edits = edits(text, &planned)?;
        let hardened =
            edit::apply(text, &mut edits).map_err(|refusal| refused(text, vec![refusal]))?;
        if !edits.is_empty() {
            verify::is_as_planned(text, &hardened, &planned)
                .and_then(|()| self.is_done(&hardened))
                .map_err(|refused| vec![refused])?;
        }
        let mut fields = planned.iter().flat_map(|planned| &planned.changes);
        let sets_non_root = fields.any(|change| change.field == Field::RunAsNonRoot);
        Ok(Hardened { text: hardened, edits, sets_non_root, patches })
    }

    fn plan(&self, text: &str) -> Result<Plan, Vec<Refused>> {
        let (mut planned, mut patches, mut unreadable) = (Vec::new(), Vec::new(), Vec::new());
        let Ok(()) = manifest::read::<Infallible>(text.as_bytes(), |reading| {
            match reading {
                Reading::Object(manifest) => planned.extend(self.plan_object(&manifest)),
                Reading::Other(_) | Reading::Namespace(_) => {}
                Reading::Patch(patch) => patches.push(patch),
                Reading::Unreadable(why) => unreadable.push(why),
            }
            Ok(())
        });
        match (unreadable.is_empty(), template_line(text)) {
            (true, _) => Ok(Plan { planned, patches }),
            (false, Some(line)) => Err(vec![unrendered(line)]),
            (false, None) => Err(unreadable),
        }
    }

    fn plan_object(&self, manifest: &Manifest<'_>) -> Option<Planned> {
        let pod = manifest.pod.as_deref()?;
        // Nothing runs in it, so it may be meant for another pod.
        if pod.spec.containers.is_empty() {
            return None;
        }
        let namespace = manifest.identity.namespace.as_str();
        let context =
            Context { config: &self.config, newest: NEWEST, excepted: ExceptionsAt::none() };
        let policy = Cow::Owned(context.policy(namespace, &BTreeMap::new()));
        let case = PodCase::new(&Subject::made_by(pod, namespace, None), policy, context).ok()?;
        let changes = case.planned(Scope::Create);
        let path = manifest.pod_path();
        let tokens: Vec<_> = path.clone().key("spec").steps().iter().map(token).collect();
        let tokens: Vec<_> = tokens.iter().map(String::as_str).collect();
        let mut patch = harden::patch(pod, &changes, &tokens);
        // Everything in a manifest is intentional: no plugin of the API server has added it.
        patch.0.retain(|operation| !matches!(operation, PatchOperation::Remove(_)));
        let document = manifest.document.clone();
        (!changes.is_empty()).then_some(Planned { document, pod: path, changes, patch })
    }

    fn is_done(&self, hardened: &str) -> Result<(), Refused> {
        match self.plan(hardened) {
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
