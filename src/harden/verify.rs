//! Verifies a hardened text: its values must be exactly those that `/mutate` would produce.

use serde_json::Value;

use super::{
    text::{Planned, Refused},
    touched::{Side, Touched},
};

/// Checks that each document of the new text is the old one with its patches.
pub(super) fn is_as_planned(old: &str, new: &str, planned: &[Planned]) -> Result<(), Refused> {
    let mut planned = planned.chunk_by(|one, other| one.document == other.document).peekable();
    let mut documents = manifest::documents(new.as_bytes());
    for document in manifest::documents(old.as_bytes()) {
        let (extent, json) = document?;
        let objects = planned
            .next_if(|objects| objects.first().is_some_and(|object| object.document == extent));
        match documents.next() {
            Some(Ok((_, new))) if is_patched(&json, &new, objects.unwrap_or_default()) => {}
            Some(Err(unreadable)) => return Err(failed(Some(unreadable))),
            Some(Ok(_)) | None => return Err(Refused { line: Some(extent.line), ..failed(None) }),
        }
    }
    match (documents.next(), planned.next()) {
        (None, None) => Ok(()),
        _ => Err(failed(None)),
    }
}

/// Whether the new document is the old one with the patches of its objects. Parses only what they touch, because
/// documents as values need many times the memory of their text.
fn is_patched(old: &str, new: &str, objects: &[Planned]) -> bool {
    let mut touched = Touched::by(objects.iter().map(|object| &object.patch));
    let Ok(mut expected) = touched.read(old, Side::Old) else { return false };
    let mut patches = objects.iter().map(|object| &object.patch);
    patches.all(|patch| json_patch::patch(&mut expected, patch).is_ok())
        && touched.read(new, Side::New).is_ok_and(|new: Value| new == expected)
}

/// The error for a text in an unexpected notation, with the line of the parser's error if the new text cannot be read.
pub(super) fn failed(unreadable: Option<Refused>) -> Refused {
    let line = unreadable.and_then(|unreadable| unreadable.line);
    let why = "it is written in a way that cannot be edited without changing what it says: set the fields by hand";
    Refused { line, ..Refused::whole(why) }
}
