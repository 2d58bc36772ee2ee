//! A page of a list, cut into its objects. None of them is decoded.

use serde::Deserialize;
use serde_json::value::RawValue;

/// The text of each object, and what leads to the next page.
#[derive(Deserialize)]
pub(crate) struct List<'a> {
    #[serde(default)]
    pub(crate) metadata: Next,
    #[serde(borrow, default)]
    items: Option<Vec<&'a RawValue>>,
}

impl<'a> List<'a> {
    /// The text of each object.
    pub(crate) fn into_items(self) -> impl Iterator<Item = &'a str> {
        self.items.unwrap_or_default().into_iter().map(RawValue::get)
    }
}

/// The metadata of a list: what leads to its next page.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Next {
    #[serde(rename = "continue")]
    token: Option<String>,
    /// How many objects follow, where the API server says so.
    pub(crate) remaining_item_count: Option<u64>,
}

impl Next {
    /// None on the last page, where the API server may write an empty one.
    pub(crate) fn token(self) -> Option<String> {
        self.token.filter(|token| !token.is_empty())
    }
}
