//! The request of an AdmissionReview, decoded in one pass over its text.
//!
//! kube-apiserver sends the fields in a fixed order: `uid`, `resource` and other attributes come before `object`. So
//! the object is decoded directly into the view for its resource.

mod decode;

use std::fmt;

use serde::{Deserialize, Deserializer, de};

use policy::{
    pss::Text,
    workloads::{Kinds, Object, Target},
};

use decode::{Review, why};

/// One request of the API server.
#[derive(Debug, Default)]
pub struct Request<'a> {
    /// The text of the review, for what is read of few requests.
    pub(super) text: &'a str,
    /// The kinds that hold pods.
    pub kinds: Kinds<'a>,
    /// Repeated in the response; never empty.
    pub uid: Text<'a>,
    /// API group of the object's kind.
    pub group: Text<'a>,
    /// The object's kind.
    pub kind: Text<'a>,
    /// API group of the resource.
    pub resource_group: Text<'a>,
    /// The resource, in the plural.
    pub resource: Text<'a>,
    /// Empty for the resource itself.
    pub subresource: Text<'a>,
    /// Empty until a generated name is set.
    pub name: Text<'a>,
    /// Empty for cluster-scoped resources; for a namespace its own name.
    pub namespace: Text<'a>,
    /// The operation on the object.
    pub operation: Operation,
    /// The requesting user.
    pub user: User<'a>,
    /// Whether the API server discards the result.
    pub dry_run: bool,
    /// The new object.
    pub object: Object<'a>,
    /// The existing object, on UPDATE and DELETE.
    pub old_object: Object<'a>,
}

policy::words! {
    /// `operation`.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub enum Operation {
        /// CREATE.
        Create = "create",
        /// UPDATE.
        Update = "update",
        /// DELETE.
        Delete = "delete",
        /// CONNECT.
        Connect = "connect",
        /// Any other word, or none: denied.
        #[default]
        Unknown = "unknown",
    }
}

/// `userInfo`.
#[derive(Debug, Default, Deserialize)]
pub struct User<'a> {
    /// Empty if absent.
    #[serde(borrow, default, rename = "username")]
    pub name: Text<'a>,
    /// Whether the user is in the group of nodes.
    #[serde(default, rename = "groups", deserialize_with = "has_nodes")]
    pub is_node: bool,
}

/// Whether `system:nodes` is one of the groups. The groups are not kept.
fn has_nodes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    struct Visitor;

    impl<'de> de::Visitor<'de> for Visitor {
        type Value = bool;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of groups")
        }

        fn visit_unit<E>(self) -> Result<bool, E> {
            Ok(false)
        }

        fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<bool, A::Error> {
            let mut is_found = false;
            while let Some(group) = seq.next_element::<Text<'de>>()? {
                is_found |= group == "system:nodes";
            }
            Ok(is_found)
        }
    }
    deserializer.deserialize_any(Visitor)
}

/// Maximum length of a uid, in bytes. Those of an API server have 36, and the response repeats it.
const MAX_UID: usize = 64 << 10;

/// A body without a valid review to respond to: HTTP 400.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadReview {
    /// Not JSON, or not a review.
    #[error("not an AdmissionReview: {0}")]
    Unreadable(String),
    /// A review in another version.
    #[error("expected apiVersion admission.k8s.io/v1 and kind AdmissionReview, got {0}")]
    OtherKind(String),
    /// A response needs the request's uid.
    #[error("the review has no request.uid")]
    NoUid,
    /// A response would have to repeat it.
    #[error("the review's request.uid is longer than {MAX_UID} bytes")]
    LongUid,
}

impl<'a> Request<'a> {
    /// Decodes a review. An object that does not match its resource becomes [`Object::Unreadable`]. A review with any
    /// other error but with a uid becomes [`Object::Malformed`], so that the response is an explicit one.
    pub fn decode(body: &'a [u8], kinds: Kinds<'a>) -> Result<Self, BadReview> {
        // One UTF-8 check of the whole body is cheaper than one per string.
        let text =
            std::str::from_utf8(body).map_err(|error| BadReview::Unreadable(error.to_string()))?;
        let mut review = Review::new(kinds);
        let mut result = review.read(text, None);
        if result.is_ok() && review.is_object_early {
            // The fields are not in kube-apiserver's order: decode again with the known resource.
            let target = review.request.target();
            review = Review::new(kinds);
            result = review.read(text, Some(target));
        }
        let Err(of_object) = result else {
            review.request.text = text;
            return review.finish();
        };
        drop(review);
        // The error may be in the object only. Decode the other fields, and check that the text is complete.
        let mut review = Review::new(kinds);
        match review.read(text, Some(Target::Ignored)) {
            Ok(()) => {
                review.request.object = Object::Unreadable(why(&of_object));
                review.request.old_object = Object::Absent;
                review.finish()
            }
            Err(error) => review.broken(&error),
        }
    }

    /// The type of the object.
    pub fn target(&self) -> Target<'a> {
        Target::of(self.kinds, &self.resource_group, &self.resource, &self.subresource)
    }

    /// The kind of the object, if it does not match its resource: a subresource of pods in a newer API server may
    /// contain another object, which must not pass as an empty pod.
    fn foreign_kind(&self) -> Option<&str> {
        let expected = self.target().kind()?;
        let is_it = self.kind.is_empty() || (self.group.is_empty() && self.kind == expected);
        (!is_it).then_some(self.kind.as_str())
    }

    /// Decodes the uid from the beginning of a review, to deny a body that is too large.
    pub fn decode_head(head: &'a [u8]) -> Result<Self, BadReview> {
        let end = head.utf8_chunks().next().map_or("", |chunk| chunk.valid());
        let mut review = Review::new(Kinds::default());
        match review.read(end, None) {
            Ok(()) => review.finish(),
            Err(error) => review.broken(&error),
        }
    }
}
