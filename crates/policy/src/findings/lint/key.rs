//! Whether a key that is no field was meant to be one, or belongs elsewhere.

use super::{
    Identity, Lint, LintRule,
    at::At,
    fields::Type,
    misplaced::{place_near, place_of},
    pod::is_legacy,
};
use crate::{config::is_read, near::nearest, shown};

/// The lint of a key that is no field of its type.
pub(super) fn lint(key: &str, at: &At<'_>, object: &Identity) -> Option<Lint> {
    let new = |rule, message| Lint::new(rule, object, at.field(key), message);
    let Some(of) = at.of else {
        let (map, owner) = at.of_metadata()?;
        return of_metadata(key, map, owner).map(|(rule, message)| new(rule, message));
    };
    let quoted = || shown::shown(key);
    if let Some(place) = place_of(key, of) {
        let message = format!("a field of {}: set it there", place.words);
        return Some(new(LintRule::MisplacedField, message));
    }
    if let Some(field) = key.strip_prefix('-').filter(|field| is_item(field, of)) {
        let message = format!(
            "unknown field {}: write \"- {field}:\", with a space after the dash",
            quoted()
        );
        return Some(new(LintRule::UnknownField, message));
    }
    if let Some(meant) = nearest(key, of.fields().iter().map(|field| field.name)) {
        let message = format!("unknown field {}: did you mean {meant:?}?", quoted());
        let meant = Some(at.field(meant));
        return Some(Lint { meant, ..new(LintRule::UnknownField, message) });
    }
    let place = place_near(key, of)?;
    let message = format!(
        "unknown field {}: did you mean {:?}, a field of {}?",
        quoted(),
        place.field,
        place.words
    );
    Some(new(LintRule::UnknownField, message))
}

/// Whether a key may begin an item of a list that is here, or in a field beside it.
fn is_item(key: &str, of: Type) -> bool {
    let beside = of.fields().iter().filter_map(|field| field.to);
    std::iter::once(of).chain(beside).any(|of| of.field(key).is_some())
}

/// A label or an annotation, on an object of this type, that something reads only elsewhere.
fn of_metadata(key: &str, map: &str, owner: Type) -> Option<(LintRule, String)> {
    let is_policy = owner.name() != "Namespace" && is_read(key);
    let is_pod = matches!(owner.name(), "Pod" | "PodTemplateSpec");
    let of = if map == "labels" { "a label" } else { "an annotation" };
    if is_policy {
        let message = format!("{of} has no effect here: set it as a label of the namespace");
        Some((LintRule::PolicyAnnotation, message))
    } else if map == "annotations" && !is_pod && is_legacy(key) {
        let message =
            "an annotation of a pod has no effect here: set the field in the pod's securityContext";
        Some((LintRule::LegacyAnnotation, message.to_owned()))
    } else {
        None
    }
}
