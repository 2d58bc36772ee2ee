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
