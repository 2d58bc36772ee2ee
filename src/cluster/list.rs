//! Splits a page of a list into its objects, without decoding them.

use serde::Deserialize;
use serde_json::value::RawValue;

/// The text of each object, and the metadata of the list.
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

/// The metadata of a list, which leads to its next page.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Next {
    #[serde(rename = "continue")]
    token: Option<String>,
    /// Number of objects to come, if the API server reports it.
    pub(crate) remaining_item_count: Option<u64>,
}

impl Next {
    /// None on the last page, for which the API server may send an empty token.
    pub(crate) fn token(self) -> Option<String> {
        self.token.filter(|token| !token.is_empty())
    }
}
