//! What every manifest says of itself: its kind, and which object it is.

use std::borrow::Cow;

use serde::Deserialize;

use crate::pss::{Text, or_default};

use super::{
    plain::{self, Piece, What},
    tree::{Kind, Quotes},
};

/// As text of the document.
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

impl<'a> Envelope<'a> {
    /// What the JSON of these parts would be read as, without reading it. None of what may not be text: the JSON says.
    pub(super) fn of_parts(parts: &'a [Piece<'_>]) -> Option<Self> {
        let mut envelope = Self::default();
        let (mut depth, mut is_key, mut is_in_metadata) = (0_usize, true, false);
        let mut key = "";
        for part in parts {
            match &part.what {
                What::End => {
                    depth = depth.checked_sub(1)?;
                    is_in_metadata &= depth > 1;
                    is_key = true;
                }
                What::Start(kind) => {
                    let is_map = matches!(kind, Kind::Map(_));
                    match (depth, key) {
                        (0, _) if !is_map => return None,
                        (1, "metadata") if is_map => is_in_metadata = true,
                        (1, "metadata" | "apiVersion" | "kind") => return None,
                        (2, "name" | "generateName" | "namespace") if is_in_metadata => {
                            return None;
                        }
                        _ => {}
                    }
                    depth += 1;
                    is_key = true;
                }
                What::Scalar(_, words) if is_key && depth <= 2 => {
                    key = words;
                    is_key = false;
                }
                What::Scalar(quotes, words) => {
                    let Names { name, generate_name, namespace } = &mut envelope.metadata;
                    let field = match (depth, key) {
                        (1, "metadata") => return None,
                        (1, "apiVersion") => Some(&mut envelope.api_version),
                        (1, "kind") => Some(&mut envelope.kind),
                        (2, "name") if is_in_metadata => Some(name),
                        (2, "generateName") if is_in_metadata => Some(generate_name),
                        (2, "namespace") if is_in_metadata => Some(namespace),
                        _ => None,
                    };
                    if let Some(field) = field {
                        let is_text = *quotes != Quotes::Plain || plain::is_text(words);
                        *field = Text::from(is_text.then_some(Cow::as_ref(words))?);
                    }
                    is_key = true;
                }
            }
        }
        Some(envelope)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{Line, yaml};

    #[test]
    fn parts_say_what_the_json_says() {
        let pod = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  labels: {name: no, namespace: no}\n  namespace: 'shop'\nspec:\n  containers:\n  - name: a\n    env:\n    - {name: kind, value: x}\n";
        let list =
            "kind: List\nitems:\n- kind\n- kind: Pod\n  metadata: {name: a}\napiVersion: \"v1\"\n";
        let late = "spec:\n  metadata: {name: no}\n  kind: no\nmetadata: {generateName: b-, annotations: {a: b}}\nkind: Job\n";
        for text in [pod, list, late, "a: b\n", "metadata: {}\n", "kind: [a]\nspec: {a: b}\n"] {
            let (json, parts) = yaml::read(text, Line::FIRST).unwrap();
            let parts = parts.unwrap();
            let of_parts = Envelope::of_parts(&parts);
            match serde_json::from_str::<Envelope<'_>>(&json) {
                Ok(envelope) => assert_eq!(of_parts, Some(envelope), "{text}"),
                Err(_) => assert_eq!(of_parts, None, "{text}"),
            }
        }
    }

    #[test]
    fn what_may_be_no_text_is_left_to_the_json() {
        for value in ["1", "true", "null", "~", "1e3", "[]", "{}"] {
            for text in [
                format!("kind: {value}\nmetadata: {{name: a}}\n"),
                format!("apiVersion: {value}\n"),
                format!("kind: Pod\nmetadata: {{name: {value}}}\n"),
                format!("kind: Pod\nmetadata:\n  namespace: {value}\n"),
            ] {
                let Some(parts) = plain::read(&text) else { continue };
                assert_eq!(Envelope::of_parts(&parts), None, "{text}");
            }
        }
        let parts = plain::read("metadata: a\n").unwrap();
        assert_eq!(Envelope::of_parts(&parts), None);
        let parts = plain::read("- a: b\n").unwrap();
        assert_eq!(Envelope::of_parts(&parts), None);
    }
}
