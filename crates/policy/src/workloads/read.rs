//! Reads the pods of an object in one pass, at the paths of its kind.

use std::fmt::{self, Write as _};

use serde::{
    Deserializer,
    de::{self, DeserializeSeed, IgnoredAny},
};

use crate::pss::{Charged, Container, Pod, PodSecurityContext, PodSpec, Profile, Text};

use super::{
    PodForm, PodRoot, WorkloadKind,
    path::{Step, push_key, step},
};

/// A pod that an object holds, and its place there.
#[derive(Debug)]
pub struct HeldPod<'a> {
    /// The place.
    pub root: PodRoot,
    /// The pod, or the pod template.
    pub pod: Box<Pod<'a>>,
}

/// An object that is a pod.
impl<'a> From<Pod<'a>> for HeldPod<'a> {
    fn from(pod: Pod<'a>) -> Self {
        Self { root: PodRoot::POD, pod: Box::new(pod) }
    }
}

impl WorkloadKind {
    /// Reads the pods of an object of this kind, in the order of the text. None for null.
    ///
    /// # Errors
    /// A value on the way to a pod, or in it, has the wrong type or is repeated.
    pub(super) fn pods<'de, D: Deserializer<'de>>(
        &self,
        object: D,
    ) -> Result<Option<Vec<HeldPod<'de>>>, D::Error> {
        object.deserialize_option(ObjectVisitor(self))
    }
}

struct ObjectVisitor<'k>(&'k WorkloadKind);

impl<'de> de::Visitor<'de> for ObjectVisitor<'_> {
    type Value = Option<Vec<HeldPod<'de>>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_none<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, object: D) -> Result<Self::Value, D::Error> {
        let (mut pods, mut path) = (Vec::new(), String::new());
        let paths: Vec<_> = self.0.paths.split(' ').collect();
        Walk { form: self.0.form, paths: &paths, path: &mut path, pods: &mut pods }
            .deserialize(object)?;
        Ok(Some(pods))
    }
}

/// A value on the way to pods.
struct Walk<'w, 'de> {
    form: PodForm,
    /// The rest of each path that leads here.
    paths: &'w [&'w str],
    /// The path so far.
    path: &'w mut String,
    pods: &'w mut Vec<HeldPod<'de>>,
}

impl<'w> Walk<'w, '_> {
    /// The rest of the paths whose next step is this one.
    fn below(&self, is_it: impl Fn(Step<'_>) -> bool) -> Vec<&'w str> {
        let steps = self.paths.iter().filter_map(|path| step(path));
        steps.filter(|(step, _)| is_it(*step)).map(|(_, rest)| rest).collect()
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<(), D::Error> {
        if self.paths != [""] {
            return value.deserialize_any(self);
        }
        if let Some(pod) = read(self.form, value)? {
            let root = PodRoot::new(self.path.clone(), self.form);
            self.pods.push(HeldPod { root, pod: Box::new(pod) });
        }
        Ok(())
    }
}

/// Null, for a pod that is not set, is none.
fn read<'de, D: Deserializer<'de>>(form: PodForm, value: D) -> Result<Option<Pod<'de>>, D::Error> {
    use serde::Deserialize;

    Ok(match form {
        PodForm::Template => Charged::<Option<Pod<'de>>>::deserialize(value)?.0,
        PodForm::Spec => Charged::<Option<PodSpec<'de>>>::deserialize(value)?
            .0
            .map(|spec| Pod { spec, ..Pod::default() }),
        PodForm::Container => {
            Charged::<Option<Container<'de>>>::deserialize(value)?.0.map(|container| {
                let spec = PodSpec {
                    containers: vec![container].into(),
                    security_context: Some(good_context()),
                    ..PodSpec::default()
                };
                Pod { spec, ..Pod::default() }
            })
        }
    })
}

/// A pod's settings that violate nothing, for a container whose pod is not known.
fn good_context<'a>() -> PodSecurityContext<'a> {
    PodSecurityContext {
        run_as_non_root: Some(true),
        seccomp_profile: Some(Profile { kind: Text::from("RuntimeDefault"), ..Profile::default() }),
        ..PodSecurityContext::default()
    }
}

impl<'de> de::Visitor<'de> for Walk<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.paths.first().and_then(|path| step(path)) {
            Some((Step::Items, _)) => f.write_str("a list"),
            _ => f.write_str("an object"),
        }
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let (length, is_list) =
            (self.path.len(), !self.below(|step| step == Step::Items).is_empty());
        if is_list {
            return Err(de::Error::invalid_type(de::Unexpected::Map, &self));
        }
        let mut seen = Vec::new();
        while let Some(key) = map.next_key::<Text<'de>>()? {
            let below = self.below(|step| step == Step::Key(&key) || step == Step::Values);
            if below.is_empty() {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            push_key(self.path, &key);
            let (path, pods) = (&mut *self.path, &mut *self.pods);
            map.next_value_seed(Walk { form: self.form, paths: &below, path, pods })?;
            self.path.truncate(length);
            seen.push(key);
        }
        seen.sort_unstable();
        match seen.windows(2).find(|pair| pair.first() == pair.last()) {
            Some(_) => Err(de::Error::custom("a field is repeated on the way to a pod")),
            None => Ok(()),
        }
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let below = self.below(|step| step == Step::Items);
        if below.is_empty() {
            while seq.next_element::<IgnoredAny>()?.is_some() {}
            return Err(de::Error::invalid_type(de::Unexpected::Seq, &self));
        }
        let length = self.path.len();
        for index in 0.. {
            let _ = write!(self.path, "[{index}]");
            let (path, pods) = (&mut *self.path, &mut *self.pods);
            let walk = Walk { form: self.form, paths: &below, path, pods };
            let more = seq.next_element_seed(walk)?;
            self.path.truncate(length);
            if more.is_none() {
                break;
            }
        }
        Ok(())
    }
}
