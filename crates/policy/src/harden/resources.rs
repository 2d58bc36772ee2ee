//! Requests and limits for containers that lack them. An added request is never above the container's limit.
//!
//! If only the limit is set, the API server uses it as the request, so nothing is added. If the pod sets a resource as
//! a whole (KEP-2837), its author decided how to share it, so no container gets a value of its own.

use std::{collections::BTreeMap, fmt, str::FromStr, sync::Arc};

use crate::{
    pss::{self, ContainerKind, Place, Pod},
    rules::{InvalidQuantity, Quantity},
};

/// A resource that can have a default: one whose limit may be above the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resource {
    /// CPU, in cores.
    Cpu,
    /// Disk, in bytes: writable layers, logs, `emptyDir`.
    EphemeralStorage,
    /// Memory, in bytes.
    Memory,
}

impl Resource {
    /// All resources, sorted by name.
    pub const ALL: [Self; 3] = [Self::Cpu, Self::EphemeralStorage, Self::Memory];

    /// The resource name in Kubernetes.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::EphemeralStorage => "ephemeral-storage",
            Self::Memory => "memory",
        }
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The list that an amount is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum List {
    /// The amount reserved on the node.
    Requests,
    /// The maximum use.
    Limits,
}

impl List {
    /// The field's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Limits => "limits",
        }
    }
}

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A quantity above zero, as written. Equality compares the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Amount {
    text: pss::Text<'static>,
    quantity: Quantity,
}

/// The text is not an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAmount {
    /// Zero, which is no useful default.
    #[error("must be more than 0")]
    Zero,
    /// Not a quantity.
    #[error(transparent)]
    Quantity(#[from] InvalidQuantity),
}

impl FromStr for Amount {
    type Err = InvalidAmount;

    fn from_str(text: &str) -> Result<Self, InvalidAmount> {
        let quantity: Quantity = text.parse()?;
        if quantity == Quantity::ZERO {
            return Err(InvalidAmount::Zero);
        }
        Ok(Self { text: pss::Text::from(text.trim().to_owned()), quantity })
    }
}

impl Amount {
    /// The quantity, as written.
    pub(super) fn text(&self) -> &pss::Text<'static> {
        &self.text
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

/// Amounts by resource: the configured defaults, or those that a container lacks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    /// Requests by resource.
    pub requests: BTreeMap<Resource, Amount>,
    /// Limits by resource.
    pub limits: BTreeMap<Resource, Amount>,
}

impl Resources {
    /// Whether there are no amounts.
    pub fn is_empty(&self) -> bool {
        self.requests.is_empty() && self.limits.is_empty()
    }

    /// All amounts, requests first.
    pub fn iter(&self) -> impl Iterator<Item = (List, Resource, &Amount)> {
        let requests = self.requests.iter().map(|(name, amount)| (List::Requests, *name, amount));
        let limits = self.limits.iter().map(|(name, amount)| (List::Limits, *name, amount));
        requests.chain(limits)
    }

    /// Resources whose request is above the limit.
    pub fn contradictions(&self) -> impl Iterator<Item = Resource> {
        let both = self.requests.iter().filter_map(|(name, request)| {
            Some((*name, request.quantity, self.limits.get(name)?.quantity))
        });
        both.filter(|(_, request, limit)| request > limit).map(|(name, ..)| name)
    }

    /// The amounts that a container lacks.
    fn lacking(
        &self,
        own: Option<&pss::Resources<'_>>,
        of_pod: Option<&pss::Resources<'_>>,
    ) -> Self {
        let mut lacking = Self::default();
        for resource in Resource::ALL {
            let name = resource.name();
            let shared =
                of_pod.and_then(|all| all.requests.get(name).or_else(|| all.limits.get(name)));
            let request = own.and_then(|own| own.requests.get(name));
            let limit = own.and_then(|own| own.limits.get(name));
            if shared.is_some() || limit.is_some() {
                continue;
            }
            let fits = |limit: &&Amount| {
                request.is_none_or(|request| {
                    request.parse().is_ok_and(|request: Quantity| request <= limit.quantity)
                })
            };
            if let Some(limit) = self.limits.get(&resource).filter(fits) {
                lacking.limits.insert(resource, limit.clone());
            }
            if let (None, Some(request)) = (request, self.requests.get(&resource)) {
                lacking.requests.insert(resource, request.clone());
            }
        }
        lacking
    }
}

/// The amounts that each of these containers lacks, if any. Containers that lack the same share it.
pub(super) fn plan(
    pod: &Pod<'_>,
    defaults: &Resources,
    places: &[Place],
) -> Vec<(Place, Arc<Resources>)> {
    let mut known: Vec<Arc<Resources>> = Vec::new();
    let mut shared = |lacking: Resources| match known.iter().find(|known| ***known == lacking) {
        Some(known) => Arc::clone(known),
        None => {
            let lacking = Arc::new(lacking);
            known.push(Arc::clone(&lacking));
            lacking
        }
    };
    let of_pod = pod.spec.resources.as_ref();
    let lacking = places.iter().filter_map(|place| match *place {
        // Ephemeral containers cannot have resources.
        Place::Container { kind: kind @ (ContainerKind::Init | ContainerKind::Main), index } => {
            let own = pod.spec.list(kind).get(index)?.resources.as_ref();
            Some((*place, defaults.lacking(own, of_pod)))
        }
        Place::Container { .. } | Place::Metadata | Place::Pod | Place::Volume { .. } => None,
    });
    let lacking = lacking.filter(|(_, lacking)| !lacking.is_empty());
    lacking.map(|(place, lacking)| (place, shared(lacking))).collect()
}
