//! Hardens one text.

use std::{borrow::Cow, convert::Infallible};

use json_patch::{Patch, PatchOperation, jsonptr::PointerBuf};

use manifest::{
    Extent, Line, Manifest, Reading, TextKind, Unreadable,
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
    workloads::{Hardens, HeldPod, PodRoot},
};

use crate::{
    cluster::Labels,
    input::{self, Origin, Part, Skip},
    namespaces::Definitions,
};

use super::verify;

/// The fields to set, and the objects in which to set them.
#[derive(Clone, Debug)]
pub struct Hardener {
    config: Config,
    namespaces: Definitions,
}

/// A hardened text.
#[derive(Clone, Debug, Default)]
pub struct Hardened {
    /// The complete text, changed or not. Empty if it is skipped as a whole.
    pub text: String,
    /// The edits in order; empty if nothing changed.
    pub edits: Vec<Edit>,
    /// Whether hardening sets `runAsNonRoot` for any pod.
    pub sets_non_root: bool,
    /// The objects in the text that are not for hardening, and why.
    pub skipped: Vec<(Line, String)>,
    /// What is no manifest, by its line. Without a line, it is the whole text.
    pub left_out: Vec<(Option<Line>, Skip)>,
}

/// Why a text was not changed.
pub type Refused = Unreadable;

#[derive(Default)]
struct Plan {
    planned: Vec<Planned>,
    skipped: Vec<(Line, String)>,
    left_out: Vec<(Option<Line>, Skip)>,
}

pub(super) struct Planned {
    pub(super) document: Extent,
    object: Path,
    root: PodRoot,
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

    /// Whether Namespaces of the input may leave pods unchanged.
    pub(crate) fn knows_namespaces(&self) -> bool {
        !self.namespaces.is_empty()
    }

    /// Hardens all objects of a text from this source, which was named. Deep documents need [`manifest::STACK`] bytes of
    /// stack.
    ///
    /// # Errors
    /// Everything that cannot be read or changed. The text then stays unchanged.
    pub fn harden(&self, source: &str, bytes: &[u8]) -> Result<Hardened, Vec<Refused>> {
        self.harden_from(source, bytes, Origin::Named)
    }

    /// Hardens all objects of a text. One that was found in a directory may be no manifest.
    ///
    /// # Errors
    /// Those of [`Self::harden`].
    pub fn harden_from(
        &self,
        source: &str,
        bytes: &[u8],
        origin: Origin,
    ) -> Result<Hardened, Vec<Refused>> {
        if origin != Origin::Named && !manifest::may_be_manifest(bytes) {
            let left_out = self.plan(source, bytes, origin)?.left_out;
            return Ok(Hardened { left_out, ..Hardened::default() });
        }
        let text = readable(bytes).map_err(|refused| vec![refused])?;
        let Plan { planned, skipped, left_out } = self.plan(source, bytes, origin)?;
        let is_whole = |(line, why): &(_, _)| Option::is_none(line) || *why == Skip::Template;
        if left_out.iter().any(is_whole) {
            return Ok(Hardened { left_out, ..Hardened::default() });
        }
        let mut edits = edits(text, &planned)?;
        let hardened =
            edit::apply(text, &mut edits).map_err(|refusal| refused(text, vec![refusal]))?;
        if !edits.is_empty() {
            verify::is_as_planned(text, &hardened, &planned)
                .and_then(|()| self.is_done(source, &hardened, origin))
                .map_err(|refused| vec![refused])?;
        }
        let mut fields = planned.iter().flat_map(|planned| &planned.changes);
        let sets_non_root = fields.any(|change| change.field == Field::RunAsNonRoot);
        Ok(Hardened { text: hardened, edits, sets_non_root, skipped, left_out })
    }

    fn plan(&self, source: &str, text: &[u8], origin: Origin) -> Result<Plan, Vec<Refused>> {
        let (mut plan, mut unreadable) = (Plan::default(), Vec::new());
        let Ok(()) = input::read::<Infallible>(text, self.config.kinds(), origin, |part| {
            match part {
                Part::Reading(Reading::Object(manifest)) => {
                    for held in &manifest.pods {
                        self.plan_pod(source, &manifest, held, &mut plan);
                    }
                }
                Part::Reading(Reading::Other(_) | Reading::Namespace(_)) => {}
                Part::Reading(Reading::Patch(patch)) => {
                    plan.skipped.push((patch.line, format!("{patch}; harden what it changes")));
                }
                Part::Reading(Reading::Unreadable(why)) => unreadable.push(why),
                Part::Skipped(line, why) => plan.left_out.push((line, why)),
            }
            Ok(())
        });
        match unreadable.iter().find(|it| it.kind == TextKind::Template) {
            Some(template) => Err(vec![unrendered(template.line)]),
            None if unreadable.is_empty() => Ok(plan),
            None => Err(unreadable),
        }
    }

    fn plan_pod(
        &self,
        source: &str,
        manifest: &Manifest<'_>,
        HeldPod { root, pod }: &HeldPod<'_>,
        plan: &mut Plan,
    ) {
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
        let changes = case.planned(match manifest.hardens {
            Hardens::Pod => Scope::Create,
            Hardens::Containers => Scope::Containers,
        });
        let mut patch = harden::patch(pod, &changes, &|place| {
            let path = manifest.path.clone().join(&Path::of(&root.path(place)));
            PointerBuf::from_tokens(path.steps().iter().map(token))
        });
        // Everything in a manifest is intentional: no plugin of the API server has added it.
        patch.0.retain(|operation| !matches!(operation, PatchOperation::Remove(_)));
        let document = manifest.document.clone();
        match off {
            _ if changes.is_empty() => {}
            Some(why) => {
                plan.skipped.push((manifest.line, format!("{}: {why}", manifest.identity)))
            }
            None => {
                let (object, root) = (manifest.path.clone(), root.clone());
                plan.planned.push(Planned { document, object, root, changes, patch });
            }
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

    fn is_done(&self, source: &str, hardened: &str, origin: Origin) -> Result<(), Refused> {
        match self.plan(source, hardened.as_bytes(), origin) {
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
        for Planned { object, root, changes, .. } in of_document {
            match edit::edits(&tree, object, root, changes) {
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
        Refused::at(Line::FIRST.after_newlines(before), why)
    };
    if let Some(zero) = bytes.iter().position(|byte| *byte == 0) {
        return Err(at(zero, "not a text: it holds a byte of value zero"));
    }
    str::from_utf8(bytes).map_err(|error| at(error.valid_up_to(), "not UTF-8"))
}

fn unrendered(line: Option<Line>) -> Refused {
    let why = "a template that is not rendered: harden what helm template makes of it, and set the same in the \
               template by hand";
    Refused { line, ..Refused::whole(why) }
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
        Refused::at(line, why)
    });
    refused.collect()
}
