//! Findings as values: what violates a requirement, where, and what to set instead. Callers render them.

use std::borrow::Cow;

use crate::shown::shown;

use super::{container::ContainerKind, findings::Findings, pod::Pod};

/// A field to set.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Finding {
    /// The part of the pod that contains the field.
    pub place: Place,
    /// The field relative to the place: `securityContext.privileged`. It may be missing from the object.
    pub path: Cow<'static, str>,
    /// The fix, as an imperative: `set securityContext.privileged=false`.
    pub fix: Cow<'static, str>,
}

/// The part of a pod that a finding is about. The order is that of a message's lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// The pod's annotations.
    Metadata,
    /// The pod as a whole.
    Pod,
    /// `spec.volumes[index]`.
    Volume {
        /// The index in the list.
        index: usize,
    },
    /// One container.
    Container {
        /// The list that contains it.
        kind: ContainerKind,
        /// The index in that list.
        index: usize,
    },
}

impl Place {
    /// The name for people: `pod`, `container "web"`, `init container "db"`, `volume "data"`. Truncates long names.
    pub fn describe(self, pod: &Pod<'_>) -> String {
        match self {
            Self::Metadata | Self::Pod => "pod".to_owned(),
            Self::Volume { index } => {
                let volume = pod.spec.volumes.get(index);
                format!("volume {}", shown(volume.map_or("", |volume| volume.name.as_str())))
            }
            Self::Container { kind, index } => {
                let container = pod.spec.list(kind).get(index);
                let name = container.map_or("", |container| container.name.as_str());
                format!("{kind} {}", shown(name))
            }
        }
    }

    fn is_ephemeral(&self) -> bool {
        match self {
            Self::Container { kind, .. } => *kind == ContainerKind::Ephemeral,
            Self::Metadata | Self::Pod | Self::Volume { .. } => false,
        }
    }
}

impl Finding {
    /// A field below a place, and its fix.
    pub fn new(
        place: Place,
        path: impl Into<Cow<'static, str>>,
        fix: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { place, path: path.into(), fix: fix.into() }
    }
}

/// Findings for a field that can be set at the pod or in each of these containers, and is set nowhere. Reports the
/// shortest fix: once at the pod. If only ephemeral containers lack it, reports those, because a running pod is
/// immutable.
pub(crate) fn missing(
    unset: impl Iterator<Item = Place>,
    path: &'static str,
    fix: impl Into<Cow<'static, str>> + Clone,
    found: &mut Findings,
) {
    let mut unset = unset.peekable();
    match unset.peek() {
        // Ephemeral containers come last, so if the first is one, all are.
        Some(first) if first.is_ephemeral() => {
            found.extend(unset.map(|place| Finding::new(place, path, fix.clone())));
        }
        Some(_) => found.add(Finding::new(Place::Pod, path, fix)),
        None => {}
    }
}
