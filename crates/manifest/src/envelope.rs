//! The fields that identify every manifest: its kind and its metadata.

use serde::Deserialize;

use policy::pss::{Text, or_default};

/// The fields as text of the document.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Envelope<'a> {
    #[serde(borrow, default)]
    pub(super) api_version: Text<'a>,
    #[serde(borrow, default)]
    pub(super) kind: Text<'a>,
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub(super) metadata: Names<'a>,
}

#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Names<'a> {
    #[serde(borrow, default)]
    pub(super) name: Text<'a>,
    #[serde(borrow, default)]
    pub(super) generate_name: Text<'a>,
    #[serde(borrow, default)]
    pub(super) namespace: Text<'a>,
}
