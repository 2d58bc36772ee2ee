//! A pod's labels: borrowed, bounded and only compared.

use std::{fmt, marker::PhantomData};

use serde::{Deserialize, Deserializer, de};

use crate::json;

use super::text::Text;

/// Maximum number of labels, more than any real pod has. A pod with more counts as having none, so no exception by
/// label applies to it.
const MAX_LABELS: usize = 256;

/// `metadata.labels`. A duplicate key is kept twice. Values that are not strings are skipped: the API server rejects
/// them, and no verdict depends on them.
#[derive(Clone, Debug, Default)]
pub struct Labels<'a>(Vec<(Text<'a>, Text<'a>)>);

impl<'a> Labels<'a> {
    /// Whether a key has this value and no other.
    pub fn is(&self, key: &str, value: &str) -> bool {
        let mut values = self.0.iter().filter(|(known, _)| *known == key).peekable();
        values.peek().is_some() && values.all(|(_, known)| *known == value)
    }
}

impl Labels<'_> {
    /// Keys and values, as written.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }
}

impl<'a> FromIterator<(&'a str, &'a str)> for Labels<'a> {
    fn from_iter<I: IntoIterator<Item = (&'a str, &'a str)>>(labels: I) -> Self {
        Self(labels.into_iter().map(|(key, value)| (key.into(), value.into())).collect())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Labels<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<'a>(PhantomData<&'a str>);

        impl<'de: 'a, 'a> de::Visitor<'de> for Visitor<'a> {
            type Value = Labels<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of strings")
            }

            fn visit_unit<E>(self) -> Result<Labels<'a>, E> {
                Ok(Labels::default())
            }

            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Labels<'a>, A::Error> {
                let mut labels = Vec::new();
                let mut are_few = true;
                while let Some((key, LabelValue(value))) = map.next_entry()? {
                    are_few &= labels.len() < MAX_LABELS;
                    if are_few {
                        labels.extend(value.map(|value| (key, value)));
                    }
                }
                Ok(Labels(if are_few { labels } else { Vec::new() }))
            }
        }
        deserializer.deserialize_any(Visitor(PhantomData))
    }
}

/// The value if it is a string.
struct LabelValue<'a>(Option<Text<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for LabelValue<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<'a>(PhantomData<&'a str>);

        impl<'de: 'a, 'a> de::Visitor<'de> for Visitor<'a> {
            type Value = LabelValue<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("anything")
            }

            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<LabelValue<'a>, E> {
                Ok(LabelValue(Some(Text::from(text))))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<LabelValue<'a>, E> {
                Ok(LabelValue(Some(Text::from(text.to_owned()))))
            }

            fn visit_unit<E>(self) -> Result<LabelValue<'a>, E> {
                Ok(LabelValue(None))
            }

            fn visit_bool<E>(self, _: bool) -> Result<LabelValue<'a>, E> {
                Ok(LabelValue(None))
            }

            fn visit_i64<E>(self, _: i64) -> Result<LabelValue<'a>, E> {
                Ok(LabelValue(None))
            }

            fn visit_u64<E>(self, _: u64) -> Result<LabelValue<'a>, E> {
                Ok(LabelValue(None))
            }

            fn visit_f64<E>(self, _: f64) -> Result<LabelValue<'a>, E> {
                Ok(LabelValue(None))
            }

            fn visit_seq<A: de::SeqAccess<'de>>(
                self,
                mut seq: A,
            ) -> Result<LabelValue<'a>, A::Error> {
                while seq.next_element::<de::IgnoredAny>()?.is_some() {}
                Ok(LabelValue(None))
            }

            fn visit_map<A: de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<LabelValue<'a>, A::Error> {
                while map.next_entry::<de::IgnoredAny, de::IgnoredAny>()?.is_some() {}
                Ok(LabelValue(None))
            }
        }
        json::leaf(deserializer, Visitor(PhantomData))
    }
}
