//! A pod's volume: its name, the sources that are set, and the details of three sources that rules judge. Sources that
//! this build does not know are seen, too.

use std::{fmt, marker::PhantomData};

use serde::{Deserialize, Deserializer, de};

use super::text::{Charged, List, Priced, Text};

/// More sources than any real volume, which has one. Limits what a client can make the server keep.
const MAX_SOURCES: usize = 16;

/// `spec.volumes[*]`.
#[derive(Clone, Debug, Default)]
pub struct Volume<'a> {
    /// Its name.
    pub name: Text<'a>,
    /// The sources that are set, in the order of the object. The API allows one.
    pub sources: Vec<Text<'a>>,
    /// `hostPath.path`, if that source is set. Empty if the path is missing.
    pub host_path: Option<Text<'a>>,
    /// `image.reference`, if that source is set. Empty if the reference is missing.
    pub image: Option<Text<'a>>,
    /// Whether `projected` contains a token of the pod's service account.
    pub service_account_token: bool,
}

impl Volume<'_> {
    /// Whether this source is set.
    pub fn has(&self, source: &str) -> bool {
        self.sources.iter().any(|set| *set == source)
    }
}

#[derive(Default, Deserialize)]
struct HostPath<'a> {
    #[serde(borrow, default)]
    path: Text<'a>,
}

#[derive(Default, Deserialize)]
struct Image<'a> {
    #[serde(borrow, default)]
    reference: Text<'a>,
}

#[derive(Default, Deserialize)]
struct Projected {
    #[serde(default)]
    sources: List<ProjectedSource>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ProjectedSource {
    #[serde(default)]
    service_account_token: Option<de::IgnoredAny>,
}

/// A source of which only the presence is kept.
#[derive(Deserialize)]
#[serde(transparent)]
struct Source(Option<de::IgnoredAny>);

impl Priced for Source {
    const BYTES: usize = 2 * size_of::<Text<'_>>();
}

impl<'a> Volume<'a> {
    /// Reads the value of one source. Returns whether it is set.
    fn read<'de: 'a, A: de::MapAccess<'de>>(
        &mut self,
        source: &str,
        map: &mut A,
    ) -> Result<bool, A::Error> {
        match source {
            "hostPath" => {
                let read = map.next_value::<Option<HostPath<'a>>>()?;
                self.host_path = read.map(|source| source.path);
                Ok(self.host_path.is_some())
            }
            "image" => {
                let read = map.next_value::<Option<Image<'a>>>()?;
                self.image = read.map(|source| source.reference);
                Ok(self.image.is_some())
            }
            "projected" => {
                let read = map.next_value::<Option<Projected>>()?;
                let sources = read.as_ref().map(|source| source.sources.iter());
                self.service_account_token = sources
                    .is_some_and(|mut all| all.any(|one| one.service_account_token.is_some()));
                Ok(read.is_some())
            }
            _ => {
                let Charged(Source(read)) = map.next_value()?;
                Ok(read.is_some())
            }
        }
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
                        // Go keeps the last of duplicate keys, which may be null.
                        return Err(de::Error::custom(format_args!(
                            "duplicate field `{key:.100}`"
                        )));
                    } else if volume.read(&key, &mut map)? {
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
    fn what_rules_judge_of_a_source_is_kept() {
        let read = |text: &'static str| serde_json::from_str::<Volume<'_>>(text).unwrap();
        let volume = read(r#"{"hostPath":{"type":"File","path":"/etc/x"}}"#);
        assert_eq!(volume.host_path, Some(Text::from("/etc/x")));
        assert_eq!(read(r#"{"hostPath":{}}"#).host_path, Some(Text::default()));
        assert_eq!(read(r#"{"hostPath":null}"#).host_path, None);
        let volume = read(r#"{"image":{"reference":"a:1","pullPolicy":"Never"}}"#);
        assert_eq!(volume.image, Some(Text::from("a:1")));
        for (sources, has_token) in [
            ("null", false),
            ("[]", false),
            ("[null, {}]", false),
            (r#"[{"secret":{}},{"serviceAccountToken":null}]"#, false),
            (r#"[{"secret":{}},{"serviceAccountToken":{"path":"token"}}]"#, true),
        ] {
            let text = format!("{{\"projected\":{{\"sources\":{sources}}}}}");
            let volume: Volume<'_> = serde_json::from_str(&text).unwrap();
            assert_eq!(volume.service_account_token, has_token, "{sources}");
            assert!(volume.has("projected"));
        }
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
