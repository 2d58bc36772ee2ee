//! Requests and limits for containers that lack them. A request is never above a limit, its own or ours.
//!
//! Where a limit is set and the request is not, the API server takes the limit for it: then there is nothing to add.
//! What the pod as a whole sets of a resource (KEP-2837) is shared out by its author: no container is given its own.

use std::{collections::BTreeMap, fmt, str::FromStr};

use crate::{
    pss::{self, ContainerKind, Place, Pod},
    rules::{InvalidQuantity, Quantity},
};

/// A resource that has a default: one of those whose limit may be above the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resource {
    /// Cores.
    Cpu,
    /// Bytes of disk: writable layers, logs, `emptyDir`.
    EphemeralStorage,
    /// Bytes.
    Memory,
}

impl Resource {
    /// All of them, by name.
    pub const ALL: [Self; 3] = [Self::Cpu, Self::EphemeralStorage, Self::Memory];

    /// As Kubernetes calls it.
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

/// Where an amount stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum List {
    /// What is set aside on the node.
    Requests,
    /// What may be used at most.
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

/// A quantity above zero, as it is written. Two are equal if they are written alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Amount {
    text: String,
    quantity: Quantity,
}

/// What was written instead of an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAmount {
    /// Nothing, which is no default.
    #[error("must be more than 0")]
    Zero,
    /// No quantity at all.
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
        Ok(Self { text: text.trim().to_owned(), quantity })
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

/// Amounts by resource: the defaults that are configured, or those of them that a container lacks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    /// What is requested.
    pub requests: BTreeMap<Resource, Amount>,
    /// What is the most.
    pub limits: BTreeMap<Resource, Amount>,
}

impl Resources {
    /// Whether there is no amount at all.
    pub fn is_empty(&self) -> bool {
        self.requests.is_empty() && self.limits.is_empty()
    }

    /// Every amount: requests first.
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

    /// What a container lacks of these.
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

/// What each of these containers lacks, if anything.
pub(super) fn plan(
    pod: &Pod<'_>,
    defaults: &Resources,
    places: &[Place],
) -> Vec<(Place, Resources)> {
    let of_pod = pod.spec.resources.as_ref();
    let lacking = places.iter().filter_map(|place| match *place {
        // The API server lets ephemeral containers have none.
        Place::Container { kind: kind @ (ContainerKind::Init | ContainerKind::Main), index } => {
            let own = pod.spec.list(kind).get(index)?.resources.as_ref();
            Some((*place, defaults.lacking(own, of_pod)))
        }
        Place::Container { .. } | Place::Metadata | Place::Pod | Place::Volume { .. } => None,
    });
    lacking.filter(|(_, lacking)| !lacking.is_empty()).collect()
}
