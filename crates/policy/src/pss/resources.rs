//! Requests and limits of a container: names of resources and quantities as written. The caller that compares
//! quantities parses them.

use std::{fmt, marker::PhantomData};

use serde::{Deserialize, Deserializer, de};

use crate::json;

use super::text::{Charged, Priced, Text};

/// More resources than any real container names. Limits what a client can make the server keep.
const MAX_RESOURCES: usize = 64;

/// `resources`.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Resources<'a> {
    /// The resources reserved on the node.
    #[serde(borrow, default)]
    pub requests: Quantities<'a>,
    /// The maximum use.
    #[serde(borrow, default)]
    pub limits: Quantities<'a>,
}

/// `requests` or `limits`: each name once.
#[derive(Clone, Debug, Default)]
pub struct Quantities<'a>(Vec<(Text<'a>, Text<'a>)>);

impl<'a> Quantities<'a> {
    /// The quantity of a resource, as written.
    pub fn get(&self, resource: &str) -> Option<&str> {
        let found = self.0.iter().find(|(name, _)| *name == resource);
        found.map(|(_, quantity)| quantity.as_str())
    }

    /// Whether no resource is named.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a resource that is not named yet, to simulate hardening. Keeps the list sorted by name.
    pub fn add(&mut self, resource: Text<'a>, quantity: Text<'a>) {
        self.0.push((resource, quantity));
        self.0.sort();
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Quantities<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<'a>(PhantomData<&'a str>);

        impl<'de: 'a, 'a> de::Visitor<'de> for Visitor<'a> {
            type Value = Quantities<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of quantities")
            }

            fn visit_unit<E>(self) -> Result<Quantities<'a>, E> {
                Ok(Quantities::default())
            }

            fn visit_map<A: de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<Quantities<'a>, A::Error> {
                let mut kept = Quantities::default();
                while let Some(name) = map.next_key::<Text<'a>>()? {
                    if kept.get(&name).is_some() {
                        return Err(de::Error::custom(format_args!(
                            "duplicate field `{name:.100}`"
                        )));
                    }
                    if kept.0.len() == MAX_RESOURCES {
                        let limit = format!("more than {MAX_RESOURCES} resources");
                        return Err(de::Error::custom(limit));
                    }
                    let Charged(Written(quantity)) = map.next_value()?;
                    kept.0.push((name, quantity));
                }
                Ok(kept)
            }
        }
        deserializer.deserialize_any(Visitor(PhantomData))
    }
}

/// Includes the name, and the text made of a number.
impl Priced for Written<'_> {
    const BYTES: usize = 2 * size_of::<Self>() + 24;
}

/// A quantity as manifests may contain it: a string, a number, or `null`, which Go reads as 0.
struct Written<'a>(Text<'a>);

impl<'de: 'a, 'a> Deserialize<'de> for Written<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<'a>(PhantomData<&'a str>);

        impl<'de: 'a, 'a> de::Visitor<'de> for Visitor<'a> {
            type Value = Written<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a quantity")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Written<'a>, E> {
                Ok(Written(Text::from(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Written<'a>, E> {
                Ok(Written(Text::from(text.to_owned())))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Written<'a>, E> {
                Ok(Written(Text::from(number.to_string())))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Written<'a>, E> {
                Ok(Written(Text::from(number.to_string())))
            }

            fn visit_f64<E>(self, number: f64) -> Result<Written<'a>, E> {
                Ok(Written(Text::from(number.to_string())))
            }

            fn visit_unit<E>(self) -> Result<Written<'a>, E> {
                Ok(Written(Text::from("0")))
            }
        }
        json::leaf(deserializer, Visitor(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Resources<'_>, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn quantities_are_strings_numbers_or_null() {
        let text = r#"{"requests":{"cpu":"250m","memory":null,"a":2,"b":0.5,"c":-1},"limits":null,"claims":[]}"#;
        let Resources { requests, limits } = read(text).unwrap();
        for (name, written) in
            [("cpu", "250m"), ("memory", "0"), ("a", "2"), ("b", "0.5"), ("c", "-1")]
        {
            assert_eq!(requests.get(name), Some(written), "{name}");
        }
        assert_eq!(requests.get("gpu"), None);
        assert_eq!(limits.get("cpu"), None);
        assert!(read(r#"{"limits":{"cpu":true}}"#).is_err());
        assert!(read(r#"{"limits":["cpu"]}"#).is_err());
    }

    #[test]
    fn names_are_unique_and_bounded() {
        let twice = read(r#"{"limits":{"cpu":"1","cpu":"2"}}"#).unwrap_err();
        assert!(twice.contains("duplicate field `cpu`"), "{twice}");
        let all = |many: usize| {
            let fields: Vec<_> = (0..many).map(|i| format!("\"r{i}\":1")).collect();
            format!("{{\"limits\":{{{}}}}}", fields.join(","))
        };
        assert!(read(&all(MAX_RESOURCES)).is_ok());
        assert!(read(&all(MAX_RESOURCES + 1)).unwrap_err().contains("more than 64 resources"));
    }
}
