//! What must hold of every text that is hardened: what it says is what `/mutate` would have made of it, and not
//! one value else.

use json_patch::Patch;
use serde_json::Value;

use crate::manifest::{self, Extent};

use super::text::{Planned, Refused};

/// Whether each document of the new text is the old one with its patches.
pub(super) fn is_as_planned(old: &str, new: &str, planned: &[Planned]) -> Result<(), Refused> {
    let mut planned = planned.iter().peekable();
    let mut documents = manifest::values(new.as_bytes());
    for document in manifest::values(old.as_bytes()) {
        let (extent, mut expected) = document?;
        while let Some(object) = planned.next_if(|object| object.document == extent) {
            patch(&mut expected, &object.patch, &extent)?;
        }
        match documents.next() {
            Some(Ok((_, value))) if value == expected => {}
            Some(Err(unreadable)) => return Err(failed(Some(unreadable.into()))),
            Some(Ok(_)) | None => return Err(unlike(&extent)),
        }
    }
    match (documents.next(), planned.next()) {
        (None, None) => Ok(()),
        _ => Err(failed(None)),
    }
}

fn patch(value: &mut Value, patch: &Patch, extent: &Extent) -> Result<(), Refused> {
    json_patch::patch(value, patch).map_err(|_| unlike(extent))
}

/// A text that was written in a way that nobody thought of.
fn unlike(extent: &Extent) -> Refused {
    let Refused { why, .. } = failed(None);
    Refused { line: Some(extent.line), why }
}

/// The same, with what the reader says of the new text where it cannot be read.
pub(super) fn failed(unreadable: Option<Refused>) -> Refused {
    let line = unreadable.and_then(|unreadable| unreadable.line);
    let why = "it is written in a way that cannot be edited without changing what it says: set the fields by hand";
    Refused { line, why: why.to_owned() }
}
