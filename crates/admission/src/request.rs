//! The request of an AdmissionReview, decoded in one pass over its text.
//!
//! kube-apiserver sends the fields in a fixed order: `uid`, `resource` and other attributes come before `object`. So
//! the object is decoded directly into the view for its resource.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeSeed, IgnoredAny},
};

use policy::{
    json,
    pss::Text,
    shown::{clean, cut},
    workloads::{Object, Target},
};

use super::message;

/// One request of the API server.
#[derive(Debug, Default)]
pub struct Request<'a> {
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

/// `operation`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Operation {
    /// CREATE.
    Create,
    /// UPDATE.
    Update,
    /// DELETE.
    Delete,
    /// CONNECT.
    Connect,
    /// Any other word, or none: denied.
    #[default]
    Unknown,
}

impl Operation {
    /// The word in upstream's metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Connect => "connect",
            Self::Unknown => "unknown",
        }
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
    pub fn decode(body: &'a [u8]) -> Result<Self, BadReview> {
        // One UTF-8 check of the whole body is cheaper than one per string.
        let text =
            std::str::from_utf8(body).map_err(|error| BadReview::Unreadable(error.to_string()))?;
        let mut review = Review::default();
        let mut result = review.read(text, None);
        if result.is_ok() && review.is_object_early {
            // The fields are not in kube-apiserver's order: decode again with the known resource.
            let target = review.request.target();
            review = Review::default();
            result = review.read(text, Some(target));
        }
        let Err(of_object) = result else { return review.finish() };
        drop(review);
        // The error may be in the object only. Decode the other fields, and check that the text is complete.
        let mut review = Review::default();
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
    pub fn target(&self) -> Target {
        Target::of(&self.resource_group, &self.resource, &self.subresource)
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
        let mut review = Review::default();
        match review.read(end, None) {
            Ok(()) => review.finish(),
            Err(error) => review.broken(&error),
        }
    }
}

/// Truncates an error, which may quote a value of any length.
fn why(error: &serde_json::Error) -> String {
    clean(&error.to_string(), message::MAX_DENIAL / 2)
}

/// The part read so far, which is kept after an error.
#[derive(Default)]
struct Review<'a> {
    api_version: Text<'a>,
    kind: Text<'a>,
    request: Request<'a>,
    is_object_early: bool,
}

impl<'a> Review<'a> {
    fn read(&mut self, text: &'a str, target: Option<Target>) -> Result<(), serde_json::Error> {
        json::from_untrusted(text, ReviewSeed { review: self, target })
    }

    /// Completes a review that was read to its end.
    fn finish(self) -> Result<Request<'a>, BadReview> {
        let mut request = self.request;
        if self.api_version != "admission.k8s.io/v1" || self.kind != "AdmissionReview" {
            let got = format!("{:.100} {:.100}", self.api_version, self.kind);
            return Err(BadReview::OtherKind(got));
        }
        if request.uid.is_empty() {
            return Err(BadReview::NoUid);
        }
        if request.uid.len() > MAX_UID {
            return Err(BadReview::LongUid);
        }
        if let Some(why) = unclear(&request) {
            request.object = Object::Malformed(why.to_owned());
        } else if let Some(kind) = request.foreign_kind() {
            let expected = request.target().kind().unwrap_or_default();
            let why = format!("expected a {expected}, got kind {:?}", cut(kind));
            request.object = Object::Unreadable(clean(&why, message::MAX_DENIAL / 2));
        }
        Ok(request)
    }

    /// Completes a truncated or invalid review. The part that was read must not lead to admission.
    fn broken(self, error: &serde_json::Error) -> Result<Request<'a>, BadReview> {
        let mut request = self.request;
        if request.uid.is_empty() {
            return Err(BadReview::Unreadable(why(error)));
        }
        if request.uid.len() > MAX_UID {
            return Err(BadReview::LongUid);
        }
        request.object = Object::Malformed(why(error));
        request.old_object = Object::Absent;
        Ok(request)
    }
}

/// The missing field without which the meaning of a request is unknown.
fn unclear(request: &Request<'_>) -> Option<&'static str> {
    if request.operation == Operation::Unknown {
        return Some("request.operation must be one of CREATE, UPDATE, DELETE, CONNECT");
    }
    request.resource.is_empty().then_some("request.resource must name a resource")
}

/// The fields of a review.
struct ReviewSeed<'r, 'a> {
    review: &'r mut Review<'a>,
    target: Option<Target>,
}

impl<'de> DeserializeSeed<'de> for ReviewSeed<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> de::Visitor<'de> for ReviewSeed<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an AdmissionReview")
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut has_request = false;
        while let Some(key) = map.next_key::<Text<'de>>()? {
            match key.as_str() {
                "apiVersion" => self.review.api_version = map.next_value()?,
                "kind" => self.review.kind = map.next_value()?,
                "request" => {
                    if std::mem::replace(&mut has_request, true) {
                        // A repeated field, as below: the uid would be ambiguous.
                        self.review.request.uid = Text::default();
                        return Err(de::Error::duplicate_field("request"));
                    }
                    map.next_value_seed(RequestSeed { review: self.review, target: self.target })?;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// The fields of `request`.
struct RequestSeed<'r, 'a> {
    review: &'r mut Review<'a>,
    target: Option<Target>,
}

impl<'de> DeserializeSeed<'de> for RequestSeed<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

/// The fields that are read. A repeated field is an error, because the API server may use the other value.
#[derive(Clone, Copy, Deserialize)]
#[serde(field_identifier, rename_all = "camelCase")]
enum Field {
    Uid,
    Kind,
    Resource,
    SubResource,
    Name,
    Namespace,
    Operation,
    UserInfo,
    Object,
    OldObject,
    DryRun,
    #[serde(other)]
    Ignored,
}

impl Field {
    fn is_read(self) -> bool {
        !matches!(self, Self::Ignored)
    }
}

impl<'de> de::Visitor<'de> for RequestSeed<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an admission request")
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { review, target } = self;
        let request = &mut review.request;
        let mut seen = 0u32;
        while let Some(field) = map.next_key::<Field>()? {
            let bit = 1 << field as u32;
            if field.is_read() && seen & bit != 0 {
                // Another reader may use the other value. Without a uid, no review is returned.
                request.uid = Text::default();
                return Err(de::Error::custom("a field of the request stands twice"));
            }
            seen |= bit;
            match field {
                Field::Uid => request.uid = map.next_value()?,
                Field::Kind => {
                    let kind: Kind<'de> = map.next_value()?;
                    (request.group, request.kind) = (kind.group, kind.kind);
                }
                Field::Resource => {
                    let resource: Resource<'de> = map.next_value()?;
                    (request.resource_group, request.resource) =
                        (resource.group, resource.resource);
                }
                Field::SubResource => request.subresource = map.next_value()?,
                Field::Name => request.name = map.next_value()?,
                Field::Namespace => request.namespace = map.next_value()?,
                Field::Operation => request.operation = operation(&map.next_value::<Text<'de>>()?),
                Field::UserInfo => {
                    request.user = map.next_value::<Option<_>>()?.unwrap_or_default()
                }
                Field::DryRun => {
                    request.dry_run = map.next_value::<Option<bool>>()?.unwrap_or_default()
                }
                Field::Object | Field::OldObject => {
                    let target = target.unwrap_or_else(|| {
                        review.is_object_early |= request.resource.is_empty();
                        request.target()
                    });
                    let object = map.next_value_seed(target)?;
                    match field {
                        Field::Object => request.object = object,
                        _ => request.old_object = object,
                    }
                }
                Field::Ignored => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

fn operation(word: &str) -> Operation {
    match word {
        "CREATE" => Operation::Create,
        "UPDATE" => Operation::Update,
        "DELETE" => Operation::Delete,
        "CONNECT" => Operation::Connect,
        _ => Operation::Unknown,
    }
}

#[derive(Deserialize)]
struct Kind<'a> {
    #[serde(borrow, default)]
    group: Text<'a>,
    #[serde(borrow, default)]
    kind: Text<'a>,
}

#[derive(Deserialize)]
struct Resource<'a> {
    #[serde(borrow, default)]
    group: Text<'a>,
    #[serde(borrow, default)]
    resource: Text<'a>,
}
