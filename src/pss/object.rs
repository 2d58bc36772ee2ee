//! Objects are read from objects. What serde derives for a struct takes a list, too, whose elements are its fields in
//! order: a pod that is an empty list would be one without containers, and pass.

/// Reads these structs from a JSON object and from nothing else. Each derives `Deserialize` with
/// `#[serde(remote = "Self")]`, so that this is the only way to read it.
macro_rules! from_object {
    ($($name:ident $(<$life:lifetime>)?),* $(,)?) => {$(
        impl<'de $(: $life, $life)?> serde::Deserialize<'de> for $name $(<$life>)? {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor $(<$life>(std::marker::PhantomData<&$life ()>))?;

                impl<'de $(: $life, $life)?> serde::de::Visitor<'de> for Visitor $(<$life>)? {
                    type Value = $name $(<$life>)?;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("an object")
                    }

                    fn visit_map<A: serde::de::MapAccess<'de>>(
                        self,
                        map: A,
                    ) -> Result<Self::Value, A::Error> {
                        $name::deserialize(serde::de::value::MapAccessDeserializer::new(map))
                    }
                }
                deserializer.deserialize_map(from_object!(@visitor $($life)?))
            }
        }
    )*};
    (@visitor $life:lifetime) => { Visitor(std::marker::PhantomData) };
    (@visitor) => { Visitor };
}

pub(crate) use from_object;
