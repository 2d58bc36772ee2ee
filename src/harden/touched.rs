//! Parses a document only where patches touch it, and keeps everything else as JSON text.

use std::{borrow::Cow, collections::BTreeMap, fmt};

use json_patch::Patch;
use serde::{
    Deserializer as _,
    de::{Error, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Value, value::RawValue};

use manifest::compact;

/// A place in a document, with the touched places below it. Without any, all of it is touched.
#[derive(Debug, Default)]
pub(super) struct Touched {
    below: BTreeMap<String, Self>,
    /// The length of the list here in the old document, if it is one.
    items: usize,
}

/// Which document is read. In the new one, items beyond the old length are touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Old,
    New,
}

impl Touched {
    /// The root of a document, from the paths in these patches.
    pub(super) fn by<'p>(patches: impl Iterator<Item = &'p Patch>) -> Self {
        let mut root = Self::default();
        for operation in patches.flat_map(|patch| &patch.0) {
            let tokens = operation.path().tokens();
            tokens.fold(&mut root, |place, token| {
                place.below.entry(token.decoded().into_owned()).or_default()
            });
        }
        root
    }

    /// Reads a document. The old one must be read first.
    pub(super) fn read(&mut self, json: &str, side: Side) -> Result<Value, serde_json::Error> {
        if self.below.is_empty() || !json.trim_ascii_start().starts_with(['{', '[']) {
            return serde_json::from_str(json);
        }
        serde_json::Deserializer::from_str(json).deserialize_any(Reader { place: self, side })
    }

    fn item(&mut self, index: usize, json: &str, side: Side) -> Result<Value, serde_json::Error> {
        if let Some(place) = self.below.get_mut(index.to_string().as_str()) {
            return place.read(json, side);
        }
        match side {
            Side::New if index >= self.items => serde_json::from_str(json),
            Side::Old | Side::New => Ok(compact(json).into()),
        }
    }
}

struct Reader<'r> {
    place: &'r mut Touched,
    side: Side,
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mapping or a list")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let (mut map, mut others) = (Map::new(), String::new());
        while let Some(key) = entries.next_key::<Cow<'_, str>>()? {
            let value: &RawValue = entries.next_value()?;
            match self.place.below.get_mut(key.as_ref()) {
                Some(place) => {
                    let value = place.read(value.get(), self.side).map_err(A::Error::custom)?;
                    map.insert(key.into_owned(), value);
                }
                None => {
                    let key = serde_json::to_string(&key).map_err(A::Error::custom)?;
                    others.extend([&key, ":", &compact(value.get()), ","]);
                }
            }
        }
        // No operation touches this key.
        map.insert("\0others".to_owned(), others.into());
        Ok(map.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element::<&RawValue>()? {
            let item = self.place.item(list.len(), item.get(), self.side);
            list.push(item.map_err(A::Error::custom)?);
        }
        if self.side == Side::Old {
            self.place.items = list.len();
        }
        Ok(list.into())
    }
}
