//! What a pod breaks, where, and what to set instead: values only, rendered by whoever answers.

use std::borrow::Cow;

use super::{
    findings::Findings,
    pod::{ContainerKind, Pod},
    shown::shown,
};

/// One thing to set.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Finding {
    /// Where.
    pub place: Place,
    /// The field, as seen from the place: `securityContext.privileged`. It may be missing from the object.
    pub path: Cow<'static, str>,
    /// What to do, as an imperative: `set securityContext.privileged=false`.
    pub fix: Cow<'static, str>,
}

/// A part of the pod that a finding is about. The order is the order of a message's lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// The pod's annotations.
    Metadata,
    /// The pod as a whole.
    Pod,
    /// `spec.volumes[index]`.
    Volume {
        /// Its index.
        index: usize,
    },
    /// One container.
    Container {
        /// Which of the three lists.
        kind: ContainerKind,
        /// Its index there.
        index: usize,
    },
}

impl Place {
    /// As people call it: `pod`, `container "web"`, `init container "db"`, `volume "data"`. A long name is cut.
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
    /// A field that stands below a place, and what to do about it.
    pub fn new(
        place: Place,
        path: impl Into<Cow<'static, str>>,
        fix: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { place, path: path.into(), fix: fix.into() }
    }

    /// The path from the root of an object whose pod (or template) stands at `root`:
    /// `""` for a pod, `"spec.template."` for a Deployment.
    pub fn field(&self, root: &str) -> String {
        let path = &self.path;
        match self.place {
            Place::Metadata => format!("{root}metadata.{path}"),
            Place::Pod => format!("{root}spec.{path}"),
            Place::Volume { index } => format!("{root}spec.volumes[{index}].{path}"),
            Place::Container { kind, index } => {
                format!("{root}spec.{}[{index}].{path}", kind.list())
            }
        }
    }
}

/// Findings for a field that may be set at the pod or in each of these containers, and is at neither. What is
/// said is the shorter way out: once at the pod. Not if only ephemeral containers lack it: a running pod cannot
/// be changed any more.
pub(crate) fn missing(
    unset: impl Iterator<Item = Place>,
    path: &'static str,
    fix: impl Into<Cow<'static, str>> + Clone,
    found: &mut Findings,
) {
    let mut unset = unset.peekable();
    match unset.peek() {
        // Ephemeral containers come last: where one is the first, there are no others.
        Some(first) if first.is_ephemeral() => {
            found.extend(unset.map(|place| Finding::new(place, path, fix.clone())));
        }
        Some(_) => found.add(Finding::new(Place::Pod, path, fix)),
        None => {}
    }
}
