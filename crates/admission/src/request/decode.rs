//! Decodes a review in one pass over its text, and keeps what was read when it breaks off.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeSeed, IgnoredAny},
};

use policy::{
    json,
    pss::Text,
    shown::{clean, cut},
    workloads::{Kinds, Object, Target},
};

use super::{BadReview, MAX_UID, Operation, Request};
use crate::message;

/// Truncates an error, which may quote a value of any length.
pub(super) fn why(error: &serde_json::Error) -> String {
    clean(&error.to_string(), message::MAX_DENIAL / 2)
}

/// The part read so far, which is kept after an error.
#[derive(Default)]
pub(super) struct Review<'a> {
    api_version: Text<'a>,
    kind: Text<'a>,
    pub(super) request: Request<'a>,
    pub(super) is_object_early: bool,
}

impl<'a> Review<'a> {
    pub(super) fn new(kinds: Kinds<'a>) -> Self {
        Self { request: Request { kinds, ..Request::default() }, ..Self::default() }
    }

    pub(super) fn read(
        &mut self,
        text: &'a str,
        target: Option<Target<'a>>,
    ) -> Result<(), serde_json::Error> {
        json::from_untrusted(text, ReviewSeed { review: self, target })
    }

    /// Completes a review that was read to its end.
    pub(super) fn finish(self) -> Result<Request<'a>, BadReview> {
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
    pub(super) fn broken(self, error: &serde_json::Error) -> Result<Request<'a>, BadReview> {
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
    target: Option<Target<'a>>,
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
    target: Option<Target<'a>>,
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
                return Err(de::Error::custom("a field of the request is repeated"));
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
