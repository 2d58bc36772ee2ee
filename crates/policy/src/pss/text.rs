//! Text and lists of the view: borrowed, bounded, `null` read as empty.

use std::{cmp::Ordering, fmt, marker::PhantomData, ops::Deref, sync::Arc};

use serde::{Deserialize, Deserializer, de};

use crate::json;

/// More elements in one list than fit into any object that etcd can store (1.5 MiB).
pub const MAX_LIST: usize = 16_384;
/// Maximum memory of the elements of one list, in bytes. [`json::memory`] limits all lists of a text together.
const MAX_LIST_BYTES: usize = 512 << 10;

/// Longer than any list of a real workload.
pub(super) const LONG: usize = 256;

/// The maximum number of elements of this type in a list.
const fn most<T>() -> usize {
    match MAX_LIST_BYTES.checked_div(size_of::<T>()) {
        Some(most) if most < MAX_LIST => most,
        Some(_) | None => MAX_LIST,
    }
}

/// A string borrowed from the body if it has no escapes; otherwise copies of the view share it. serde's own
/// `Option<Cow<str>>` never borrows.
#[derive(Clone)]
pub struct Text<'a>(Kept<'a>);

#[derive(Clone)]
enum Kept<'a> {
    Borrowed(&'a str),
    Shared(Arc<String>),
}

impl Text<'_> {
    /// The text.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Kept::Borrowed(text) => text,
            Kept::Shared(text) => text,
        }
    }
}

impl Default for Text<'_> {
    fn default() -> Self {
        Self(Kept::Borrowed(""))
    }
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl PartialEq for Text<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Text<'_> {}

impl PartialOrd for Text<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Text<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl PartialEq<str> for Text<'_> {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Text<'_> {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self(Kept::Borrowed(text))
    }
}

impl From<String> for Text<'_> {
    fn from(text: String) -> Self {
        Self(Kept::Shared(Arc::new(text)))
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<'a>(PhantomData<&'a str>);

        impl<'de: 'a, 'a> de::Visitor<'de> for Visitor<'a> {
            type Value = Text<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'a>, E> {
                Ok(Text::from(text))
            }

            fn visit_str<E>(self, text: &str) -> Result<Text<'a>, E> {
                Ok(Text::from(text.to_owned()))
            }

            fn visit_string<E>(self, text: String) -> Result<Text<'a>, E> {
                Ok(Text::from(text))
            }

            fn visit_unit<E>(self) -> Result<Text<'a>, E> {
                Ok(Text::default())
            }
        }
        json::leaf(deserializer, Visitor(PhantomData))
    }
}

/// Memory that an element of a list, or an entry of a map, takes in the view.
pub(crate) trait Priced {
    /// In bytes.
    const BYTES: usize;
}

impl<T> Priced for Option<T> {
    const BYTES: usize = size_of::<T>();
}

/// An entry of a map of strings.
impl Priced for Text<'_> {
    const BYTES: usize = 2 * size_of::<Self>();
}

/// Charges [`json::memory`](crate::json::memory) before the value is read.
pub(crate) struct Charged<T>(pub(crate) T);

impl<'de, T: Deserialize<'de> + Priced> Deserialize<'de> for Charged<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> de::Visitor<'de> for Visitor<T> {
            type Value = Charged<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_newtype_struct<D: Deserializer<'de>>(
                self,
                deserializer: D,
            ) -> Result<Charged<T>, D::Error> {
                T::deserialize(deserializer).map(Charged)
            }
        }
        deserializer.deserialize_newtype_struct(json::price(T::BYTES), Visitor(PhantomData))
    }
}

/// A list: `null` is empty, a `null` element has nothing set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List<T>(Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Deref for List<T> {
    type Target = Vec<T>;

    fn deref(&self) -> &Vec<T> {
        &self.0
    }
}

impl<T> std::ops::DerefMut for List<T> {
    fn deref_mut(&mut self) -> &mut Vec<T> {
        &mut self.0
    }
}

impl<T> From<Vec<T>> for List<T> {
    fn from(list: Vec<T>) -> Self {
        Self(list)
    }
}

impl<T> From<List<T>> for Vec<T> {
    fn from(list: List<T>) -> Self {
        list.0
    }
}

impl<'de, T: Deserialize<'de> + Default> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de> + Default> de::Visitor<'de> for Visitor<T> {
            type Value = List<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_unit<E>(self) -> Result<List<T>, E> {
                Ok(List::default())
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<List<T>, A::Error> {
                let mut list = Vec::new();
                while let Some(Charged(element)) = seq.next_element::<Charged<Option<T>>>()? {
                    if list.len() == most::<T>() {
                        let limit = format!("a list has more than {} elements", most::<T>());
                        return Err(de::Error::custom(limit));
                    }
                    list.push(element.unwrap_or_default());
                }
                // A growing vector may reserve twice its size.
                if list.len() > LONG {
                    list.shrink_to_fit();
                }
                Ok(List(list))
            }
        }
        deserializer.deserialize_any(Visitor(PhantomData))
    }
}

/// For fields that Go holds by value: `null` leaves them unset.
pub fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
