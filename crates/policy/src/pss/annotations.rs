//! The annotations that are read: the old forms of AppArmor and seccomp profiles, and the mark of a mirror pod. All
//! others are skipped.

use std::{fmt, marker::PhantomData};

use serde::{Deserialize, Deserializer, de};

use crate::shown;

use super::{
    findings::Findings,
    text::{Charged, LONG, MAX_LIST, Text},
    violation::{Finding, Place},
};

/// The kubelet's mark on the API's copy of a static pod.
pub const MIRROR: &str = "kubernetes.io/config.mirror";
/// The old form of a pod's seccomp profile.
pub const SECCOMP_POD: &str = "seccomp.security.alpha.kubernetes.io/pod";
/// The prefix of the old form of a container's seccomp profile, followed by the container's name.
pub const SECCOMP_CONTAINER_PREFIX: &str = "container.seccomp.security.alpha.kubernetes.io/";
/// The prefix of the old form of a container's AppArmor profile, followed by the container's name.
pub const APP_ARMOR_PREFIX: &str = "container.apparmor.security.beta.kubernetes.io/";

/// The annotations of `metadata.annotations` that are read. A duplicate key is kept twice, so that checks see both
/// values.
#[derive(Clone, Debug, Default)]
pub struct Annotations<'a>(Vec<(Text<'a>, Text<'a>)>);

impl<'a> Annotations<'a> {
    /// Keys and values, in the order of the object.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// The value of one key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.iter().find(|(k, _)| *k == key).map(|(_, value)| value)
    }

    /// Adds a finding for each forbidden profile, by its key and value.
    pub(super) fn find_profiles(
        &self,
        found: &mut Findings,
        is_forbidden: impl Fn(&str, &str) -> bool,
    ) {
        for (key, _) in self.iter().filter(|(key, value)| is_forbidden(key, value)) {
            found.add_with(Place::Metadata, || {
                let key = shown::key(key);
                let fix =
                    format!("set annotation {key} to runtime/default or localhost/*, or remove it");
                Finding::new(Place::Metadata, format!("annotations[{key}]"), fix)
            });
        }
    }

    /// Whether an annotation with this key is kept.
    fn is_read(key: &str) -> bool {
        key == MIRROR
            || key == SECCOMP_POD
            || key.starts_with(SECCOMP_CONTAINER_PREFIX)
            || key.starts_with(APP_ARMOR_PREFIX)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Annotations<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<'a>(PhantomData<&'a str>);

        impl<'de: 'a, 'a> de::Visitor<'de> for Visitor<'a> {
            type Value = Annotations<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of strings")
            }

            fn visit_unit<E>(self) -> Result<Annotations<'a>, E> {
                Ok(Annotations::default())
            }

            fn visit_map<A: de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<Annotations<'a>, A::Error> {
                let mut kept = Vec::new();
                while let Some(key) = map.next_key::<Text<'a>>()? {
                    if Annotations::is_read(&key) {
                        if kept.len() == MAX_LIST {
                            let limit = format!("more than {MAX_LIST} profile annotations");
                            return Err(de::Error::custom(limit));
                        }
                        let Charged(value) = map.next_value()?;
                        kept.push((key, value));
                    } else {
                        map.next_value::<de::IgnoredAny>()?;
                    }
                }
                if kept.len() > LONG {
                    kept.shrink_to_fit();
                }
                Ok(Annotations(kept))
            }
        }
        deserializer.deserialize_any(Visitor(PhantomData))
    }
}
