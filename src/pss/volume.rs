//! A pod's volume: its name and which sources are set. Sources that this build has never heard of are seen, too.

use std::{fmt, marker::PhantomData};

use serde::{Deserialize, Deserializer, de};

use super::text::Text;

/// More sources than any volume has: a stranger's list of keys is not kept.
const MAX_SOURCES: usize = 16;

/// `spec.volumes[*]`.
#[derive(Clone, Debug, Default)]
pub struct Volume<'a> {
    /// Its name.
    pub name: Text<'a>,
    /// The keys of the sources that are set, in the order of the object. The API allows one.
    pub sources: Vec<Text<'a>>,
}

impl Volume<'_> {
    /// Whether this source is set.
    pub fn has(&self, source: &str) -> bool {
        self.sources.iter().any(|set| *set == source)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Volume<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<'a>(PhantomData<&'a str>);

        impl<'de: 'a, 'a> de::Visitor<'de> for Visitor<'a> {
            type Value = Volume<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a volume")
            }

            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Volume<'a>, A::Error> {
                let mut volume = Volume::default();
                while let Some(key) = map.next_key::<Text<'a>>()? {
                    if key == "name" {
                        volume.name = map.next_value()?;
                    } else if volume.has(&key) {
                        // Go reads the last one, which may be null.
                        return Err(de::Error::custom(format!("duplicate field `{key}`")));
                    } else if map.next_value::<Option<de::IgnoredAny>>()?.is_some() {
                        if volume.sources.len() == MAX_SOURCES {
                            let limit = format!("a volume has more than {MAX_SOURCES} sources");
                            return Err(de::Error::custom(limit));
                        }
                        volume.sources.push(key);
                    }
                }
                Ok(volume)
            }
        }
        deserializer.deserialize_map(Visitor(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(volume: &str) -> Result<Vec<String>, String> {
        let volume: Volume<'_> = serde_json::from_str(volume).map_err(|error| error.to_string())?;
        let sources = volume.sources.iter();
        Ok(sources.map(|source| source.as_str().to_owned()).collect())
    }

    #[test]
    fn sources_are_the_fields_that_are_set() {
        let volume = r#"{"nfs":null,"name":"a","hostPath":{"path":"/"},"quantumFoam":0}"#;
        assert_eq!(sources(volume).unwrap(), ["hostPath", "quantumFoam"]);
        assert_eq!(sources("{}").unwrap(), [""; 0]);
    }

    #[test]
    fn a_source_that_is_taken_back_is_refused() {
        let twice = sources(r#"{"emptyDir":{},"emptyDir":null,"hostPath":{}}"#).unwrap_err();
        assert!(twice.starts_with("duplicate field `emptyDir`"), "{twice}");
    }

    #[test]
    fn the_number_of_sources_is_bounded() {
        let volume = |sources: usize| {
            let fields: Vec<_> = (0..sources).map(|i| format!("\"s{i}\":{{}}")).collect();
            format!("{{{}}}", fields.join(","))
        };
        assert_eq!(sources(&volume(MAX_SOURCES)).unwrap().len(), MAX_SOURCES);
        let many = sources(&volume(MAX_SOURCES + 1)).unwrap_err();
        assert!(many.starts_with("a volume has more than 16 sources"), "{many}");
    }
}
