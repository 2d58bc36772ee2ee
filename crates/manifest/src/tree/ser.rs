//! Serialises a tree as the API server would receive it.

use serde::{
    Serialize, Serializer,
    ser::{Error as _, SerializeMap as _},
};

use super::{NodeKind, Scalar, Value};

impl Serialize for Value<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let node = self.node.resolved();
        match node.kind() {
            NodeKind::Map(_) => {
                let entries = node.all_entries();
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (key, value) in entries {
                    map.serialize_entry(key.key().unwrap_or_default(), &self.with(value))?;
                }
                map.end()
            }
            NodeKind::List(_) => serializer.collect_seq(node.items().map(|item| self.with(item))),
            NodeKind::Null | NodeKind::Scalar(_) | NodeKind::Alias => {
                match self.with(node).json_scalar().map_err(S::Error::custom)? {
                    Scalar::Null => serializer.serialize_unit(),
                    Scalar::Bool(value) => serializer.serialize_bool(value),
                    Scalar::Int(number) => serializer.serialize_i64(number),
                    Scalar::Unsigned(number) => serializer.serialize_u64(number),
                    Scalar::Float(number) => serializer.serialize_f64(number),
                    Scalar::Text(text) => serializer.serialize_str(&text),
                }
            }
        }
    }
}
