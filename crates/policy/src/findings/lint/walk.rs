//! Walks an object beside the table of fields, and finds unknown and misplaced keys in it.
//!
//! Only keys that resemble a known field, or that another type has, are reported: nothing is said of the extensions that
//! a user may have. Takes time linear in the object, and memory for [`MAX_LINTS`] lints.

use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess};

use super::{
    Identity, Lint, LintRule, MAX_LINTS,
    fields::{Field, Type},
    misplaced::{place_near, place_of},
    near::nearest,
    pod::is_legacy,
};
use crate::{config::is_read, json, shown};

/// Reads an object of one of Kubernetes' kinds, and collects the lints of its keys. What was collected before an error
/// is kept.
#[derive(Debug)]
pub struct FieldLints<'l> {
    object: &'l Identity,
    of: Type,
    lints: &'l mut Vec<Lint>,
}

impl<'l> FieldLints<'l> {
    /// None if the fields of this kind are not known.
    pub fn new(object: &'l Identity, lints: &'l mut Vec<Lint>) -> Option<Self> {
        let of = Type::of_object(&object.api_version, &object.kind)?;
        Some(Self { object, of, lints })
    }
}

/// The lints of the keys in the JSON text of an object, such as [`LAST_APPLIED`](super::LAST_APPLIED). What follows an
/// error in it is not read.
pub fn of_text(json: &str, object: &Identity) -> Vec<Lint> {
    let mut lints = Vec::new();
    if let Some(seed) = FieldLints::new(object, &mut lints) {
        let _ = json::from_untrusted(json, seed);
    }
    lints
}

impl<'de> DeserializeSeed<'de> for FieldLints<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let Self { object, of, lints } = self;
        let at = At { parent: None, step: Step::Root, of: Some(of) };
        Walk { at: &at, found: &mut Found { object, lints } }.deserialize(deserializer)
    }
}

struct Found<'f> {
    object: &'f Identity,
    lints: &'f mut Vec<Lint>,
}

/// A value, and the way to it.
struct At<'w> {
    parent: Option<&'w Self>,
    step: Step,
    /// None for a map with any keys.
    of: Option<Type>,
}

#[derive(Clone, Copy)]
enum Step {
    Root,
    Key(&'static str),
    Index(usize),
}

impl At<'_> {
    /// `spec.containers[0]`, empty for the root.
    fn path(&self) -> String {
        let mut path = self.parent.map_or_else(String::new, Self::path);
        match self.step {
            Step::Root => {}
            Step::Key(key) if path.is_empty() => path.push_str(key),
            Step::Key(key) => path.extend([".", key]),
            Step::Index(index) => path.push_str(&format!("[{index}]")),
        }
        path
    }

    /// The path of a key in this mapping.
    fn field(&self, key: &str) -> String {
        let (path, key) = (self.path(), shown::key(key));
        match (path.is_empty(), key.is_empty() || key.contains(['.', '[', ']'])) {
            (_, true) => format!("{path}[{key}]"),
            (true, false) => key,
            (false, false) => format!("{path}.{key}"),
        }
    }

    /// The keys of `metadata` that hold this map, and the type with that `metadata`.
    fn of_metadata(&self) -> Option<(&'static str, Type)> {
        let (Step::Key(name), metadata) = (self.step, self.parent?) else { return None };
        Some((name, metadata.parent?.of?))
            .filter(|_| metadata.of.map(Type::name) == Some("ObjectMeta"))
    }
}

/// Reads a value beside its type.
struct Walk<'w, 'f> {
    at: &'w At<'w>,
    found: &'w mut Found<'f>,
}

impl<'de> DeserializeSeed<'de> for Walk<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> de::Visitor<'de> for Walk<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { at, found } = self;
        while let Some(field) = map.next_key_seed(Key { at, found: &mut *found })? {
            let of = field.and_then(Field::of);
            let is_map = field.is_some_and(|field| matches!(field.name, "annotations" | "labels"));
            match field.filter(|_| of.is_some() || is_map) {
                Some(Field { name, .. }) => {
                    let at = At { parent: Some(at), step: Step::Key(name), of };
                    map.next_value_seed(Walk { at: &at, found: &mut *found })?;
                }
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }

    /// The type of a list is that of its items.
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let Self { at, found } = self;
        for index in 0.. {
            let item = At { parent: Some(at), step: Step::Index(index), of: at.of };
            if seq.next_element_seed(Walk { at: &item, found: &mut *found })?.is_none() {
                break;
            }
        }
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

/// Reads a key, and notes a lint of it. Returns the field, if it is one.
struct Key<'w, 'f> {
    at: &'w At<'w>,
    found: &'w mut Found<'f>,
}

impl<'de> DeserializeSeed<'de> for Key<'_, '_> {
    type Value = Option<&'static Field>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl de::Visitor<'_> for Key<'_, '_> {
    type Value = Option<&'static Field>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        let Self { at, found } = self;
        let field = at.of.and_then(|of| of.field(key));
        if field.is_none() && found.lints.len() < MAX_LINTS {
            found.lints.extend(lint(key, at, found.object));
        }
        Ok(field)
    }
}

fn lint(key: &str, at: &At<'_>, object: &Identity) -> Option<Lint> {
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
    let beside = of.fields().iter().filter_map(Field::of);
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

#[cfg(test)]
mod tests {
    use super::{
        super::tests::{object, told},
        *,
    };

    /// The lints of an object of this kind, without the kind's own fields.
    fn lints(kind: (&str, &str), text: &str) -> Vec<Lint> {
        of_text(text, &object(kind.0, kind.1))
    }

    const POD: (&str, &str) = ("v1", "Pod");
    const DEPLOYMENT: (&str, &str) = ("apps/v1", "Deployment");
    const NETWORK_POLICY: (&str, &str) = ("networking.k8s.io/v1", "NetworkPolicy");

    #[test]
    fn a_key_near_a_field_is_unknown() {
        for (kind, text, field, meant) in [
            (
                POD,
                r#"{"spec":{"securitycontext":{}}}"#,
                "spec.securitycontext",
                "spec.securityContext",
            ),
            (
                POD,
                r#"{"spec":{"containers":[{},{"securityContext":{"runAsNonroot":true}}]}}"#,
                "spec.containers[1].securityContext.runAsNonroot",
                "spec.containers[1].securityContext.runAsNonRoot",
            ),
            (
                DEPLOYMENT,
                r#"{"spec":{"template":{"spec":{"container":[]}}}}"#,
                "spec.template.spec.container",
                "spec.template.spec.containers",
            ),
            (
                NETWORK_POLICY,
                r#"{"spec":{"policyType":["Egress"]}}"#,
                "spec.policyType",
                "spec.policyTypes",
            ),
            (
                ("v1", "ServiceAccount"),
                r#"{"automountServiceAccountTokens":false}"#,
                "automountServiceAccountTokens",
                "automountServiceAccountToken",
            ),
            (("v1", "ResourceQuota"), r#"{"spec":{"Hard":{}}}"#, "spec.Hard", "spec.hard"),
            (
                ("v1", "LimitRange"),
                r#"{"spec":{"limits":[{"defaultRequests":{}}]}}"#,
                "spec.limits[0].defaultRequests",
                "spec.limits[0].defaultRequest",
            ),
            (
                ("v1", "Namespace"),
                r#"{"metadata":{"label":{}}}"#,
                "metadata.label",
                "metadata.labels",
            ),
            (
                ("batch/v1", "CronJob"),
                r#"{"spec":{"jobTemplate":{"spec":{"template":{"spec":{"hostNetwrok":true}}}}}}"#,
                "spec.jobTemplate.spec.template.spec.hostNetwrok",
                "spec.jobTemplate.spec.template.spec.hostNetwork",
            ),
        ] {
            let found = lints(kind, text);
            assert_eq!(told(&found), [format!("unknown-field {field}")], "{text}");
            assert_eq!(found[0].meant.as_deref(), Some(meant), "{text}");
            let name = meant.rsplit('.').next().unwrap();
            assert!(found[0].message.ends_with(&format!("did you mean {name:?}?")), "{found:?}");
        }
    }

    #[test]
    fn a_field_of_another_type_is_misplaced() {
        let spec = r#"{"spec":{"privileged":true,"securityContext":{"allowPrivilegeEscalation":false,"capabilities":{"drop":["ALL"]},
            "readOnlyRootFilesystem":true,"privileged":false,"runAsUser":1000},
            "containers":[{"name":"web","runAsNonRoot":true,"securityContext":{"privileged":false,"fsGroup":1}}]}}"#;
        let found = lints(POD, spec);
        let fields: Vec<_> = found.iter().map(|lint| &*lint.field).collect();
        assert_eq!(
            fields,
            [
                "spec.privileged",
                "spec.securityContext.allowPrivilegeEscalation",
                "spec.securityContext.capabilities",
                "spec.securityContext.readOnlyRootFilesystem",
                "spec.securityContext.privileged",
                "spec.containers[0].runAsNonRoot",
                "spec.containers[0].securityContext.fsGroup",
            ]
        );
        assert!(found.iter().all(|lint| lint.rule == LintRule::MisplacedField));
        assert_eq!(found[1].message, "a field of a container's securityContext: set it there");
    }

    #[test]
    fn a_dash_without_a_space_is_part_of_the_key() {
        for (text, field) in [
            (r#"{"spec":{"ingress":{"-from":[]}}}"#, "spec.ingress.-from"),
            (r#"{"spec":{"ingress":null,"-from":[]}}"#, "spec.-from"),
            (
                r#"{"spec":{"egress":[{"to":{"-podSelector":{}}}]}}"#,
                "spec.egress[0].to.-podSelector",
            ),
        ] {
            let found = lints(NETWORK_POLICY, text);
            assert_eq!(told(&found), [format!("unknown-field {field}")], "{text}");
            assert!(found[0].message.ends_with("with a space after the dash"), "{found:?}");
        }
        assert_eq!(
            told(&lints(POD, r#"{"spec":{"containers":{"-name":"web"}}}"#)),
            ["unknown-field spec.containers.-name"]
        );
    }

    #[test]
    fn policy_and_profiles_in_metadata_that_nothing_reads_are_found() {
        let text = r#"{"metadata":{"labels":{"pod-security.kubernetes.io/enforce":"restricted","app":"web"},
            "annotations":{"container.apparmor.security.beta.kubernetes.io/web":"runtime/default","a/b":"c"}},
            "spec":{"template":{"metadata":{"annotations":{"container.apparmor.security.beta.kubernetes.io/web":"runtime/default",
            "portcullis.dev/enforce":"restricted"}}}}}"#;
        assert_eq!(
            told(&lints(DEPLOYMENT, text)),
            [
                "policy-annotation metadata.labels[pod-security.kubernetes.io/enforce]",
                "legacy-annotation metadata.annotations[container.apparmor.security.beta.kubernetes.io/web]",
                "policy-annotation spec.template.metadata.annotations[portcullis.dev/enforce]",
            ]
        );
        let namespace =
            r#"{"metadata":{"labels":{"pod-security.kubernetes.io/enforce":"restricted"}}}"#;
        assert_eq!(lints(("v1", "Namespace"), namespace), []);
    }

    #[test]
    fn nothing_is_said_of_what_resembles_no_field() {
        for (kind, text) in [
            (
                POD,
                r#"{"spec":{"x-team":"shop","containers":[{"name":"web","owner":"me","securityContext":{"note":1}}]}}"#,
            ),
            (
                POD,
                r#"{"spec":{"nodeSelector":{"nodename":"a"},"containers":[{"resources":{"limits":{"Memory":1}}}]}}"#,
            ),
            (POD, r#"{"status":{"phaze":1},"metadata":{"managedFields":[{"manger":1}]}}"#),
            (POD, r#"{"spec":"runAsNonroot","metadata":[[{"name":1}],null,1.5,true]}"#),
            (("example.org/v1", "Pod"), r#"{"spec":{"securitycontext":{}}}"#),
            (("argoproj.io/v1alpha1", "Rollout"), r#"{"spec":{"templates":{}}}"#),
        ] {
            assert_eq!(lints(kind, text), [], "{text}");
        }
    }

    #[test]
    fn what_is_found_before_an_error_is_kept_and_bounded() {
        let broken = r#"{"spec":{"hostnetwork":true,"containers":[{"#;
        assert_eq!(told(&lints(POD, broken)), ["unknown-field spec.hostnetwork"]);
        let key = format!(r#""{}hostnetwork":1,"#, "");
        let many = format!(r#"{{"spec":{{{}"a":1}}}}"#, key.repeat(10_000));
        assert_eq!(lints(POD, &many).len(), MAX_LINTS);
        let escaped = r#"{"spec":{"hostnetwork":true}}"#;
        assert_eq!(told(&lints(POD, escaped)), ["unknown-field spec.hostnetwork"]);
    }
}
